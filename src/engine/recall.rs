//! The first event: from what was stored, what was loaded and what lives to an engine that goes on.
//!
//! A restarted manager needs no path of its own for this: facts come back, what lives is put under them
//! ([`super::adopt`]), ends that nobody has heard of yet are taken in as any end is, and then everything is
//! reconciled. What a unit's or a job's owner no longer knows is forgotten here, with its logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Engine;
use super::action::{Action, Actions};
use super::cron::Calendar;
use super::entry::{Entry, KindState};
use super::event::Begin;
use super::id::{Class, PodUid};
use super::job::{Job, Terms};
use super::places::Place;
use super::pod::{Leaving, Owner, Pod, Process, ProcessState, class_of, narrow};
use super::saved::{
    Continuity, Saved, SavedJob, SavedKind, SavedPod, SavedProcess, SavedReplicas, SavedUnit,
};
use super::time::{Mono, Now};
use super::timer::Timer;
use super::view::{JobOwner, Terminated, UnitState};
use crate::unit::model::{AtBoot, Body, Unit};
use crate::unit::name::UnitName;

/// What everything that comes back has to know.
pub(super) struct Recall {
    pub(super) now: Now,
    pub(super) continuity: Continuity,
    /// What is added to an instant of the boot in which it was stored.
    shift: i64,
    /// Versions of units by their hash.
    versions: BTreeMap<u64, Arc<Unit>>,
}

impl Recall {
    fn new(now: Now, begin: &Begin) -> Self {
        let taken = begin.saved.taken;
        // While no machine was there, the wall clock alone says how much time has passed.
        let away = now.wall.0.saturating_sub(taken.wall.0).max(0);
        let shift = match begin.same_boot {
            true => 0,
            false => now.mono.0.saturating_sub(away).saturating_sub(taken.mono.0),
        };
        let all = begin.units.iter().chain(&begin.pending).chain(&begin.versions);
        let versions = all.map(|unit| (unit.hash, Arc::clone(unit))).collect();
        Self { now, continuity: begin.continuity, shift, versions }
    }

    /// For something that is found later, under the same keeper.
    pub(super) fn of_now(now: Now) -> Self {
        Self { now, continuity: Continuity::Manager, shift: 0, versions: BTreeMap::new() }
    }

    /// The version of this hash, if it is known.
    pub(super) fn exactly(&self, hash: u64) -> Option<&Arc<Unit>> {
        self.versions.get(&hash)
    }

    fn mono(&self, at: Mono) -> Mono {
        Mono(at.0.saturating_add(self.shift))
    }

    pub(super) fn time(&self, at: Now) -> Now {
        Now { mono: self.mono(at.mono), wall: at.wall }
    }

    pub(super) fn is_anew(&self) -> bool {
        self.continuity == Continuity::Anew
    }

    /// The version that something was made from; where it is not known any more, the one in force.
    fn version(&self, hash: u64, in_force: &Arc<Unit>) -> Arc<Unit> {
        let known = self.versions.get(&hash).filter(|unit| unit.name == in_force.name);
        Arc::clone(known.unwrap_or(in_force))
    }

    /// As [`Recall::version`], for something of which only the template is known to matter.
    pub(super) fn template(&self, hash: u64, in_force: &Arc<Unit>) -> Arc<Unit> {
        if in_force.template_hash == hash {
            return Arc::clone(in_force);
        }
        let fits = |unit: &&Arc<Unit>| unit.name == in_force.name && unit.template_hash == hash;
        match self.versions.values().find(fits) {
            Some(unit) => Arc::clone(unit),
            // It runs on as it is, and `apply` replaces it.
            None => Arc::new(Unit { template_hash: hash, ..Unit::clone(in_force) }),
        }
    }
}

impl Engine {
    /// The first event.
    pub(super) fn on_begin(&mut self, now: Now, begin: Begin, out: &mut Actions) {
        let recall = Recall::new(now, &begin);
        self.last_uid = self.last_uid.max(begin.uid_floor);
        self.note_stored(&begin.saved);
        for unit in begin.units {
            self.units.insert(unit.name.clone(), Box::new(Entry::new(now, unit)));
        }
        for unit in begin.pending {
            if let Some(entry) = self.units.get_mut(&unit.name) {
                entry.pending = Some(unit).filter(|unit| unit.hash != entry.unit.hash);
            }
        }
        let mut known = BTreeMap::new();
        for saved in begin.saved.units {
            known.insert(saved.name.clone(), saved.wanted);
            self.recall_unit(saved, &recall, out);
        }
        self.set_aside(begin.quarantined, out);
        self.rebuild_graph();
        self.want_again(&recall, &known);
        for saved in begin.saved.jobs {
            self.recall_job(saved, &recall, out);
        }
        for saved in begin.saved.pods {
            self.recall_pod(saved, &recall, out);
        }
        self.adopt_all(begin.adopted, &recall, out);
        self.hold_unknown(&known);
        let all: Vec<UnitName> = self.units.keys().cloned().collect();
        all.iter().for_each(|name| self.mark(name));
    }

    /// What was stored and is not taken over must not be there for the next manager.
    fn note_stored(&mut self, saved: &Saved) {
        saved.units.iter().for_each(|unit| self.units.touch(unit.name.clone()));
        saved.jobs.iter().for_each(|job| self.jobs.touch(job.name.clone()));
        saved.pods.iter().for_each(|pod| self.pods.touch(pod.uid));
    }

    /// What is to run: as it was, or as at boot. An operator's `stop` stands until `start`.
    fn want_again(&mut self, recall: &Recall, known: &BTreeMap<UnitName, bool>) {
        let boot: BTreeSet<UnitName> = self.wanted_at_boot().into_iter().collect();
        for name in self.units.keys().cloned().collect::<Vec<_>>() {
            let Some(entry) = self.units.get_mut(&name) else { continue };
            let at_boot = boot.contains(&name) && !entry.stopped;
            let was = known.get(&name).copied();
            let wanted = match (recall.continuity, was) {
                (_, None) | (Continuity::Anew, _) => at_boot,
                (Continuity::Manager, Some(was)) => was,
                (Continuity::Supd, Some(was)) => was || at_boot,
            };
            if wanted && was == Some(true) {
                // Not anew: a calendar goes on where it stood.
                entry.wanted = true;
            } else if wanted {
                self.want(recall.now, &name);
            }
        }
    }

    fn recall_unit(&mut self, saved: SavedUnit, recall: &Recall, out: &mut Actions) {
        let name = saved.name.clone();
        let Some(entry) = self.units.get_mut(&name) else {
            return forget_all(&name, saved.kind, out);
        };
        entry.enabled = saved.enabled;
        entry.stopped = saved.stopped;
        entry.created = recall.time(saved.created);
        entry.last_exit = saved.last_exit;
        entry.last_restart = saved.last_restart;
        if recall.continuity == Continuity::Manager {
            entry.removed = saved.removed;
            entry.only_loaded = saved.only_loaded;
        }
        let at_rest = matches!(saved.state, UnitState::Complete | UnitState::Failed);
        if !recall.is_anew() {
            entry.transient = saved.transient;
            entry.released = saved.released;
            entry.deleting = saved.deleting;
            entry.essential_end = saved.essential_end;
        }
        if !recall.is_anew() || at_rest {
            (entry.state, entry.since) = (saved.state, recall.time(saved.since));
        }
        match (&mut entry.kind, saved.kind) {
            (KindState::Service(_), SavedKind::Service(replicas)) => {
                self.recall_service(&name, saved.hash, replicas, recall, out);
            }
            (KindState::Job { again }, SavedKind::Job { again: was }) => *again = was,
            (KindState::CronJob(calendar), SavedKind::CronJob(saved)) => {
                let Body::CronJob(cron) = &entry.unit.body else { return };
                let same = cron.schedule.expression() == saved.schedule
                    && cron.schedule.zone() == saved.zone.as_deref();
                let suspended =
                    if cron.suspend == saved.suspended_by_unit { saved.suspended } else { cron.suspend };
                **calendar = Calendar::recalled(saved, suspended);
                if !same {
                    // Editing a schedule never fires it.
                    calendar.rearm(recall.now);
                }
            }
            (_, other) => forget_all(&name, other, out),
        }
    }

    fn recall_job(&mut self, saved: SavedJob, recall: &Recall, out: &mut Actions) {
        let entry = self.units.get(&saved.unit);
        let fits = entry.is_some_and(|entry| match (&entry.kind, &saved.owner) {
            (KindState::Job { .. }, JobOwner::Unit) => saved.name == saved.unit.as_str(),
            (KindState::Job { .. } | KindState::CronJob(_), JobOwner::Manual) => true,
            (KindState::CronJob(_), JobOwner::Schedule(_)) => true,
            _ => false,
        });
        let Some(entry) = entry.filter(|_| fits) else {
            for (uid, pod) in saved.kept_succeeded.into_iter().chain(saved.kept_failed) {
                out.push(Action::ForgetPod { uid, unit: saved.unit.clone(), name: pod });
            }
            return;
        };
        let unit = recall.version(saved.hash, &entry.unit);
        // The unit may be of another kind now, or have been edited while supd was away.
        let Some(spec) = unit.job() else { return };
        let terms = saved.terms.unwrap_or_else(|| Terms::of(spec));
        let retries = spec.backoff_limit_per_index.map(|_| saved.retries.unwrap_or_default());
        let job = Job {
            name: saved.name,
            uid: saved.uid,
            unit,
            owner: saved.owner,
            created: recall.time(saved.created),
            completions: saved.completions,
            parallelism: saved.parallelism,
            active_deadline: saved.active_deadline,
            suspended: saved.suspended,
            terms,
            live: BTreeSet::new(),
            succeeded: saved.succeeded,
            failed: saved.failed,
            completed: saved.completed,
            made: saved.made,
            start: saved.start.map(|at| recall.time(at)),
            completion_time: saved.completion_time,
            conditions: saved.conditions,
            verdict: saved.verdict,
            finished: saved.finished,
            finished_at: saved.finished_at.map(|at| recall.time(at)),
            failures_in_row: saved.failures_in_row,
            last_failure: saved.last_failure.map(|at| recall.mono(at)),
            retries: retries.map(|retries| Box::new(retries.moved(|at| recall.mono(at)))),
            fail_job: saved.fail_job,
            kept_succeeded: saved.kept_succeeded.into(),
            kept_failed: saved.kept_failed.into(),
        };
        self.last_uid = self.last_uid.max(job.uid.0);
        if let (Some(start), Some(deadline), false) = (job.start, job.active_deadline, job.finished) {
            self.timers.set(Timer::JobDeadline(job.uid), start.mono + deadline);
        }
        // One that was interrupted, too: what it had done is gone with the boot.
        let again = recall.is_anew() && job.owner == JobOwner::Unit && job.spec().at_boot == AtBoot::Again;
        let name = saved.unit;
        if again && let Some(kind) = self.kind_mut(&name) {
            *kind = KindState::Job { again: true };
        }
        self.set_ttl(job.uid, job.finished_at, job.terms.ttl_after_finished);
        self.jobs.insert(job.name.clone(), job);
    }

    fn recall_pod(&mut self, saved: SavedPod, recall: &Recall, out: &mut Actions) {
        self.last_uid = self.last_uid.max(saved.uid.0);
        if !self.give_back(&saved, recall) {
            out.push(Action::ForgetPod { uid: saved.uid, unit: saved.unit, name: saved.name });
            return;
        }
        let Some(entry) = self.units.get(&saved.unit) else { return };
        if recall.is_anew() && matches!(saved.owner, Owner::Service { .. }) {
            self.retire(&saved.unit, (saved.uid, saved.name), out);
            return;
        }
        let mut unit = recall.version(saved.hash, &entry.unit);
        if unit.template_hash != saved.template_hash {
            unit = recall.template(saved.template_hash, &entry.unit);
        }
        let uid = saved.uid;
        let Some(template) = unit.pod() else { return };
        // As many as its template has: where that is lost, the one in force stands in for it.
        let mut stored = saved.processes.into_iter();
        let of_old = (saved.reached, saved.ready, saved.kill_at, saved.restart_at);
        let mut processes: Vec<Process> = Vec::new();
        for (place, model) in template.processes().enumerate() {
            let Some(mut stored) = stored.next() else {
                processes.push(Process::new(model.part));
                continue;
            };
            stored.fill_in(place, of_old);
            let timers = [
                (Timer::Kill(uid, narrow(place)), stored.kill_at),
                (Timer::Restart(uid, narrow(place)), stored.restart_at),
            ];
            for (timer, at) in timers {
                if let Some(at) = at {
                    self.timers.set(timer, recall.mono(at));
                }
            }
            processes.push(recalled_process(stored, class_of(model.part), recall));
        }
        let pod = Pod {
            uid,
            name: saved.name,
            unit,
            owner: saved.owner,
            scheduled: saved.scheduled,
            created: recall.time(saved.created),
            started: saved.started.map(|at| recall.time(at)),
            reached: saved.reached,
            processes: processes.into(),
            leaving: saved.leaving.map(|count| Leaving { count }),
            done: saved.done,
            renewing: saved.renewing,
            ready: saved.ready,
            ready_since: saved.ready_since.map(|at| recall.time(at)),
            was_ready: saved.was_ready,
            ready_message: saved.ready_message,
            status_text: saved.status_text,
            disrupted: saved.disrupted,
            reason: saved.reason,
            message: saved.message,
        };
        if let (Some(deadline), false) = (pod.template().active_deadline, pod.is_closing()) {
            self.timers.set(Timer::PodDeadline(uid), pod.created.mono + deadline);
        }
        self.pods.insert(uid, Box::new(pod));
    }

    /// Gives a pod to its owner; false: there is none that wants it.
    fn give_back(&mut self, saved: &SavedPod, recall: &Recall) -> bool {
        match &saved.owner {
            Owner::Service { ordinal } => match self.replicas_mut(&saved.unit) {
                Some(replicas) if !recall.is_anew() => {
                    replicas.places.set(*ordinal, Place::Live(saved.uid));
                    true
                }
                Some(_) => true,
                None => false,
            },
            Owner::Job { job, uid, .. } => match self.jobs.get_mut(job).filter(|job| job.uid == *uid) {
                Some(job) => job.live.insert(saved.uid),
                // Its job was deleted; it is on its way out.
                None => saved.leaving.is_some() && !recall.is_anew() && self.units.contains_key(&saved.unit),
            },
        }
    }
}

/// A pod's logs go with what knew of it.
fn forget_all(unit: &UnitName, kind: SavedKind, out: &mut Actions) {
    let SavedKind::Service(SavedReplicas { done, past, .. }) = kind else { return };
    let done = done.into_iter().map(|(_, done)| (done.uid, done.name));
    let pods: Vec<(PodUid, String)> = done.chain(past).collect();
    out.extend(pods.into_iter().map(|(uid, name)| Action::ForgetPod { uid, unit: unit.clone(), name }));
}

fn recalled_process(saved: SavedProcess, class: Class, recall: &Recall) -> Process {
    let state = match saved.state {
        ProcessState::Running { pid, since } => ProcessState::Running { pid, since: recall.time(since) },
        ProcessState::Ended(end) => ProcessState::Ended(recalled_end(end, recall)),
        state => state,
    };
    let stopping = saved.stopping.map(|mut stopping| {
        stopping.until = recall.mono(stopping.until);
        stopping
    });
    Process {
        state,
        stage: saved.stage,
        ready: saved.ready.unwrap_or(false),
        class: saved.class.unwrap_or(class),
        attempt: saved.attempt,
        restarts: saved.restarts,
        left: None,
        series: saved.series.shifted(recall.shift),
        last: saved.last.map(|end| recalled_end(end, recall)),
        stopping,
    }
}

/// Delays count from it.
fn recalled_end(mut end: Box<Terminated>, recall: &Recall) -> Box<Terminated> {
    end.exit.at = recall.time(end.exit.at);
    end.started = end.started.map(|at| recall.time(at));
    end
}
