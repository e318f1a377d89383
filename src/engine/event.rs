//! Everything that can happen to supd. With `action.rs`: what supd does.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::{JobName, PodName, PodUid, RunId};
use super::saved::{Continuity, Saved};
use super::time::{Now, Wall};
use crate::unit::model::{HookKind, ProbeKind, Unit};
use crate::unit::name::UnitName;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first event; where supd ends already, `Shutdown` comes before it, so that nothing is started.
    Begin(Box<Begin>),
    /// An operator has lifted the quarantine of a unit.
    Lifted {
        /// Which.
        unit: UnitName,
        /// Its runs that live.
        adopted: Vec<Adopted>,
    },
    /// Units were loaded anew (`daemon-reload`: `apply` is false; `apply`: it is true).
    Loaded {
        /// Every unit that loaded; one that is not here has no file any more.
        units: Vec<Arc<Unit>>,
        /// Whether running units are changed to what was loaded.
        apply: bool,
    },
    /// A process was started: exec has succeeded.
    Started {
        /// Which.
        run: RunId,
        /// Its pid, for people.
        pid: u32,
        /// When.
        at: Now,
    },
    /// A run has ended, or could not be started. Once for each run.
    Exited {
        /// Which.
        run: RunId,
        /// How.
        exit: Exit,
    },
    /// A run was killed, or what it left was, and something of it is there all the same. It may yet end.
    Lingers {
        /// Which.
        run: RunId,
        /// What is there.
        left: Left,
    },
    /// What a probe asks was found out, or has changed.
    Probed {
        /// Of which run.
        run: RunId,
        /// What was asked.
        probe: ProbeKind,
        /// The verdict, thresholds applied.
        good: bool,
        /// In words, for `status`.
        message: String,
    },
    /// A probe was answered badly; for people, the verdict is `Probed` (PRB-017).
    ProbeFailed {
        /// Of which run.
        run: RunId,
        /// What was asked.
        probe: ProbeKind,
        /// In words.
        message: String,
    },
    /// A hook is done.
    Hooked {
        /// Of which run.
        run: RunId,
        /// Which.
        hook: HookKind,
        /// Why it has failed, if it has.
        failure: Option<String>,
    },
    /// A process told something about itself (`STATUS=` of sd_notify).
    StatusText {
        /// Which.
        run: RunId,
        /// The text, escaped.
        text: String,
    },
    /// A deadline may have passed: see [`super::Engine::next_deadline`].
    Deadline,
    /// The wall clock was stepped.
    ClockStepped,
    /// An operator's wish. Answered by exactly one [`super::action::Action::Reply`].
    Command {
        /// Comes back in the answer.
        op: OpId,
        /// What is wished.
        command: Command,
    },
    /// End everything in order, within this time.
    Shutdown {
        /// From now.
        within: Duration,
    },
}

/// What KILL has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// How many processes.
    pub count: u32,
    /// One of them, for people.
    pub pid: Option<u32>,
    /// Its state, as ps(1) shows it: `D` waits for a device, and hears no signal.
    pub state: char,
}

/// Number of an operator's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

/// An operator's wish. What each does to each kind is the table in the manual (supctl(1), VERBS).
#[derive(Clone, Debug)]
pub enum Command {
    /// `start UNIT`
    Start(UnitName),
    /// `stop UNIT`
    Stop(UnitName),
    /// `restart UNIT`
    Restart(UnitName),
    /// `kill UNIT` or `kill POD`
    Kill {
        /// Whom.
        target: Target,
        /// With what.
        signal: i32,
        /// Every process of the pod, not the main one alone.
        all: bool,
    },
    /// `scale UNIT --replicas=N`
    Scale {
        /// Which service.
        unit: UnitName,
        /// How many.
        replicas: u32,
    },
    /// `rollout pause UNIT`: templates do not come to its pods.
    Pause(UnitName),
    /// `rollout resume UNIT`
    Unpause(UnitName),
    /// `rollout undo UNIT`
    Undo {
        /// Which service.
        unit: UnitName,
        /// To which revision; else to the one before.
        to: Option<u32>,
        /// The version of the unit that this revision came with, if its text is still known.
        template: Option<Arc<Unit>>,
    },
    /// `suspend NAME`: a unit, or a job made by a cronjob.
    Suspend(String),
    /// `resume NAME`
    Resume(String),
    /// `enable UNIT` (true), `disable UNIT` (false). With `now`: also started, or stopped.
    Enable {
        /// Which.
        unit: UnitName,
        /// Which way.
        enabled: bool,
        /// At once, too.
        now: bool,
    },
    /// `create job NAME --from=cronjob/X`
    CreateJob {
        /// The new job's name.
        name: JobName,
        /// Whose template.
        from: UnitName,
    },
    /// `run`: a unit without a file.
    Run(Arc<Unit>),
    /// `delete NAME`: a unit.
    DeleteUnit(UnitName),
    /// `delete job/NAME`
    DeleteJob(JobName),
    /// `stop POD`, `delete POD`: its processes are stopped; it is replaced or counted (JOB-014).
    StopPod(PodUid),
    /// `delete POD --grace-period=N`, after `StopPod` or `DeleteUnit`: what is being stopped gets no longer
    /// than this (TRM-004).
    HastenPod {
        /// Which.
        pod: PodUid,
        /// From now.
        grace: Duration,
    },
    /// `restart POD`
    RestartPod(PodUid),
    /// `reset-failed [UNIT]`: back-off is forgotten.
    ResetFailed(Option<UnitName>),
}

/// Whom a signal is for.
#[derive(Clone, Debug)]
pub enum Target {
    /// All pods of a unit.
    Unit(UnitName),
    /// One pod.
    Pod(PodUid),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The outcome.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// When it was reaped.
    pub at: Now,
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It ended with this code.
    Exited(u8),
    /// A signal ended it.
    Signaled {
        /// Which.
        signal: u8,
        /// Whether core was dumped.
        core: bool,
    },
    /// The kernel ended it for want of memory, by KILL.
    OutOfMemory,
    /// It never ran: a step between clone and exec failed.
    NotStarted {
        /// In words: `exec /usr/bin/web: no such file (ENOENT)`.
        message: String,
        /// Worth a try soon and no fault of the unit: no process slot, no descriptor (EAGAIN, EMFILE).
        exhausted: bool,
    },
    /// Nobody can say (CST-005).
    Unknown,
}

/// What a run used, children included that it waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Microseconds of CPU in user mode.
    pub user_us: u64,
    /// Microseconds of CPU in the kernel.
    pub system_us: u64,
    /// Peak memory of its largest process, in bytes. Never less than what the process that started it had.
    pub max_rss_bytes: u64,
    /// Bytes read from storage; what the page cache had is not counted (getrusage(2), ru_inblock).
    #[serde(default)]
    pub read_bytes: u64,
    /// Bytes written to storage (ru_oublock).
    #[serde(default)]
    pub written_bytes: u64,
}

/// What a run's label says: enough to know a run that no store ever saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The unit.
    pub unit: UnitName,
    /// The job, if it is a job's.
    pub job: Option<JobName>,
    /// The pod's name.
    pub pod: PodName,
    /// Replica number or completion index.
    pub ordinal: Option<u32>,
    /// The slot of a cronjob that it runs for.
    pub scheduled: Option<Wall>,
    /// What the pod was made from.
    pub template_hash: u64,
    /// Its restart count when the run was started.
    pub restarts: u32,
}

/// All that an engine goes on from: units, what was stored, and what still lives (told by the keeper).
#[derive(Clone, Debug, Default)]
pub struct Begin {
    /// Every unit, in the version that is in force.
    pub units: Vec<Arc<Unit>>,
    /// Versions on disk that were loaded and are not in force.
    pub pending: Vec<Arc<Unit>>,
    /// Older versions, from which something that goes on was made.
    pub versions: Vec<Arc<Unit>>,
    /// What was stored.
    pub saved: Saved,
    /// What may be relied on.
    pub continuity: Continuity,
    /// The monotonic clock has run on since then: it is the same boot of the machine.
    pub same_boot: bool,
    /// Runs of processes (main, init) that live, or of whose end nothing is stored.
    pub adopted: Vec<Adopted>,
    /// No pod will get a uid that is not above this.
    pub uid_floor: u64,
    /// Units that the manager died of, with words: nothing is started, stopped or adopted of them. Their runs
    /// are not among those above.
    pub quarantined: Vec<(UnitName, String)>,
}

/// A run that a new manager found.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Which.
    pub run: RunId,
    /// What its label says.
    pub label: Label,
    /// Its pid; none while its start is under way: then `Started` will come.
    pub pid: Option<u32>,
    /// When it was started.
    pub started: Now,
    /// It was ready when it was last heard of, or there is nothing to hear of.
    pub ready: bool,
    /// It had the signal by which it was asked to end.
    pub asked: bool,
    /// How it ended, if it has.
    pub exit: Option<Exit>,
}

const SIGKILL: u8 = 9;

impl Exit {
    /// As Kubernetes tells it: `128 + n` for signal n, 128 for what never started, 137 for what nobody knows.
    pub fn code(&self) -> u8 {
        match self.outcome {
            Outcome::Exited(code) => code,
            Outcome::Signaled { signal, .. } => 128u8.saturating_add(signal),
            Outcome::NotStarted { .. } => 128,
            Outcome::OutOfMemory | Outcome::Unknown => 137,
        }
    }

    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<u8> {
        match self.outcome {
            Outcome::Signaled { signal, .. } => Some(signal),
            Outcome::OutOfMemory => Some(SIGKILL),
            _ => None,
        }
    }

    /// Whether it counts as success.
    pub fn succeeded(&self, success_exit: &[u8]) -> bool {
        matches!(self.outcome, Outcome::Exited(code) if success_exit.contains(&code))
    }

    /// Kubernetes' reason (CST-002, CST-004, CST-005).
    pub fn reason(&self, success_exit: &[u8]) -> &'static str {
        match self.outcome {
            _ if self.succeeded(success_exit) => "Completed",
            Outcome::NotStarted { .. } => "StartError",
            Outcome::Unknown => "ContainerStatusUnknown",
            Outcome::OutOfMemory => "OOMKilled",
            Outcome::Exited(_) | Outcome::Signaled { .. } => "Error",
        }
    }
}
