//! Jobs: pods until enough have succeeded (JOB-001ff, IDX-001ff).
//!
//! Counts are kept as they happen, each pod exactly once; [`Engine::sync_job`] then decides, in Kubernetes'
//! order (JOB-105), whether the job has failed or is complete, and makes or removes pods. An end comes in
//! two steps (JOB-101): first the verdict (`FailureTarget`, `SuccessCriteriaMet`), then, when all pods are
//! gone, `Failed` or `Complete`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::action::{Action, Actions};
use super::entry::{Entry, Judged, KindState};
use super::id::{JobName, ObjectRef, PodName, PodUid};
use super::index_set::IndexSet;
use super::pod::{Count, Owner, Pod, PodSeed};
use super::time::{Mono, Now, Wall};
use super::timer::Timer;
use super::view::{JobCondition, JobOwner, Phase, UnitState};
use super::{Engine, report, restart};
use crate::unit::model::{self, CompletionMode, RestartPolicy, Unit};
use crate::unit::name::UnitName;

/// Pods made in one go; the rest follows with the next event (JOB-009).
const PODS_AT_ONCE_MAX: usize = 500;

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) name: JobName,
    /// Another one for each job ever made, so that pods of an earlier job of this name are told apart.
    pub(super) uid: PodUid,
    /// What it was made from.
    pub(super) unit: Arc<Unit>,
    pub(super) owner: JobOwner,
    pub(super) created: Now,
    /// What an operator, or `apply`, may change while it runs.
    pub(super) completions: Option<u32>,
    pub(super) parallelism: u32,
    pub(super) active_deadline: Option<std::time::Duration>,
    pub(super) suspended: bool,
    /// Pods that are not final, those on their way out included.
    pub(super) live: BTreeSet<PodUid>,
    pub(super) succeeded: u32,
    pub(super) failed: u32,
    pub(super) completed: IndexSet,
    /// Pods ever made: the number of the next one.
    pub(super) made: u32,
    /// When pods began to run, on both clocks (JOB-082).
    pub(super) start: Option<Now>,
    pub(super) completion_time: Option<Wall>,
    pub(super) conditions: Vec<JobCondition>,
    pub(super) verdict: Option<Verdict>,
    pub(super) finished: bool,
    /// Failures since the last success (JOB-044), and when the last one ended.
    pub(super) failures_in_row: u32,
    pub(super) last_failure: Option<Mono>,
    /// Finished pods that are kept, oldest first: those that succeeded, those that failed.
    kept_succeeded: VecDeque<(PodUid, PodName)>,
    kept_failed: VecDeque<(PodUid, PodName)>,
}

/// The end that was decided upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) complete: bool,
    pub(super) reason: &'static str,
    pub(super) message: &'static str,
}

impl Job {
    pub(super) fn spec(&self) -> &model::Job {
        self.unit.job().expect("make_job makes jobs only of units that have one")
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(super) fn is_complete(&self) -> bool {
        self.finished && self.verdict.as_ref().is_some_and(|verdict| verdict.complete)
    }

    pub(super) fn has_started(&self) -> bool {
        self.made > 0
    }

    fn is_indexed(&self) -> bool {
        self.spec().mode == CompletionMode::Indexed
    }

    /// The moment before which no pod is made, after a failure.
    pub(super) fn not_before(&self) -> Option<Mono> {
        let last = self.last_failure.filter(|_| self.failures_in_row > 0)?;
        Some(last + restart::job_delay(&self.spec().backoff, self.failures_in_row))
    }

    /// Sets a condition; one that never was is not set to False (JOB-084).
    fn set_condition(&mut self, now: Now, kind: &str, status: bool, reason: &str, message: &str) {
        let known = self.conditions.iter_mut().find(|condition| condition.kind == kind);
        let condition = match known {
            Some(condition) if condition.status == status => return,
            Some(condition) => condition,
            None if !status => return,
            None => {
                self.conditions.push(JobCondition {
                    kind: kind.to_owned(),
                    status,
                    reason: String::new(),
                    message: String::new(),
                    since: now.wall,
                });
                let Some(condition) = self.conditions.last_mut() else { return };
                condition
            }
        };
        condition.status = status;
        condition.since = now.wall;
        condition.reason = reason.to_owned();
        condition.message = message.to_owned();
    }
}

impl Engine {
    /// Makes a job; its first pods come with the next look at its unit.
    pub(super) fn make_job(&mut self, now: Now, unit: &Arc<Unit>, name: JobName, owner: JobOwner) {
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
            failures_in_row: 0,
            last_failure: None,
            kept_succeeded: VecDeque::new(),
            kept_failed: VecDeque::new(),
        };
        self.jobs.insert(name, job);
        self.mark(&unit.name);
    }

    /// The job with this uid has something to decide.
    pub(super) fn mark_job(&mut self, uid: PodUid) {
        let unit = self.jobs.values().find(|job| job.uid == uid).map(|job| job.unit.name.clone());
        if let Some(unit) = unit {
            self.mark(&unit);
        }
    }

    /// A unit of kind job: its one job, and the state that both show.
    pub(super) fn reconcile_job_unit(&mut self, now: Now, name: &UnitName, out: &mut Actions) -> Judged {
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
        if let Some(verdict) = job.verdict.as_ref().filter(|_| job.finished) {
            let state = if verdict.complete { UnitState::Complete } else { UnitState::Failed };
            let reason = if verdict.complete { String::new() } else { verdict.reason.to_owned() };
            return Judged { state, reason, next: None };
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
            return Judged { state: UnitState::Waiting, reason: Self::waiting_words(entry), next: None };
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
        let next = job.not_before().filter(|at| *at > now.mono).map(|at| now.wall_at(at));
        Judged { state, reason: String::new(), next }
    }

    /// Decides about a job (JOB-105), then makes or removes pods. `on`: it may have pods at all.
    pub(super) fn sync_job(&mut self, now: Now, name: &str, on: bool, out: &mut Actions) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        if job.finished {
            return;
        }
        let unit = job.unit.name.clone();
        if !on {
            if self.may_stop(&unit) {
                self.remove_job_pods(now, name, Count::Nothing, out);
            }
            return;
        }
        if job.verdict.is_none() {
            self.begin_or_suspend(now, name, out);
            self.judge_verdict(now, name, out);
        }
        let Some(job) = self.jobs.get_mut(name) else { return };
        if let Some(verdict) = job.verdict.clone() {
            self.end_job(now, name, &verdict, out);
        } else if job.suspended {
            self.remove_job_pods(now, name, Count::Nothing, out);
        } else {
            self.manage_pods(now, name, out);
        }
    }

    /// Start time, and the conditions of suspension (JOB-080 to JOB-084).
    fn begin_or_suspend(&mut self, now: Now, name: &str, out: &mut Actions) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        let was = job.conditions.iter().any(|c| c.kind == "Suspended" && c.status);
        let about = ("Job", name, &job.unit.name);
        if job.suspended && !was {
            report(out, false, "Suspended", about, "Job suspended".to_owned());
            job.set_condition(now, "Suspended", true, "JobSuspended", "Job suspended");
            job.start = None;
        } else if !job.suspended && was {
            report(out, false, "Resumed", about, "Job resumed".to_owned());
            job.set_condition(now, "Suspended", false, "JobResumed", "Job resumed");
        } else if job.suspended || job.start.is_some() {
            return;
        }
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
        let Some(job) = self.jobs.get_mut(name) else { return };
        if job.suspended {
            self.timers.clear(&Timer::JobDeadline(job.uid));
            return;
        }
        job.start = Some(now);
        if let Some(deadline) = job.active_deadline {
            self.timers.set(Timer::JobDeadline(job.uid), now.mono + deadline);
        }
    }

    /// Whether the job has failed or is complete: failures first (JOB-062), back-off limit before deadline
    /// (JOB-061).
    fn judge_verdict(&mut self, now: Now, name: &str, out: &mut Actions) {
        let Some(job) = self.jobs.get(name) else { return };
        let overdue = match (job.start, job.active_deadline) {
            (Some(start), Some(deadline)) => now.mono.since(start.mono) >= deadline,
            _ => false,
        };
        let enough = match job.completions {
            Some(completions) => job.succeeded >= completions,
            None => job.succeeded > 0 && self.active_pods(job) == 0,
        };
        let verdict = if self.past_backoff_limit(job) {
            Verdict {
                complete: false,
                reason: "BackoffLimitExceeded",
                message: "Job has reached the specified backoff limit",
            }
        } else if overdue && !job.suspended {
            Verdict {
                complete: false,
                reason: "DeadlineExceeded",
                message: "Job was active longer than specified deadline",
            }
        } else if enough && self.active_pods(job) == 0 {
            Verdict {
                complete: true,
                reason: "CompletionsReached",
                message: "Reached expected number of succeeded pods",
            }
        } else {
            return;
        };
        let Some(job) = self.jobs.get_mut(name) else { return };
        let kind = if verdict.complete { "SuccessCriteriaMet" } else { "FailureTarget" };
        job.set_condition(now, kind, true, verdict.reason, verdict.message);
        job.verdict = Some(verdict);
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
    }

    /// JOB-040 for `Never`, JOB-041 for `OnFailure`.
    fn past_backoff_limit(&self, job: &Job) -> bool {
        let limit = job.spec().backoff_limit;
        if job.failed > limit {
            return true;
        }
        if job.spec().pod.restart_policy != RestartPolicy::OnFailure {
            return false;
        }
        let pods = job.live.iter().filter_map(|uid| self.pods.get(uid)).filter(|pod| pod.leaving.is_none());
        let restarts: u32 = pods.map(Pod::restarts).sum();
        restarts > 0 && restarts >= limit
    }

    /// The second step of an end: pods are removed, and when none is left the job is finished.
    fn end_job(&mut self, now: Now, name: &str, verdict: &Verdict, out: &mut Actions) {
        let count = if verdict.complete { Count::Nothing } else { Count::Failed };
        self.remove_job_pods(now, name, count, out);
        let Some(job) = self.jobs.get_mut(name) else { return };
        if !job.live.is_empty() || job.finished {
            return;
        }
        job.finished = true;
        let kind = if verdict.complete { "Complete" } else { "Failed" };
        job.set_condition(now, kind, true, verdict.reason, verdict.message);
        if verdict.complete {
            job.completion_time = Some(now.wall);
        }
        let (uid, unit) = (job.uid, job.unit.name.clone());
        let about = ("Job", name, &unit);
        if verdict.complete {
            report(out, false, "Completed", about, "Job completed".to_owned());
        } else {
            report(out, true, verdict.reason, about, verdict.message.to_owned());
        }
        self.timers.clear(&Timer::JobDeadline(uid));
        self.timers.clear(&Timer::JobBackoff(uid));
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
        self.on_job_finished(now, name, verdict.complete, out);
        self.note_essential_end(&unit, u8::from(!verdict.complete));
    }

    /// Makes or removes pods (JOB-002ff): never both in one go (JOB-008).
    fn manage_pods(&mut self, now: Now, name: &str, out: &mut Actions) {
        let Some(job) = self.jobs.get(name) else { return };
        let active = self.active_pods(job);
        let wanted = match job.completions {
            Some(completions) => job.parallelism.min(completions.saturating_sub(job.succeeded)),
            // A work queue makes nothing new after its first success, and takes nothing away (JOB-003).
            None if job.succeeded > 0 => active,
            None => job.parallelism,
        };
        if active > wanted {
            let surplus = self.surplus_pods(job, (active - wanted) as usize);
            for uid in surplus {
                self.stop_pod(now, uid, Count::Nothing, out);
            }
            return;
        }
        if active == wanted {
            return;
        }
        if let Some(not_before) = job.not_before()
            && not_before > now.mono
        {
            self.timers.set(Timer::JobBackoff(job.uid), not_before);
            return;
        }
        let missing = ((wanted - active) as usize).min(PODS_AT_ONCE_MAX);
        if job.is_indexed() {
            for index in self.pending_indexes(job, missing) {
                self.make_job_pod(now, name, Some(index), out);
            }
        } else {
            for _ in 0..missing {
                self.make_job_pod(now, name, None, out);
            }
        }
    }

    fn make_job_pod(&mut self, now: Now, name: &str, index: Option<u32>, out: &mut Actions) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        let number = job.made;
        job.made += 1;
        let pod = match index {
            Some(index) => format!("{name}-{index}-{number}"),
            None => format!("{name}-{number}"),
        };
        let scheduled = match job.owner {
            JobOwner::Schedule(slot) => Some(slot),
            JobOwner::Unit | JobOwner::Manual => None,
        };
        report(out, false, "SuccessfulCreate", ("Job", name, &job.unit.name), format!("created pod {pod}"));
        let seed = PodSeed {
            unit: Arc::clone(&job.unit),
            name: pod,
            owner: Owner::Job { job: name.to_owned(), uid: job.uid, index },
            scheduled,
        };
        let uid = self.make_pod(now, seed, out);
        if let Some(job) = self.jobs.get_mut(name) {
            job.live.insert(uid);
        }
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
    }

    /// The lowest indexes that are neither complete nor active (IDX-003).
    fn pending_indexes(&self, job: &Job, most: usize) -> Vec<u32> {
        let active: BTreeSet<u32> = self.active_indexes(job).collect();
        let end = job.completions.unwrap_or(0);
        job.completed
            .missing()
            .take_while(|index| *index < end)
            .filter(|index| !active.contains(index))
            .take(most)
            .collect()
    }

    fn active_indexes<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = u32> + 'a {
        job.live.iter().filter_map(|uid| self.pods.get(uid)).filter(|pod| pod.leaving.is_none()).filter_map(
            |pod| match pod.owner {
                Owner::Job { index, .. } => index,
                Owner::Service { .. } => None,
            },
        )
    }

    /// Pods to take away first: not started before started, then the newest; indexes from the highest
    /// (JOB-007).
    fn surplus_pods(&self, job: &Job, most: usize) -> Vec<PodUid> {
        let mut pods: Vec<&Pod> = job
            .live
            .iter()
            .filter_map(|uid| self.pods.get(uid))
            .filter(|pod| pod.leaving.is_none())
            .collect();
        pods.sort_by_key(|pod| (pod.ready, pod.main_has_started(), std::cmp::Reverse(pod.uid)));
        pods.into_iter().take(most).map(|pod| pod.uid).collect()
    }

    /// Pods that run or are to run, not those on their way out (JOB-016).
    pub(super) fn active_pods(&self, job: &Job) -> u32 {
        let active =
            job.live.iter().filter(|uid| self.pods.get(uid).is_some_and(|pod| pod.leaving.is_none()));
        u32::try_from(active.count()).unwrap_or(u32::MAX)
    }

    /// Of those, the ready ones.
    pub(super) fn ready_pods(&self, job: &Job) -> u32 {
        let ready = job.live.iter().filter(|uid| self.pods.get(uid).is_some_and(|pod| pod.ready));
        u32::try_from(ready.count()).unwrap_or(u32::MAX)
    }

    /// Asks all pods of a job to end.
    pub(super) fn remove_job_pods(&mut self, now: Now, name: &str, count: Count, out: &mut Actions) {
        let Some(job) = self.jobs.get(name) else { return };
        for uid in job.live.iter().copied().collect::<Vec<_>>() {
            self.stop_pod(now, uid, count, out);
        }
    }

    /// A pod of a job is final: it is counted, once.
    pub(super) fn on_job_pod_final(
        &mut self,
        now: Now,
        pod: Pod,
        (name, uid, index): (&str, PodUid, Option<u32>),
        phase: Phase,
        out: &mut Actions,
    ) {
        let unit = pod.unit.name.clone();
        let Some(job) = self.jobs.get_mut(name).filter(|job| job.uid == uid) else {
            // Its job was deleted, or started anew.
            out.push(Action::ForgetPod { uid: pod.uid, unit, name: pod.name });
            return;
        };
        job.live.remove(&pod.uid);
        let count = pod.leaving.map(|leaving| leaving.count);
        let verdict_failed = job.verdict.as_ref().is_some_and(|verdict| !verdict.complete);
        let ended = match &pod.present().state {
            super::pod::ProcessState::Ended(end) => end.exit.at.mono,
            _ => now.mono,
        };
        let succeeded = phase == Phase::Succeeded && count.is_none();
        if succeeded {
            let new = index.is_none_or(|index| job.completed.insert(index));
            job.succeeded += u32::from(new);
            job.failures_in_row = 0;
            self.timers.clear(&Timer::JobBackoff(job.uid));
        } else if count.is_none() || count == Some(Count::Failed) {
            job.failed += 1;
            job.failures_in_row += 1;
            job.last_failure = Some(ended);
            if !verdict_failed {
                let words = match &pod.present().state {
                    super::pod::ProcessState::Ended(end) => super::pod::words_of(end),
                    _ => "stopped".to_owned(),
                };
                report(out, true, "Failed", ("Pod", &pod.name, &unit), words);
            }
        }
        let kept = if succeeded { &mut job.kept_succeeded } else { &mut job.kept_failed };
        kept.push_back((pod.uid, pod.name));
        trim_kept(job, out);
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
    }

    /// An operator stopped one pod of a job: one failure, at once, and a new one after the back-off
    /// (JOB-014, JOB-049).
    pub(super) fn stop_job_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let Owner::Job { job, .. } = &pod.owner else { return };
        let job = job.clone();
        if pod.leaving.is_none()
            && let Some(job) = self.jobs.get_mut(&job).filter(|job| job.verdict.is_none())
        {
            job.failed += 1;
            job.failures_in_row += 1;
            job.last_failure = Some(now.mono);
            out.push(Action::Changed(ObjectRef::Job(job.name.clone())));
        }
        self.stop_pod(now, uid, Count::Already, out);
    }

    /// A job goes, with its records and the logs of its pods. Pods that still run are asked to end.
    pub(super) fn delete_job(&mut self, now: Now, name: &str, out: &mut Actions) {
        self.remove_job_pods(now, name, Count::Already, out);
        self.forget_job(name, out);
    }

    /// A job goes, with its records and the logs of its pods.
    pub(super) fn forget_job(&mut self, name: &str, out: &mut Actions) {
        let Some(job) = self.jobs.remove(name) else { return };
        self.timers.clear(&Timer::JobDeadline(job.uid));
        self.timers.clear(&Timer::JobBackoff(job.uid));
        let unit = job.unit.name.clone();
        for (uid, pod) in job.kept_succeeded.into_iter().chain(job.kept_failed) {
            out.push(Action::Gone(ObjectRef::Pod(uid)));
            out.push(Action::ForgetPod { uid, unit: unit.clone(), name: pod });
        }
        out.push(Action::Gone(ObjectRef::Job(name.to_owned())));
        self.mark(&unit);
    }
}

/// Finished pods beyond `keep_pods` go, those that succeeded first.
fn trim_kept(job: &mut Job, out: &mut Actions) {
    let most = job.spec().keep_pods as usize;
    let unit = job.unit.name.clone();
    while job.kept_succeeded.len() + job.kept_failed.len() > most {
        let oldest = job.kept_succeeded.pop_front().or_else(|| job.kept_failed.pop_front());
        let Some((uid, name)) = oldest else { return };
        out.push(Action::Gone(ObjectRef::Pod(uid)));
        out.push(Action::ForgetPod { uid, unit: unit.clone(), name });
    }
}
