//! A descriptor that the loop can wait for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Something with a descriptor of its own, as tokio wants to see it.
pub struct Watched<T: AsFd>(pub T);

impl<T: AsFd> AsRawFd for Watched<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Registers a non-blocking descriptor with the running runtime.
// The successor of this call is `unsafe` and asks for what holds here: the descriptor is owned by the
// value, stays open as long as it, and is always the same one.
#[expect(deprecated, reason = "the owned descriptors that come here uphold what its successor asks for")]
pub fn watch<T: AsFd>(inner: T, interest: Interest) -> io::Result<AsyncFd<Watched<T>>> {
    AsyncFd::with_interest(Watched(inner), interest)
}
