//! supd/v1 Run: one execution of one process, that has ended.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::container::core_dumped;
use super::{Metadata, Noun, ResourceUsage, Time, is_default};
use crate::engine::action::RunRecord;
use crate::unit::name::UnitName;

/// One execution of one process, that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// `supd/v1`
    pub api_version: Cow<'static, str>,
    /// `Run`
    pub kind: Cow<'static, str>,
    /// Its name is made from pod, process and attempt; its uid is its pod's.
    pub metadata: Metadata,
    /// How it went.
    pub status: RunStatus,
}

/// How a run went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// Its unit.
    pub unit: UnitName,
    /// Its job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Its pod's name.
    pub pod: String,
    /// `main`, or the init step's name.
    pub process: String,
    /// 0 for the first run of this process in this pod.
    pub attempt: u32,
    /// `128 + n` for signal n.
    pub exit_code: u8,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<u8>,
    /// Whether it left a core file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub core_dumped: bool,
    /// Kubernetes' reason.
    pub reason: String,
    /// What there is to say beside the reason: why it could not be started, or was ended.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// When it was started, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it was reaped.
    pub finished_at: Time,
    /// From start to end, by the clock that nobody steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// What it used.
    pub usage: ResourceUsage,
}

impl From<&RunRecord> for Run {
    fn from(record: &RunRecord) -> Self {
        let name = format!("{}.{}.{}", record.pod, record.process, record.run.attempt);
        let exit = &record.exit;
        let mut metadata =
            Metadata::global(&name, record.run.pod.to_string(), record.started.unwrap_or(exit.at));
        metadata.labels.extend(
            record
                .job
                .iter()
                .flat_map(|job| super::meta::JOB_NAME_LABELS.map(|l| (l.to_owned(), job.clone()))),
        );
        Self {
            api_version: Cow::Borrowed(Self::API_VERSION),
            kind: Cow::Borrowed(Self::KIND),
            metadata,
            status: RunStatus {
                unit: record.unit.clone(),
                job: record.job.clone(),
                pod: record.pod.clone(),
                process: record.process.clone(),
                attempt: record.run.attempt,
                exit_code: exit.code(),
                signal: exit.signal(),
                core_dumped: core_dumped(exit),
                reason: record.reason.clone(),
                message: super::history::message(record),
                started_at: record.started.map(Into::into),
                finished_at: exit.at.into(),
                duration_seconds: record.started.map(|start| exit.at.mono.since(start.mono).as_secs_f64()),
                usage: exit.usage.into(),
            },
        }
    }
}
