//! Plain copies of what the engine knows, for those who ask.

use std::path::Path;

use super::Engine;
use super::entry::{Entry, KindState};
use super::id::{Class, PodUid};
use super::job::{Job, Tries};
use super::pod::{Owner, Pod, Process, ProcessState, Stage, Why};
use super::time::{Mono, Now};
use super::timer::Timer;
use super::view::{self, CronView, JobView, Phase, PodView, ProcessView, UnitView, View};
use crate::unit::model::{self, Body, Kind, RestartPolicy, Unit};
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

    /// Whether a unit is a job that has had its time (JOB-070): the unit is there, at rest, and its job is not.
    pub fn job_has_gone(&self, name: &UnitName) -> bool {
        let entry = self.units.get(name).filter(|entry| entry.stopped);
        entry.is_some_and(|entry| matches!(entry.kind, KindState::Job { .. }))
            && !self.jobs.contains_key(name.as_str())
    }

    /// One pod that is not final.
    pub fn pod_view(&self, uid: PodUid) -> Option<PodView> {
        self.pods.get(&uid).map(|pod| self.show_pod(pod))
    }

    /// Pods of a unit that are not final.
    pub fn pod_uids(&self, name: &UnitName) -> Vec<PodUid> {
        self.pods_of(name)
    }

    /// Whether anything that is in force is from this file.
    pub fn has_of_file(&self, path: &Path) -> bool {
        self.units.values().any(|entry| entry.unit.origin.path == path)
    }

    /// What a unit was made from: the definition in force.
    pub fn unit(&self, name: &UnitName) -> Option<&std::sync::Arc<Unit>> {
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
        let service = self.count_service(entry);
        let (ready, desired) = match &entry.kind {
            KindState::Service(_) => {
                (service.map_or(0, |service| service.ready), service.map(|service| service.desired))
            }
            KindState::Job { .. } => {
                let job = self.jobs.get(unit.name.as_str());
                let completions =
                    job.map_or(unit.job().and_then(|spec| spec.completions), |job| job.completions);
                (job.map_or(0, |job| job.succeeded), completions)
            }
            KindState::CronJob(_) | KindState::Target => (0, None),
        };
        let in_progress = match &entry.kind {
            KindState::Service(_) => self.is_rolling(entry) || pods.iter().any(|pod| pod.leaving.is_some()),
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
            service,
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
        let entry = self.units.get(&job.unit.name);
        let own_unit = job.owner == view::JobOwner::Unit;
        JobView {
            name: job.name.clone(),
            uid: job.uid,
            owner: job.owner.clone(),
            scheduled: scheduled_in_zone(job),
            completions: job.completions,
            parallelism: job.parallelism,
            backoff_limit: job.terms.backoff_limit,
            max_failed_indexes: job.terms.max_failed_indexes,
            pod_replacement_policy: format!("{:?}", job.terms.replacement),
            ttl_seconds_after_finished: job.terms.ttl_after_finished.map(|ttl| ttl.as_secs()),
            active_deadline_seconds: job.active_deadline.map(|deadline| deadline.as_secs()),
            suspended: job.suspended,
            stopped: own_unit && !job.finished && entry.is_some_and(|entry| !entry.wanted),
            waiting_for: match entry {
                Some(entry) if own_unit && !entry.released => entry.waiting.clone(),
                _ => Vec::new(),
            },
            active: self.active_pods(job),
            ready: self.ready_pods(job),
            terminating: self.terminating_pods(job),
            succeeded: job.succeeded,
            failed: job.failed,
            completed_indexes: job.completed.to_string(),
            failed_indexes: job.retries.as_ref().map(|retries| retries.failed.to_string()),
            start_time: job.start.map(|start| start.wall),
            completion_time: job.completion_time,
            conditions: job.conditions.clone(),
            next_pod: job.start.zip(self.next_pod_of(job)).map(|(start, at)| start.wall_at(at)),
            created: job.created,
            ..show_template(&job.unit, job.spec())
        }
    }

    /// When a job may make its next pod; of several indexes that wait, the first.
    fn next_pod_of(&self, job: &Job) -> Option<Mono> {
        if job.verdict.is_some() {
            return None;
        }
        match job.retries {
            Some(_) => self.timers.get(&Timer::JobBackoff(job.uid)),
            None => job.not_before(),
        }
    }

    /// What an index had failed before this pod.
    fn failures_before(&self, pod: &Pod) -> Option<(u32, u32)> {
        let Owner::Job { job, uid, index: Some(index) } = &pod.owner else { return None };
        let job = self.jobs.get(job).filter(|job| job.uid == *uid)?;
        let Tries { counted, ignored, .. } = job.retries.as_ref()?.of(*index);
        Some((counted, ignored))
    }

    fn show_pod(&self, pod: &Pod) -> PodView {
        let template = pod.template();
        let (job, ordinal) = match &pod.owner {
            Owner::Service { ordinal } => (None, Some(*ordinal)),
            Owner::Job { job, index, .. } => (Some(job.clone()), *index),
        };
        let outdated = self.units.get(&pod.unit.name).is_some_and(|entry| match &entry.kind {
            KindState::Service(replicas) => replicas.is_outdated(&entry.unit, pod),
            _ => entry.unit.template_hash != pod.unit.template_hash,
        });
        PodView {
            name: pod.name.clone(),
            uid: pod.uid,
            unit: pod.unit.name.clone(),
            job,
            ordinal,
            index_failures: self.failures_before(pod),
            labels: pod.unit.pod_labels().clone(),
            annotations: pod.unit.pod_annotations().clone(),
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
            disrupted: pod.disrupted,
            lingering: pod.lingering(),
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
        PodView { phase, finished: Some(pod.finished(now)), ready: false, ..self.show_pod(pod) }
    }
}

/// A job as it is written, before it has done anything.
fn show_template(unit: &Unit, spec: &model::Job) -> JobView {
    JobView {
        name: unit.name.as_str().to_owned(),
        uid: PodUid(0),
        unit: unit.name.clone(),
        owner: view::JobOwner::Unit,
        labels: unit.job_labels().clone(),
        annotations: unit.job_annotations().clone(),
        scheduled: None,
        completions: spec.completions,
        parallelism: spec.parallelism,
        indexed: spec.mode == model::CompletionMode::Indexed,
        backoff_limit: spec.backoff_limit,
        backoff_limit_per_index: spec.backoff_limit_per_index,
        max_failed_indexes: spec.max_failed_indexes,
        failure_policy: spec.failure_policy.clone(),
        success_policy: spec.success_policy.clone(),
        pod_replacement_policy: format!("{:?}", spec.pod_replacement_policy),
        ttl_seconds_after_finished: spec.ttl_after_finished.map(|ttl| ttl.as_secs()),
        restart_policy: policy_word(spec.pod.restart_policy).to_owned(),
        active_deadline_seconds: spec.active_deadline.map(|deadline| deadline.as_secs()),
        suspended: spec.suspend,
        stopped: false,
        waiting_for: Vec::new(),
        active: 0,
        ready: 0,
        terminating: 0,
        succeeded: 0,
        failed: 0,
        completed_indexes: String::new(),
        failed_indexes: None,
        start_time: None,
        completion_time: None,
        conditions: Vec::new(),
        next_pod: None,
        created: Now::default(),
    }
}

/// The slot of a job in its calendar's own zone, as Kubernetes writes it (CJB-020).
fn scheduled_in_zone(job: &Job) -> Option<String> {
    match (&job.owner, &job.unit.body) {
        (view::JobOwner::Schedule(slot), Body::CronJob(cron)) => Some(cron.schedule.format(slot.seconds())),
        _ => None,
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
        next: calendar.next.filter(|_| entry.wanted && entry.released && !calendar.suspended),
        missed: calendar.missed,
        starting_deadline_seconds: cron.starting_deadline.map(|deadline| deadline.as_secs()),
        successful_history: cron.successful_history,
        failed_history: cron.failed_history,
        job: Some(Box::new(show_template(&entry.unit, &cron.job))),
    })
}

fn show_process(pod: &Pod, place: usize, process: &Process) -> ProcessView {
    let made_from = pod.model(place);
    // What waits without a reason of its own waits for the pod, or for its own start (CST-006).
    let initialized = pod.reached >= pod.main_place() && process.class == Class::Main;
    let default =
        if initialized || pod.processes.len() == 1 { "ContainerCreating" } else { "PodInitializing" };
    let state = match &process.state {
        // HOK-001: not before its postStart has returned.
        ProcessState::Running { .. } if process.stage == Stage::Hooking => {
            waiting(default, String::new(), None)
        }
        ProcessState::Running { pid, since } => view::ProcessState::Running { pid: *pid, since: *since },
        ProcessState::Ended(end) => view::ProcessState::Terminated(end.as_ref().clone()),
        ProcessState::Starting => waiting(default, String::new(), None),
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
            Why::Turn => waiting(default, String::new(), None),
        },
    };
    let is_step = process.class == Class::Init;
    let done = matches!(&process.state,
        ProcessState::Ended(end) if end.exit.succeeded(&made_from.success_exit));
    ProcessView {
        name: made_from.name.clone(),
        class: process.class,
        command: made_from.exec.iter().map(ToString::to_string).collect(),
        restarts: process.restarts,
        attempt: process.attempt,
        ready: if is_step { done } else { process.is_ready() && pod.leaving.is_none() },
        started: if is_step { process.is_running() } else { process.is_started() },
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
