//! `[job]` and `[cron]`: how often the pods of a unit run.

use std::time::Duration;

use super::calendar::{Dst, Schedule};
use super::diagnostic::Code;
use super::keys;
use super::model::{
    AtBoot, Backoff, CatchUp, CompletionMode, ConcurrencyPolicy, CronJob, Job, PodReplacementPolicy,
    PodTemplate, RestartPolicy,
};
use super::name::UnitName;
use super::reader::{Reader, short};
use super::tree::{Table, Value};
use crate::limits::{KEEP_PODS_DEFAULT, PARALLELISM_MAX};

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
        let backoff_limit = self.integer(table, "backoff_limit", 0..=u32::MAX).unwrap_or(6);
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
        self.check_retries(table, unit, policy);
        Some(Job {
            pod: pod?,
            completions,
            parallelism: parallelism.unwrap_or(1),
            mode,
            backoff_limit,
            backoff_limit_per_index: None,
            max_failed_indexes: None,
            failure_policy: Vec::new(),
            success_policy: Vec::new(),
            pod_replacement_policy: PodReplacementPolicy::TerminatingOrFailed,
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
        if policy == RestartPolicy::Never && unit.get("init").is_none() && !entry.default {
            self.fault(
                entry.key_span,
                Code::NoEffect,
                "`[backoff]` has no effect with `restart_policy = \"Never\"`",
            )
            .label("it delays restarts in the same pod, and there are none")
            .help(help);
        }
    }

    /// The cronjob of a unit.
    pub(super) fn cron(&mut self, unit: &Table, job: Option<Job>) -> Option<CronJob> {
        const POLICIES: [(&str, ConcurrencyPolicy); 3] = [
            ("Allow", ConcurrencyPolicy::Allow),
            ("Forbid", ConcurrencyPolicy::Forbid),
            ("Replace", ConcurrencyPolicy::Replace),
        ];
        const DST: [(&str, Dst); 2] = [("once", Dst::Once), ("literal", Dst::Literal)];
        let table = self.table(unit, "cron")?;
        self.check_keys(table, &keys::CRON, unit);
        let dst = self.word(table, "dst", &DST).map_or(Dst::Once, |(dst, _)| dst);
        let schedule = self.schedule(unit, table, dst);
        let concurrency_policy = self
            .word(table, "concurrency_policy", &POLICIES)
            .map_or(ConcurrencyPolicy::Allow, |(policy, _)| policy);
        let starting_deadline = self.deadline(table, "starting_deadline");
        let suspend = self.boolean(table, "suspend").unwrap_or(false);
        let successful_history = self.integer(table, "successful_history", 0..=u32::MAX).unwrap_or(3);
        let failed_history = self.integer(table, "failed_history", 0..=u32::MAX).unwrap_or(1);
        let catch_up = self.catch_up(table);
        Some(CronJob {
            job: job?,
            schedule: schedule?,
            concurrency_policy,
            starting_deadline,
            suspend,
            successful_history,
            failed_history,
            catch_up,
            jitter: Duration::ZERO,
        })
    }

    fn catch_up(&mut self, table: &Table) -> CatchUp {
        if let Some(entry) = table.get("catch_up")
            && matches!(&entry.node.value, Value::String(word) if word == "all")
        {
            self.fault(entry.node.span, Code::NotYet, "`catch_up = \"all\"` is not built yet")
                .label("this release has \"last\" and \"none\"");
            return CatchUp::Last;
        }
        const WORDS: [(&str, CatchUp); 2] = [("last", CatchUp::Last), ("none", CatchUp::None)];
        self.word(table, "catch_up", &WORDS).map_or(CatchUp::Last, |(word, _)| word)
    }

    fn schedule(&mut self, unit: &Table, table: &Table, dst: Dst) -> Option<Schedule> {
        let zone = self.string(table, "time_zone");
        if table.get("schedule").is_none() {
            let span = unit.get("cron").map(|entry| entry.key_span)?;
            self.fault(span, Code::MissingKey, "[cron] needs a `schedule`")
                .help("write `schedule = \"30 2 * * *\"`, or \"@daily\"");
            return None;
        }
        let (expression, span) = self.string(table, "schedule")?;
        if table.get("time_zone").is_some() && zone.is_none() {
            return None;
        }
        match Schedule::parse(expression, zone.map(|(zone, _)| zone), dst) {
            Ok(schedule) => {
                if let (Some(why), Some(_)) = (schedule.beyond_kubernetes(), unit.get("manifest")) {
                    let message = format!("`schedule: {}` is not Kubernetes'", short(expression));
                    self.fault(span, Code::BadSchedule, message).label(why);
                }
                self.warn_of_schedule(&schedule, span);
                Some(schedule)
            }
            Err(error) => {
                let at = match (error.span, zone) {
                    (Some(at), _) => self.inside(span, expression, at.start, at.len()),
                    (None, Some((_, zone_span))) => zone_span,
                    (None, None) => span,
                };
                let what =
                    if at.start >= span.start && at.end <= span.end { "schedule" } else { "time_zone" };
                let written = zone.filter(|_| what == "time_zone").map_or(expression, |(zone, _)| zone);
                let message = format!("`{what} = \"{}\"` cannot be read", short(written));
                let fault = self.fault(at, Code::BadSchedule, message).label(error.message);
                if let Some(help) = error.help {
                    fault.help(help);
                }
                None
            }
        }
    }

    /// What is legal and probably not meant.
    fn warn_of_schedule(&mut self, schedule: &Schedule, span: super::source::Span) {
        for warning in schedule.warnings() {
            let never = warning.starts_with("this schedule never comes");
            let code = if never { Code::NeverRuns } else { Code::OddSchedule };
            self.fault(span, code, warning);
        }
    }
}
