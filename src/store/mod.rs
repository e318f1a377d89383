//! What survives: finished pods, ended runs, events, and an operator's intents.
//!
//! In memory for now, but for intents, units without a file, last good versions, marks of readiness and the numbers that pods
//! have had. The cut is the one that a database
//! needs: whatever is remembered comes in through [`Store::record`], and an exit is acknowledged to the
//! keeper only after the batch it came with was committed ([`Store::commit`]).

use std::collections::{BTreeMap, VecDeque};

use crate::engine::action::{Record, RunRecord};
use crate::engine::id::PodUid;
use crate::engine::view::PodView;
use crate::limits::{FINISHED_PODS_MAX, RUNS_KEPT};
use crate::unit::name::UnitName;

pub mod database;
pub mod events;
pub mod intents;
pub mod last_good;
pub mod ready;
pub mod transients;
pub mod uids;

mod writer;

pub use events::{Events, StoredEvent};
pub use intents::Intents;
pub use last_good::LastGood;
pub use ready::ReadyMarks;
pub use transients::Transients;
pub use uids::Uids;

/// All that is remembered of what has ended.
#[derive(Default)]
pub struct Store {
    pods: BTreeMap<PodUid, PodView>,
    runs: VecDeque<StoredRun>,
    last_run: u64,
    /// What happened, for `get events`.
    pub events: Events,
}

/// An ended run, with its place in the order of ends.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// Grows by one from run to run; never used again.
    pub sequence: u64,
    /// The run.
    pub record: RunRecord,
}

impl Store {
    /// Remembers something that has ended. A pod that had to make room is returned: its logs go, too.
    pub fn record(&mut self, record: Record) -> Option<PodView> {
        match record {
            Record::Run(record) => {
                self.last_run += 1;
                self.runs.push_back(StoredRun { sequence: self.last_run, record: *record });
                if self.runs.len() > RUNS_KEPT {
                    self.runs.pop_front();
                }
                None
            }
            Record::Pod(pod) => {
                self.pods.insert(pod.uid, *pod);
                let full = self.pods.len() > FINISHED_PODS_MAX;
                full.then(|| self.pods.pop_first()).flatten().map(|(_, oldest)| oldest)
            }
        }
    }

    /// Drops a pod and its runs: its unit keeps only so many.
    pub fn forget(&mut self, uid: PodUid) -> Option<PodView> {
        // Nothing to look through for a pod that ended long ago: its runs have made room by themselves.
        if self.runs.front().is_some_and(|oldest| oldest.record.run.pod <= uid) {
            self.runs.retain(|run| run.record.run.pod != uid);
        }
        self.pods.remove(&uid)
    }

    /// Makes what was recorded safe. Nothing to do while it lives in memory; with a disk, the group commit
    /// after which the keeper may forget the exits of the batch.
    pub fn commit(&mut self) {}

    /// A finished pod.
    pub fn pod(&self, uid: PodUid) -> Option<&PodView> {
        self.pods.get(&uid)
    }

    /// Finished pods, oldest first.
    pub fn pods(&self) -> impl DoubleEndedIterator<Item = &PodView> {
        self.pods.values()
    }

    /// Finished pods of a unit, oldest first.
    pub fn pods_of<'a>(&'a self, unit: &'a UnitName) -> impl DoubleEndedIterator<Item = &'a PodView> {
        self.pods.values().filter(move |pod| pod.unit == *unit)
    }

    /// Ended runs, oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &StoredRun> {
        self.runs.iter()
    }

    /// The highest uid that anything remembered has: new pods are numbered above it.
    pub fn highest_uid(&self) -> u64 {
        self.pods.last_key_value().map_or(0, |(uid, _)| uid.0)
    }
}

#[cfg(test)]
mod tests;
