//! Pipes: what is in them, and moving it from one into another.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Moves up to `max` bytes from one pipe into another without copying them, and never waits. The kernel does it
/// under the locks of both pipes: whoever dies meanwhile, each byte is in one of them and in that one only.
/// 0: the first pipe is empty, and nobody holds its other end.
pub fn move_bytes(from: BorrowedFd<'_>, to: BorrowedFd<'_>, max: usize) -> io::Result<usize> {
    loop {
        let (none, flags) = (std::ptr::null_mut(), libc::SPLICE_F_NONBLOCK | libc::SPLICE_F_MOVE);
        // SAFETY: a plain call on two open descriptors; pipes have no offsets.
        let moved = unsafe { libc::splice(from.as_raw_fd(), none, to.as_raw_fd(), none, max, flags) };
        if let Ok(moved) = usize::try_from(moved) {
            return Ok(moved);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// How many bytes are in a pipe.
pub fn bytes_in(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, which lives through the call.
    if unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &mut count) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(count).unwrap_or_default())
}
