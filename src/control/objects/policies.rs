//! The failure and success policies of a job, in Kubernetes' shape.
//!
//! What Kubernetes has no word for, a signal and the want of memory, stands beside its words; there a signal
//! `n` is the exit code `128 + n`.

use serde::{Deserialize, Serialize};

use crate::unit::model::{FailureRule, FailureWhen, SuccessRule};

/// What failures of pods mean: the first rule that matches counts (PFP-001).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodFailurePolicy {
    /// In order.
    pub rules: Vec<PodFailureRule>,
}

/// One rule: exactly one of its conditions is there (PFP-002).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodFailureRule {
    /// `FailJob`, `FailIndex`, `Ignore`, `Count`.
    pub action: String,
    /// A process ended with such a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_exit_codes: Option<OnExitCodes>,
    /// The pod was taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_pod_conditions: Vec<OnPodCondition>,
    /// Ours: one of these signals ended a process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_signals: Vec<u8>,
    /// Ours: a process was out of memory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_out_of_memory: bool,
}

/// Exit codes of the processes of a pod (PFP-004).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnExitCodes {
    /// This process; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
    /// `In` or `NotIn`.
    pub operator: String,
    /// In ascending order.
    pub values: Vec<u8>,
}

/// A condition of a pod (PFP-006).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnPodCondition {
    /// `DisruptionTarget`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`.
    pub status: String,
}

/// Which successes are enough: the first rule that is met counts (SUC-002).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuccessPolicy {
    /// In order.
    pub rules: Vec<SuccessPolicyRule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuccessPolicyRule {
    /// Among these, in interval notation; absent: among all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_indexes: Option<String>,
    /// So many; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_count: Option<u32>,
}

impl PodFailurePolicy {
    /// Nothing where there are no rules.
    pub(super) fn of(rules: &[FailureRule]) -> Option<Self> {
        (!rules.is_empty()).then(|| Self { rules: rules.iter().map(Into::into).collect() })
    }
}

impl From<&FailureRule> for PodFailureRule {
    fn from(rule: &FailureRule) -> Self {
        let plain = Self { action: format!("{:?}", rule.action), ..Self::default() };
        match &rule.when {
            FailureWhen::ExitCodes { process, codes } => {
                let on = OnExitCodes {
                    container_name: process.clone(),
                    operator: format!("{:?}", codes.operator),
                    values: codes.values.clone(),
                };
                Self { on_exit_codes: Some(on), ..plain }
            }
            FailureWhen::Signal(signals) => Self { on_signals: signals.clone(), ..plain },
            FailureWhen::Oom => Self { on_out_of_memory: true, ..plain },
            FailureWhen::Deleted => {
                let condition = OnPodCondition { kind: "DisruptionTarget".into(), status: "True".into() };
                Self { on_pod_conditions: vec![condition], ..plain }
            }
        }
    }
}

impl SuccessPolicy {
    /// Nothing where there are no rules.
    pub(super) fn of(rules: &[SuccessRule]) -> Option<Self> {
        (!rules.is_empty()).then(|| Self { rules: rules.iter().map(Into::into).collect() })
    }
}

impl From<&SuccessRule> for SuccessPolicyRule {
    fn from(rule: &SuccessRule) -> Self {
        Self { succeeded_indexes: rule.indexes.as_deref().map(intervals), succeeded_count: rule.count }
    }
}

/// As they were written: `0-2,5`.
fn intervals(runs: &[(u32, u32)]) -> String {
    let word = |(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    runs.iter().map(word).collect::<Vec<_>>().join(",")
}
