//! supd/v1 Info: the daemon itself, for the first line of `supctl status`.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{MachineEnd, Time, is_default, lossy, lossy_all, lossy_some};

/// The daemon itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// `supd/v1`
    pub api_version: Cow<'static, str>,
    /// `Info`
    pub kind: Cow<'static, str>,
    /// How it is.
    pub status: InfoStatus,
}

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InfoStatus {
    /// Its version.
    pub version: String,
    /// Of the keeper.
    pub pid: u32,
    /// Whether the keeper is PID 1.
    pub pid1: bool,
    /// Whether it runs in a container.
    pub container: bool,
    /// The host's name.
    pub host_name: String,
    /// When it was started.
    pub started_at: Time,
    /// How often it has gone on as another program since, without an end.
    #[serde(default)]
    pub replaced: u32,
    /// How often the keeper has gone on after a fault of its own, since it was started or replaced.
    #[serde(default)]
    pub keeper_faults: u32,
    /// In one word.
    pub state: SystemState,
    /// Units that are loaded.
    pub units: u32,
    /// Of those, failing ones.
    pub failed_units: u32,
    /// Pods that are not finished.
    pub pods: u32,
    /// Where units are read from, strongest first.
    #[serde(serialize_with = "lossy_all")]
    pub unit_directories: Vec<PathBuf>,
    /// Where the logs of pods are.
    #[serde(serialize_with = "lossy")]
    pub log_directory: PathBuf,
    /// Where it keeps what must survive; absent while it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "lossy_some")]
    pub state_directory: Option<PathBuf>,
    /// Why not, while it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_not_saved: Option<StateNotSaved>,
    /// When the machine goes down, where that is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_shutdown: Option<PlannedShutdown>,
    /// What an operator should know: files that were refused, what the host does not allow.
    pub warnings: Vec<String>,
    /// Where it runs, and with which rights, as it found them at its start. For `supctl doctor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceStatus>,
}

/// Where supd runs, and with which rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceStatus {
    /// Whose init it is.
    pub init_of: InitOf,
    /// The container manager that made the place, where it is a container and tells its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_manager: Option<String>,
    /// The user.
    pub user: u32,
    /// Capabilities in force, as `CAP_KILL` without `CAP_`.
    pub capabilities: Vec<String>,
    /// No program gives it more rights.
    pub no_new_privileges: bool,
    /// Which cgroups there are: none, v1, v2, hybrid; unknown without /proc.
    pub cgroups: String,
    /// Whether it may make cgroups below its own.
    pub cgroups_delegated: bool,
    /// Descriptors that one process may have.
    pub open_files_max: u64,
    /// Where its socket is.
    #[serde(serialize_with = "lossy")]
    pub runtime_directory: PathBuf,
    /// Why nothing is kept in the log directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs_not_kept: Option<String>,
    /// It was told to have the machine reset when it is silent for so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog_seconds: Option<u64>,
    /// What it misses here, one sentence each.
    pub missing: Vec<String>,
}

/// Whose init supd is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitOf {
    /// PID 1 of a machine.
    Machine,
    /// PID 1 of a container.
    Container,
    /// Not PID 1.
    Nobody,
}

/// The machine is to go down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedShutdown {
    /// How.
    pub machine: MachineEnd,
    /// When, by the wall clock as it is now.
    pub at: Time,
    /// What those who are logged in are told beside it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
}

/// What must survive is not on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateNotSaved {
    /// Since when.
    pub since: Time,
    /// Why, as the system says it.
    pub reason: String,
    /// With whose end it is lost, unless it is saved before.
    pub lost_with: LostWith,
}

/// Who holds what is not on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LostWith {
    /// The manager alone.
    Manager,
    /// The keeper, too: it outlives managers.
    Supd,
}

/// The whole in one word, as `systemctl is-system-running` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemState {
    /// Units are on their way.
    Starting,
    /// All is well.
    Running,
    /// Some unit is failing.
    Degraded,
    /// supd is ending.
    Stopping,
    /// Its managers died at their start: nothing is started or stopped until an operator says so.
    Safe,
}

/// Kubernetes' answer to `GET /version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Of the Kubernetes API that this is a subset of.
    pub major: Cow<'static, str>,
    /// Of the Kubernetes API that this is a subset of.
    pub minor: Cow<'static, str>,
    /// Ours.
    pub git_version: Cow<'static, str>,
    /// As Rust names it.
    pub platform: Cow<'static, str>,
}

impl Info {
    /// The object.
    pub fn new(status: InfoStatus) -> Self {
        Self { api_version: Cow::Borrowed("supd/v1"), kind: Cow::Borrowed("Info"), status }
    }
}

impl From<Info> for super::Object {
    fn from(info: Info) -> Self {
        Self::Info(Box::new(info))
    }
}

impl SystemState {
    /// As users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Stopping => "stopping",
            Self::Safe => "safe mode",
        }
    }
}

impl Version {
    /// Of this build.
    pub fn current() -> Self {
        Self {
            major: Cow::Borrowed("1"),
            minor: Cow::Borrowed("36"),
            git_version: Cow::Borrowed(concat!("v1.36.0+supd-", env!("CARGO_PKG_VERSION"))),
            platform: Cow::Borrowed(platform()),
        }
    }
}

const fn platform() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "linux/amd64"
    } else if cfg!(target_arch = "aarch64") {
        "linux/arm64"
    } else {
        "linux/other"
    }
}
