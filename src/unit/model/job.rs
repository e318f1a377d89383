//! Jobs: pods until enough have succeeded, and what their failures and successes mean.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pod::PodTemplate;
use super::restart::{Backoff, ExitCodes};

/// A job: pods until enough have succeeded.
#[derive(Clone, Debug)]
pub struct Job {
    /// What its pods are made from.
    pub pod: PodTemplate,
    /// Successes wanted; `None`: a work queue (JOB-003).
    pub completions: Option<u32>,
    /// Pods at once; 0 pauses (JOB-006).
    pub parallelism: u32,
    /// Whether each completion has a number of its own.
    pub mode: CompletionMode,
    /// Failures allowed (JOB-040, JOB-041).
    pub backoff_limit: u32,
    /// Failures allowed of each index (BPI-001).
    pub backoff_limit_per_index: Option<u32>,
    /// Indexes that may fail before the job does (BPI-003).
    pub max_failed_indexes: Option<u32>,
    /// What failures of which kind mean; the first rule that matches counts (PFP-001ff).
    pub failure_policy: Vec<FailureRule>,
    /// Which successes are enough (SUC-001ff).
    pub success_policy: Vec<SuccessRule>,
    /// When a pod that was asked to end is replaced (PRP-001ff).
    pub pod_replacement_policy: PodReplacementPolicy,
    /// The job fails this long after its start (JOB-060).
    pub active_deadline: Option<Duration>,
    /// Created at rest (JOB-080).
    pub suspend: bool,
    /// Finished pods kept for a look; failed ones longest.
    pub keep_pods: u32,
    /// Delay between a failed pod and a new one (JOB-043).
    pub backoff: Backoff,
    /// A finished job goes after this time, with its records (JOB-070).
    pub ttl_after_finished: Option<Duration>,
    /// What is known of it is stored before each start.
    pub durable: bool,
    /// What a finished job does when supd comes up anew.
    pub at_boot: AtBoot,
}

/// What a failure of a pod means (PFP-001ff).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRule {
    /// Which failures.
    pub when: FailureWhen,
    /// What follows.
    pub action: FailureAction,
}

/// Which failures of a pod a [`FailureRule`] is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureWhen {
    /// A process has ended with one of these codes (PFP-004).
    ExitCodes {
        /// This one only; else any.
        process: Option<String>,
        /// Which codes; 0 never matches.
        codes: ExitCodes,
    },
    /// A signal that supd did not send has ended a process.
    Signal(Vec<u8>),
    /// It was out of memory (CST-002).
    Oom,
    /// An operator has deleted it, or supd has ended under it: Kubernetes' `DisruptionTarget` (PFP-006).
    Deleted,
}

/// What follows from a failure of a pod (PFP-003).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureAction {
    /// The job fails at once.
    FailJob,
    /// Its index fails, and is not tried again.
    FailIndex,
    /// It is not counted; a new pod comes after the back-off.
    Ignore,
    /// It is counted as any other; later rules are not looked at.
    Count,
}

/// Which successes are enough (SUC-002).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuccessRule {
    /// Among these indexes, as intervals; `None`: all of them.
    pub indexes: Option<Vec<(u32, u32)>>,
    /// So many; `None`: all of the set.
    pub count: Option<u32>,
}

/// When a pod that was asked to end is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodReplacementPolicy {
    /// At once, after the back-off (PRP-001).
    TerminatingOrFailed,
    /// When it is gone (PRP-002).
    Failed,
}

/// What a finished job does when supd comes up anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtBoot {
    /// It stays finished.
    #[default]
    Keep,
    /// It runs again.
    Again,
}

/// Whether a job's completions are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompletionMode {
    /// They are all alike.
    NonIndexed,
    /// Each has an index from 0 to completions − 1.
    Indexed,
}
