//! Work that may hang, in a child with a deadline.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::limits::MACHINE_FORK_MS;
use crate::machine::console;
use crate::sys::process::{How, Which, fork, kill, pidfd_open, reset_signals, set_name, wait};
use crate::sys::watchdog;

/// A child that works.
pub(in crate::machine) struct Child {
    pid: i32,
}

impl Child {
    /// Starts it. What it gives is the code that the child ends with. Where there can be none, another one may end
    /// soon; that none did, within this time or two seconds, is told.
    pub(in crate::machine) fn start(what: &str, within_ms: u64, work: impl FnOnce() -> u8) -> Option<Self> {
        let deadline = Instant::now() + Duration::from_millis(within_ms.min(MACHINE_FORK_MS));
        let error = loop {
            match fork() {
                Ok(None) => {
                    reset_signals();
                    set_name(c"supd-last-step");
                    std::process::exit(i32::from(work()));
                }
                Ok(Some(pid)) => return Some(Self { pid }),
                Err(error) if Instant::now() >= deadline => break error,
                Err(_) => {
                    // The dead have a number, too, until they are buried.
                    bury();
                    pause(PAUSE_MS);
                }
            }
        };
        console::say(format_args!("{what}: no process can be made: {error}"));
        None
    }

    /// The code, if it ends in time; that it does not is told.
    pub(in crate::machine) fn finish(self, what: &str, within_ms: u64) -> Option<u8> {
        let code = self.ends_within(within_ms);
        if code.is_none() {
            let seconds = within_ms.div_ceil(1_000);
            console::say(format_args!("{what} was not done within {seconds} s; going on without"));
            self.give_up();
        }
        code
    }

    /// The code that it ends with in this time, if it does. All others that end meanwhile are buried.
    pub(in crate::machine) fn ends_within(&self, within_ms: u64) -> Option<u8> {
        let deadline = Instant::now() + Duration::from_millis(within_ms);
        // Not reaped yet, so the number is its own; without a descriptor nobody could wait with a deadline.
        let pidfd = pidfd_open(self.pid).ok()?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
            let patience = watchdog::patience(left);
            watchdog::feed();
            match poll(&mut fds, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)) {
                Ok(0) if patience < left => {}
                Ok(0) => return None,
                Ok(_) => {
                    let ended = wait(Which::Pid(self.pid), true);
                    bury();
                    return match ended.ok()??.how {
                        How::Exited(code) => Some(code),
                        // It was not us.
                        How::Signaled(..) => None,
                    };
                }
                // SIGCHLD of another one.
                Err(Errno::EINTR) => self.bury_others(),
                Err(_) => return None,
            }
        }
    }

    /// Nobody waits for it any more. One that hangs in the kernel stays.
    pub(in crate::machine) fn give_up(self) {
        let _ = kill(self.pid, nix::libc::SIGKILL);
    }

    /// All that have ended before it did: the first that the kernel finds may be ours, and is left.
    fn bury_others(&self) {
        while let Ok(Some(ended)) = wait(Which::Any, false) {
            if ended.pid == self.pid || wait(Which::Pid(ended.pid), true).is_err() {
                return;
            }
        }
    }
}

/// All children that have ended.
pub(in crate::machine) fn bury() {
    while let Ok(Some(_)) = wait(Which::Any, true) {}
}

/// The same until there is none left, at most so long.
pub(in crate::machine) fn bury_within(within_ms: u64) {
    let deadline = Instant::now() + Duration::from_millis(within_ms);
    while wait(Which::Any, false).is_ok() && Instant::now() < deadline {
        bury();
        pause(PAUSE_MS);
        watchdog::feed();
    }
}

/// How long to wait until it is worth looking again.
const PAUSE_MS: u16 = 50;

/// Waits so long, or until a signal comes.
pub(in crate::machine) fn pause(within_ms: u16) {
    let _ = poll(&mut [], within_ms);
}

/// Does it in a child. The code, if it has ended in time; that it has not is told.
pub(in crate::machine) fn step(what: &str, within_ms: u64, work: impl FnOnce() -> u8) -> Option<u8> {
    Child::start(what, within_ms, work)?.finish(what, within_ms)
}
