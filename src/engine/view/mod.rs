//! What can be seen of the engine: plain copies, made when somebody asks.

mod cron;
mod job;
mod pod;
mod service;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::cron::CronView;
pub use self::job::{JobCondition, JobOwner, JobView};
pub use self::pod::{Lingering, Phase, PodView, ProcessState, ProcessView, Terminated};
pub use self::service::{Progressing, RevisionView, ServiceView};
use super::event::Exit;
use super::id::PodName;
use super::time::{Now, Wall};
use crate::unit::model::{Condition, Kind};
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
