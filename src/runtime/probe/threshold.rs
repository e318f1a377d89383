//! From single answers to a verdict: so many equal answers in a row (PRB-004, PRB-005).

use crate::unit::model::{Probe, ProbeKind};

/// The verdict of one probe of a run, and the answers that might change it.
#[derive(Clone, Debug)]
pub struct Verdict {
    good: Option<bool>,
    /// The last answer, and how often it came in a row.
    streak: Option<(bool, u32)>,
    success_threshold: u32,
    failure_threshold: u32,
}

impl Verdict {
    /// Before the first answer: alive; not ready, or as it was before the manager was started again
    /// (PRB-018); of a start nothing is known (PRB-004).
    pub fn new(probe: &Probe, kind: ProbeKind, was_ready: bool) -> Self {
        Self {
            good: match kind {
                ProbeKind::Startup => None,
                ProbeKind::Readiness => Some(was_ready),
                ProbeKind::Liveness => Some(true),
            },
            streak: None,
            success_threshold: probe.success_threshold.max(1),
            failure_threshold: probe.failure_threshold.max(1),
        }
    }

    /// Takes in an answer. Returns the verdict if it is new: the first one, or a changed one.
    pub fn observe(&mut self, success: bool) -> Option<bool> {
        let count = match self.streak {
            Some((last, count)) if last == success => count.saturating_add(1),
            _ => 1,
        };
        self.streak = Some((success, count));
        let threshold = if success { self.success_threshold } else { self.failure_threshold };
        if self.good == Some(success) || count < threshold {
            return None;
        }
        self.good = Some(success);
        Some(success)
    }

    /// As it stands, where it stands.
    pub fn good(&self) -> Option<bool> {
        self.good
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::unit::model::Handler;

    fn verdict(success_threshold: u32, failure_threshold: u32) -> Verdict {
        verdict_of(ProbeKind::Readiness, success_threshold, failure_threshold)
    }

    fn verdict_of(kind: ProbeKind, success_threshold: u32, failure_threshold: u32) -> Verdict {
        let probe = Probe {
            handler: Handler::Notify,
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            success_threshold,
            failure_threshold,
            grace: None,
        };
        Verdict::new(&probe, kind, false)
    }

    /// The verdicts that a row of answers gives; `+` is a success.
    fn changes(verdict: &mut Verdict, answers: &str) -> Vec<Option<bool>> {
        answers.chars().map(|answer| verdict.observe(answer == '+')).collect()
    }

    #[test]
    fn prb_004_005_readiness_begins_bad_and_needs_its_successes_in_a_row() {
        let mut verdict = verdict(2, 3);
        assert_eq!(verdict.good(), Some(false));
        assert_eq!(changes(&mut verdict, "--+-++"), [None, None, None, None, None, Some(true)]);
    }

    #[test]
    fn prb_005_an_opposite_answer_starts_the_count_anew() {
        let mut verdict = verdict(1, 3);
        assert_eq!(changes(&mut verdict, "+--+--"), [Some(true), None, None, None, None, None]);
        assert_eq!(changes(&mut verdict, "-"), [Some(false)]);
        assert_eq!(changes(&mut verdict, "--+"), [None, None, Some(true)]);
    }

    #[test]
    fn a_verdict_that_stands_is_not_told_again() {
        let mut verdict = verdict(1, 1);
        assert_eq!(changes(&mut verdict, "-++--"), [None, Some(true), None, Some(false), None]);
    }

    #[test]
    fn prb_004_liveness_begins_good_and_of_a_start_nothing_is_known() {
        let mut alive = verdict_of(ProbeKind::Liveness, 1, 3);
        assert_eq!(changes(&mut alive, "+--+---"), [None, None, None, None, None, None, Some(false)]);
        assert_eq!(changes(&mut verdict_of(ProbeKind::Startup, 1, 2), "--"), [None, Some(false)]);
        assert_eq!(changes(&mut verdict_of(ProbeKind::Startup, 1, 2), "-+"), [None, Some(true)]);
    }
}
