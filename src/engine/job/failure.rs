//! What a failure of a pod means to its job, by the rules of its failure policy (PFP-001ff).
//!
//! Looks at one pod that is gone; what follows is done in [`super::count`].

use crate::engine::event::Outcome;
use crate::engine::pod::Pod;
use crate::engine::view::Terminated;
use crate::unit::model::{FailureAction, FailureRule, FailureWhen};

/// Kubernetes' condition for a pod that was taken away; ours for `deleted = true` (PFP-006).
const DISRUPTION: &str = "DisruptionTarget";

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ruling {
    pub(super) action: FailureAction,
    /// In Kubernetes' words (PFP-007).
    pub(super) message: String,
}

/// The first rule that matches a failed pod decides; none: it is counted as any other.
pub(super) fn judge(policy: &[FailureRule], pod: &Pod) -> Option<Ruling> {
    policy.iter().enumerate().find_map(|(place, rule)| {
        let what = matching(&rule.when, pod)?;
        let message = format!("{what} matching {:?} rule at index {place}", rule.action);
        Some(Ruling { action: rule.action, message })
    })
}

/// What of the pod a rule is about, in words; nothing where it is about something else.
fn matching(when: &FailureWhen, pod: &Pod) -> Option<String> {
    let container =
        |name: &str, what: String| format!("Container {name} for pod default/{} {what}", pod.name);
    match when {
        FailureWhen::ExitCodes { process, codes } => {
            let meant = |name: &str| process.as_deref().is_none_or(|wanted| wanted == name);
            let (name, end) =
                pod.failed_ends().find(|(name, end)| meant(name) && codes.matches(end.exit.code()))?;
            Some(container(name, format!("failed with exit code {}", end.exit.code())))
        }
        FailureWhen::Signal(signals) => {
            let of_itself = |end: &Terminated| end.exit.signal().filter(|_| !is_by_supd(pod, end));
            let (name, signal) = pod.failed_ends().find_map(|(name, end)| {
                of_itself(end).filter(|signal| signals.contains(signal)).map(|signal| (name, signal))
            })?;
            Some(container(name, format!("was ended by signal {signal}")))
        }
        FailureWhen::Oom => {
            let (name, _) = pod.failed_ends().find(|(_, end)| end.reason == "OOMKilled")?;
            Some(container(name, "was out of memory".to_owned()))
        }
        FailureWhen::Deleted => {
            // Where supd died together with the pod, nobody can say how it ended.
            let lost = pod.failed_ends().any(|(_, end)| end.exit.outcome == Outcome::Unknown);
            (pod.disrupted || lost).then(|| format!("Pod default/{} has condition {DISRUPTION}", pod.name))
        }
    }
}

/// Whether supd sent the signal: to a pod that was asked to end, or to a process that it had condemned and
/// said why.
fn is_by_supd(pod: &Pod, end: &Terminated) -> bool {
    pod.leaving.is_some() || !end.message.is_empty()
}
