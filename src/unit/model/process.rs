//! Processes: what runs in a pod, as whom, with what, and how it is stopped.

use std::time::Duration;

use super::super::text::Text;
use super::hook::{Hook, HookKind};
use super::pod::Part;
use super::probe::{Probe, ProbeKind};
use super::restart::{RestartPolicy, RestartRule};
use super::volume::Mount;

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
    /// Of the whole tree that it makes.
    pub limits: Limits,
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

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A number.
    Id(u32),
    /// A name, looked up at each start.
    Name(String),
}

/// A file of environment variables.
#[derive(Clone, Debug)]
pub struct EnvFile {
    /// Its path.
    pub path: Text,
    /// A missing one is not an error (`?` before the path).
    pub optional: bool,
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

/// What a process and all that it makes may use together; `None`: whatever there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory; beyond, it is ended.
    pub memory_max: Option<u64>,
    /// Bytes of memory beyond which it is slowed down and has to give back.
    pub memory_high: Option<u64>,
    /// Thousandths of a CPU.
    pub cpu_max: Option<u64>,
    /// Its share of CPU beside others that want it, 1 to 10,000; 100 unless written.
    pub cpu_weight: Option<u64>,
    /// Processes and threads.
    pub pids_max: Option<u64>,
}

impl Limits {
    /// Each limit that is set: its key, and the controller of cgroups that it needs.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let all = [
            ("memory_max", "memory", self.memory_max),
            ("memory_high", "memory", self.memory_high),
            ("cpu_max", "cpu", self.cpu_max),
            ("cpu_weight", "cpu", self.cpu_weight),
            ("pids_max", "pids", self.pids_max),
        ];
        all.into_iter().filter(|(.., value)| value.is_some()).map(|(key, controller, _)| (key, controller))
    }
}

/// How a process is stopped.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The first signal, to the process itself.
    pub signal: i32,
    /// Runs before it; the grace has begun (HOK-002, HOK-003).
    pub pre: Option<Box<Hook>>,
}
