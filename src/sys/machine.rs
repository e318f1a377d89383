//! What only the init of a machine does.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Makes a terminal the controlling one of our session, which we lead; taken away from whoever had it. It is
/// no harm where that is refused.
pub fn take_controlling_terminal(terminal: &File) {
    // SAFETY: the descriptor is open, and the request takes a number.
    unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 1) };
}

/// Stops swapping there. It reads back all that was swapped out, which takes its time.
pub fn swap_off(path: &CStr) -> io::Result<()> {
    // SAFETY: a string with its NUL.
    if unsafe { libc::swapoff(path.as_ptr()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
