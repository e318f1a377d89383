//! Everything supd can do about what happened. With `event.rs`: what supd does.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Exit, Label, OpId};
use super::id::{JobName, ObjectRef, PodName, PodUid, RunId};
use super::time::{Now, Wall};
use crate::unit::model::{HookKind, ProbeKind, Unit};
use crate::unit::name::UnitName;

/// The orders of one event, in the order in which they are carried out.
pub type Actions = Vec<Action>;

/// An order.
#[derive(Clone, Debug)]
pub enum Action {
    /// Start a process. Answered by `Started` or `Exited`, and after `Started` by one `Exited`.
    Spawn(Box<Spawn>),
    /// Send a signal to a run. Nothing happens if it has ended.
    Signal {
        /// Which.
        run: RunId,
        /// Which signal.
        signal: i32,
        /// To everything that descends from it, too.
        all: bool,
        /// It is asked, or made, to end by this: not before all that the engine knows now is stored, or the next
        /// manager would not know why it ended. That one is told so ([`super::event::Adopted::asked`]).
        stop: bool,
    },
    /// Begin to ask a run. Answered by `Probed`, and again at each change; ends by itself when the run ends.
    Probe {
        /// Which.
        run: RunId,
        /// What it was made from; this probe of its process says how.
        unit: Arc<Unit>,
        /// What is asked.
        probe: ProbeKind,
    },
    /// Run a hook of a run; preStop not before all that the engine knows now is stored, as it may end the run.
    /// Answered by one `Hooked`, unless the run ends before.
    Hook {
        /// Which.
        run: RunId,
        /// What it was made from; this hook of its process says what is done.
        unit: Arc<Unit>,
        /// Which hook.
        hook: HookKind,
        /// It is ended, and has failed, after this time.
        within: Duration,
    },
    /// Something ended that is worth remembering.
    Record(Record),
    /// A pod's record, its runs and its logs are no longer wanted.
    ForgetPod {
        /// Which.
        uid: PodUid,
        /// Its unit, for the path of its logs.
        unit: UnitName,
        /// Its name.
        name: PodName,
    },
    /// Something for `get events` and supd's own log.
    Report(Report),
    /// An object is not what it was: watchers are told.
    Changed(ObjectRef),
    /// An object is gone.
    Gone(ObjectRef),
    /// An operator's wish is accepted, or refused.
    Reply {
        /// Which.
        op: OpId,
        /// How.
        result: Result<Accepted, Refused>,
    },
    /// supd is to end with this code: all pods are gone.
    End {
        /// The code.
        code: u8,
        /// Why, in words.
        reason: String,
    },
}

/// Start a process.
#[derive(Clone, Debug)]
pub struct Spawn {
    /// Its identity.
    pub run: RunId,
    /// What its pod was made from.
    pub unit: Arc<Unit>,
    /// What is written beside it.
    pub label: Label,
    /// `${attempt}`, `SUPD_ATTEMPT`.
    pub attempt: u32,
    /// Not before all that the engine knows now is stored: the first run of each pod of a slot of a cronjob,
    /// and every start of a job that asks for it.
    pub durable: bool,
}

/// Something that ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// A run of a process.
    Run(Box<RunRecord>),
    /// A pod: its last state, as `get pods` shows it.
    Pod(Box<super::view::PodView>),
    /// A time at which nothing was started, or something was ended for it, and why.
    Decision(Box<Decision>),
}

/// A decision not to run, for `supctl history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whose.
    pub unit: UnitName,
    /// What.
    pub kind: DecisionKind,
    /// The time of the calendar that it is about; the last of them, where it is about several.
    pub slot: Wall,
    /// How many times of the calendar.
    pub count: u64,
    /// When it was taken.
    pub at: Now,
    /// Why, in words.
    pub reason: String,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// It was too late, or a later one runs instead.
    Missed,
    /// Another one was active (`concurrency_policy = "Forbid"`).
    Forbidden,
    /// The cronjob was suspended.
    Suspended,
    /// A run was ended for the next one (`concurrency_policy = "Replace"`).
    Replaced,
}

impl DecisionKind {
    /// As users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Forbidden => "forbidden",
            Self::Suspended => "suspended",
            Self::Replaced => "replaced",
        }
    }
}

/// One run that ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its identity.
    pub run: RunId,
    /// Its unit.
    pub unit: UnitName,
    /// Its job.
    pub job: Option<JobName>,
    /// Its pod's name.
    pub pod: PodName,
    /// `main`, or the init step's name.
    pub process: String,
    /// When it was started; `None`: never.
    pub started: Option<Now>,
    /// How it ended.
    pub exit: Exit,
    /// Kubernetes' reason.
    pub reason: String,
    /// In words, why it could not be started or was ended, where that is known.
    #[serde(default)]
    pub message: String,
    /// The slot of a cronjob that it ran for.
    #[serde(default)]
    pub scheduled: Option<Wall>,
}

/// Something that was noticed or done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Whether it is bad news.
    pub warning: bool,
    /// Kubernetes' reason: `BackOff`, `SuccessfulCreate`.
    pub reason: &'static str,
    /// Who it is about.
    pub about: About,
    /// In words.
    pub message: String,
    /// Kubernetes' own words for it, which stand before ours in an event; supd's own log does without.
    #[serde(default)]
    pub lead: Option<Box<str>>,
}

/// Who a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Kubernetes' kind: `Pod`, `Job`, `CronJob`, `Deployment`, `Node` (the machine), or `Unit`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: UnitName,
}

/// A wish was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The unit it was about, if any.
    pub unit: Option<UnitName>,
    /// The job that was made, if any.
    pub job: Option<JobName>,
    /// One line for people: `web started`, `web is running already`.
    pub message: String,
}

/// A wish was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Kubernetes' Status reason.
    pub reason: RefusedReason,
    /// In words.
    pub message: String,
}

/// Kubernetes' Status reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusedReason {
    /// No such object (404).
    NotFound,
    /// The name is taken (409).
    AlreadyExists,
    /// Not now: it isn't running, supd is ending (409).
    Conflict,
    /// Not for this kind, or not with this value (422).
    Invalid,
}

/// How long a wait is, for `CrashLoopBackOff` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The delay.
    pub delay: Duration,
    /// When it is over, by the wall clock of the moment it began.
    pub until: Wall,
}
