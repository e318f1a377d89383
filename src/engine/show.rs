//! Plain copies of what the engine knows, for those who ask.

use super::Engine;
use super::entry::{Entry, KindState};
use super::id::{Class, PodUid};
use super::job::Job;
use super::pod::{Owner, Pod, Process, ProcessState, Why};
use super::time::Now;
use super::view::{self, CronView, JobView, Phase, PodView, ProcessView, UnitView, View};
use crate::unit::model::{Body, Kind, RestartPolicy};
use crate::unit::name::UnitName;

impl Engine {
    /// Everything.
    pub fn view(&self) -> View {
        View {
            units: self.units.values().map(|entry| self.show_unit(entry)).collect(),
            jobs: self.jobs.values().map(|job| self.show_job(job)).collect(),
            pods: self.pods.values().map(|pod| self.show_pod(pod)).collect(),
        }
    }

    /// One unit.
    pub fn unit_view(&self, name: &UnitName) -> Option<UnitView> {
        self.units.get(name).map(|entry| self.show_unit(entry))
    }

    /// Whether a finished pod was replaced or stopped: it is gone for those who look, and its record stays
    /// for its logs.
    pub fn is_past(&self, unit: &UnitName, uid: PodUid) -> bool {
        let Some(KindState::Service(replicas)) = self.units.get(unit).map(|entry| &entry.kind) else {
            return false;
        };
        replicas.past.iter().any(|(past, _)| *past == uid)
    }

    /// One job.
    pub fn job_view(&self, name: &str) -> Option<JobView> {
        self.jobs.get(name).map(|job| self.show_job(job))
    }

    /// One pod that is not final.
    pub fn pod_view(&self, uid: PodUid) -> Option<PodView> {
        self.pods.get(&uid).map(|pod| self.show_pod(pod))
    }

    /// Pods of a unit that are not final.
    pub fn pod_uids(&self, name: &UnitName) -> Vec<PodUid> {
        self.pods_of(name)
    }

    /// What a unit was made from: the definition in force.
    pub fn unit(&self, name: &UnitName) -> Option<&std::sync::Arc<crate::unit::model::Unit>> {
        self.units.get(name).map(|entry| &entry.unit)
    }

    /// What a pod that is not final was made from.
    pub fn pod_unit(&self, uid: PodUid) -> Option<&std::sync::Arc<crate::unit::model::Unit>> {
        self.pods.get(&uid).map(|pod| &pod.unit)
    }

    /// What a job was made from.
    pub fn job_unit(&self, name: &str) -> Option<&std::sync::Arc<crate::unit::model::Unit>> {
        self.jobs.get(name).map(|job| &job.unit)
    }

    fn show_unit(&self, entry: &Entry) -> UnitView {
        let unit = &entry.unit;
        let pods = self.pods_of(&unit.name);
        let pods: Vec<&Pod> = pods.iter().filter_map(|uid| self.pods.get(uid).map(AsRef::as_ref)).collect();
        let numbers = self.count_service(entry);
        let (ready, desired) = match &entry.kind {
            KindState::Service(_) => (numbers.ready, Some(numbers.desired)),
            KindState::Job { .. } => {
                let job = self.jobs.get(unit.name.as_str());
                let completions =
                    job.map_or(unit.job().and_then(|spec| spec.completions), |job| job.completions);
                (job.map_or(0, |job| job.succeeded), completions)
            }
            KindState::CronJob(_) | KindState::Target => (0, None),
        };
        let in_progress = match &entry.kind {
            KindState::Service(replicas) => {
                !replicas.replace.is_empty() || pods.iter().any(|pod| pod.leaving.is_some())
            }
            KindState::Job { again } => *again,
            KindState::CronJob(_) | KindState::Target => false,
        };
        UnitView {
            name: unit.name.clone(),
            kind: unit.kind(),
            description: unit.description.clone(),
            labels: unit.labels.clone(),
            annotations: unit.annotations.clone(),
            path: unit.origin.path.clone(),
            drop_ins: unit.origin.drop_ins.clone(),
            enabled: entry.enabled,
            transient: entry.transient,
            state: entry.state,
            reason: entry.reason.clone(),
            since: entry.since,
            next: entry.next,
            stale: entry.stale(),
            waiting_for: if entry.released { Vec::new() } else { entry.waiting.clone() },
            requires: self.requires_of(entry),
            wanted_by: self.wanted_by(&unit.name),
            ready,
            desired,
            restarts: pods.iter().map(|pod| pod.restarts()).sum::<u32>() + restarts_of_done(entry),
            last_restart: entry.last_restart,
            last_exit: entry.last_exit.as_deref().cloned(),
            service: matches!(entry.kind, KindState::Service(_)).then_some(numbers),
            cron: show_cron(entry),
            created: entry.created,
            in_progress: in_progress || entry.deleting,
        }
    }

    fn requires_of(&self, entry: &Entry) -> Vec<(UnitName, crate::unit::model::Condition)> {
        let kind = |name: &UnitName| self.units.get(name).map_or(Kind::Service, |entry| entry.unit.kind());
        let requires = entry.unit.relations.requires.iter();
        requires.map(|r| (r.unit.clone(), r.condition.unwrap_or(kind(&r.unit).default_condition()))).collect()
    }

    fn show_job(&self, job: &Job) -> JobView {
        let spec = job.spec();
        let terminating =
            job.live.iter().filter(|uid| self.pods.get(uid).is_some_and(|pod| pod.leaving.is_some())).count();
        let entry = self.units.get(&job.unit.name);
        let own_unit = job.owner == view::JobOwner::Unit;
        JobView {
            name: job.name.clone(),
            uid: job.uid,
            unit: job.unit.name.clone(),
            owner: job.owner.clone(),
            labels: job.unit.labels.clone(),
            completions: job.completions,
            parallelism: job.parallelism,
            indexed: spec.mode == crate::unit::model::CompletionMode::Indexed,
            backoff_limit: spec.backoff_limit,
            restart_policy: policy_word(spec.pod.restart_policy).to_owned(),
            active_deadline_seconds: job.active_deadline.map(|deadline| deadline.as_secs()),
            suspended: job.suspended,
            stopped: own_unit && !job.finished && entry.is_some_and(|entry| !entry.wanted),
            waiting_for: match entry {
                Some(entry) if own_unit && !entry.released => entry.waiting.clone(),
                _ => Vec::new(),
            },
            active: self.active_pods(job),
            ready: self.ready_pods(job),
            terminating: u32::try_from(terminating).unwrap_or(u32::MAX),
            succeeded: job.succeeded,
            failed: job.failed,
            completed_indexes: job.completed.to_string(),
            start_time: job.start.map(|start| start.wall),
            completion_time: job.completion_time,
            conditions: job.conditions.clone(),
            next_pod: job.start.zip(job.not_before()).map(|(start, at)| start.wall_at(at)),
            created: job.created,
        }
    }

    fn show_pod(&self, pod: &Pod) -> PodView {
        let template = pod.template();
        let (job, ordinal) = match &pod.owner {
            Owner::Service { ordinal } => (None, Some(*ordinal)),
            Owner::Job { job, index, .. } => (Some(job.clone()), *index),
        };
        let outdated =
            self.units.get(&pod.unit.name).is_some_and(|e| e.unit.template_hash != pod.unit.template_hash);
        PodView {
            name: pod.name.clone(),
            uid: pod.uid,
            unit: pod.unit.name.clone(),
            job,
            ordinal,
            labels: pod.unit.labels.clone(),
            restart_policy: policy_word(template.restart_policy).to_owned(),
            phase: pod.phase(),
            reason: pod.reason.to_owned(),
            message: pod.message.clone(),
            terminating: pod.leaving.is_some(),
            created: pod.created,
            started: pod.started,
            finished: None,
            ready: pod.ready,
            ready_since: pod.ready_since,
            ready_message: pod.ready_message.clone(),
            status_text: pod.status_text.clone(),
            outdated,
            processes: pod
                .processes
                .iter()
                .enumerate()
                .map(|(place, process)| show_process(pod, place, process))
                .collect(),
        }
    }

    /// A pod as it is in the moment it becomes final.
    pub(super) fn show_final(&self, pod: &Pod, phase: Phase, now: Now) -> PodView {
        let finished = match &pod.present().state {
            ProcessState::Ended(end) => end.exit.at,
            _ => now,
        };
        PodView { phase, finished: Some(finished), ready: false, ..self.show_pod(pod) }
    }
}

fn show_cron(entry: &Entry) -> Option<CronView> {
    let (KindState::CronJob(calendar), Body::CronJob(cron)) = (&entry.kind, &entry.unit.body) else {
        return None;
    };
    Some(CronView {
        schedule: cron.schedule.expression().to_owned(),
        time_zone: cron.schedule.zone().map(str::to_owned),
        suspended: calendar.suspended,
        concurrency_policy: format!("{:?}", cron.concurrency_policy),
        active: calendar.active.clone(),
        last_schedule: calendar.last_schedule,
        last_success: calendar.last_success,
        next: calendar.next.filter(|_| entry.wanted && !calendar.suspended),
        missed: calendar.missed,
    })
}

fn show_process(pod: &Pod, place: usize, process: &Process) -> ProcessView {
    let made_from = pod.template().process(place);
    let is_main = place == pod.main_place();
    let state = match &process.state {
        ProcessState::Running { pid, since } => view::ProcessState::Running { pid: *pid, since: *since },
        ProcessState::Ended(end) => view::ProcessState::Terminated(end.as_ref().clone()),
        ProcessState::Starting => waiting("ContainerCreating", String::new(), None),
        ProcessState::Waiting { why, until } => match why {
            Why::Backoff(delay) => {
                let message = format!(
                    "back-off {}s restarting failed container={} pod={}",
                    delay.as_secs_f64(),
                    made_from.name,
                    pod.name
                );
                waiting("CrashLoopBackOff", message, *until)
            }
            Why::Exhausted(message) => waiting("ResourcesExhausted", message.clone(), *until),
            Why::Turn if is_main && pod.current < place => waiting("PodInitializing", String::new(), None),
            Why::Turn => waiting("ContainerCreating", String::new(), None),
        },
    };
    ProcessView {
        name: made_from.name.clone(),
        class: if is_main { Class::Main } else { Class::Init },
        command: made_from.exec.iter().map(ToString::to_string).collect(),
        restarts: process.restarts,
        attempt: process.attempt,
        state,
        last: process.last.as_deref().cloned(),
    }
}

fn waiting(reason: &str, message: String, until: Option<super::time::Wall>) -> view::ProcessState {
    view::ProcessState::Waiting { reason: reason.to_owned(), message, until }
}

/// The restarts of bare pods that have come to their end: their record is shown, and so is its number.
fn restarts_of_done(entry: &Entry) -> u32 {
    match &entry.kind {
        KindState::Service(replicas) => replicas.places.done().map(|done| done.restarts).sum(),
        _ => 0,
    }
}

fn policy_word(policy: RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::Always => "Always",
        RestartPolicy::OnFailure => "OnFailure",
        RestartPolicy::Never => "Never",
    }
}
