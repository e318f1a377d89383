//! Processes of a pod, as Kubernetes shows containers (CST).

use serde::{Deserialize, Serialize};

use super::{Time, is_default};
use crate::engine::event::{Exit, Outcome, Usage};
use crate::engine::view::{ProcessState, ProcessView, Terminated};

/// How a process is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    /// `main`, or the init step's name.
    pub name: String,
    /// Running and ready; an init step: done (CST-009).
    pub ready: bool,
    /// Running.
    pub started: bool,
    /// Starts after the first (CST-007).
    pub restart_count: u32,
    /// The number of the present or last run, as in the name of its log.
    pub attempt: u32,
    /// Where it is.
    pub state: ContainerState,
    /// Its previous end; empty where there was none.
    pub last_state: LastState,
}

/// Exactly one of three (CST-001).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContainerState {
    /// Not running, and not finished.
    Waiting(ContainerWaiting),
    /// Running.
    Running(ContainerRunning),
    /// Finished for good, or until its next start.
    Terminated(ContainerTerminated),
}

/// The previous end of a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastState {
    /// Nothing where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<ContainerTerminated>,
}

/// Not running, and not finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerWaiting {
    /// `ContainerCreating`, `PodInitializing`, `CrashLoopBackOff`, …
    pub reason: String,
    /// In words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// When its next start is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_restart_time: Option<Time>,
}

/// Running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerRunning {
    /// Since when.
    pub started_at: Time,
    /// For people; a pid is no identity.
    pub pid: u32,
}

/// Finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerTerminated {
    /// `128 + n` for signal n; 128 for what never started.
    pub exit_code: u8,
    /// The signal that ended it. (Kubernetes' `signal` stays unset, as it does there: CST-003.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_signal: Option<u8>,
    /// Whether it left a core file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub core_dumped: bool,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`, …
    pub reason: String,
    /// In words, where there is more to say than the code.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// When it was started, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it was reaped.
    pub finished_at: Time,
    /// What it used.
    pub usage: ResourceUsage,
}

/// What a run used, as the kernel tells whoever reaps it (getrusage(2)): the run itself, and of what it
/// started whatever it waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceUsage {
    /// CPU time in user mode, exact to the microsecond.
    pub user_cpu_seconds: f64,
    /// CPU time in the kernel, exact to the microsecond.
    pub system_cpu_seconds: f64,
    /// Peak memory of its largest process, exact to the KiB. Never less than supd's spawner itself had (a
    /// few MiB), since a new process has its parent's memory until it executes.
    pub max_rss_bytes: u64,
    /// Bytes read from storage, in blocks of 512. What the page cache had is not read; not every file system
    /// counts.
    #[serde(default)]
    pub read_bytes: u64,
    /// Bytes that it gave to the page cache to be written to storage, in blocks of 512; what is cut off or
    /// deleted before it is written counts as written. Not every file system counts.
    #[serde(default)]
    pub written_bytes: u64,
}

impl ContainerStatus {
    /// `ready`: for main what readiness says, for an init step whether it is done.
    pub(super) fn new(process: &ProcessView, ready: bool) -> Self {
        Self {
            name: process.name.clone(),
            ready,
            started: process.started,
            restart_count: process.restarts,
            attempt: process.attempt,
            state: (&process.state).into(),
            last_state: LastState { terminated: process.last.as_ref().map(Into::into) },
        }
    }
}

impl From<&ProcessState> for ContainerState {
    fn from(state: &ProcessState) -> Self {
        match state {
            ProcessState::Waiting { reason, message, until } => Self::Waiting(ContainerWaiting {
                reason: reason.clone(),
                message: message.clone(),
                next_restart_time: until.map(Into::into),
            }),
            ProcessState::Running { pid, since } => {
                Self::Running(ContainerRunning { started_at: (*since).into(), pid: *pid })
            }
            ProcessState::Terminated(end) => Self::Terminated(end.into()),
        }
    }
}

impl From<&Terminated> for ContainerTerminated {
    fn from(end: &Terminated) -> Self {
        Self {
            exit_code: end.exit.code(),
            exit_signal: end.exit.signal(),
            core_dumped: core_dumped(&end.exit),
            reason: end.reason.clone(),
            message: end.message.clone(),
            started_at: end.started.map(Into::into),
            finished_at: end.exit.at.into(),
            usage: end.exit.usage.into(),
        }
    }
}

impl From<Usage> for ResourceUsage {
    fn from(usage: Usage) -> Self {
        Self {
            user_cpu_seconds: seconds(usage.user_us),
            system_cpu_seconds: seconds(usage.system_us),
            max_rss_bytes: usage.max_rss_bytes,
            read_bytes: usage.read_bytes,
            written_bytes: usage.written_bytes,
        }
    }
}

/// In words, why it never started; nothing where it did.
pub(super) fn not_started(exit: &Exit) -> String {
    match &exit.outcome {
        Outcome::NotStarted { message, .. } => message.clone(),
        Outcome::Exited(_) | Outcome::Signaled { .. } | Outcome::OutOfMemory | Outcome::Unknown => {
            String::new()
        }
    }
}

pub(super) fn core_dumped(exit: &Exit) -> bool {
    matches!(exit.outcome, Outcome::Signaled { core: true, .. })
}

/// Microseconds as seconds. Exact to the microsecond for 285 years.
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}
