//! The block of `status NAME`: is it well, since when, what comes next.

use std::time::Duration;

use super::age;
use super::rows::pod::last_end;
use super::rows::unit::{kind_word, ready, requirement, words};
use super::rows::{Look, Tabular, ending};
use super::style::{Screen, Tone, printable};
use super::subject::Subject;
use crate::control::objects::{ContainerState, ContainerStatus, Job, Lingering, Pod, Time, Unit};
use crate::engine::view::{Stale, UnitState};
use crate::unit::model::Kind;

/// Pods named in a block.
const PODS_SHOWN_MAX: usize = 8;

/// Lines with their labels, which end in one column.
struct Block {
    text: String,
}

/// Columns of the labels.
const LABEL_WIDTH: usize = 10;

impl Block {
    fn new(subject: &Subject, about: &str, screen: Screen) -> Self {
        let glyph = screen.glyph(subject.tone());
        let name = screen.paint(&printable(subject.name()), Tone::Strong);
        let dash = screen.either("–", "-");
        let about = if about.is_empty() { String::new() } else { format!(" {dash} {}", printable(about)) };
        Self { text: format!("{glyph} {name}{about}\n") }
    }

    fn line(&mut self, label: &str, value: impl AsRef<str>) {
        self.painted(label, &printable(value.as_ref()));
    }

    /// A line whose value is printable already, and may have colours.
    fn painted(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.text.push_str(&format!("{label:>LABEL_WIDTH$}: {value}\n"));
        }
    }
}

/// The block of a unit with its pods, of a job, or of a pod.
pub fn render(subject: &Subject, pods: &[Pod], screen: Screen, look: Look) -> String {
    match subject {
        Subject::Unit(unit) => of_unit(subject, unit, pods, screen, look),
        Subject::Job(job) => of_job(subject, job, screen, look),
        Subject::Pod(pod) => of_pod(subject, pod, screen, look),
    }
}

fn of_unit(subject: &Subject, unit: &Unit, pods: &[Pod], screen: Screen, look: Look) -> String {
    let mut block = Block::new(subject, &unit.spec.description, screen);
    let status = &unit.status;
    block.line("Loaded", loaded(unit));
    let word = match status.state {
        UnitState::Armed => "Armed".to_owned(),
        UnitState::Waiting => words(unit, look),
        // What comes next, and why, have lines of their own.
        state => state.as_str().to_owned(),
    };
    let since = since(status.since, look);
    block.painted("Active", &format!("{} {since}", screen.paint(&printable(&word), subject.tone())));
    block.line("Cause", &status.reason);
    if let Some(next) = status.next_schedule_time {
        block.line("Next", format!("{} (in {})", look.full(next), age::until(next, look.now)));
    }
    if let Some(last) = status.last_schedule_time {
        block.line("Last", format!("{} ({} ago)", look.full(last), age::since(last, look.now)));
    }
    if let Some(next) = status.next_restart_time {
        block.line("Next", format!("attempt in {}", age::until(next, look.now)));
    }
    let says = pods.iter().map(|pod| pod.status.ready_message.as_str()).find(|message| !message.is_empty());
    let says = says.map(|message| format!(" ({message})")).unwrap_or_default();
    let label = if status.kind == Kind::Job { "Complete" } else { "Ready" };
    block.line(label, ready(unit).map(|ready| format!("{ready}{says}")).unwrap_or_default());
    block.line("Pods", pods_of(unit, screen));
    if let Some(text) = pods.iter().map(|pod| &pod.status.status_text).find(|text| !text.is_empty()) {
        block.line("Says", text);
    }
    let lingering = unit.status.pods.iter().find_map(|pod| pod.lingering.as_ref());
    block.line("Left", left(lingering, look));
    block.line("Restarts", restarts(unit, look));
    block.line("Memory", usage(status.cpu_percent, status.memory_bytes, look));
    let waits: Vec<String> = status.waiting_for.iter().map(requirement).collect();
    block.line("Waits for", waits.join(", "));
    let requires: Vec<String> = unit.spec.requires.iter().map(requirement).collect();
    block.line("Requires", requires.join(", "));
    let wanted: Vec<&str> = status.wanted_by.iter().map(|name| name.as_str()).collect();
    block.line("Wanted by", wanted.join(", "));
    block.text
}

/// `/etc/supd/units/web.toml (enabled; drop-ins: 10-limits.toml)`
fn loaded(unit: &Unit) -> String {
    let mut notes = vec![if unit.spec.enabled { "enabled" } else { "disabled" }.to_owned()];
    if unit.status.kind != Kind::Service {
        notes.insert(0, kind_word(unit.status.kind).to_owned());
    }
    if !unit.spec.drop_ins.is_empty() {
        let files =
            unit.spec.drop_ins.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy());
        notes.push(format!("drop-ins: {}", files.collect::<Vec<_>>().join(", ")));
    }
    match unit.status.stale {
        Some(Stale::Changed) => notes.push("changed on disk: supctl apply".to_owned()),
        Some(Stale::Removed) => {
            notes.push(format!("removed from disk: supctl delete {}", unit.metadata.name))
        }
        None => {}
    }
    let path = if unit.spec.transient { "transient".into() } else { unit.spec.path.to_string_lossy() };
    format!("{path} ({})", notes.join("; "))
}

/// `since Mon 2026-11-23 09:14:02 UTC; 4h 12min ago`
fn since(time: Time, look: Look) -> String {
    let passed = u64::try_from(look.now.0.saturating_sub(time.0)).unwrap_or(0);
    format!("since {}; {} ago", look.full(time), age::long(Duration::from_secs(passed)))
}

/// What KILL has not ended, since when that is known.
fn left(lingering: Option<&Lingering>, look: Look) -> String {
    lingering.map(|left| format!("{} {}", left.message, since(left.since, look))).unwrap_or_default()
}

/// `web-0 pid 4711 · web-1 pid 4712`
fn pods_of(unit: &Unit, screen: Screen) -> String {
    let one = |pod: &crate::control::objects::UnitPod| {
        let state = match pod.pid {
            Some(pid) => format!("pid {pid}"),
            None => super::rows::unit::pod_word(pod).to_owned(),
        };
        format!("{} {state}", pod.name)
    };
    let mut pods: Vec<String> = unit.status.pods.iter().take(PODS_SHOWN_MAX).map(one).collect();
    let total = usize::try_from(unit.status.pod_count).unwrap_or(usize::MAX);
    if total > pods.len() && !pods.is_empty() {
        pods.push(format!("{} more", total - pods.len()));
    }
    pods.join(screen.either(" · ", ", "))
}

/// `1 (last: exit 137, OOMKilled, 2h ago)`
fn restarts(unit: &Unit, look: Look) -> String {
    let status = &unit.status;
    let last = status.last_exit.as_ref().map(|exit| {
        let reason = if !exit.message.is_empty() {
            format!(", {}", exit.message)
        } else if matches!(exit.reason.as_str(), "Error" | "Completed" | "") {
            String::new()
        } else {
            format!(", {}", exit.reason)
        };
        format!(
            " (last: {}{reason}, {} ago)",
            ending(exit.exit_code, exit.exit_signal),
            age::since(exit.finished_at, look.now)
        )
    });
    match (status.kind, last) {
        (Kind::CronJob | Kind::Target, _) => String::new(),
        (_, last) => format!("{}{}", status.restart_count, last.unwrap_or_default()),
    }
}

/// `96Mi   CPU: 11%`; nothing where nothing is known.
fn usage(cpu: Option<f64>, memory: Option<u64>, look: Look) -> String {
    if cpu.is_none() && memory.is_none() {
        return String::new();
    }
    format!("{}   CPU: {}", look.memory(memory), look.cpu(cpu))
}

fn of_job(subject: &Subject, job: &Job, screen: Screen, look: Look) -> String {
    let mut block = Block::new(subject, &format!("job of {}", job.status.unit), screen);
    let begun = job.status.start_time.or(job.metadata.creation_timestamp).unwrap_or(look.now);
    let word = screen.paint(&job.state(), subject.tone());
    block.painted("Active", &format!("{word} {}", since(begun, look)));
    for condition in job.status.conditions.iter().filter(|condition| condition.status == "True") {
        let more = [condition.reason.as_str(), condition.message.as_str()];
        let more: Vec<&str> = more.into_iter().filter(|text| !text.is_empty()).collect();
        block.line("Condition", format!("{} {}", condition.kind, more.join(": ")));
    }
    let wanted = job.spec.completions.map_or_else(String::new, |completions| format!("/{completions}"));
    let status = &job.status;
    block.line(
        "Complete",
        format!("{}{wanted} ({} active, {} failed)", status.succeeded, status.active, status.failed),
    );
    block.line("Indexes", status.completed_indexes.as_deref().unwrap_or_default());
    if let Some(next) = status.next_pod_time {
        block.line("Next", format!("pod in {}", age::until(next, look.now)));
    }
    let waits: Vec<String> = status.waiting_for.iter().map(requirement).collect();
    block.line("Waits for", waits.join(", "));
    block.text
}

fn of_pod(subject: &Subject, pod: &Pod, screen: Screen, look: Look) -> String {
    let owner = match &pod.status.job {
        Some(job) => format!("pod of job {job}"),
        None => format!("pod of {}", pod.status.unit),
    };
    let mut block = Block::new(subject, &owner, screen);
    let begun = pod.status.start_time.or(pod.metadata.creation_timestamp).unwrap_or(look.now);
    let word = screen.paint(&printable(&subject.word()), subject.tone());
    block.painted("Active", &format!("{word} {}", since(begun, look)));
    block.line("Message", &pod.status.message);
    for process in pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses) {
        block.line(&process.name, process_line(process, look));
    }
    let ready = if pod.is_ready() { "yes" } else { "no" };
    let message = &pod.status.ready_message;
    block.line("Ready", if message.is_empty() { ready.to_owned() } else { format!("{ready} ({message})") });
    block.line("Says", &pod.status.status_text);
    block.line("Left", left(pod.status.lingering.as_ref(), look));
    block.line("Restarts", look.restarts(pod.restarts(), pod.last_restart()));
    block.line("Memory", usage(pod.status.cpu_percent, pod.status.memory_bytes, look));
    block.text
}

/// `pid 4711 since 09:14:02`, `waits: CrashLoopBackOff, next in 37s (last: exit 3)`, `exit 0, Completed`.
fn process_line(process: &ContainerStatus, look: Look) -> String {
    let last = last_end(process).map(|end| match end.message.as_str() {
        "" => ending(end.exit_code, end.exit_signal),
        message => message.to_owned(),
    });
    match &process.state {
        ContainerState::Running(running) => {
            format!("pid {}, running for {}", running.pid, age::since(running.started_at, look.now))
        }
        ContainerState::Waiting(waiting) => {
            let next =
                waiting.next_restart_time.map(|next| format!(", next in {}", age::until(next, look.now)));
            let last = last.map(|last| format!(" (last: {last})")).unwrap_or_default();
            let message =
                if waiting.message.is_empty() { String::new() } else { format!(": {}", waiting.message) };
            format!("{}{}{last}{message}", waiting.reason, next.unwrap_or_default())
        }
        ContainerState::Terminated(end) => {
            let message = if end.message.is_empty() { String::new() } else { format!(": {}", end.message) };
            let passed = age::since(end.finished_at, look.now);
            format!("{}, {}, {passed} ago{message}", ending(end.exit_code, end.exit_signal), end.reason)
        }
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
