//! Units: a line of the headline screen.

use super::super::style::Tone;
use super::super::table::Cell;
use super::super::{age, name};
use super::{Look, Tabular};
use crate::control::objects::{Unit, UnitCondition, UnitPod};
use crate::engine::view::{Phase, UnitState};
use crate::unit::model::{Condition, Kind};

impl Tabular for Unit {
    const NOUN: name::Noun = name::Noun::Unit;
    const HEADERS: (&'static [&'static str], usize) =
        (&["UNIT", "KIND", "READY", "STATUS", "RESTARTS", "CPU", "MEMORY", "AGE", "ENABLED", "FILE"], 8);

    fn cells(&self, look: Look) -> Vec<Cell> {
        let status = &self.status;
        let counts_restarts = matches!(status.kind, Kind::Service | Kind::Job);
        let restarts = || look.restarts(status.restart_count, status.last_restart_time);
        let restarts = if counts_restarts { restarts() } else { look.nothing().to_owned() };
        vec![
            self.metadata.name.as_str().into(),
            kind_word(status.kind).into(),
            ready(self).unwrap_or_else(|| look.nothing().to_owned()).into(),
            Cell::toned(words(self, look), self.tone()),
            restarts.into(),
            look.cpu(status.cpu_percent).into(),
            look.memory(status.memory_bytes).into(),
            look.age(self.metadata.creation_timestamp).into(),
            (if self.spec.enabled { "yes" } else { "no" }).into(),
            self.spec.path.to_string_lossy().into(),
        ]
    }

    fn state(&self) -> String {
        self.status.state.as_str().to_owned()
    }

    fn tone(&self) -> Tone {
        match self.status.state {
            UnitState::Running if self.status.kind == Kind::Job => Tone::Moving,
            UnitState::Running => Tone::Well,
            UnitState::Starting | UnitState::Waiting | UnitState::Degraded | UnitState::Stopping => {
                Tone::Moving
            }
            UnitState::Stopped | UnitState::Disabled | UnitState::Armed => Tone::Rest,
            UnitState::CrashLoopBackOff | UnitState::Failed => Tone::Failing,
            UnitState::Complete => Tone::Complete,
            UnitState::Suspended => Tone::Suspended,
        }
    }
}

/// The cells of a pod below its unit, as far as they are known there.
pub fn pod_cells(pod: &UnitPod, branch: &str, look: Look) -> Vec<Cell> {
    let pid = pod.pid.map(|pid| format!("  pid {pid}")).unwrap_or_default();
    let next = pod.next_restart_time.filter(|_| pod.pid.is_none());
    let next = next.map(|next| format!(", next in {}", age::until(next, look.now))).unwrap_or_default();
    let ready = if pod.ready { "1/1" } else { "0/1" };
    vec![
        format!("{branch} {}", pod.name).into(),
        "".into(),
        ready.into(),
        Cell::toned(format!("{}{pid}{next}", pod_word(pod)), pod_tone(pod)),
        look.restarts(pod.restart_count, pod.last_restart_time).into(),
        "".into(),
        "".into(),
        look.age(Some(pod.created)).into(),
    ]
}

/// STATUS of a pod of which KILL has not ended all.
pub const UNKILLABLE: &str = "Unkillable";

/// The word in STATUS of a pod below its unit.
pub fn pod_word(pod: &UnitPod) -> &str {
    match pod.phase {
        _ if pod.lingering.is_some() => UNKILLABLE,
        Phase::Pending | Phase::Running if pod.terminating => "Terminating",
        _ if pod.reason.is_empty() => pod.phase.as_str(),
        _ => &pod.reason,
    }
}

fn pod_tone(pod: &UnitPod) -> Tone {
    match pod.phase {
        Phase::Succeeded => Tone::Complete,
        Phase::Failed => Tone::Failing,
        _ if pod.lingering.is_some() => Tone::Failing,
        _ if pod.reason == "CrashLoopBackOff" => Tone::Failing,
        Phase::Running if pod.ready && !pod.terminating => Tone::Well,
        Phase::Running | Phase::Pending => Tone::Moving,
    }
}

/// As users write it.
pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Service => "service",
        Kind::Job => "job",
        Kind::CronJob => "cronjob",
        Kind::Target => "target",
    }
}

/// As users write it.
pub fn condition_word(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "started",
        Condition::Ready => "ready",
        Condition::Completed => "completed",
        Condition::Succeeded => "succeeded",
    }
}

/// `db (ready)`.
pub fn requirement(requirement: &UnitCondition) -> String {
    format!("{} ({})", requirement.unit, condition_word(requirement.condition))
}

/// `2/3`; nothing for what has no pods of its own.
pub fn ready(unit: &Unit) -> Option<String> {
    match (unit.status.kind, unit.status.desired) {
        (Kind::CronJob | Kind::Target, _) => None,
        (_, Some(desired)) => Some(format!("{}/{desired}", unit.status.ready)),
        (_, None) => Some(format!("{}/1", unit.status.ready)),
    }
}

/// STATUS: the word, and what comes next.
pub fn words(unit: &Unit, look: Look) -> String {
    let status = &unit.status;
    let next = status.next_restart_time.map(|next| format!(", next in {}", age::until(next, look.now)));
    let reason = if status.reason.is_empty() { String::new() } else { format!(", {}", status.reason) };
    let word = status.state.as_str();
    match status.state {
        UnitState::Waiting => match status.waiting_for.as_slice() {
            [] => format!("{word}{reason}"),
            [one] => format!("Waiting for {}", requirement(one)),
            [first, rest @ ..] => format!("Waiting for {} and {} more", requirement(first), rest.len()),
        },
        UnitState::Armed => match status.next_schedule_time {
            Some(next) => format!("Next {} (in {})", look.clock(next), age::until(next, look.now)),
            None => "Next never".to_owned(),
        },
        UnitState::Running if status.kind == Kind::Job => match status.active {
            Some(active) if active > 0 => format!("{word}, {active} active"),
            _ => format!("{word}{}", next.unwrap_or_default()),
        },
        UnitState::CrashLoopBackOff => format!("{word}{}", next.unwrap_or_default()),
        UnitState::Failed => format!("{word}{reason}"),
        _ => word.to_owned(),
    }
}
