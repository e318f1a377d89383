//! What is asked of the manager, and what it answers. HTTP is the server's business alone.

use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::fields::FieldSelector;
use super::health::{Check, Health};
use super::objects::{
    ApplyFiles, ExecRequest, KillOptions, Object, ReexecOptions, RunRequest, Selector, ShutdownOptions,
    Status, SwitchRootOptions, UndoOptions,
};
use super::past::Past;
use super::watch::WatchStream;
use crate::engine::action::Accepted;
use crate::engine::event::{Command, Target};
use crate::engine::id::PodUid;
use crate::unit::name::UnitName;

/// One request on its way to the manager.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub request: Request,
    /// Who asks. The right to ask was checked.
    pub peer: Peer,
    /// Where the answer goes. Nobody listens any more if the client has gone; that is no error.
    pub answer: oneshot::Sender<Answer>,
}

/// Who is at the other end, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user.
    pub uid: u32,
    /// The process, at the time when it connected; for supd's log alone.
    pub pid: Option<i32>,
}

/// What is asked of the manager. Names are legal; whether there is such an object, it finds out.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// All objects of a kind. Answered by [`Reply::List`].
    List {
        /// Which kind.
        collection: Collection,
        /// Which of them.
        filter: Filter,
    },
    /// One object. Answered by [`Reply::Object`].
    Get {
        /// Which kind.
        collection: Collection,
        /// Its name.
        name: String,
    },
    /// Objects as they change. Answered by [`Reply::Watch`].
    Watch {
        /// Which kind.
        collection: Collection,
        /// Which of them.
        filter: Filter,
    },
    /// The number of a service's pods. Answered by a Scale.
    GetScale(UnitName),
    /// The templates that a service has had, or one of them with its text. Answered by a RevisionList.
    Revisions {
        /// Which service.
        unit: UnitName,
        /// The number of the one.
        number: Option<u32>,
    },
    /// Where all logs are, once those of runs that have ended are complete. Answered by an Info.
    Logs,
    /// Where a pod's logs are, once those of its runs that have ended are complete. Answered by a
    /// LogLocation.
    Log {
        /// The pod's name.
        pod: String,
    },
    /// The daemon itself. Answered by an Info.
    Info,
    /// Whether what should be up is ready. Answered by [`Reply::Health`].
    Health(Check),
    /// A verb for a unit. Answered by [`Reply::Status`], as whatever says nothing else.
    Unit {
        /// Which.
        unit: UnitName,
        /// What.
        verb: UnitVerb,
    },
    /// A verb for a pod.
    Pod {
        /// Its name.
        pod: String,
        /// What.
        verb: PodVerb,
    },
    /// A service is to have so many pods. Answered by a Scale, as it is then.
    Scale {
        /// Which.
        unit: UnitName,
        /// How many.
        replicas: u32,
    },
    /// The rollout of a service is to halt, or to go on. Answered by the Deployment, as it is then.
    Pause {
        /// Which.
        unit: UnitName,
        /// Which way.
        paused: bool,
    },
    /// A job or a cronjob is to rest, or to go on. Answered by the object, as it is then.
    Suspend {
        /// Jobs or cronjobs.
        collection: Collection,
        /// Its name.
        name: String,
        /// Which way.
        suspend: bool,
    },
    /// A job from a cronjob's template, now. Answered by [`Reply::Created`] of the Job.
    CreateJob {
        /// The new job's name.
        name: String,
        /// The cronjob.
        from: UnitName,
    },
    /// An object is to go: a pod, job, cronjob, deployment or unit.
    Delete {
        /// Which kind.
        collection: Collection,
        /// Its name.
        name: String,
        /// A pod's time to end, where that is less than its own; others have none.
        grace: Option<Duration>,
    },
    /// The back-off of all units is forgotten.
    ResetFailed,
    /// Units are loaded anew; with `apply`, what runs is changed to it.
    Reload {
        /// See above.
        apply: bool,
    },
    /// Files are stored, loaded and applied.
    Apply(ApplyFiles),
    /// A unit without a file.
    Run(Box<RunRequest>),
    /// A command in a pod's context. Answered by [`Reply::Stream`] of [`super::objects::ExecFrame`]s.
    Exec(ExecRequest),
    /// supd is to go on as another program. Answered only if it does not.
    Reexec(ReexecOptions),
    /// The machine is to go on with another root.
    SwitchRoot(SwitchRootOptions),
    /// supd is to end, in order.
    Shutdown(ShutdownOptions),
}

impl Request {
    /// Whether it changes nothing: then its answer need not wait for a slow disk.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::List { .. }
                | Self::Get { .. }
                | Self::Watch { .. }
                | Self::GetScale(_)
                | Self::Revisions { .. }
                | Self::Logs
                | Self::Log { .. }
                | Self::Info
                | Self::Health(_)
                | Self::Exec(_)
        )
    }
}

/// Which objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only the one of this name.
    pub name: Option<String>,
    /// Only those with these labels.
    pub labels: Selector,
    /// Only those that say this of themselves.
    pub fields: FieldSelector,
    /// Of the history only this part.
    pub past: Past,
}

/// A verb for a unit. What each does to each kind is the table in the manual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitVerb {
    /// See the manual.
    Start,
    /// See the manual.
    Stop,
    /// See the manual.
    Restart,
    /// A signal to all its pods.
    Kill(KillOptions),
    /// See the manual.
    Suspend,
    /// See the manual.
    Resume,
    /// Started at boot; with `now` at once, too.
    Enable {
        /// See above.
        now: bool,
    },
    /// Not started at boot; with `now` stopped, too.
    Disable {
        /// See above.
        now: bool,
    },
    /// Its back-off is forgotten.
    ResetFailed,
    /// Its rollout halts.
    Pause,
    /// Its rollout goes on.
    Unpause,
    /// To an older template.
    Undo(UndoOptions),
}

/// A verb for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodVerb {
    /// Its processes are stopped; it is replaced or counted (JOB-014).
    Stop,
    /// It is replaced.
    Restart,
    /// A signal to it.
    Kill(KillOptions),
}

/// The kinds that have lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collection {
    /// v1 Pod
    Pods,
    /// batch/v1 Job
    Jobs,
    /// batch/v1 CronJob
    CronJobs,
    /// apps/v1 Deployment
    Deployments,
    /// v1 Event
    Events,
    /// supd/v1 Unit
    Units,
    /// supd/v1 Run
    Runs,
    /// supd/v1 HistoryEntry
    History,
}

/// What the manager says.
pub type Answer = Result<Reply, Status>;

/// A good answer.
#[derive(Debug)]
pub enum Reply {
    /// One object.
    Object(Object),
    /// One object that was made now.
    Created(Object),
    /// Objects of one kind.
    List {
        /// Which kind.
        collection: Collection,
        /// As of which change: [`super::watch::Watchers::version`].
        version: u64,
        /// The objects.
        items: Vec<Object>,
    },
    /// A verb was accepted, in words.
    Status(Status),
    /// How all is, and what was asked about it.
    Health(Health, Check),
    /// Objects as they change.
    Watch(WatchStream),
    /// Bytes as they come, in frames. The client has gone when the receiver has.
    Stream(mpsc::Receiver<Bytes>),
}

impl Collection {
    /// As paths and people name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Jobs => "jobs",
            Self::CronJobs => "cronjobs",
            Self::Deployments => "deployments",
            Self::Events => "events",
            Self::Units => "units",
            Self::Runs => "runs",
            Self::History => "history",
        }
    }

    /// One of it, as objects name it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Pods => "Pod",
            Self::Jobs => "Job",
            Self::CronJobs => "CronJob",
            Self::Deployments => "Deployment",
            Self::Events => "Event",
            Self::Units => "Unit",
            Self::Runs => "Run",
            Self::History => "HistoryEntry",
        }
    }

    /// As its objects name their group.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Pods | Self::Events => "v1",
            Self::Jobs | Self::CronJobs => "batch/v1",
            Self::Deployments => "apps/v1",
            Self::Units | Self::Runs | Self::History => "supd/v1",
        }
    }

    /// Whether its objects bear the names of units.
    pub fn has_unit_names(self) -> bool {
        matches!(self, Self::CronJobs | Self::Deployments | Self::Units)
    }
}

impl Filter {
    /// Whether an object is one of those.
    pub fn matches(&self, object: &Object) -> bool {
        let Some(metadata) = object.metadata() else {
            return false;
        };
        let is_past = match object {
            Object::HistoryEntry(entry) => self.past.includes(entry.mention()),
            _ => true,
        };
        self.name.as_ref().is_none_or(|name| *name == metadata.name)
            && metadata.matches(&self.labels)
            && self.fields.matches(object)
            && is_past
    }
}

impl UnitVerb {
    /// As the engine takes it.
    pub fn command(self, unit: UnitName) -> Command {
        match self {
            Self::Start => Command::Start(unit),
            Self::Stop => Command::Stop(unit),
            Self::Restart => Command::Restart(unit),
            Self::Kill(options) => kill(Target::Unit(unit), options),
            Self::Suspend => Command::Suspend(unit.into()),
            Self::Resume => Command::Resume(unit.into()),
            Self::Enable { now } => Command::Enable { unit, enabled: true, now },
            Self::Disable { now } => Command::Enable { unit, enabled: false, now },
            Self::ResetFailed => Command::ResetFailed(Some(unit)),
            Self::Pause => Command::Pause(unit),
            Self::Unpause => Command::Unpause(unit),
            // The manager knows the text, and adds it.
            Self::Undo(UndoOptions { to_revision: to }) => Command::Undo { unit, to, template: None },
        }
    }
}

impl PodVerb {
    /// As the engine takes it.
    pub fn command(self, pod: PodUid) -> Command {
        match self {
            Self::Stop => Command::StopPod(pod),
            Self::Restart => Command::RestartPod(pod),
            Self::Kill(options) => kill(Target::Pod(pod), options),
        }
    }
}

fn kill(target: Target, options: KillOptions) -> Command {
    let signal = options.signal.unwrap_or(nix::sys::signal::Signal::SIGTERM as i32);
    Command::Kill { target, signal, all: options.all }
}

impl From<Accepted> for Reply {
    fn from(accepted: Accepted) -> Self {
        Self::Status(accepted.into())
    }
}
