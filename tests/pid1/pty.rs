//! A terminal with a person at it: what is typed, and what is seen.
#![allow(unsafe_code, clippy::disallowed_types)] // A test has children of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Instant;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;

use super::space::PATIENCE;
use super::waiting::Death;

/// What a shell says when it has the terminal.
pub const PROMPT: &str = "PROMPT>";

/// A session on a terminal of its own.
pub struct Pty {
    screen: File,
    child: Child,
    seen: String,
}

impl Pty {
    /// The command leads the session, as a login shell does, or PID 1 of `docker run -it`.
    pub fn new(mut command: Command) -> Self {
        let pty = openpty(None, None).unwrap();
        // Programs of other tests should not hold it.
        for side in [&pty.master, &pty.slave] {
            fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let side = || pty.slave.try_clone().unwrap();
        command.stdin(side()).stdout(side()).stderr(side()).env("PS1", PROMPT).env("TERM", "dumb");
        // SAFETY: two system calls between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        Self { screen: File::from(pty.master), child: command.spawn().unwrap(), seen: String::new() }
    }

    pub fn type_in(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this is seen, after what was waited for before.
    #[track_caller]
    pub fn until(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(self.screen.as_fd(), PollFlags::POLLIN)];
            let ready = !left.is_zero() && poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap() > 0;
            let mut bytes = [0; 4096];
            let count = if ready { self.screen.read(&mut bytes).unwrap_or(0) } else { 0 };
            assert!(count > 0, "no {text:?} in {:?}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    /// Waits for the command's end; its code.
    #[track_caller]
    pub fn code(mut self) -> i32 {
        Death::of(self.child.id() as i32).wait();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
