//! supd/v1 HistoryEntry: a run that has ended, or a decision not to run.
//!
//! In the order in which supd took note of them: `sequence` grows, and is never used again. The same runs,
//! by name and without the decisions, are [`super::Run`]s.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::container::{core_dumped, not_started};
use super::meta::{JOB_NAME_LABELS, uid_of_name};
use super::{Metadata, Noun, ResourceUsage, Time, is_default};
use crate::engine::action::{Decision, DecisionKind, RunRecord};
use crate::engine::event::{Exit, Outcome};
use crate::unit::name::UnitName;

/// A run that has ended, or a decision not to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// `supd/v1`
    pub api_version: Cow<'static, str>,
    /// `HistoryEntry`
    pub kind: Cow<'static, str>,
    /// Its name is its sequence number.
    pub metadata: Metadata,
    /// What happened.
    pub status: HistoryStatus,
}

/// What happened. Of a decision `decision`, `count` and `scheduledTime` are told, of a run all the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryStatus {
    /// Its number among all entries: a later one has a higher one.
    pub sequence: u64,
    /// When the run ended, or the decision was taken.
    pub time: Time,
    /// The unit.
    pub unit: UnitName,
    /// The job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The pod's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// `main`, or the init step's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// 0 for the first run of this process in this pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// `missed`, `forbidden`, `suspended` or `replaced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionKind>,
    /// How many times of the calendar the decision is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The time of the calendar that it is about; of several the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<Time>,
    /// Of a run Kubernetes' word (`Completed`, `Error`, `OOMKilled`, `StartError`, `ContainerStatusUnknown`),
    /// of a decision a sentence.
    pub reason: String,
    /// Of a run what there is to say beside the reason: why it could not be started, or was ended.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// `128 + n` for signal n; absent where nobody knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_signal: Option<u8>,
    /// Whether it left a core file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub core_dumped: bool,
    /// When it was started, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it was reaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// From start to end, by the clock that nobody steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// What it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<ResourceUsage>,
}

impl HistoryEntry {
    /// Of a run.
    pub fn of_run(sequence: u64, record: &RunRecord) -> Self {
        let exit = &record.exit;
        let mut entry = Self::new(HistoryStatus {
            job: record.job.clone(),
            pod: Some(record.pod.clone()),
            process: Some(record.process.clone()),
            attempt: Some(record.run.attempt),
            scheduled_time: record.scheduled.map(Into::into),
            reason: record.reason.clone(),
            message: message(record),
            exit_code: exit_code(exit),
            exit_signal: exit.signal(),
            core_dumped: core_dumped(exit),
            started_at: record.started.map(Into::into),
            finished_at: Some(exit.at.into()),
            duration_seconds: record.started.map(|start| exit.at.mono.since(start.mono).as_secs_f64()),
            usage: Some(exit.usage.into()),
            ..HistoryStatus::blank(sequence, exit.at.into(), &record.unit)
        });
        let labels = record.job.iter().flat_map(|job| JOB_NAME_LABELS.map(|l| (l.to_owned(), job.clone())));
        entry.metadata.labels.extend(labels);
        entry
    }

    /// Of a decision not to run.
    pub fn of_decision(sequence: u64, decision: &Decision) -> Self {
        Self::new(HistoryStatus {
            decision: Some(decision.kind),
            count: Some(decision.count),
            scheduled_time: Some(decision.slot.into()),
            reason: decision.reason.clone(),
            ..HistoryStatus::blank(sequence, decision.at.into(), &decision.unit)
        })
    }

    fn new(status: HistoryStatus) -> Self {
        let name = status.sequence.to_string();
        let uid = uid_of_name(Self::KIND, &name);
        Self {
            api_version: Cow::Borrowed(Self::API_VERSION),
            kind: Cow::Borrowed(Self::KIND),
            metadata: Metadata::global(&name, uid, status.time),
            status,
        }
    }
}

impl HistoryStatus {
    fn blank(sequence: u64, time: Time, unit: &UnitName) -> Self {
        Self {
            sequence,
            time,
            unit: unit.clone(),
            job: None,
            pod: None,
            process: None,
            attempt: None,
            decision: None,
            count: None,
            scheduled_time: None,
            reason: String::new(),
            message: String::new(),
            exit_code: None,
            exit_signal: None,
            core_dumped: false,
            started_at: None,
            finished_at: None,
            duration_seconds: None,
            usage: None,
        }
    }
}

/// What there is to say of a run beside its reason.
pub(super) fn message(record: &RunRecord) -> String {
    if record.message.is_empty() { not_started(&record.exit) } else { record.message.clone() }
}

/// Kubernetes has a number for what nobody knows; a history does not make one up.
fn exit_code(exit: &Exit) -> Option<u8> {
    match exit.outcome {
        Outcome::Unknown => None,
        _ => Some(exit.code()),
    }
}
