//! Work that may hang, in a child with a deadline.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::machine::console;
use crate::sys::process::{How, Which, fork, kill, pidfd_open, reset_signals, set_name, wait};
use crate::sys::watchdog;

/// A child that works.
pub(in crate::machine) struct Child {
    pid: i32,
}

impl Child {
    /// Starts it. What it gives is the code that the child ends with. Tells where there can be none.
    pub(in crate::machine) fn start(what: &str, work: impl FnOnce() -> u8) -> Option<Self> {
        match fork() {
            Ok(None) => {
                reset_signals();
                set_name(c"supd-last-step");
                std::process::exit(i32::from(work()));
            }
            Ok(Some(pid)) => Some(Self { pid }),
            Err(error) => {
                console::say(format_args!("{what}: no process can be made: {error}"));
                None
            }
        }
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

/// Does it in a child. The code, if it has ended in time; that it has not is told.
pub(in crate::machine) fn step(what: &str, within_ms: u64, work: impl FnOnce() -> u8) -> Option<u8> {
    let child = Child::start(what, work)?;
    let code = child.ends_within(within_ms);
    if code.is_none() {
        let seconds = within_ms.div_ceil(1_000);
        console::say(format_args!("{what} was not done within {seconds} s; going on without"));
        child.give_up();
    }
    code
}
