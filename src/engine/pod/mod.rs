//! A pod: steps and sidecars in their order, then the application; from its first start to its end.
//!
//! ```text
//!            start_process                 Started                  Exited
//!  Waiting ────────────────▶ Starting ────────────────▶ Running ───────────────▶ Ended
//!     ▲                         │ Exited (never ran)                               │
//!     └─────────────────────────┴──────────── it runs again (restart.rs) ◀─────────┘
//!
//!  Running:  Hooking ─── postStart is done ──▶ Probing ─── startup probe is good ──▶ Started
//!  asked to end:  PreStop ──▶ Turn (sidecars) ──▶ Signalled ──▶ KILL
//! ```
//!
//! Each process of a pod goes this way by itself; [`Engine::advance_pod`] says whose turn it is to begin, and
//! [`Engine::go_on_ending`] whose turn it is to end. A pod is *closing* when it was asked to end (`leaving`) or
//! its application is done (`done`): then nothing is started any more, and it is final when nothing of it is
//! left. Only [`Engine::set_process`] changes the state of a process.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod begin;
mod end;
mod health;
mod hook;
mod linger;
mod look;
mod renew;
mod start;
mod stop;

use super::event::{Label, Left};
use super::id::{Class, JobName, PodName, PodUid, RunId};
use super::restart::Series;
use super::time::{Mono, Now, Wall};
use super::view::Terminated;
use crate::unit::model::{self, Part, PodTemplate, ProbeKind, Unit};

pub(super) use begin::PodSeed;
pub(super) use end::words_of;
pub(super) use health::ready_by;
pub(super) use stop::GRACE_MIN;

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
    /// By place: as many as its template has.
    pub(in crate::engine) processes: Box<[Process]>,
    /// The place whose turn it is: steps before it are done, and sidecars before it have been there. Once it
    /// is main's, the pod is initialised.
    pub(in crate::engine) reached: usize,
    /// It was asked to end.
    pub(in crate::engine) leaving: Option<Leaving>,
    /// Its application is done, or will never begin: it is final when the sidecars are gone (SID-003).
    pub(in crate::engine) done: bool,
    /// Everything in it is killed, and then it begins anew (CRR-004).
    pub(in crate::engine) renewing: bool,
    /// All of it is there and ready. Only [`Engine::judge_ready`] and the ends of its processes change it.
    pub(in crate::engine) ready: bool,
    pub(in crate::engine) ready_since: Option<Now>,
    /// It has been ready since its application was last started.
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
    /// How far a running one has come.
    pub(in crate::engine) stage: Stage,
    /// What its readiness says of the present run. It counts once the run is `Started`.
    pub(in crate::engine) ready: bool,
    /// What its runs are called by: fixed, whatever becomes of its template.
    pub(in crate::engine) class: Class,
    /// The number of the present or last run.
    pub(in crate::engine) attempt: u32,
    /// Starts after the first.
    pub(in crate::engine) restarts: u32,
    pub(in crate::engine) series: Series,
    /// The previous end.
    pub(in crate::engine) last: Option<Box<Terminated>>,
    /// The present run was asked to end, by its pod's end or for itself. Kept until the next start.
    pub(in crate::engine) stopping: Option<Box<Stopping>>,
    /// What KILL has not ended of the present run, and since when that is known.
    pub(in crate::engine) left: Option<(Left, Now)>,
}

/// How far a running process has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) enum Stage {
    /// Its postStart is under way; next: Probing or Started (HOK-001).
    Hooking,
    /// Its startup probe has not succeeded yet; next: Started (PRB-009).
    Probing,
    /// It has started (CST-009): the next place has its turn, and it is asked whether it lives and is ready.
    #[default]
    Started,
}

/// A process was asked to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::engine) struct Stopping {
    pub(in crate::engine) cause: Cause,
    /// Why, for people; empty where the pod's end is the reason.
    pub(in crate::engine) words: String,
    pub(in crate::engine) step: StopStep,
    /// When its grace is over (HOK-003).
    pub(in crate::engine) until: Mono,
}

/// Why a process was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) enum Cause {
    /// Its pod ends.
    Pod,
    /// This probe has failed (RST-016).
    Probe(ProbeKind),
    /// Its postStart has failed (HOK-001): what follows is decided by its code, as Kubernetes does.
    PostStart,
    /// It was not ready in time (`start_deadline`): a failure whatever its code.
    Deadline,
}

/// How far the end of a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) enum StopStep {
    /// There is no process yet that could hear of it.
    Birth,
    /// preStop is under way.
    PreStop,
    /// A sidecar: those that go before it are not gone yet (SID-004).
    Turn,
    /// It has the polite signal; KILL follows.
    Signalled,
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

    /// What the process at this place was made from.
    pub(in crate::engine) fn model(&self, place: usize) -> &model::Process {
        self.template().process(place)
    }

    /// The identity of the present run of the process at this place.
    pub(in crate::engine) fn run(&self, place: usize) -> RunId {
        let (class, attempt) =
            self.processes.get(place).map_or((Class::Main, 0), |process| (process.class, process.attempt));
        RunId { pod: self.uid, class, process: narrow(place), attempt }
    }

    /// The place of main. In a pod whose template is lost it may be another's.
    pub(in crate::engine) fn main_place(&self) -> usize {
        self.template().main_place().min(self.processes.len() - 1)
    }

    /// Places of the application: main, and those beside it.
    pub(in crate::engine) fn application(&self) -> &[Process] {
        &self.processes[self.main_place()..]
    }

    /// Nothing of it is started any more.
    pub(in crate::engine) fn is_closing(&self) -> bool {
        self.leaving.is_some() || self.done
    }

    pub(in crate::engine) fn label(&self, place: usize) -> Label {
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
            restarts: self.processes.get(place).map_or(0, |process| process.restarts),
        }
    }
}

impl Process {
    pub(in crate::engine) fn new(part: Part) -> Self {
        Self {
            state: ProcessState::Waiting { why: Why::Turn, until: None },
            stage: Stage::Started,
            ready: false,
            class: class_of(part),
            attempt: 0,
            restarts: 0,
            series: Series::default(),
            last: None,
            stopping: None,
            left: None,
        }
    }

    /// Whether there is a process, or one on its way.
    pub(in crate::engine) fn is_up(&self) -> bool {
        matches!(self.state, ProcessState::Starting | ProcessState::Running { .. })
    }

    pub(in crate::engine) fn is_running(&self) -> bool {
        matches!(self.state, ProcessState::Running { .. })
    }

    /// Kubernetes' `started` (CST-009).
    pub(in crate::engine) fn is_started(&self) -> bool {
        self.is_running() && self.stage == Stage::Started
    }

    /// Kubernetes' `ready` (CST-009).
    pub(in crate::engine) fn is_ready(&self) -> bool {
        self.is_started() && self.ready
    }

    /// It waits for its turn, and for no time.
    pub(in crate::engine) fn waits_for_turn(&self) -> bool {
        matches!(self.state, ProcessState::Waiting { why: Why::Turn, .. })
    }

    /// How far its end has come, if it was asked to end.
    pub(in crate::engine) fn stop_step(&self) -> Option<StopStep> {
        self.stopping.as_ref().filter(|_| self.is_up()).map(|stopping| stopping.step)
    }

    /// Why its present or last run was asked to end.
    pub(in crate::engine) fn cause(&self) -> Option<Cause> {
        self.stopping.as_ref().map(|stopping| stopping.cause)
    }
}

/// What the runs of a process are called by.
pub(in crate::engine) fn class_of(part: Part) -> Class {
    match part {
        Part::Application => Class::Main,
        Part::Init => Class::Init,
        Part::Sidecar => Class::Sidecar,
    }
}

/// A place as runs carry it: there are never more than some hundred.
pub(in crate::engine) fn narrow(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}
