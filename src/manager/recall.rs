//! What was stored, brought together with what lives and what is written: the engine's first event.
//!
//! Under the keeper that there was, nothing may change because the manager is a new one: units are what they
//! were, from the texts that were stored, whatever has happened to their files since. A supd that comes up
//! anew reads the files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Manager;
use super::change::own_variable;
use crate::engine::event::Begin;
use crate::engine::saved::{Continuity, SavedUnit};
use crate::runtime::clock;
use crate::runtime::keeper::Snapshot;
use crate::store::{KeeperMark, Recalled, Version, legacy};
use crate::unit::load::Loaded;
use crate::unit::model::{Origin, Unit};
use crate::unit::name::UnitName;
use crate::unit::transient::read_transient;

/// Units as the engine is to have them.
#[derive(Default)]
struct Versions {
    in_force: Vec<Arc<Unit>>,
    pending: Vec<Arc<Unit>>,
    older: Vec<Arc<Unit>>,
}

impl Manager {
    /// What this manager may rely on.
    pub(super) fn continuity(&mut self, recalled: &mut Recalled, snapshot: &Snapshot) -> Continuity {
        let keeper = KeeperMark::new(snapshot.since);
        let continuity = match &recalled.mark {
            Some(mark) => mark.continuity(&keeper),
            // Nothing was stored, or nothing could be read of it: what the keeper shows is all there is.
            None if snapshot.deaths > 0 => Continuity::Manager,
            None => Continuity::Anew,
        };
        if recalled.mark.is_none() {
            let legacy = legacy::read(&self.settings.state_dir);
            let disabled = legacy.disabled.into_iter();
            recalled.saved.units.extend(disabled.map(|name| SavedUnit::disabled(name, clock::now())));
            self.store.use_uid(legacy.uids);
        }
        self.commits.begin(keeper, recalled.mark.take());
        continuity
    }

    /// Whether units are what they were, and no file is read.
    pub(super) fn goes_on(continuity: Continuity, recalled: &Recalled) -> bool {
        continuity == Continuity::Manager && !recalled.versions.is_empty()
    }

    /// The first event. `loaded` is what is written in files, where that counts.
    pub(super) fn first_event(
        &mut self,
        continuity: Continuity,
        recalled: Recalled,
        loaded: Option<Loaded>,
        snapshot: &mut Snapshot,
    ) -> Begin {
        let Recalled { mut saved, versions, .. } = recalled;
        if continuity == Continuity::Anew {
            // What `supctl run` made went with the supd that it was made in.
            saved.units.retain(|unit| !unit.transient);
        }
        let alive = snapshot.adopted.iter().map(|found| found.label.template_hash).collect();
        let spare = saved.spare_versions(&alive);
        let versions: BTreeMap<u64, Version> =
            versions.into_iter().filter(|(hash, _)| !spare.contains(hash)).collect();
        let units = match loaded {
            Some(loaded) => self.with_older(loaded, &saved.units, &versions, continuity),
            None => self.as_they_were(&saved.units, &versions),
        };
        let mut uid_floor = snapshot.pod_highest;
        if uid_floor == 0 || continuity != Continuity::Manager {
            // The runs of this keeper are numbered above those of any supd before it.
            uid_floor = uid_floor.max(self.store.uid_floor());
        }
        let mut adopted = std::mem::take(&mut snapshot.adopted);
        if continuity == Continuity::Manager {
            // Ends that are stored are over, though the keeper has not heard so.
            let stored = self.commits.exits_before();
            let exits = &snapshot.exits;
            adopted.retain(|found| exits.get(&found.run).is_none_or(|exit| *exit > stored));
        } else {
            // A keeper that died may have been about to forget them.
            adopted.retain(|found| self.store.pod(found.run.pod).is_none());
        }
        Begin {
            units: units.in_force,
            pending: units.pending,
            versions: units.older,
            same_boot: continuity != Continuity::Anew || self.commits.same_boot(),
            saved,
            continuity,
            adopted,
            uid_floor,
            quarantined: Vec::new(),
        }
    }

    /// Units from what was stored. One that cannot be read any more is looked for among the files.
    fn as_they_were(&mut self, saved: &[SavedUnit], versions: &BTreeMap<u64, Version>) -> Versions {
        let mut units = Versions::default();
        let mut files = None;
        let (mut used, mut missing) = (BTreeSet::new(), Vec::new());
        for unit in saved {
            used.extend([Some(unit.hash), unit.pending].into_iter().flatten());
            match read_known(versions, unit.hash) {
                Some(read) => units.in_force.push(read),
                None => missing.push(unit.name.clone()),
            }
            units.pending.extend(unit.pending.and_then(|hash| read_known(versions, hash)));
        }
        for name in missing {
            let files = files.get_or_insert_with(|| self.sources.load());
            match files.get(name.as_str()) {
                Some(unit) => units.in_force.push(Arc::clone(unit)),
                None => tracing::error!("{name}: what it was cannot be read, and it has no file any more"),
            }
        }
        units.in_force.sort_by(|one, other| one.name.cmp(&other.name));
        units.older = read_older(versions, &used);
        units
    }

    /// Units from files, with older versions of them that something was made from, and with those that have
    /// no file.
    fn with_older(
        &mut self,
        loaded: Loaded,
        saved: &[SavedUnit],
        versions: &BTreeMap<u64, Version>,
        continuity: Continuity,
    ) -> Versions {
        let mut units = Versions { in_force: loaded.units, ..Versions::default() };
        if continuity == Continuity::Supd {
            let known: BTreeSet<UnitName> = units.in_force.iter().map(|unit| unit.name.clone()).collect();
            // Of these something may live: units without a file, and units whose file is broken now.
            let kept = |unit: &&SavedUnit| {
                !known.contains(&unit.name) && (unit.transient || loaded.refused.contains(&unit.name))
            };
            let kept = saved.iter().filter(kept).filter_map(|unit| read_known(versions, unit.hash));
            units.in_force.extend(kept);
            units.in_force.sort_by(|one, other| one.name.cmp(&other.name));
        }
        let used = units.in_force.iter().map(|unit| unit.hash).collect();
        units.older = read_older(versions, &used);
        units
    }

    /// Keeps the texts of what was loaded, for the manager that comes after this one.
    pub(super) fn keep_versions(&mut self, loaded: &Loaded) {
        for unit in &loaded.units {
            if let Some(text) = loaded.texts.get(&unit.name) {
                self.store.put_version(unit.hash, || version(unit, text));
            }
        }
    }
}

/// A version of a unit, to be stored.
pub(super) fn version(unit: &Unit, text: &str) -> Version {
    Version {
        name: unit.name.clone(),
        path: unit.origin.path.clone(),
        drop_ins: unit.origin.drop_ins.clone(),
        text: text.to_owned(),
    }
}

/// The unit that a version was stored of.
pub(super) fn read_version(hash: u64, version: &Version) -> Option<Arc<Unit>> {
    match read_transient(&version.name, &version.text, &own_variable) {
        Ok(unit) => {
            let origin = Origin { path: version.path.clone(), drop_ins: version.drop_ins.clone() };
            // The hash names the version: what another supd made of the same text is the same version.
            Some(Arc::new(Unit { origin, hash, ..unit }))
        }
        Err(faults) => {
            let words = faults.first().map_or_else(String::new, |fault| fault.message.clone());
            tracing::error!("{}: what it was cannot be read: {words}", version.name);
            None
        }
    }
}

fn read_known(versions: &BTreeMap<u64, Version>, hash: u64) -> Option<Arc<Unit>> {
    read_version(hash, versions.get(&hash)?)
}

/// Versions that are stored and not among these.
fn read_older(versions: &BTreeMap<u64, Version>, used: &BTreeSet<u64>) -> Vec<Arc<Unit>> {
    let older = versions.keys().filter(|hash| !used.contains(hash));
    older.filter_map(|hash| read_known(versions, *hash)).collect()
}
