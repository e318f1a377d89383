//! What a unit means once every check has passed: the model that the engine runs.
//!
//! Everything here is checked and complete: defaults are filled in, names are legal, a value that is
//! present is a value that this build honours. Whatever cannot be honoured was refused by `unit::load`.

mod cron;
mod hook;
mod job;
mod pod;
mod probe;
mod process;
mod relation;
mod restart;
mod service;
mod volume;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::cron::{CatchUp, ConcurrencyPolicy, CronJob};
pub use self::hook::{Hook, HookKind};
pub use self::job::{
    AtBoot, CompletionMode, FailureAction, FailureRule, FailureWhen, Job, PodReplacementPolicy, SuccessRule,
};
pub use self::pod::{Logs, Part, PodTemplate, Sink};
pub use self::probe::{Handler, Http, Probe, ProbeKind};
pub use self::process::{Account, EnvFile, Limits, Process, Rlimit, Stop};
pub use self::relation::{Condition, Relation, Relations};
pub use self::restart::{Backoff, ExitCodes, Operator, RestartAction, RestartPolicy, RestartRule};
pub use self::service::{Rollout, Service, Share, Strategy, Surplus};
pub use self::volume::{FileContent, HostPath, Mount, Volume, VolumeFile, VolumeSource};
use super::name::UnitName;

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
    /// Those of the jobs and the pods, where they are not the unit's own.
    pub below: Option<Box<Below>>,
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

/// Labels and annotations of what a unit makes. Those of a unit file go to all; a manifest says for each level
/// what it has (CJB-020).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// Of a cronjob's jobs.
    pub job: Words,
    /// Of the pods.
    pub pod: Words,
}

/// Labels and annotations of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Unit {
    /// Labels of its pods.
    pub fn pod_labels(&self) -> &BTreeMap<String, String> {
        self.below.as_ref().map_or(&self.labels, |below| &below.pod.labels)
    }

    /// Annotations of its pods.
    pub fn pod_annotations(&self) -> &BTreeMap<String, String> {
        self.below.as_ref().map_or(&self.annotations, |below| &below.pod.annotations)
    }

    /// Labels of its jobs: a job is one itself.
    pub fn job_labels(&self) -> &BTreeMap<String, String> {
        let below = self.below.as_ref().filter(|_| self.kind() == Kind::CronJob);
        below.map_or(&self.labels, |below| &below.job.labels)
    }

    /// Annotations of its jobs.
    pub fn job_annotations(&self) -> &BTreeMap<String, String> {
        let below = self.below.as_ref().filter(|_| self.kind() == Kind::CronJob);
        below.map_or(&self.annotations, |below| &below.job.annotations)
    }

    /// The kind alone.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Target => Kind::Target,
            Body::Service(_) => Kind::Service,
            Body::Job(_) => Kind::Job,
            Body::CronJob(_) => Kind::CronJob,
        }
    }

    /// Made from a manifest of a Pod: one pod under the unit's own name, which nobody owns, and which no
    /// Deployment scales or rolls.
    pub fn is_bare_pod(&self) -> bool {
        self.manifest.as_deref() == Some("Pod")
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
