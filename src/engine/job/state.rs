//! A job comes, is looked at, and goes; and the state that its unit shows.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{Job, Terms};
use crate::engine::Engine;
use crate::engine::action::{Action, Actions};
use crate::engine::entry::{Entry, Judged, KindState};
use crate::engine::id::{JobName, ObjectRef, PodUid};
use crate::engine::index_set::IndexSet;
use crate::engine::pod::Count;
use crate::engine::time::Now;
use crate::engine::timer::Timer;
use crate::engine::view::{JobOwner, UnitState};
use crate::unit::model::Unit;
use crate::unit::name::UnitName;

impl Engine {
    /// Makes a job; its first pods come with the next look at its unit.
    pub(in crate::engine) fn make_job(&mut self, now: Now, unit: &Arc<Unit>, name: JobName, owner: JobOwner) {
        let Some(spec) = unit.job() else { return };
        let job = Job {
            name: name.clone(),
            uid: self.next_uid(),
            owner,
            created: now,
            completions: spec.completions,
            parallelism: spec.parallelism,
            active_deadline: spec.active_deadline,
            suspended: spec.suspend,
            terms: Terms::of(spec),
            unit: Arc::clone(unit),
            live: BTreeSet::new(),
            succeeded: 0,
            failed: 0,
            completed: IndexSet::default(),
            made: 0,
            start: None,
            completion_time: None,
            conditions: Vec::new(),
            verdict: None,
            finished: false,
            finished_at: None,
            failures_in_row: 0,
            last_failure: None,
            retries: spec.backoff_limit_per_index.map(|_| Box::default()),
            fail_job: None,
            kept_succeeded: VecDeque::new(),
            kept_failed: VecDeque::new(),
        };
        self.jobs.insert(name, job);
        self.mark(&unit.name);
    }

    /// The job with this uid has something to decide.
    pub(in crate::engine) fn mark_job(&mut self, uid: PodUid) {
        let unit = self.jobs.values().find(|job| job.uid == uid).map(|job| job.unit.name.clone());
        if let Some(unit) = unit {
            self.mark(&unit);
        }
    }

    /// A unit of kind job: its one job, and the state that both show.
    pub(in crate::engine) fn reconcile_job_unit(
        &mut self,
        now: Now,
        name: &UnitName,
        out: &mut Actions,
    ) -> Judged {
        let Some(entry) = self.units.get(name) else { return Judged::plain(UnitState::Stopped) };
        let KindState::Job { again } = entry.kind else { return Judged::plain(UnitState::Stopped) };
        let on = self.is_on(entry);
        let job = self.jobs.get(name.as_str());
        let gone = job.is_none_or(|job| job.live.is_empty());
        if on && gone && (again || job.is_none()) {
            if job.is_some() {
                self.forget_job(name.as_str(), out);
            }
            let Some(entry) = self.units.get_mut(name) else { return Judged::plain(UnitState::Stopped) };
            entry.kind = KindState::Job { again: false };
            let unit = Arc::clone(&entry.unit);
            self.make_job(now, &unit, name.as_str().to_owned(), JobOwner::Unit);
        }
        let released = on && self.release(name);
        if on && again && !gone {
            self.remove_job_pods(now, name.as_str(), Count::Nothing, out);
        } else {
            self.sync_job(now, name.as_str(), on && released, out);
        }
        self.judge_job_unit(now, name, on)
    }

    fn judge_job_unit(&self, now: Now, name: &UnitName, on: bool) -> Judged {
        let Some(entry) = self.units.get(name) else { return Judged::plain(UnitState::Stopped) };
        let Some(job) = self.jobs.get(name.as_str()) else { return Self::at_rest(entry) };
        if let Some(verdict) = job.verdict.filter(|_| job.finished) {
            return match verdict.is_complete() {
                true => Judged::plain(UnitState::Complete),
                false => Judged { state: UnitState::Failed, reason: verdict.reason().to_owned(), next: None },
            };
        }
        if !on {
            return match job.live.is_empty() {
                true => Self::at_rest(entry),
                false => Judged::plain(UnitState::Stopping),
            };
        }
        self.judge_job(now, entry, job)
    }

    /// The state of a job that is neither finished nor stopped.
    fn judge_job(&self, now: Now, entry: &Entry, job: &Job) -> Judged {
        if job.suspended {
            let stopping = !job.live.is_empty();
            return Judged::plain(if stopping { UnitState::Stopping } else { UnitState::Suspended });
        }
        if !entry.released && job.live.is_empty() {
            return Self::judge_waiting(entry);
        }
        let mut pods = job.live.iter().filter_map(|uid| self.pods.get(uid));
        if pods.any(|pod| pod.is_up()) {
            return Judged { state: UnitState::Running, reason: String::new(), next: None };
        }
        let next = job.live.iter().filter_map(|uid| self.pods.get(uid)?.backoff_until()).min();
        if next.is_some() {
            return Judged { state: UnitState::CrashLoopBackOff, reason: String::new(), next };
        }
        let state = if job.has_started() { UnitState::Running } else { UnitState::Starting };
        // Where no pod is wanted, none will come then.
        let next = self.timers.get(&Timer::JobBackoff(job.uid)).filter(|at| *at > now.mono);
        let next = next.map(|at| now.wall_at(at));
        Judged { state, reason: String::new(), next }
    }

    /// A finished job is to go after its time (`ttl_after_finished`).
    pub(in crate::engine) fn set_ttl(&mut self, uid: PodUid, at: Option<Now>, ttl: Option<Duration>) {
        match at.zip(ttl) {
            Some((at, ttl)) => self.timers.set(Timer::JobTtl(uid), at.mono + ttl),
            None => self.timers.clear(&Timer::JobTtl(uid)),
        }
    }

    /// A finished job has had its time. Where it is a unit's own, the unit stays at rest, as if stopped: only
    /// an operator makes another.
    pub(in crate::engine) fn on_job_ttl(&mut self, uid: PodUid, out: &mut Actions) {
        let Some(job) = self.jobs.values().find(|job| job.uid == uid) else { return };
        let (name, unit) = (job.name.clone(), job.unit.name.clone());
        if job.owner == JobOwner::Unit
            && let Some(entry) = self.units.get_mut(&unit)
        {
            (entry.wanted, entry.stopped) = (false, true);
        }
        self.forget_job(&name, out);
    }

    /// A job goes, with its records and the logs of its pods. Pods that still run are asked to end.
    pub(in crate::engine) fn delete_job(&mut self, now: Now, name: &str, out: &mut Actions) {
        self.remove_job_pods(now, name, Count::Already, out);
        self.forget_job(name, out);
    }

    /// A job goes, with its records and the logs of its pods.
    pub(in crate::engine) fn forget_job(&mut self, name: &str, out: &mut Actions) {
        let Some(job) = self.jobs.remove(name) else { return };
        self.timers.clear(&Timer::JobDeadline(job.uid));
        self.timers.clear(&Timer::JobBackoff(job.uid));
        self.timers.clear(&Timer::JobTtl(job.uid));
        let unit = job.unit.name.clone();
        for (uid, pod) in job.kept_succeeded.into_iter().chain(job.kept_failed) {
            out.push(Action::Gone(ObjectRef::Pod(uid)));
            out.push(Action::ForgetPod { uid, unit: unit.clone(), name: pod });
        }
        out.push(Action::Gone(ObjectRef::Job(name.to_owned())));
        self.mark(&unit);
    }
}
