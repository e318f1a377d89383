//! How a job stands: what it has counted, and its conditions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::id::{JobName, PodUid};
use super::super::time::{Now, Wall};
use super::Waiting;
use crate::unit::model::{FailureRule, SuccessRule};
use crate::unit::name::UnitName;

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobView {
    /// Its name.
    pub name: JobName,
    /// Its uid: changes when it is started anew.
    pub uid: PodUid,
    /// Its unit.
    pub unit: UnitName,
    /// Made by a cronjob: for this slot, or by an operator.
    pub owner: JobOwner,
    /// Kubernetes' labels.
    pub labels: BTreeMap<String, String>,
    /// Kubernetes' annotations, of the unit.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The time of the calendar that it runs for, in the zone of its schedule (CJB-020).
    #[serde(default)]
    pub scheduled: Option<String>,
    /// `None`: work queue.
    pub completions: Option<u32>,
    /// Pods at once.
    pub parallelism: u32,
    /// Numbered completions.
    pub indexed: bool,
    /// Failures allowed.
    pub backoff_limit: u32,
    /// Failures allowed of each index.
    #[serde(default)]
    pub backoff_limit_per_index: Option<u32>,
    /// Indexes that may fail.
    #[serde(default)]
    pub max_failed_indexes: Option<u32>,
    /// Its failure policy.
    #[serde(default)]
    pub failure_policy: Vec<FailureRule>,
    /// Its success policy.
    #[serde(default)]
    pub success_policy: Vec<SuccessRule>,
    /// `TerminatingOrFailed`, `Failed`.
    #[serde(default)]
    pub pod_replacement_policy: String,
    /// In seconds.
    #[serde(default)]
    pub ttl_seconds_after_finished: Option<u64>,
    /// `Never` or `OnFailure`.
    pub restart_policy: String,
    /// In seconds.
    pub active_deadline_seconds: Option<u64>,
    /// At rest.
    pub suspended: bool,
    /// Stopped by an operator: at rest until started.
    pub stopped: bool,
    /// What it waits for before its first pod.
    pub waiting_for: Vec<Waiting>,
    /// Pods that run or are to run, not on their way out.
    pub active: u32,
    /// Of those, ready ones.
    pub ready: u32,
    /// Pods on their way out.
    pub terminating: u32,
    /// Counted.
    pub succeeded: u32,
    /// Counted.
    pub failed: u32,
    /// Kubernetes' interval notation (IDX-004); empty where it is not indexed.
    pub completed_indexes: String,
    /// The same; nothing unless each index has a limit of its own (BPI-008).
    #[serde(default)]
    pub failed_indexes: Option<String>,
    /// Since when pods run (JOB-082).
    pub start_time: Option<Wall>,
    /// When it became complete (JOB-104).
    pub completion_time: Option<Wall>,
    /// In Kubernetes' order (JOB-101).
    pub conditions: Vec<JobCondition>,
    /// No new pod before this, after a failure (JOB-043).
    pub next_pod: Option<Wall>,
    /// When it was made.
    pub created: Now,
}

/// Where a job came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobOwner {
    /// A unit of kind job.
    Unit,
    /// A cronjob, for this slot.
    Schedule(Wall),
    /// A cronjob, by an operator (CJB-028).
    Manual,
}

/// A condition of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCondition {
    /// `Suspended`, `FailureTarget`, `SuccessCriteriaMet`, `Failed`, `Complete`.
    pub kind: String,
    /// True, or False once it has been True.
    pub status: bool,
    /// Kubernetes' reason.
    pub reason: String,
    /// Kubernetes' message.
    pub message: String,
    /// When it became so.
    pub since: Wall,
}
