//! A pod: init steps one after another, then main; from its first start to its end.
//!
//! ```text
//!            start_process                 Started                  Exited
//!  Waiting ────────────────▶ Starting ────────────────▶ Running ───────────────▶ Ended
//!     ▲                         │ Exited (never ran)                               │
//!     └─────────────────────────┴──────────── it runs again (restart.rs) ◀─────────┘
//! ```
//!
//! At most one process of a pod is Starting or Running. A pod that is asked to end (`leaving`) starts
//! nothing any more, and is final when its present process has ended. Only [`Engine::set_process`] changes
//! the state of a process.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod end;
mod look;
mod start;
mod stop;

use super::event::Label;
use super::id::{Class, JobName, PodName, PodUid, RunId};
use super::restart::Series;
use super::time::{Now, Wall};
use super::view::Terminated;
use crate::unit::model::{PodTemplate, Unit};

pub(super) use end::words_of;
pub(super) use start::ready_by;

/// A pod that is not final.
#[derive(Debug)]
pub(in crate::engine) struct Pod {
    pub(in crate::engine) uid: PodUid,
    pub(in crate::engine) name: PodName,
    /// What it was made from.
    pub(in crate::engine) unit: Arc<Unit>,
    pub(in crate::engine) owner: Owner,
    /// The slot of a cronjob that it runs for.
    pub(in crate::engine) scheduled: Option<Wall>,
    pub(in crate::engine) created: Now,
    pub(in crate::engine) started: Option<Now>,
    pub(in crate::engine) processes: Vec<Process>,
    /// The place of the process whose turn it is.
    pub(in crate::engine) current: usize,
    pub(in crate::engine) leaving: Option<Leaving>,
    pub(in crate::engine) ready: bool,
    pub(in crate::engine) ready_since: Option<Now>,
    /// It has been ready since main was last started.
    pub(in crate::engine) was_ready: bool,
    pub(in crate::engine) ready_message: String,
    pub(in crate::engine) status_text: String,
    /// An operator has deleted it, or supd ends under it: Kubernetes' condition `DisruptionTarget` (PHS-010).
    pub(in crate::engine) disrupted: bool,
    /// Why the pod itself failed.
    pub(in crate::engine) reason: String,
    pub(in crate::engine) message: String,
}

/// Whose pod it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::engine) enum Owner {
    /// A service's, with this replica number.
    Service {
        /// From 0.
        ordinal: u32,
    },
    /// A job's: its name, its uid (a job of the same name may be another), the completion index.
    Job {
        /// Its name.
        job: JobName,
        /// Its uid.
        uid: PodUid,
        /// The completion index.
        index: Option<u32>,
    },
}

/// How a pod that was asked to end is counted by its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) enum Count {
    /// Not at all: suspend, stop, lowered parallelism.
    Nothing,
    /// As failed when it is gone, whatever its code (JOB-051).
    Failed,
    /// It has been counted already (JOB-014), or its owner is gone.
    Already,
    /// As any other, by its phase when it is gone (PRP-002).
    AtEnd,
}

/// A pod was asked to end.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Leaving {
    pub(in crate::engine) count: Count,
}

/// A process of a pod.
#[derive(Debug)]
pub(in crate::engine) struct Process {
    pub(in crate::engine) state: ProcessState,
    /// The number of the present or last run.
    pub(in crate::engine) attempt: u32,
    /// Starts after the first.
    pub(in crate::engine) restarts: u32,
    pub(in crate::engine) series: Series,
    /// The previous end.
    pub(in crate::engine) last: Option<Box<Terminated>>,
    /// supd ends this run for a reason, so its code does not matter: not ready in time.
    pub(in crate::engine) condemned: Option<String>,
}

/// Where a process is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::engine) enum ProcessState {
    /// Not started yet, or between two runs.
    Waiting {
        /// For what.
        why: Why,
        /// When the next start is due.
        until: Option<Wall>,
    },
    /// The order is out; next: Running or Ended.
    Starting,
    /// exec has succeeded; next: Ended.
    Running {
        /// For people.
        pid: u32,
        /// When it was started.
        since: Now,
    },
    /// The last run is over; next: Waiting, or nothing.
    Ended(Box<Terminated>),
}

/// What a process waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) enum Why {
    /// Its turn.
    Turn,
    /// Its back-off.
    Backoff(Duration),
    /// Something that the host has run out of.
    Exhausted(String),
}

impl Pod {
    pub(in crate::engine) fn template(&self) -> &PodTemplate {
        self.unit.pod().expect("pods are made by services and jobs only, and these have a template")
    }

    /// The identity of the present run of the present process.
    pub(in crate::engine) fn run(&self) -> RunId {
        let class = if self.current == self.main_place() { Class::Main } else { Class::Init };
        let attempt = self.processes.get(self.current).map_or(0, |process| process.attempt);
        RunId { pod: self.uid, class, process: u16::try_from(self.current).unwrap_or(u16::MAX), attempt }
    }

    pub(in crate::engine) fn main_place(&self) -> usize {
        self.processes.len() - 1
    }

    pub(in crate::engine) fn present(&self) -> &Process {
        &self.processes[self.current]
    }

    pub(in crate::engine) fn present_mut(&mut self) -> &mut Process {
        &mut self.processes[self.current]
    }

    pub(in crate::engine) fn label(&self) -> Label {
        let (job, ordinal) = match &self.owner {
            Owner::Service { ordinal } => (None, Some(*ordinal)),
            Owner::Job { job, index, .. } => (Some(job.clone()), *index),
        };
        Label {
            unit: self.unit.name.clone(),
            job,
            pod: self.name.clone(),
            ordinal,
            scheduled: self.scheduled,
            template_hash: self.unit.template_hash,
            restarts: self.present().restarts,
        }
    }
}

impl Process {
    pub(in crate::engine) fn new() -> Self {
        Self {
            state: ProcessState::Waiting { why: Why::Turn, until: None },
            attempt: 0,
            restarts: 0,
            series: Series::default(),
            last: None,
            condemned: None,
        }
    }
}

/// What a new pod is.
pub(in crate::engine) struct PodSeed {
    pub(in crate::engine) unit: Arc<Unit>,
    pub(in crate::engine) name: PodName,
    pub(in crate::engine) owner: Owner,
    pub(in crate::engine) scheduled: Option<Wall>,
}
