//! A container → a process: what it runs, with what, and when it runs again.

use super::super::diagnostic::Code;
use super::super::reader::short;
use super::super::source::Span;
use super::super::tree::{Entry, Node, Table, Value};
use super::environment::{Variables, escape};
use super::fields::{Spec, present};
use super::pod::Translation;
use super::specs::{CONTAINER, PORT, RESOURCES};
use super::write::text;
use crate::limits::{EXIT_CODES_MAX, RESTART_RULES_MAX};

/// What a container is to its pod.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The first of `containers`: the unit's own process.
    Main,
    /// A further one.
    Beside,
    /// One of `initContainers`, a sidecar among them.
    Init,
}

static RULE: Spec = Spec { name: "a restart rule", taken: &["action", "exitCodes"], idle: &[], refused: &[] };
static EXIT_CODES: Spec = Spec { name: "exitCodes", taken: &["operator", "values"], idle: &[], refused: &[] };

impl Translation<'_> {
    /// Writes the process that a container describes into `process`.
    pub(super) fn container(&mut self, container: &Table, node: &Node, role: Role, process: &mut Table) {
        self.fields.check(container, &CONTAINER);
        let name = self.container_name(container, node.span);
        let at = name.as_ref().map_or(node.span, |(_, span)| *span);
        if let Some((name, span)) = &name {
            let key = if role == Role::Main { "container" } else { "name" };
            process.put_at(key, *span, text(name.clone(), *span));
        }
        self.fields.string(container, "image");
        let variables = self.environment(container, process);
        self.command(container, name.as_ref().map_or("", |(name, _)| name), at, &variables, process);
        if let Some((path, span)) = self.fields.string(container, "workingDir") {
            if !path.starts_with('/') {
                self.fields
                    .fault(span, Code::OutOfRange, "`workingDir` is an absolute path")
                    .label("it would be relative to an image");
            }
            process.put("working_dir", span, escape(path));
        }
        let sidecar = self.policy(container, role, at, process);
        self.rules(container, process);
        self.ports(container);
        self.resources(container, process);
        self.idle_input(container);
        self.security(container, at, process);
        self.mounts(container, process);
        if role == Role::Init && !sidecar {
            self.no_life(container);
        } else {
            self.probes(container, &variables, process);
            self.lifecycle(container, process);
        }
    }

    fn container_name(&mut self, container: &Table, at: Span) -> Option<(String, Span)> {
        self.fields.needed(container, "name", at, "a container")?;
        let (name, span) = self.fields.string(container, "name")?;
        if !super::super::beside::is_label(name) {
            let message = format!("`{}` is no name of a container", short(name));
            self.fields
                .fault(span, Code::BadName, message)
                .label("lower-case letters, digits and `-`, at most 63");
            return None;
        }
        if let Some(first) = self.names.insert(name.to_owned(), span) {
            let line = self.fields.sources.line(first);
            self.fields
                .fault(span, Code::KeyTwice, format!("two containers are named `{name}`"))
                .label(format!("the other one is in line {line}"));
        }
        Some((name.to_owned(), span))
    }

    /// `command` and `args`: an image names no program here.
    fn command(
        &mut self,
        container: &Table,
        name: &str,
        at: Span,
        variables: &Variables,
        process: &mut Table,
    ) {
        let command = self.fields.strings(container, "command").unwrap_or_default();
        let args = self.fields.strings(container, "args").unwrap_or_default();
        let Some(entry) = present(container, "command").filter(|_| !command.is_empty()) else {
            let list =
                present(container, "command").is_none_or(|entry| matches!(entry.node.value, Value::Array(_)));
            if list && !self.fields.is_misspelt(container, "command") {
                let message =
                    format!("container `{}` of a {} has no `command`", short(name), self.kind.as_str());
                self.fields
                    .fault(at, Code::NoProgram, message)
                    .label("its image names no program here")
                    .help("write `command: [\"/path/to/program\"]`: what the image would run");
            }
            // So that nothing else is said to be missing.
            process.put("exec", at, Value::Array(vec![text("true", at)]));
            return;
        };
        let words = command.into_iter().chain(args);
        let exec = words.filter_map(|(word, span)| Some(text(self.expand(word, span, variables)?, span)));
        let node = Node { value: Value::Array(exec.collect()), span: entry.node.span };
        process.put_at("exec", entry.key_span, node);
    }

    /// The container's own `restartPolicy`; whether that makes it a sidecar (SID-001, CRR-001).
    fn policy(&mut self, container: &Table, role: Role, at: Span, process: &mut Table) -> bool {
        const WORDS: [&str; 3] = ["Always", "OnFailure", "Never"];
        let policy = self.fields.word(container, "restartPolicy", &WORDS);
        if let (None, Some(rules)) = (policy, present(container, "restartPolicyRules")) {
            self.fields
                .fault(
                    rules.key_span,
                    Code::MissingKey,
                    "`restartPolicyRules` needs a `restartPolicy` of the container",
                )
                .label("what happens when no rule matches (CRR-002)");
        }
        let Some((policy, span)) = policy else { return false };
        match role {
            Role::Init | Role::Beside => process.put("restart_policy", span, policy),
            Role::Main if policy == self.policy => {}
            Role::Main => {
                let message =
                    format!("`restartPolicy: {policy}` of the first container differs from its pod's");
                self.fields
                    .fault(if at.end > 0 { span } else { at }, Code::NotYet, message)
                    .label("this release has one policy for both");
            }
        }
        role == Role::Init && policy == "Always"
    }

    fn rules(&mut self, container: &Table, process: &mut Table) {
        for (place, (rule, node)) in
            self.fields.objects(container, "restartPolicyRules").into_iter().enumerate()
        {
            if place == RESTART_RULES_MAX {
                let message = format!("more than {RESTART_RULES_MAX} restart rules");
                self.fields.fault(node.span, Code::OutOfRange, message);
            }
            self.fields.check(rule, &RULE);
            let mut table = Table::default();
            if self.fields.needed(rule, "action", node.span, "a restart rule").is_some()
                && let Some((action, span)) =
                    self.fields.word(rule, "action", &["Restart", "RestartAllContainers"])
            {
                table.put("action", span, action);
            }
            if self.fields.needed(rule, "exitCodes", node.span, "a restart rule").is_some()
                && let Some((codes, entry)) = self.fields.object(rule, "exitCodes")
            {
                self.fields.check(codes, &EXIT_CODES);
                let codes = self.exit_codes(codes, entry.key_span);
                table.put("exit_codes", entry.key_span, Value::Table(codes));
            }
            process.push("restart_rules", node.span, table);
        }
    }

    /// `operator` and `values`, as our rules have them.
    pub(super) fn exit_codes(&mut self, codes: &Table, at: Span) -> Table {
        let mut table = Table::default();
        if self.fields.needed(codes, "operator", at, "a rule of exit codes").is_some()
            && let Some((operator, span)) = self.fields.word(codes, "operator", &["In", "NotIn"])
        {
            table.put("operator", span, operator);
        }
        if let Some(entry) = self.fields.needed(codes, "values", at, "a rule of exit codes") {
            let items = self.fields.list(codes, "values");
            for item in items.iter().filter(|item| !matches!(item.value, Value::Integer(..))) {
                self.fields.wrong_type("values", item, "integers");
            }
            if items.is_empty() || items.len() > EXIT_CODES_MAX {
                let message = format!("`values` has 1 to {EXIT_CODES_MAX} exit codes");
                self.fields.fault(entry.key_span, Code::OutOfRange, message);
            }
            for item in items {
                if let Value::Integer(code, _) = item.value
                    && !code.is_some_and(|code| (0..=255).contains(&code))
                {
                    self.fields
                        .fault(item.span, Code::OutOfRange, "an exit code is 0 to 255")
                        .label("a death by signal n is 128 + n");
                }
            }
            table.put_at("values", entry.key_span, entry.node.clone());
        }
        table
    }

    /// A port of a container is a note for people, in Kubernetes as here. A host port is a mapping, unless the
    /// pod has this machine's network anyway and both are the same.
    fn ports(&mut self, container: &Table) {
        for (port, node) in self.fields.objects(container, "ports") {
            self.fields.check(port, &PORT);
            self.fields.needed(port, "containerPort", node.span, "a port");
            let number = self.fields.integer(port, "containerPort", 1..=65535).map(|(number, _)| number);
            self.fields.string(port, "name");
            self.fields.word(port, "protocol", &["TCP", "UDP", "SCTP"]);
            let same = |entry: &&Entry| match entry.node.value {
                Value::Integer(host, _) => host == Some(0) || !self.own_network && host == number,
                _ => false,
            };
            if let Some(entry) = present(port, "hostPort").filter(|entry| !same(entry)) {
                self.fields.refuse(
                    entry.key_span,
                    "hostPort",
                    "a process listens on the port it likes; nothing is mapped",
                );
            }
        }
    }

    /// Limits of CPU and memory hold; requests are for a scheduler.
    fn resources(&mut self, container: &Table, process: &mut Table) {
        let Some((resources, _)) = self.fields.object(container, "resources") else { return };
        self.fields.check(resources, &RESOURCES);
        for key in ["limits", "requests"] {
            let Some((table, entry)) = self.fields.object(resources, key) else { continue };
            let (mut idle, mut limits) = (false, Table::default());
            for one in &table.entries {
                match one.key.as_str() {
                    "cpu" if key == "limits" => {
                        let millis = self.quantity(&one.node, "cpu").filter(|millis| *millis > 0);
                        let millis = millis.map(|millis| format!("{millis}m"));
                        limits.entries.extend(millis.map(|millis| limit(one, "cpu_max", millis)));
                    }
                    "memory" if key == "limits" => {
                        let bytes = self.quantity(&one.node, "memory").map(|bytes| bytes.div_euclid(1_000));
                        let bytes = bytes.filter(|bytes| *bytes > 0).map(|bytes| bytes.to_string());
                        limits.entries.extend(bytes.map(|bytes| limit(one, "memory_max", bytes)));
                    }
                    "cpu" | "memory" | "ephemeral-storage" => idle = true,
                    device if device.contains('/') || device.starts_with("hugepages-") => {
                        self.fields.refuse(one.key_span, device, "devices are not given out here");
                    }
                    _ => {
                        let message = format!("unknown resource `{}`", short(&one.key));
                        self.fields.fault(one.key_span, Code::UnknownKey, message).label("cpu or memory");
                    }
                }
                if !matches!(one.node.value, Value::String(_) | Value::Integer(..) | Value::Float(_)) {
                    self.fields.wrong_type(&one.key, &one.node, "a quantity, like `500m` or `256Mi`");
                }
            }
            process.put_table("resources", entry.key_span, limits);
            if idle {
                let why = if key == "limits" { "disks are not limited" } else { "nothing is scheduled" };
                self.fields.no_meaning(entry, why);
            }
        }
    }

    fn idle_input(&mut self, container: &Table) {
        for key in ["stdin", "tty"] {
            if let (Some((true, _)), Some(entry)) = (self.fields.boolean(container, key), container.get(key))
            {
                self.fields.no_meaning(entry, "standard input is empty; `supctl exec -it` has a terminal");
            }
        }
    }

    /// INI-004.
    fn no_life(&mut self, container: &Table) {
        for key in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] {
            if let Some(entry) = present(container, key) {
                self.fields
                    .fault(entry.key_span, Code::NoEffect, format!("`{key}` of an init container"))
                    .label("only a sidecar may have it: one with `restartPolicy: Always`");
            }
        }
    }
}

/// A limit in our words, at its place in the manifest. None is one that is 0, as Kubernetes has it.
fn limit(written: &Entry, key: &str, value: String) -> Entry {
    Entry { key: key.to_owned(), node: text(value, written.node.span), ..written.clone() }
}
