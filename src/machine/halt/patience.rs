//! How long swap, file systems and devices may take together to be given up, and each of them. What has hung once
//! is not tried again.

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use nix::errno::Errno;

use super::child::step;
use crate::limits::{MACHINE_UNMOUNT_ALL_MS, MACHINE_UNMOUNT_MS, MACHINE_UNMOUNT_TRY_MS};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Failed(Errno),
    /// Not in its time.
    Hung,
}

/// What is left of the time for all of them.
pub(super) struct Patience {
    since: Instant,
    /// Attempts that hung, by what they were.
    hung: BTreeSet<String>,
}

impl Patience {
    /// From now on.
    pub(super) fn begin() -> Self {
        Self { since: Instant::now(), hung: BTreeSet::new() }
    }

    /// In a child, within what is left; for a moment, if nothing is.
    pub(super) fn attempt(&mut self, what: &str, work: impl FnOnce() -> u8) -> Outcome {
        if self.hung.contains(what) {
            return Outcome::Hung;
        }
        match step(what, self.left_ms().clamp(MACHINE_UNMOUNT_TRY_MS, MACHINE_UNMOUNT_MS), work) {
            Some(0) => Outcome::Done,
            Some(errno) => Outcome::Failed(Errno::from_raw(i32::from(errno))),
            None => {
                self.hung.insert(what.to_owned());
                Outcome::Hung
            }
        }
    }

    /// Whether there is no time left.
    pub(super) fn is_over(&self) -> bool {
        self.left_ms() == 0
    }

    fn left_ms(&self) -> u64 {
        let gone = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        MACHINE_UNMOUNT_ALL_MS.saturating_sub(gone)
    }
}

/// What the child of an attempt ends with: 0, or the number of the error.
pub(super) fn code<T, E: Into<io::Error>>(done: Result<T, E>) -> u8 {
    let unknown = Errno::EIO as i32;
    let errno = done.err().map_or(0, |error| error.into().raw_os_error().unwrap_or(unknown));
    u8::try_from(errno).unwrap_or(u8::MAX)
}
