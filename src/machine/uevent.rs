//! What the kernel, and udev after it, tell of devices that come and go.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

use crate::limits::UEVENT_BYTES_MAX;

/// A place where they are heard.
pub(super) struct Uevents(OwnedFd);

/// The kernel's own messages, and those that udev sends once it has made its links.
const KERNEL_AND_UDEV: u32 = 1 | 2;

impl Uevents {
    /// From here on none is missed.
    pub(super) fn listen() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let fd = socket(AddressFamily::Netlink, SockType::Datagram, flags, protocol)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_AND_UDEV))?;
        Ok(Self(fd))
    }

    /// Waits for something of a subsystem (`block`, `input`); false: the time is up.
    pub(super) fn wait(&self, subsystem: &str, deadline: Option<Instant>) -> io::Result<bool> {
        let wanted = format!("SUBSYSTEM={subsystem}");
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let patience = left.map_or(PollTimeout::NONE, |left| {
                // Rounded up: nobody looks at the clock again for a part of a millisecond.
                PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], patience) {
                Ok(0) => return Ok(false),
                Ok(_) if self.has_come(&wanted)? => return Ok(true),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Readable when something has come.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Takes in all there are; whether the wanted word was in one of them. What was lost may have had it.
    pub(super) fn has_come(&self, wanted: &str) -> io::Result<bool> {
        let mut buffer = vec![0; UEVENT_BYTES_MAX];
        let mut has_come = false;
        loop {
            match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(length) => {
                    let message = buffer.get(..length).unwrap_or_default();
                    has_come |= message.split(|byte| *byte == 0).any(|word| word == wanted.as_bytes());
                }
                Err(Errno::ENOBUFS) => has_come = true,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(has_come),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
