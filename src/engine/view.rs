//! What can be seen of the engine: plain copies, made when somebody asks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::event::Exit;
use super::id::{Class, JobName, PodName, PodUid};
use super::time::{Now, Wall};
use crate::unit::model::{Condition, FailureRule, Kind, SuccessRule};
use crate::unit::name::UnitName;

/// All that can be seen.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Units, by name.
    pub units: Vec<UnitView>,
    /// Jobs, finished ones included, by name.
    pub jobs: Vec<JobView>,
    /// Pods that are not finished, by unit and ordinal. Finished ones are in the store.
    pub pods: Vec<PodView>,
}

/// A unit, with what a service or a cronjob shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnitView {
    /// Its name.
    pub name: UnitName,
    /// Its kind.
    pub kind: Kind,
    /// One line for people.
    pub description: String,
    /// Kubernetes' labels.
    pub labels: BTreeMap<String, String>,
    /// Kubernetes' annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its file.
    pub path: PathBuf,
    /// Its drop-ins.
    pub drop_ins: Vec<PathBuf>,
    /// Started at boot.
    pub enabled: bool,
    /// Made by `supctl run`: there is no file.
    pub transient: bool,
    /// How it is, in one word.
    pub state: UnitState,
    /// More words: `next in 37s` is made from `next`; this is what it waits for, or why it failed.
    pub reason: String,
    /// Since when it is in this state.
    pub since: Now,
    /// The time of the next attempt, or of the next run of a cronjob.
    pub next: Option<Wall>,
    /// The file is not what runs: changed on disk, or gone.
    pub stale: Option<Stale>,
    /// What it waits for before it may start.
    pub waiting_for: Vec<Waiting>,
    /// `requires`, for `status NAME`.
    pub requires: Vec<(UnitName, Condition)>,
    /// Who requires or wants it.
    pub wanted_by: Vec<UnitName>,
    /// Pods that are ready, and pods there should be.
    pub ready: u32,
    /// See `ready`. A job: completions; a work queue or a cronjob: none.
    pub desired: Option<u32>,
    /// Restarts of all its pods that live, or are shown as done.
    pub restarts: u32,
    /// When the last of them was.
    pub last_restart: Option<Wall>,
    /// How the last run that ended, ended.
    pub last_exit: Option<LastExit>,
    /// A service's numbers.
    pub service: Option<ServiceView>,
    /// A cronjob's.
    pub cron: Option<CronView>,
    /// When it was first loaded.
    pub created: Now,
    /// Something an operator asked for is not finished: a restart of pods one by one.
    pub in_progress: bool,
}

/// A unit's state in one word; the closed list of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnitState {
    /// All of it runs and is ready; a target: reached.
    Running,
    /// On its way.
    Starting,
    /// A requirement is not there yet.
    Waiting,
    /// Some pods are not ready.
    Degraded,
    /// On its way out.
    Stopping,
    /// At rest, by an operator's wish or since nobody asked for it.
    Stopped,
    /// Waits for its next attempt after a failure.
    CrashLoopBackOff,
    /// A job: done. A service whose policy ends: all pods succeeded.
    Complete,
    /// It has failed and will not be tried again by itself.
    Failed,
    /// Suspended.
    Suspended,
    /// A cronjob that is armed; `next` says when.
    Armed,
    /// Not started at boot, and not running.
    Disabled,
}

/// Why a unit's file and what runs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stale {
    /// It was changed.
    Changed,
    /// It was removed.
    Removed,
}

/// A requirement that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The unit.
    pub unit: UnitName,
    /// What it must reach.
    pub condition: Condition,
}

/// The last end of a run of a unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastExit {
    /// Whose.
    pub pod: PodName,
    /// How.
    pub exit: Exit,
    /// Kubernetes' reason.
    pub reason: String,
    /// Whether it was bad.
    pub failed: bool,
}

/// A service's numbers (DEP, RS-006).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A cronjob's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CronView {
    /// As written.
    pub schedule: String,
    /// As written.
    pub time_zone: Option<String>,
    /// At rest.
    pub suspended: bool,
    /// `Allow`, `Forbid`, `Replace`.
    pub concurrency_policy: String,
    /// Jobs of it that run.
    pub active: Vec<JobName>,
    /// The slot of the last job it made.
    pub last_schedule: Option<Wall>,
    /// The end of its last successful job.
    pub last_success: Option<Wall>,
    /// The next slot.
    pub next: Option<Wall>,
    /// Slots that passed without a job since it was loaded.
    pub missed: u64,
    /// In seconds.
    #[serde(default)]
    pub starting_deadline_seconds: Option<u64>,
    /// Complete jobs that are kept.
    #[serde(default)]
    pub successful_history: u32,
    /// Failed jobs that are kept.
    #[serde(default)]
    pub failed_history: u32,
    /// What its jobs are made from, as one of them would show it.
    #[serde(default)]
    pub job: Option<Box<JobView>>,
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobView {
    /// Its name.
    pub name: JobName,
    /// Its uid: changes when it is started anew.
    pub uid: PodUid,
    /// Its unit.
    pub unit: UnitName,
    /// Made by a cronjob: for this slot, or by an operator.
    pub owner: JobOwner,
    /// Kubernetes' labels.
    pub labels: BTreeMap<String, String>,
    /// Kubernetes' annotations, of the unit.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The time of the calendar that it runs for, in the zone of its schedule (CJB-020).
    #[serde(default)]
    pub scheduled: Option<String>,
    /// `None`: work queue.
    pub completions: Option<u32>,
    /// Pods at once.
    pub parallelism: u32,
    /// Numbered completions.
    pub indexed: bool,
    /// Failures allowed.
    pub backoff_limit: u32,
    /// Failures allowed of each index.
    #[serde(default)]
    pub backoff_limit_per_index: Option<u32>,
    /// Indexes that may fail.
    #[serde(default)]
    pub max_failed_indexes: Option<u32>,
    /// Its failure policy.
    #[serde(default)]
    pub failure_policy: Vec<FailureRule>,
    /// Its success policy.
    #[serde(default)]
    pub success_policy: Vec<SuccessRule>,
    /// `TerminatingOrFailed`, `Failed`.
    #[serde(default)]
    pub pod_replacement_policy: String,
    /// In seconds.
    #[serde(default)]
    pub ttl_seconds_after_finished: Option<u64>,
    /// `Never` or `OnFailure`.
    pub restart_policy: String,
    /// In seconds.
    pub active_deadline_seconds: Option<u64>,
    /// At rest.
    pub suspended: bool,
    /// Stopped by an operator: at rest until started.
    pub stopped: bool,
    /// What it waits for before its first pod.
    pub waiting_for: Vec<Waiting>,
    /// Pods that run or are to run, not on their way out.
    pub active: u32,
    /// Of those, ready ones.
    pub ready: u32,
    /// Pods on their way out.
    pub terminating: u32,
    /// Counted.
    pub succeeded: u32,
    /// Counted.
    pub failed: u32,
    /// Kubernetes' interval notation (IDX-004); empty where it is not indexed.
    pub completed_indexes: String,
    /// The same; nothing unless each index has a limit of its own (BPI-008).
    #[serde(default)]
    pub failed_indexes: Option<String>,
    /// Since when pods run (JOB-082).
    pub start_time: Option<Wall>,
    /// When it became complete (JOB-104).
    pub completion_time: Option<Wall>,
    /// In Kubernetes' order (JOB-101).
    pub conditions: Vec<JobCondition>,
    /// No new pod before this, after a failure (JOB-043).
    pub next_pod: Option<Wall>,
    /// When it was made.
    pub created: Now,
}

/// Where a job came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobOwner {
    /// A unit of kind job.
    Unit,
    /// A cronjob, for this slot.
    Schedule(Wall),
    /// A cronjob, by an operator (CJB-028).
    Manual,
}

/// A condition of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCondition {
    /// `Suspended`, `FailureTarget`, `SuccessCriteriaMet`, `Failed`, `Complete`.
    pub kind: String,
    /// True, or False once it has been True.
    pub status: bool,
    /// Kubernetes' reason.
    pub reason: String,
    /// Kubernetes' message.
    pub message: String,
    /// When it became so.
    pub since: Wall,
}

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
    /// Its processes: init steps and sidecars in order, then main, then those beside it.
    pub processes: Vec<ProcessView>,
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

impl UnitState {
    /// As users read it; `Armed` is shown as `Next TIME`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Starting => "Starting",
            Self::Waiting => "Waiting",
            Self::Degraded => "Degraded",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::CrashLoopBackOff => "CrashLoopBackOff",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Suspended => "Suspended",
            Self::Armed => "Next",
            Self::Disabled => "Disabled",
        }
    }
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
