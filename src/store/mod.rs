//! What survives a manager, supd, and the machine: facts from which the engine goes on, finished pods, the
//! history of runs, the texts of units, events.
//!
//! All but the events lie in a database ([`database`]), which a thread of its own writes. Changes are
//! collected into a batch ([`batch`]) and handed to the writer together: at most one batch is on its way.
//! Whatever may only be done once something is stored waits for the number of its batch: exits are
//! acknowledged, answers given, changes published, slots of cronjobs run.
//!
//! ```text
//!   put, record ─▶ batch n ── hand_over(mark) ─▶ writer ─▶ disk, or memory that the keeper holds
//!                                                   └────▶ take_in: n is stored
//! ```

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::engine::action::{Record, RunRecord};
use crate::engine::id::PodUid;
use crate::engine::saved::{SavedJob, SavedPod, SavedUnit};
use crate::engine::time::{Mono, Now};
use crate::engine::view::PodView;
use crate::limits::{FINISHED_PODS_MAX, UID_BLOCK};
use crate::unit::name::UnitName;

mod batch;
pub mod database;
pub mod events;
pub mod history;
pub mod legacy;
pub mod mark;
pub mod ready;
mod recalled;
pub mod trial;

pub use database::Place;
pub use events::{Events, StoredEvent};
pub use history::{Entry, History};
pub use mark::{KeeperMark, Mark, UnitFault};
pub use ready::ReadyMarks;
pub use recalled::Recalled;

use batch::Collecting;
use database::{Batch, Database, Opening, Said, Table};

/// All that is remembered, and the way to where it is safe.
pub struct Store {
    database: Database,
    collecting: Collecting,
    /// The number of the batch that is being collected.
    open: u64,
    /// All batches up to this one are stored.
    stored: u64,
    /// Finished pods.
    pods: BTreeMap<PodUid, PodView>,
    /// Ended runs and decisions.
    pub history: History,
    /// What happened, for `get events`.
    pub events: Events,
    /// Versions of units, as they are stored: a whole batch tells them, too.
    versions: BTreeMap<u64, Box<[u8]>>,
    /// Uids up to here are marked as used.
    uids: u64,
}

/// One version of a unit, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The unit.
    pub name: UnitName,
    /// Where it was written.
    pub path: std::path::PathBuf,
    /// What was merged over it.
    #[serde(default)]
    pub drop_ins: Vec<std::path::PathBuf>,
    /// A text that loads as the same unit.
    pub text: String,
}

/// News of the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// All batches up to this one are stored.
    Stored(u64),
    /// The disk did not take it: everything is to be handed over again, to memory.
    Failed(String),
}

impl Store {
    /// Reads what there is. `memory` is what the keeper holds for us. Never fails: what cannot be read is set
    /// aside, and told.
    pub fn open(state_directory: &Path, memory: Option<OwnedFd>, now: Now) -> io::Result<(Self, Recalled)> {
        let opening = Opening { state_dir: state_directory.to_owned(), memory, now };
        let opened = Database::open(opening)?;
        let mut store = Self {
            database: opened.database,
            collecting: Collecting::default(),
            open: 1,
            stored: 0,
            pods: BTreeMap::new(),
            history: History::default(),
            events: Events::default(),
            versions: BTreeMap::new(),
            uids: 0,
        };
        let recalled = store.recall(opened.records, opened.findings);
        Ok((store, recalled))
    }

    // ---- what is to be stored

    /// A unit has changed, or is gone.
    pub fn put_unit(&mut self, name: &UnitName, saved: Option<&SavedUnit>) {
        self.collecting.update(Table::Unit, name.as_str().into(), saved);
    }

    /// A job has changed, or is gone.
    pub fn put_job(&mut self, name: &str, saved: Option<&SavedJob>) {
        self.collecting.update(Table::Job, name.into(), saved);
    }

    /// A pod has changed, or is gone.
    pub fn put_pod(&mut self, uid: PodUid, saved: Option<&SavedPod>) {
        self.collecting.update(Table::Pod, number(uid.0), saved);
    }

    /// A version of a unit is in use, or may be.
    pub fn put_version(&mut self, hash: u64, version: impl FnOnce() -> Version) {
        if let MapEntry::Vacant(place) = self.versions.entry(hash) {
            let text = self.collecting.add(Table::Text, number(hash), &version());
            place.insert(text.into());
        }
    }

    /// The version of this hash, if it is kept.
    pub fn version(&self, hash: u64) -> Option<Version> {
        serde_json::from_slice(self.versions.get(&hash)?).ok()
    }

    /// Versions that nothing refers to any more go.
    pub fn keep_versions(&mut self, used: &BTreeSet<u64>) {
        let gone: Vec<u64> = self.versions.keys().filter(|hash| !used.contains(hash)).copied().collect();
        for hash in gone {
            self.versions.remove(&hash);
            self.collecting.remove(Table::Text, number(hash));
        }
    }

    /// Remembers something that happened. A pod that had to make room is returned: its logs go, too.
    pub fn record(&mut self, record: Record) -> Option<PodView> {
        match record {
            Record::Run(run) => self.add_history(Entry::Run(run)),
            Record::Decision(decision) => self.add_history(Entry::Decision(decision)),
            Record::Pod(pod) => {
                self.collecting.add(Table::Ended, number(pod.uid.0), &pod);
                self.pods.insert(pod.uid, *pod);
                let full = self.pods.len() > FINISHED_PODS_MAX;
                let oldest = full.then(|| self.pods.pop_first()).flatten().map(|(_, oldest)| oldest);
                if let Some(oldest) = &oldest {
                    self.collecting.remove(Table::Ended, number(oldest.uid.0));
                }
                return oldest;
            }
        }
        None
    }

    fn add_history(&mut self, entry: Entry) {
        let text = number(self.history.last_sequence() + 1);
        self.collecting.add(Table::History, text, &entry);
        if let (_, Some(gone)) = self.history.add(entry) {
            self.collecting.remove(Table::History, number(gone));
        }
    }

    /// Drops a pod: its unit keeps only so many. Its runs stay in the history.
    pub fn forget(&mut self, uid: PodUid) -> Option<PodView> {
        let pod = self.pods.remove(&uid)?;
        self.collecting.remove(Table::Ended, number(uid.0));
        Some(pod)
    }

    /// A uid is used. They are marked in blocks, so that a machine that dies uses none of them twice.
    pub fn use_uid(&mut self, uid: u64) {
        if uid.saturating_add(UID_BLOCK / 2) > self.uids {
            self.uids = uid.saturating_add(UID_BLOCK);
        }
    }

    /// No pod of any supd before this one had a higher uid.
    pub fn uid_floor(&self) -> u64 {
        self.uids.max(self.pods.last_key_value().map_or(0, |(uid, _)| uid.0))
    }

    // ---- on its way

    /// The number of the batch that what is put now belongs to.
    pub fn open_batch(&self) -> u64 {
        self.open
    }

    /// All batches up to this one are stored.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// How many records wait to be handed over.
    pub fn waiting(&self) -> usize {
        self.collecting.len()
    }

    /// Whether the writer would take a batch.
    pub fn is_idle(&self) -> bool {
        self.database.is_idle()
    }

    /// Whether the next batch must tell everything: then [`Store::begin_whole`] comes first, and all facts
    /// after that.
    pub fn wants_whole(&self) -> bool {
        self.database.wants_whole()
    }

    /// The next batch tells everything: what this store knows by itself is put now.
    pub fn begin_whole(&mut self) {
        self.collecting.forget_written();
        for (uid, pod) in &self.pods {
            self.collecting.add(Table::Ended, number(uid.0), pod);
        }
        for (hash, text) in &self.versions {
            self.collecting.add_written(Table::Text, number(*hash), text.to_vec());
        }
        for entry in self.history.all() {
            self.collecting.add(Table::History, number(entry.sequence), entry.entry);
        }
    }

    /// Gives the writer what was collected, with the mark that says how far it goes. Returns the number of
    /// the batch.
    pub fn hand_over(&mut self, mark: &Mark, now: Now) -> u64 {
        let mark = Mark { uids: self.uids, ..mark.clone() };
        self.collecting.add(Table::Meta, MARK.into(), &mark);
        let number = self.open;
        self.open += 1;
        let whole = self.database.wants_whole();
        self.database.write(now, Batch { number, whole, writes: self.collecting.take() });
        number
    }

    /// Waits until the writer has said something.
    pub async fn ready(&self) -> io::Result<()> {
        self.database.ready().await
    }

    /// What it said.
    pub fn take_in(&mut self, now: Now) -> Option<News> {
        match self.database.take_in(now)? {
            Said::Committed { number } => {
                self.stored = self.stored.max(number);
                Some(News::Stored(self.stored))
            }
            Said::Failed { why, .. } => Some(News::Failed(why)),
        }
    }

    /// When [`Store::on_time`] has something to do.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.database.next_deadline()
    }

    /// A disk that hangs is given up; one that was given up is tried again.
    pub fn on_time(&mut self, now: Now) {
        self.database.on_time(now);
    }

    /// Where it lies.
    pub fn place(&self) -> &Place {
        self.database.place()
    }

    // ---- what there is

    /// A finished pod.
    pub fn pod(&self, uid: PodUid) -> Option<&PodView> {
        self.pods.get(&uid)
    }

    /// Finished pods, oldest first.
    pub fn pods(&self) -> impl DoubleEndedIterator<Item = &PodView> {
        self.pods.values()
    }

    /// Ended runs of a pod, oldest first.
    pub fn runs_of<'a>(&'a self, pod: &'a PodView) -> impl Iterator<Item = &'a RunRecord> {
        self.history.runs_of(&pod.unit).filter(|run| run.run.pod == pod.uid)
    }
}

const MARK: &[u8] = b"mark";

/// A number as a key: in the order of the numbers.
fn number(number: u64) -> Vec<u8> {
    number.to_be_bytes().into()
}

#[cfg(test)]
mod tests;
