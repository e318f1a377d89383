//! Cronjobs: a job at times of a calendar.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::calendar::Schedule;
use super::job::Job;

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
