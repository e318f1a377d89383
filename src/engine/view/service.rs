//! How a service stands: its replicas, its revisions, its rollout.

use serde::{Deserialize, Serialize};

use super::super::time::Wall;
use crate::unit::model::Rollout;

/// A service's numbers (DEP, RS-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// Wanted.
    pub desired: u32,
    /// There, and not on their way out.
    pub replicas: u32,
    /// Made from the present template.
    pub updated: u32,
    /// Ready.
    pub ready: u32,
    /// Ready for long enough.
    pub available: u32,
    /// On their way out.
    pub terminating: u32,
    /// Bare pods at their end, which are shown and not replaced.
    pub done: u32,
    /// The number of the present template (DEP-004).
    pub revision: u32,
    /// How often what is wished has changed; 1 at first.
    pub generation: u32,
    /// Templates do not come to pods, until `rollout resume`.
    pub paused: bool,
    /// How its rollout gets on.
    pub progress: Progressing,
    /// Since when it is so.
    pub progress_since: Wall,
    /// How templates come to pods.
    pub rollout: Rollout,
}

/// A template that a service has had, or has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionView {
    /// From 1.
    pub number: u32,
    /// The version of the unit that it came with ([`crate::unit::model::Unit::hash`]).
    pub version: u64,
    /// When it came.
    pub since: Wall,
    /// Why, in words.
    pub change: String,
    /// Pods are made from it.
    pub present: bool,
}

/// How a rollout gets on: the reasons of Kubernetes' condition `Progressing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progressing {
    /// It has begun.
    NewReplicaSetCreated,
    /// It gets on.
    ReplicaSetUpdated,
    /// It is complete.
    NewReplicaSetAvailable,
    /// It has made no progress for too long (DEP-005).
    ProgressDeadlineExceeded,
    /// An operator has halted it.
    DeploymentPaused,
    /// It goes on after a halt.
    DeploymentResumed,
}

impl Progressing {
    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewReplicaSetCreated => "NewReplicaSetCreated",
            Self::ReplicaSetUpdated => "ReplicaSetUpdated",
            Self::NewReplicaSetAvailable => "NewReplicaSetAvailable",
            Self::ProgressDeadlineExceeded => "ProgressDeadlineExceeded",
            Self::DeploymentPaused => "DeploymentPaused",
            Self::DeploymentResumed => "DeploymentResumed",
        }
    }
}
