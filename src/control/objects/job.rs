//! batch/v1 Job: pods until enough have succeeded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::meta::{CONTROLLER_UID_LABELS, INSTANTIATE, SCHEDULED_TIMESTAMP, uid_of_name};
use super::pod::truth;
use super::policies::{PodFailurePolicy, SuccessPolicy};
use super::{
    CronJob, Metadata, Noun, OwnerReference, PodSpec, PodTemplate, Resource, TemplateMetadata, Time,
    UnitCondition, is_default,
};
use crate::engine::view::{self, JobOwner, JobView};
use crate::unit::model;
use crate::unit::name::UnitName;

/// Pods until enough have succeeded.
pub type Job = Resource<JobSpec, JobStatus>;

/// What is wished of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobSpec {
    /// Pods at once.
    pub parallelism: u32,
    /// Successes wanted; absent: a work queue (JOB-003).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<u32>,
    /// `NonIndexed` or `Indexed`.
    pub completion_mode: String,
    /// Failures allowed (JOB-040).
    pub backoff_limit: u32,
    /// Failures allowed of each index (BPI-001).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_limit_per_index: Option<u32>,
    /// Indexes that may fail (BPI-003).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed_indexes: Option<u32>,
    /// What failures of its pods mean (PFP-001ff).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_failure_policy: Option<PodFailurePolicy>,
    /// Which successes are enough (SUC-001ff).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_policy: Option<SuccessPolicy>,
    /// `TerminatingOrFailed` or `Failed` (PRP-001ff).
    #[serde(default, skip_serializing_if = "is_default")]
    pub pod_replacement_policy: String,
    /// It goes this long after its end (JOB-070).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<u64>,
    /// Which pods are its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// The job fails this long after its start (JOB-060).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<u64>,
    /// At rest.
    pub suspend: bool,
    /// What its pods are made from.
    pub template: PodTemplate,
}

/// Which pods are a job's own: those that tell its uid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// All of these.
    pub match_labels: BTreeMap<String, String>,
}

/// How a job is (JOB-016).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
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
    /// Indexed only, in interval notation (IDX-004).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_indexes: Option<String>,
    /// Only with a limit for each index (BPI-008).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_indexes: Option<String>,
    /// Since when pods run (JOB-082).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it became complete; never for a failed one (JOB-104).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// JOB-101.
    pub conditions: Vec<JobCondition>,

    /// Its unit.
    pub unit: UnitName,
    /// Stopped by an operator: at rest until started.
    pub stopped: bool,
    /// What it waits for before its first pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<UnitCondition>,
    /// No new pod before this, after a failure (JOB-043).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_pod_time: Option<Time>,
}

/// A condition of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobCondition {
    /// `Suspended`, `FailureTarget`, `SuccessCriteriaMet`, `Failed`, `Complete`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`.
    pub status: String,
    /// Kubernetes' reason.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reason: String,
    /// Kubernetes' message.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// When it was looked at last; we look once.
    pub last_probe_time: Time,
    /// When it became so.
    pub last_transition_time: Time,
}

impl From<&JobView> for Job {
    fn from(view: &JobView) -> Self {
        let selector = [(CONTROLLER_UID_LABELS[0].to_owned(), view.uid.to_string())];
        let spec = JobSpec {
            selector: Some(LabelSelector { match_labels: BTreeMap::from(selector) }),
            ..JobSpec::written(view)
        };
        let status = JobStatus {
            active: view.active,
            ready: view.ready,
            terminating: view.terminating,
            succeeded: view.succeeded,
            failed: view.failed,
            completed_indexes: view.indexed.then(|| view.completed_indexes.clone()),
            failed_indexes: view.failed_indexes.clone(),
            start_time: view.start_time.map(Into::into),
            completion_time: view.completion_time.map(Into::into),
            conditions: view.conditions.iter().map(Into::into).collect(),
            unit: view.unit.clone(),
            stopped: view.stopped,
            waiting_for: view.waiting_for.iter().map(Into::into).collect(),
            next_pod_time: view.next_pod.map(Into::into),
        };
        Self::new(metadata(view), spec, status)
    }
}

impl JobSpec {
    /// As it is written, for a template: with nothing that only a job of its own has.
    pub(super) fn written(view: &JobView) -> Self {
        Self {
            parallelism: view.parallelism,
            completions: view.completions,
            completion_mode: (if view.indexed { "Indexed" } else { "NonIndexed" }).to_owned(),
            backoff_limit: view.backoff_limit,
            backoff_limit_per_index: view.backoff_limit_per_index,
            max_failed_indexes: view.max_failed_indexes,
            pod_failure_policy: PodFailurePolicy::of(&view.failure_policy),
            success_policy: SuccessPolicy::of(&view.success_policy),
            pod_replacement_policy: view.pod_replacement_policy.clone(),
            active_deadline_seconds: view.active_deadline_seconds,
            ttl_seconds_after_finished: view.ttl_seconds_after_finished,
            suspend: view.suspended,
            selector: None,
            template: PodTemplate {
                metadata: TemplateMetadata { labels: view.labels.clone(), annotations: BTreeMap::new() },
                spec: PodSpec { restart_policy: view.restart_policy.clone(), ..PodSpec::default() },
            },
        }
    }
}

impl Job {
    /// With all that its unit says of it.
    #[must_use]
    pub fn with_unit(mut self, unit: &model::Unit) -> Self {
        if let Some(job) = unit.job() {
            self.spec.template = PodTemplate::new(unit, &job.pod);
        }
        self
    }

    /// Whether this condition is true.
    pub fn is(&self, kind: &str) -> bool {
        self.status.conditions.iter().any(|c| c.kind == kind && c.status == "True")
    }

    /// Complete or failed (JOB-100).
    pub fn is_finished(&self) -> bool {
        self.is("Complete") || self.is("Failed")
    }
}

impl From<&view::JobCondition> for JobCondition {
    fn from(condition: &view::JobCondition) -> Self {
        Self {
            kind: condition.kind.clone(),
            status: truth(condition.status),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            last_probe_time: condition.since.into(),
            last_transition_time: condition.since.into(),
        }
    }
}

fn metadata(view: &JobView) -> Metadata {
    let mut metadata = Metadata::namespaced(&view.name, view.uid.to_string(), view.created);
    metadata.labels = view.labels.clone();
    metadata.annotations = view.annotations.clone();
    let annotation = match &view.owner {
        JobOwner::Unit => return metadata,
        JobOwner::Schedule(slot) => {
            let in_zone = view.scheduled.clone();
            (SCHEDULED_TIMESTAMP, in_zone.unwrap_or_else(|| Time::from(*slot).to_string()))
        }
        JobOwner::Manual => (INSTANTIATE, "manual".to_owned()),
    };
    metadata.annotations.insert(annotation.0.to_owned(), annotation.1);
    let (version, kind, name) = (CronJob::API_VERSION, CronJob::KIND, view.unit.as_str());
    metadata.owner_references =
        vec![OwnerReference::controller(version, kind, name, uid_of_name(kind, name))];
    metadata
}
