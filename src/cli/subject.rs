//! What a verb is about: a unit, a job or a pod; and how it is in systemctl's words.

use serde::Serialize;

use super::name::Noun;
use super::rows::{Tabular, pod, unit};
use super::style::Tone;
use crate::control::objects::{Job, Pod, Unit};
use crate::engine::view::{Phase, UnitState};
use crate::unit::model::Kind;

/// A unit, a job or a pod.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// A unit of any kind.
    Unit(Box<Unit>),
    /// A job: a unit's own, or one that a cronjob made.
    Job(Box<Job>),
    /// A pod.
    Pod(Box<Pod>),
}

/// systemd's ActiveState.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// It does what it is for.
    Active,
    /// On its way there.
    Activating,
    /// On its way out.
    Deactivating,
    /// At rest, or done.
    Inactive,
    /// It has failed, or fails again and again.
    Failed,
}

impl Active {
    /// As systemctl prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
        }
    }
}

impl Subject {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Unit(unit) => &unit.metadata.name,
            Self::Job(job) => &job.metadata.name,
            Self::Pod(pod) => &pod.metadata.name,
        }
    }

    /// Its identity: what is made anew under the same name is another.
    pub fn uid(&self) -> &str {
        match self {
            Self::Unit(unit) => &unit.metadata.uid,
            Self::Job(job) => &job.metadata.uid,
            Self::Pod(pod) => &pod.metadata.uid,
        }
    }

    /// The sort of object that it is.
    pub fn noun(&self) -> Noun {
        match self {
            Self::Unit(_) => Noun::Unit,
            Self::Job(_) => Noun::Job,
            Self::Pod(_) => Noun::Pod,
        }
    }

    /// How well it is.
    pub fn tone(&self) -> Tone {
        match self {
            Self::Unit(unit) => unit.tone(),
            Self::Job(job) => job.tone(),
            Self::Pod(pod) => pod.tone(),
        }
    }

    /// How it is in systemd's words.
    pub fn active(&self) -> Active {
        match self {
            Self::Unit(unit) => match unit.status.state {
                UnitState::Running | UnitState::Degraded | UnitState::Armed => Active::Active,
                UnitState::Starting | UnitState::Waiting => Active::Activating,
                UnitState::Stopping => Active::Deactivating,
                UnitState::Stopped | UnitState::Complete | UnitState::Suspended | UnitState::Disabled => {
                    Active::Inactive
                }
                UnitState::CrashLoopBackOff | UnitState::Failed => Active::Failed,
            },
            Self::Job(job) => match job.state().as_str() {
                "Failed" | "FailureTarget" => Active::Failed,
                "Running" | "SuccessCriteriaMet" if job.status.waiting_for.is_empty() => Active::Active,
                "Running" => Active::Activating,
                "Terminating" => Active::Deactivating,
                _ => Active::Inactive,
            },
            Self::Pod(pod) => match pod.status.phase {
                Phase::Succeeded => Active::Inactive,
                Phase::Failed => Active::Failed,
                _ if pod.status.terminating => Active::Deactivating,
                _ if pod.tone() == Tone::Failing => Active::Failed,
                Phase::Running => Active::Active,
                Phase::Pending => Active::Activating,
            },
        }
    }

    /// Whether it is ready: all pods of a service, a target reached, a cronjob armed, a job complete.
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Unit(unit) => match unit.status.kind {
                Kind::Job => unit.status.state == UnitState::Complete,
                Kind::Service | Kind::CronJob | Kind::Target => {
                    matches!(unit.status.state, UnitState::Running | UnitState::Armed)
                }
            },
            Self::Job(job) => job.is("Complete"),
            Self::Pod(pod) => pod.is_ready(),
        }
    }

    /// Whether processes of it run, which a signal or a command could reach.
    pub fn has_processes(&self) -> bool {
        match self {
            Self::Unit(unit) => unit.status.pod_count > 0,
            Self::Job(job) => job.status.active + job.status.terminating > 0,
            Self::Pod(pod) => pod.status.pid.is_some(),
        }
    }

    /// Its word in STATUS.
    pub fn word(&self) -> String {
        match self {
            Self::Unit(unit) => unit.state(),
            Self::Job(job) => job.state(),
            Self::Pod(pod) => pod::word(pod),
        }
    }

    /// `7` of `10`, for what is on its way: pods that are ready, completions of a job.
    pub fn progress(&self) -> Option<(u32, u32)> {
        match self {
            Self::Unit(unit) => unit.status.desired.map(|desired| (unit.status.ready, desired)),
            Self::Job(job) => job.spec.completions.map(|completions| (job.status.succeeded, completions)),
            Self::Pod(_) => None,
        }
    }

    /// What it is at, for a line of progress: `Waiting for db (ready)`.
    pub fn at(&self, look: super::rows::Look) -> String {
        match self {
            Self::Unit(unit) => unit::words(unit, look),
            Self::Job(job) => match job.status.waiting_for.first() {
                Some(first) => format!("Waiting for {}", unit::requirement(first)),
                None => format!("{}, {} active", job.state(), job.status.active),
            },
            Self::Pod(pod) => pod::word(pod),
        }
    }
}
