//! Restart policy and back-off: when may a process that just ended run again?
//!
//! Pure arithmetic over the history of one process, as the kubelet does it (RST-006 to RST-010): the first
//! restart is immediate, then the delays grow. Each delay counts from the end of the run. A run that lasted
//! `reset_after` starts the series anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Exit, Outcome};
use super::time::Mono;
use crate::unit::model::{Backoff, Process, RestartAction, RestartPolicy};

/// The back-off of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    /// The delay that the next end will meet, and when it was set: at the last restart.
    next: Option<(Duration, Mono)>,
}

/// What follows from the end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It runs again.
    Again,
    /// All of its pod does, from the first step on (CRR-004).
    AllAgain,
    /// Nothing: it is final.
    Final,
}

/// What follows from this end: by the first rule that matches, else by the policy (CRR-002). One that supd
/// `condemned` has failed, whatever it says at its end (RST-016).
pub(super) fn after(process: &Process, exit: &Exit, condemned: bool) -> Next {
    let ran = matches!(exit.outcome, Outcome::Exited(_) | Outcome::Signaled { .. } | Outcome::OutOfMemory);
    let mut rules = process.restart_rules.iter().filter(|_| ran);
    if let Some(rule) = rules.find(|rule| rule.exit_codes.matches(exit.code())) {
        return match rule.action {
            RestartAction::Restart => Next::Again,
            RestartAction::RestartAllContainers => Next::AllAgain,
        };
    }
    let succeeded = exit.succeeded(&process.success_exit) && !condemned;
    match process.restart_policy {
        RestartPolicy::Always => Next::Again,
        RestartPolicy::OnFailure if !succeeded => Next::Again,
        RestartPolicy::OnFailure | RestartPolicy::Never => Next::Final,
    }
}

impl Series {
    /// The delay, from the end of the run at `ended`, before the next start. `random` is any number: the
    /// jitter is taken from it.
    pub(super) fn delay(&mut self, backoff: &Backoff, ended: Mono, random: u64) -> Duration {
        match self.next {
            Some((_, set)) if ended.since(set) >= backoff.reset_after => {
                self.next = None;
                Duration::ZERO
            }
            Some((delay, _)) => delay + delay.mul_f64(backoff.jitter * fraction(random)),
            None => Duration::ZERO,
        }
    }

    /// The process was started again.
    pub(super) fn restarted(&mut self, backoff: &Backoff, now: Mono) {
        let delay = match self.next {
            None => backoff.initial.min(backoff.max),
            Some((delay, _)) => grown(delay, backoff),
        };
        self.next = Some((delay, now));
    }

    /// With its instants moved by so many nanoseconds.
    pub(super) fn shifted(self, by: i64) -> Self {
        Self { next: self.next.map(|(delay, set)| (delay, Mono(set.0.saturating_add(by)))) }
    }

    /// An operator started it: what was is forgotten.
    pub(super) fn clear(&mut self) {
        self.next = None;
    }
}

/// The delay before a new pod of a job after its n-th failure in a row (JOB-043, JOB-044).
pub(super) fn job_delay(backoff: &Backoff, failures: u32) -> Duration {
    let mut delay = backoff.initial.min(backoff.max);
    for _ in 1..failures {
        if delay == backoff.max {
            break;
        }
        delay = grown(delay, backoff);
    }
    delay
}

fn grown(delay: Duration, backoff: &Backoff) -> Duration {
    Duration::try_from_secs_f64(delay.as_secs_f64() * backoff.factor).unwrap_or(backoff.max).min(backoff.max)
}

/// A number from 0 to 1 out of any number (splitmix64's last step).
pub(super) fn fraction(random: u64) -> f64 {
    let mut z = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let bits = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubernetes() -> Backoff {
        Backoff {
            initial: Duration::from_secs(10),
            factor: 2.0,
            max: Duration::from_secs(300),
            jitter: 0.0,
            reset_after: Duration::from_secs(600),
        }
    }

    #[test]
    fn rst_006_the_series() {
        let (backoff, mut series, mut now) = (kubernetes(), Series::default(), Mono(0));
        let mut delays = Vec::new();
        for _ in 0..9 {
            let delay = series.delay(&backoff, now, 0);
            delays.push(delay.as_secs());
            now = now + delay;
            series.restarted(&backoff, now);
        }
        assert_eq!(delays, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn rst_009_a_long_run_starts_anew() {
        let (backoff, mut series) = (kubernetes(), Series::default());
        series.restarted(&backoff, Mono(0));
        series.restarted(&backoff, Mono(0));
        let almost = Mono(0) + Duration::from_secs(599);
        assert_eq!(series.delay(&backoff, almost, 0).as_secs(), 20);
        let long = Mono(0) + Duration::from_secs(600);
        assert_eq!(series.delay(&backoff, long, 0).as_secs(), 0);
        series.restarted(&backoff, long);
        assert_eq!(series.delay(&backoff, long, 0).as_secs(), 10);
    }

    #[test]
    fn job_043_the_series_of_a_job() {
        let backoff = Backoff { max: Duration::from_secs(600), ..kubernetes() };
        let delays: Vec<_> = (1..=8).map(|n| job_delay(&backoff, n).as_secs()).collect();
        assert_eq!(delays, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(job_delay(&backoff, u32::MAX).as_secs(), 600);
    }

    #[test]
    fn jitter_adds_up_to_its_fraction() {
        let backoff = Backoff { jitter: 0.5, ..kubernetes() };
        for random in 0..1000 {
            let mut series = Series::default();
            series.restarted(&backoff, Mono(0));
            let delay = series.delay(&backoff, Mono(0), random).as_secs_f64();
            assert!((10.0..=15.0).contains(&delay), "{delay}");
        }
    }
}
