//! How a process begins, is watched and is stopped: what `[startup]`, `[readiness]`, `[liveness]` and `[stop]`
//! say together.

use std::time::Duration;

use super::diagnostic::Code;
use super::keys;
use super::model::{Handler, Hook, Logs, Probe, ProbeKind, Process, Sink, Stop};
use super::probe::PERIOD_MIN;
use super::reader::{Reader, short};
use super::tree::{Entry, Table, Value};
use super::value;

/// What those tables say of one process.
pub(super) struct Life {
    stop: Stop,
    post_start: Option<Hook>,
    start_deadline: Option<Duration>,
    startup: Option<Probe>,
    readiness: Option<Probe>,
    liveness: Option<Probe>,
}

impl Life {
    /// The process, with them.
    pub(super) fn give(self, process: Process) -> Process {
        Process {
            stop: self.stop,
            post_start: self.post_start.map(Box::new),
            start_deadline: self.start_deadline,
            startup: self.startup.map(Box::new),
            readiness: self.readiness.map(Box::new),
            liveness: self.liveness.map(Box::new),
            ..process
        }
    }
}

impl Reader<'_> {
    /// Reads the tables of one process; `table` is the unit itself for main.
    pub(super) fn life(&mut self, table: &Table, unit: &Table) -> Life {
        let mut life = Life {
            stop: self.stop(table, unit),
            post_start: None,
            start_deadline: None,
            startup: self.probe(table, ProbeKind::Startup, unit),
            readiness: self.probe(table, ProbeKind::Readiness, unit),
            liveness: self.probe(table, ProbeKind::Liveness, unit),
        };
        if let Some(startup) = table.get("startup").and_then(|entry| entry.node.as_table()) {
            life.start_deadline = self.duration(startup, "deadline", PERIOD_MIN);
            life.post_start = startup.get("post").and_then(|entry| self.hook(entry, unit));
        }
        self.one_descriptor(&life, table);
        life
    }

    fn stop(&mut self, process: &Table, unit: &Table) -> Stop {
        let mut stop = Stop { signal: libc::SIGTERM, pre: None };
        let Some(table) = self.table(process, "stop") else { return stop };
        self.check_keys(table, &keys::STOP, unit);
        if let Some(entry) = table.get("grace")
            && !std::ptr::eq(process, unit)
        {
            self.fault(entry.key_span, Code::NoEffect, "`grace` of a single process")
                .label("the grace period is the pod's")
                .help("write `grace` in the [stop] of the unit");
        }
        if let Some(entry) = table.get("signal") {
            match self.signal(entry) {
                Some(signal) => stop.signal = signal,
                None => self.bad_signal(entry),
            }
        }
        stop.pre = table.get("pre").and_then(|entry| self.hook(entry, unit)).map(Box::new);
        stop
    }

    fn signal(&self, entry: &Entry) -> Option<i32> {
        match &entry.node.value {
            Value::String(name) => value::signal(name),
            Value::Integer(number, _) => {
                number.and_then(|n| i32::try_from(n).ok()).filter(|n| (1..=64).contains(n))
            }
            _ => None,
        }
    }

    fn bad_signal(&mut self, entry: &Entry) {
        let written = short(self.sources.slice(entry.node.span));
        let meant = match &entry.node.value {
            Value::String(name) => {
                Some(name.to_ascii_uppercase()).filter(|name| value::signal(name).is_some())
            }
            _ => None,
        };
        let fault = self.fault(entry.node.span, Code::BadSignal, format!("{written} is no signal"));
        fault.label("a name like \"TERM\", or a number from 1 to 64");
        if let Some(meant) = meant {
            fault.help(format!("did you mean \"{meant}\"?"));
        }
    }

    /// A process has one pipe to say its newline on, whatever it means.
    fn one_descriptor(&mut self, life: &Life, table: &Table) {
        let number = |probe: &Option<Probe>| match probe.as_ref().map(|probe| &probe.handler) {
            Some(Handler::Fd(number)) => Some(*number),
            _ => None,
        };
        if let (Some(one), Some(other)) = (number(&life.startup), number(&life.readiness))
            && one != other
        {
            let entry = table.get("readiness").and_then(|entry| entry.node.as_table()?.get("fd"));
            let Some(entry) = entry else { return };
            self.fault(entry.node.span, Code::OneHandler, format!("`fd = {other}` beside `fd = {one}`"))
                .label("[startup] and [readiness] of a process are told on one descriptor");
        }
    }

    /// A line of output can be looked for only where output is kept.
    pub(super) fn check_log_probes(&mut self, unit: &Table, logs: Logs) {
        let kept = |sink| !matches!(sink, Sink::Inherit | Sink::Null);
        if kept(logs.stdout) || kept(logs.stderr) {
            return;
        }
        let others = ["init", "sidecar", "process"].into_iter().filter_map(|key| unit.get(key));
        let nodes = others.flat_map(|entry| match &entry.node.value {
            Value::Array(items) => items.as_slice(),
            _ => &[],
        });
        let processes: Vec<&Table> = nodes.filter_map(|node| node.as_table()).chain([unit]).collect();
        for process in processes {
            for key in ["startup", "readiness"] {
                let table = process.get(key).and_then(|entry| entry.node.as_table());
                let Some(entry) = table.and_then(|table| table.get("log")) else { continue };
                self.fault(entry.key_span, Code::NoEffect, "`log` looks into a log that is not kept")
                    .label("[logs] sends both outputs elsewhere")
                    .help("one of `stdout` and `stderr` is to be \"log\" or \"both\"");
            }
        }
    }
}
