//! How a cronjob stands.

use serde::{Deserialize, Serialize};

use super::super::id::JobName;
use super::super::time::Wall;
use super::job::JobView;

/// A cronjob's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CronView {
    /// As written.
    pub schedule: String,
    /// As written.
    pub time_zone: Option<String>,
    /// At rest.
    pub suspended: bool,
    /// `Allow`, `Forbid`, `Replace`.
    pub concurrency_policy: String,
    /// Jobs of it that run.
    pub active: Vec<JobName>,
    /// The slot of the last job it made.
    pub last_schedule: Option<Wall>,
    /// The end of its last successful job.
    pub last_success: Option<Wall>,
    /// The next slot.
    pub next: Option<Wall>,
    /// Slots that passed without a job since it was loaded.
    pub missed: u64,
    /// In seconds.
    #[serde(default)]
    pub starting_deadline_seconds: Option<u64>,
    /// Complete jobs that are kept.
    #[serde(default)]
    pub successful_history: u32,
    /// Failed jobs that are kept.
    #[serde(default)]
    pub failed_history: u32,
    /// What its jobs are made from, as one of them would show it.
    #[serde(default)]
    pub job: Option<Box<JobView>>,
}
