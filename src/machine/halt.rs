//! The last steps of a machine's PID 1, once the keeper has stopped all units and its loop has ended.
//!
//! Write out, end what no unit has started, give up swap and file systems, and call reboot(2). Each step is a
//! child's, with a deadline: a dead disk or network file system holds the child up, and not the machine.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};
use nix::unistd::sync;

use super::{console, processes, unmount};
use crate::limits::{
    MACHINE_KILL_MS, MACHINE_KILL_ROUNDS_MAX, MACHINE_SYNC_MS, MACHINE_TERM_MS, MACHINE_UNMOUNT_MS,
    MACHINE_WATCHDOG,
};
use crate::sys::process::{Which, fork, kill, pidfd_open, reset_signals, wait};
use crate::sys::{signal, watchdog};
use crate::wire::after::After;

/// Takes the machine down. First come first served: nothing that happens from here on changes how.
pub fn end(after: After) -> ! {
    if after == After::SwitchRoot {
        super::switch_root::leave();
    }
    console::say(format_args!("all units have ended; {}", after.words()));
    step("writing to the disks", MACHINE_SYNC_MS, sync);
    // What the rounds take, and a second for looking around.
    let patience = MACHINE_TERM_MS + MACHINE_KILL_MS * MACHINE_KILL_ROUNDS_MAX as u64 + 1_000;
    if !step("ending other processes", patience, processes::end_all) {
        let _ = kill(-1, nix::libc::SIGKILL);
    }
    step("giving up swap and file systems", MACHINE_UNMOUNT_MS, unmount::all);
    let mode = match after {
        After::PowerOff => RebootMode::RB_POWER_OFF,
        After::Reboot => RebootMode::RB_AUTOBOOT,
        After::Halt | After::SwitchRoot => RebootMode::RB_HALT_SYSTEM,
    };
    match after {
        // It has all the time that the kernel's own last steps may take, and no more.
        After::Reboot => _ = watchdog::set_timeout(MACHINE_WATCHDOG),
        // What is to stay off, or to stand still, must not be reset.
        _ => watchdog::disarm(),
    }
    console::say(format_args!("{}", after.words()));
    match reboot(mode) {
        Ok(never) => match never {},
        Err(errno) => freeze(&format!("the kernel refuses it: {}", errno.desc())),
    }
}

/// Nothing can be done any more but to bury the dead: PID 1 may not end. Ctrl-alt-del is the kernel's again.
pub fn freeze(why: &str) -> ! {
    console::say(format_args!("{why}; PID 1 stands still. Ctrl-alt-del restarts the machine"));
    let _ = set_cad_enabled(true);
    // Blocked, not handled: one wait takes them all.
    signal::hold_all();
    loop {
        bury();
        let _ = signal::next();
    }
}

/// Does it in a child; says whether that has ended in time.
pub(super) fn step(what: &str, within_ms: u64, work: fn()) -> bool {
    let child = match fork() {
        Ok(None) => {
            reset_signals();
            work();
            std::process::exit(0);
        }
        Ok(Some(child)) => child,
        Err(error) => {
            console::say(format_args!("{what}: no process can be made: {error}"));
            return false;
        }
    };
    if ends_within(child, within_ms) {
        return true;
    }
    console::say(format_args!("{what} has taken {} s; going on without", within_ms / 1_000));
    let _ = kill(child, nix::libc::SIGKILL);
    false
}

/// Waits for a child, and buries all others meanwhile.
fn ends_within(child: i32, within_ms: u64) -> bool {
    let deadline = Instant::now() + Duration::from_millis(within_ms);
    // Not reaped yet, so the number is its own; without a descriptor nobody could wait with a deadline.
    let Ok(pidfd) = pidfd_open(child) else { return false };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        let patience = watchdog::patience(left);
        watchdog::feed();
        match poll(&mut fds, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)) {
            Ok(0) if patience < left => {}
            Ok(0) => return false,
            Ok(_) => {
                bury();
                return true;
            }
            // SIGCHLD of another one.
            Err(Errno::EINTR) => bury(),
            Err(_) => return false,
        }
    }
}

fn bury() {
    while let Ok(Some(_)) = wait(Which::Any, true) {}
}
