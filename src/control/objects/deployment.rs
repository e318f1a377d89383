//! apps/v1 Deployment, for a service, and autoscaling/v1 Scale, its number alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::meta::uid_of_name;
use super::pod::condition;
use super::{Metadata, Noun, PodCondition, Resource};
use crate::engine::view::{ServiceView, UnitView};
use crate::unit::name::UnitName;

/// A number of pods that is kept.
pub type Deployment = Resource<DeploymentSpec, DeploymentStatus>;

/// The number of a deployment alone.
pub type Scale = Resource<ScaleSpec, ScaleStatus>;

/// What is wished of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSpec {
    /// How many pods.
    pub replicas: u32,
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
        Some(Self::new(metadata(unit), DeploymentSpec { replicas: service.desired }, status))
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
