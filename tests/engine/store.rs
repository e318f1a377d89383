//! The store, as plainly as it can be written: what a commit holds, and what is read back.
//!
//! Everything is kept as text, so that writing and reading it are tested, too.

use std::collections::BTreeMap;

use supd::engine::Engine;
use supd::engine::id::PodUid;
use supd::engine::saved::{Saved, SavedUnit};
use supd::engine::time::Now;
use supd::unit::name::UnitName;

/// What was committed.
#[derive(Clone, Default)]
pub struct Stored {
    units: BTreeMap<UnitName, String>,
    jobs: BTreeMap<String, String>,
    pods: BTreeMap<PodUid, String>,
    taken: Now,
    /// The keeper's exits up to this number are known to all of it.
    pub exits: u64,
}

/// One commit: all of it, or nothing.
pub struct Batch {
    units: Vec<(UnitName, Option<String>)>,
    jobs: Vec<(String, Option<String>)>,
    pods: Vec<(PodUid, Option<String>)>,
    taken: Now,
    exits: u64,
}

impl Batch {
    /// All that has changed in the engine since the last one.
    pub fn of(engine: &mut Engine, now: Now, exits: u64) -> Self {
        let touched = engine.take_touched();
        let units = touched.units.into_iter();
        let jobs = touched.jobs.into_iter();
        let pods = touched.pods.into_iter();
        Self {
            units: units.map(|name| (name.clone(), engine.saved_unit(&name).map(|s| text(&s)))).collect(),
            jobs: jobs.map(|name| (name.clone(), engine.saved_job(&name).map(|s| text(&s)))).collect(),
            pods: pods.map(|uid| (uid, engine.saved_pod(uid).map(|s| text(&s)))).collect(),
            taken: now,
            exits,
        }
    }
}

impl Stored {
    /// The commit has succeeded.
    pub fn apply(&mut self, batch: Batch) {
        batch.units.into_iter().for_each(|(key, value)| put(&mut self.units, key, value));
        batch.jobs.into_iter().for_each(|(key, value)| put(&mut self.jobs, key, value));
        batch.pods.into_iter().for_each(|(key, value)| put(&mut self.pods, key, value));
        self.taken = batch.taken;
        self.exits = batch.exits;
    }

    /// All that is there.
    pub fn saved(&self) -> Saved {
        let read = "what was stored can be read";
        Saved {
            units: self.units(),
            jobs: self.jobs.values().map(|text| serde_json::from_str(text).expect(read)).collect(),
            pods: self.pods.values().map(|text| serde_json::from_str(text).expect(read)).collect(),
            taken: self.taken,
        }
    }

    /// The units that are there.
    pub fn units(&self) -> Vec<SavedUnit> {
        let read = "what was stored can be read";
        self.units.values().map(|text| serde_json::from_str(text).expect(read)).collect()
    }

    /// A unit, a job, as anybody could read them.
    pub fn unit_facts(&self) -> impl Iterator<Item = serde_json::Value> + '_ {
        self.units.values().map(|text| serde_json::from_str(text).expect("it is JSON"))
    }

    /// See [`Stored::unit_facts`].
    pub fn job_facts(&self) -> impl Iterator<Item = serde_json::Value> + '_ {
        self.jobs.values().map(|text| serde_json::from_str(text).expect("it is JSON"))
    }
}

fn put<K: Ord>(map: &mut BTreeMap<K, String>, key: K, value: Option<String>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("facts have names for keys")
}
