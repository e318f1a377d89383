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
