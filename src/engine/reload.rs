//! Units come and change: the first load, `daemon-reload`, `apply`; and what lives from before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::{Action, Actions};
use super::entry::{Entry, KindState};
use super::event::{Adopted, Transient};
use super::id::{JobName, ObjectRef, RunId};
use super::places::Place;
use super::pod::{Owner, PodSeed};
use super::time::Now;
use super::timer::Timer;
use super::view::JobOwner;
use super::{Engine, report};
use crate::unit::model::{Body, CompletionMode, Handler, Unit};
use crate::unit::name::UnitName;

/// The unit that supd brings up, where there is one.
const DEFAULT_TARGET: &str = "default";
const SIGKILL: i32 = 9;

impl Engine {
    /// The first event: units, and what lives from before.
    pub(super) fn on_begin(
        &mut self,
        now: Now,
        (units, transient): (Vec<Arc<Unit>>, &[Transient]),
        adopted: Vec<Adopted>,
        uid_floor: u64,
        (disabled, aside): (&[UnitName], Vec<(UnitName, String)>),
        out: &mut Actions,
    ) {
        self.last_uid = self.last_uid.max(uid_floor);
        for unit in units {
            self.units.insert(unit.name.clone(), Box::new(Entry::new(now, unit)));
        }
        for name in disabled {
            if let Some(entry) = self.units.get_mut(name) {
                entry.enabled = false;
            }
        }
        for Transient { name, .. } in transient {
            if let Some(entry) = self.units.get_mut(name) {
                entry.transient = true;
            }
        }
        self.set_aside(aside, out);
        self.rebuild_graph();
        for name in self.wanted_at_boot() {
            self.want(now, &name);
        }
        for Transient { name, .. } in transient.iter().filter(|transient| !transient.at_rest) {
            self.want(now, name);
        }
        let ends: Vec<(RunId, super::event::Exit)> =
            adopted.into_iter().filter_map(|found| self.adopt(now, found, out)).collect();
        for (run, exit) in ends {
            self.on_exited(now, run, exit, out);
        }
        let all: Vec<UnitName> = self.units.keys().cloned().collect();
        all.iter().for_each(|name| self.mark(name));
    }

    /// What supd brings up: the target `default`, or every unit with a file that is neither template nor
    /// disabled.
    fn wanted_at_boot(&self) -> Vec<UnitName> {
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
        entry.only_loaded = false;
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

    /// Takes over a run that a former manager started. Returns its end, if it has ended already.
    pub(super) fn adopt(
        &mut self,
        now: Now,
        found: Adopted,
        out: &mut Actions,
    ) -> Option<(RunId, super::event::Exit)> {
        let Adopted { run, label, pid, started, ready, exit } = found;
        // A start that is under way has no time yet: a deadline must not be counted from the epoch.
        let started = if pid.is_some() { started } else { now };
        self.last_uid = self.last_uid.max(run.pod.0);
        if self.is_aside(&label.unit) {
            return None;
        }
        let unit = self.units.get(&label.unit).map(|entry| Arc::clone(&entry.unit));
        let owner = unit.as_ref().and_then(|unit| self.adoptive_owner(now, unit, &label));
        let (Some(unit), Some(owner)) = (unit, owner) else {
            // Its unit is gone, or is of another kind now: nobody would ever stop it.
            if exit.is_none() {
                let about = ("Pod", label.pod.as_str(), &label.unit);
                report(out, true, "Killing", about, "its unit is gone, killed".to_owned());
                out.push(Action::Signal { run, signal: SIGKILL, all: true });
            }
            return None;
        };
        // Made from a template that is no longer the unit's: it runs on as it is, and `apply` replaces it.
        let unit = match unit.template_hash == label.template_hash {
            true => unit,
            false => Arc::new(Unit { template_hash: label.template_hash, ..Unit::clone(&unit) }),
        };
        let seed = PodSeed { unit, name: label.pod, owner: owner.clone(), scheduled: label.scheduled };
        match owner {
            Owner::Service { ordinal } => {
                self.replicas_mut(&label.unit)?.places.set(ordinal, Place::Live(run.pod));
            }
            Owner::Job { job, .. } => {
                if let Some(job) = self.jobs.get_mut(&job) {
                    job.live.insert(run.pod);
                    job.start.get_or_insert(started);
                    let number = seed.name.rsplit('-').next().and_then(|text| text.parse::<u32>().ok());
                    job.made = job.made.max(number.map_or(0, |n| n.saturating_add(1)));
                }
            }
        }
        self.adopt_pod(seed, run, pid, started, label.restarts);
        self.resume_probe(run, ready, out);
        exit.map(|exit| (run, exit))
    }

    /// Whose pod a found run is; makes its job anew where that is needed.
    fn adoptive_owner(&mut self, now: Now, unit: &Arc<Unit>, label: &super::event::Label) -> Option<Owner> {
        match (&unit.body, &label.job) {
            (Body::Service(_), None) => Some(Owner::Service { ordinal: label.ordinal? }),
            (Body::Job(_) | Body::CronJob(_), Some(job)) => {
                if !self.jobs.contains_key(job) {
                    let origin = match (&unit.body, label.scheduled) {
                        (Body::Job(_), _) => JobOwner::Unit,
                        (_, Some(slot)) => JobOwner::Schedule(slot),
                        (_, None) => JobOwner::Manual,
                    };
                    self.adopt_job(now, unit, job.clone(), origin);
                }
                let uid = self.jobs.get(job)?.uid;
                Some(Owner::Job { job: job.clone(), uid, index: label.ordinal })
            }
            _ => None,
        }
    }

    fn adopt_job(&mut self, now: Now, unit: &Arc<Unit>, job: JobName, origin: JobOwner) {
        self.make_job(now, unit, job.clone(), origin.clone());
        if let JobOwner::Schedule(slot) = origin
            && let Some((_, calendar)) = self.calendar(&unit.name)
        {
            calendar.last_schedule = calendar.last_schedule.max(Some(slot));
            calendar.active.push(job);
        }
    }

    /// A pod that was there before must not flip to unready because its manager is new (PRB-018). What can
    /// be asked is asked again; what was told once (a notification) stands; what was never told is waited
    /// for, until the deadline that there was.
    fn resume_probe(&mut self, run: RunId, ready: bool, out: &mut Actions) {
        let Some(pod) = self.pods.get_mut(&run.pod) else { return };
        let runs = matches!(pod.present().state, super::pod::ProcessState::Running { .. });
        if !runs || pod.run() != run || pod.current != pod.main_place() {
            return;
        }
        let started = pod.started;
        if ready {
            (pod.ready, pod.was_ready, pod.ready_since) = (true, true, started);
        } else if let (Some(started), Some(deadline)) = (started, pod.template().startup_deadline) {
            self.timers.set(Timer::StartDeadline(run.pod), started.mono + deadline);
        }
        let asks = pod.template().readiness.as_ref().is_some_and(|probe| {
            matches!(
                probe.handler,
                Handler::Tcp { .. } | Handler::Http { .. } | Handler::Exec(_) | Handler::Notify
            )
        });
        if asks {
            out.push(Action::Probe { run, unit: Arc::clone(&pod.unit) });
        }
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
            let entries = self.units.iter_mut();
            let new = entries.filter_map(|(name, entry)| {
                std::mem::take(&mut entry.only_loaded)
                    .then(|| name.clone())
                    .filter(|name| boot.contains(name))
            });
            let new: Vec<UnitName> = new.collect();
            new.iter().for_each(|name| self.want(now, name));
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
        if apply {
            self.bring_into_force(now, name, out);
            self.replace_outdated(name);
        }
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
            (Body::Job(_), Body::Job(_)) => self.change_job(name, &unit, out),
            (Body::CronJob(was), Body::CronJob(is)) => {
                let edited = was.schedule.expression() != is.schedule.expression()
                    || was.schedule.zone() != is.schedule.zone();
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

    /// What Kubernetes lets change on a running job changes now; the rest at its next start (JVL-007).
    fn change_job(&mut self, name: &UnitName, unit: &Arc<Unit>, out: &mut Actions) {
        let Some(spec) = unit.job() else { return };
        let Some(job) = self.jobs.get_mut(name.as_str()).filter(|job| !job.finished) else { return };
        job.parallelism = spec.parallelism;
        job.suspended = spec.suspend;
        job.active_deadline = spec.active_deadline;
        let elastic =
            job.spec().mode == CompletionMode::Indexed && spec.completions == Some(spec.parallelism);
        if elastic && let Some(completions) = spec.completions {
            job.completions = Some(completions);
            job.completed.truncate(completions);
            job.succeeded = job.completed.len();
        }
        let timer = Timer::JobDeadline(job.uid);
        match (job.start, job.active_deadline) {
            (Some(start), Some(deadline)) => self.timers.set(timer, start.mono + deadline),
            _ => self.timers.clear(&timer),
        }
        out.push(Action::Changed(ObjectRef::Job(name.as_str().to_owned())));
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
