//! v1 Pod: one instance of a unit's template.

use serde::{Deserialize, Serialize};

use super::meta::{
    COMPLETION_INDEX, CONTROLLER_UID_LABELS, FAILURE_COUNT, IGNORED_FAILURE_COUNT, JOB_NAME_LABELS,
    uid_of_name,
};
use super::{
    Container, ContainerState, ContainerStatus, Metadata, Noun, OwnerReference, PodSpec, Resource, Time,
    is_default,
};
use crate::engine::id::{Class, PodUid};
use crate::engine::view::{self, JobView, Phase, PodView, ProcessState, ProcessView};
use crate::unit::model::PodTemplate;
use crate::unit::name::UnitName;

/// One instance of a unit's template.
pub type Pod = Resource<PodSpec, PodStatus>;

/// How a pod is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Pending, Running, Succeeded, Failed (PHS-001).
    pub phase: Phase,
    /// Of the pod itself: `DeadlineExceeded`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reason: String,
    /// In words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// When its first process was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// PHS-010, in Kubernetes' order.
    pub conditions: Vec<PodCondition>,
    /// Steps before main, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Main.
    pub container_statuses: Vec<ContainerStatus>,

    /// Its unit.
    pub unit: UnitName,
    /// Its job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Replica number or completion index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<u32>,
    /// Of the process that runs now: an init step's, or main's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Asked to end, and not there yet.
    pub terminating: bool,
    /// Made from a template that is no longer the unit's.
    pub outdated: bool,
    /// What readiness said last.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ready_message: String,
    /// What main says of itself (sd_notify's `STATUS=`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub status_text: String,
    /// It was killed, and something of it is there all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lingering: Option<Lingering>,
    /// When it became final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_time: Option<Time>,
    /// CPU that it uses now, where that is known: 100 is one CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Memory that it has now, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// What KILL has not ended: nothing takes its place before it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lingering {
    /// In words.
    pub message: String,
    /// Since when that is known.
    pub since: Time,
}

impl From<&view::Lingering> for Lingering {
    fn from(lingering: &view::Lingering) -> Self {
        Self { message: lingering.message.clone(), since: lingering.since.into() }
    }
}

/// A condition of a pod or a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCondition {
    /// `Ready`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reason: String,
    /// In words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// Since when.
    pub last_transition_time: Time,
}

/// The owner of a job's pod is left out: the view does not know its uid. See [`Pod::of_job`].
impl From<&PodView> for Pod {
    fn from(view: &PodView) -> Self {
        let (main, init): (Vec<_>, Vec<_>) = view.processes.iter().partition(|p| p.class == Class::Main);
        let containers = |processes: &[&ProcessView]| processes.iter().map(|p| container(p)).collect();
        let spec = PodSpec {
            restart_policy: view.restart_policy.clone(),
            init_containers: containers(&init),
            containers: containers(&main),
            ..PodSpec::default()
        };
        let status = PodStatus {
            phase: view.phase,
            reason: view.reason.clone(),
            message: view.message.clone(),
            start_time: view.started.map(Into::into),
            conditions: conditions(view, &init, &main),
            init_container_statuses: init
                .iter()
                .map(|p| ContainerStatus::new(p, p.ready || is_done(p)))
                .collect(),
            container_statuses: main.iter().map(|p| ContainerStatus::new(p, p.ready)).collect(),
            unit: view.unit.clone(),
            job: view.job.clone(),
            ordinal: view.ordinal,
            pid: main.iter().chain(&init).find_map(|process| match process.state {
                ProcessState::Running { pid, .. } => Some(pid),
                ProcessState::Waiting { .. } | ProcessState::Terminated(_) => None,
            }),
            terminating: view.terminating,
            outdated: view.outdated,
            ready_message: view.ready_message.clone(),
            status_text: view.status_text.clone(),
            lingering: view.lingering.as_ref().map(Into::into),
            finish_time: view.finished.map(Into::into),
            cpu_percent: None,
            memory_bytes: None,
        };
        Self::new(metadata(view), spec, status)
    }
}

impl Pod {
    /// The pod of a job that is known, with the job as its owner.
    pub fn of_job(view: &PodView, job: &JobView) -> Self {
        let mut pod = Self::from(view);
        let uid = job.uid.to_string();
        for label in CONTROLLER_UID_LABELS {
            pod.metadata.labels.entry(label.to_owned()).or_insert_with(|| uid.clone());
        }
        pod.metadata.owner_references =
            vec![OwnerReference::controller(super::Job::API_VERSION, super::Job::KIND, &job.name, uid)];
        pod
    }

    /// With all that it was made from. A template that has other processes by now is not its own.
    #[must_use]
    pub fn with_template(mut self, template: &PodTemplate) -> Self {
        let spec = PodSpec::from(template);
        fn processes(spec: &PodSpec) -> impl Iterator<Item = (&str, &[String])> {
            let all = spec.init_containers.iter().chain(&spec.containers);
            all.map(|container| (container.name.as_str(), container.command.as_slice()))
        }
        if processes(&spec).eq(processes(&self.spec)) && spec.restart_policy == self.spec.restart_policy {
            self.spec = spec;
        }
        self
    }

    /// Its identity, where this build made it.
    pub fn uid(&self) -> Option<PodUid> {
        PodUid::parse(&self.metadata.uid)
    }

    /// Main, as it is.
    pub fn main(&self) -> Option<&ContainerStatus> {
        self.status.container_statuses.first()
    }

    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        self.status.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True")
    }

    /// Starts after the first, of all its processes that count now (OUT-006).
    pub fn restarts(&self) -> u32 {
        self.counted_statuses().map(|status| status.restart_count).sum()
    }

    /// When the newest of those restarts was: the last end before it (OUT-006).
    pub fn last_restart(&self) -> Option<Time> {
        self.counted_statuses().filter_map(|s| s.last_state.terminated.as_ref()).map(|t| t.finished_at).max()
    }

    /// Whether the steps before the application are done.
    pub fn is_initialized(&self) -> bool {
        self.status.conditions.iter().any(|c| c.kind == "Initialized" && c.status == "True")
    }

    /// Whether this is a process that stays beside the application (SID-001).
    pub fn is_sidecar(&self, name: &str) -> bool {
        let always = |c: &&Container| c.name == name && c.restart_policy.as_deref() == Some("Always");
        self.spec.init_containers.iter().any(|container| always(&container))
    }

    /// How many of its processes are ready, of how many that count: the application and sidecars (SID-006).
    pub fn ready_of(&self) -> (usize, usize) {
        let counted = || self.sidecars().chain(&self.status.container_statuses);
        (counted().filter(|status| status.ready).count(), counted().count())
    }

    fn sidecars(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.status.init_container_statuses.iter().filter(|status| self.is_sidecar(&status.name))
    }

    /// The application with its sidecars once it has begun, before that all steps (OUT-006).
    fn counted_statuses(&self) -> Box<dyn Iterator<Item = &ContainerStatus> + '_> {
        if self.is_initialized() {
            Box::new(self.sidecars().chain(&self.status.container_statuses))
        } else {
            Box::new(self.status.init_container_statuses.iter())
        }
    }
}

fn metadata(view: &PodView) -> Metadata {
    let mut metadata = Metadata::namespaced(&view.name, view.uid.to_string(), view.created);
    metadata.labels = view.labels.clone();
    metadata.annotations = view.annotations.clone();
    match &view.job {
        Some(job) => {
            let index = view.ordinal.map(|ordinal| (COMPLETION_INDEX, ordinal.to_string()));
            let names = JOB_NAME_LABELS.map(|label| (label, job.clone()));
            for (label, value) in names.into_iter().chain(index.clone()) {
                metadata.labels.entry(label.to_owned()).or_insert(value);
            }
            metadata.annotations.extend(index.map(|(key, value)| (key.to_owned(), value)));
            metadata.annotations.extend(failures_before(view));
        }
        // A manifest's Pod bears its unit's own name, and nobody owns it.
        None if view.name == view.unit.as_str() => {}
        None => {
            let (version, kind) = (super::Deployment::API_VERSION, super::Deployment::KIND);
            let uid = uid_of_name(kind, view.unit.as_str());
            let owner = OwnerReference::controller(version, kind, view.unit.as_str(), uid);
            metadata.owner_references.push(owner);
        }
    }
    metadata
}

/// What its index had failed before it (BPI-007).
fn failures_before(view: &PodView) -> Vec<(String, String)> {
    let Some((counted, ignored)) = view.index_failures else { return Vec::new() };
    let ignored = (ignored > 0).then(|| (IGNORED_FAILURE_COUNT.to_owned(), ignored.to_string()));
    std::iter::once((FAILURE_COUNT.to_owned(), counted.to_string())).chain(ignored).collect()
}

fn container(process: &ProcessView) -> Container {
    Container {
        name: process.name.clone(),
        command: process.command.clone(),
        restart_policy: (process.class == Class::Sidecar).then(|| "Always".to_owned()),
        ..Container::default()
    }
}

/// Whether an init step is over, well (CST-002: `Completed` is success and nothing else).
fn is_done(process: &ProcessView) -> bool {
    process.class == Class::Init
        && matches!(&process.state, ProcessState::Terminated(end) if end.reason == "Completed")
}

/// Whether it keeps no other from its turn: a step that is done, a sidecar that has started.
fn has_passed(process: &ProcessView) -> bool {
    is_done(process) || (process.class == Class::Sidecar && process.started)
}

/// In the order in which `kubectl describe pod` has them.
fn conditions(view: &PodView, init: &[&ProcessView], main: &[&ProcessView]) -> Vec<PodCondition> {
    let created = Time::from(view.created);
    let since_ready = view.ready_since.map_or(created, Time::from);
    let finished = view.finished.map(Time::from);
    // Main has begun: then the init steps are done, whatever has become of their records.
    let begun = view.phase == Phase::Running || view.phase == Phase::Succeeded;
    let missing: Vec<&str> =
        init.iter().filter(|p| !begun && !has_passed(p)).map(|p| p.name.as_str()).collect();
    let initialized_since = init.iter().filter_map(|p| end_of(p)).max().unwrap_or(created);
    let sidecars = init.iter().filter(|p| p.class == Class::Sidecar);
    let names: Vec<&str> =
        main.iter().chain(sidecars).filter(|p| !p.ready).map(|p| p.name.as_str()).collect();

    let initialized = match (view.phase, missing.is_empty()) {
        (Phase::Succeeded, _) => {
            condition("Initialized", true, "PodCompleted", String::new(), initialized_since)
        }
        (_, true) => condition("Initialized", true, "", String::new(), initialized_since),
        (_, false) => {
            let message = format!("containers with incomplete status: [{}]", missing.join(" "));
            condition("Initialized", false, "ContainersNotInitialized", message, created)
        }
    };
    let ready = |kind| {
        let (reason, message) = match view.phase {
            _ if view.ready => ("", String::new()),
            Phase::Succeeded => ("PodCompleted", String::new()),
            Phase::Failed => ("PodFailed", String::new()),
            Phase::Pending | Phase::Running => {
                ("ContainersNotReady", format!("containers with unready status: [{}]", names.join(" ")))
            }
        };
        condition(kind, view.ready, reason, message, since_ready)
    };
    let mut conditions = vec![
        condition(
            "PodReadyToStartContainers",
            finished.is_none(),
            "",
            String::new(),
            finished.unwrap_or(created),
        ),
        initialized,
        ready("Ready"),
        ready("ContainersReady"),
        condition("PodScheduled", true, "", String::new(), created),
    ];
    if view.disrupted {
        let message = "an operator has deleted it, or supd has ended".to_owned();
        let since = finished.unwrap_or(created);
        conditions.insert(0, condition("DisruptionTarget", true, "TerminationBySupd", message, since));
    }
    conditions
}

pub(super) fn condition(
    kind: &str,
    status: bool,
    reason: &str,
    message: String,
    since: Time,
) -> PodCondition {
    PodCondition {
        kind: kind.to_owned(),
        status: truth(status),
        reason: reason.to_owned(),
        message,
        last_transition_time: since,
    }
}

/// As conditions write it.
pub(super) fn truth(status: bool) -> String {
    (if status { "True" } else { "False" }).to_owned()
}

fn end_of(process: &ProcessView) -> Option<Time> {
    match ContainerState::from(&process.state) {
        ContainerState::Terminated(end) => Some(end.finished_at),
        ContainerState::Waiting(_) | ContainerState::Running(_) => None,
    }
}
