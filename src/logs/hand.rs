//! What the logger has in hand: one chunk of one stream, out of its pipe and not yet in its file, in memory and
//! in a pipe that the keeper holds. See [`crate::wire::journal`] for the steps.
//!
//! Knows nothing of lines and files; who carries a chunk asks for its bytes, and says what is left of them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::read;

use crate::limits::{LOG_LINE_BYTES_MAX, LOG_TAILS_MAX, LOG_TRIES_MAX};
use crate::logs::split::{Rest, Unended};
use crate::sys::pipe::{bytes_in, move_bytes};
use crate::sys::process::adopt;
use crate::wire::fd;
use crate::wire::journal::{Claim, Journal, Phase, Source, Tail};

/// The journal and the pipe that goes with it.
pub(super) struct Hand {
    journal: Journal,
    from: OwnedFd,
    into: OwnedFd,
    /// Blocks that hold no tail.
    free: Vec<u16>,
}

/// What a logger finds of the one before it.
pub(super) enum Found {
    /// Nothing that is not in a file.
    Nothing,
    /// A chunk that has to be carried on.
    Chunk(Claim),
    /// A chunk over which too many have died.
    Deadly(Claim),
}

impl Hand {
    /// Where the keeper left it.
    pub(super) fn of_role() -> io::Result<Self> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let journal = Journal::map(adopt(fd::JOURNAL).ok_or_else(missing)?.as_fd())?;
        let pipe = (adopt(fd::HAND.0).ok_or_else(missing)?, adopt(fd::HAND.1).ok_or_else(missing)?);
        Ok(Self::new(journal, pipe))
    }

    /// From its parts: the pipe is read at its first end and filled at its second.
    pub(super) fn new(journal: Journal, (from, into): (OwnedFd, OwnedFd)) -> Self {
        let free = free_blocks(&journal);
        Self { journal, from, into, free }
    }

    /// For who carries the chunk.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Takes what is in a pipe, up to `max` bytes, and gives how many it were; 0 at its end. What comes of it is
    /// said by [`Self::put_away`].
    pub(super) fn take(
        &mut self,
        pipe: BorrowedFd<'_>,
        (claim, path): (&Claim, &[u8]),
        max: usize,
        stamp: impl FnOnce() -> i64,
    ) -> nix::Result<usize> {
        self.journal.begin(claim, path);
        let taken = match move_bytes(pipe, self.into.as_fd(), max) {
            Ok(length) => Ok((length, 0)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Errno::EAGAIN),
            // No kernel that we know; without this step a chunk that is read is lost if we die at once.
            Err(_) => read(pipe, &mut self.journal.chunk_mut()[..max]).map(|length| (length, length)),
        };
        match taken {
            Ok((length, read)) if length > 0 => {
                self.journal.took(length, stamp());
                self.fill(read);
                Ok(length)
            }
            other => {
                self.journal.let_go();
                other.map(|_| 0)
            }
        }
    }

    /// Begins work that needs no bytes but the tail of its stream.
    pub(super) fn begin(&mut self, claim: &Claim, path: &[u8], stamp: i64) {
        self.journal.begin(claim, path);
        self.journal.took(0, stamp);
    }

    /// Reads what is still in the pipe; so many bytes of the chunk are here.
    fn fill(&mut self, mut at: usize) {
        let length = self.journal.length();
        while at < length {
            match read(&self.from, &mut self.journal.chunk_mut()[at..length]) {
                Ok(count @ 1..) => at += count,
                Err(Errno::EINTR) => {}
                // Nobody else reads there: a pipe that holds less than it said is not in this world.
                _ => return,
            }
        }
    }

    /// What a stream's unended line is.
    pub(super) fn unended(&self, source: Source) -> Unended<'_> {
        let tail = self.journal.tail(source);
        Unended { bytes: self.journal.tail_bytes(tail), promised: tail.promised }
    }

    /// Whether a stream has anything unended.
    pub(super) fn is_clean(&self, source: Source) -> bool {
        self.journal.tail(source) == Tail::default()
    }

    /// Whether there is room to keep what would be left.
    pub(super) fn has_room(&self, source: Source) -> bool {
        !self.free.is_empty() || self.journal.tail(source).length > 0
    }

    /// The chunk is written, but for this.
    pub(super) fn put_away(&mut self, source: Source, rest: Rest) {
        let before = self.journal.tail(source);
        let kept = if rest.kept { before.length } else { 0 };
        let length = kept + self.journal.length().saturating_sub(rest.from);
        let next = match (length, before.length) {
            (0, _) => Tail { promised: rest.promised, ..Tail::default() },
            (_, 1..) => Tail { promised: rest.promised, length, block: before.block },
            // `has_room` was asked before.
            (_, 0) => Tail { promised: rest.promised, length, block: self.free.pop().unwrap_or_default() },
        };
        debug_assert!(next.length <= LOG_LINE_BYTES_MAX);
        if next == before && length == kept {
            return self.journal.let_go();
        }
        self.journal.settling(next, rest.from);
        self.journal.settle();
        if before.length > 0 && next.length == 0 {
            self.free.push(before.block);
        }
    }

    /// Takes up what another logger has left, to the point from which it can be carried.
    pub(super) fn recover(&mut self, stamp: impl FnOnce() -> i64) -> Found {
        let held = bytes_in(self.from.as_fd()).unwrap_or_default();
        match self.journal.phase() {
            Phase::Idle => return Found::Nothing,
            Phase::Settling => {
                self.journal.settle();
                self.free = free_blocks(&self.journal);
                return Found::Nothing;
            }
            Phase::Moving if held == 0 => {
                self.journal.let_go();
                return Found::Nothing;
            }
            Phase::Moving => self.journal.took(held, stamp()),
            Phase::Taken => {}
        }
        self.fill(self.journal.length().saturating_sub(held));
        match self.journal.claim() {
            Some(claim) if self.journal.count_try() >= LOG_TRIES_MAX => Found::Deadly(claim),
            Some(claim) => Found::Chunk(claim),
            None => {
                self.journal.let_go();
                Found::Nothing
            }
        }
    }
}

/// The lowest last: taken first, so that no more memory is touched than was ever needed at once.
fn free_blocks(journal: &Journal) -> Vec<u16> {
    let mut taken = vec![false; LOG_TAILS_MAX];
    for tail in journal.tails().filter(|tail| tail.length > 0) {
        taken[usize::from(tail.block)] = true;
    }
    (0..LOG_TAILS_MAX as u16).rev().filter(|block| !taken[usize::from(*block)]).collect()
}
