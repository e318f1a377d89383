//! Limits and policies of a job beyond its numbers: each index' own limit, and what failures, successes and
//! pods that are asked to end mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{JobSpec, PodTemplate};
use crate::unit::model::{self, FailureWhen};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPolicies {
    /// Failures allowed of each index (BPI-001).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_limit_per_index: Option<u32>,
    /// Indexes that may fail before the job does (BPI-003).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed_indexes: Option<u32>,
    /// When a pod that was asked to end is replaced (PRP-001ff).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_replacement_policy: Option<String>,
    /// What failures mean (PFP-001ff).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_failure_policy: Option<Rules<FailureRule>>,
    /// Which successes are enough (SUC-001ff).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_policy: Option<Rules<SuccessRule>>,
}

/// Rules, of which the first that matches counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules<T> {
    /// In order.
    pub rules: Vec<T>,
}

/// What some failures mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureRule {
    /// `FailJob`, `FailIndex`, `Ignore`, `Count`.
    pub action: String,
    /// Failures with these codes (PFP-004).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_exit_codes: Option<OnExitCodes>,
    /// `DisruptionTarget`: an operator has deleted the pod (PFP-006).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_pod_conditions: Option<Vec<OnPodCondition>>,
    /// Ours: one of these signals has ended a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_signals: Option<Vec<u8>>,
    /// Ours: it was out of memory.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub on_out_of_memory: bool,
}

/// Which codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnExitCodes {
    /// Of this process only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
    /// `In` or `NotIn`.
    pub operator: String,
    /// In ascending order.
    pub values: Vec<u8>,
}

/// A condition of a pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnPodCondition {
    /// `DisruptionTarget`
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`
    pub status: String,
}

/// Which successes are enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuccessRule {
    /// Among these, in interval notation; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_indexes: Option<String>,
    /// So many; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_count: Option<u32>,
}

impl JobSpec {
    /// Of jobs that are still to be made.
    pub(super) fn of(job: &model::Job, labels: BTreeMap<String, String>) -> Self {
        Self {
            parallelism: job.parallelism,
            completions: job.completions,
            completion_mode: format!("{:?}", job.mode),
            backoff_limit: job.backoff_limit,
            active_deadline_seconds: job.active_deadline.map(|deadline| deadline.as_secs()),
            suspend: job.suspend,
            ttl_seconds_after_finished: job.ttl_after_finished.map(Into::into),
            policies: job.into(),
            template: PodTemplate::new(labels, &job.pod),
        }
    }
}

impl From<&model::Job> for JobPolicies {
    fn from(job: &model::Job) -> Self {
        let failure: Vec<FailureRule> = job.failure_policy.iter().map(Into::into).collect();
        let success: Vec<SuccessRule> = job.success_policy.iter().map(Into::into).collect();
        Self {
            backoff_limit_per_index: job.backoff_limit_per_index,
            max_failed_indexes: job.max_failed_indexes,
            pod_replacement_policy: Some(format!("{:?}", job.pod_replacement_policy)),
            pod_failure_policy: (!failure.is_empty()).then_some(Rules { rules: failure }),
            success_policy: (!success.is_empty()).then_some(Rules { rules: success }),
        }
    }
}

impl From<&model::FailureRule> for FailureRule {
    fn from(rule: &model::FailureRule) -> Self {
        let nothing = Self { action: format!("{:?}", rule.action), ..Self::default() };
        match &rule.when {
            FailureWhen::ExitCodes { process, codes } => Self {
                on_exit_codes: Some(OnExitCodes {
                    container_name: process.clone(),
                    operator: format!("{:?}", codes.operator),
                    values: codes.values.clone(),
                }),
                ..nothing
            },
            FailureWhen::Signal(signals) => Self { on_signals: Some(signals.clone()), ..nothing },
            FailureWhen::Oom => Self { on_out_of_memory: true, ..nothing },
            FailureWhen::Deleted => {
                let condition =
                    OnPodCondition { kind: "DisruptionTarget".to_owned(), status: "True".to_owned() };
                Self { on_pod_conditions: Some(vec![condition]), ..nothing }
            }
        }
    }
}

impl From<&model::SuccessRule> for SuccessRule {
    fn from(rule: &model::SuccessRule) -> Self {
        let interval = |(first, last): &(u32, u32)| match last.saturating_sub(*first) {
            0 => first.to_string(),
            1 => format!("{first},{last}"),
            _ => format!("{first}-{last}"),
        };
        let indexes = rule.indexes.as_ref().map(|intervals| {
            let words: Vec<String> = intervals.iter().map(interval).collect();
            words.join(",")
        });
        Self { succeeded_indexes: indexes, succeeded_count: rule.count }
    }
}
