//! What the pods of a unit are made from: processes, restarts, readiness, stop, logs.

use std::collections::HashSet;
use std::time::Duration;

use super::diagnostic::Code;
use super::keys::{self, TableSpec};
use super::model::{
    Backoff, Handler, Http, Logs, Part, PodTemplate, Probe, Process, RestartPolicy, Sink, Stop,
};
use super::reader::{Reader, short};
use super::text::Text;
use super::tree::{Entry, Table, Value};
use super::value;

/// Shortest delay before a restart: less would be a loop that does nothing but start.
const DELAY_MIN: Duration = Duration::from_millis(10);
/// Shortest time between two questions of a probe.
const PERIOD_MIN: Duration = Duration::from_millis(10);

/// Kubernetes' delays between restarts in a pod (RST-006, RST-008, RST-009).
pub(super) const RESTART_BACKOFF: Backoff = Backoff {
    initial: Duration::from_secs(10),
    factor: 2.0,
    max: Duration::from_secs(5 * 60),
    jitter: 0.0,
    reset_after: Duration::from_secs(10 * 60),
};

impl Reader<'_> {
    /// The pod; nothing where it has no program.
    pub(super) fn pod(&mut self, unit: &Table, restart_policy: RestartPolicy) -> Option<PodTemplate> {
        let name = self.container(unit);
        let main = self.process(name.clone(), unit, unit);
        let active_deadline = self.deadline(unit, "active_deadline");
        let mut init = self.init_steps(unit, &name);
        for step in &mut init {
            step.part = Part::Init;
            // INI-002.
            step.restart_policy = match restart_policy {
                RestartPolicy::Always => RestartPolicy::OnFailure,
                policy => policy,
            };
        }
        let backoff = self.backoff(unit, "backoff", &keys::BACKOFF, RESTART_BACKOFF, unit);
        let (signal, grace) = self.stop(unit);
        let readiness = self.readiness(unit).map(Box::new);
        let start_deadline = self.startup(unit);
        let logs = self.logs(unit);
        let volumes = self.volumes(unit);
        let stop = Stop { signal, pre: None };
        let main = main.map(|main| Process { restart_policy, stop, readiness, start_deadline, ..main });
        Some(PodTemplate {
            restart_policy,
            active_deadline,
            init,
            main: main?,
            beside: Vec::new(),
            backoff,
            grace,
            logs,
            volumes,
        })
    }

    /// What the unit's own process is called: `main`, or as its manifest calls it.
    fn container(&mut self, unit: &Table) -> String {
        let Some((name, span)) = self.string(unit, "container") else { return "main".to_owned() };
        if !is_label(name) {
            let message = format!("`{}` is no name of a process", short(name));
            self.fault(span, Code::BadName, message).label("lower-case letters, digits and `-`, at most 63");
        }
        name.to_owned()
    }

    fn init_steps(&mut self, unit: &Table, main: &str) -> Vec<Process> {
        let mut steps = Vec::new();
        let mut names = HashSet::new();
        for (place, (node, table)) in self.tables(unit, "init").into_iter().enumerate() {
            self.init_policy(table);
            self.check_keys(table, &keys::INIT, unit);
            let name = match self.string(table, "name") {
                Some((name, span)) => {
                    if !is_label(name) || name == main {
                        let message = format!("`{}` is no name of an init step", short(name));
                        let label = format!("lower-case letters, digits and `-`, at most 63; not `{main}`");
                        self.fault(span, Code::BadName, message).label(label);
                    }
                    name.to_owned()
                }
                None => format!("init-{place}"),
            };
            if !names.insert(name.clone()) {
                let span = table.get("name").map_or(node.span, |entry| entry.node.span);
                self.fault(span, Code::KeyTwice, format!("two init steps are named `{}`", short(&name)));
            }
            if table.get("exec").is_none() && table.get("shell").is_none() {
                self.fault(node.span, Code::MissingKey, "an init step needs `exec` or `shell`");
            }
            steps.extend(self.process(name, table, unit));
        }
        steps
    }

    /// An init step that is always restarted is a sidecar.
    fn init_policy(&mut self, table: &Table) {
        let Some(entry) = table.get("restart_policy") else { return };
        let sidecar = matches!(&entry.node.value, Value::String(policy) if policy == "Always");
        if sidecar {
            self.fault(entry.key_span, Code::NotYet, "a sidecar is not built yet")
                .label("an init step that is always restarted is one");
        } else {
            self.fault(entry.key_span, Code::NotYet, "`restart_policy` of an init step is not built yet")
                .label("an init step follows the policy of its pod");
        }
    }

    /// A growing delay. One that `max` would cut from the start begins at `max` (RST-013).
    pub(super) fn backoff(
        &mut self,
        parent: &Table,
        key: &str,
        spec: &TableSpec,
        default: Backoff,
        unit: &Table,
    ) -> Backoff {
        let Some(table) = self.table(parent, key) else { return default };
        self.check_keys(table, spec, unit);
        let mut backoff = default;
        if let Some(initial) = self.duration(table, "initial", DELAY_MIN) {
            backoff.initial = initial;
        }
        if let Some(factor) = self.number(table, "factor", 1.0..=1000.0) {
            backoff.factor = factor;
        }
        match self.duration(table, "max", DELAY_MIN) {
            Some(max) => backoff.max = max,
            // An initial delay beyond the default maximum is meant as it is written.
            None if table.get("max").is_none() => backoff.max = backoff.max.max(backoff.initial),
            None => {}
        }
        backoff.initial = backoff.initial.min(backoff.max);
        if spec.built.contains(&"jitter") {
            if let Some(jitter) = self.number(table, "jitter", 0.0..=1.0) {
                backoff.jitter = jitter;
            }
            if let Some(reset_after) = self.duration(table, "reset_after", Duration::ZERO) {
                backoff.reset_after = reset_after;
            }
        }
        backoff
    }

    fn stop(&mut self, unit: &Table) -> (i32, Duration) {
        let table = self.table(unit, "stop");
        let (mut signal, mut grace) = (libc::SIGTERM, Duration::from_secs(30));
        // Kubernetes has the grace period at the top.
        let pasted = unit.get("termination_grace_period");
        if let Some(pasted) = self.duration(unit, "termination_grace_period", Duration::ZERO) {
            grace = pasted;
        }
        let Some(table) = table else { return (signal, grace) };
        self.check_keys(table, &keys::STOP, unit);
        if let Some(own) = self.duration(table, "grace", Duration::ZERO) {
            grace = own;
        }
        if let (Some(pasted), Some(own)) = (pasted, table.get("grace")) {
            let line = self.sources.line(own.key_span);
            let written = self.sources.slice(pasted.key_span).to_owned();
            self.fault(pasted.key_span, Code::KeyTwice, format!("`{written}` and `grace` are one key"))
                .label(format!("`grace` is written in line {line} already"));
        }
        if let Some(entry) = table.get("signal") {
            let named = match &entry.node.value {
                Value::String(name) => value::signal(name),
                Value::Integer(number, _) => {
                    number.and_then(|n| i32::try_from(n).ok()).filter(|n| (1..=64).contains(n))
                }
                _ => None,
            };
            match named {
                Some(named) => signal = named,
                None => self.bad_signal(entry),
            }
        }
        (signal, grace)
    }

    fn bad_signal(&mut self, entry: &Entry) {
        let written = short(self.sources.slice(entry.node.span));
        let meant = match &entry.node.value {
            Value::String(name) if value::signal(&name.to_ascii_uppercase()).is_some() => {
                Some(name.to_ascii_uppercase())
            }
            _ => None,
        };
        let fault = self.fault(entry.node.span, Code::BadSignal, format!("{written} is no signal"));
        fault.label("a name like \"TERM\", or a number from 1 to 64");
        if let Some(meant) = meant {
            fault.help(format!("did you mean \"{meant}\"?"));
        }
    }

    fn startup(&mut self, unit: &Table) -> Option<Duration> {
        let table = self.table(unit, "startup")?;
        self.check_keys(table, &keys::STARTUP, unit);
        self.duration(table, "deadline", PERIOD_MIN)
    }

    fn logs(&mut self, unit: &Table) -> Logs {
        const SINKS: [(&str, Sink); 4] =
            [("log", Sink::Log), ("inherit", Sink::Inherit), ("both", Sink::Both), ("null", Sink::Null)];
        let mut logs = Logs { stdout: Sink::Default, stderr: Sink::Default };
        if let Some(table) = self.table(unit, "logs") {
            self.check_keys(table, &keys::LOGS, unit);
            logs.stdout = self.word(table, "stdout", &SINKS).map_or(Sink::Default, |(sink, _)| sink);
            logs.stderr = self.word(table, "stderr", &SINKS).map_or(Sink::Default, |(sink, _)| sink);
        }
        logs
    }

    fn readiness(&mut self, unit: &Table) -> Option<Probe> {
        const HANDLERS: [&str; 5] = ["notify", "fd", "tcp", "http", "exec"];
        let entry = unit.get("readiness")?;
        let table = self.table(unit, "readiness")?;
        self.check_keys(table, &keys::READINESS, unit);
        let handlers = table.entries.iter().filter(|entry| HANDLERS.contains(&entry.key.as_str()));
        let written: Vec<&Entry> = handlers.collect();
        let handler = match written[..] {
            [one] => self.handler(one, unit),
            [first, second, ..] => {
                let message = format!("`{}` beside `{}`", second.key, first.key);
                self.fault(second.key_span, Code::OneHandler, message).label("a probe asks in one way");
                None
            }
            [] => {
                // One that is misspelt or not built has its own fault already.
                if table.entries.iter().all(|entry| keys::READINESS.built.contains(&entry.key.as_str())) {
                    self.fault(entry.node.span, Code::OneHandler, "this probe has nothing to ask")
                        .help("give it one of `notify`, `fd`, `tcp`, `http`, `exec`");
                }
                None
            }
        };
        let initial_delay = self.duration(table, "initial_delay", Duration::ZERO).unwrap_or_default();
        let period = self.duration(table, "period", PERIOD_MIN).unwrap_or(Duration::from_secs(10));
        let timeout = self.duration(table, "timeout", PERIOD_MIN).unwrap_or(Duration::from_secs(1));
        let success_threshold = self.integer(table, "success_threshold", 1..=u32::MAX).unwrap_or(1);
        let failure_threshold = self.integer(table, "failure_threshold", 1..=u32::MAX).unwrap_or(3);
        let handler = handler?;
        if matches!(handler, Handler::Notify | Handler::Fd(_)) {
            self.no_times(table, &written[0].key);
        }
        let grace = None;
        Some(Probe { handler, initial_delay, period, timeout, success_threshold, failure_threshold, grace })
    }

    /// `notify` and `fd` are told, they do not ask.
    fn no_times(&mut self, table: &Table, handler: &str) {
        const TIMES: [&str; 5] =
            ["initial_delay", "period", "timeout", "success_threshold", "failure_threshold"];
        for entry in table.entries.iter().filter(|entry| TIMES.contains(&entry.key.as_str())) {
            let message = format!("`{}` has no effect with `{handler}`", entry.key);
            self.fault(entry.key_span, Code::NoEffect, message)
                .label("the process says when it is ready, nobody asks")
                .help("how long it may take is `deadline` in [startup]");
        }
    }

    fn handler(&mut self, entry: &Entry, unit: &Table) -> Option<Handler> {
        match entry.key.as_str() {
            "notify" => match entry.node.value {
                Value::Boolean(true) => Some(Handler::Notify),
                Value::Boolean(false) => {
                    self.fault(entry.node.span, Code::NoEffect, "`notify = false` asks nothing")
                        .label("leave out [readiness]: the pod is ready once it has started");
                    None
                }
                _ => {
                    self.wrong_type(entry, &entry.node, "`true`");
                    None
                }
            },
            "fd" => {
                let Value::Integer(number, _) = entry.node.value else {
                    self.wrong_type(entry, &entry.node, "the number of a descriptor");
                    return None;
                };
                let fd = number.and_then(|n| i32::try_from(n).ok()).filter(|fd| (3..=1023).contains(fd));
                if fd.is_none() {
                    let message =
                        format!("`fd = {}` is out of range", short(self.sources.slice(entry.node.span)));
                    self.fault(entry.node.span, Code::OutOfRange, message).label("it is 3 to 1023");
                }
                fd.map(Handler::Fd)
            }
            "tcp" => {
                let (host, port) = self.endpoint(entry, &keys::TCP, unit)?;
                Some(Handler::Tcp { host, port })
            }
            "http" => self.http(entry, unit),
            _ => self.exec(entry).map(Handler::Exec),
        }
    }

    fn http(&mut self, entry: &Entry, unit: &Table) -> Option<Handler> {
        let endpoint = self.endpoint(entry, &keys::HTTP, unit);
        let Some(table) = entry.node.as_table() else {
            let (host, port) = endpoint?;
            let path = Text::literal("/");
            return Some(Handler::Http(Http { tls: false, host, port, path, headers: Vec::new() }));
        };
        if let Some((scheme, span)) = self.string(table, "scheme") {
            match scheme.to_ascii_lowercase().as_str() {
                "http" => {}
                "https" => {
                    self.fault(span, Code::NotYet, "`scheme = \"https\"` is not built yet")
                        .label("this release asks by http only");
                }
                _ => {
                    let message = format!("`{}` is no scheme", short(scheme));
                    self.fault(span, Code::NotAWord, message).label("it is \"http\"");
                }
            }
        }
        let mut path = Some(Text::literal("/"));
        if let Some((written, span)) = self.string(table, "path") {
            if !written.starts_with(['/', '$']) {
                let meant = format!("did you mean \"/{}\"?", short(written));
                self.fault(span, Code::OutOfRange, "the path of a probe begins with `/`").help(meant);
            }
            if written.contains(['\r', '\n', ' ']) {
                self.fault(span, Code::OutOfRange, "the path of a probe has no spaces and no line breaks");
            }
            path = self.text(written, span);
        }
        let mut headers = Vec::new();
        for (header, value) in self.string_map(table, "headers") {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if header.key.is_empty() || !header.key.chars().all(token) || value.contains(['\r', '\n']) {
                let message = format!("`{}` is no header", short(&header.key));
                self.fault(header.key_span, Code::OutOfRange, message);
            }
            headers.extend(self.text(value, header.node.span).map(|value| (header.key.clone(), value)));
        }
        let (host, port) = endpoint?;
        Some(Handler::Http(Http { tls: false, host, port, path: path?, headers }))
    }

    /// Where a probe asks: `8080`, `{ port = 8080, host = "…" }`.
    fn endpoint(&mut self, entry: &Entry, spec: &TableSpec, unit: &Table) -> Option<(Text, Text)> {
        let local = Text::literal("127.0.0.1");
        let Some(table) = entry.node.as_table() else {
            return self.port(entry).map(|port| (local, port));
        };
        self.check_keys(table, spec, unit);
        let host = match self.string(table, "host") {
            Some((host, span)) if !host.is_empty() => self.text(host, span)?,
            Some((_, span)) => {
                self.fault(span, Code::OutOfRange, "`host` is empty");
                local
            }
            None => local,
        };
        let Some(port) = table.get("port") else {
            self.fault(entry.node.span, Code::MissingKey, format!("`{}` needs a `port`", entry.key));
            return None;
        };
        self.port(port).map(|port| (host, port))
    }

    fn port(&mut self, entry: &Entry) -> Option<Text> {
        let span = entry.node.span;
        let text = match &entry.node.value {
            Value::Integer(Some(number), _) => Text::literal(number.to_string()),
            Value::Integer(None, _) => Text::literal("beyond"),
            Value::String(text) => self.text(text, span)?,
            _ => {
                self.wrong_type(entry, &entry.node, "a port");
                return None;
            }
        };
        let known = text.variables().next().is_none();
        if known && !text.to_string().parse::<u16>().is_ok_and(|port| port > 0) {
            let message = format!("{} is no port", short(self.sources.slice(span)));
            self.fault(span, Code::OutOfRange, message).label("a port is 1 to 65535");
            return None;
        }
        Some(text)
    }
}

/// A DNS label.
pub(super) fn is_label(name: &str) -> bool {
    let body = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(body) && !name.starts_with('-') && !name.ends_with('-')
}
