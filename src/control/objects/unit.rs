//! supd/v1 Unit: what the user wrote, and all that `supctl status` shows of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::container::{core_dumped, not_started};
use super::meta::uid_of_name;
use super::{Metadata, Noun, Pod, Resource, ResourceUsage, Time, is_default, lossy, lossy_all};
use crate::engine::view::{
    JobOwner, JobView, LastExit, Phase, PodView, ProcessState, Stale, UnitState, UnitView, Waiting,
};
use crate::limits::UNIT_PODS_SHOWN_MAX;
use crate::unit::model::{Condition, Kind};
use crate::unit::name::UnitName;

/// One unit.
pub type Unit = Resource<UnitSpec, UnitStatus>;

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitSpec {
    /// One line for people.
    pub description: String,
    /// Its file; empty where there is none.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Its drop-ins, in order.
    #[serde(serialize_with = "lossy_all")]
    pub drop_ins: Vec<PathBuf>,
    /// Made by `supctl run`: there is no file.
    pub transient: bool,
    /// Started at boot.
    pub enabled: bool,
    /// What it requires.
    pub requires: Vec<UnitCondition>,
}

/// How it is. The words and numbers of a line of `supctl status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatus {
    /// `service`, `job`, `cronjob`, `target`.
    pub kind: Kind,
    /// In one word.
    pub state: UnitState,
    /// More words: why it failed; mostly empty.
    pub reason: String,
    /// Since when it is in this state.
    pub since: Time,
    /// The file is not what runs: `Changed` on disk, or `Removed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<Stale>,
    /// What it waits for before it may start.
    pub waiting_for: Vec<UnitCondition>,
    /// Who requires or wants it.
    pub wanted_by: Vec<UnitName>,
    /// Something that an operator asked for is not finished.
    pub in_progress: bool,

    /// Pods that are ready; a job: completions that it has.
    pub ready: u32,
    /// Pods there should be; a job: completions that it needs; absent for a work queue or a cronjob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<u32>,
    /// Pods of a job, jobs of a cronjob, that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<u32>,
    /// Failed pods of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<u32>,
    /// Restarts of all its pods that live.
    pub restart_count: u32,
    /// When the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_restart_time: Option<Time>,
    /// When its next attempt is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_restart_time: Option<Time>,
    /// A cronjob: when its next job is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// A cronjob: the slot of the last job that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// How the last run that ended, ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<UnitExit>,
    /// Its pods that are not finished, by ordinal; the first ones, where there are many.
    pub pods: Vec<UnitPod>,
    /// How many of them there are.
    pub pod_count: u32,

    /// CPU that it uses now, where that is known: 100 is one CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Memory that it has now, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// Another unit, and what it must reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitCondition {
    /// The other unit.
    pub unit: UnitName,
    /// What it must reach.
    pub condition: Condition,
}

/// The last end of a run of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitExit {
    /// Whose.
    pub pod: String,
    /// `128 + n` for signal n.
    pub exit_code: u8,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_signal: Option<u8>,
    /// Whether it left a core file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub core_dumped: bool,
    /// Kubernetes' reason.
    pub reason: String,
    /// In words, why it never started.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// Whether it was bad.
    pub failed: bool,
    /// When it was reaped.
    pub finished_at: Time,
    /// What it used.
    pub usage: ResourceUsage,
}

/// A pod in short, for the line below its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitPod {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: String,
    /// Of the process that runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Pending, Running, Succeeded, Failed.
    pub phase: Phase,
    /// Why it does not run: `CrashLoopBackOff`, `PodInitializing`; mostly empty.
    pub reason: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Asked to end, and not there yet.
    pub terminating: bool,
    /// Starts after the first.
    pub restart_count: u32,
    /// When the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_restart_time: Option<Time>,
    /// When its next start is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_restart_time: Option<Time>,
    /// When it was made.
    pub created: Time,
    /// What it says of itself (sd_notify's `STATUS=`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub status_text: String,
    /// See [`super::PodStatus::lingering`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lingering: Option<super::Lingering>,
}

/// Without its pods and its job. See [`Unit::with`].
impl From<&UnitView> for Unit {
    fn from(view: &UnitView) -> Self {
        Self::with(view, None, std::iter::empty())
    }
}

impl Unit {
    /// A unit with its own job, if it is one and has been made, and with its pods that are not finished.
    pub fn with<'a>(
        view: &UnitView,
        job: Option<&JobView>,
        pods: impl IntoIterator<Item = &'a PodView>,
    ) -> Self {
        let name = view.name.as_str();
        let mut metadata = Metadata::global(name, uid_of_name(Self::KIND, name), view.created);
        metadata.labels = view.labels.clone();
        metadata.annotations = view.annotations.clone();
        let mut unit = Self::new(metadata, spec(view), status(view));
        if let Some(job) = job.filter(|job| job.owner == JobOwner::Unit) {
            unit.status.active = Some(job.active);
            unit.status.failed = Some(job.failed);
        }
        for pod in pods {
            unit.status.pod_count = unit.status.pod_count.saturating_add(1);
            if unit.status.pods.len() < UNIT_PODS_SHOWN_MAX {
                unit.status.pods.push(pod.into());
            }
        }
        unit
    }
}

fn spec(view: &UnitView) -> UnitSpec {
    UnitSpec {
        description: view.description.clone(),
        path: view.path.clone(),
        drop_ins: view.drop_ins.clone(),
        transient: view.transient,
        enabled: view.enabled,
        requires: view
            .requires
            .iter()
            .map(|(unit, condition)| UnitCondition { unit: unit.clone(), condition: *condition })
            .collect(),
    }
}

fn status(view: &UnitView) -> UnitStatus {
    let (next_schedule, next_restart) =
        if view.kind == Kind::CronJob { (view.next, None) } else { (None, view.next) };
    let cron = view.cron.as_ref();
    UnitStatus {
        kind: view.kind,
        state: view.state,
        reason: view.reason.clone(),
        since: view.since.into(),
        stale: view.stale,
        waiting_for: view.waiting_for.iter().map(Into::into).collect(),
        wanted_by: view.wanted_by.clone(),
        in_progress: view.in_progress,
        ready: view.ready,
        desired: view.desired,
        active: cron.map(|cron| u32::try_from(cron.active.len()).unwrap_or(u32::MAX)),
        failed: None,
        restart_count: view.restarts,
        last_restart_time: view.last_restart.map(Into::into),
        next_restart_time: next_restart.map(Into::into),
        next_schedule_time: next_schedule.map(Into::into),
        last_schedule_time: cron.and_then(|cron| cron.last_schedule).map(Into::into),
        last_exit: view.last_exit.as_ref().map(Into::into),
        pods: Vec::new(),
        pod_count: 0,
        cpu_percent: None,
        memory_bytes: None,
    }
}

impl From<&Waiting> for UnitCondition {
    fn from(waiting: &Waiting) -> Self {
        Self { unit: waiting.unit.clone(), condition: waiting.condition }
    }
}

impl From<&LastExit> for UnitExit {
    fn from(last: &LastExit) -> Self {
        Self {
            pod: last.pod.clone(),
            exit_code: last.exit.code(),
            exit_signal: last.exit.signal(),
            core_dumped: core_dumped(&last.exit),
            reason: last.reason.clone(),
            message: not_started(&last.exit),
            failed: last.failed,
            finished_at: last.exit.at.into(),
            usage: last.exit.usage.into(),
        }
    }
}

impl From<&PodView> for UnitPod {
    fn from(view: &PodView) -> Self {
        // The first process that is not finished is the one that the pod is at.
        let at = view.processes.iter().find_map(|process| match &process.state {
            ProcessState::Waiting { reason, until, .. } => Some((None, reason.clone(), *until)),
            ProcessState::Running { pid, .. } => Some((Some(*pid), String::new(), None)),
            ProcessState::Terminated(_) => None,
        });
        let (pid, reason, until) = at.unwrap_or_default();
        let pod = Pod::from(view);
        Self {
            name: view.name.clone(),
            uid: view.uid.to_string(),
            pid,
            phase: view.phase,
            reason: if view.reason.is_empty() { reason } else { view.reason.clone() },
            ready: view.ready,
            terminating: view.terminating,
            restart_count: pod.restarts(),
            last_restart_time: pod.last_restart(),
            next_restart_time: until.map(Into::into),
            created: view.created.into(),
            status_text: view.status_text.clone(),
            lingering: view.lingering.as_ref().map(Into::into),
        }
    }
}
