//! System calls that no crate wraps, one function each, and shared memory. With `spawner/child.rs` the only
//! place where `unsafe` may stand.
//!
//! Owned descriptors in and out, close-on-exec at birth, `EINTR` handled here and nowhere else.
#![allow(unsafe_code)]

pub mod clock;
pub mod clone;
pub mod command;
pub mod confine;
pub mod early;
pub mod fault;
pub mod machine;
pub mod memory;
pub mod message;
pub mod mount;
pub mod pidfd;
pub mod pipe;
pub mod probe;
pub mod process;
mod raw;
pub mod resident;
pub mod signal;
mod standard;
pub mod terminal;
pub mod watchdog;

use std::io;
use std::os::fd::RawFd;

/// One write, interrupted or not. What was not taken is lost: for lines that a pipe takes whole or not at all.
pub fn write_once(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        // SAFETY: `bytes` lives through the call; a number that is no descriptor is EBADF.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if let Ok(written) = usize::try_from(written) {
            return Ok(written);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Writes to standard error what it takes at once, and says how much that was: a terminal that was stopped and a pipe
/// that nobody reads hold nobody up. For the handler of a fault, too.
pub fn say_at_once(bytes: &[u8]) -> usize {
    let (start, length, stderr) = (bytes.as_ptr().cast(), bytes.len(), libc::STDERR_FILENO);
    // SAFETY: `bytes` lives through the calls; numbers that are no descriptors are refused, and the one that was opened
    // here is closed here.
    let written = unsafe {
        let sent = libc::send(stderr, start, length, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
        if sent >= 0 || *libc::__errno_location() != libc::ENOTSOCK {
            sent
        } else {
            // Whether a write waits is a matter of all who share a descriptor: ours is another one.
            let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
            let ours = libc::open(c"/proc/self/fd/2".as_ptr(), flags);
            let mut room = libc::pollfd { fd: stderr, events: libc::POLLOUT, revents: 0 };
            if ours >= 0 {
                let written = libc::write(ours, start, length);
                libc::close(ours);
                written
            } else if libc::poll(&mut room, 1, 0) == 1 {
                // As much as fits where there is any room at all, in a pipe and in a serial line.
                libc::write(stderr, start, length.min(LEAST_ROOM))
            } else {
                0
            }
        }
    };
    usize::try_from(written).unwrap_or(0)
}

/// What the kernel's terminals still take when they say that they have room, in bytes.
const LEAST_ROOM: usize = 128;
