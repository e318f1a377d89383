//! Copies of mounts that are nowhere yet, and can be put into another mount namespace.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

const OPEN_TREE_CLONE: libc::c_int = 1;
const AT_RECURSIVE: libc::c_int = 0x8000;

/// A copy of what is mounted at an open path, from there on down. It needs the right to mount. A plain
/// descriptor of the path would not do: the kernel binds nothing of another namespace.
pub fn copy_tree(path: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC | libc::AT_EMPTY_PATH | AT_RECURSIVE;
    // SAFETY: the descriptor is open, the path is an empty string that lives for ever.
    let number = unsafe { libc::syscall(libc::SYS_open_tree, path.as_raw_fd(), c"".as_ptr(), flags) };
    let number = RawFd::try_from(number).map_err(io::Error::other)?;
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
