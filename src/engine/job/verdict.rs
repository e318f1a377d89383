//! Whether a job has failed or is complete (JOB-100ff).

use serde::{Deserialize, Serialize};

use super::Job;
use crate::engine::action::{Action, Actions};
use crate::engine::id::ObjectRef;
use crate::engine::pod::Count;
use crate::engine::time::Now;
use crate::engine::timer::Timer;
use crate::engine::{Engine, report};
use crate::unit::model::RestartPolicy;

/// The end that was decided upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) enum Verdict {
    /// Enough pods have succeeded.
    CompletionsReached,
    /// Too many have failed (JOB-040, JOB-041).
    BackoffLimitExceeded,
    /// It took too long (JOB-060).
    DeadlineExceeded,
}

impl Verdict {
    /// Whether the job is complete; else it has failed.
    pub(in crate::engine) fn is_complete(self) -> bool {
        self == Self::CompletionsReached
    }

    /// Kubernetes' reason.
    pub(in crate::engine) fn reason(self) -> &'static str {
        match self {
            Self::CompletionsReached => "CompletionsReached",
            Self::BackoffLimitExceeded => "BackoffLimitExceeded",
            Self::DeadlineExceeded => "DeadlineExceeded",
        }
    }

    /// Kubernetes' message.
    pub(in crate::engine) fn message(self) -> &'static str {
        match self {
            Self::CompletionsReached => "Reached expected number of succeeded pods",
            Self::BackoffLimitExceeded => "Job has reached the specified backoff limit",
            Self::DeadlineExceeded => "Job was active longer than specified deadline",
        }
    }
}

impl Engine {
    /// Decides about a job (JOB-105), then makes or removes pods. `on`: it may have pods at all.
    pub(in crate::engine) fn sync_job(&mut self, now: Now, name: &str, on: bool, out: &mut Actions) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        if job.finished {
            return;
        }
        let unit = job.unit.name.clone();
        if !on {
            // What the end of supd cuts off has failed, as where a node shuts down; what an operator stops
            // has not.
            let count = if self.ending.is_some() { Count::Failed } else { Count::Nothing };
            if self.may_stop(&unit) {
                self.remove_job_pods(now, name, count, out);
            }
            return;
        }
        if job.verdict.is_none() {
            self.begin_or_suspend(now, name, out);
            self.judge_verdict(now, name, out);
        }
        let Some(job) = self.jobs.get_mut(name) else { return };
        if let Some(verdict) = job.verdict {
            self.end_job(now, name, verdict, out);
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
            Verdict::BackoffLimitExceeded
        } else if overdue && !job.suspended {
            Verdict::DeadlineExceeded
        } else if enough && self.active_pods(job) == 0 {
            Verdict::CompletionsReached
        } else {
            return;
        };
        let Some(job) = self.jobs.get_mut(name) else { return };
        let kind = if verdict.is_complete() { "SuccessCriteriaMet" } else { "FailureTarget" };
        job.set_condition(now, kind, true, verdict.reason(), verdict.message());
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
        let restarts: u32 = pods.map(|pod| pod.restarts()).sum();
        restarts > 0 && restarts >= limit
    }

    /// The second step of an end: pods are removed, and when none is left the job is finished.
    fn end_job(&mut self, now: Now, name: &str, verdict: Verdict, out: &mut Actions) {
        let count = if verdict.is_complete() { Count::Nothing } else { Count::Failed };
        self.remove_job_pods(now, name, count, out);
        let Some(job) = self.jobs.get_mut(name) else { return };
        if !job.live.is_empty() || job.finished {
            return;
        }
        job.finished = true;
        job.finished_at = Some(now);
        let kind = if verdict.is_complete() { "Complete" } else { "Failed" };
        job.set_condition(now, kind, true, verdict.reason(), verdict.message());
        if verdict.is_complete() {
            job.completion_time = Some(now.wall);
        }
        let (uid, unit) = (job.uid, job.unit.name.clone());
        let ttl = job.spec().ttl_after_finished.map(|ttl| (now, ttl));
        let about = ("Job", name, &unit);
        if verdict.is_complete() {
            report(out, false, "Completed", about, "Job completed".to_owned());
        } else {
            report(out, true, verdict.reason(), about, verdict.message().to_owned());
        }
        self.timers.clear(&Timer::JobDeadline(uid));
        self.timers.clear(&Timer::JobBackoff(uid));
        if let Some((at, ttl)) = ttl {
            self.timers.set(Timer::JobTtl(uid), at.mono + ttl);
        }
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
        self.on_job_finished(now, name, verdict.is_complete(), out);
        self.note_essential_end(&unit, u8::from(!verdict.is_complete()));
    }
}
