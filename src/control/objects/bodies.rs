//! What is sent with a request. A field that is not known is refused: a wish is never half understood.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::meta::INSTANTIATE;
use super::{CronJob, Noun, OwnerReference, Time, is_default};
use crate::unit::name::UnitName;

/// With `kill`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KillOptions {
    /// Which signal; absent: TERM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Every process of the pod, not the main one alone.
    pub all: bool,
}

/// With `enable` and `disable`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct EnableOptions {
    /// Started, or stopped, at once too.
    pub now: bool,
}

/// With `undo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct UndoOptions {
    /// To which revision; absent: to the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_revision: Option<u32>,
}

/// With verbs that take no options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoOptions {}

/// With `reload`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ReloadOptions {
    /// Running units are changed to what was loaded (`apply` without files).
    pub apply: bool,
}

/// With `apply`: files that are stored, loaded and applied, all or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyFiles {
    /// The files.
    pub files: Vec<ApplyFile>,
    /// Only checked: nothing is stored and nothing changes.
    #[serde(default, rename = "dryRun")]
    pub dry_run: bool,
    /// With `dry_run`: what would change is told line by line.
    #[serde(default)]
    pub diff: bool,
    /// The objects of these manifests are to be forgotten instead: what `apply` has kept of them goes. What
    /// runs of them is stopped by a `DELETE` of its own.
    #[serde(default)]
    pub forget: bool,
}

/// A file with `apply`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyFile {
    /// A unit file's name without any directory: `web.toml`. A manifest's may be any path, for messages; its
    /// ending says what it is.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// With `run`: a unit without a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RunRequest {
    /// Its name; absent: made from the program's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<UnitName>,
    /// Program and arguments.
    pub exec: Vec<String>,
    /// A job, not a service.
    pub job: bool,
    /// Further variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// User to become: a name or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Group to become.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<PathBuf>,
    /// `Always`, `OnFailure`, `Never`; absent: the default of its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<String>,
    /// A service: how many pods. A job: how many pods at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// A job: failures allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<u32>,
    /// A cronjob at these times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// One line for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// With `exec`: a command in a pod's context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExecRequest {
    /// A pod, or a unit with exactly one.
    pub name: String,
    /// The process whose user and environment it gets; absent: main.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// With `shutdown`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ShutdownOptions {
    /// All must be over after this; absent: `--shutdown-timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// How the machine goes down, where supd is its init; elsewhere it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineEnd>,
    /// supd's exit code, where it is not the init of a machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// Nothing is stopped in its order: what runs is killed.
    #[serde(skip_serializing_if = "is_default")]
    pub force: bool,
    /// What the machine's firmware or boot loader is told with a reboot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// When the machine goes down; absent: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// What those who are logged in are told beside it.
    #[serde(skip_serializing_if = "is_default")]
    pub message: String,
    /// They are told nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub silent: bool,
}

/// When a machine goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum When {
    /// So many seconds from now, whatever becomes of the wall clock.
    AfterSeconds(u64),
    /// When the wall clock shows this.
    At(Time),
    /// Not at all: what was planned is taken back.
    Cancel,
    /// Not at all, but those who are logged in are told that it were after so many seconds.
    Warn(u64),
}

/// How a machine goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineEnd {
    /// It is switched off.
    #[serde(rename = "poweroff")]
    PowerOff,
    /// It starts anew.
    Reboot,
    /// It stands still, switched on.
    Halt,
    /// It starts anew with the kernel that was loaded for it.
    Kexec,
    /// All but the kernel starts anew.
    SoftReboot,
    /// All is stopped, for a shell on the console; after that as with `soft-reboot`.
    Rescue,
}

impl MachineEnd {
    /// What becomes of the machine, behind `the machine`.
    pub fn words(self) -> &'static str {
        match self {
            Self::PowerOff => "is switched off",
            Self::Reboot => "is restarted",
            Self::Halt => "is halted",
            Self::Kexec => "is restarted with another kernel",
            Self::SoftReboot => "is restarted without its kernel",
            Self::Rescue => "is stopped for a shell on its console",
        }
    }

    /// The verb that asks for it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::PowerOff => "poweroff",
            Self::Reboot => "reboot",
            Self::Halt => "halt",
            Self::Kexec => "kexec",
            Self::SoftReboot => "soft-reboot",
            Self::Rescue => "rescue",
        }
    }
}

/// With `reexec`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ReexecOptions {
    /// The program to go on as, by its absolute path; absent: what is where supd was started from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
}

/// With `DELETE`: Kubernetes' DeleteOptions, as far as they can be honoured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DeleteOptions {
    /// `v1`, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// `DeleteOptions`, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `Background` or `Foreground`: what belongs to the object goes with it, always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation_policy: Option<String>,
    /// A pod gets no longer than this to end (TRM-004). As in Kubernetes it says nothing to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<u64>,
}

/// With `scale`: a Scale object, of which the number counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScaleRequest {
    /// `autoscaling/v1`, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// `Scale`, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Not read: the path names whom.
    #[serde(default, skip_serializing)]
    metadata: Option<IgnoredAny>,
    /// The wish.
    pub spec: ReplicasWish,
    /// Not read.
    #[serde(default, skip_serializing)]
    status: Option<IgnoredAny>,
}

/// See [`ScaleRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicasWish {
    /// How many pods.
    pub replicas: u32,
}

/// With `PATCH` of a job or a cronjob: what may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspendRequest {
    /// The wish.
    pub spec: SuspendWish,
}

/// See [`SuspendRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspendWish {
    /// At rest.
    pub suspend: bool,
}

/// With `PATCH` of a deployment: what may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// The wish.
    pub spec: PauseWish,
}

/// See [`PauseRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseWish {
    /// A changed template does not come to the pods.
    pub paused: bool,
}

/// With `POST …/jobs`: a job made from a cronjob's template, now (CJB-028).
///
/// In short `{"metadata": {"name": …}, "from": "cronjob/X"}`; or as kubectl sends it, with the cronjob as
/// owner and the annotation `cronjob.kubernetes.io/instantiate: manual`. The template is always the
/// cronjob's own: a `spec` that came along is a copy of it, and is not read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct JobRequest {
    /// `batch/v1`, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// `Job`, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The new job's name, and kubectl's way to say from what.
    pub metadata: JobRequestMetadata,
    /// `cronjob/X`: our way to say from what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Not read.
    #[serde(default, skip_serializing)]
    spec: Option<IgnoredAny>,
    /// Not read.
    #[serde(default, skip_serializing)]
    status: Option<IgnoredAny>,
}

/// See [`JobRequest`]. Kubernetes' further fields of an ObjectMeta are let pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRequestMetadata {
    /// The new job's name.
    pub name: String,
    /// kubectl's `cronjob.kubernetes.io/instantiate: manual`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The cronjob.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
}

impl ScaleRequest {
    /// This many pods.
    pub fn new(replicas: u32) -> Self {
        Self { api_version: None, kind: None, metadata: None, spec: ReplicasWish { replicas }, status: None }
    }
}

impl JobRequest {
    /// A job of this name from a cronjob's template.
    pub fn from_cronjob(name: &str, cronjob: &UnitName) -> Self {
        Self {
            api_version: None,
            kind: None,
            metadata: JobRequestMetadata {
                name: name.to_owned(),
                annotations: BTreeMap::new(),
                owner_references: Vec::new(),
            },
            from: Some(format!("cronjob/{cronjob}")),
            spec: None,
            status: None,
        }
    }

    /// The cronjob that it is to be made from, however that was said.
    pub fn cronjob(&self) -> Option<&str> {
        if let Some(from) = &self.from {
            return from.strip_prefix("cronjob/");
        }
        let manual = self.metadata.annotations.get(INSTANTIATE).is_some_and(|value| value == "manual");
        let owner = self.metadata.owner_references.iter().find(|owner| owner.kind == CronJob::KIND);
        owner.filter(|_| manual).map(|owner| owner.name.as_str())
    }
}
