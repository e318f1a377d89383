//! A job's spec at random.

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
    /// In seconds.
    pub active_deadline: Option<u64>,
    pub suspend: bool,
}

impl Spec {
    pub fn any(random: &mut Random) -> Self {
        let mut small = |end: u64| u32::try_from(random.below(end)).expect("small");
        let on_failure = small(3) == 0;
        let indexed = small(2) == 0;
        let queue = !indexed && small(4) == 0;
        let completions = (!queue).then(|| small(7));
        Self {
            on_failure,
            completions,
            parallelism: small(5),
            indexed,
            backoff_limit: (small(4) > 0).then(|| small(6)),
            active_deadline: (small(4) == 0).then(|| u64::from(small(200))),
            suspend: small(8) == 0,
        }
    }

    /// As a unit file.
    pub fn text(&self) -> String {
        let policy = if self.on_failure { "OnFailure" } else { "Never" };
        let mut text = format!("exec = ['/x']\nrestart_policy = '{policy}'\n[job]\nkeep_pods = 1000\n");
        let mut line =
            |key: &str, value: String| writeln!(text, "{key} = {value}").expect("a string takes all");
        line("parallelism", self.parallelism.to_string());
        if let Some(completions) = self.completions {
            line("completions", completions.to_string());
        }
        if self.indexed {
            line("completion_mode", "'Indexed'".to_owned());
        }
        if let Some(limit) = self.backoff_limit {
            line("backoff_limit", limit.to_string());
        }
        if let Some(seconds) = self.active_deadline {
            line("active_deadline", format!("'{seconds}s'"));
        }
        if self.suspend {
            line("suspend", "true".to_owned());
        }
        text
    }
}
