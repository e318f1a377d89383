//! Ways to wait for events: the end of a process, a change in a directory, a line of a program that runs on.
#![allow(unsafe_code, clippy::disallowed_types)] // A test has children of its own.

use std::io::Read;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::space::PATIENCE;

/// A program that prints lines while the test goes on.
pub struct Stream {
    child: Child,
    out: ChildStdout,
    pending: Vec<u8>,
}

impl Stream {
    /// Of a child whose standard output is a pipe.
    pub fn new(mut child: Child) -> Self {
        let out = child.stdout.take().unwrap();
        Self { child, out, pending: Vec::new() }
    }

    /// The next line; nothing when there will be no more.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=at).collect();
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(self.out.as_fd(), PollFlags::POLLIN)];
            if left.is_zero() || poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap() == 0 {
                return None;
            }
            let mut bytes = [0; 64 * 1024];
            match self.out.read(&mut bytes).unwrap() {
                0 => return None,
                count => self.pending.extend_from_slice(&bytes[..count]),
            }
        }
    }

    /// Reads lines up to one that has this text.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            let found = line.contains(text);
            lines.push(line);
            if found {
                return lines;
            }
        }
        panic!("no {text:?} in {lines:#?}");
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Waits for its end, and returns its code.
    #[track_caller]
    pub fn end(mut self) -> i32 {
        Death::of(self.pid()).wait();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of any process, child or not.
pub struct Death(Option<OwnedFd>);

impl Death {
    pub fn of(pid: i32) -> Self {
        // SAFETY: pidfd_open takes two integers and returns a new descriptor or -1.
        let fd = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0) };
        // SAFETY: the kernel has just made this descriptor for us alone.
        Self((fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    #[track_caller]
    pub fn wait(&self) {
        assert!(self.within(PATIENCE), "the process does not end");
    }

    /// Waits until its parent has waited for it.
    #[track_caller]
    pub fn until_reaped(&self) {
        let Some(fd) = &self.0 else { return };
        let mut fds = [PollFd::new(fd.as_fd(), PollFlags::empty())];
        assert!(poll(&mut fds, PollTimeout::try_from(PATIENCE).unwrap()).unwrap() > 0, "nobody waits for it");
    }

    pub fn within(&self, time: Duration) -> bool {
        let Some(fd) = &self.0 else { return true };
        let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(time).unwrap()).unwrap() > 0
    }
}

/// Waits for changes in a directory.
pub struct Watch {
    inotify: Inotify,
}

impl Watch {
    pub fn new(dir: &Path) -> Self {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).unwrap();
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE;
        inotify.add_watch(dir, flags).unwrap();
        Self { inotify }
    }

    /// Looks, and looks again after each change, until it is so.
    #[track_caller]
    pub fn until(&self, mut test: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !test() {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not come");
            let mut fds = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap();
            let _ = self.inotify.read_events();
        }
    }
}
