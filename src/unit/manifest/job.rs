//! Jobs and CronJobs: `spec` → `[job]` and `[cron]`, with Kubernetes' own validation (JVL-001ff).

use super::super::diagnostic::Code;
use super::super::reader::short;
use super::super::source::Span;
use super::super::tree::{Entry, Table, Value};
use super::fields::{INT32_MAX, Spec, present};
use super::pod::{Policies, Translation};
use super::write::seconds;
use crate::limits::{MAX_FAILED_INDEXES_MANY_MAX, PARALLELISM_MAX};

static JOB: Spec = Spec {
    name: "a Job's spec",
    taken: &[
        "parallelism",
        "completions",
        "completionMode",
        "backoffLimit",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
        "suspend",
        "podFailurePolicy",
        "successPolicy",
        "podReplacementPolicy",
        "template",
        "managedBy",
        "manualSelector",
    ],
    // The server writes it, and refuses another one (`manualSelector`).
    idle: &[("selector", "")],
    refused: &[("scheduling", "there are no gangs on one host")],
};
static FAILURE_POLICY: Spec = Spec { name: "podFailurePolicy", taken: &["rules"], idle: &[], refused: &[] };
static FAILURE_RULE: Spec = Spec {
    name: "a rule of podFailurePolicy",
    taken: &["action", "onExitCodes", "onPodConditions"],
    idle: &[],
    refused: &[],
};
static ON_EXIT_CODES: Spec =
    Spec { name: "onExitCodes", taken: &["containerName", "operator", "values"], idle: &[], refused: &[] };
static ON_CONDITION: Spec =
    Spec { name: "a condition of a pod", taken: &["type", "status"], idle: &[], refused: &[] };
static SUCCESS_POLICY: Spec = Spec { name: "successPolicy", taken: &["rules"], idle: &[], refused: &[] };
static SUCCESS_RULE: Spec = Spec {
    name: "a rule of successPolicy",
    taken: &["succeededIndexes", "succeededCount"],
    idle: &[],
    refused: &[],
};
static CRON: Spec = Spec {
    name: "a CronJob's spec",
    taken: &[
        "schedule",
        "timeZone",
        "concurrencyPolicy",
        "startingDeadlineSeconds",
        "suspend",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
        "jobTemplate",
    ],
    idle: &[],
    refused: &[],
};
static JOB_TEMPLATE: Spec =
    Spec { name: "a jobTemplate", taken: &["metadata", "spec"], idle: &[], refused: &[] };

/// Rules of a policy (PFP-001, SUC-001).
const RULES_MAX: usize = 20;

impl Translation<'_> {
    /// The spec of a CronJob.
    pub(super) fn cron(&mut self, spec: &Table, entry: &Entry, unit: &mut Table) {
        self.fields.check(spec, &CRON);
        let mut cron = Table::default();
        self.fields.needed(spec, "schedule", entry.key_span, "a CronJob's spec");
        if let Some((schedule, span)) = self.fields.string(spec, "schedule") {
            self.zone_within(schedule, span);
            cron.put("schedule", span, schedule);
        }
        if let Some((zone, span)) = self.fields.string(spec, "timeZone") {
            if zone.is_empty() || zone.eq_ignore_ascii_case("local") {
                let message = format!("`timeZone: {zone:?}` is no time zone");
                self.fields
                    .fault(span, Code::BadSchedule, message)
                    .label("an IANA name, like `Europe/Berlin` (CRN-013)");
            } else {
                cron.put("time_zone", span, zone);
            }
        }
        let policies = ["Allow", "Forbid", "Replace"];
        if let Some((policy, span)) = self.fields.word(spec, "concurrencyPolicy", &policies) {
            cron.put("concurrency_policy", span, policy);
        }
        if let Some((deadline, span)) = self.fields.integer(spec, "startingDeadlineSeconds", 0..=i64::MAX) {
            cron.put("starting_deadline", span, seconds(deadline));
        }
        if let Some((suspend, span)) = self.fields.boolean(spec, "suspend") {
            cron.put("suspend", span, suspend);
        }
        for (field, ours) in [
            ("successfulJobsHistoryLimit", "successful_history"),
            ("failedJobsHistoryLimit", "failed_history"),
        ] {
            if let Some((limit, span)) = self.fields.integer(spec, field, 0..=INT32_MAX) {
                cron.put(ours, span, limit);
            }
        }
        // Kubernetes' reading of daylight saving (CRN-015, CRN-016).
        cron.put("dst", self.at, "literal");
        unit.put("cron", entry.key_span, Value::Table(cron));
        self.fields.needed(spec, "jobTemplate", entry.key_span, "a CronJob's spec");
        let Some((template, entry)) = self.fields.object(spec, "jobTemplate") else { return };
        self.fields.check(template, &JOB_TEMPLATE);
        if let Some((metadata, _)) = self.fields.object(template, "metadata") {
            self.fields.check(metadata, &super::specs::TEMPLATE_METADATA);
            self.words(metadata, ["job_labels", "job_annotations"], unit);
        }
        self.fields.needed(template, "spec", entry.key_span, "a jobTemplate");
        if let Some((spec, entry)) = self.fields.object(template, "spec") {
            self.job(spec, entry, unit);
        }
    }

    /// Older releases of Kubernetes took a zone there; it refuses that now, as does supd.
    fn zone_within(&mut self, schedule: &str, span: Span) {
        let first = schedule.split_whitespace().next().unwrap_or_default();
        let zone = first.strip_prefix("TZ=").or_else(|| first.strip_prefix("CRON_TZ="));
        if let Some(zone) = zone {
            let message = format!("`schedule: {}` cannot be read", short(schedule));
            self.fields
                .fault(span, Code::BadSchedule, message)
                .label("a schedule has no zone within it")
                .help(format!("write `timeZone: {}` beside the schedule", short(zone)));
        }
    }

    /// The spec of a Job.
    pub(super) fn job(&mut self, spec: &Table, entry: &Entry, unit: &mut Table) {
        self.fields.check(spec, &JOB);
        self.indexed = matches!(present(spec, "completionMode").map(|mode| &mode.node.value),
            Some(Value::String(mode)) if mode == "Indexed");
        // Its containers are known then (JVL-009).
        self.template(spec, entry.key_span, Policies::Job, unit);
        let mut job = Table::default();
        let mode = self.fields.word(spec, "completionMode", &["NonIndexed", "Indexed"]);
        let indexed = matches!(mode, Some(("Indexed", _)));
        if let Some((mode, span)) = mode {
            job.put("completion_mode", span, mode);
        }
        let completions = self.number(spec, "completions", "completions", INT32_MAX, &mut job);
        let many = completions.is_some_and(|completions| completions > i64::from(PARALLELISM_MAX));
        let per_index =
            self.number(spec, "backoffLimitPerIndex", "backoff_limit_per_index", INT32_MAX, &mut job);
        let crowd = indexed && per_index.is_some() && many;
        let most = match (indexed, crowd) {
            (_, true) => MAX_FAILED_INDEXES_MANY_MAX,
            (true, _) => i64::from(PARALLELISM_MAX),
            _ => INT32_MAX,
        };
        self.number(spec, "parallelism", "parallelism", most, &mut job);
        if self.number(spec, "backoffLimit", "backoff_limit", INT32_MAX, &mut job).is_none()
            && per_index.is_some()
        {
            // BPI-001.
            job.put("backoff_limit", self.at, INT32_MAX);
        }
        let most = completions.unwrap_or(INT32_MAX).min(most);
        let failed = self.number(spec, "maxFailedIndexes", "max_failed_indexes", most, &mut job);
        if let (true, None, Some(entry)) = (crowd, failed, present(spec, "completions"))
            && present(spec, "maxFailedIndexes").is_none()
        {
            self.fields
                .fault(entry.node.span, Code::MissingKey, "so many indexes need `maxFailedIndexes`")
                .label(format!("over {PARALLELISM_MAX} of them, each with a limit of its own (JVL-004)"));
        }
        self.needs_index(spec, indexed);
        for (field, ours) in
            [("activeDeadlineSeconds", "active_deadline"), ("ttlSecondsAfterFinished", "ttl_after_finished")]
        {
            if let Some((time, span)) = self.fields.integer(spec, field, 0..=INT32_MAX) {
                job.put(ours, span, seconds(time));
            }
        }
        if let Some((suspend, span)) = self.fields.boolean(spec, "suspend") {
            job.put("suspend", span, suspend);
        }
        self.others_control(spec);
        self.failure_policy(spec, per_index.is_some(), &mut job);
        self.success_policy(spec, indexed, &mut job);
        self.replacement(spec, &mut job);
        unit.put("job", entry.key_span, Value::Table(job));
    }

    fn number(&mut self, spec: &Table, field: &str, ours: &str, most: i64, job: &mut Table) -> Option<i64> {
        let (number, span) = self.fields.integer(spec, field, 0..=most)?;
        job.put(ours, span, number);
        Some(number)
    }

    /// JVL-003 and JVL-005.
    fn needs_index(&mut self, spec: &Table, indexed: bool) {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            let Some(entry) = present(spec, field).filter(|_| !indexed) else { continue };
            self.fields
                .fault(entry.key_span, Code::NoEffect, format!("`{field}` needs `completionMode: Indexed`"))
                .label("only then a completion has an index (JVL-005)");
        }
        if let (true, Some(entry), None) =
            (indexed, present(spec, "maxFailedIndexes"), present(spec, "backoffLimitPerIndex"))
        {
            self.fields
                .fault(entry.key_span, Code::NoEffect, "`maxFailedIndexes` needs `backoffLimitPerIndex`")
                .label("no index fails by itself without it (JVL-005)");
        }
        if let (Some(entry), "OnFailure") = (present(spec, "backoffLimitPerIndex"), self.policy) {
            self.fields
                .fault(entry.key_span, Code::NoEffect, "`backoffLimitPerIndex` needs `restartPolicy: Never`")
                .label("restarts in place are not counted for each index (BPI-001)");
        }
    }

    fn others_control(&mut self, spec: &Table) {
        if let Some((manager, span)) = self.fields.string(spec, "managedBy")
            && manager != "kubernetes.io/job-controller"
        {
            self.fields.refuse(span, "managedBy", "no other controller runs here");
        }
        if let Some((true, span)) = self.fields.boolean(spec, "manualSelector") {
            self.fields.refuse(span, "manualSelector", "the pods of a job are those that it has made");
        }
    }

    fn failure_policy(&mut self, spec: &Table, per_index: bool, job: &mut Table) {
        let Some((policy, entry)) = self.fields.object(spec, "podFailurePolicy") else { return };
        self.fields.check(policy, &FAILURE_POLICY);
        self.fields.needed(policy, "rules", entry.key_span, "podFailurePolicy");
        if self.policy != "Never" {
            self.fields
                .fault(entry.key_span, Code::BadPolicy, "`podFailurePolicy` needs `restartPolicy: Never`")
                .label("a pod that runs again has not failed (PFP-001)");
        }
        let rules = self.fields.objects(policy, "rules");
        if rules.len() > RULES_MAX {
            self.fields
                .fault(entry.key_span, Code::OutOfRange, format!("more than {RULES_MAX} rules"))
                .label("PFP-001");
        }
        for (rule, node) in rules {
            self.fields.check(rule, &FAILURE_RULE);
            let mut table = Table::default();
            let actions = ["FailJob", "FailIndex", "Ignore", "Count"];
            self.fields.needed(rule, "action", node.span, "a rule");
            if let Some((action, span)) = self.fields.word(rule, "action", &actions) {
                if action == "FailIndex" && !per_index {
                    self.fields
                        .fault(span, Code::NoEffect, "`action: FailIndex` needs `backoffLimitPerIndex`")
                        .label("PFP-003");
                }
                table.put("action", span, action);
            }
            let found = match (present(rule, "onExitCodes"), present(rule, "onPodConditions")) {
                (Some(_), None) => self.on_exit_codes(rule, &mut table),
                (None, Some(entry)) => self.on_conditions(rule, entry, &mut table),
                _ => {
                    let message = "a rule has one of `onExitCodes` and `onPodConditions`";
                    self.fields.fault(node.span, Code::OneHandler, message).label("PFP-002");
                    false
                }
            };
            if found {
                job.push("failure_policy", node.span, table);
            }
        }
    }

    fn on_exit_codes(&mut self, rule: &Table, table: &mut Table) -> bool {
        let Some((codes, entry)) = self.fields.object(rule, "onExitCodes") else { return false };
        self.fields.check(codes, &ON_EXIT_CODES);
        let mut ours = self.exit_codes(codes, entry.key_span);
        let values: Vec<(i64, Span)> = match codes.get("values").map(|entry| &entry.node.value) {
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(|item| match item.value {
                    Value::Integer(Some(code), _) => Some((code, item.span)),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        if let Some(pair) = values.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            self.fields.fault(pair[1].1, Code::OutOfRange, "`values` ascend, each once").label("PFP-005");
        }
        let within = matches!(codes.get("operator").map(|entry| &entry.node.value), Some(Value::String(word)) if word == "In");
        if let Some((_, span)) = values.iter().find(|(code, _)| within && *code == 0) {
            self.fields
                .fault(*span, Code::NoEffect, "exit code 0 is no failure")
                .label("it never matches (PFP-005)");
        }
        if let Some((name, span)) = self.fields.string(codes, "containerName") {
            if !self.names.contains_key(name) {
                let near = super::super::keys::nearest(name, self.names.keys().map(String::as_str));
                let near = near.map(str::to_owned);
                let message = format!("there is no container `{}`", short(name));
                let fault = self.fields.fault(span, Code::OutOfRange, message);
                fault.label("JVL-009");
                if let Some(near) = near {
                    fault.help(format!("did you mean `{near}`?"));
                }
            }
            ours.put("process", span, name);
        }
        table.put("exit_codes", entry.key_span, Value::Table(ours));
        true
    }

    /// The one condition that a pod here can have is `DisruptionTarget`: it was deleted.
    fn on_conditions(&mut self, rule: &Table, entry: &Entry, table: &mut Table) -> bool {
        let mut deleted = false;
        for (condition, node) in self.fields.objects(rule, "onPodConditions") {
            self.fields.check(condition, &ON_CONDITION);
            self.fields.needed(condition, "type", node.span, "a condition");
            let status = self.fields.word(condition, "status", &["True", "False", "Unknown"]);
            let Some((kind, span)) = self.fields.string(condition, "type") else { continue };
            if kind == "DisruptionTarget" && status.is_none_or(|(status, _)| status == "True") {
                deleted = true;
                continue;
            }
            let message = format!("`{}` has no meaning here", short(kind));
            self.fields.fault(span, Code::NoMeaning, message).label("no pod here has this condition");
        }
        if deleted {
            table.put("deleted", entry.key_span, true);
        }
        deleted
    }

    fn success_policy(&mut self, spec: &Table, indexed: bool, job: &mut Table) {
        let Some((policy, entry)) = self.fields.object(spec, "successPolicy") else { return };
        self.fields.check(policy, &SUCCESS_POLICY);
        self.fields.needed(policy, "rules", entry.key_span, "successPolicy");
        if !indexed {
            self.fields
                .fault(entry.key_span, Code::NoEffect, "`successPolicy` needs `completionMode: Indexed`")
                .label("SUC-001");
        }
        let rules = self.fields.objects(policy, "rules");
        if rules.is_empty() || rules.len() > RULES_MAX {
            self.fields
                .fault(entry.key_span, Code::OutOfRange, format!("`rules` has 1 to {RULES_MAX} rules"))
                .label("SUC-001");
        }
        for (rule, node) in rules {
            self.fields.check(rule, &SUCCESS_RULE);
            let mut table = Table::default();
            if let Some((indexes, span)) = self.fields.string(rule, "succeededIndexes") {
                table.put("succeeded_indexes", span, indexes);
            }
            if let Some((count, span)) = self.fields.integer(rule, "succeededCount", 1..=INT32_MAX) {
                table.put("succeeded_count", span, count);
            }
            if rule.entries.is_empty() {
                let message = "a rule needs `succeededIndexes` or `succeededCount`";
                self.fields.fault(node.span, Code::MissingKey, message).label("SUC-001");
            }
            job.push("success_policy", node.span, table);
        }
    }

    /// JOB-001, JVL-008.
    fn replacement(&mut self, spec: &Table, job: &mut Table) {
        let words = ["TerminatingOrFailed", "Failed"];
        let written = self.fields.word(spec, "podReplacementPolicy", &words);
        let policy = present(spec, "podFailurePolicy").is_some();
        if let (Some(("TerminatingOrFailed", span)), true) = (written, policy) {
            self.fields
                .fault(
                    span,
                    Code::BadPolicy,
                    "`podReplacementPolicy: TerminatingOrFailed` beside `podFailurePolicy`",
                )
                .label("how a pod has ended must be known first (JVL-008)")
                .help("write `Failed`, or leave it out");
        }
        match written {
            Some((word, span)) => job.put("pod_replacement_policy", span, word),
            None if policy => job.put("pod_replacement_policy", self.at, "Failed"),
            None => {}
        }
    }
}
