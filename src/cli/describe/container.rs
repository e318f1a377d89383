//! Processes of a pod or of a template: what they are made from, and how they are (OUT-016).

use super::page::Page;
use crate::control::objects::{
    Action, Container, ContainerState, ContainerStatus, ContainerTerminated, PodSpec, PodTemplate, Probe,
};

/// All processes of a pod, with their states.
pub(super) fn of_pod(page: &mut Page, spec: &PodSpec, init: &[ContainerStatus], all: &[ContainerStatus]) {
    section(page, 0, "Init Containers", &spec.init_containers, init);
    section(page, 0, "Containers", &spec.containers, all);
}

/// What pods are made from.
pub(super) fn of_template(page: &mut Page, template: &PodTemplate) {
    page.head(0, "Pod Template");
    page.labels(1, &template.metadata.labels);
    section(page, 1, "Init Containers", &template.spec.init_containers, &[]);
    section(page, 1, "Containers", &template.spec.containers, &[]);
    page.put(1, "Restart Policy", &template.spec.restart_policy);
    let grace = template.spec.termination_grace_period_seconds;
    page.put_some(1, "Termination Grace Period", grace.map(|grace| format!("{grace}s")));
}

fn section(
    page: &mut Page,
    level: usize,
    label: &str,
    containers: &[Container],
    statuses: &[ContainerStatus],
) {
    if containers.is_empty() {
        return;
    }
    page.head(level, label);
    for container in containers {
        page.head(level + 1, &container.name);
        let level = level + 2;
        if !container.command.is_empty() {
            page.head(level, "Command");
            for word in &container.command {
                page.row(level + 1, &[word]);
            }
        }
        page.put_some(level, "Working Dir", container.working_dir.as_ref());
        page.put_some(level, "Restart Policy", container.restart_policy.as_ref());
        if let Some(status) = statuses.iter().find(|status| status.name == container.name) {
            status_of(page, level, status);
        }
        for (label, probe) in [
            ("Liveness", &container.liveness_probe),
            ("Readiness", &container.readiness_probe),
            ("Startup", &container.startup_probe),
        ] {
            page.put_some(level, label, probe.as_deref().map(words));
        }
        if let Some(lifecycle) = &container.lifecycle {
            page.put_some(level, "Post Start", lifecycle.post_start.as_ref().map(action));
            page.put_some(level, "Pre Stop", lifecycle.pre_stop.as_ref().map(action));
            page.put_some(level, "Stop Signal", lifecycle.stop_signal.as_ref());
        }
        page.list(level, "Environment", container.env.iter().map(|variable| variable.name.clone()));
        if !container.env_files.is_empty() {
            page.list(level, "Environment Files", container.env_files.iter().cloned());
        }
    }
}

fn status_of(page: &mut Page, level: usize, status: &ContainerStatus) {
    match &status.state {
        ContainerState::Running(running) => {
            page.put(level, "State", "Running");
            page.time(level + 1, "Started", Some(running.started_at));
            page.put(level + 1, "PID", running.pid.to_string());
        }
        ContainerState::Waiting(waiting) => {
            page.put(level, "State", "Waiting");
            page.put_some(level + 1, "Reason", Some(&waiting.reason).filter(|reason| !reason.is_empty()));
            page.put_some(level + 1, "Message", Some(&waiting.message).filter(|words| !words.is_empty()));
            page.time(level + 1, "Next Start", waiting.next_restart_time);
        }
        ContainerState::Terminated(end) => terminated(page, level, "State", end),
    }
    if let Some(end) = &status.last_state.terminated {
        terminated(page, level, "Last State", end);
    }
    page.put(level, "Ready", if status.ready { "True" } else { "False" });
    page.put(level, "Restart Count", status.restart_count.to_string());
}

fn terminated(page: &mut Page, level: usize, label: &str, end: &ContainerTerminated) {
    page.put(level, label, "Terminated");
    page.put_some(level + 1, "Reason", Some(&end.reason).filter(|reason| !reason.is_empty()));
    page.put_some(level + 1, "Message", Some(&end.message).filter(|message| !message.is_empty()));
    page.put(level + 1, "Exit Code", end.exit_code.to_string());
    page.put_some(level + 1, "Signal", end.exit_signal.map(crate::unit::signal_name));
    page.time(level + 1, "Started", end.started_at);
    page.time(level + 1, "Finished", Some(end.finished_at));
}

/// `exec [cat /ready] delay=0s timeout=1s period=10s successThreshold=1 failureThreshold=3`
pub(super) fn words(probe: &Probe) -> String {
    let asks = action(&probe.action);
    // These say themselves when it is so: nothing is asked, and nothing is counted.
    if probe.action.notify || probe.action.log.is_some() || probe.action.watchdog_seconds.is_some() {
        return asks;
    }
    format!(
        "{asks} delay={}s timeout={}s period={}s successThreshold={} failureThreshold={}",
        probe.initial_delay_seconds,
        probe.timeout_seconds,
        probe.period_seconds,
        probe.success_threshold,
        probe.failure_threshold
    )
}

/// What is asked or done, in kubectl's words where it has any.
fn action(action: &Action) -> String {
    match action {
        Action { exec: Some(exec), .. } => format!("exec [{}]", exec.command.join(" ")),
        Action { http_get: Some(get), .. } => {
            format!("http-get {}://{}:{}{}", get.scheme.to_lowercase(), get.host, get.port, get.path)
        }
        Action { tcp_socket: Some(tcp), .. } => format!("tcp-socket {}:{}", tcp.host, tcp.port),
        Action { grpc: Some(grpc), .. } => {
            format!("grpc <pod>:{} {}", grpc.port, grpc.service).trim_end().to_owned()
        }
        Action { sleep: Some(sleep), .. } => format!("sleep {}s", sleep.seconds),
        Action { notify: true, .. } => "notify".to_owned(),
        Action { fd: Some(fd), .. } => format!("fd {fd}"),
        Action { unix: Some(path), .. } => format!("unix {path}"),
        Action { log: Some(pattern), .. } => format!("log {pattern}"),
        Action { file: Some(path), .. } => format!("file {path}"),
        Action { watchdog_seconds: Some(period), .. } => format!("watchdog {period}s"),
        Action { .. } => "unknown".to_owned(),
    }
}
