//! Whether a job has failed or is complete (JOB-100ff).

use serde::{Deserialize, Serialize};

use super::{Job, success};
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
    /// A rule of its success policy is met (SUC-003).
    SuccessPolicy,
    /// A rule of its failure policy says so (PFP-003).
    PodFailurePolicy,
    /// More indexes have failed than may (BPI-003).
    MaxFailedIndexesExceeded,
    /// All indexes are done or have failed (BPI-002).
    FailedIndexes,
}

impl Verdict {
    /// Whether the job is complete; else it has failed.
    pub(in crate::engine) fn is_complete(self) -> bool {
        matches!(self, Self::CompletionsReached | Self::SuccessPolicy)
    }

    /// Kubernetes' reason.
    pub(in crate::engine) fn reason(self) -> &'static str {
        match self {
            Self::CompletionsReached => "CompletionsReached",
            Self::BackoffLimitExceeded => "BackoffLimitExceeded",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::SuccessPolicy => "SuccessPolicy",
            Self::PodFailurePolicy => "PodFailurePolicy",
            Self::MaxFailedIndexesExceeded => "MaxFailedIndexesExceeded",
            Self::FailedIndexes => "FailedIndexes",
        }
    }

    /// Kubernetes' message, where it is always the same.
    fn message(self) -> &'static str {
        match self {
            Self::CompletionsReached => "Reached expected number of succeeded pods",
            Self::BackoffLimitExceeded => "Job has reached the specified backoff limit",
            Self::DeadlineExceeded => "Job was active longer than specified deadline",
            Self::MaxFailedIndexesExceeded => {
                "Job has exceeded the specified maximal number of failed indexes"
            }
            Self::FailedIndexes => "Job has failed indexes",
            // These two say which rule it was.
            Self::SuccessPolicy | Self::PodFailurePolicy => "",
        }
    }

    /// The condition of the first step, and of the second (JOB-101).
    fn conditions(self) -> (&'static str, &'static str) {
        if self.is_complete() { ("SuccessCriteriaMet", "Complete") } else { ("FailureTarget", "Failed") }
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
            if self.takes_turn(now, &unit) {
                self.remove_job_pods(now, name, count, out);
            }
            return;
        }
        self.timers.clear(&Timer::JobBackoff(job.uid));
        let judged = match job.verdict {
            Some(verdict) => Some(verdict),
            None => {
                self.begin_job(now, name, out);
                self.judge_early(now, name, out)
            }
        };
        if let Some(verdict) = judged {
            return self.end_job(now, name, verdict, out);
        }
        if self.jobs.get(name).is_some_and(|job| job.suspended) {
            self.remove_job_pods(now, name, Count::Nothing, out);
        } else {
            self.manage_pods(now, name, out);
        }
        // After that, and before its suspension: one that has all it needs is complete even if it is to be
        // suspended (JOB-085).
        match self.judge_complete(now, name, out) {
            Some(verdict) => self.end_job(now, name, verdict, out),
            None => self.note_suspension(now, name, out),
        }
    }

    /// Its time begins with its first look, and anew after each suspension (JOB-064, JOB-082).
    fn begin_job(&mut self, now: Now, name: &str, out: &mut Actions) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        if job.suspended || job.start.is_some() {
            return;
        }
        job.start = Some(now);
        if let Some(deadline) = job.active_deadline {
            self.timers.set(Timer::JobDeadline(job.uid), now.mono + deadline);
        }
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
    }

    /// The conditions of suspension (JOB-080 to JOB-084).
    fn note_suspension(&mut self, now: Now, name: &str, out: &mut Actions) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        let was = job.conditions.iter().any(|c| c.kind == "Suspended" && c.status);
        if job.suspended == was {
            return;
        }
        let about = ("Job", name, &job.unit.name);
        if job.suspended {
            report(out, false, "Suspended", about, "Job suspended".to_owned());
            job.set_condition(now, "Suspended", true, "JobSuspended", "Job suspended");
            job.start = None;
            self.timers.clear(&Timer::JobDeadline(job.uid));
        } else {
            report(out, false, "Resumed", about, "Job resumed".to_owned());
            job.set_condition(now, "Suspended", false, "JobResumed", "Job resumed");
        }
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
    }

    /// Whether the job has failed, or may stop early, in Kubernetes' order (JOB-105).
    fn judge_early(&mut self, now: Now, name: &str, out: &mut Actions) -> Option<Verdict> {
        let job = self.jobs.get(name)?;
        let overdue = match (job.start, job.active_deadline) {
            (Some(start), Some(deadline)) => now.mono.since(start.mono) >= deadline,
            _ => false,
        };
        let (verdict, message) = if let Some(message) = &job.fail_job {
            (Verdict::PodFailurePolicy, message.to_string())
        } else if self.past_backoff_limit(job) {
            (Verdict::BackoffLimitExceeded, String::new())
        } else if overdue && !job.suspended {
            (Verdict::DeadlineExceeded, String::new())
        } else if let Some(verdict) = job.past_index_limits() {
            (verdict, String::new())
        } else if let Some(rule) =
            success::met(&job.spec().success_policy, &job.completed, job.completions.unwrap_or(0))
        {
            (Verdict::SuccessPolicy, format!("Matched rules at index {rule}"))
        } else {
            return None;
        };
        self.set_verdict(now, name, verdict, &message, out)
    }

    /// Whether all is done. What is too many is on its way out by now.
    fn judge_complete(&mut self, now: Now, name: &str, out: &mut Actions) -> Option<Verdict> {
        let job = self.jobs.get(name)?;
        let enough = match job.completions {
            Some(completions) => job.succeeded >= completions,
            None => job.succeeded > 0,
        };
        if !enough || self.active_pods(job) > 0 {
            return None;
        }
        if job.completions.is_some_and(|completions| job.succeeded > completions) {
            let words = "too many pods have succeeded after the number of completions was reached";
            let about = ("Job", name, &job.unit.name);
            report(out, true, "TooManySucceededPods", about, words.to_owned());
        }
        self.set_verdict(now, name, Verdict::CompletionsReached, "", out)
    }

    /// The first step of an end (JOB-101). No later event changes it (JOB-106).
    fn set_verdict(
        &mut self,
        now: Now,
        name: &str,
        verdict: Verdict,
        message: &str,
        out: &mut Actions,
    ) -> Option<Verdict> {
        let job = self.jobs.get_mut(name)?;
        let message = if message.is_empty() { verdict.message() } else { message };
        job.set_condition(now, verdict.conditions().0, true, verdict.reason(), message);
        job.verdict = Some(verdict);
        out.push(Action::Changed(ObjectRef::Job(name.to_owned())));
        Some(verdict)
    }

    /// JOB-040 for `Never`, JOB-041 for `OnFailure`.
    fn past_backoff_limit(&self, job: &Job) -> bool {
        let limit = job.terms.backoff_limit;
        if job.failed > limit {
            return true;
        }
        if job.spec().pod.restart_policy != RestartPolicy::OnFailure {
            return false;
        }
        // Those on their way out run still, so they count (JOB-041).
        let pods = job.live.iter().filter_map(|uid| self.pods.get(uid));
        let restarts = pods.fold(0u32, |sum, pod| sum.saturating_add(pod.restarts()));
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
        let (first, last) = verdict.conditions();
        let known = job.conditions.iter().find(|condition| condition.kind == first);
        let message = known.map_or_else(|| verdict.message().to_owned(), |known| known.message.clone());
        job.set_condition(now, last, true, verdict.reason(), &message);
        if verdict.is_complete() {
            job.completion_time = Some(now.wall);
        }
        let (uid, unit) = (job.uid, job.unit.name.clone());
        let ttl = job.terms.ttl_after_finished.map(|ttl| (now, ttl));
        let about = ("Job", name, &unit);
        if verdict.is_complete() {
            report(out, false, "Completed", about, "Job completed".to_owned());
        } else {
            report(out, true, verdict.reason(), about, message);
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

impl Job {
    /// Whether too many indexes have failed, or some and there is none left to try (BPI-002, BPI-003).
    fn past_index_limits(&self) -> Option<Verdict> {
        let (retries, completions) = (self.retries.as_ref()?, self.completions?);
        let failed = retries.failed.len();
        if self.terms.max_failed_indexes.is_some_and(|most| failed > most) {
            return Some(Verdict::MaxFailedIndexesExceeded);
        }
        let over = failed.saturating_add(self.completed.len()) >= completions;
        (failed > 0 && over).then_some(Verdict::FailedIndexes)
    }
}
