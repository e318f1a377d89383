//! A pod of a job is gone, or was deleted: what it counts for, once (JOB-014ff).

use super::Job;
use super::failure::{self, Ruling};
use crate::engine::action::{Action, Actions};
use crate::engine::id::{ObjectRef, PodUid};
use crate::engine::pod::{Count, Owner, Pod, words_of};
use crate::engine::time::{Mono, Now};
use crate::engine::view::Phase;
use crate::engine::{Engine, report};
use crate::unit::model::FailureAction;

/// What a pod that is gone counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    Success,
    Failure,
    Nothing,
}

impl Engine {
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
        let at = pod.ended_at(now);
        let worth = job.worth(&pod, index, phase);
        match worth {
            Worth::Success => job.succeed(index),
            Worth::Failure => {
                let ruling = failure::judge(&job.spec().failure_policy, &pod);
                if job.verdict.is_none_or(|verdict| verdict.is_complete()) {
                    let words = pod.last_end().map_or_else(|| "stopped".to_owned(), words_of);
                    report(out, true, "Failed", ("Pod", &pod.name, &unit), words);
                }
                job.fail(index, at, ruling);
            }
            Worth::Nothing => {}
        }
        let kept = if worth == Worth::Success { &mut job.kept_succeeded } else { &mut job.kept_failed };
        kept.push_back((pod.uid, pod.name));
        trim_kept(job, out);
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
    }

    /// An operator stopped one pod of a job: one failure, and a new one after the back-off (JOB-014,
    /// JOB-049). At once (PRP-001), or when it is gone, and then by its end (PRP-002, PRP-003).
    pub(in crate::engine) fn stop_job_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let Owner::Job { job, uid: of, index } = &pod.owner else { return };
        let (job, of, index, leaving) = (job.clone(), *of, *index, pod.leaving.is_some());
        let Some(job) = self.jobs.get_mut(&job).filter(|job| job.uid == of) else {
            return self.stop_pod(now, uid, Count::Already, out);
        };
        if job.replaces_only_failed() {
            return self.stop_pod(now, uid, Count::AtEnd, out);
        }
        if !leaving && job.verdict.is_none() && !job.is_foreign(index) {
            job.fail(index, now.mono, None);
            out.push(Action::Changed(ObjectRef::Job(job.name.clone())));
        }
        self.stop_pod(now, uid, Count::Already, out);
    }
}

impl Job {
    fn worth(&self, pod: &Pod, index: Option<u32>, phase: Phase) -> Worth {
        let succeeded = phase == Phase::Succeeded;
        let wanted = self.completions.is_none_or(|completions| self.succeeded < completions);
        match pod.leaving.map(|leaving| leaving.count) {
            // Of an index that the job does not have (IDX-006), or that has failed for good (BPI-008).
            _ if self.is_foreign(index) || (succeeded && self.has_failed(index)) => Worth::Nothing,
            // Killed since the job fails: failed, even one that ends well (JOB-051).
            Some(Count::Failed) => Worth::Failure,
            None | Some(Count::AtEnd) if succeeded => Worth::Success,
            None | Some(Count::AtEnd) => Worth::Failure,
            // One that was asked to end and had done its work is done, as in Kubernetes, which looks at the
            // phase; one that was too many is not.
            Some(Count::Nothing) if succeeded && wanted && self.verdict.is_none() => Worth::Success,
            Some(Count::Nothing | Count::Already) => Worth::Nothing,
        }
    }

    fn has_failed(&self, index: Option<u32>) -> bool {
        let retries = self.retries.as_ref();
        retries.zip(index).is_some_and(|(retries, index)| retries.failed.contains(index))
    }

    /// One pod has succeeded: the failures before it are forgotten (JOB-047). Ends are told in their order,
    /// so those after it are not. A second success of an index is none (IDX-005).
    fn succeed(&mut self, index: Option<u32>) {
        let new = index.is_none_or(|index| self.completed.insert(index));
        self.succeeded = self.succeeded.saturating_add(u32::from(new));
        self.failures_in_row = 0;
        if let (Some(retries), Some(index)) = (&mut self.retries, index) {
            retries.succeeded(index);
        }
    }

    /// One pod has failed; `ruling` is what the failure policy says of it.
    fn fail(&mut self, index: Option<u32>, at: Mono, ruling: Option<Ruling>) {
        let action = ruling.as_ref().map(|ruling| ruling.action);
        // Who is ignored drives the back-off all the same (JOB-049, PFP-009).
        if action != Some(FailureAction::Ignore) {
            self.failed = self.failed.saturating_add(1);
        }
        if self.verdict.is_some() {
            return;
        }
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.last_failure = self.last_failure.max(Some(at));
        let limit = self.spec().backoff_limit_per_index;
        if let (Some(retries), Some(index), Some(limit)) = (&mut self.retries, index, limit)
            && !self.completed.contains(index)
        {
            retries.note(index, at, action, limit);
        }
        if let Some(ruling) = ruling.filter(|ruling| ruling.action == FailureAction::FailJob) {
            self.fail_job.get_or_insert(ruling.message.into_boxed_str());
        }
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
