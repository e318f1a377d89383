//! Restarts: which ends of a process are followed by another run, and how soon.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When does a process that ended run again in its pod (RST-001)?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// After every end.
    Always,
    /// After a failure.
    OnFailure,
    /// Never; for a job's pod: a new pod instead.
    Never,
}

/// A restart that the policy alone would not decide (CRR-002).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartRule {
    /// Which exits.
    pub exit_codes: ExitCodes,
    /// What follows.
    pub action: RestartAction,
}

/// What a [`RestartRule`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartAction {
    /// The process runs again, whatever its policy.
    Restart,
    /// All processes of the pod are killed, and it begins anew at its first step (CRR-004).
    RestartAllContainers,
}

/// A set of exit codes; a death by signal `n` is `128 + n`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitCodes {
    /// Whether the code is to be one of the values, or none of them.
    pub operator: Operator,
    /// In ascending order.
    pub values: Vec<u8>,
}

impl ExitCodes {
    /// Whether an exit code is meant. Success never is, not even by `NotIn` (PFP-004).
    pub fn matches(&self, code: u8) -> bool {
        let within = self.values.contains(&code);
        code != 0 && within == (self.operator == Operator::In)
    }
}

/// In the set, or outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// One of the values.
    In,
    /// None of them.
    NotIn,
}

/// A growing delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The second restart waits this long (the first is immediate); for jobs the first new pod does.
    pub initial: Duration,
    /// Each further one waits this many times longer,
    pub factor: f64,
    /// up to this.
    pub max: Duration,
    /// A fraction of the delay that is added at random, 0 to 1.
    pub jitter: f64,
    /// A run that lasted this long starts the series anew (RST-009); not used by jobs.
    pub reset_after: Duration,
}
