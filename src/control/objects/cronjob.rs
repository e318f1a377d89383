//! batch/v1 CronJob: a job at times of a calendar.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::meta::uid_of_name;
use super::{Job, JobSpec, Metadata, Noun, PodTemplate, Resource, Time};
use crate::engine::view::{CronView, JobView, UnitView};
use crate::unit::model;
use crate::unit::name::UnitName;

/// A job at times of a calendar.
pub type CronJob = Resource<CronJobSpec, CronJobStatus>;

/// What is wished of a cronjob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CronJobSpec {
    /// As written.
    pub schedule: String,
    /// As written; absent: the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// `Allow`, `Forbid`, `Replace`.
    pub concurrency_policy: String,
    /// At rest.
    pub suspend: bool,
    /// A run later than this is missed (CJB-005).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_deadline_seconds: Option<u64>,
    /// Complete jobs that are kept (CJB-021).
    #[serde(default)]
    pub successful_jobs_history_limit: u32,
    /// Failed jobs that are kept.
    #[serde(default)]
    pub failed_jobs_history_limit: u32,
    /// What its jobs are made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_template: Option<Box<JobTemplate>>,
}

/// What the jobs of a cronjob are made from (CJB-020).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobTemplate {
    /// Of the jobs.
    pub metadata: JobTemplateMetadata,
    /// Of the jobs.
    pub spec: JobSpec,
}

/// See [`JobTemplate`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobTemplateMetadata {
    /// Of the jobs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Of the jobs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// How a cronjob is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CronJobStatus {
    /// Jobs of it that run.
    pub active: Vec<ObjectReference>,
    /// The slot of the last job that it made (CJB-015).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// The end of its last successful job (CJB-016).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,

    /// Its unit.
    pub unit: UnitName,
    /// The next slot; absent while it is at rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// Slots that passed without a job since it was loaded.
    pub missed: u64,
}

/// One object that another names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// `batch/v1`, …
    pub api_version: Cow<'static, str>,
    /// `Job`, …
    pub kind: Cow<'static, str>,
    /// Its name.
    pub name: String,
    /// `default`; our own kinds have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Cow<'static, str>>,
}

impl CronJob {
    /// The cronjob that a unit is; nothing where it is of another kind.
    pub fn of_unit(unit: &UnitView) -> Option<Self> {
        let cron = unit.cron.as_ref()?;
        let name = unit.name.as_str();
        let mut metadata = Metadata::namespaced(name, uid_of_name(Self::KIND, name), unit.created);
        metadata.labels = unit.labels.clone();
        metadata.annotations = unit.annotations.clone();
        Some(Self::new(metadata, cron.into(), status(unit, cron)))
    }

    /// With all that its unit says of it.
    #[must_use]
    pub fn with_unit(mut self, unit: &model::Unit) -> Self {
        if let (Some(template), Some(pod)) = (&mut self.spec.job_template, unit.pod()) {
            template.spec.template = PodTemplate::new(unit, pod);
        }
        self
    }
}

impl From<&CronView> for CronJobSpec {
    fn from(cron: &CronView) -> Self {
        Self {
            schedule: cron.schedule.clone(),
            time_zone: cron.time_zone.clone(),
            concurrency_policy: cron.concurrency_policy.clone(),
            suspend: cron.suspended,
            starting_deadline_seconds: cron.starting_deadline_seconds,
            successful_jobs_history_limit: cron.successful_history,
            failed_jobs_history_limit: cron.failed_history,
            job_template: cron.job.as_deref().map(|job| Box::new(job.into())),
        }
    }
}

impl From<&JobView> for JobTemplate {
    fn from(job: &JobView) -> Self {
        let metadata =
            JobTemplateMetadata { labels: job.labels.clone(), annotations: job.annotations.clone() };
        Self { metadata, spec: JobSpec::written(job) }
    }
}

fn status(unit: &UnitView, cron: &CronView) -> CronJobStatus {
    CronJobStatus {
        active: cron.active.iter().map(|name| ObjectReference::to::<Job>(name)).collect(),
        last_schedule_time: cron.last_schedule.map(Into::into),
        last_successful_time: cron.last_success.map(Into::into),
        unit: unit.name.clone(),
        next_schedule_time: cron.next.map(Into::into),
        missed: cron.missed,
    }
}

impl ObjectReference {
    /// To an object in the one namespace.
    fn to<N: Noun>(name: &str) -> Self {
        Self {
            api_version: Cow::Borrowed(N::API_VERSION),
            kind: Cow::Borrowed(N::KIND),
            name: name.to_owned(),
            namespace: Some(Cow::Borrowed("default")),
        }
    }
}
