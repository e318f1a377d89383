//! Jobs: pods until enough have succeeded (JOB-001ff, IDX-001ff).
//!
//! Counts are kept as they happen, each pod exactly once; [`Engine::sync_job`] then decides, in Kubernetes'
//! order (JOB-105), whether the job has failed or is complete, and makes or removes pods. An end comes in
//! two steps (JOB-101): first the verdict (`FailureTarget`, `SuccessCriteriaMet`), then, when all pods are
//! gone, `Failed` or `Complete`.
//!
//! ```text
//!   pods      made and removed                     state    a job comes and goes; what its unit shows
//!   count     a pod is gone: what it counts for    change   its unit was edited
//!    ├─ failure   by the rules of its policy       verdict  has it failed, is it complete
//!    └─ retries   of each index                     └─ success   by the rules of its policy
//! ```

mod change;
mod count;
mod failure;
mod pods;
mod retries;
mod state;
mod success;
mod verdict;

pub(in crate::engine) use retries::{Retries, Tries};
pub(in crate::engine) use verdict::Verdict;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::{JobName, PodName, PodUid};
use super::index_set::IndexSet;
use super::restart;
use super::time::{Mono, Now, Wall};
use super::view::{JobCondition, JobOwner};
use crate::unit::model::{self, CompletionMode, PodReplacementPolicy, Unit};

/// A job.
#[derive(Debug)]
pub(in crate::engine) struct Job {
    pub(in crate::engine) name: JobName,
    /// Another one for each job ever made, so that pods of an earlier job of this name are told apart.
    pub(in crate::engine) uid: PodUid,
    /// What it was made from.
    pub(in crate::engine) unit: Arc<Unit>,
    pub(in crate::engine) owner: JobOwner,
    pub(in crate::engine) created: Now,
    /// What an operator, or `apply`, may change while it runs.
    pub(in crate::engine) completions: Option<u32>,
    pub(in crate::engine) parallelism: u32,
    pub(in crate::engine) active_deadline: Option<Duration>,
    pub(in crate::engine) suspended: bool,
    pub(in crate::engine) terms: Terms,
    /// Pods that are not final, those on their way out included.
    pub(in crate::engine) live: BTreeSet<PodUid>,
    pub(in crate::engine) succeeded: u32,
    pub(in crate::engine) failed: u32,
    pub(in crate::engine) completed: IndexSet,
    /// Pods ever made: the number of the next one.
    pub(in crate::engine) made: u32,
    /// When pods began to run, on both clocks (JOB-082).
    pub(in crate::engine) start: Option<Now>,
    pub(in crate::engine) completion_time: Option<Wall>,
    pub(in crate::engine) conditions: Vec<JobCondition>,
    pub(in crate::engine) verdict: Option<Verdict>,
    pub(in crate::engine) finished: bool,
    /// When it was finished, for `ttl_after_finished`.
    pub(in crate::engine) finished_at: Option<Now>,
    /// Failures since the last success (JOB-044), and when the last one ended.
    pub(in crate::engine) failures_in_row: u32,
    pub(in crate::engine) last_failure: Option<Mono>,
    /// Only where each index has a limit of its own.
    pub(in crate::engine) retries: Option<Box<Retries>>,
    /// A rule of the failure policy has ended the job, in these words (PFP-007).
    pub(in crate::engine) fail_job: Option<Box<str>>,
    /// Finished pods that are kept, oldest first: those that succeeded, those that failed.
    pub(in crate::engine) kept_succeeded: VecDeque<(PodUid, PodName)>,
    pub(in crate::engine) kept_failed: VecDeque<(PodUid, PodName)>,
}

/// What else may change while a job runs (JVL-007); the rest is its unit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Terms {
    pub(in crate::engine) backoff_limit: u32,
    pub(in crate::engine) max_failed_indexes: Option<u32>,
    pub(in crate::engine) ttl_after_finished: Option<Duration>,
    pub(in crate::engine) replacement: PodReplacementPolicy,
}

impl Terms {
    /// As they are written.
    pub(in crate::engine) fn of(spec: &model::Job) -> Self {
        Self {
            backoff_limit: spec.backoff_limit,
            max_failed_indexes: spec.max_failed_indexes,
            ttl_after_finished: spec.ttl_after_finished,
            replacement: spec.pod_replacement_policy,
        }
    }
}

impl Job {
    pub(in crate::engine) fn spec(&self) -> &model::Job {
        self.unit.job().expect("make_job makes jobs only of units that have one")
    }

    pub(in crate::engine) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(in crate::engine) fn is_complete(&self) -> bool {
        self.finished && self.verdict.is_some_and(Verdict::is_complete)
    }

    pub(in crate::engine) fn has_started(&self) -> bool {
        self.made > 0
    }

    pub(in crate::engine) fn is_indexed(&self) -> bool {
        self.spec().mode == CompletionMode::Indexed
    }

    /// Whether a pod that was asked to end is counted and replaced only when it is gone (PRP-002). A failure
    /// policy waits for that, too (PFP-008).
    pub(in crate::engine) fn replaces_only_failed(&self) -> bool {
        self.terms.replacement == PodReplacementPolicy::Failed || !self.spec().failure_policy.is_empty()
    }

    /// Whether this index is none of the job's (IDX-006); elastic jobs may have fewer than before.
    pub(in crate::engine) fn is_foreign(&self, index: Option<u32>) -> bool {
        self.is_indexed()
            && index.is_none_or(|index| self.completions.is_some_and(|completions| index >= completions))
    }

    /// An operator wants it to go on now: waits are cut short.
    pub(in crate::engine) fn hurry(&mut self) {
        self.failures_in_row = 0;
        if let Some(retries) = &mut self.retries {
            retries.hurry();
        }
    }

    /// The moment before which no pod is made, after a failure. Where each index has a limit of its own, each
    /// has its own delay, too.
    pub(in crate::engine) fn not_before(&self) -> Option<Mono> {
        if self.retries.is_some() {
            return None;
        }
        let last = self.last_failure.filter(|_| self.failures_in_row > 0)?;
        Some(last + restart::job_delay(&self.spec().backoff, self.failures_in_row))
    }

    /// Sets a condition; one that never was is not set to False (JOB-084).
    pub(in crate::engine) fn set_condition(
        &mut self,
        now: Now,
        kind: &str,
        status: bool,
        reason: &str,
        message: &str,
    ) {
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
