//! What the logger has in hand, in memory that outlives it: so it may be killed at any instant, and the next
//! one goes on at the very byte.
//!
//! Beside the memory the keeper holds a pipe, *the hand*, which is empty but for the chunk that is worked on.
//! One chunk at a time goes this way:
//!
//! ```text
//!   Idle ── begin ──▶ Moving ── took ──▶ Taken ── settling ──▶ Settling ── settle ──▶ Idle
//! ```
//!
//! - `Moving`: whose chunk it is has been noted. The kernel moves it from the run's pipe into the hand in one
//!   step; what is in the hand was taken, what is not was not.
//! - `Taken`: its length and the time it came are known, so all lines that come of it are, to the last digit
//!   of their stamps. It is read from the hand into this memory. Lines are written in batches: how many of
//!   them are written is noted, and of the next one the file and the place where it begins. What the file has
//!   behind that place is the beginning of this batch, and the rest is still to be written.
//! - `Settling`: all lines are written. What has no newline yet becomes the *tail* of its stream.
//!
//! Each arrow is one store, so whoever comes next finds one of these states and nothing between them. Writers:
//! the one logger there is; the keeper only before it starts the first. Values are checked when read.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use super::run::Run;
use crate::limits::{LOG_LINE_BYTES_MAX, LOG_PATH_BYTES_MAX, LOG_READ_BYTES, LOG_TAILS_MAX, SLOTS};
use crate::sys::memory::SharedMemory;

/// The mapped journal.
pub struct Journal {
    memory: SharedMemory,
}

/// How far the chunk in hand has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is in hand.
    Idle,
    /// A chunk moves into the hand, or has.
    Moving,
    /// It is ours, and is written.
    Taken,
    /// It is written; its unended line is put away.
    Settling,
}

/// What happens to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Bytes came.
    Read,
    /// It has ended: its tail is a line.
    Finish,
    /// Others will read on: its tail is written as a part of a line.
    Spill,
}

/// A stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Of a run.
    Run {
        /// Where.
        slot: u16,
        /// Standard error, not output.
        stderr: bool,
    },
    /// supd's own messages.
    Own,
}

/// What is done, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What is done.
    pub work: Work,
    /// To which stream.
    pub source: Source,
    /// Its lines go to the terminal, too.
    pub both: bool,
    /// Who writes there.
    pub run: Run,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file system.
    pub device: u64,
    /// The file.
    pub inode: u64,
    /// How many bytes of it come before.
    pub offset: u64,
}

/// The unended line of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// A part of the line was written already.
    pub promised: bool,
    /// Bytes of it that were not.
    pub length: usize,
    /// Where they are.
    pub block: u16,
}

/// What the first word says; its low byte numbers the layout.
pub const MAGIC: u64 = 0x7375_7064_6c6f_6701;
const TAILS: usize = 2 * SLOTS + 1;

/// Words.
mod word {
    pub(super) const MAGIC: usize = 0;
    pub(super) const STATE: usize = 1;
    pub(super) const PROGRESS: usize = 2;
    pub(super) const TRIES: usize = 3;
    pub(super) const CLAIM: usize = 4;
    pub(super) const POD: usize = 5;
    pub(super) const PROCESS: usize = 6;
    pub(super) const LENGTHS: usize = 7;
    pub(super) const STAMP: usize = 8;
    pub(super) const DEVICE: usize = 9;
    pub(super) const INODE: usize = 10;
    pub(super) const NEXT_TAIL: usize = 11;
    pub(super) const TAIL_FROM: usize = 12;
    /// Tails from here on have never been used.
    pub(super) const TAILS_USED: usize = 13;
    pub(super) const TAILS: usize = 16;
}

const WORDS: usize = word::TAILS + TAILS;
/// Behind the words: the path of the run's log, the chunk, the blocks of the tails.
const CHUNK: usize = LOG_PATH_BYTES_MAX;
const BLOCKS: usize = CHUNK + LOG_READ_BYTES;
const BYTES: usize = BLOCKS + LOG_TAILS_MAX * LOG_LINE_BYTES_MAX;
const _: () = assert!(BYTES.is_multiple_of(4) && LOG_TAILS_MAX < 1 << 16 && LOG_PATH_BYTES_MAX < 1 << 16);

impl Journal {
    /// Makes an empty one. Pages are reserved as they are touched.
    pub fn create() -> io::Result<(OwnedFd, Self)> {
        let (fd, memory) = SharedMemory::create(c"supd-journal", WORDS, BYTES / 4)?;
        let journal = Self { memory };
        journal.store(word::MAGIC, MAGIC);
        Ok((fd, journal))
    }

    /// Maps the one that the keeper made.
    pub fn map(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let journal = Self { memory: SharedMemory::map(fd, WORDS, BYTES / 4)? };
        match journal.load(word::MAGIC) {
            MAGIC => Ok(journal),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a journal of this build")),
        }
    }

    /// A chunk of this stream is about to be taken, for the file at this path.
    pub fn begin(&mut self, claim: &Claim, path: &[u8]) {
        let path = path.get(..LOG_PATH_BYTES_MAX).unwrap_or(path);
        self.memory.bytes_mut()[..path.len()].copy_from_slice(path);
        let run = claim.run;
        self.store(word::CLAIM, pack_claim(claim));
        self.store(word::POD, run.pod);
        let process = u64::from(run.class) << 48 | u64::from(run.process) << 32 | u64::from(run.attempt);
        self.store(word::PROCESS, process);
        self.store(word::LENGTHS, (path.len() as u64) << 32);
        self.enter(Phase::Moving);
    }

    /// So many bytes were taken, at a time from which the stamps of its lines follow.
    pub fn took(&self, length: usize, stamp: i64) {
        let path = self.load(word::LENGTHS) & !0xffff_ffff;
        self.store(word::LENGTHS, path | length.min(LOG_READ_BYTES) as u64);
        self.store(word::STAMP, stamp.cast_unsigned());
        self.enter(Phase::Taken);
    }

    /// The next batch is written here, from now on.
    pub fn mark(&self, place: Place) {
        let batches = self.batches();
        self.store(word::STATE, pack_state(Phase::Taken, batches, None));
        self.store(word::DEVICE, place.device);
        self.store(word::INODE, place.inode);
        self.store(word::STATE, pack_state(Phase::Taken, batches, Some(place.offset)));
    }

    /// The next batch is written.
    pub fn written(&self) {
        self.store(word::STATE, pack_state(Phase::Taken, self.batches() + 1, None));
    }

    /// All is written. From this byte on the chunk belongs to the tail, which will be `next`.
    pub fn settling(&self, next: Tail, from: usize) {
        self.store(word::NEXT_TAIL, next.pack());
        self.store(word::TAIL_FROM, from as u64);
        self.enter(Phase::Settling);
    }

    /// Puts the tail in its place; may be done again.
    pub fn settle(&mut self) {
        let next = Tail::unpack(self.load(word::NEXT_TAIL));
        let length = self.length();
        let from = usize::try_from(self.load(word::TAIL_FROM)).map_or(length, |from| from.min(length));
        let count = length - from;
        if count > 0 && count <= next.length {
            let to = block_at(next.block) + next.length - count;
            self.memory.bytes_mut().copy_within(CHUNK + from..CHUNK + length, to);
        }
        if let Some(claim) = self.claim() {
            self.set_tail(claim.source, next);
        }
        self.let_go();
    }

    /// Nothing is in hand any more.
    pub fn let_go(&self) {
        self.store(word::TRIES, 0);
        self.enter(Phase::Idle);
        self.count_progress();
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        match self.load(word::STATE) & 0b11 {
            0 => Phase::Idle,
            1 => Phase::Moving,
            2 => Phase::Taken,
            _ => Phase::Settling,
        }
    }

    /// How many batches of the chunk are written.
    pub fn batches(&self) -> u32 {
        (self.load(word::STATE) >> 2) as u32 & BATCHES_MASK
    }

    /// Where the next batch is written, if that has begun.
    pub fn place(&self) -> Option<Place> {
        let offset = (self.load(word::STATE) >> 16).checked_sub(1)?;
        Some(Place { device: self.load(word::DEVICE), inode: self.load(word::INODE), offset })
    }

    /// What is in hand. `None`: no build of ours wrote it.
    pub fn claim(&self) -> Option<Claim> {
        let process = self.load(word::PROCESS);
        let run = Run {
            pod: self.load(word::POD),
            class: (process >> 48) as u8,
            process: (process >> 32) as u16,
            attempt: process as u32,
        };
        unpack_claim(self.load(word::CLAIM), run)
    }

    /// Below the log directory.
    pub fn path(&self) -> &[u8] {
        let length = (self.load(word::LENGTHS) >> 32) as usize;
        &self.memory.bytes()[..length.min(LOG_PATH_BYTES_MAX)]
    }

    /// Bytes of the chunk.
    pub fn length(&self) -> usize {
        (self.load(word::LENGTHS) as u32 as usize).min(LOG_READ_BYTES)
    }

    /// The chunk.
    pub fn chunk(&self) -> &[u8] {
        &self.memory.bytes()[CHUNK..CHUNK + self.length()]
    }

    /// Room for the longest chunk.
    pub fn chunk_mut(&mut self) -> &mut [u8] {
        &mut self.memory.bytes_mut()[CHUNK..BLOCKS]
    }

    /// When it came.
    pub fn stamp(&self) -> i64 {
        self.load(word::STAMP).cast_signed()
    }

    /// The tail of a stream.
    pub fn tail(&self, source: Source) -> Tail {
        Tail::unpack(self.load(word::TAILS + source.index()))
    }

    /// The bytes of a tail.
    pub fn tail_bytes(&self, tail: Tail) -> &[u8] {
        let at = block_at(tail.block);
        &self.memory.bytes()[at..at + tail.length]
    }

    /// Says what a stream's unended line is. The logger, or the keeper for a stream that no logger has seen.
    pub fn set_tail(&self, source: Source, tail: Tail) {
        let index = source.index();
        if self.load(word::TAILS_USED) <= index as u64 {
            self.store(word::TAILS_USED, index as u64 + 1);
        }
        self.store(word::TAILS + index, tail.pack());
    }

    /// All tails there are.
    pub fn tails(&self) -> impl Iterator<Item = Tail> + '_ {
        let used = usize::try_from(self.load(word::TAILS_USED)).unwrap_or(TAILS).min(TAILS);
        (0..used).map(|index| Tail::unpack(self.load(word::TAILS + index)))
    }

    /// A logger takes up what another has left; gives how often that was tried without success.
    pub fn count_try(&self) -> u64 {
        let tries = self.load(word::TRIES) + 1;
        self.store(word::TRIES, tries);
        tries - 1
    }

    /// How much was done since the keeper began: a logger that dies and has not raised this has done nothing.
    pub fn progress(&self) -> u64 {
        self.load(word::PROGRESS)
    }

    /// Something was done.
    pub fn count_progress(&self) {
        self.store(word::PROGRESS, self.load(word::PROGRESS).wrapping_add(1));
    }

    fn enter(&self, phase: Phase) {
        self.store(word::STATE, pack_state(phase, 0, None));
    }

    fn load(&self, index: usize) -> u64 {
        self.word(index).load(Ordering::Acquire)
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.memory.words()[index]
    }
}

const BATCHES_MASK: u32 = (1 << 14) - 1;

/// Phase, batches and offset in one word, so that each step is one store.
fn pack_state(phase: Phase, batches: u32, offset: Option<u64>) -> u64 {
    let offset = offset.map_or(0, |offset| offset + 1);
    offset << 16 | u64::from(batches & BATCHES_MASK) << 2 | phase as u64
}

fn pack_claim(claim: &Claim) -> u64 {
    let (slot, stderr, own) = match claim.source {
        Source::Run { slot, stderr } => (slot, stderr, false),
        Source::Own => (0, false, true),
    };
    u64::from(slot) << 16
        | u64::from(own) << 4
        | u64::from(stderr) << 3
        | u64::from(claim.both) << 2
        | claim.work as u64
}

fn unpack_claim(word: u64, run: Run) -> Option<Claim> {
    let slot = (word >> 16) as u16;
    let source = match word & 1 << 4 == 0 {
        true if usize::from(slot) < SLOTS => Source::Run { slot, stderr: word & 1 << 3 != 0 },
        true => return None,
        false => Source::Own,
    };
    let work = match word & 0b11 {
        0 => Work::Read,
        1 => Work::Finish,
        2 => Work::Spill,
        _ => return None,
    };
    Some(Claim { work, source, both: word & 1 << 2 != 0, run })
}

impl Source {
    fn index(self) -> usize {
        match self {
            Self::Run { slot, stderr } => (2 * usize::from(slot) + usize::from(stderr)).min(TAILS - 1),
            Self::Own => TAILS - 1,
        }
    }
}

impl Tail {
    fn pack(self) -> u64 {
        u64::from(self.block) << 32 | (self.length as u64) << 1 | u64::from(self.promised)
    }

    fn unpack(word: u64) -> Self {
        let length = ((word as u32 >> 1) as usize).min(LOG_LINE_BYTES_MAX);
        let block = ((word >> 32) as u16).min(LOG_TAILS_MAX as u16 - 1);
        Self { promised: word & 1 != 0, length, block }
    }
}

fn block_at(block: u16) -> usize {
    BLOCKS + usize::from(block) * LOG_LINE_BYTES_MAX
}

impl Journal {
    /// Every change goes through here: between two of them nothing is known to the next logger.
    fn store(&self, index: usize, value: u64) {
        #[cfg(test)]
        tests::may_die_here();
        self.word(index).store(value, Ordering::Release);
        #[cfg(test)]
        tests::may_die_here();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;
    use std::os::fd::AsFd;

    thread_local! {
        static STEPS_LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
    }

    /// How many steps the work goes on: before and behind each store it may die, by a panic without a word.
    pub(crate) fn die_after(steps: u32) {
        STEPS_LEFT.set(steps);
    }

    pub(super) fn may_die_here() {
        match STEPS_LEFT.get() {
            0 => {
                STEPS_LEFT.set(u32::MAX);
                std::panic::resume_unwind(Box::new("death"));
            }
            left => STEPS_LEFT.set(left - 1),
        }
    }

    fn claim(slot: u16) -> Claim {
        let run = Run { pod: 1 << 60, class: 3, process: 7, attempt: 9 };
        Claim { work: Work::Read, source: Source::Run { slot, stderr: true }, both: true, run }
    }

    #[test]
    fn the_next_one_finds_every_step() {
        let (fd, mut one) = Journal::create().unwrap();
        let next = || Journal::map(fd.as_fd()).unwrap();
        assert_eq!(next().phase(), Phase::Idle);
        one.begin(&claim(SLOTS as u16 - 1), b"web_web-0_0000002a/main/0.log");
        assert_eq!((next().phase(), next().claim()), (Phase::Moving, Some(claim(SLOTS as u16 - 1))));
        assert_eq!(next().path(), b"web_web-0_0000002a/main/0.log");
        one.took(5, -1);
        one.chunk_mut()[..5].copy_from_slice(b"ab\ncd");
        assert_eq!((next().phase(), next().stamp(), next().chunk()), (Phase::Taken, -1, &b"ab\ncd"[..]));
        assert_eq!((next().batches(), next().place()), (0, None));
        let place = Place { device: u64::MAX, inode: 12, offset: 0 };
        one.mark(place);
        assert_eq!((next().batches(), next().place()), (0, Some(place)));
        one.written();
        assert_eq!((next().phase(), next().batches(), next().place()), (Phase::Taken, 1, None));
        one.settling(Tail { promised: false, length: 2, block: 1 }, 3);
        assert_eq!(next().phase(), Phase::Settling);
        // Once by the one that died before it had said so, once by the next.
        for _ in 0..2 {
            next().settle();
            assert_eq!(next().phase(), Phase::Idle);
            assert_eq!(next().tail_bytes(next().tail(claim(SLOTS as u16 - 1).source)), b"cd");
            one.settling(Tail { promised: false, length: 2, block: 1 }, 3);
        }
        assert_eq!(next().progress(), 2);
    }

    #[test]
    fn words_read_back() {
        for work in [Work::Read, Work::Finish, Work::Spill] {
            for source in [Source::Own, Source::Run { slot: 3, stderr: false }] {
                let claim = Claim { work, source, both: false, run: Run::default() };
                assert_eq!(unpack_claim(pack_claim(&claim), Run::default()), Some(claim));
            }
        }
        for tail in [Tail::default(), Tail { promised: true, length: LOG_LINE_BYTES_MAX, block: 511 }] {
            assert_eq!(Tail::unpack(tail.pack()), tail);
        }
        assert_eq!(Tail::default().pack(), 0);
        // What nobody wrote is no reason to fall over.
        let wild = Tail::unpack(u64::MAX);
        assert!(wild.length <= LOG_LINE_BYTES_MAX && usize::from(wild.block) < LOG_TAILS_MAX);
    }

    #[test]
    fn another_size_is_refused() {
        let (fd, _) = SharedMemory::create(c"x", 1, 1).unwrap();
        assert!(Journal::map(fd.as_fd()).is_err());
    }
}
