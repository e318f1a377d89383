//! How a pod stands, and each of its processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::event::Exit;
use super::super::id::{Class, JobName, PodName, PodUid};
use super::super::time::{Now, Wall};
use crate::unit::name::UnitName;

/// A pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PodView {
    /// Its name.
    pub name: PodName,
    /// Its identity.
    pub uid: PodUid,
    /// Its unit.
    pub unit: UnitName,
    /// Its job.
    pub job: Option<JobName>,
    /// Replica number or completion index.
    pub ordinal: Option<u32>,
    /// Failures of its index before it: counted, and ignored ones (BPI-007). Only where each index has a limit
    /// of its own.
    #[serde(default)]
    pub index_failures: Option<(u32, u32)>,
    /// Kubernetes' labels.
    pub labels: BTreeMap<String, String>,
    /// Kubernetes' annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// `Always`, `OnFailure`, `Never`.
    pub restart_policy: String,
    /// Pending, Running, Succeeded, Failed.
    pub phase: Phase,
    /// Of the pod itself: `DeadlineExceeded`; mostly empty.
    pub reason: String,
    /// In words.
    pub message: String,
    /// Asked to end.
    pub terminating: bool,
    /// When it was made.
    pub created: Now,
    /// When its first process was started.
    pub started: Option<Now>,
    /// When it became final.
    pub finished: Option<Now>,
    /// Whether it is ready, and since when that is so.
    pub ready: bool,
    /// See `ready`.
    pub ready_since: Option<Now>,
    /// What readiness said last.
    pub ready_message: String,
    /// What the process says of itself (sd_notify's STATUS=).
    pub status_text: String,
    /// Made from a template that is no longer the unit's.
    pub outdated: bool,
    /// An operator has deleted it, or supd has ended under it (`DisruptionTarget`, PHS-010).
    #[serde(default)]
    pub disrupted: bool,
    /// It was killed, and something of it is there all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lingering: Option<Lingering>,
    /// Its processes: init steps and sidecars in order, then main, then those beside it.
    pub processes: Vec<ProcessView>,
}

/// What KILL has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lingering {
    /// In words.
    pub message: String,
    /// Since when that is known.
    pub since: Now,
}

/// Kubernetes' phases (PHS-001).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Main has never started.
    Pending,
    /// Main has started, and runs or will run again.
    Running,
    /// Final, well.
    Succeeded,
    /// Final, badly.
    Failed,
}

impl Phase {
    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// A process of a pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessView {
    /// `main`, or what the unit calls it.
    pub name: String,
    /// Main (those beside it, too), Init or Sidecar.
    pub class: Class,
    /// The command line, for `ps`.
    pub command: Vec<String>,
    /// Starts after the first (CST-007).
    pub restarts: u32,
    /// The number of the present or last run.
    pub attempt: u32,
    /// It runs and readiness says so; an init step: it is done (CST-009).
    #[serde(default)]
    pub ready: bool,
    /// It runs, and its postStart and its startup probe are done (CST-009).
    #[serde(default)]
    pub started: bool,
    /// Where it is.
    pub state: ProcessState,
    /// The previous end.
    pub last: Option<Terminated>,
}

/// Where a process is (CST-001).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ProcessState {
    /// Not running, and not finished.
    Waiting {
        /// `PodInitializing`, `ContainerCreating`, `CrashLoopBackOff`, `PodStopping`.
        reason: String,
        /// In words.
        message: String,
        /// When the next start is due.
        until: Option<Wall>,
    },
    /// Running.
    Running {
        /// For people.
        pid: u32,
        /// Since when.
        since: Now,
    },
    /// Finished for good, or until the next start.
    Terminated(Terminated),
}

/// An end of a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terminated {
    /// How.
    pub exit: Exit,
    /// Kubernetes' reason.
    pub reason: String,
    /// In words, where there is more to say than the code: why it could not be started.
    pub message: String,
    /// When it had been started.
    pub started: Option<Now>,
}
