//! What a job remembers of each index that has failed (BPI-001ff).
//!
//! Only where each index has a limit of its own. An index is here from its first failure until it has
//! succeeded or failed for good; the others cost nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::index_set::IndexSet;
use crate::engine::restart;
use crate::engine::time::Mono;
use crate::unit::model::{Backoff, FailureAction};

/// The failures of a job, index by index.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::engine) struct Retries {
    /// Indexes that have failed, and are not tried again (BPI-002).
    pub(in crate::engine) failed: IndexSet,
    /// Indexes that have failed at least once, and are tried again.
    tried: BTreeMap<u32, Tries>,
}

/// The failures of one index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Tries {
    /// Failures that count.
    pub(in crate::engine) counted: u32,
    /// Failures that a rule has told to ignore; they lengthen the delay all the same (BPI-004).
    pub(in crate::engine) ignored: u32,
    /// When the last of them was; nothing where an operator has cut the wait short.
    last: Option<Mono>,
}

impl Retries {
    /// One more failure of an index. After `limit` + 1 of them it has failed for good (BPI-001).
    pub(super) fn note(&mut self, index: u32, at: Mono, action: Option<FailureAction>, limit: u32) {
        if self.failed.contains(index) {
            return;
        }
        let tries = self.tried.entry(index).or_default();
        match action {
            Some(FailureAction::Ignore) => tries.ignored = tries.ignored.saturating_add(1),
            _ => tries.counted = tries.counted.saturating_add(1),
        }
        tries.last = tries.last.max(Some(at));
        if action == Some(FailureAction::FailIndex) || tries.counted > limit {
            self.tried.remove(&index);
            self.failed.insert(index);
        }
    }

    /// The index has succeeded.
    pub(super) fn succeeded(&mut self, index: u32) {
        self.tried.remove(&index);
    }

    /// The moment before which there is no new pod for this index (BPI-004).
    pub(super) fn not_before(&self, index: u32, backoff: &Backoff) -> Option<Mono> {
        let tries = self.tried.get(&index)?;
        let failures = tries.counted.saturating_add(tries.ignored);
        Some(tries.last? + restart::job_delay(backoff, failures))
    }

    /// The failures of an index that is still tried.
    pub(in crate::engine) fn of(&self, index: u32) -> Tries {
        self.tried.get(&index).copied().unwrap_or_default()
    }

    /// An operator wants it to go on now.
    pub(super) fn hurry(&mut self) {
        self.tried.values_mut().for_each(|tries| tries.last = None);
    }

    /// There are no indexes from `end` on any more (IDX-007).
    pub(super) fn truncate(&mut self, end: u32) {
        self.failed.truncate(end);
        self.tried.retain(|index, _| *index < end);
    }

    /// With its instants put into another boot.
    pub(in crate::engine) fn moved(mut self, to: impl Fn(Mono) -> Mono) -> Self {
        self.tried.values_mut().for_each(|tries| tries.last = tries.last.map(&to));
        self
    }
}
