//! What the pods of a unit are made from: processes, delays of restarts, grace, logs.

use std::time::Duration;

use super::beside::{Names, Policies, is_label};
use super::diagnostic::Code;
use super::keys::{self, TableSpec};
use super::model::{Backoff, Logs, PodTemplate, Process, RestartPolicy, Sink};
use super::reader::{Reader, short};
use super::tree::{Entry, Table};

/// Shortest delay before a restart: less would be a loop that does nothing but start.
const DELAY_MIN: Duration = Duration::from_millis(10);

/// Kubernetes' delays between restarts in a pod (RST-006, RST-008, RST-009).
pub(super) const RESTART_BACKOFF: Backoff = Backoff {
    initial: Duration::from_secs(10),
    factor: 2.0,
    max: Duration::from_secs(5 * 60),
    jitter: 0.0,
    reset_after: Duration::from_secs(10 * 60),
};

impl Reader<'_> {
    /// The pod; nothing where it has no program. `must_end`: it is a job's, so none of its processes may run
    /// for ever.
    pub(super) fn pod(
        &mut self,
        unit: &Table,
        restart_policy: RestartPolicy,
        must_end: bool,
    ) -> Option<PodTemplate> {
        let policies = Policies { pod: restart_policy, must_end };
        let mut names = Names::new(self.container(unit));
        let logs = self.logs(unit);
        let main = self.main(unit, names.main().to_owned(), restart_policy);
        let mut init = self.steps(unit, policies, &mut names);
        init.extend(self.sidecars(unit, &mut names));
        let beside = self.beside(unit, policies, &mut names);
        let grace = self.grace(unit);
        let active_deadline = self.deadline(unit, "active_deadline");
        let backoff = self.backoff(unit, "backoff", &keys::BACKOFF, RESTART_BACKOFF, unit);
        let volumes = self.volumes(unit);
        self.check_log_probes(unit, logs);
        let main = main?;
        Some(PodTemplate {
            restart_policy,
            active_deadline,
            init,
            main,
            beside,
            backoff,
            grace,
            logs,
            volumes,
        })
    }

    /// The process that the top level describes.
    fn main(&mut self, unit: &Table, name: String, restart_policy: RestartPolicy) -> Option<Process> {
        let process = self.process(name, unit, unit);
        let life = self.life(unit, unit);
        let restart_rules = self.restart_rules(unit, unit.get("restart_policy").is_some(), unit);
        Some(life.give(Process { restart_policy, restart_rules, ..process? }))
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

    /// From the wish to stop a pod to KILL. Kubernetes has it at the top.
    fn grace(&mut self, unit: &Table) -> Duration {
        let pasted = self.duration(unit, "termination_grace_period", Duration::ZERO);
        let table = unit.get("stop").and_then(|entry| entry.node.as_table());
        let own = table.and_then(|table| self.duration(table, "grace", Duration::ZERO));
        self.one_grace(unit.get("termination_grace_period"), table.and_then(|table| table.get("grace")));
        own.or(pasted).unwrap_or(Duration::from_secs(30))
    }

    /// Two spellings of one key, where it may stand in two places.
    pub(super) fn one_grace(&mut self, pasted: Option<&Entry>, own: Option<&Entry>) {
        let (Some(pasted), Some(own)) = (pasted, own) else { return };
        let line = self.sources.line(own.key_span);
        let written = self.sources.slice(pasted.key_span).to_owned();
        self.fault(pasted.key_span, Code::KeyTwice, format!("`{written}` and `grace` are one key"))
            .label(format!("`grace` is written in line {line} already"));
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
}
