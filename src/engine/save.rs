//! From the engine to what is stored: which objects have changed, and what is to be written of each.

use std::collections::BTreeSet;

use super::Engine;
use super::entry::{Entry, KindState};
use super::id::{JobName, PodUid};
use super::job::Job;
use super::pod::{Owner, Pod, Process, ProcessState, Stage, narrow};
use super::saved::{SavedCalendar, SavedJob, SavedKind, SavedPod, SavedProcess, SavedUnit};
use super::timer::Timer;
use crate::unit::model::Body;
use crate::unit::name::UnitName;

/// What may have changed since it was last asked for.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Units.
    pub units: Vec<UnitName>,
    /// Jobs.
    pub jobs: Vec<JobName>,
    /// Pods.
    pub pods: Vec<PodUid>,
}

impl Touched {
    /// How many objects that are.
    pub fn len(&self) -> usize {
        self.units.len() + self.jobs.len() + self.pods.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Engine {
    /// Whether anything may have changed since [`Engine::take_touched`].
    pub fn is_touched(&self) -> bool {
        self.units.is_touched() || self.jobs.is_touched() || self.pods.is_touched()
    }

    /// Which objects may have changed, come or gone since the last time.
    pub fn take_touched(&mut self) -> Touched {
        Touched {
            units: self.units.take_touched().into_iter().collect(),
            jobs: self.jobs.take_touched().into_iter().collect(),
            pods: self.pods.take_touched().into_iter().collect(),
        }
    }

    /// Everything is to be stored anew.
    pub fn touch_all(&mut self) {
        self.units.touch_all();
        self.jobs.touch_all();
        self.pods.touch_all();
    }

    /// The versions of units that something in here was made from, or may be.
    pub fn versions(&self) -> BTreeSet<u64> {
        let units = self.units.values();
        let of_units =
            units.flat_map(|entry| [Some(entry.unit.hash), entry.pending.as_ref().map(|unit| unit.hash)]);
        let of_jobs = self.jobs.values().map(|job| Some(job.unit.hash));
        let of_pods = self.pods.values().map(|pod| Some(pod.unit.hash));
        of_units.chain(of_jobs).chain(of_pods).flatten().collect()
    }

    /// What is to be stored of a unit; nothing once it is gone.
    pub fn saved_unit(&self, name: &UnitName) -> Option<SavedUnit> {
        let entry = self.units.get(name)?;
        Some(SavedUnit {
            name: name.clone(),
            hash: entry.unit.hash,
            pending: entry.pending.as_ref().map(|unit| unit.hash),
            transient: entry.transient,
            enabled: entry.enabled,
            wanted: entry.wanted,
            stopped: entry.stopped,
            released: entry.released,
            removed: entry.removed,
            only_loaded: entry.only_loaded,
            deleting: entry.deleting,
            created: entry.created,
            state: entry.state,
            since: entry.since,
            last_exit: entry.last_exit.clone(),
            last_restart: entry.last_restart,
            essential_end: entry.essential_end,
            kind: saved_kind(entry),
        })
    }

    /// What is to be stored of a job; nothing once it is gone.
    pub fn saved_job(&self, name: &str) -> Option<SavedJob> {
        let job: &Job = self.jobs.get(name)?;
        Some(SavedJob {
            name: job.name.clone(),
            unit: job.unit.name.clone(),
            hash: job.unit.hash,
            uid: job.uid,
            owner: job.owner.clone(),
            created: job.created,
            completions: job.completions,
            parallelism: job.parallelism,
            active_deadline: job.active_deadline,
            suspended: job.suspended,
            succeeded: job.succeeded,
            failed: job.failed,
            completed: job.completed.clone(),
            made: job.made,
            start: job.start,
            completion_time: job.completion_time,
            conditions: job.conditions.clone(),
            verdict: job.verdict,
            finished: job.finished,
            finished_at: job.finished_at,
            failures_in_row: job.failures_in_row,
            last_failure: job.last_failure,
            terms: Some(job.terms),
            retries: job.retries.as_deref().cloned(),
            fail_job: job.fail_job.clone(),
            kept_succeeded: job.kept_succeeded.iter().cloned().collect(),
            kept_failed: job.kept_failed.iter().cloned().collect(),
        })
    }

    /// What is to be stored of a pod; nothing once it is final, and nothing of one whose label at the keeper
    /// says all there is to know.
    pub fn saved_pod(&self, uid: PodUid) -> Option<SavedPod> {
        let pod = self.pods.get(&uid).filter(|pod| has_history(pod))?;
        Some(SavedPod {
            uid,
            hash: pod.unit.hash,
            template_hash: pod.unit.template_hash,
            name: pod.name.clone(),
            unit: pod.unit.name.clone(),
            owner: pod.owner.clone(),
            scheduled: pod.scheduled,
            created: pod.created,
            started: pod.started,
            reached: pod.reached,
            leaving: pod.leaving.map(|leaving| leaving.count),
            done: pod.done,
            renewing: pod.renewing,
            kill_at: None,
            restart_at: None,
            ready: pod.ready,
            ready_since: pod.ready_since,
            was_ready: pod.was_ready,
            ready_message: pod.ready_message.clone(),
            status_text: pod.status_text.clone(),
            disrupted: pod.disrupted,
            reason: pod.reason.clone(),
            message: pod.message.clone(),
            processes: (0..pod.processes.len()).map(|place| self.saved_process(pod, place)).collect(),
        })
    }

    fn saved_process(&self, pod: &Pod, place: usize) -> SavedProcess {
        let process = &pod.processes[place];
        SavedProcess {
            state: process.state.clone(),
            attempt: process.attempt,
            restarts: process.restarts,
            series: process.series,
            last: process.last.clone(),
            condemned: None,
            stage: process.stage,
            ready: Some(process.ready),
            class: Some(process.class),
            stopping: process.stopping.clone(),
            kill_at: self.timers.get(&Timer::Kill(pod.uid, narrow(place))),
            restart_at: self.timers.get(&Timer::Restart(pod.uid, narrow(place))),
        }
    }
}

/// A service's pod of one process that runs for the first time has none, unless it takes more than its start
/// to get going: a thousand services at rest are a thousand records less.
fn has_history(pod: &Pod) -> bool {
    let fresh = |process: &Process| {
        process.attempt == 0
            && process.last.is_none()
            && process.stopping.is_none()
            && !matches!(process.state, ProcessState::Ended(_))
    };
    !matches!(pod.owner, Owner::Service { .. })
        || pod.is_closing()
        || pod.renewing
        || pod.disrupted
        // It was ready and is not: nobody else could tell that from one that never was.
        || (pod.was_ready && !pod.ready)
        || pod.processes.len() > 1
        || pod.first_stage(0) != Stage::Started
        || !pod.processes.iter().all(fresh)
}

fn saved_kind(entry: &Entry) -> SavedKind {
    match (&entry.kind, &entry.unit.body) {
        (KindState::Service(replicas), _) => SavedKind::Service {
            scaled: replicas.scaled,
            replace: replicas.replace.iter().copied().collect(),
            done: replicas.places.done_places().map(|(ordinal, done)| (ordinal, done.clone())).collect(),
            past: replicas.past.iter().cloned().collect(),
        },
        (KindState::Job { again }, _) => SavedKind::Job { again: *again },
        (KindState::CronJob(calendar), Body::CronJob(cron)) => SavedKind::CronJob(SavedCalendar {
            schedule: cron.schedule.expression().to_owned(),
            zone: cron.schedule.zone().map(str::to_owned),
            suspended: calendar.suspended,
            suspended_by_unit: cron.suspend,
            reference: calendar.reference,
            last_schedule: calendar.last_schedule,
            last_success: calendar.last_success,
            missed: calendar.missed,
            active: calendar.active.clone(),
            held: calendar.held,
            noted: calendar.noted,
            drawn: calendar.drawn.clone(),
        }),
        (KindState::CronJob(_) | KindState::Target, _) => SavedKind::Target,
    }
}
