//! After the trouble: what was begun comes to its end, so that it can be counted.

use std::time::{Duration, Instant};

use super::space::Supd;
use super::units::{Group, Unit};

/// What is left to do takes this long at most, on a busy machine, beside the time that the trouble took; part
/// of no promise.
const PATIENCE: Duration = Duration::from_secs(120);

/// Suspends the cronjobs, resumes what was suspended by the way, and waits until all jobs that nobody stopped
/// are complete. Returns those that are not.
pub fn settle(supd: &Supd, units: &[Unit], trouble: Duration) -> Vec<String> {
    let end = Instant::now() + PATIENCE + trouble;
    for unit in units {
        if unit.group == Group::Cron {
            insist(supd, &format!("suspend {}", unit.name), end);
        }
    }
    let jobs = units.iter().filter(|unit| {
        matches!(unit.group, Group::Steady | Group::Hit)
            || unit.group == Group::Dependent && unit.text.contains("[job]")
    });
    let mut open = Vec::new();
    for unit in units.iter().filter(|unit| unit.group == Group::Hit) {
        // Late enough that what a killed client has asked for is done.
        insist(supd, &format!("resume {}", unit.name), end);
    }
    for job in jobs {
        let failure = loop {
            let output = supd.ctl(&format!("wait job/{} --for=complete --timeout=30s", job.name));
            match output.code {
                0 => break None,
                _ if Instant::now() < end => {}
                _ => break Some(output.stderr.trim().to_owned()),
            }
        };
        open.extend(failure.map(|failure| format!("{} is not complete: {failure}", job.name)));
    }
    open
}

/// Stops everything but those that nobody touches.
pub fn stop_others(supd: &Supd, units: &[Unit]) {
    let end = Instant::now() + PATIENCE;
    let others: Vec<&str> =
        units.iter().filter(|unit| unit.group != Group::Calm).map(|unit| unit.name.as_str()).collect();
    insist(supd, &format!("stop {}", others.join(" ")), end);
}

/// Gives an order until it is taken, or until there is nobody who could take it.
#[track_caller]
fn insist(supd: &Supd, words: &str, end: Instant) {
    loop {
        let output = supd.ctl(words);
        if output.code == 0 || output.stderr.contains("is finished") {
            return;
        }
        assert!(Instant::now() < end, "it is not taken: {output:?}\n{}", supd.own_output());
    }
}
