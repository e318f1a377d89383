//! Units come and change: what supd brings up, `daemon-reload`, `apply`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::{Action, Actions};
use super::entry::{Entry, KindState};
use super::id::{JobName, ObjectRef};
use super::time::Now;
use super::{Engine, report};
use crate::unit::model::{Body, Unit};
use crate::unit::name::UnitName;

/// The unit that supd brings up, where there is one.
const DEFAULT_TARGET: &str = "default";

impl Engine {
    /// What supd brings up: the target `default`, or every unit with a file that is neither template nor
    /// disabled.
    pub(super) fn wanted_at_boot(&self) -> Vec<UnitName> {
        let default = UnitName::parse(DEFAULT_TARGET).ok().filter(|name| self.units.contains_key(name));
        let roots: Vec<UnitName> = match default {
            Some(default) => vec![default],
            None => {
                let units = self.units.iter().filter(|(_, entry)| !entry.transient);
                units.map(|(name, _)| name.clone()).collect()
            }
        };
        let mut wanted = BTreeSet::new();
        for root in roots {
            if self.units.get(&root).is_some_and(|entry| entry.enabled) && !wanted.contains(&root) {
                wanted.extend(self.closure(&root));
            }
        }
        wanted.into_iter().collect()
    }

    /// A unit is to run.
    pub(super) fn want(&mut self, now: Now, name: &UnitName) {
        let Some(entry) = self.units.get_mut(name) else { return };
        (entry.only_loaded, entry.stopped) = (false, false);
        if !entry.wanted {
            entry.wanted = true;
            entry.released = false;
            if let KindState::CronJob(calendar) = &mut entry.kind {
                calendar.rearm(now);
            }
        }
        self.mark(name);
        self.wake_neighbours(name);
    }

    /// Units were loaded anew.
    pub(super) fn on_loaded(&mut self, now: Now, units: Vec<Arc<Unit>>, apply: bool, out: &mut Actions) {
        let mut loaded: BTreeMap<UnitName, Arc<Unit>> =
            units.into_iter().map(|unit| (unit.name.clone(), unit)).collect();
        let known: Vec<UnitName> = self.units.keys().cloned().collect();
        for name in &known {
            let unit = loaded.remove(name);
            self.reload_known(now, name, unit, apply, out);
        }
        for (name, unit) in loaded {
            let entry = Entry { only_loaded: true, ..Entry::new(now, unit) };
            self.units.insert(name.clone(), Box::new(entry));
            out.push(Action::Changed(ObjectRef::Unit(name)));
        }
        self.rebuild_graph();
        if apply {
            let boot: BTreeSet<UnitName> = self.wanted_at_boot().into_iter().collect();
            let new = self.units.iter().filter(|(_, entry)| entry.only_loaded);
            for name in new.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                if let Some(entry) = self.units.get_mut(&name) {
                    entry.only_loaded = false;
                }
                if boot.contains(&name) {
                    self.want(now, &name);
                }
            }
        }
        let all: Vec<UnitName> = self.units.keys().cloned().collect();
        all.iter().for_each(|name| self.mark(name));
    }

    fn reload_known(
        &mut self,
        now: Now,
        name: &UnitName,
        unit: Option<Arc<Unit>>,
        apply: bool,
        out: &mut Actions,
    ) {
        let Some(entry) = self.units.get_mut(name) else { return };
        let Some(unit) = unit else {
            if !entry.transient && !entry.removed {
                entry.removed = true;
                out.push(Action::Changed(ObjectRef::Unit(name.clone())));
            }
            return;
        };
        let before = entry.stale();
        entry.removed = false;
        entry.transient = false;
        entry.pending = (unit.hash != entry.unit.hash).then_some(unit);
        if entry.stale() != before {
            out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        }
        if apply && !self.is_refused(name, out) {
            self.bring_into_force(now, name, out);
            self.replace_outdated(name);
        }
    }

    /// Whether what is on disk may not take the place of what runs (JVL-007). Whoever applies it is told before
    /// ([`Engine::refused_change`]); this is for files that were changed behind supd's back.
    fn is_refused(&self, name: &UnitName, out: &mut Actions) -> bool {
        let pending = self.units.get(name).and_then(|entry| entry.pending.as_ref());
        let faults = pending.map(|unit| self.refused_change(unit)).unwrap_or_default();
        for fault in &faults {
            report(out, true, "Invalid", ("Job", name.as_str(), name), fault.clone());
        }
        !faults.is_empty()
    }

    /// What is on disk comes into force; running pods are replaced where they were made from something else.
    pub(super) fn bring_into_force(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let Some(entry) = self.units.get_mut(name) else { return };
        let Some(unit) = entry.pending.take() else { return };
        let old = std::mem::replace(&mut entry.unit, Arc::clone(&unit));
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        if old.kind() != unit.kind() {
            self.change_kind(now, name, &unit, out);
            return;
        }
        if let KindState::Service(replicas) = &mut entry.kind {
            replicas.scaled = None;
        }
        match (&old.body, &unit.body) {
            (Body::Service(_), _) if old.template_hash != unit.template_hash => self.replace_all(name, out),
            (Body::Job(was), Body::Job(_)) => self.change_job(name, (was, &unit), out),
            (Body::CronJob(was), Body::CronJob(is)) => {
                let edited = was.schedule != is.schedule || was.jitter != is.jitter;
                if let Some((_, calendar)) = self.calendar(name) {
                    if edited {
                        calendar.rearm(now);
                    }
                    if was.suspend != is.suspend {
                        calendar.suspended = is.suspend;
                    }
                }
            }
            _ => {}
        }
        self.mark(name);
    }

    /// A unit became one of another kind: what ran ends, and the new kind begins.
    fn change_kind(&mut self, now: Now, name: &UnitName, unit: &Arc<Unit>, out: &mut Actions) {
        let Some(entry) = self.units.get_mut(name) else { return };
        let fresh = Entry::new(now, Arc::clone(unit));
        let old = std::mem::replace(&mut entry.kind, fresh.kind);
        entry.released = false;
        match old {
            KindState::Service(replicas) => {
                for uid in replicas.places.live() {
                    self.stop_pod(now, uid, super::pod::Count::Already, out);
                }
            }
            KindState::Job { .. } | KindState::CronJob(_) => {
                let own: Vec<JobName> = self
                    .jobs
                    .values()
                    .filter(|job| &job.unit.name == name)
                    .map(|job| job.name.clone())
                    .collect();
                own.iter().for_each(|job| self.delete_job(now, job, out));
            }
            KindState::Target => {}
        }
        self.mark(name);
    }
}
