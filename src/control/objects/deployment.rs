//! apps/v1 Deployment, for a service, and autoscaling/v1 Scale, its number alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::meta::{REVISION, uid_of_name};
use super::pod::condition;
use super::{Metadata, Noun, PodCondition, PodTemplate, Resource, is_default};
use crate::engine::view::{Progressing, ServiceView, UnitView};
use crate::unit::model::{self, Share, Strategy, Surplus};
use crate::unit::name::UnitName;

/// A number of pods that is kept.
pub type Deployment = Resource<DeploymentSpec, DeploymentStatus>;

/// The number of a deployment alone.
pub type Scale = Resource<ScaleSpec, ScaleStatus>;

/// What is wished of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSpec {
    /// How many pods.
    pub replicas: u32,
    /// A changed template does not come to them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,
    /// How it comes to them.
    #[serde(default)]
    pub strategy: DeploymentStrategy,
    /// A pod is available once it has been ready for so long.
    #[serde(default, skip_serializing_if = "is_default")]
    pub min_ready_seconds: u64,
    /// A rollout has failed that made no progress for so long; absent where there is no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<u64>,
    /// Old revisions that are kept.
    #[serde(default)]
    pub revision_history_limit: u32,
    /// What its pods are made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Box<PodTemplate>>,
}

/// How a template comes to pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStrategy {
    /// `RollingUpdate` or `Recreate`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Within which bounds; only of a `RollingUpdate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<RollingUpdate>,
}

/// The bounds of a rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollingUpdate {
    /// Pods that may be missing: a number, or a part like `25%`.
    pub max_unavailable: NumberOrPart,
    /// Pods that may be too many.
    pub max_surge: NumberOrPart,
}

/// Kubernetes' IntOrString.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NumberOrPart {
    /// So many.
    Number(u32),
    /// `25%`
    Part(String),
}

/// How a service is (RS-006).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStatus {
    /// The generation that all of this is about: always the present one.
    #[serde(default)]
    pub observed_generation: u32,
    /// There, and not on their way out.
    pub replicas: u32,
    /// Made from the present template.
    pub updated_replicas: u32,
    /// Ready.
    pub ready_replicas: u32,
    /// Ready for long enough.
    pub available_replicas: u32,
    /// Missing from those wanted.
    pub unavailable_replicas: u32,
    /// On their way out.
    #[serde(default)]
    pub terminating_replicas: u32,
    /// `Available`, `Progressing`.
    pub conditions: Vec<PodCondition>,

    /// Pods at their end that are not replaced (policy OnFailure or Never).
    #[serde(default, skip_serializing_if = "is_default")]
    pub finished_replicas: u32,
    /// Its unit.
    pub unit: UnitName,
}

/// How many pods are wished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleSpec {
    /// How many pods.
    pub replicas: u32,
}

/// How many pods there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleStatus {
    /// How many pods.
    pub replicas: u32,
}

impl Deployment {
    /// The deployment that a unit is; nothing where it is no service.
    pub fn of_unit(unit: &UnitView) -> Option<Self> {
        let service = unit.service?;
        let status = DeploymentStatus {
            observed_generation: service.generation,
            replicas: service.replicas,
            updated_replicas: service.updated,
            ready_replicas: service.ready,
            available_replicas: service.available,
            unavailable_replicas: service.desired.saturating_sub(service.available + service.done),
            terminating_replicas: service.terminating,
            conditions: conditions(unit, service),
            finished_replicas: service.done,
            unit: unit.name.clone(),
        };
        let mut metadata = metadata(unit);
        metadata.generation = Some(service.generation);
        metadata.annotations.insert(REVISION.to_owned(), service.revision.to_string());
        Some(Self::new(metadata, spec(service), status))
    }

    /// With what its pods are made from.
    #[must_use]
    pub fn with_unit(mut self, unit: &model::Unit) -> Self {
        if let Some(pod) = unit.pod() {
            let template = PodTemplate::new(unit, pod);
            self.spec.template = Some(Box::new(template));
        }
        self
    }

    /// Its condition of this kind.
    pub fn condition(&self, kind: &str) -> Option<&PodCondition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind)
    }
}

impl Scale {
    /// The number of a unit's pods; nothing where it is no service.
    pub fn of_unit(unit: &UnitView) -> Option<Self> {
        let service = unit.service?;
        Some(Self {
            api_version: Cow::Borrowed("autoscaling/v1"),
            kind: Cow::Borrowed("Scale"),
            metadata: metadata(unit),
            spec: ScaleSpec { replicas: service.desired },
            status: ScaleStatus { replicas: service.replicas },
        })
    }
}

fn metadata(unit: &UnitView) -> Metadata {
    let name = unit.name.as_str();
    let mut metadata = Metadata::namespaced(name, uid_of_name(Deployment::KIND, name), unit.created);
    metadata.labels = unit.labels.clone();
    metadata.annotations = unit.annotations.clone();
    metadata
}

fn spec(service: ServiceView) -> DeploymentSpec {
    let rollout = service.rollout;
    let (kind, rolling_update) = match rollout.strategy {
        Strategy::Recreate => ("Recreate", None),
        Strategy::RollingUpdate => {
            let bounds = RollingUpdate {
                max_unavailable: rollout.max_unavailable.into(),
                max_surge: rollout.max_surge.into(),
            };
            ("RollingUpdate", Some(bounds))
        }
    };
    let deadline = rollout.progress_deadline;
    DeploymentSpec {
        replicas: service.desired,
        paused: service.paused,
        strategy: DeploymentStrategy { kind: kind.to_owned(), rolling_update },
        min_ready_seconds: rollout.min_ready.as_secs(),
        progress_deadline_seconds: (deadline < std::time::Duration::MAX).then_some(deadline.as_secs()),
        revision_history_limit: rollout.history,
        template: None,
    }
}

impl std::fmt::Display for NumberOrPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Part(part) => f.write_str(part),
        }
    }
}

impl From<Share> for NumberOrPart {
    fn from(share: Share) -> Self {
        match share {
            Share::Number(number) => Self::Number(number),
            Share::Percent(percent) => Self::Part(format!("{percent}%")),
        }
    }
}

/// With the words of Kubernetes' deployment controller.
fn conditions(unit: &UnitView, service: ServiceView) -> Vec<PodCondition> {
    let available = service.available + service.done >= least(service);
    let (reason, message) = if available {
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    vec![
        condition("Available", available, reason, message.to_owned(), unit.since.into()),
        progressing(unit, service),
    ]
}

/// How many pods make a service available. Ours has one at least: Kubernetes calls a deployment of one pod
/// that may be unavailable available without any.
fn least(service: ServiceView) -> u32 {
    let (_, unavailable) = service.rollout.bounds(service.desired);
    let least = service.desired.saturating_sub(unavailable);
    match service.rollout.surplus {
        Surplus::Highest => least.max(service.desired.min(1)),
        Surplus::Kubernetes => least,
    }
}

fn progressing(unit: &UnitView, service: ServiceView) -> PodCondition {
    let name = &unit.name;
    let (status, message) = match service.progress {
        Progressing::NewReplicaSetCreated => ("True", format!("Created revision {}", service.revision)),
        Progressing::ReplicaSetUpdated => ("True", format!("Deployment \"{name}\" is progressing.")),
        Progressing::NewReplicaSetAvailable => {
            ("True", format!("Deployment \"{name}\" has successfully progressed."))
        }
        Progressing::ProgressDeadlineExceeded => {
            ("False", format!("Deployment \"{name}\" has timed out progressing."))
        }
        Progressing::DeploymentPaused => ("Unknown", "Deployment is paused".to_owned()),
        Progressing::DeploymentResumed => ("Unknown", "Deployment is resumed".to_owned()),
    };
    let since = service.progress_since.into();
    PodCondition {
        status: status.to_owned(),
        ..condition("Progressing", true, service.progress.as_str(), message, since)
    }
}
