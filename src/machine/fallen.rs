//! What becomes of a machine whose init has faulted twice in a row: it stands still, or goes down, as its operator
//! has chosen. In a program of its own, so that nothing that was broken is of any use for it.

use std::time::{Duration, Instant};

use super::console;
use super::halt;
use super::halt::Places;
use super::halt::child::bury;
use crate::limits::FAULT_REBOOT_MS;
use crate::settings::OnFault;
use crate::sys::{signal, watchdog};
use crate::wire::after::After;

/// Says why, and does it. `after`: how it was going down already, which comes first.
pub fn run(why: &str, after: Option<After>, on_fault: OnFault, places: &Places) -> ! {
    if let Some(after) = after {
        console::say(format_args!("{why}; going down without order"));
        halt::end_without_order(after, places)
    }
    match on_fault {
        OnFault::Reboot => go_down(why, ("restarts", After::Reboot), places),
        OnFault::PowerOff => go_down(why, ("is switched off", After::PowerOff), places),
        // An init that exits is a kernel panic.
        OnFault::Freeze | OnFault::Exit => stand_still(why, places),
    }
}

fn go_down(why: &str, (what, after): (&str, After), places: &Places) -> ! {
    let seconds = FAULT_REBOOT_MS / 1_000;
    console::say(format_args!("{why}; the machine {what} in {seconds} s. Ctrl-alt-del hurries it"));
    let deadline = Instant::now() + Duration::from_millis(FAULT_REBOOT_MS);
    loop {
        bury();
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            halt::end_without_order(after, places);
        }
        watchdog::feed();
        if let Some(signal) = signal::next_within(watchdog::patience(left))
            && asks_for_an_end(signal)
        {
            halt::end_without_order(After::of_signal(signal), places);
        }
    }
}

/// What runs goes on without us; whoever asks for an end gets one in which all file systems are written.
fn stand_still(why: &str, places: &Places) -> ! {
    console::say(format_args!(
        "{why}; PID 1 stands still. What runs goes on without it. Ctrl-alt-del restarts the machine"
    ));
    if watchdog::interval().is_some() {
        // It was asked for to end just this.
        console::say(format_args!("nobody feeds the hardware watchdog any more: it resets the machine"));
    }
    loop {
        bury();
        if let Ok(signal) = signal::next()
            && asks_for_an_end(signal)
        {
            halt::end_without_order(After::of_signal(signal), places)
        }
    }
}

/// Those that a machine's init listens to: see supd(8).
pub(super) fn asks_for_an_end(signal: i32) -> bool {
    use nix::libc::{SIGINT, SIGPWR, SIGQUIT, SIGTERM};
    matches!(signal, SIGINT | SIGQUIT | SIGTERM | SIGPWR | 37..=40 | 47..=50)
}
