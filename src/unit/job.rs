//! `[job]`: how often the pods of a unit run, and how often they may fail (JVL-001ff).

use std::time::Duration;

use super::diagnostic::Code;
use super::keys;
use super::model::{AtBoot, Backoff, CompletionMode, Job, PodReplacementPolicy, PodTemplate, RestartPolicy};
use super::name::UnitName;
use super::reader::Reader;
use super::source::Span;
use super::tree::{Table, Value};
use crate::limits::{FAILED_INDEXES_MAX, KEEP_PODS_DEFAULT, PARALLELISM_MAX};

/// Kubernetes' delays between the pods of a job (JOB-043).
const POD_BACKOFF: Backoff = Backoff {
    initial: Duration::from_secs(10),
    factor: 2.0,
    max: Duration::from_secs(10 * 60),
    jitter: 0.0,
    reset_after: Duration::ZERO,
};

const MODES: [(&str, CompletionMode); 2] =
    [("NonIndexed", CompletionMode::NonIndexed), ("Indexed", CompletionMode::Indexed)];

const REPLACEMENTS: [(&str, PodReplacementPolicy); 2] = [
    ("TerminatingOrFailed", PodReplacementPolicy::TerminatingOrFailed),
    ("Failed", PodReplacementPolicy::Failed),
];

/// Kubernetes' limit where none is written and each index has one of its own (BPI-001).
const BACKOFF_LIMIT_OFF: u32 = i32::MAX.unsigned_abs();

const AT_BOOT: [(&str, AtBoot); 2] = [("keep", AtBoot::Keep), ("again", AtBoot::Again)];

/// Whether the unit's job numbers its completions, as far as can be seen before it is read.
pub(super) fn is_indexed(unit: &Table) -> bool {
    has_word(unit, "job", "completion_mode", "Indexed")
}

/// Whether the unit's schedule reads daylight saving as Kubernetes does.
pub(super) fn is_literal(unit: &Table) -> bool {
    has_word(unit, "cron", "dst", "literal")
}

fn has_word(unit: &Table, table: &str, key: &str, word: &str) -> bool {
    let table = unit.get(table).and_then(|entry| entry.node.as_table());
    let value = table.and_then(|table| table.get(key)).map(|entry| &entry.node.value);
    matches!(value, Some(Value::String(text)) if text == word)
}

impl Reader<'_> {
    /// The job of a unit; a cronjob may have no `[job]`.
    pub(super) fn job(
        &mut self,
        unit: &Table,
        name: &UnitName,
        pod: Option<PodTemplate>,
        policy: RestartPolicy,
    ) -> Option<Job> {
        let empty = Table::default();
        let table = match unit.get("job") {
            Some(_) => self.table(unit, "job")?,
            None => &empty,
        };
        self.check_keys(table, &keys::JOB, unit);
        let mode =
            self.word(table, "completion_mode", &MODES).map_or(CompletionMode::NonIndexed, |(mode, _)| mode);
        let most = if mode == CompletionMode::Indexed { PARALLELISM_MAX } else { u32::MAX };
        let completions = self.integer(table, "completions", 0..=u32::MAX);
        let parallelism = self.integer(table, "parallelism", 0..=most);
        // Only `parallelism` makes a work queue (JOB-001).
        let queue = table.get("parallelism").is_some() && table.get("completions").is_none();
        let completions = if queue { None } else { completions.or(Some(1)) };
        let per_index = self.integer(table, "backoff_limit_per_index", 0..=u32::MAX);
        let max_failed_indexes = self.integer(table, "max_failed_indexes", 0..=u32::MAX);
        let backoff_limit = self.integer(table, "backoff_limit", 0..=u32::MAX);
        let backoff_limit = backoff_limit.unwrap_or(if per_index.is_some() { BACKOFF_LIMIT_OFF } else { 6 });
        let active_deadline = self.deadline(table, "active_deadline");
        let suspend = self.boolean(table, "suspend").unwrap_or(false);
        let keep_pods = self.integer(table, "keep_pods", 0..=u32::MAX).unwrap_or(KEEP_PODS_DEFAULT);
        let backoff = self.backoff(table, "backoff", &keys::JOB_BACKOFF, POD_BACKOFF, unit);
        let ttl_after_finished = self.deadline(table, "ttl_after_finished");
        let durable = self.boolean(table, "durable").unwrap_or(false);
        let at_boot = self.word(table, "at_boot", &AT_BOOT).map_or(AtBoot::Keep, |(word, _)| word);
        if mode == CompletionMode::Indexed {
            self.check_indexed(table, unit, name, completions);
        }
        self.check_per_index(table, mode, policy, completions, parallelism.unwrap_or(1));
        self.check_retries(table, unit, policy);
        let failure_policy = self.failure_policy(table, unit, policy, pod.as_ref());
        let success_policy = self.success_policy(table, unit, mode, completions);
        let replacement = self.replacement(table);
        Some(Job {
            pod: pod?,
            completions,
            parallelism: parallelism.unwrap_or(1),
            mode,
            backoff_limit,
            backoff_limit_per_index: per_index,
            max_failed_indexes,
            failure_policy,
            success_policy,
            pod_replacement_policy: replacement,
            active_deadline,
            suspend,
            keep_pods,
            backoff,
            ttl_after_finished,
            durable,
            at_boot,
        })
    }

    /// JVL-003 and JVL-006.
    fn check_indexed(&mut self, table: &Table, unit: &Table, name: &UnitName, completions: Option<u32>) {
        let Some(mode) = table.get("completion_mode") else { return };
        let Some(written) = table.get("completions") else {
            self.fault(mode.key_span, Code::NeedsCompletions, "an indexed job needs `completions`")
                .label("each completion has an index of its own")
                .help("write `completions = 10` beside it");
            return;
        };
        let last = completions.unwrap_or(1).saturating_sub(1).to_string();
        // A cronjob's jobs are named after it and a time of up to ten digits.
        let time = if unit.get("cron").is_some() { 11 } else { 0 };
        let length = name.pod_stem().len() + time + 1 + last.len();
        if length > 63 {
            let message = format!("the pod of index {last} would have a name of {length} characters");
            self.fault(written.node.span, Code::NameTooLong, message)
                .label("63 at most, with the unit's name in front")
                .help("shorten the name of the unit");
        }
    }

    /// Limits for each index (JVL-003 to JVL-005).
    fn check_per_index(
        &mut self,
        table: &Table,
        mode: CompletionMode,
        policy: RestartPolicy,
        completions: Option<u32>,
        parallelism: u32,
    ) {
        let indexed = mode == CompletionMode::Indexed;
        let per_index = table.get("backoff_limit_per_index");
        let most = table.get("max_failed_indexes");
        for entry in [per_index, most].into_iter().flatten().filter(|_| !indexed) {
            self.needs_indexed(entry.key_span, &format!("`{}`", entry.key));
        }
        if let Some(entry) = per_index.filter(|_| policy == RestartPolicy::OnFailure) {
            self.fault(
                entry.key_span,
                Code::NotTogether,
                "`backoff_limit_per_index` needs `restart_policy = \"Never\"`",
            )
            .label("with \"OnFailure\" a process is restarted in its pod, and no pod of an index fails");
        }
        let Some(most) = most else {
            if let (Some(entry), Some(completions)) =
                (per_index.filter(|_| indexed), completions.filter(|c| *c > PARALLELISM_MAX))
            {
                let message = format!("with {completions} completions `max_failed_indexes` is needed");
                self.fault(entry.key_span, Code::MissingKey, message)
                    .label(format!(
                        "with more than {PARALLELISM_MAX} each failed index would be kept in mind"
                    ))
                    .help(format!("write `max_failed_indexes = {FAILED_INDEXES_MAX}`, or less"));
            }
            return;
        };
        if per_index.is_none() {
            self.fault(
                most.key_span,
                Code::NoEffect,
                "`max_failed_indexes` without `backoff_limit_per_index`",
            )
            .label("without a limit for each index none of them fails")
            .help("write `backoff_limit_per_index = 0` beside it, or leave it out");
        }
        let (Value::Integer(Some(number), _), Some(completions), true) =
            (&most.node.value, completions, indexed)
        else {
            return;
        };
        let many = per_index.is_some() && completions > PARALLELISM_MAX;
        let bound = if many { FAILED_INDEXES_MAX } else { completions.min(PARALLELISM_MAX) };
        if *number > i64::from(bound) {
            let why = if bound == completions { "`completions`" } else { "the most that is kept in mind" };
            self.fault(
                most.node.span,
                Code::OutOfRange,
                format!("`max_failed_indexes = {number}` is out of range"),
            )
            .label(format!("it is 0 to {bound}, {why}"));
        }
        if let Some(entry) = table.get("parallelism").filter(|_| many && parallelism > FAILED_INDEXES_MAX) {
            let message = format!("`parallelism = {parallelism}` is out of range");
            self.fault(entry.node.span, Code::OutOfRange, message).label(format!(
                "it is 0 to {FAILED_INDEXES_MAX} with a limit for each index and {completions} completions"
            ));
        }
    }

    /// Something is about indexes, and there are none (JVL-005).
    pub(super) fn needs_indexed(&mut self, span: Span, what: &str) {
        self.fault(span, Code::NeedsIndexed, format!("{what} needs `completion_mode = \"Indexed\"`"))
            .label("the completions of this job have no indexes");
    }

    /// A failure policy looks at how a pod has ended, so it waits for that end (PFP-008, JVL-008).
    fn replacement(&mut self, table: &Table) -> PodReplacementPolicy {
        let written = self.word(table, "pod_replacement_policy", &REPLACEMENTS);
        let judged = table.get("failure_policy").is_some();
        if let Some((PodReplacementPolicy::TerminatingOrFailed, span)) = written.filter(|_| judged) {
            self.fault(
                span,
                Code::NotTogether,
                "`pod_replacement_policy = \"TerminatingOrFailed\"` beside `failure_policy`",
            )
            .label("a failure is judged when the pod is gone, so it is replaced only then")
            .help("write \"Failed\", or leave it out: it is the default beside a failure policy");
        }
        match written {
            Some((policy, _)) => policy,
            None if judged => PodReplacementPolicy::Failed,
            None => PodReplacementPolicy::TerminatingOrFailed,
        }
    }

    /// Tables and limits that do nothing under this restart policy.
    fn check_retries(&mut self, table: &Table, unit: &Table, policy: RestartPolicy) {
        if policy == RestartPolicy::OnFailure {
            if let Some(entry) = table.get("backoff").filter(|entry| !entry.default) {
                self.fault(
                    entry.key_span,
                    Code::NoEffect,
                    "`[job.backoff]` has no effect with `restart_policy = \"OnFailure\"`",
                )
                .label("it delays new pods; here the same pod runs again")
                .help("did you mean `[backoff]`? it delays restarts in place");
            }
            if let Some(entry) = table.get("backoff_limit")
                && matches!(entry.node.value, Value::Integer(Some(0), _))
            {
                self.fault(
                    entry.node.span,
                    Code::LimitZero,
                    "with \"OnFailure\" a `backoff_limit` of 0 behaves as 1",
                )
                .label("two starts; the second is ended at once if it fails")
                .help("for a single attempt write `restart_policy = \"Never\"`");
            }
        }
        self.check_restarts(unit, policy, "did you mean `[job.backoff]`? it delays new pods");
    }

    /// `[backoff]` where nothing is ever restarted in place.
    pub(super) fn check_restarts(&mut self, unit: &Table, policy: RestartPolicy, help: &str) {
        let Some(entry) = unit.get("backoff") else { return };
        const MAY_RESTART: [&str; 4] = ["init", "sidecar", "process", "restart_rules"];
        let others = MAY_RESTART.iter().any(|key| unit.get(key).is_some());
        if policy == RestartPolicy::Never && !others && !entry.default {
            self.fault(
                entry.key_span,
                Code::NoEffect,
                "`[backoff]` has no effect with `restart_policy = \"Never\"`",
            )
            .label("it delays restarts in the same pod, and there are none")
            .help(help);
        }
    }
}
