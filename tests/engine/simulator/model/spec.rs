//! A job's spec at random: all that the rules for jobs are about.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::super::random::Random;

/// What is wished of the job.
#[derive(Clone, Debug)]
pub struct Spec {
    /// `OnFailure`, else `Never`.
    pub on_failure: bool,
    pub completions: Option<u32>,
    pub parallelism: u32,
    pub indexed: bool,
    /// `None`: not written.
    pub backoff_limit: Option<u32>,
    pub backoff_limit_per_index: Option<u32>,
    pub max_failed_indexes: Option<u32>,
    pub failure_policy: Vec<FailureRule>,
    pub success_policy: Vec<SuccessRule>,
    /// `pod_replacement_policy = "Failed"`, written or not.
    pub replaces_failed_only: bool,
    /// In seconds.
    pub active_deadline: Option<u64>,
    pub suspend: bool,
}

/// A rule by exit code.
#[derive(Clone, Debug)]
pub struct FailureRule {
    /// `In`, else `NotIn`.
    pub within: bool,
    pub codes: Vec<u8>,
    /// As it is written: `FailJob`, `FailIndex`, `Ignore`, `Count`.
    pub action: &'static str,
}

/// So many of these indexes, or all of them.
#[derive(Clone, Debug)]
pub struct SuccessRule {
    pub indexes: Option<BTreeSet<u32>>,
    pub count: Option<u32>,
}

impl Spec {
    pub fn any(random: &mut Random) -> Self {
        let on_failure = random.one_in(3);
        let indexed = random.one_in(2);
        let queue = !indexed && random.one_in(4);
        let completions = (!queue).then(|| small(random, 7));
        let backoff_limit_per_index = (indexed && !on_failure && random.one_in(2)).then(|| small(random, 3));
        let limited = backoff_limit_per_index.is_some();
        let policed = !on_failure && random.one_in(3);
        let failure_policy: Vec<FailureRule> = match policed {
            true => (0..=random.below(2)).map(|_| FailureRule::any(limited, random)).collect(),
            false => Vec::new(),
        };
        Self {
            on_failure,
            completions,
            parallelism: small(random, 5),
            indexed,
            backoff_limit: (random.below(4) > 0).then(|| small(random, 6)),
            backoff_limit_per_index,
            max_failed_indexes: completions
                .filter(|_| limited && random.one_in(2))
                .map(|completions| small(random, u64::from(completions) + 1)),
            success_policy: match completions {
                Some(completions @ 1..) if indexed && random.one_in(3) => {
                    (0..=random.below(2)).map(|_| SuccessRule::any(completions, random)).collect()
                }
                _ => Vec::new(),
            },
            replaces_failed_only: policed || random.one_in(3),
            failure_policy,
            active_deadline: random.one_in(4).then(|| random.below(200)),
            suspend: random.one_in(8),
        }
    }

    /// Failures of the job that are allowed.
    pub fn failures_allowed(&self) -> u32 {
        // BPI-001: where each index has a limit the job has none, unless it is written.
        let unwritten = if self.backoff_limit_per_index.is_some() { u32::MAX } else { 6 };
        self.backoff_limit.unwrap_or(unwritten)
    }

    /// As a unit file.
    pub fn text(&self) -> String {
        let policy = if self.on_failure { "OnFailure" } else { "Never" };
        let mut text = format!("exec = ['/x']\nrestart_policy = '{policy}'\n[job]\nkeep_pods = 1000\n");
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                writeln!(text, "{key} = {value}").expect("a string takes all");
            }
        };
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        line("parallelism", number(Some(self.parallelism)));
        line("completions", number(self.completions));
        line("completion_mode", self.indexed.then(|| "'Indexed'".to_owned()));
        line("backoff_limit", number(self.backoff_limit));
        line("backoff_limit_per_index", number(self.backoff_limit_per_index));
        line("max_failed_indexes", number(self.max_failed_indexes));
        line("active_deadline", self.active_deadline.map(|seconds| format!("'{seconds}s'")));
        line("suspend", self.suspend.then(|| "true".to_owned()));
        let replacement = self.replaces_failed_only && self.failure_policy.is_empty();
        line("pod_replacement_policy", replacement.then(|| "'Failed'".to_owned()));
        let successes: Vec<String> = self.success_policy.iter().map(SuccessRule::text).collect();
        line("success_policy", (!successes.is_empty()).then(|| format!("[{}]", successes.join(", "))));
        for rule in &self.failure_policy {
            text += &rule.text();
        }
        text
    }
}

impl FailureRule {
    fn any(limited: bool, random: &mut Random) -> Self {
        let actions = ["FailJob", "Ignore", "Ignore", "Count", "FailIndex", "FailIndex"];
        let known = if limited { &actions[..] } else { &actions[..4] };
        Self {
            within: random.below(3) > 0,
            codes: random.pick(&[vec![1], vec![42], vec![1, 42], vec![137], vec![42, 143]]).clone(),
            action: *random.pick(known),
        }
    }

    fn text(&self) -> String {
        let operator = if self.within { "In" } else { "NotIn" };
        let (codes, action) = (&self.codes, self.action);
        format!(
            "[[job.failure_policy]]\nexit_codes = {{ operator = '{operator}', values = {codes:?} }}\n\
             action = '{action}'\n"
        )
    }
}

impl SuccessRule {
    fn any(completions: u32, random: &mut Random) -> Self {
        let some: BTreeSet<u32> = (0..completions).filter(|_| random.one_in(2)).collect();
        let indexes = (!some.is_empty() && random.below(3) > 0).then_some(some);
        let most = indexes.as_ref().map_or(completions, |set| u32::try_from(set.len()).expect("few"));
        let count = (indexes.is_none() || random.one_in(2)).then(|| 1 + small(random, u64::from(most)));
        Self { indexes, count }
    }

    fn text(&self) -> String {
        let words = |set: &BTreeSet<u32>| {
            let all: Vec<String> = set.iter().map(ToString::to_string).collect();
            format!("succeeded_indexes = '{}'", all.join(","))
        };
        let indexes = self.indexes.as_ref().map(words);
        let count = self.count.map(|count| format!("succeeded_count = {count}"));
        let keys: Vec<String> = indexes.into_iter().chain(count).collect();
        format!("{{ {} }}", keys.join(", "))
    }
}

fn small(random: &mut Random, end: u64) -> u32 {
    u32::try_from(random.below(end)).expect("small")
}
