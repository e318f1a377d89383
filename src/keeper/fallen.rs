//! What becomes of a keeper that has faulted twice in a row, where it is no machine's init: in a container it ends
//! what runs, and exits; or it stands still, as an operator has chosen. Elsewhere it exits, and what runs is left
//! alone, as after any death of a keeper: a supd that is started again takes it over.
//!
//! A program of its own, with the children of the one before: nothing that was broken there is here. What a
//! machine's init does is in `machine::fallen`.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::fault;
use super::halt::after_fault;
use super::heirloom::Heirloom;
use super::will;
use crate::limits::FAULT_AGAIN_MS;
use crate::settings::{OnFault, Settings, exit};
use crate::sys::process::{Which, kill, note_nofile, set_name, wait};
use crate::sys::signal;
use crate::wire::after::After;

/// What it has left.
pub struct Story {
    /// What has happened, in words.
    pub why: String,
    /// How the machine was going down already.
    pub after: Option<After>,
    /// With which code supd was about to exit, all having ended.
    pub code: Option<u8>,
}

/// Reads it. From here on a fault leads to the last resort. `will`: its descriptor.
pub fn begin(settings: &Settings, will: i32) -> Story {
    set_name(c"supd-keeper");
    // Signals are held until here, and are asked for one by one.
    signal::hold_all();
    let armed = fault::arm_last(settings);
    let taken = armed.and_then(|()| will::take_up(will));
    if let Err(error) = taken {
        let why = format!("a second fault in a row, and its will cannot be read: {error}");
        return Story { why, after: None, code: None };
    }
    note_nofile(will::get(will::Fact::Nofile).checked_sub(1));
    print_last_lines();
    let seconds = FAULT_AGAIN_MS / 1_000;
    let last = will::faults().last;
    Story {
        why: format!("a second fault of supd within {seconds} s: {}", fault::words(last)),
        after: after_fault::noted_after(),
        code: after_fault::noted_code(),
    }
}

/// What no logger has read of supd's own messages goes to standard error, if that takes it at once. What belongs
/// to runs stays open for as long as we are there: they would meet a broken pipe. The rest is closed, by which the
/// other roles know that their keeper is gone: manager and spawners end, and the logger reads on.
fn print_last_lines() {
    let (of_runs, heirlooms): (Vec<_>, Vec<_>) = will::claim()
        .into_iter()
        .partition(|(heirloom, _)| matches!(heirloom, Heirloom::Pipe { .. } | Heirloom::Kept { .. }));
    std::mem::forget(of_runs);
    if let Some((_, device)) = heirlooms.iter().find(|(heirloom, _)| *heirloom == Heirloom::HardwareWatchdog)
    {
        super::watchdog::go_on_feeding(device);
    }
    let reader = heirlooms.iter().find(|(heirloom, _)| *heirloom == Heirloom::OwnLogReader);
    let Some((_, reader)) = reader else { return };
    super::telling::last_words(reader.as_fd());
}

/// Does what is left to do; the exit code.
pub fn run(settings: &Settings, story: &Story) -> u8 {
    if let Some(code) = story.code {
        return code;
    }
    if !settings.process_one {
        say(&format!("{}; what runs is left alone, and `supd` takes it over; exit code 70", story.why));
        return exit::INTERNAL;
    }
    if settings.on_fault == OnFault::Freeze && story.after.is_none() {
        say(&format!("{}; PID 1 stands still, and what runs goes on without it", story.why));
        stand_still();
    }
    end_all(settings.shutdown_timeout);
    say(&format!("{}; exit code 70", story.why));
    exit::INTERNAL
}

/// Buries the dead until somebody wants an end.
fn stand_still() {
    loop {
        bury();
        if let Ok(
            libc::SIGTERM | libc::SIGINT | libc::SIGQUIT | libc::SIGPWR | super::signals::HALT_REQUEST,
        ) = signal::next()
        {
            return;
        }
    }
}

/// Everybody is asked to end, and has the time of a shutdown; what is left then ends with us.
fn end_all(within: Duration) {
    let deadline = Instant::now() + within;
    let _ = kill(-1, libc::SIGTERM);
    let _ = kill(-1, libc::SIGCONT);
    while bury() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        // None may come before the time is over, too, where somebody stops us.
        let _ = signal::next_within(left);
    }
}

/// Whether any child is left.
fn bury() -> bool {
    loop {
        match wait(Which::Any, true) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn say(line: &str) {
    // Standard error may be closed: there is nobody to tell then.
    let _ = writeln!(io::stderr(), "supd: {line}");
}
