//! What a unit means once every check has passed: the model that the engine runs.
//!
//! Everything here is checked and complete: defaults are filled in, names are legal, a value that is
//! present is a value that this build honours. Whatever cannot be honoured was refused by `unit::load`.

mod volume;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::volume::{FileContent, HostPath, Mount, Volume, VolumeFile, VolumeSource};
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
    /// Made from a manifest of this kind (`Deployment`): Kubernetes' rules hold to the letter where ours
    /// differ, and what is immutable there is so here.
    pub manifest: Option<String>,
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
    /// Steps before, and sidecars, in the order of their start (INI-001, SID-001).
    pub init: Vec<Process>,
    /// The application.
    pub main: Process,
    /// Further processes of the application (`[[process]]`), started and stopped with main.
    pub beside: Vec<Process>,
    /// Delays of restarts in place (RST-006ff).
    pub backoff: Backoff,
    /// From the wish to stop a pod to KILL, hooks included (TRM-001).
    pub grace: Duration,
    /// Where its output goes.
    pub logs: Logs,
    /// Files and directories that its processes may mount; made with the pod, gone with it.
    pub volumes: Box<[Volume]>,
}

/// What a process is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The application: main, or a `[[process]]` beside it. The pod is done when all of them are.
    Application,
    /// A step before: the next one starts when it has succeeded.
    Init,
    /// Started at its place among the steps, and there for as long as the application is (SID-001ff).
    Sidecar,
}

/// One process of a pod.
#[derive(Clone, Debug)]
pub struct Process {
    /// `main` (or what `container` says), or the name of the init step.
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
    /// Volumes of its pod, where it finds them.
    pub mounts: Box<[Mount]>,
    /// What it is to its pod.
    pub part: Part,
    /// When it runs again: its own policy or its pod's, as it comes out for its part. Of an init step:
    /// `OnFailure` or `Never` (INI-002); of a sidecar: `Always` (SID-002).
    pub restart_policy: RestartPolicy,
    /// Exits that are treated otherwise; the first that matches counts (CRR-002).
    pub restart_rules: Vec<RestartRule>,
    /// How it is stopped.
    pub stop: Stop,
    /// Runs right after the start, beside the process (HOK-001).
    pub post_start: Option<Box<Hook>>,
    /// Not started and ready this long after the start is a failed start: it is killed and restarted by
    /// policy.
    pub start_deadline: Option<Duration>,
    /// Holds the other two back until its first success (PRB-009).
    pub startup: Option<Box<Probe>>,
    /// When it is ready; `None`: as soon as it has started.
    pub readiness: Option<Box<Probe>>,
    /// Failing it restarts the process (PRB-007).
    pub liveness: Option<Box<Probe>>,
}

/// A restart that the policy alone would not decide (CRR-002).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartRule {
    /// Which exits.
    pub exit_codes: ExitCodes,
    /// What follows.
    pub action: RestartAction,
}

/// What a [`RestartRule`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartAction {
    /// The process runs again, whatever its policy.
    Restart,
    /// All processes of the pod are killed, and it begins anew at its first step (CRR-004).
    RestartAllContainers,
}

/// A set of exit codes; a death by signal `n` is `128 + n`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitCodes {
    /// Whether the code is to be one of the values, or none of them.
    pub operator: Operator,
    /// In ascending order.
    pub values: Vec<u8>,
}

/// In the set, or outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// One of the values.
    In,
    /// None of them.
    NotIn,
}

/// What runs at a moment of a process's life (HOK-001ff).
#[derive(Clone, Debug)]
pub enum Hook {
    /// A command, as the process's own user and with its environment.
    Exec(Vec<Text>),
    /// A GET.
    Http(Http),
    /// Nothing but time.
    Sleep(Duration),
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

/// How a process is stopped.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The first signal, to the process itself.
    pub signal: i32,
    /// Runs before it; the grace has begun (HOK-002, HOK-003).
    pub pre: Option<Box<Hook>>,
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
    /// Successes in a row that make the verdict good.
    pub success_threshold: u32,
    /// Failures in a row that make it bad.
    pub failure_threshold: u32,
    /// Instead of the pod's, where this probe's failure stops the process (PRB-015).
    pub grace: Option<Duration>,
}

/// A moment of a process's life at which something may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HookKind {
    /// Right after its start.
    PostStart,
    /// Before it is asked to end.
    PreStop,
}

/// Which of its three probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeKind {
    /// `[startup]`
    Startup,
    /// `[readiness]`
    Readiness,
    /// `[liveness]`
    Liveness,
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
    Http(Http),
    /// A command that exits 0, as the process's own user and with its environment.
    Exec(Vec<Text>),
    /// A connection to a unix socket that is accepted.
    Unix(Text),
    /// A line of its output that matches this regular expression. Thresholds and times do not apply.
    Log(String),
    /// A file that is there.
    File(Text),
    /// `grpc.health.v1.Health/Check` says SERVING (PRB-014).
    Grpc {
        /// Host name or address.
        host: Text,
        /// Port, after variables.
        port: Text,
        /// Whose health; empty: the server's.
        service: String,
    },
    /// `WATCHDOG=1` on `$NOTIFY_SOCKET` at least this often (liveness only). Thresholds and times do not
    /// apply.
    Watchdog(Duration),
}

/// A GET.
#[derive(Clone, Debug)]
pub struct Http {
    /// By TLS; the certificate is not looked at (PRB-013).
    pub tls: bool,
    /// Host name or address.
    pub host: Text,
    /// Port, after variables.
    pub port: Text,
    /// Path with query.
    pub path: Text,
    /// Further headers.
    pub headers: Vec<(String, Text)>,
}

/// A service: pods that are kept at a number.
#[derive(Clone, Debug)]
pub struct Service {
    /// What its pods are made from.
    pub pod: PodTemplate,
    /// How many.
    pub replicas: u32,
    /// How a changed template comes to them.
    pub rollout: Rollout,
}

/// How a changed template comes to the pods of a service (DEP-001ff).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Side by side, or one after the other.
    pub strategy: Strategy,
    /// Pods that may be missing meanwhile; rounded down.
    pub max_unavailable: Share,
    /// Pods that may be too many meanwhile; rounded up.
    pub max_surge: Share,
    /// A pod is available once it has been ready for so long (DEP-006).
    pub min_ready: Duration,
    /// Without any progress for so long it is said to have failed; it goes on (DEP-005).
    pub progress_deadline: Duration,
    /// Old revisions that are kept (DEP-004).
    pub history: u32,
    /// Which pods go first where there are too many.
    pub surplus: Surplus,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            strategy: Strategy::RollingUpdate,
            max_unavailable: Share::Number(1),
            max_surge: Share::Number(0),
            min_ready: Duration::ZERO,
            progress_deadline: Duration::from_secs(600),
            history: 10,
            surplus: Surplus::Highest,
        }
    }
}

/// See [`Rollout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Old pods go as new ones come.
    RollingUpdate,
    /// All old pods are gone before the first new one comes (DEP-003).
    Recreate,
}

/// A number of pods, or a part of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Share {
    /// So many.
    Number(u32),
    /// So many of a hundred.
    Percent(u32),
}

/// Which pods go first where there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Surplus {
    /// Those with the highest replica number.
    Highest,
    /// As Kubernetes chooses (RS-005).
    Kubernetes,
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
    /// Failures allowed of each index (BPI-001).
    pub backoff_limit_per_index: Option<u32>,
    /// Indexes that may fail before the job does (BPI-003).
    pub max_failed_indexes: Option<u32>,
    /// What failures of which kind mean; the first rule that matches counts (PFP-001ff).
    pub failure_policy: Vec<FailureRule>,
    /// Which successes are enough (SUC-001ff).
    pub success_policy: Vec<SuccessRule>,
    /// When a pod that was asked to end is replaced (PRP-001ff).
    pub pod_replacement_policy: PodReplacementPolicy,
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

/// What a failure of a pod means (PFP-001ff).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRule {
    /// Which failures.
    pub when: FailureWhen,
    /// What follows.
    pub action: FailureAction,
}

/// Which failures of a pod a [`FailureRule`] is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureWhen {
    /// A process has ended with one of these codes (PFP-004).
    ExitCodes {
        /// This one only; else any.
        process: Option<String>,
        /// Which codes; 0 never matches.
        codes: ExitCodes,
    },
    /// A signal that supd did not send has ended a process.
    Signal(Vec<u8>),
    /// It was out of memory (CST-002).
    Oom,
    /// An operator has deleted it, or supd has ended under it: Kubernetes' `DisruptionTarget` (PFP-006).
    Deleted,
}

/// What follows from a failure of a pod (PFP-003).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureAction {
    /// The job fails at once.
    FailJob,
    /// Its index fails, and is not tried again.
    FailIndex,
    /// It is not counted; a new pod comes after the back-off.
    Ignore,
    /// It is counted as any other; later rules are not looked at.
    Count,
}

/// Which successes are enough (SUC-002).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuccessRule {
    /// Among these indexes, as intervals; `None`: all of them.
    pub indexes: Option<Vec<(u32, u32)>>,
    /// So many; `None`: all of the set.
    pub count: Option<u32>,
}

/// When a pod that was asked to end is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodReplacementPolicy {
    /// At once, after the back-off (PRP-001).
    TerminatingOrFailed,
    /// When it is gone (PRP-002).
    Failed,
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
    /// A random delay of each run, less than this. The scheduled time stays what it is.
    pub jitter: Duration,
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
    /// All of them, one after the other, oldest first; as far back as `starting_deadline` goes.
    All,
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

impl Process {
    /// What runs at this moment.
    pub fn hook(&self, kind: HookKind) -> Option<&Hook> {
        match kind {
            HookKind::PostStart => self.post_start.as_deref(),
            HookKind::PreStop => self.stop.pre.as_deref(),
        }
    }

    /// Its probe of this kind.
    pub fn probe(&self, kind: ProbeKind) -> Option<&Probe> {
        match kind {
            ProbeKind::Startup => self.startup.as_deref(),
            ProbeKind::Readiness => self.readiness.as_deref(),
            ProbeKind::Liveness => self.liveness.as_deref(),
        }
    }
}

impl ExitCodes {
    /// Whether an exit code is meant. Success never is, not even by `NotIn` (PFP-004).
    pub fn matches(&self, code: u8) -> bool {
        let within = self.values.contains(&code);
        code != 0 && within == (self.operator == Operator::In)
    }
}

impl Share {
    /// So many of `all`; parts of a pod count as one, or not at all.
    pub fn of(self, all: u32, up: bool) -> u32 {
        match self {
            Self::Number(number) => number,
            Self::Percent(percent) => {
                let parts = u64::from(all) * u64::from(percent);
                let whole = if up { parts.div_ceil(100) } else { parts / 100 };
                u32::try_from(whole).unwrap_or(u32::MAX)
            }
        }
    }
}

impl PodTemplate {
    /// The process with this place in the pod: init steps and sidecars in order, then main, then those
    /// beside it.
    pub fn process(&self, place: usize) -> &Process {
        match place.checked_sub(self.init.len()) {
            None => &self.init[place],
            Some(0) => &self.main,
            Some(beside) => self.beside.get(beside - 1).unwrap_or(&self.main),
        }
    }

    /// All of them, in the order of their places.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.init.iter().chain(std::iter::once(&self.main)).chain(&self.beside)
    }

    /// The place of main.
    pub fn main_place(&self) -> usize {
        self.init.len()
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
