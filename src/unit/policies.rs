//! What failures and successes of a job's pods mean: `[[job.failure_policy]]` (PFP-001ff) and
//! `job.success_policy` (SUC-001ff).
//!
//! Reading and checking only; what the rules do is `engine::job::failure`'s and `success`'s business.

use super::diagnostic::Code;
use super::keys;
use super::model::{
    CompletionMode, ExitCodes, FailureAction, FailureRule, FailureWhen, Operator, PodTemplate, RestartPolicy,
    SuccessRule,
};
use super::reader::{Reader, short};
use super::source::Span;
use super::tree::{Entry, Node, Table, Value};
use super::value;
use crate::limits::{INDEXES_BYTES_MAX, POLICY_RULES_MAX};

const ACTIONS: [(&str, FailureAction); 4] = [
    ("FailJob", FailureAction::FailJob),
    ("FailIndex", FailureAction::FailIndex),
    ("Ignore", FailureAction::Ignore),
    ("Count", FailureAction::Count),
];
const OPERATORS: [(&str, Operator); 2] = [("In", Operator::In), ("NotIn", Operator::NotIn)];

/// The ways to say which failures a rule is about (PFP-002; the last three are ours, for pod conditions).
const WHENS: [&str; 4] = ["exit_codes", "signal", "oom", "deleted"];

impl Reader<'_> {
    /// `[[job.failure_policy]]`.
    pub(super) fn failure_policy(
        &mut self,
        job: &Table,
        unit: &Table,
        policy: RestartPolicy,
        pod: Option<&PodTemplate>,
    ) -> Vec<FailureRule> {
        let Some(entry) = job.get("failure_policy") else { return Vec::new() };
        if policy == RestartPolicy::OnFailure {
            self.fault(
                entry.key_span,
                Code::NotTogether,
                "`failure_policy` needs `restart_policy = \"Never\"`",
            )
            .label("with \"OnFailure\" a process is restarted in its pod before a rule could be asked");
        }
        let tables = self.tables(job, "failure_policy");
        self.count_rules(entry, tables.len());
        let mut rules = Vec::with_capacity(tables.len().min(POLICY_RULES_MAX));
        for (node, table) in tables.into_iter().take(POLICY_RULES_MAX) {
            self.check_keys(table, &keys::FAILURE_RULE, unit);
            let action = self.failure_action(job, node, table);
            let when = self.failure_when(node, table, unit, pod);
            if let (Some(when), Some(action)) = (when, action) {
                rules.push(FailureRule { when, action });
            }
        }
        rules
    }

    fn count_rules(&mut self, entry: &Entry, count: usize) {
        if count > POLICY_RULES_MAX {
            let message = format!("`{}` has {count} rules", entry.key);
            self.fault(entry.key_span, Code::OutOfRange, message)
                .label(format!("at most {POLICY_RULES_MAX} are looked at for each pod"));
        } else if count == 0 && matches!(&entry.node.value, Value::Array(items) if items.is_empty()) {
            self.fault(entry.key_span, Code::OutOfRange, format!("`{}` has no rules", entry.key))
                .label("leave it out, or write at least one");
        }
    }

    fn failure_action(&mut self, job: &Table, node: &Node, table: &Table) -> Option<FailureAction> {
        if table.get("action").is_none() {
            self.fault(node.span, Code::BadRule, "a rule of `failure_policy` without an `action`")
                .label("it is \"FailJob\", \"FailIndex\", \"Ignore\" or \"Count\"");
            return None;
        }
        let (action, span) = self.word(table, "action", &ACTIONS)?;
        if action == FailureAction::FailIndex && job.get("backoff_limit_per_index").is_none() {
            self.fault(span, Code::NoEffect, "`FailIndex` without `backoff_limit_per_index`")
                .label("without a limit for each index none of them fails")
                .help("write `backoff_limit_per_index = 0` in [job], or more");
        }
        Some(action)
    }

    fn failure_when(
        &mut self,
        node: &Node,
        table: &Table,
        unit: &Table,
        pod: Option<&PodTemplate>,
    ) -> Option<FailureWhen> {
        let written: Vec<&Entry> = WHENS.iter().filter_map(|key| table.get(key)).collect();
        let [one] = written[..] else {
            let mut places: Vec<_> = written.iter().map(|entry| (entry.key_span.start, *entry)).collect();
            places.sort_by_key(|(start, _)| *start);
            match places[..] {
                [(_, first), (_, second), ..] => {
                    let message = format!("both `{}` and `{}` in one rule", first.key, second.key);
                    self.fault(second.key_span, Code::BadRule, message)
                        .help("rules are asked one after the other: write two")
                }
                _ => self.fault(
                    node.span,
                    Code::BadRule,
                    "a rule of `failure_policy` does not say which failures",
                ),
            }
            .label("it has exactly one of `exit_codes`, `signal`, `oom`, `deleted`");
            return None;
        };
        match one.key.as_str() {
            "exit_codes" => self.failure_codes(table, unit, pod),
            "signal" => self.failure_signals(one),
            key => {
                if !self.boolean(table, key)? {
                    self.fault(one.node.span, Code::BadRule, format!("`{key} = false` matches nothing"))
                        .label("write `true`, or leave the rule out");
                    return None;
                }
                Some(if key == "oom" { FailureWhen::Oom } else { FailureWhen::Deleted })
            }
        }
    }

    /// `exit_codes = { operator = "In", values = [42] }` (PFP-004, PFP-005, JVL-009).
    fn failure_codes(
        &mut self,
        rule: &Table,
        unit: &Table,
        pod: Option<&PodTemplate>,
    ) -> Option<FailureWhen> {
        let table = self.table(rule, "exit_codes")?;
        self.check_keys(table, &keys::FAILURE_CODES, unit);
        let span = rule.get("exit_codes")?.key_span;
        for key in ["operator", "values"].into_iter().filter(|key| table.get(key).is_none()) {
            self.fault(span, Code::MissingKey, format!("`exit_codes` needs `{key}`"))
                .help("write `exit_codes = { operator = \"In\", values = [42] }`");
        }
        let operator = self.word(table, "operator", &OPERATORS).map(|(operator, _)| operator);
        let values = table.get("values").and_then(|entry| self.exit_values(entry, operator));
        let process = self.string(table, "process");
        if let (Some((name, span)), Some(pod)) = (process, pod)
            && !pod.processes().any(|process| process.name == name)
        {
            let names: Vec<&str> = pod.processes().map(|process| process.name.as_str()).collect();
            self.fault(span, Code::BadRule, format!("there is no process `{}`", short(name)))
                .label(format!("the pod has {}", names.join(", ")));
        }
        let codes = ExitCodes { operator: operator?, values: values? };
        Some(FailureWhen::ExitCodes { process: process.map(|(name, _)| name.to_owned()), codes })
    }

    fn exit_values(&mut self, entry: &Entry, operator: Option<Operator>) -> Option<Vec<u8>> {
        let items = self.array(entry, "an array of exit codes")?;
        let mut values: Vec<u8> = Vec::with_capacity(items.len().min(256));
        for item in items {
            let Value::Integer(number, _) = item.value else {
                self.wrong_type(entry, item, "integers");
                continue;
            };
            let Some(code) = number.and_then(|number| u8::try_from(number).ok()) else {
                let message = format!("{} is no exit code", short(self.sources.slice(item.span)));
                self.fault(item.span, Code::OutOfRange, message)
                    .label("an exit code is 0 to 255; a death by signal n is 128 + n");
                continue;
            };
            if code == 0 && operator == Some(Operator::In) {
                self.fault(item.span, Code::BadRule, "0 is no failure")
                    .label("a process that succeeded is never looked at");
            }
            match values.last() {
                Some(last) if *last == code => {
                    self.fault(item.span, Code::KeyTwice, format!("{code} stands twice in `values`"));
                }
                Some(last) if *last > code => {
                    self.fault(item.span, Code::BadRule, format!("{code} stands behind {last}"))
                        .label("exit codes are written in ascending order");
                }
                _ => {}
            }
            values.push(code);
        }
        if items.is_empty() {
            self.fault(entry.node.span, Code::OutOfRange, "`values` is empty")
                .label("it has 1 to 255 exit codes");
            return None;
        }
        Some(values)
    }

    /// `signal = ["SEGV", "KILL"]`.
    fn failure_signals(&mut self, entry: &Entry) -> Option<FailureWhen> {
        let items = self.array(entry, "an array of signals")?;
        let mut signals = Vec::with_capacity(items.len().min(64));
        for item in items {
            let number = match &item.value {
                Value::String(name) => value::signal(name),
                Value::Integer(number, _) => number
                    .and_then(|number| i32::try_from(number).ok())
                    .filter(|number| (1..=64).contains(number)),
                _ => None,
            };
            match number.and_then(|number| u8::try_from(number).ok()) {
                Some(signal) if signals.contains(&signal) => {
                    let written = short(self.sources.slice(item.span));
                    self.fault(item.span, Code::KeyTwice, format!("{written} stands twice in `signal`"));
                }
                Some(signal) => signals.push(signal),
                None => {
                    let written = short(self.sources.slice(item.span));
                    self.fault(item.span, Code::BadSignal, format!("{written} is no signal"))
                        .label("a signal is a name like \"TERM\" or \"SEGV\", or its number");
                }
            }
        }
        if items.is_empty() {
            self.fault(entry.node.span, Code::OutOfRange, "`signal` is empty").label("it matches nothing");
            return None;
        }
        Some(FailureWhen::Signal(signals))
    }

    /// `success_policy = [{ succeeded_indexes = "0-8", succeeded_count = 8 }]`.
    pub(super) fn success_policy(
        &mut self,
        job: &Table,
        unit: &Table,
        mode: CompletionMode,
        completions: Option<u32>,
    ) -> Vec<SuccessRule> {
        let Some(entry) = job.get("success_policy") else { return Vec::new() };
        if mode != CompletionMode::Indexed {
            self.needs_indexed(entry.key_span, "`success_policy`");
        }
        let tables = self.tables(job, "success_policy");
        self.count_rules(entry, tables.len());
        let mut rules = Vec::with_capacity(tables.len().min(POLICY_RULES_MAX));
        for (node, table) in tables.into_iter().take(POLICY_RULES_MAX) {
            self.check_keys(table, &keys::SUCCESS_RULE, unit);
            if table.get("succeeded_indexes").is_none() && table.get("succeeded_count").is_none() {
                self.fault(node.span, Code::BadRule, "a rule of `success_policy` that says nothing")
                    .label("it has `succeeded_indexes`, `succeeded_count` or both");
                continue;
            }
            let end = completions.unwrap_or(u32::MAX);
            let indexes = self
                .string(table, "succeeded_indexes")
                .and_then(|(text, span)| self.indexes(text, span, end));
            let size = indexes.as_deref().map_or(end, size_of);
            let count = self.integer(table, "succeeded_count", 1..=u32::MAX);
            if let (Some(count), Some(entry)) = (count, table.get("succeeded_count"))
                && count > size
            {
                let message = format!("`succeeded_count = {count}` is more than there are indexes");
                let whose = if indexes.is_some() { "`succeeded_indexes` has" } else { "the job has" };
                self.fault(entry.node.span, Code::OutOfRange, message).label(format!("{whose} {size}"));
            }
            rules.push(SuccessRule { indexes, count });
        }
        rules
    }

    /// `0-2,5,7-9`: increasing, each below `end` (SUC-005).
    fn indexes(&mut self, text: &str, span: Span, end: u32) -> Option<Vec<(u32, u32)>> {
        if text.len() > INDEXES_BYTES_MAX {
            self.fault(span, Code::TooLarge, "this set of indexes is too long")
                .label(format!("at most {INDEXES_BYTES_MAX} bytes"));
            return None;
        }
        let mut runs: Vec<(u32, u32)> = Vec::new();
        let mut at = 0;
        for piece in text.split(',') {
            let place = self.inside(span, text, at, piece.len());
            at += piece.len() + 1;
            let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
            let number = |digits: &str| {
                let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                digits.parse::<u32>().ok().filter(|_| plain)
            };
            let (Some(first), Some(last)) = (number(first), number(last)) else {
                self.bad_indexes(place, piece, "an index is a number, a range is `first-last`");
                return None;
            };
            let why = match runs.last() {
                Some((_, before)) if first <= *before => Some("it does not come after the one before"),
                _ if last < first || (last == first && piece.contains('-')) => {
                    Some("the last of a range comes after its first")
                }
                _ if last >= end => Some("indexes go from 0 to `completions` - 1"),
                _ => None,
            };
            if let Some(why) = why {
                self.bad_indexes(place, piece, why);
                return None;
            }
            runs.push((first, last));
        }
        Some(runs)
    }

    fn bad_indexes(&mut self, span: Span, piece: &str, why: &str) {
        let message = format!("`{}` cannot stand here in a set of indexes", short(piece));
        self.fault(span, Code::BadIndexes, message).label(why);
    }
}

fn size_of(runs: &[(u32, u32)]) -> u32 {
    runs.iter().fold(0u32, |sum, (first, last)| sum.saturating_add(last - first).saturating_add(1))
}
