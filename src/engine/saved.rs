//! What survives a manager, of all that the engine knows: the facts from which it goes on.
//!
//! Plain data, one record for each unit, each job and each pod that has a history. What can be read
//! elsewhere is not here: units are loaded, what lives is told by the keeper, finished pods and runs are
//! records of their own. [`super::save`] makes these, [`super::recall`] goes on from them. A field that is
//! new gets a default, so that what an older supd has written can be read.

use serde::{Deserialize, Serialize};

use super::cron::Drawn;
use super::id::{Class, JobName, PodName, PodUid};
use super::index_set::IndexSet;
use super::job::{Retries, Terms, Verdict};
use super::places::Done;
use super::pod::{Cause, Count, Owner, ProcessState, Stage, StopStep, Stopping};
use super::restart::Series;
use super::time::{Mono, Now, Wall};
use super::view::{JobCondition, JobOwner, LastExit, Terminated, UnitState};
use crate::unit::name::UnitName;

/// All that was stored.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// Every unit that was there.
    pub units: Vec<SavedUnit>,
    /// Every job.
    pub jobs: Vec<SavedJob>,
    /// Pods with a history, none of them final.
    pub pods: Vec<SavedPod>,
    /// When it was stored.
    pub taken: Now,
}

/// What a new engine may rely on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Continuity {
    /// The keeper has seen everything since: what it doesn't show was never started, and nothing that an
    /// operator left alone has changed.
    Manager,
    /// supd died, keeper and all, and the machine did not: what lives was found, what does not was cut off.
    Supd,
    /// supd was ended in order, or the machine came up anew: what ran then does not any more.
    #[default]
    Anew,
}

/// A unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedUnit {
    /// Its name.
    pub name: UnitName,
    /// The version in force ([`crate::unit::model::Unit::hash`]).
    pub hash: u64,
    /// The version on disk, as it was last loaded, if that is another.
    #[serde(default)]
    pub pending: Option<u64>,
    /// Made by `supctl run`.
    #[serde(default)]
    pub transient: bool,
    pub(super) enabled: bool,
    pub(super) wanted: bool,
    #[serde(default)]
    pub(super) stopped: bool,
    #[serde(default)]
    pub(super) released: bool,
    #[serde(default)]
    pub(super) removed: bool,
    #[serde(default)]
    pub(super) only_loaded: bool,
    #[serde(default)]
    pub(super) deleting: bool,
    pub(super) created: Now,
    pub(super) state: UnitState,
    pub(super) since: Now,
    #[serde(default)]
    pub(super) last_exit: Option<Box<LastExit>>,
    #[serde(default)]
    pub(super) last_restart: Option<Wall>,
    #[serde(default)]
    pub(super) essential_end: Option<u8>,
    pub(super) kind: SavedKind,
}

impl SavedUnit {
    /// A unit of which nothing is known but that an operator has disabled it.
    pub fn disabled(name: UnitName, now: Now) -> Self {
        Self {
            name,
            hash: 0,
            pending: None,
            transient: false,
            enabled: false,
            wanted: false,
            stopped: false,
            released: false,
            removed: false,
            only_loaded: false,
            deleting: false,
            created: now,
            state: UnitState::Disabled,
            since: now,
            last_exit: None,
            last_restart: None,
            essential_end: None,
            kind: SavedKind::Target,
        }
    }
}

/// What each kind needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum SavedKind {
    Target,
    Service { scaled: Option<u32>, replace: Vec<PodUid>, done: Vec<(u32, Done)>, past: Vec<(PodUid, String)> },
    Job { again: bool },
    CronJob(SavedCalendar),
}

/// Where a cronjob stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedCalendar {
    /// What it stands in: another schedule starts anew.
    pub(super) schedule: String,
    pub(super) zone: Option<String>,
    pub(super) suspended: bool,
    /// What the unit itself says of that: an edit since then counts more.
    pub(super) suspended_by_unit: bool,
    pub(super) reference: Wall,
    pub(super) last_schedule: Option<Wall>,
    pub(super) last_success: Option<Wall>,
    pub(super) missed: u64,
    pub(super) active: Vec<JobName>,
    pub(super) held: Option<Wall>,
    #[serde(default)]
    pub(super) noted: Option<Wall>,
    #[serde(default)]
    pub(super) drawn: Drawn,
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedJob {
    /// Its name.
    pub name: JobName,
    /// Its unit.
    pub unit: UnitName,
    /// The version of its unit that it was made from.
    pub hash: u64,
    pub(super) uid: PodUid,
    pub(super) owner: JobOwner,
    pub(super) created: Now,
    pub(super) completions: Option<u32>,
    pub(super) parallelism: u32,
    pub(super) active_deadline: Option<std::time::Duration>,
    pub(super) suspended: bool,
    pub(super) succeeded: u32,
    pub(super) failed: u32,
    pub(super) completed: IndexSet,
    pub(super) made: u32,
    pub(super) start: Option<Now>,
    pub(super) completion_time: Option<Wall>,
    pub(super) conditions: Vec<JobCondition>,
    pub(super) verdict: Option<Verdict>,
    pub(super) finished: bool,
    pub(super) finished_at: Option<Now>,
    pub(super) failures_in_row: u32,
    pub(super) last_failure: Option<Mono>,
    /// Not there: as its unit has them.
    #[serde(default)]
    pub(super) terms: Option<Terms>,
    #[serde(default)]
    pub(super) retries: Option<Retries>,
    #[serde(default)]
    pub(super) fail_job: Option<Box<str>>,
    pub(super) kept_succeeded: Vec<(PodUid, PodName)>,
    pub(super) kept_failed: Vec<(PodUid, PodName)>,
}

/// A pod that is not final.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedPod {
    /// Its identity.
    pub uid: PodUid,
    /// The version of its unit that it was made from.
    pub hash: u64,
    pub(super) template_hash: u64,
    pub(super) name: PodName,
    pub(super) unit: UnitName,
    pub(super) owner: Owner,
    pub(super) scheduled: Option<Wall>,
    pub(super) created: Now,
    pub(super) started: Option<Now>,
    /// An older supd wrote the place of the one process that a pod could run at a time.
    #[serde(alias = "current")]
    pub(super) reached: usize,
    pub(super) leaving: Option<Count>,
    #[serde(default)]
    pub(super) done: bool,
    #[serde(default)]
    pub(super) renewing: bool,
    /// Of the process at `reached`, as an older supd wrote it.
    #[serde(default, skip_serializing)]
    pub(super) kill_at: Option<Mono>,
    /// See `kill_at`.
    #[serde(default, skip_serializing)]
    pub(super) restart_at: Option<Mono>,
    pub(super) ready: bool,
    pub(super) ready_since: Option<Now>,
    pub(super) was_ready: bool,
    pub(super) ready_message: String,
    pub(super) status_text: String,
    #[serde(default)]
    pub(super) disrupted: bool,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) processes: Vec<SavedProcess>,
}

/// A process of a pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedProcess {
    pub(super) state: ProcessState,
    pub(super) attempt: u32,
    pub(super) restarts: u32,
    pub(super) series: Series,
    pub(super) last: Option<Box<Terminated>>,
    /// Why supd ended it, as an older supd wrote it.
    #[serde(default, skip_serializing)]
    pub(super) condemned: Option<String>,
    #[serde(default)]
    pub(super) stage: Stage,
    /// An older supd wrote it of the pod alone.
    #[serde(default)]
    pub(super) ready: Option<bool>,
    #[serde(default)]
    pub(super) class: Option<Class>,
    #[serde(default)]
    pub(super) stopping: Option<Box<Stopping>>,
    /// When its grace is over.
    #[serde(default)]
    pub(super) kill_at: Option<Mono>,
    /// When it may start again.
    #[serde(default)]
    pub(super) restart_at: Option<Mono>,
}

impl SavedProcess {
    /// What an older supd, under which one process of a pod ran at a time, wrote of the pod: the place of that
    /// process, whether it was ready, when its grace was over, when it might start again.
    pub(super) fn fill_in(
        &mut self,
        place: usize,
        (current, ready, kill_at, restart_at): (usize, bool, Option<Mono>, Option<Mono>),
    ) {
        if self.ready.is_some() {
            return;
        }
        self.ready = Some(place == current && ready);
        if place != current {
            return;
        }
        self.kill_at = self.kill_at.or(kill_at);
        self.restart_at = self.restart_at.or(restart_at);
        let Some(until) = kill_at else { return };
        let (cause, words) = match self.condemned.take() {
            Some(words) => (Cause::Deadline, words),
            None => (Cause::Pod, String::new()),
        };
        let step = StopStep::Signalled;
        self.stopping.get_or_insert_with(|| Box::new(Stopping { cause, words, step, until }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the release before pods of several processes has written.
    const OLD: &str = r#"{"uid":7,"hash":1,"template_hash":2,"name":"web-0","unit":"web",
        "owner":{"Service":{"ordinal":0}},"scheduled":null,"created":{"mono":1,"wall":2},"started":null,
        "current":1,"leaving":"Nothing","kill_at":99,"restart_at":null,"ready":true,"ready_since":null,
        "was_ready":true,"ready_message":"","status_text":"","reason":"","message":"","processes":[
        {"state":"Starting","attempt":0,"restarts":0,"series":{"next":null},"last":null,"condemned":null},
        {"state":{"Running":{"pid":5,"since":{"mono":3,"wall":4}}},"attempt":2,"restarts":2,
         "series":{"next":null},"last":null,"condemned":"not ready within 40s"}]}"#;

    #[test]
    fn what_an_older_supd_has_written_is_read() {
        let saved: SavedPod = serde_json::from_str(OLD).unwrap();
        let of_old = (saved.reached, saved.ready, saved.kill_at, saved.restart_at);
        let mut processes = saved.processes;
        for (place, process) in processes.iter_mut().enumerate() {
            process.fill_in(place, of_old);
        }
        assert_eq!((saved.reached, processes[0].ready, processes[1].ready), (1, Some(false), Some(true)));
        assert!(processes[0].stopping.is_none() && processes[0].kill_at.is_none());
        let stopping = processes[1].stopping.as_ref().unwrap();
        assert_eq!((stopping.cause, stopping.step), (Cause::Deadline, StopStep::Signalled));
        assert_eq!((stopping.until, processes[1].kill_at), (Mono(99), Some(Mono(99))));
    }
}
