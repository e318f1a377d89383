//! Runs: each execution of each process, with its exit and its receipt.

use std::time::Duration;

use super::super::style::Tone;
use super::super::table::Cell;
use super::super::{age, name};
use super::{Look, Tabular, size};
use crate::control::objects::Run;

impl Tabular for Run {
    const NOUN: name::Noun = name::Noun::Run;
    const HEADERS: (&'static [&'static str], usize) = (
        &[
            "POD",
            "PROCESS",
            "ATTEMPT",
            "STARTED",
            "DURATION",
            "EXIT",
            "REASON",
            "CPU",
            "PEAK MEMORY",
            "READ",
            "WRITTEN",
        ],
        7,
    );

    fn cells(&self, look: Look) -> Vec<Cell> {
        let status = &self.status;
        let started = status.started_at.map(|started| age::since(started, look.now) + " ago");
        let cpu = status.usage.user_cpu_seconds + status.usage.system_cpu_seconds;
        vec![
            status.pod.as_str().into(),
            status.process.as_str().into(),
            status.attempt.to_string().into(),
            started.unwrap_or_else(|| "<never>".to_owned()).into(),
            status.duration_seconds.map(span).unwrap_or_default().into(),
            status.exit_code.to_string().into(),
            Cell::toned(status.reason.as_str(), self.tone()),
            span(cpu).into(),
            size(status.usage.max_rss_bytes).into(),
            size(status.usage.read_bytes).into(),
            size(status.usage.written_bytes).into(),
        ]
    }

    fn state(&self) -> String {
        self.status.reason.clone()
    }

    fn tone(&self) -> Tone {
        if self.status.reason == "Completed" { Tone::Plain } else { Tone::Failing }
    }
}

/// Seconds with their parts where these count: `0.42s`, `3m12s`.
pub(super) fn span(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if whole < Duration::from_secs(10) {
        return format!("{seconds:.2}s");
    }
    age::short(i64::try_from(whole.as_secs()).unwrap_or(i64::MAX))
}
