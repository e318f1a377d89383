//! Jobs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Writer;
use super::container::operator;
use crate::limits::{KEEP_PODS_DEFAULT, PARALLELISM_MAX};
use crate::unit::model::{
    AtBoot, Backoff, CompletionMode, ExitCodes, FailureAction, FailureRule, FailureWhen, Job, Operator,
    PodReplacementPolicy, RestartPolicy, SuccessRule,
};

/// Kubernetes' own delays between the pods of a job (JOB-043).
const POD_BACKOFF: (Duration, f64, Duration) = (Duration::from_secs(10), 2.0, Duration::from_secs(600));
/// JOB-001, and with a limit for each index (BPI-001).
const BACKOFF_LIMIT: u32 = 6;
const BACKOFF_LIMIT_OF_INDEXES: u32 = i32::MAX as u32;
/// Most rules of a policy (PFP-001, SUC-001).
const RULES_MAX: usize = 20;
/// JVL-004: beyond so many completions with a limit for each index,
const MANY_COMPLETIONS: u32 = 100_000;
/// so many may fail, or run at once.
const OF_MANY_MAX: u32 = 10_000;
/// What a shell, and Kubernetes, adds to the number of a signal.
const SIGNALLED: u8 = 128;
const SIGKILL: u8 = 9;

impl Writer<'_> {
    pub(super) fn job_object(&mut self, job: &Job) -> Value {
        let name = self.unit.name.pod_stem();
        let metadata = self.metadata(&name, None);
        let spec = self.job_spec(job);
        json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec })
    }

    /// `spec` of a Job, or of a CronJob's template.
    pub(super) fn job_spec(&mut self, job: &Job) -> Value {
        let mut spec = Map::new();
        self.counts(job, &mut spec);
        self.limits(job, &mut spec);
        let times = [
            ("job.active_deadline", "activeDeadlineSeconds", job.active_deadline),
            ("job.ttl_after_finished", "ttlSecondsAfterFinished", job.ttl_after_finished),
        ];
        for (ours, theirs, time) in times {
            if let Some(time) = time {
                spec.insert(theirs.to_owned(), self.seconds(ours, time, 0).into());
            }
        }
        if job.suspend {
            spec.insert("suspend".to_owned(), true.into());
        }
        self.policies(job, &mut spec);
        let mut template = Map::new();
        if let Some(metadata) = self.template_metadata(None) {
            template.insert("metadata".to_owned(), metadata);
        }
        template.insert("spec".to_owned(), self.pod_spec(&job.pod, false));
        spec.insert("template".to_owned(), Value::Object(template));
        self.left_out_of_job(job);
        Value::Object(spec)
    }

    /// JOB-001, JVL-003, JVL-004.
    fn counts(&mut self, job: &Job, spec: &mut Map<String, Value>) {
        if let Some(completions) = job.completions {
            let completions = self.number("job.completions", completions, u32::MAX);
            spec.insert("completions".to_owned(), completions.into());
        }
        let indexed = job.mode == CompletionMode::Indexed;
        let most = match (indexed, is_huge(job)) {
            (true, true) => OF_MANY_MAX,
            (true, false) => PARALLELISM_MAX,
            (false, _) => u32::MAX,
        };
        let parallelism = self.number("job.parallelism", job.parallelism, most);
        spec.insert("parallelism".to_owned(), parallelism.into());
        if indexed {
            spec.insert("completionMode".to_owned(), "Indexed".into());
        }
    }

    fn limits(&mut self, job: &Job, spec: &mut Map<String, Value>) {
        let limit = self.number("job.backoff_limit", job.backoff_limit, u32::MAX);
        let each = job.backoff_limit_per_index;
        let default = if each.is_some() { BACKOFF_LIMIT_OF_INDEXES } else { BACKOFF_LIMIT };
        if limit != default {
            spec.insert("backoffLimit".to_owned(), limit.into());
        }
        if let Some(each) = each {
            let each = self.number("job.backoff_limit_per_index", each, u32::MAX);
            spec.insert("backoffLimitPerIndex".to_owned(), each.into());
        }
        let key = "job.max_failed_indexes";
        let most = if is_huge(job) { OF_MANY_MAX } else { PARALLELISM_MAX };
        if let Some(failed) = job.max_failed_indexes {
            spec.insert("maxFailedIndexes".to_owned(), self.number(key, failed, most).into());
        } else if is_huge(job) {
            self.lose(key, format!("needed beyond {MANY_COMPLETIONS} completions: {OF_MANY_MAX} is written"));
            spec.insert("maxFailedIndexes".to_owned(), OF_MANY_MAX.into());
        }
    }

    fn policies(&mut self, job: &Job, spec: &mut Map<String, Value>) {
        let rules = self.rules("job.failure_policy", &job.failure_policy);
        let rules: Vec<Value> = rules.iter().map(|rule| self.failure_rule(rule)).collect();
        // With a failure policy only `Failed` is legal, and the default (JVL-008).
        let default = if rules.is_empty() {
            PodReplacementPolicy::TerminatingOrFailed
        } else {
            PodReplacementPolicy::Failed
        };
        if !rules.is_empty() {
            spec.insert("podFailurePolicy".to_owned(), json!({ "rules": rules }));
        }
        if job.pod_replacement_policy != default {
            let word = match job.pod_replacement_policy {
                PodReplacementPolicy::Failed => Some("Failed"),
                PodReplacementPolicy::TerminatingOrFailed => None,
            };
            match word {
                Some(word) => {
                    spec.insert("podReplacementPolicy".to_owned(), word.into());
                }
                None => {
                    self.lose("job.pod_replacement_policy", "with a failure policy it is \"Failed\" there")
                }
            }
        }
        let rules = self.rules("job.success_policy", &job.success_policy);
        if !rules.is_empty() {
            let rules: Vec<Value> = rules.iter().map(success_rule).collect();
            spec.insert("successPolicy".to_owned(), json!({ "rules": rules }));
        }
    }

    /// As many rules as Kubernetes takes.
    fn rules<'r, T>(&mut self, key: &str, rules: &'r [T]) -> &'r [T] {
        if rules.len() > RULES_MAX {
            self.lose(key, format!("{RULES_MAX} rules at most there: the later ones are left out"));
        }
        &rules[..rules.len().min(RULES_MAX)]
    }

    fn failure_rule(&mut self, rule: &FailureRule) -> Value {
        let key = "job.failure_policy";
        let when = match &rule.when {
            FailureWhen::ExitCodes { process, codes } => on_exit_codes(process.as_deref(), codes),
            FailureWhen::Signal(signals) => {
                self.lose(key, "`signal` is an exit code of 128 + n there, whoever has sent it");
                let mut values: Vec<u8> =
                    signals.iter().map(|signal| signal.saturating_add(SIGNALLED)).collect();
                values.sort_unstable();
                values.dedup();
                on_exit_codes(None, &ExitCodes { operator: Operator::In, values })
            }
            FailureWhen::Oom => {
                self.lose(key, "`oom` is exit code 137 there, as any KILL is");
                let codes = ExitCodes { operator: Operator::In, values: vec![SIGNALLED + SIGKILL] };
                on_exit_codes(None, &codes)
            }
            FailureWhen::Deleted => {
                ("onPodConditions", json!([{ "type": "DisruptionTarget", "status": "True" }]))
            }
        };
        let action = match rule.action {
            FailureAction::FailJob => "FailJob",
            FailureAction::FailIndex => "FailIndex",
            FailureAction::Ignore => "Ignore",
            FailureAction::Count => "Count",
        };
        json!({ "action": action, when.0: when.1 })
    }

    fn left_out_of_job(&mut self, job: &Job) {
        let Backoff { initial, factor, max, .. } = job.backoff;
        if job.pod.restart_policy == RestartPolicy::Never && (initial, factor, max) != POD_BACKOFF {
            self.lose("job.backoff", "the delays are not settable there: 10 s doubling to 10 min");
        }
        if job.keep_pods != KEEP_PODS_DEFAULT {
            self.lose("job.keep_pods", "the pods stay for as long as the Job; see ttl_after_finished");
        }
        if job.at_boot != AtBoot::Keep {
            self.lose(
                "job.at_boot",
                "a finished Job stays finished there; a Deployment or CronJob runs again",
            );
        }
    }
}

/// Whether JVL-004 holds for it.
fn is_huge(job: &Job) -> bool {
    job.backoff_limit_per_index.is_some() && job.completions.is_some_and(|many| many > MANY_COMPLETIONS)
}

fn on_exit_codes(process: Option<&str>, codes: &ExitCodes) -> (&'static str, Value) {
    let mut when = json!({ "operator": operator(codes.operator), "values": codes.values });
    if let Some(process) = process {
        when["containerName"] = process.into();
    }
    ("onExitCodes", when)
}

fn success_rule(rule: &SuccessRule) -> Value {
    let mut written = Map::new();
    if let Some(indexes) = &rule.indexes {
        let interval = |(first, last): &(u32, u32)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        let indexes: Vec<String> = indexes.iter().map(interval).collect();
        written.insert("succeededIndexes".to_owned(), indexes.join(",").into());
    }
    if let Some(count) = rule.count {
        written.insert("succeededCount".to_owned(), count.into());
    }
    Value::Object(written)
}
