//! The pods of a job: made, removed, counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Job;
use crate::engine::action::{Action, Actions};
use crate::engine::id::{ObjectRef, PodUid};
use crate::engine::pod::{Count, Owner, Pod, PodSeed, words_of};
use crate::engine::time::Now;
use crate::engine::timer::Timer;
use crate::engine::view::{JobOwner, Phase};
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
            .filter_map(|uid| self.pods.get(uid).map(AsRef::as_ref))
            .filter(|pod: &&Pod| pod.leaving.is_none())
            .collect();
        pods.sort_by_key(|pod| (pod.is_ready(), pod.main_has_started(), std::cmp::Reverse(pod.uid)));
        pods.into_iter().take(most).map(|pod| pod.uid).collect()
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
            self.stop_pod(now, uid, count, out);
        }
    }

    /// A pod of a job is final: it is counted, once.
    pub(in crate::engine) fn on_job_pod_final(
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
        let verdict_failed = job.verdict.is_some_and(|verdict| !verdict.is_complete());
        let ended = pod.ended_at(now);
        // One that was asked to end and had done its work is done, as in Kubernetes, which looks at the phase;
        // one that was too many is not.
        let wanted = job.completions.is_none_or(|completions| job.succeeded < completions);
        let counts = count.is_none() || (count == Some(Count::Nothing) && wanted);
        let succeeded = phase == Phase::Succeeded && counts;
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
                let words = pod.last_end().map_or_else(|| "stopped".to_owned(), words_of);
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
    pub(in crate::engine) fn stop_job_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
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
