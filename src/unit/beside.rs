//! The processes of a pod beside main: steps before it, sidecars, further processes of the application.

use std::collections::HashSet;

use super::diagnostic::Code;
use super::keys::{self, TableSpec};
use super::model::{Part, Process, RestartPolicy};
use super::reader::{Reader, short};
use super::restart::POLICIES;
use super::tree::{Node, Table};

/// What the pod says of restarts.
#[derive(Clone, Copy)]
pub(super) struct Policies {
    /// Its own policy, which holds for processes that have none.
    pub(super) pod: RestartPolicy,
    /// It is a job's, or essential: no process of the application may run for ever.
    pub(super) must_end: bool,
}

/// The names of a pod's processes; each is the name of a directory of logs.
pub(super) struct Names {
    main: String,
    beside: HashSet<String>,
}

impl Names {
    /// Those of a pod whose own process has this one.
    pub(super) fn new(main: String) -> Self {
        Self { main, beside: HashSet::new() }
    }

    /// The name of its own process.
    pub(super) fn main(&self) -> &str {
        &self.main
    }
}

/// What only a process that stays has (INI-004).
const OF_WHAT_STAYS: [&str; 4] = ["startup", "readiness", "liveness", "stop"];

impl Reader<'_> {
    /// `[[init]]`, in order; one that is always restarted is a sidecar at its place (SID-001).
    pub(super) fn steps(&mut self, unit: &Table, policies: Policies, names: &mut Names) -> Vec<Process> {
        let mut steps = Vec::new();
        for (place, (node, table)) in self.tables(unit, "init").into_iter().enumerate() {
            let own = self.word(table, "restart_policy", &POLICIES).map(|(policy, _)| policy);
            let sidecar = own == Some(RestartPolicy::Always);
            if !sidecar {
                self.refuse_of_what_stays(table);
            }
            let part = if sidecar { Part::Sidecar } else { Part::Init };
            let restart_policy = match own.unwrap_or(policies.pod) {
                // INI-002.
                RestartPolicy::Always if !sidecar => RestartPolicy::OnFailure,
                policy => policy,
            };
            let kind = Kind { spec: &keys::INIT, word: "init", a: "an init step" };
            let process = self.one_beside(&kind, place, node, table, unit, names);
            steps.extend(process.map(|process| Process { part, restart_policy, ..process }));
        }
        steps
    }

    /// `[[sidecar]]`: the same, started after all steps.
    pub(super) fn sidecars(&mut self, unit: &Table, names: &mut Names) -> Vec<Process> {
        let mut sidecars = Vec::new();
        for (place, (node, table)) in self.tables(unit, "sidecar").into_iter().enumerate() {
            if let Some((policy, span)) = self.word(table, "restart_policy", &POLICIES)
                && policy != RestartPolicy::Always
            {
                self.fault(span, Code::BadPolicy, "a sidecar is always restarted")
                    .label("it is there for as long as the application is (SID-002)")
                    .help("a process that may end is a `[[process]]`, or an `[[init]]` step");
            }
            let kind = Kind { spec: &keys::SIDECAR, word: "sidecar", a: "a sidecar" };
            let process = self.one_beside(&kind, place, node, table, unit, names);
            let (part, restart_policy) = (Part::Sidecar, RestartPolicy::Always);
            sidecars.extend(process.map(|process| Process { part, restart_policy, ..process }));
        }
        sidecars
    }

    /// `[[process]]`: more of the application.
    pub(super) fn beside(&mut self, unit: &Table, policies: Policies, names: &mut Names) -> Vec<Process> {
        let mut beside = Vec::new();
        for (place, (node, table)) in self.tables(unit, "process").into_iter().enumerate() {
            let own = self.word(table, "restart_policy", &POLICIES);
            if let Some((RestartPolicy::Always, span)) = own
                && policies.must_end
            {
                self.fault(span, Code::BadPolicy, "`restart_policy = \"Always\"` in a pod that is to end")
                    .label("the pod is done when all processes of its application are")
                    .help("one that runs for as long as the others do is a `[[sidecar]]`");
            }
            let restart_policy = own.map_or(policies.pod, |(policy, _)| policy);
            let kind = Kind { spec: &keys::PROCESS, word: "process", a: "a process" };
            let process = self.one_beside(&kind, place, node, table, unit, names);
            beside.extend(process.map(|process| Process { restart_policy, ..process }));
        }
        beside
    }

    fn refuse_of_what_stays(&mut self, table: &Table) {
        for entry in table.entries.iter().filter(|entry| OF_WHAT_STAYS.contains(&entry.key.as_str())) {
            self.fault(entry.key_span, Code::NoEffect, format!("`{}` of an init step", entry.key))
                .label("a step is done when it has ended: it is not probed, and has no hooks (INI-004)")
                .help("a step that stays beside the application has `restart_policy = \"Always\"`");
        }
    }

    /// What the three have in common.
    fn one_beside(
        &mut self,
        kind: &Kind,
        place: usize,
        node: &Node,
        table: &Table,
        unit: &Table,
        names: &mut Names,
    ) -> Option<Process> {
        self.check_keys(table, kind.spec, unit);
        let name = self.name_beside(kind, place, node, table, names);
        if table.get("exec").is_none() && table.get("shell").is_none() {
            self.fault(node.span, Code::MissingKey, format!("{} needs `exec` or `shell`", kind.a));
        }
        let explicit = table.get("restart_policy").is_some() || kind.word == "sidecar";
        let restart_rules = self.restart_rules(table, explicit, unit);
        let process = self.process(name, table, unit);
        let life = self.life(table, unit);
        Some(life.give(Process { restart_rules, ..process? }))
    }

    fn name_beside(
        &mut self,
        kind: &Kind,
        place: usize,
        node: &Node,
        table: &Table,
        names: &mut Names,
    ) -> String {
        let name = match self.string(table, "name") {
            Some((name, span)) => {
                if !is_label(name) || name == names.main {
                    let message = format!("`{}` is no name of {}", short(name), kind.a);
                    let label =
                        format!("lower-case letters, digits and `-`, at most 63; not `{}`", names.main);
                    self.fault(span, Code::BadName, message).label(label);
                    return name.to_owned();
                }
                name.to_owned()
            }
            None => format!("{}-{place}", kind.word),
        };
        if !names.beside.insert(name.clone()) {
            let span = table.get("name").map_or(node.span, |entry| entry.node.span);
            let message = format!("two processes of the pod are named `{}`", short(&name));
            self.fault(span, Code::KeyTwice, message);
        }
        name
    }
}

/// Which of the three lists a process stands in.
struct Kind {
    spec: &'static TableSpec,
    word: &'static str,
    a: &'static str,
}

/// A DNS label.
pub(super) fn is_label(name: &str) -> bool {
    let body = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(body) && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::unit::load::parse_one;
    use crate::unit::model::{
        Handler, Hook, HookKind, Operator, Part, PodTemplate, ProbeKind, RestartAction, RestartPolicy,
    };

    fn pod(text: &str) -> PodTemplate {
        let loaded = parse_one(text.as_bytes(), Path::new("web.toml"), &|_| None, false);
        assert!(loaded.faults.is_empty(), "{}", loaded.faults[0].render(false));
        loaded.units[0].pod().expect("it runs something").clone()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ini_002_sid_001_crr_001_each_process_has_its_part_and_its_policy() {
        let pod = pod(concat!(
            "exec = ['/bin/x']\n[[init]]\nexec = ['/bin/x']\n[[init]]\nexec = ['/bin/x']\nrestart_policy = 'Always'\n",
            "[[init]]\nname = 'once'\nexec = ['/bin/x']\nrestart_policy = 'Never'\n[[sidecar]]\nexec = ['/bin/x']\n",
            "[[process]]\nexec = ['/bin/x']\n[[process]]\nexec = ['/bin/x']\nrestart_policy = 'OnFailure'\n",
        ));
        let shown: Vec<_> =
            pod.processes().map(|one| (one.name.as_str(), one.part, one.restart_policy)).collect();
        use RestartPolicy::{Always, Never, OnFailure};
        assert_eq!(
            shown,
            [
                ("init-0", Part::Init, OnFailure),
                ("init-1", Part::Sidecar, Always),
                ("once", Part::Init, Never),
                ("sidecar-0", Part::Sidecar, Always),
                ("main", Part::Application, Always),
                ("process-0", Part::Application, Always),
                ("process-1", Part::Application, OnFailure),
            ]
        );
        assert_eq!(pod.main_place(), 4);
    }

    #[test]
    fn crr_002_rules_keep_their_order() {
        let pod = pod(concat!(
            "exec = ['/bin/x']\nrestart_policy = 'Never'\n",
            "[[restart_rules]]\naction = 'Restart'\nexit_codes = { operator = 'In', values = [42, 7] }\n",
            "[[restart_rules]]\naction = 'RestartAllContainers'\nexit_codes = { operator = 'NotIn', values = [1] }\n",
        ));
        let [first, second] = &pod.main.restart_rules[..] else { panic!("{:?}", pod.main.restart_rules) };
        assert_eq!((first.action, &first.exit_codes.values[..]), (RestartAction::Restart, &[7, 42][..]));
        assert_eq!(second.action, RestartAction::RestartAllContainers);
        assert_eq!(second.exit_codes.operator, Operator::NotIn);
    }

    #[test]
    fn prb_001_015_defaults_are_kubernetes() {
        let pod = pod(concat!(
            "exec = ['/bin/x']\n[startup]\ntcp = 1\n[readiness]\ntcp = 1\n",
            "[liveness]\ntcp = 1\nterminationGracePeriodSeconds = 5\n",
        ));
        for kind in [ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness] {
            let probe = pod.main.probe(kind).expect("it is written");
            assert_eq!(
                (probe.initial_delay, probe.period, probe.timeout),
                (Duration::ZERO, 10 * SECOND, SECOND)
            );
            assert_eq!((probe.success_threshold, probe.failure_threshold), (1, 3));
            assert_eq!(probe.grace, (kind == ProbeKind::Liveness).then_some(5 * SECOND));
        }
    }

    #[test]
    fn prb_003_short_forms_are_the_long_ones() {
        let handler = |text: &str| {
            let pod = pod(&format!("exec = ['/bin/x']\n[readiness]\n{text}\n"));
            pod.main.readiness.map(|probe| format!("{:?}", probe.handler)).unwrap_or_default()
        };
        assert_eq!(handler("tcp = 80"), handler("tcp = { port = 80, host = '127.0.0.1' }"));
        assert_eq!(handler("http = 80"), handler("http = { port = '80', path = '/', scheme = 'http' }"));
        assert_eq!(handler("grpc = 80"), handler("grpc = { port = 80, service = '' }"));
    }

    #[test]
    fn hok_006_hooks_of_all_kinds_and_probes_of_processes_beside() {
        let pod = pod(concat!(
            "exec = ['/bin/x']\n[startup]\npost = ['/bin/y', 'z']\n[stop]\npre = { sleep = '0s' }\n",
            "[[sidecar]]\nexec = ['/bin/x']\n[sidecar.liveness]\nwatchdog = '30s'\n",
            "[sidecar.stop]\nsignal = 'INT'\npre = { http = { port = 1, path = '/bye' } }\n",
        ));
        assert!(
            matches!(pod.main.hook(HookKind::PostStart), Some(Hook::Exec(command)) if command.len() == 2)
        );
        assert!(
            matches!(pod.main.hook(HookKind::PreStop), Some(Hook::Sleep(time)) if *time == Duration::ZERO)
        );
        assert!(pod.main.startup.is_none(), "a table with a hook alone asks nothing");
        let sidecar = &pod.init[0];
        assert!(
            matches!(sidecar.hook(HookKind::PreStop), Some(Hook::Http(http)) if http.path.to_string() == "/bye")
        );
        assert_eq!(sidecar.stop.signal, 2);
        let liveness = sidecar.liveness.as_ref().map(|probe| &probe.handler);
        assert!(matches!(liveness, Some(Handler::Watchdog(every)) if *every == 30 * SECOND));
    }
}
