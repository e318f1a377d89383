//! The pods of a job: made and removed.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Job;
use crate::engine::action::{Action, Actions};
use crate::engine::id::{ObjectRef, PodUid};
use crate::engine::pod::{Count, Owner, Pod, PodSeed};
use crate::engine::time::{Mono, Now};
use crate::engine::timer::Timer;
use crate::engine::view::JobOwner;
use crate::engine::{Engine, report};

/// Pods made in one go; the rest follows with the next event (JOB-009).
const PODS_AT_ONCE_MAX: usize = 500;

impl Engine {
    /// Makes or removes pods (JOB-002ff): never both in one go (JOB-008).
    pub(super) fn manage_pods(&mut self, now: Now, name: &str, out: &mut Actions) {
        let Some(job) = self.jobs.get(name) else { return };
        let active = self.active_pods(job);
        let wanted = match job.completions {
            Some(completions) => job.parallelism.min(completions.saturating_sub(job.succeeded)),
            // A work queue makes nothing new after its first success, and takes nothing away (JOB-003).
            None if job.succeeded > 0 => active,
            None => job.parallelism,
        };
        let surplus = self.surplus_pods(job, active.saturating_sub(wanted) as usize);
        if !surplus.is_empty() {
            surplus.into_iter().for_each(|uid| self.remove_job_pod(now, uid, Count::Nothing, out));
            return;
        }
        // Who is on its way out is replaced when it is gone, if so was asked (PRP-002).
        let leaving = if job.replaces_only_failed() { self.terminating_pods(job) } else { 0 };
        let missing = wanted.saturating_sub(active.saturating_add(leaving)) as usize;
        let missing = missing.min(PODS_AT_ONCE_MAX);
        if missing == 0 {
            return;
        }
        if let Some(not_before) = job.not_before()
            && not_before > now.mono
        {
            self.timers.set(Timer::JobBackoff(job.uid), not_before);
            return;
        }
        if job.is_indexed() {
            let (due, first) = self.indexes_to_start(now, job, missing);
            if let Some(first) = first {
                self.timers.set(Timer::JobBackoff(job.uid), first);
            }
            due.into_iter().for_each(|index| self.make_job_pod(now, name, Some(index), out));
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
        report(out, false, "SuccessfulCreate", ("Job", name, &job.unit.name), format!("Created pod: {pod}"));
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

    /// The lowest pending indexes that may start now. One that waits for its back-off keeps its slot
    /// (BPI-005); when the first of those is due is told, too.
    fn indexes_to_start(&self, now: Now, job: &Job, most: usize) -> (Vec<u32>, Option<Mono>) {
        let pending = self.pending_indexes(job, most);
        let Some(retries) = &job.retries else { return (pending, None) };
        let backoff = &job.spec().backoff;
        let wait = |index: &u32| retries.not_before(*index, backoff).filter(|at| *at > now.mono);
        let first = pending.iter().filter_map(wait).min();
        (pending.into_iter().filter(|index| wait(index).is_none()).collect(), first)
    }

    /// The lowest indexes that are neither active, complete nor failed (IDX-003).
    fn pending_indexes(&self, job: &Job, most: usize) -> Vec<u32> {
        let waits_for_leaving = job.replaces_only_failed();
        let pods = job.live.iter().filter_map(|uid| self.pods.get(uid));
        let taken: BTreeSet<u32> = pods
            .filter(|pod| waits_for_leaving || pod.leaving.is_none())
            .filter_map(|pod| index_of(pod))
            .collect();
        let has_failed =
            |index: &u32| job.retries.as_ref().is_some_and(|retries| retries.failed.contains(*index));
        let end = job.completions.unwrap_or(0);
        job.completed
            .missing()
            .take_while(|index| *index < end)
            .filter(|index| !taken.contains(index) && !has_failed(index))
            .take(most)
            .collect()
    }

    /// Pods to take away: those with an index that is another's or nobody's (IDX-006), then as many as are
    /// too many.
    fn surplus_pods(&self, job: &Job, least: usize) -> Vec<PodUid> {
        if least == 0 && !job.is_indexed() {
            return Vec::new();
        }
        let live = job.live.iter().filter_map(|uid| self.pods.get(uid).map(AsRef::as_ref));
        let mut pods: Vec<&Pod> = live.filter(|pod: &&Pod| pod.leaving.is_none()).collect();
        pods.sort_by_key(|pod| removal_rank(pod));
        let mut seen = BTreeSet::new();
        // The best of several with one index stays: so from the last to the first.
        let (mut surplus, mut rest) = (Vec::new(), Vec::new());
        for pod in pods.into_iter().rev() {
            let odd = job.is_indexed() && {
                let index = index_of(pod);
                job.is_foreign(index) || !index.is_none_or(|index| seen.insert(index))
            };
            if odd { surplus.push(pod.uid) } else { rest.push(pod.uid) }
        }
        let more = least.saturating_sub(surplus.len());
        surplus.extend(rest.into_iter().rev().take(more));
        surplus
    }

    /// Pods on their way out that the job still counts as its own (JOB-016).
    pub(in crate::engine) fn terminating_pods(&self, job: &Job) -> u32 {
        let leaving =
            job.live.iter().filter(|uid| self.pods.get(uid).is_some_and(|pod| pod.leaving.is_some()));
        u32::try_from(leaving.count()).unwrap_or(u32::MAX)
    }

    /// Pods that run or are to run, not those on their way out (JOB-016).
    pub(in crate::engine) fn active_pods(&self, job: &Job) -> u32 {
        let active =
            job.live.iter().filter(|uid| self.pods.get(uid).is_some_and(|pod| pod.leaving.is_none()));
        u32::try_from(active.count()).unwrap_or(u32::MAX)
    }

    /// Of those, the ready ones.
    pub(in crate::engine) fn ready_pods(&self, job: &Job) -> u32 {
        let ready = job.live.iter().filter(|uid| self.pods.get(uid).is_some_and(|pod| pod.is_ready()));
        u32::try_from(ready.count()).unwrap_or(u32::MAX)
    }

    /// Asks all pods of a job to end.
    pub(in crate::engine) fn remove_job_pods(
        &mut self,
        now: Now,
        name: &str,
        count: Count,
        out: &mut Actions,
    ) {
        let Some(job) = self.jobs.get(name) else { return };
        for uid in job.live.iter().copied().collect::<Vec<_>>() {
            self.remove_job_pod(now, uid, count, out);
        }
    }

    /// Asks a pod of a job to end, by the job's own decision (JOB-107).
    fn remove_job_pod(&mut self, now: Now, uid: PodUid, count: Count, out: &mut Actions) {
        let told = self.ending.is_none() && count != Count::Already;
        if let Some(pod) = self.pods.get(&uid).filter(|pod| told && pod.leaving.is_none())
            && let Owner::Job { job, .. } = &pod.owner
        {
            let words = format!("Deleted pod: {}", pod.name);
            report(out, false, "SuccessfulDelete", ("Job", job, &pod.unit.name), words);
        }
        self.stop_pod(now, uid, count, out);
    }
}

fn index_of(pod: &Pod) -> Option<u32> {
    match pod.owner {
        Owner::Job { index, .. } => index,
        Owner::Service { .. } => None,
    }
}

/// Who goes first: not started before started, not ready before ready, ready for a short time before ready for
/// a long one, with more restarts before with fewer, the newest before the oldest (JOB-007, RS-005).
fn removal_rank(pod: &Pod) -> impl Ord + use<> {
    (
        pod.main_has_started(),
        pod.is_ready(),
        Reverse(pod.ready_since.map(|since| since.mono)),
        Reverse(pod.restarts()),
        Reverse(pod.created.mono),
        Reverse(pod.uid),
    )
}
