//! The history: how each run ended, and why others were not started.

use super::super::name;
use super::super::style::Tone;
use super::super::table::Cell;
use super::run::span;
use super::{Look, Tabular, ending, size};
use crate::control::objects::{HistoryEntry, HistoryStatus};
use crate::engine::action::DecisionKind;
use crate::engine::time::Wall;

impl Tabular for HistoryEntry {
    const NOUN: name::Noun = name::Noun::History;
    const HEADERS: (&'static [&'static str], usize) = (
        &[
            "TIME",
            "NAME",
            "WHAT",
            "DURATION",
            "CPU",
            "PEAK MEMORY",
            "REASON",
            "READ",
            "WRITTEN",
            "USER",
            "SYSTEM",
            "PROCESS",
            "ATTEMPT",
            "JOB",
            "SLOT",
        ],
        7,
    );

    fn cells(&self, look: Look) -> Vec<Cell> {
        let status = &self.status;
        let usage = status.usage.as_ref();
        let cpu = usage.map(|usage| span(usage.user_cpu_seconds + usage.system_cpu_seconds));
        let text = |text: Option<String>| Cell::plain(text.unwrap_or_default());
        vec![
            look.stamp(Wall::from_seconds(status.time.0)).into(),
            status.pod.as_deref().unwrap_or(status.unit.as_str()).into(),
            Cell::toned(what(status), self.tone()),
            text(status.duration_seconds.map(span)),
            text(cpu),
            text(usage.map(|usage| size(usage.max_rss_bytes))),
            reason(status).into(),
            text(usage.map(|usage| size(usage.read_bytes))),
            text(usage.map(|usage| size(usage.written_bytes))),
            text(usage.map(|usage| span(usage.user_cpu_seconds))),
            text(usage.map(|usage| span(usage.system_cpu_seconds))),
            text(status.process.clone()),
            text(status.attempt.map(|attempt| attempt.to_string())),
            text(status.job.clone()),
            text(status.scheduled_time.map(|slot| look.stamp(Wall::from_seconds(slot.0)))),
        ]
    }

    fn state(&self) -> String {
        let status = &self.status;
        status.decision.map_or_else(|| status.reason.clone(), |kind| kind.as_str().to_owned())
    }

    fn tone(&self) -> Tone {
        match self.status.decision {
            Some(DecisionKind::Missed | DecisionKind::Forbidden | DecisionKind::Replaced) => Tone::Moving,
            Some(DecisionKind::Suspended) => Tone::Suspended,
            None if self.status.reason == "Completed" => Tone::Plain,
            None => Tone::Failing,
        }
    }
}

/// `exit 3`, `signal 9 (KILL)`, `missed 3`; of an init step with its name before it.
fn what(status: &HistoryStatus) -> String {
    if let Some(kind) = status.decision {
        return match status.count {
            Some(count) if count > 1 => format!("{} {count}", kind.as_str()),
            _ => kind.as_str().to_owned(),
        };
    }
    let end = match (status.reason.as_str(), status.exit_code) {
        (_, None) => "exit status unknown".to_owned(),
        ("StartError", _) => "not started".to_owned(),
        ("OOMKilled", _) => "OOMKilled".to_owned(),
        (_, Some(code)) => {
            let dumped = if status.core_dumped { ", core dumped" } else { "" };
            format!("{}{dumped}", ending(code, status.exit_signal))
        }
    };
    match status.process.as_deref() {
        None | Some("main") => end,
        Some(step) => format!("{step}: {end}"),
    }
}

/// The words there are, else Kubernetes' word.
fn reason(status: &HistoryStatus) -> &str {
    if status.message.is_empty() { &status.reason } else { &status.message }
}
