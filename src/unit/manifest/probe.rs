//! Probes and hooks of a container.

use super::super::diagnostic::Code;
use super::super::reader::short;
use super::super::source::Span;
use super::super::tree::{Entry, Node, Table, Value};
use super::environment::{Variables, escape};
use super::fields::{INT32_MAX, present};
use super::pod::Translation;
use super::specs::{EXEC, GRPC, HOOK, HTTP, LIFECYCLE, NAME_VALUE, PROBE, SLEEP, TCP};
use super::write::{seconds, text};

/// Fields of a probe in whole seconds, with ours, the least that counts as written (PRB-001), and whether
/// zero means Kubernetes' default.
const TIMES: [(&str, &str); 3] =
    [("initialDelaySeconds", "initial_delay"), ("periodSeconds", "period"), ("timeoutSeconds", "timeout")];
const THRESHOLDS: [(&str, &str); 2] =
    [("successThreshold", "success_threshold"), ("failureThreshold", "failure_threshold")];
const HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];

impl Translation<'_> {
    /// The three probes.
    pub(super) fn probes(&mut self, container: &Table, variables: &Variables, process: &mut Table) {
        for (field, key) in
            [("startupProbe", "startup"), ("readinessProbe", "readiness"), ("livenessProbe", "liveness")]
        {
            let Some((probe, entry)) = self.fields.object(container, field) else { continue };
            let probe = self.probe(probe, entry, key, container, variables);
            process.put(key, entry.key_span, Value::Table(probe));
        }
    }

    fn probe(
        &mut self,
        probe: &Table,
        entry: &Entry,
        key: &str,
        container: &Table,
        variables: &Variables,
    ) -> Table {
        self.fields.check(probe, &PROBE);
        let mut table = Table::default();
        let written: Vec<&Entry> = HANDLERS.iter().filter_map(|handler| present(probe, handler)).collect();
        match written[..] {
            [one] => match one.key.as_str() {
                "exec" => self.exec(probe, "exec", Some(variables), &mut table),
                "httpGet" => self.http(probe, container, &mut table),
                "tcpSocket" => self.tcp(probe, container, &mut table),
                _ => self.grpc(probe, &mut table),
            },
            [] => {
                self.fields
                    .fault(entry.key_span, Code::OneHandler, format!("`{}` has nothing to ask", entry.key))
                    .help("give it one of `exec`, `httpGet`, `tcpSocket`, `grpc`");
            }
            [first, second, ..] => {
                let message = format!("`{}` beside `{}`", second.key, first.key);
                self.fields
                    .fault(second.key_span, Code::OneHandler, message)
                    .label("a probe asks in one way");
            }
        }
        for (field, ours) in TIMES {
            // Zero is the default, but for the delay, whose default it is.
            if let Some((number, span)) = self.fields.integer(probe, field, 0..=INT32_MAX)
                && number > 0
            {
                table.put(ours, span, seconds(number));
            }
        }
        for (field, ours) in THRESHOLDS {
            let Some((number, span)) = self.fields.integer(probe, field, 0..=INT32_MAX) else { continue };
            if field == "successThreshold" && number > 1 && key != "readiness" {
                let message = format!("`successThreshold` of a {} is 1", entry.key);
                self.fields.fault(span, Code::OutOfRange, message).label("one success is enough (PRB-002)");
            }
            if number > 0 {
                table.put(ours, span, number);
            }
        }
        if let Some((grace, span)) =
            self.fields.integer(probe, "terminationGracePeriodSeconds", 1..=INT32_MAX)
        {
            if key == "readiness" {
                self.fields
                    .fault(span, Code::NoEffect, "`terminationGracePeriodSeconds` of a readiness probe")
                    .label("failing it ends nothing (PRB-015)");
            }
            table.put("grace", span, seconds(grace));
        }
        table
    }

    /// `lifecycle`: what runs after the start and before the stop, and by which signal.
    pub(super) fn lifecycle(&mut self, container: &Table, process: &mut Table) {
        let Some((lifecycle, at)) = self.fields.object(container, "lifecycle") else { return };
        self.fields.check(lifecycle, &LIFECYCLE);
        let mut stop = Table::default();
        if let Some((signal, span)) = self.fields.string(lifecycle, "stopSignal") {
            if !signal.starts_with("SIG") {
                self.fields
                    .fault(span, Code::BadSignal, format!("`{}` is no signal", short(signal)))
                    .label("Kubernetes writes `SIGTERM`, `SIGRTMIN+3`");
            }
            stop.put("signal", span, signal);
        }
        if let Some((hook, entry)) = self.fields.object(lifecycle, "preStop")
            && let Some(value) = self.hook(hook, entry.key_span, container)
        {
            stop.put("pre", entry.key_span, value);
        }
        if let Some((hook, entry)) = self.fields.object(lifecycle, "postStart")
            && let Some(value) = self.hook(hook, entry.key_span, container)
        {
            let mut startup = match process.get("startup").map(|entry| &entry.node.value) {
                Some(Value::Table(startup)) => startup.clone(),
                _ => Table::default(),
            };
            startup.put("post", entry.key_span, value);
            process.put_table("startup", at.key_span, startup);
        }
        process.put_table("stop", at.key_span, stop);
    }

    /// A hook: an array for a command, a table for the rest.
    fn hook(&mut self, hook: &Table, at: Span, container: &Table) -> Option<Value> {
        self.fields.check(hook, &HOOK);
        let written: Vec<&Entry> = HOOK.taken.iter().filter_map(|handler| present(hook, handler)).collect();
        let [one] = written[..] else {
            if present(hook, "tcpSocket").is_none() {
                let message = "a hook does exactly one thing";
                self.fields.fault(at, Code::OneHandler, message).help("one of `exec`, `httpGet`, `sleep`");
            }
            return None;
        };
        let mut table = Table::default();
        match one.key.as_str() {
            "exec" => {
                // A hook's words are not expanded.
                self.exec(hook, "exec", None, &mut table);
                return table.entries.pop().map(|entry| entry.node.value);
            }
            "httpGet" => self.http(hook, container, &mut table),
            _ => {
                let (sleep, entry) = self.fields.object(hook, "sleep")?;
                self.fields.check(sleep, &SLEEP);
                self.fields.needed(sleep, "seconds", entry.key_span, "sleep")?;
                let (number, span) = self.fields.integer(sleep, "seconds", 0..=INT32_MAX)?;
                table.put("sleep", span, seconds(number));
            }
        }
        Some(Value::Table(table))
    }

    fn exec(&mut self, parent: &Table, key: &str, variables: Option<&Variables>, table: &mut Table) {
        let Some((exec, entry)) = self.fields.object(parent, key) else { return };
        self.fields.check(exec, &EXEC);
        if self.fields.needed(exec, "command", entry.key_span, "exec").is_none() {
            return;
        }
        let words = self.fields.strings(exec, "command").unwrap_or_default();
        let mut items = Vec::with_capacity(words.len());
        for (word, span) in words {
            let word = match variables {
                Some(variables) => self.expand(word, span, variables),
                None => Some(escape(word)),
            };
            items.extend(word.map(|word| text(word, span)));
        }
        let span = present(exec, "command").map_or(entry.node.span, |command| command.node.span);
        table.put_at("exec", entry.key_span, Node { value: Value::Array(items), span });
    }

    fn http(&mut self, parent: &Table, container: &Table, table: &mut Table) {
        let Some((get, entry)) = self.fields.object(parent, "httpGet") else { return };
        self.fields.check(get, &HTTP);
        let mut http = Table::default();
        self.endpoint(get, entry, container, &mut http);
        if let Some((path, span)) = self.fields.string(get, "path") {
            let slash = if path.starts_with('/') { "" } else { "/" };
            http.put("path", span, format!("{slash}{}", escape(path)));
        }
        if let Some((scheme, span)) = self.fields.word(get, "scheme", &["HTTP", "HTTPS"])
            && scheme == "HTTPS"
        {
            http.put("scheme", span, "https");
        }
        let mut headers = Table::default();
        for (header, node) in self.fields.objects(get, "httpHeaders") {
            self.fields.check(header, &NAME_VALUE);
            let named = self.fields.needed(header, "name", node.span, "a header").is_some();
            if let (true, Some((name, at)), value) =
                (named, self.fields.string(header, "name"), self.fields.string(header, "value"))
            {
                let (value, span) = value.unwrap_or(("", at));
                headers.put_at(name, at, text(escape(value), span));
            }
        }
        http.put_table("headers", entry.key_span, headers);
        table.put("http", entry.key_span, Value::Table(http));
    }

    fn tcp(&mut self, parent: &Table, container: &Table, table: &mut Table) {
        let Some((socket, entry)) = self.fields.object(parent, "tcpSocket") else { return };
        self.fields.check(socket, &TCP);
        let mut tcp = Table::default();
        self.endpoint(socket, entry, container, &mut tcp);
        table.put("tcp", entry.key_span, Value::Table(tcp));
    }

    fn grpc(&mut self, parent: &Table, table: &mut Table) {
        let Some((call, entry)) = self.fields.object(parent, "grpc") else { return };
        self.fields.check(call, &GRPC);
        let mut grpc = Table::default();
        self.fields.needed(call, "port", entry.key_span, "grpc");
        if let Some((port, span)) = self.fields.integer(call, "port", 1..=65535) {
            grpc.put("port", span, port);
        }
        if let Some((service, span)) = self.fields.string(call, "service") {
            grpc.put("service", span, service);
        }
        table.put("grpc", entry.key_span, Value::Table(grpc));
    }

    /// Where a probe asks: this machine, unless it says otherwise. A port may be one of the container's by
    /// its name.
    fn endpoint(&mut self, of: &Table, entry: &Entry, container: &Table, table: &mut Table) {
        if let Some((host, span)) = self.fields.string(of, "host")
            && !host.is_empty()
        {
            table.put("host", span, escape(host));
        }
        let Some(port) = self.fields.needed(of, "port", entry.key_span, &entry.key) else { return };
        let span = port.node.span;
        match &port.node.value {
            Value::Integer(..) => {
                if let Some((number, span)) = self.fields.integer(of, "port", 1..=65535) {
                    table.put("port", span, number);
                }
            }
            Value::String(name) => match self.named_port(container, name) {
                Some(number) => table.put("port", span, number),
                None => {
                    let message = format!("the container has no port named `{}`", short(name));
                    self.fields
                        .fault(span, Code::OutOfRange, message)
                        .help("a number is written without quotes");
                }
            },
            _ => self.fields.wrong_type("port", &port.node, "a number, or the name of a port"),
        }
    }

    fn named_port(&self, container: &Table, name: &str) -> Option<i64> {
        let Value::Array(ports) = &present(container, "ports")?.node.value else { return None };
        let named = |port: &&Table| matches!(port.get("name").map(|entry| &entry.node.value), Some(Value::String(text)) if text == name);
        let port = ports.iter().filter_map(Node::as_table).find(named)?;
        match port.get("containerPort")?.node.value {
            Value::Integer(number, _) => number.filter(|number| (1..=65535).contains(number)),
            _ => None,
        }
    }
}
