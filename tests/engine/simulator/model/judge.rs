//! What the engine shows, held against what must be.

use std::collections::BTreeSet;

use supd::engine::view::JobView;

use super::JOB;
use super::facts::Facts;
use super::kubernetes::{self, Expected};
use super::spec::Spec;
use crate::world::World;

/// After a step, when nothing is under way.
pub fn compare(spec: &Spec, facts: &Facts, world: &World) {
    let job = world.job(JOB);
    let expected = kubernetes::count(spec, &facts.all);
    let said = |what: &str| format!("{what}\n{job:#?}\n{expected:#?}\n{}", spec.text());
    assert!(expected.faults.is_empty(), "{}", said(&expected.faults.join(", ")));
    assert_eq!(job.succeeded, expected.succeeded, "{}", said("succeeded"));
    let failed = spec.backoff_limit_per_index.map(|_| words(&expected.failed_indexes));
    assert_eq!(job.failed_indexes, failed, "{}", said("failedIndexes"));
    if spec.indexed {
        assert_eq!(job.completed_indexes, words(&expected.completed), "{}", said("completedIndexes"));
    }
    // While pods of a failed job end, they are still to be counted.
    if expected.end.is_none_or(|_| expected.pods.is_empty()) {
        assert_eq!(job.failed, expected.failed, "{}", said("failed"));
    }
    let active = u32::try_from(expected.active().count()).expect("few");
    let leaving = u32::try_from(expected.pods.len()).expect("few") - active;
    assert_eq!((job.active, job.terminating), (active, leaving), "{}", said("active, terminating"));
    pods_are_as_wished(spec, &expected, world, &said);
    ends_agree(&job, &expected, &said);
}

/// Never too many; and too few only where what is missing waits.
fn pods_are_as_wished(spec: &Spec, expected: &Expected, world: &World, said: &dyn Fn(&str) -> String) {
    assert!(expected.active().count() <= expected.wanted(spec), "{}", said("more pods than are wanted"));
    let free = expected.free(spec);
    let next: Vec<Option<u32>> = match spec.indexed {
        true => expected.pending(spec).into_iter().take(free).map(Some).collect(),
        false => vec![None; free],
    };
    for index in next {
        let waits = expected.waits(spec, world.now.mono, index);
        assert!(waits, "{}", said(&format!("a pod is missing, of index {index:?}")));
    }
}

/// The two steps of an end, their reason, and the times that belong to them (JOB-101, JOB-104).
fn ends_agree(job: &JobView, expected: &Expected, said: &dyn Fn(&str) -> String) {
    let is_true = job.conditions.iter().filter(|condition| condition.status);
    let held: Vec<(&str, &str)> =
        is_true.map(|condition| (condition.kind.as_str(), condition.reason.as_str())).collect();
    let mut wanted = Vec::new();
    if expected.says_suspended {
        wanted.push(("Suspended", "JobSuspended"));
    }
    if let Some(reason) = expected.end {
        let (first, last) = match kubernetes::is_success(reason) {
            true => ("SuccessCriteriaMet", "Complete"),
            false => ("FailureTarget", "Failed"),
        };
        wanted.push((first, reason));
        if expected.pods.is_empty() {
            wanted.push((last, reason));
        }
    }
    assert_eq!(held, wanted, "{}", said("conditions"));
    let is_complete = held.iter().any(|(kind, _)| *kind == "Complete");
    assert_eq!(job.completion_time.is_some(), is_complete, "{}", said("completionTime"));
    if expected.end.is_none() {
        assert_eq!(job.start_time.is_some(), expected.start.is_some(), "{}", said("startTime"));
    }
}

/// Whether the job shows its end.
pub fn is_finished(world: &World) -> bool {
    let conditions = world.job(JOB).conditions;
    conditions
        .iter()
        .any(|condition| condition.status && ["Complete", "Failed"].contains(&condition.kind.as_str()))
}

/// Kubernetes' notation, each number tried on its own (IDX-004).
fn words(indexes: &BTreeSet<u32>) -> String {
    let has = |index: u32| indexes.contains(&index);
    let mut text = String::new();
    for index in indexes.iter().copied() {
        let inside = index > 0 && has(index - 1) && has(index + 1);
        // The end of a run of three or more stands behind a dash.
        let closes = index > 1 && has(index - 1) && has(index - 2) && !has(index + 1);
        if inside {
            continue;
        }
        match (text.is_empty(), closes) {
            (true, _) => {}
            (false, true) => text.push('-'),
            (false, false) => text.push(','),
        }
        text += &index.to_string();
    }
    text
}
