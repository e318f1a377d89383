//! One end of a channel: sends what can be sent, keeps the rest in order.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::limits::OUTBOX_MAX;
use crate::runtime::watched::{Watched, watch};
use crate::wire::channel::{Channel, FDS_MAX, Received};

/// A channel that never blocks the loop.
pub(super) struct Outbox {
    channel: AsyncFd<Watched<Channel>>,
    waiting: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
}

impl Outbox {
    /// Needs a running runtime.
    pub(super) fn new(channel: Channel) -> io::Result<Self> {
        let channel = watch(channel, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { channel, waiting: VecDeque::new() })
    }

    /// Sends a message behind those that wait. An error: the other side is gone, or has not read for so
    /// long that it must be.
    pub(super) fn send(&mut self, bytes: &[u8], fds: &[OwnedFd]) -> io::Result<()> {
        if self.waiting.is_empty() {
            match self.try_send(bytes, fds) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
        if self.waiting.len() >= OUTBOX_MAX {
            return Err(io::Error::other("nobody reads what is sent"));
        }
        let fds: io::Result<Vec<OwnedFd>> = fds.iter().map(OwnedFd::try_clone).collect();
        self.waiting.push_back((bytes.to_vec(), fds?));
        Ok(())
    }

    /// Sends what waits, as far as that goes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while let Some((bytes, fds)) = self.waiting.front() {
            match self.try_send(bytes, fds) {
                Ok(()) => drop(self.waiting.pop_front()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Lets go of what waiting messages took.
    pub(super) fn shrink(&mut self) {
        self.waiting.shrink_to_fit();
    }

    /// Waits until there is something to receive.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.channel.readable().await?.retain_ready();
        Ok(())
    }

    /// Waits until something that waits can be sent; for ever, where nothing waits.
    pub(super) async fn writable(&self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return std::future::pending().await;
        }
        self.channel.writable().await?.retain_ready();
        Ok(())
    }

    /// The next message, if there is one. An end of the channel is an error: a role without its keeper has
    /// nothing left to do.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        // The kernel is asked whatever tokio believes: after a pause of our own there may be more to read
        // than it has heard of. What tokio believes is put right when there is nothing.
        let received = self.channel.get_ref().0.try_receive(buffer);
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear(Interest::READABLE);
                Ok(None)
            }
            Ok(received) if received.length == 0 => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the keeper has closed the channel"))
            }
            received => received.map(Some),
        }
    }

    fn try_send(&self, bytes: &[u8], fds: &[OwnedFd]) -> io::Result<()> {
        let mut borrowed = Vec::with_capacity(FDS_MAX);
        borrowed.extend(fds.iter().map(AsFd::as_fd));
        let sent = self.channel.get_ref().0.try_send(bytes, &borrowed);
        if sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.clear(Interest::WRITABLE);
        }
        sent
    }

    /// Makes tokio wait for the kernel's next word.
    fn clear(&self, interest: Interest) {
        let blocked = |_: &Watched<Channel>| Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _ = self.channel.try_io(interest, blocked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_waits_in_order_and_wakes_when_it_does() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = Channel::pair().unwrap();
            let mut outbox = Outbox::new(ours).unwrap();
            let message = |number: u32| [&number.to_le_bytes()[..], &[0; 8 * 1024]].concat();
            let mut sent = 0;
            while outbox.waiting.len() < 3 {
                outbox.send(&message(sent), &[]).unwrap();
                sent += 1;
            }
            let mut buffer = vec![0; 64 * 1024];
            for number in 0..sent {
                // A socket is writable again only when most of it has been read.
                if theirs.try_receive(&mut buffer).is_err() {
                    outbox.writable().await.unwrap();
                    outbox.flush().unwrap();
                    theirs.try_receive(&mut buffer).unwrap();
                }
                assert_eq!(buffer[..4], number.to_le_bytes());
            }
            assert!(outbox.waiting.is_empty());
        });
    }

    #[test]
    fn the_end_of_the_keeper_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = Channel::pair().unwrap();
            let outbox = Outbox::new(ours).unwrap();
            assert!(outbox.receive(&mut [0; 8]).unwrap().is_none());
            drop(theirs);
            outbox.readable().await.unwrap();
            assert_eq!(outbox.receive(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        });
    }
}
