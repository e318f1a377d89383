//! What a unit means once every check has passed: the model that the engine runs.
//!
//! Everything here is checked and complete: defaults are filled in, names are legal, a value that is
//! present is a value that this build honours. Whatever cannot be honoured was refused by `unit::load`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::calendar::Schedule;
use super::name::UnitName;
use super::text::Text;

/// One unit: what the user wrote, checked.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its name, and the name of its file.
    pub name: UnitName,
    /// One line for people; may be empty.
    pub description: String,
    /// Kubernetes' labels, for `-l`.
    pub labels: BTreeMap<String, String>,
    /// Kubernetes' annotations.
    pub annotations: BTreeMap<String, String>,
    /// Order and requirements among units.
    pub relations: Relations,
    /// The end of this unit's pod ends supd, in a container or under `--exit-when-done`.
    pub essential: bool,
    /// What kind it is, with all that belongs to the kind.
    pub body: Body,
    /// Where it was written.
    pub origin: Origin,
    /// Changes exactly when something that a running pod was made from changes (not replicas, labels of
    /// the unit or the operator-changeable parts of a job).
    pub template_hash: u64,
    /// Changes when anything of the unit changes.
    pub hash: u64,
}

/// Where a unit was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file itself (or the bundle).
    pub path: PathBuf,
    /// Drop-ins merged over it, in order.
    pub drop_ins: Vec<PathBuf>,
}

/// The kind of a unit.
#[derive(Clone, Debug)]
pub enum Body {
    /// Nothing to run, only relations.
    Target,
    /// A number of pods that is kept.
    Service(Box<Service>),
    /// Pods until enough have succeeded.
    Job(Box<Job>),
    /// A job at times of a calendar.
    CronJob(Box<CronJob>),
}

/// The kind alone, as users name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// See [`Body::Service`].
    Service,
    /// See [`Body::Job`].
    Job,
    /// See [`Body::CronJob`].
    CronJob,
    /// See [`Body::Target`].
    Target,
}

/// What another unit must have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Its processes were started (a cronjob: it is armed).
    Started,
    /// It is ready (a target: reached).
    Ready,
    /// It has ended, however.
    Completed,
    /// It has ended well.
    Succeeded,
}

/// One relation to another unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The other unit.
    pub unit: UnitName,
    /// What it must have reached; `None` is the default of its kind (service ready, job succeeded,
    /// cronjob started, target reached).
    pub condition: Option<Condition>,
}

/// Order and requirements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// Started with this unit, and waited for as long as it takes. They exist: load checked it.
    pub requires: Vec<Relation>,
    /// Started with this unit, and waited for, unless they have failed or do not exist.
    pub wants: Vec<Relation>,
    /// Waited for if they are to be started too.
    pub after: Vec<Relation>,
    /// The same, seen from the other side.
    pub before: Vec<Relation>,
}

/// When does a process that ended run again in its pod (RST-001)?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// After every end.
    Always,
    /// After a failure.
    OnFailure,
    /// Never; for a job's pod: a new pod instead.
    Never,
}

/// What every pod of a unit is made from.
#[derive(Clone, Debug)]
pub struct PodTemplate {
    /// See [`RestartPolicy`].
    pub restart_policy: RestartPolicy,
    /// The pod fails with `DeadlineExceeded` after this time (PHS-009).
    pub active_deadline: Option<Duration>,
    /// Steps before, in order; each must succeed (INI-001).
    pub init: Vec<Process>,
    /// The application.
    pub main: Process,
    /// Delays of restarts in place (RST-006ff).
    pub backoff: Backoff,
    /// How it is stopped.
    pub stop: Stop,
    /// When it is ready; `None`: as soon as main has started.
    pub readiness: Option<Box<Probe>>,
    /// Not ready this long after the start of main is a failed start: it is killed and restarted by policy.
    pub startup_deadline: Option<Duration>,
    /// Where its output goes.
    pub logs: Logs,
}

/// One process of a pod.
#[derive(Clone, Debug)]
pub struct Process {
    /// `main`, or the name of the init step.
    pub name: String,
    /// Program and arguments; for `shell`: `/bin/sh -c TEXT`.
    pub exec: Vec<Text>,
    /// `[env]`, in the order written.
    pub env: Vec<(String, Text)>,
    /// `env_file`, in order.
    pub env_file: Vec<EnvFile>,
    /// Names of supd's own environment that are passed on; in a container all are.
    pub env_pass: Vec<String>,
    /// Where it starts; default `/` (as an ordinary user: the home directory).
    pub working_dir: Option<Text>,
    /// User to become.
    pub user: Option<Account>,
    /// Group to become; default the user's own.
    pub group: Option<Account>,
    /// Supplementary groups; `None`: those of the user.
    pub supplementary_groups: Option<Vec<Account>>,
    /// File mode mask.
    pub umask: Option<u32>,
    /// Resource limits: (RLIMIT_* number, soft and hard); `u64::MAX` is infinity.
    pub rlimits: Vec<Rlimit>,
    /// Exit codes that count as success; `[0]` unless written.
    pub success_exit: Vec<u8>,
}

/// One resource limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// Its name as written: `nofile`.
    pub name: String,
    /// Its RLIMIT_* number.
    pub resource: u32,
    /// Soft and hard limit; `u64::MAX` is infinity.
    pub value: u64,
}

/// A file of environment variables.
#[derive(Clone, Debug)]
pub struct EnvFile {
    /// Its path.
    pub path: Text,
    /// A missing one is not an error (`?` before the path).
    pub optional: bool,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A number.
    Id(u32),
    /// A name, looked up at each start.
    Name(String),
}

/// A growing delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The second restart waits this long (the first is immediate); for jobs the first new pod does.
    pub initial: Duration,
    /// Each further one waits this many times longer,
    pub factor: f64,
    /// up to this.
    pub max: Duration,
    /// A fraction of the delay that is added at random, 0 to 1.
    pub jitter: f64,
    /// A run that lasted this long starts the series anew (RST-009); not used by jobs.
    pub reset_after: Duration,
}

/// How a pod is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The first signal, to the main process.
    pub signal: i32,
    /// After this, KILL to all of it.
    pub grace: Duration,
}

/// Where output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Standard output.
    pub stdout: Sink,
    /// Standard error.
    pub stderr: Sink,
}

/// Where one stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Not written: `both` in a container and in the foreground, else `log`.
    Default,
    /// To the log files.
    Log,
    /// To supd's own standard output or error, with no copying.
    Inherit,
    /// To the log files and to supd's standard output.
    Both,
    /// Nowhere.
    Null,
}

/// A repeated question to a process.
#[derive(Clone, Debug)]
pub struct Probe {
    /// How it is asked.
    pub handler: Handler,
    /// First question this long after the start.
    pub initial_delay: Duration,
    /// From one question to the next.
    pub period: Duration,
    /// An answer later than this is a failure.
    pub timeout: Duration,
    /// Successes in a row that make it ready.
    pub success_threshold: u32,
    /// Failures in a row that make it unready.
    pub failure_threshold: u32,
}

/// How a probe asks.
#[derive(Clone, Debug)]
pub enum Handler {
    /// `READY=1` on `$NOTIFY_SOCKET` (sd_notify(3)). Thresholds and times do not apply.
    Notify,
    /// A newline on this descriptor of the process (s6).
    Fd(i32),
    /// A connection that is accepted.
    Tcp {
        /// Host name or address.
        host: Text,
        /// Port, after variables.
        port: Text,
    },
    /// A GET that answers 200 to 399 (PRB-013).
    Http {
        /// Host name or address.
        host: Text,
        /// Port, after variables.
        port: Text,
        /// Path with query.
        path: Text,
        /// Further headers.
        headers: Vec<(String, Text)>,
    },
    /// A command that exits 0, as the process's own user and with its environment.
    Exec(Vec<Text>),
}

/// A service: pods that are kept at a number.
#[derive(Clone, Debug)]
pub struct Service {
    /// What its pods are made from.
    pub pod: PodTemplate,
    /// How many.
    pub replicas: u32,
}

/// A job: pods until enough have succeeded.
#[derive(Clone, Debug)]
pub struct Job {
    /// What its pods are made from.
    pub pod: PodTemplate,
    /// Successes wanted; `None`: a work queue (JOB-003).
    pub completions: Option<u32>,
    /// Pods at once; 0 pauses (JOB-006).
    pub parallelism: u32,
    /// Whether each completion has a number of its own.
    pub mode: CompletionMode,
    /// Failures allowed (JOB-040, JOB-041).
    pub backoff_limit: u32,
    /// The job fails this long after its start (JOB-060).
    pub active_deadline: Option<Duration>,
    /// Created at rest (JOB-080).
    pub suspend: bool,
    /// Finished pods kept for a look; failed ones longest.
    pub keep_pods: u32,
    /// Delay between a failed pod and a new one (JOB-043).
    pub backoff: Backoff,
    /// A finished job goes after this time, with its records (JOB-070).
    pub ttl_after_finished: Option<Duration>,
    /// What is known of it is stored before each start.
    pub durable: bool,
    /// What a finished job does when supd comes up anew.
    pub at_boot: AtBoot,
}

/// What a finished job does when supd comes up anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtBoot {
    /// It stays finished.
    #[default]
    Keep,
    /// It runs again.
    Again,
}

/// Whether a job's completions are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompletionMode {
    /// They are all alike.
    NonIndexed,
    /// Each has an index from 0 to completions − 1.
    Indexed,
}

/// A cronjob: a job at times of a calendar.
#[derive(Clone, Debug)]
pub struct CronJob {
    /// Which job.
    pub job: Job,
    /// When, in which zone, with which reading of daylight saving.
    pub schedule: Schedule,
    /// A run that is due while another is active.
    pub concurrency_policy: ConcurrencyPolicy,
    /// A run later than this is missed (CJB-005).
    pub starting_deadline: Option<Duration>,
    /// Created at rest.
    pub suspend: bool,
    /// Finished jobs kept: complete ones,
    pub successful_history: u32,
    /// and failed ones.
    pub failed_history: u32,
    /// What happens to times that were missed.
    pub catch_up: CatchUp,
}

/// What a due run does while another is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConcurrencyPolicy {
    /// Runs beside it.
    Allow,
    /// Waits; runs as soon as the other has ended, unless too late (CJB-010).
    Forbid,
    /// Ends the other first (CJB-011).
    Replace,
}

/// What happens to times that passed while nobody could start them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// The latest of them runs once.
    Last,
    /// They are gone.
    None,
}

impl Unit {
    /// The kind alone.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Target => Kind::Target,
            Body::Service(_) => Kind::Service,
            Body::Job(_) => Kind::Job,
            Body::CronJob(_) => Kind::CronJob,
        }
    }

    /// What its pods are made from; a target has none.
    pub fn pod(&self) -> Option<&PodTemplate> {
        match &self.body {
            Body::Target => None,
            Body::Service(service) => Some(&service.pod),
            Body::Job(job) => Some(&job.pod),
            Body::CronJob(cron) => Some(&cron.job.pod),
        }
    }

    /// The job it runs, or makes.
    pub fn job(&self) -> Option<&Job> {
        match &self.body {
            Body::Job(job) => Some(job),
            Body::CronJob(cron) => Some(&cron.job),
            Body::Target | Body::Service(_) => None,
        }
    }
}

impl PodTemplate {
    /// The process with this place in the pod: init steps in order, then main.
    pub fn process(&self, place: usize) -> &Process {
        self.init.get(place).unwrap_or(&self.main)
    }
}

impl Kind {
    /// As users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Job => "job",
            Self::CronJob => "cronjob",
            Self::Target => "target",
        }
    }

    /// What `requires = ["x"]` waits for where no condition is written.
    pub fn default_condition(self) -> Condition {
        match self {
            Self::Service | Self::Target => Condition::Ready,
            Self::Job => Condition::Succeeded,
            Self::CronJob => Condition::Started,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Condition {
    /// As users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Completed => "completed",
            Self::Succeeded => "succeeded",
        }
    }
}
