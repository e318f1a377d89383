//! What the keeper writes about a run for the keeper after it: which process it is, how it ended, whether
//! somebody knows. Written as it happens, so that an instant between two of these is all that can be lost.

use std::sync::atomic::Ordering;

use super::{Table, field, header};
use crate::sys::process::How;
use crate::wire::run::{Instant, Usage};

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// `None`: there never was a process, or nobody knows how it ended.
    pub how: Option<How>,
    /// Its pid; 0 if it never had one.
    pub pid: i32,
    /// What it used.
    pub usage: Usage,
    /// When it was reaped.
    pub at: Instant,
}

/// Words of an end: the kind, what was used, when.
pub(super) const WORDS: usize = 8;

/// A number that stands for each way to end; 0 is none.
mod kind {
    pub(super) const UNKNOWN: u64 = 1;
    pub(super) const EXITED: u64 = 2;
    pub(super) const SIGNALED: u64 = 3;
    pub(super) const DUMPED: u64 = 4;
}

impl Table {
    /// Writes the end of a run. The keeper only.
    pub fn set_end(&self, slot: u16, end: &End) {
        let (kind, number) = match end.how {
            None => (kind::UNKNOWN, 0),
            Some(How::Exited(code)) => (kind::EXITED, code),
            Some(How::Signaled(signal, false)) => (kind::SIGNALED, signal),
            Some(How::Signaled(signal, true)) => (kind::DUMPED, signal),
        };
        let Usage { user_us, system_us, max_rss_bytes, read_bytes, written_bytes } = end.usage;
        let at = end.at;
        let words =
            [user_us, system_us, max_rss_bytes, read_bytes, written_bytes, at.mono, at.wall.cast_unsigned()];
        for (index, word) in words.into_iter().enumerate() {
            self.store(slot, field::END + 1 + index, word);
        }
        // The first word last: with it the end is there.
        let first = kind << 48 | u64::from(number) << 32 | u64::from(end.pid.cast_unsigned());
        self.store(slot, field::END, first);
    }

    /// The end of a described run, if it was written.
    pub fn end(&self, slot: u16) -> Option<End> {
        let first = self.load(slot, field::END);
        let number = (first >> 32) as u8;
        let how = match first >> 48 {
            kind::UNKNOWN => None,
            kind::EXITED => Some(How::Exited(number)),
            kind::SIGNALED => Some(How::Signaled(number, false)),
            kind::DUMPED => Some(How::Signaled(number, true)),
            _ => return None,
        };
        let word = |index: usize| self.load(slot, field::END + index);
        let usage = Usage {
            user_us: word(1),
            system_us: word(2),
            max_rss_bytes: word(3),
            read_bytes: word(4),
            written_bytes: word(5),
        };
        let at = Instant { mono: word(6), wall: word(7).cast_signed() };
        Some(End { how, pid: (first as u32).cast_signed(), usage, at })
    }

    /// Somebody who writes such things down has the end of the run. The keeper only.
    pub fn set_acknowledged(&self, slot: u16) {
        self.store(slot, field::ACKNOWLEDGED, 1);
    }

    /// Whether somebody has the end of a described run.
    pub fn acknowledged(&self, slot: u16) -> bool {
        self.load(slot, field::ACKNOWLEDGED) != 0
    }

    /// Writes which process a run is. The keeper only.
    pub fn set_identity(&self, slot: u16, identity: u64) {
        self.store(slot, field::IDENTITY, identity);
    }

    /// Which process a described run is; 0: nobody had the time to write it.
    pub fn identity(&self, slot: u16) -> u64 {
        self.load(slot, field::IDENTITY)
    }

    /// Notes that there was a run of this pod. The keeper only.
    pub fn note_pod(&self, pod: u64) {
        self.word(header::POD_HIGHEST).fetch_max(pod, Ordering::AcqRel);
    }

    /// The highest pod uid that any run had.
    pub fn pod_highest(&self) -> u64 {
        self.word(header::POD_HIGHEST).load(Ordering::Acquire)
    }

    /// Writes who a spawner is. The keeper only.
    pub fn set_owner(&self, number: u8, pid: i32, identity: u64) {
        self.word(header::OWNER_IDENTITIES + usize::from(number)).store(identity, Ordering::Release);
        let pid = u64::from(pid.cast_unsigned());
        self.word(header::OWNER_PIDS + usize::from(number)).store(pid, Ordering::Release);
    }

    /// Pid and identity of the spawner that has, or had, a number.
    pub fn owner(&self, number: u8) -> (i32, u64) {
        let pid = self.word(header::OWNER_PIDS + usize::from(number)).load(Ordering::Acquire);
        let identity = self.word(header::OWNER_IDENTITIES + usize::from(number)).load(Ordering::Acquire);
        ((pid as u32).cast_signed(), identity)
    }
}
