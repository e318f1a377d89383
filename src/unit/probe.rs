//! `[startup]`, `[readiness]`, `[liveness]`: how often a process is asked, and how answers count (PRB-001ff).

use std::time::Duration;

use super::diagnostic::Code;
use super::keys::{self, TableSpec};
use super::model::{Handler, Probe, ProbeKind};
use super::reader::Reader;
use super::tree::{Entry, Table};

/// Shortest time between two questions of a probe.
pub(super) const PERIOD_MIN: Duration = Duration::from_millis(10);
/// Shortest grace of a kill that a probe brings about (PRB-015).
const GRACE_MIN: Duration = Duration::from_secs(1);

/// The ways in which a probe may ask or be told.
const HANDLERS: [&str; 10] =
    ["http", "tcp", "exec", "fd", "notify", "unix", "log", "file", "grpc", "watchdog"];
/// What only probes that ask have.
const TIMES: [&str; 5] = ["initial_delay", "period", "timeout", "success_threshold", "failure_threshold"];

impl Reader<'_> {
    /// A probe of a process. `[startup]` may be there without one.
    pub(super) fn probe(&mut self, process: &Table, kind: ProbeKind, unit: &Table) -> Option<Probe> {
        let (key, spec) = table_of(kind);
        let entry = process.get(key)?;
        let table = self.table(process, key)?;
        self.check_keys(table, spec, unit);
        if kind == ProbeKind::Readiness {
            self.no_grace(table);
        }
        let written = table.entries.iter().filter(|entry| {
            HANDLERS.contains(&entry.key.as_str()) && spec.built.contains(&entry.key.as_str())
        });
        let written: Vec<&Entry> = written.collect();
        let handler = match written[..] {
            [one] => self.handler(one, kind, unit),
            [first, second, ..] => {
                let message = format!("`{}` beside `{}`", second.key, first.key);
                self.fault(second.key_span, Code::OneHandler, message).label("a probe asks in one way");
                None
            }
            [] => {
                self.no_handler(entry, table, kind, spec);
                None
            }
        };
        let probe = self.times(table, kind);
        let handler = handler?;
        if let Handler::Notify | Handler::Fd(_) | Handler::Log(_) | Handler::Watchdog(_) = handler {
            self.no_times(table, &written[0].key);
        }
        Some(Probe { handler, ..probe })
    }

    /// PRB-015.
    fn no_grace(&mut self, table: &Table) {
        for key in ["grace", "termination_grace_period"] {
            let Some(entry) = table.get(key) else { continue };
            let message = format!("`{}` in [readiness]", self.sources.slice(entry.key_span));
            self.fault(entry.key_span, Code::NoEffect, message)
                .label("a failure of readiness stops nothing")
                .help("[startup] and [liveness] may have one");
        }
    }

    fn no_handler(&mut self, entry: &Entry, table: &Table, kind: ProbeKind, spec: &TableSpec) {
        // One that is misspelt has its own fault already.
        if table.entries.iter().any(|entry| !spec.built.contains(&entry.key.as_str())) {
            return;
        }
        let needs_one = |entry: &&Entry| !["deadline", "post"].contains(&entry.key.as_str());
        let first = table.entries.iter().find(needs_one);
        if kind == ProbeKind::Startup && first.is_none() && !table.entries.is_empty() {
            return;
        }
        let handlers = HANDLERS.iter().filter(|handler| spec.built.contains(handler));
        let handlers: Vec<String> = handlers.map(|handler| format!("`{handler}`")).collect();
        self.fault(entry.node.span, Code::OneHandler, "this probe has nothing to ask")
            .help(format!("give it one of {}", handlers.join(", ")));
    }

    /// What is written of times and counts, with Kubernetes' defaults (PRB-001). The handler is put later.
    fn times(&mut self, table: &Table, kind: ProbeKind) -> Probe {
        let initial_delay = self.duration(table, "initial_delay", Duration::ZERO).unwrap_or_default();
        let period = self.duration(table, "period", PERIOD_MIN).unwrap_or(Duration::from_secs(10));
        let timeout = self.duration(table, "timeout", PERIOD_MIN).unwrap_or(Duration::from_secs(1));
        let success_threshold = self.integer(table, "success_threshold", 1..=u32::MAX).unwrap_or(1);
        let failure_threshold = self.integer(table, "failure_threshold", 1..=u32::MAX).unwrap_or(3);
        if kind != ProbeKind::Readiness
            && success_threshold != 1
            && let Some(entry) = table.get("success_threshold")
        {
            let message = format!("`success_threshold = {success_threshold}` in {}", table_of(kind).1.name);
            self.fault(entry.node.span, Code::OutOfRange, message)
                .label("it is 1: one success is enough (PRB-002)");
        }
        Probe {
            handler: Handler::Notify,
            initial_delay,
            period,
            timeout,
            success_threshold,
            failure_threshold,
            grace: if kind == ProbeKind::Readiness { None } else { self.probe_grace(table) },
        }
    }

    fn probe_grace(&mut self, table: &Table) -> Option<Duration> {
        self.one_grace(table.get("termination_grace_period"), table.get("grace"));
        let pasted = self.duration(table, "termination_grace_period", GRACE_MIN);
        self.duration(table, "grace", GRACE_MIN).or(pasted)
    }

    /// Some are told, they do not ask.
    fn no_times(&mut self, table: &Table, handler: &str) {
        for entry in table.entries.iter().filter(|entry| TIMES.contains(&entry.key.as_str())) {
            let message = format!("`{}` has no effect with `{handler}`", entry.key);
            let fault = self.fault(entry.key_span, Code::NoEffect, message);
            match handler {
                "watchdog" => fault.label("how often the process must speak is its value"),
                _ => fault
                    .label("the process says when it is ready, nobody asks")
                    .help("how long it may take is `deadline` in [startup]"),
            };
        }
    }
}

fn table_of(kind: ProbeKind) -> (&'static str, &'static TableSpec) {
    match kind {
        ProbeKind::Startup => ("startup", &keys::STARTUP),
        ProbeKind::Readiness => ("readiness", &keys::READINESS),
        ProbeKind::Liveness => ("liveness", &keys::LIVENESS),
    }
}
