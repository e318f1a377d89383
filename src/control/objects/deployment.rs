//! apps/v1 Deployment, for a service, and autoscaling/v1 Scale, its number alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::meta::uid_of_name;
use super::pod::condition;
use super::{Metadata, Noun, PodCondition, PodTemplate, Resource, Seconds};
use crate::engine::view::{ServiceView, UnitView};
use crate::unit::model;
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
    /// How a changed template comes to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<DeploymentStrategy>,
    /// A pod is available once it has been ready for so long (DEP-006).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ready_seconds: Option<Seconds>,
    /// Old revisions that are kept (DEP-004).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<u32>,
    /// Without any progress for so long a rollout is said to have failed (DEP-005).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<Seconds>,
    /// What its pods are made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Box<PodTemplate>>,
}

/// How a changed template comes to the pods (DEP-001ff).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStrategy {
    /// `RollingUpdate` or `Recreate`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How far, side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<RollingUpdate>,
}

/// How many pods may be missing or too many meanwhile: a number, or `25%`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollingUpdate {
    /// Too many.
    pub max_surge: serde_json::Value,
    /// Missing.
    pub max_unavailable: serde_json::Value,
}

/// How a service is (RS-006).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStatus {
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
    /// `Available`, `Progressing`.
    pub conditions: Vec<PodCondition>,

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
            replicas: service.replicas,
            updated_replicas: service.updated,
            ready_replicas: service.ready,
            available_replicas: service.available,
            unavailable_replicas: service.desired.saturating_sub(service.available),
            conditions: conditions(unit, service),
            unit: unit.name.clone(),
        };
        let spec = DeploymentSpec { replicas: service.desired, ..DeploymentSpec::default() };
        Some(Self::new(metadata(unit), spec, status))
    }

    /// With all that its unit says of it.
    #[must_use]
    pub fn with_unit(mut self, unit: &model::Unit) -> Self {
        let model::Body::Service(service) = &unit.body else { return self };
        let rollout = service.rollout;
        self.spec.strategy = Some(rollout.into());
        self.spec.min_ready_seconds = Some(rollout.min_ready.into());
        self.spec.revision_history_limit = Some(rollout.history);
        self.spec.progress_deadline_seconds = Some(rollout.progress_deadline.into());
        let template = PodTemplate::new(self.metadata.labels.clone(), &service.pod);
        self.spec.template = Some(Box::new(template));
        self
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

impl From<model::Rollout> for DeploymentStrategy {
    fn from(rollout: model::Rollout) -> Self {
        let share = |share| match share {
            model::Share::Number(number) => number.into(),
            model::Share::Percent(percent) => format!("{percent}%").into(),
        };
        match rollout.strategy {
            model::Strategy::Recreate => Self { kind: "Recreate".to_owned(), rolling_update: None },
            model::Strategy::RollingUpdate => Self {
                kind: "RollingUpdate".to_owned(),
                rolling_update: Some(RollingUpdate {
                    max_surge: share(rollout.max_surge),
                    max_unavailable: share(rollout.max_unavailable),
                }),
            },
        }
    }
}

fn metadata(unit: &UnitView) -> Metadata {
    let name = unit.name.as_str();
    let mut metadata = Metadata::namespaced(name, uid_of_name(Deployment::KIND, name), unit.created);
    metadata.labels = unit.labels.clone();
    metadata.annotations = unit.annotations.clone();
    metadata
}

/// With the words of Kubernetes' deployment controller.
fn conditions(unit: &UnitView, service: ServiceView) -> Vec<PodCondition> {
    let since = unit.since.into();
    let available = service.available >= service.desired;
    let (reason, message) = if available {
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let done = available && service.updated >= service.desired && !unit.in_progress;
    let progress = if done { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" };
    vec![
        condition("Available", available, reason, message.to_owned(), since),
        condition("Progressing", true, progress, String::new(), since),
    ]
}
