//! Pods, as `kubectl get pods` shows them (OUT-001 to OUT-006).

use super::super::name;
use super::super::style::Tone;
use super::super::table::Cell;
use super::{Look, Tabular};
use crate::control::objects::{ContainerState, ContainerStatus, ContainerTerminated, Pod};
use crate::engine::view::Phase;

impl Tabular for Pod {
    const NOUN: name::Noun = name::Noun::Pod;
    const HEADERS: (&'static [&'static str], usize) =
        (&["NAME", "READY", "STATUS", "RESTARTS", "AGE", "PID", "UNIT", "EXIT", "CPU", "MEMORY"], 5);

    fn cells(&self, look: Look) -> Vec<Cell> {
        let (ready, total) = self.ready_of();
        let last = self.main().and_then(last_end);
        vec![
            self.metadata.name.as_str().into(),
            format!("{ready}/{total}").into(),
            Cell::toned(word(self), self.tone()),
            look.restarts(self.restarts(), self.last_restart()).into(),
            look.age(self.metadata.creation_timestamp).into(),
            self.status.pid.map_or_else(|| look.nothing().to_owned(), |pid| pid.to_string()).into(),
            self.status.unit.as_str().into(),
            last.map_or_else(|| look.nothing().to_owned(), |end| end.exit_code.to_string()).into(),
            look.cpu(self.status.cpu_percent).into(),
            look.memory(self.status.memory_bytes).into(),
        ]
    }

    fn state(&self) -> String {
        word(self)
    }

    fn tone(&self) -> Tone {
        match self.status.phase {
            Phase::Succeeded => Tone::Complete,
            Phase::Failed => Tone::Failing,
            _ if self.status.lingering.is_some() => Tone::Failing,
            _ if self.status.terminating => Tone::Moving,
            _ if in_trouble(self) => Tone::Failing,
            Phase::Running if self.is_ready() => Tone::Well,
            Phase::Running | Phase::Pending => Tone::Moving,
        }
    }
}

/// The word in STATUS: the phase, unless the pod or one of its processes has more to say (OUT-002).
pub fn word(pod: &Pod) -> String {
    let status = &pod.status;
    if status.lingering.is_some() {
        return super::unit::UNKILLABLE.to_owned();
    }
    if status.terminating && !is_terminal(status.phase) {
        return "Terminating".to_owned();
    }
    let of_pod = if status.reason.is_empty() { status.phase.as_str() } else { &status.reason };
    let initializing = initializing(pod);
    if let Some(step) = initializing.filter(|_| !pod.is_initialized()) {
        return step;
    }
    // The first process in the list wins.
    let of_process = status.container_statuses.iter().find_map(|container| match &container.state {
        ContainerState::Waiting(waiting) => Some(waiting.reason.clone()).filter(|reason| !reason.is_empty()),
        ContainerState::Terminated(end) => Some(reason_of(end)),
        ContainerState::Running(_) => None,
    });
    let running = |container: &ContainerStatus| {
        container.ready && matches!(container.state, ContainerState::Running(_))
    };
    match of_process {
        Some(reason) if reason == "Completed" && status.container_statuses.iter().any(running) => {
            (if pod.is_ready() { "Running" } else { "NotReady" }).to_owned()
        }
        Some(reason) => reason,
        None => of_pod.to_owned(),
    }
}

/// The last end of a process: the present one, or the one before.
pub fn last_end(container: &ContainerStatus) -> Option<&ContainerTerminated> {
    match &container.state {
        ContainerState::Terminated(end) => Some(end),
        ContainerState::Waiting(_) | ContainerState::Running(_) => container.last_state.terminated.as_ref(),
    }
}

/// `Init:1/2`, where a step or a sidecar holds up what comes behind it (OUT-005).
fn initializing(pod: &Pod) -> Option<String> {
    let steps = &pod.status.init_container_statuses;
    let is_past = |step: &ContainerStatus| match &step.state {
        ContainerState::Terminated(end) if end.exit_code == 0 || end.reason == "Completed" => true,
        _ => pod.is_sidecar(&step.name) && step.started,
    };
    let (done, step) = steps.iter().enumerate().find(|(_, step)| !is_past(step))?;
    Some(match &step.state {
        ContainerState::Terminated(end) => format!("Init:{}", reason_of(end)),
        ContainerState::Waiting(waiting)
            if !waiting.reason.is_empty() && waiting.reason != "PodInitializing" =>
        {
            format!("Init:{}", waiting.reason)
        }
        ContainerState::Waiting(_) | ContainerState::Running(_) => format!("Init:{done}/{}", steps.len()),
    })
}

/// Kubernetes' reason of an end, or what is known where there is none.
fn reason_of(end: &ContainerTerminated) -> String {
    match (end.reason.as_str(), end.exit_signal) {
        ("", Some(signal)) => format!("Signal:{signal}"),
        ("", None) => format!("ExitCode:{}", end.exit_code),
        (reason, _) => reason.to_owned(),
    }
}

fn in_trouble(pod: &Pod) -> bool {
    let all = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    all.into_iter().any(|container| match &container.state {
        ContainerState::Waiting(waiting) => waiting.reason == "CrashLoopBackOff",
        ContainerState::Terminated(end) => end.reason != "Completed",
        ContainerState::Running(_) => false,
    })
}

fn is_terminal(phase: Phase) -> bool {
    matches!(phase, Phase::Succeeded | Phase::Failed)
}

#[cfg(test)]
#[path = "pod_tests.rs"]
mod tests;
