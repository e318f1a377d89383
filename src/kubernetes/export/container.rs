//! One process as a container.

use serde_json::{Map, Value, json};

use super::Writer;
use super::text::{Names, Reader};
use crate::unit::model::{
    Account, HookKind, Limits, Operator, Part, ProbeKind, Process, RestartAction, RestartPolicy,
};

/// The greatest uid and gid of a container.
const ID_MAX: u32 = i32::MAX as u32;
/// The only account that every system has.
const ROOT: &str = "root";
/// Variables that supd sets in every process. JOB_COMPLETION_INDEX is Kubernetes' too.
const OWN_VARIABLES: [&str; 8] = [
    "SUPD_UNIT",
    "SUPD_POD",
    "SUPD_PROCESS",
    "SUPD_ATTEMPT",
    "SUPD_RUN",
    "SUPD_REPLICA",
    "SUPD_SCHEDULED_TIME",
    "NOTIFY_SOCKET",
];
const SIGTERM: i32 = 15;
/// Real-time signals have no names of their own; they count from the first one.
const SIGRTMIN: i32 = 34;

/// Where the keys of a process stand in its unit file.
pub(super) struct Place<'a> {
    process: &'a Process,
    /// It is the main one: its keys stand at the top.
    main: bool,
}

impl<'a> Place<'a> {
    pub(super) fn new(process: &'a Process, main: bool) -> Self {
        Self { process, main }
    }

    /// The key as people find it: `user`, `init.prepare.user`.
    pub(super) fn key(&self, key: &str) -> String {
        let table = match self.process.part {
            Part::Application if self.main => return key.to_owned(),
            Part::Application => "process",
            Part::Init => "init",
            Part::Sidecar => "sidecar",
        };
        format!("{table}.{}.{key}", self.process.name)
    }
}

impl Writer<'_> {
    /// A process as a container of a pod with this policy.
    pub(super) fn container(&mut self, place: &Place<'_>, pod: RestartPolicy) -> Value {
        let process = place.process;
        let mut names = Names::of(&process.env);
        let command = self.words(&place.key("exec"), &process.exec, Reader::Container, &mut names);
        let mut own = Vec::new();
        for (name, text) in &process.env {
            let key = place.key(&format!("env.{name}"));
            if name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                own.push(self.variable(&key, name, text, &mut names));
            } else {
                self.lose(key, "not a name there: printable ASCII only");
            }
        }
        let env = names.before(own);

        let mut written = Map::new();
        let mut put = |key: &str, value: Value| written.insert(key.to_owned(), value);
        put("name", process.name.as_str().into());
        put("image", self.image.into());
        put("command", command.unwrap_or_default().into());
        if let Some(limits) = limits(&process.limits) {
            put("resources", limits);
        }
        if !env.is_empty() {
            put("env", env.into());
        }
        let from = self.env_files(place);
        if !from.is_empty() {
            put("envFrom", from.into());
        }
        let directory = process.working_dir.as_ref();
        let key = place.key("working_dir");
        if let Some(path) = directory.and_then(|path| self.text(&key, path, Reader::Nobody, &mut names)) {
            put("workingDir", path.into());
        }
        let mounts = self.mounts(place, process);
        if !mounts.is_empty() {
            put("volumeMounts", mounts.into());
        }
        if let Some(context) = self.security_context(place) {
            put("securityContext", context);
        }
        self.restarts(place, pod, &mut put);
        if let Some(lifecycle) = self.lifecycle(place) {
            put("lifecycle", lifecycle);
        }
        let probes = [
            (ProbeKind::Startup, "startupProbe"),
            (ProbeKind::Readiness, "readinessProbe"),
            (ProbeKind::Liveness, "livenessProbe"),
        ];
        for (kind, key) in probes {
            if let Some(probe) = process.probe(kind).and_then(|probe| self.probe(place, kind, probe)) {
                put(key, probe);
            }
        }
        self.own_variables(place);
        self.left_out(place);
        Value::Object(written)
    }

    /// A file of variables stays where it is; a Secret that is made from it takes its place.
    fn env_files(&mut self, place: &Place<'_>) -> Vec<Value> {
        let process = place.process;
        let mut from = Vec::new();
        for (number, file) in process.env_file.iter().enumerate() {
            let key = place.key("env_file");
            let Some(path) = self.text(&key, &file.path, Reader::Nobody, &mut Names::default()) else {
                continue;
            };
            let secret = format!("{}-{}-env-{number}", self.unit.name.pod_stem(), process.name);
            let mut reference = json!({ "name": secret });
            if file.optional {
                reference["optional"] = true.into();
            }
            from.push(json!({ "secretRef": reference }));
            let make = format!("kubectl create secret generic {secret} --from-env-file='{path}'");
            self.lose(key, format!("`{path}` stays here; take it there: {make}"));
        }
        from
    }

    fn security_context(&mut self, place: &Place<'_>) -> Option<Value> {
        let mut context = Map::new();
        let accounts =
            [("user", "runAsUser", &place.process.user), ("group", "runAsGroup", &place.process.group)];
        for (ours, theirs, account) in accounts {
            let Some(account) = account else { continue };
            if let Some(id) = self.account(&place.key(ours), account) {
                context.insert(theirs.to_owned(), id.into());
            }
        }
        (!context.is_empty()).then_some(Value::Object(context))
    }

    /// The number of an account: a cluster knows no names but that of root.
    pub(super) fn account(&mut self, key: &str, account: &Account) -> Option<u32> {
        match account {
            Account::Id(id) if *id <= ID_MAX => Some(*id),
            Account::Id(id) => {
                self.lose(
                    key,
                    format!("{id} is beyond {ID_MAX}, the greatest there: the image's own is used"),
                );
                None
            }
            Account::Name(name) if name == ROOT => Some(0),
            Account::Name(name) => {
                self.lose(key, format!("`{name}` is a name of this machine: write its number"));
                None
            }
        }
    }

    fn restarts(
        &mut self,
        place: &Place<'_>,
        pod: RestartPolicy,
        put: &mut impl FnMut(&str, Value) -> Option<Value>,
    ) {
        let process = place.process;
        let inherited = match (process.part, pod) {
            // INI-002.
            (Part::Init, RestartPolicy::Always) => RestartPolicy::OnFailure,
            _ => pod,
        };
        let own = process.part == Part::Sidecar || process.restart_policy != inherited;
        if own || !process.restart_rules.is_empty() {
            put("restartPolicy", policy(process.restart_policy).into());
        }
        let rules = process.restart_rules.iter().map(|rule| {
            let action = match rule.action {
                RestartAction::Restart => "Restart",
                RestartAction::RestartAllContainers => "RestartAllContainers",
            };
            let codes = &rule.exit_codes;
            json!({
                "action": action,
                "exitCodes": { "operator": operator(codes.operator), "values": codes.values },
            })
        });
        let rules: Vec<Value> = rules.collect();
        if !rules.is_empty() {
            put("restartPolicyRules", rules.into());
        }
    }

    fn lifecycle(&mut self, place: &Place<'_>) -> Option<Value> {
        let mut lifecycle = Map::new();
        for (kind, key) in [(HookKind::PostStart, "postStart"), (HookKind::PreStop, "preStop")] {
            if let Some(hook) = place.process.hook(kind).and_then(|hook| self.hook(place, kind, hook)) {
                lifecycle.insert(key.to_owned(), hook);
            }
        }
        if stops_otherwise(place.process) {
            let signal = place.process.stop.signal;
            match signal_name(signal) {
                Some(name) => {
                    lifecycle.insert("stopSignal".to_owned(), name.into());
                }
                None => self.lose(place.key("stop.signal"), format!("there is no signal {signal} there")),
            }
        }
        (!lifecycle.is_empty()).then_some(Value::Object(lifecycle))
    }

    /// What supd sets in the environment is not there; a text that has its name probably reads it.
    fn own_variables(&mut self, place: &Place<'_>) {
        let words: Vec<String> = place.process.exec.iter().map(ToString::to_string).collect();
        for name in OWN_VARIABLES {
            if words.iter().any(|word| word.contains(name)) {
                self.lose(place.key("exec"), format!("`{name}` is not set there"));
            }
        }
    }

    /// What a container has no field for.
    fn left_out(&mut self, place: &Place<'_>) {
        let process = place.process;
        if !process.env_pass.is_empty() {
            let names = process.env_pass.join(", ");
            self.lose(place.key("env_pass"), format!("{names}: of this machine; write them in [env]"));
        }
        if process.umask.is_some() {
            self.lose(place.key("umask"), "no such field: set it in the program, or by `sh -c 'umask …'`");
        }
        if !process.rlimits.is_empty() {
            let names: Vec<&str> = process.rlimits.iter().map(|limit| limit.name.as_str()).collect();
            let key = place.key("resources.rlimits");
            self.lose(key, format!("{}: no such field: the node's own are used", names.join(", ")));
        }
        for (key, why) in [
            ("memory_high", process.limits.memory_high.map(|_| "no such field: only limits.memory")),
            (
                "cpu_weight",
                process.limits.cpu_weight.map(|_| "write requests.cpu there, by which CPU is shared out"),
            ),
            ("pids_max", process.limits.pids_max.map(|_| "no such field: the node's own is used")),
        ] {
            if let Some(why) = why {
                self.lose(place.key(&format!("resources.{key}")), why);
            }
        }
        if process.success_exit != [0] {
            self.lose(place.key("success_exit"), "only 0 is success there");
        }
        if process.start_deadline.is_some() {
            let why = "no such field: a [startup] probe's failure_threshold × period bounds a start there";
            self.lose(place.key("startup.deadline"), why);
        }
    }
}

/// What Kubernetes limits, too.
fn limits(limits: &Limits) -> Option<Value> {
    let mut written = Map::new();
    let cpu = limits.cpu_max.map(|millis| match millis % 1_000 {
        0 => (millis / 1_000).to_string(),
        _ => format!("{millis}m"),
    });
    written.extend(cpu.map(|cpu| ("cpu".to_owned(), Value::from(cpu))));
    let memory = limits.memory_max.map(|bytes| match bytes % (1 << 20) {
        0 => format!("{}Mi", bytes >> 20),
        _ => bytes.to_string(),
    });
    written.extend(memory.map(|memory| ("memory".to_owned(), Value::from(memory))));
    let limits = Value::Object(Map::from_iter([("limits".to_owned(), Value::Object(written.clone()))]));
    (!written.is_empty()).then_some(limits)
}

/// Whether it is asked to end by another signal than Kubernetes' own.
pub(super) fn stops_otherwise(process: &Process) -> bool {
    // The steps before end by themselves.
    process.stop.signal != SIGTERM && process.part != Part::Init
}

/// A signal as Kubernetes spells it.
fn signal_name(signal: i32) -> Option<String> {
    if let Ok(known) = nix::sys::signal::Signal::try_from(signal) {
        return Some(known.as_str().to_owned());
    }
    match signal - SIGRTMIN {
        0 => Some("SIGRTMIN".to_owned()),
        above @ 1..=15 => Some(format!("SIGRTMIN+{above}")),
        above @ 16..=29 => Some(format!("SIGRTMAX-{}", 30 - above)),
        30 => Some("SIGRTMAX".to_owned()),
        _ => None,
    }
}

/// A policy as Kubernetes spells it.
pub(super) fn policy(policy: RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::Always => "Always",
        RestartPolicy::OnFailure => "OnFailure",
        RestartPolicy::Never => "Never",
    }
}

/// An operator as Kubernetes spells it.
pub(super) fn operator(operator: Operator) -> &'static str {
    match operator {
        Operator::In => "In",
        Operator::NotIn => "NotIn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_spelt_as_kubernetes_does() {
        let names: Vec<Option<String>> = [2, 15, 34, 37, 49, 50, 63, 64, 32, 0].map(signal_name).into();
        let names: Vec<&str> = names.iter().map(|name| name.as_deref().unwrap_or("-")).collect();
        let expected = "SIGINT SIGTERM SIGRTMIN SIGRTMIN+3 SIGRTMIN+15 SIGRTMAX-14 SIGRTMAX-1 SIGRTMAX - -";
        assert_eq!(names.join(" "), expected);
    }
}
