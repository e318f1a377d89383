//! One end of a SEQPACKET socket between two roles.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use crate::sys::message;
pub use crate::sys::message::{FDS_MAX, Received};

/// One end. Messages keep their bounds and their order.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Two ends, close-on-exec.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = message::pair()?;
        Ok((Self(one), Self(other)))
    }

    /// Sends, and waits while the other side's buffer is full.
    pub fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        message::send(self.0.as_fd(), bytes, fds, true)
    }

    /// Sends, or says `WouldBlock`.
    pub fn try_send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        message::send(self.0.as_fd(), bytes, fds, false)
    }

    /// Receives the next message, however long that takes. Length 0: the other side is gone.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        message::receive(self.0.as_fd(), buffer, true)
    }

    /// Receives the next message, or says `WouldBlock`. Length 0: the other side is gone.
    pub fn try_receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        message::receive(self.0.as_fd(), buffer, false)
    }

    /// Closes this direction: the other side reads what was sent, then that we have ended; and may go on
    /// speaking, which a close would turn into an error.
    pub fn say_no_more(&self) {
        use nix::sys::socket::{Shutdown, shutdown};
        // It fails only where the other side is gone.
        let _ = shutdown(self.as_raw_fd(), Shutdown::Write);
    }
}

impl From<OwnedFd> for Channel {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_descriptors_arrive_together() {
        let (here, there) = Channel::pair().unwrap();
        let (read, write) = Channel::pair().unwrap();
        here.send(b"take", &[write.as_fd(), read.as_fd()]).unwrap();
        let mut buffer = [0; 16];
        let received = there.try_receive(&mut buffer).unwrap();
        assert_eq!(&buffer[..received.length], b"take");
        let [Some(first), Some(_), None, None] = received.fds else { panic!("two descriptors were sent") };
        drop(write);
        Channel::from(first).send(b"x", &[]).unwrap();
        assert_eq!(read.receive(&mut buffer).unwrap().length, 1);
    }

    #[test]
    fn an_empty_socket_would_block_and_a_closed_one_has_ended() {
        let (here, there) = Channel::pair().unwrap();
        let mut buffer = [0; 16];
        assert_eq!(here.try_receive(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(there);
        assert_eq!(here.receive(&mut buffer).unwrap().length, 0);
    }

    #[test]
    fn last_words_are_heard_when_the_speaker_left_ours_unread() {
        let (here, there) = Channel::pair().unwrap();
        here.send(b"unread", &[]).unwrap();
        there.send(b"first", &[]).unwrap();
        there.send(b"last", &[]).unwrap();
        drop(there);
        let mut buffer = [0; 16];
        let mut hear = || here.try_receive(&mut buffer).map(|received| received.length).unwrap();
        assert_eq!([hear(), hear(), hear()], [5, 4, 0]);
    }

    #[test]
    fn who_says_no_more_still_hears() {
        let (here, there) = Channel::pair().unwrap();
        here.send(b"all", &[]).unwrap();
        here.say_no_more();
        there.send(b"answer", &[]).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(there.receive(&mut buffer).unwrap().length, 3);
        assert_eq!(there.receive(&mut buffer).unwrap().length, 0);
        assert_eq!(here.receive(&mut buffer).unwrap().length, 6);
    }

    #[test]
    fn a_message_longer_than_the_buffer_is_refused() {
        let (here, there) = Channel::pair().unwrap();
        here.send(&[7; 32], &[]).unwrap();
        assert_eq!(there.receive(&mut [0; 16]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
