//! Rings, counting and forgetting.

use super::*;
use crate::engine::action::{About, Report};
use crate::engine::event::{Exit, Outcome, Usage};
use crate::engine::id::{Class, RunId};
use crate::engine::time::{Now, Wall};
use crate::limits::EVENTS_KEPT;

fn run(pod: u64) -> Record {
    let unit = UnitName::parse("web").unwrap();
    let exit = Exit { outcome: Outcome::Exited(0), usage: Usage::default(), at: Now::default() };
    Record::Run(Box::new(RunRecord {
        run: RunId { pod: PodUid(pod), class: Class::Main, process: 0, attempt: 0 },
        unit,
        job: None,
        pod: format!("web-{pod}"),
        process: "main".into(),
        started: None,
        exit,
        reason: "Completed".into(),
    }))
}

fn report(name: &str, message: &str) -> Report {
    let unit = UnitName::parse("web").unwrap();
    let about = About { kind: "Pod", name: name.into(), unit };
    Report { warning: false, reason: "BackOff", about, message: message.into() }
}

#[test]
fn the_oldest_runs_make_room() {
    let mut store = Store::default();
    for pod in 0..RUNS_KEPT as u64 + 5 {
        store.record(run(pod));
    }
    let sequences: Vec<u64> = store.runs().map(|run| run.sequence).collect();
    assert_eq!((sequences.len(), sequences[0]), (RUNS_KEPT, 6));
}

#[test]
fn a_forgotten_pod_takes_its_runs_along() {
    let mut store = Store::default();
    for pod in [1, 2, 2, 3] {
        store.record(run(pod));
    }
    store.forget(PodUid(2));
    let pods: Vec<u64> = store.runs().map(|run| run.record.run.pod.0).collect();
    assert_eq!(pods, [1, 3]);
}

#[test]
fn the_same_event_counts_up_and_moves_to_the_end() {
    let mut events = Events::default();
    events.add(Wall(1), report("a", "x"));
    events.add(Wall(2), report("b", "x"));
    let again = events.add(Wall(3), report("a", "x"));
    assert_eq!((again.id, again.sequence, again.count), (1, 3, 2));
    assert_eq!((again.first, again.last), (Wall(1), Wall(3)));
    events.add(Wall(4), report("a", "y"));
    let seen: Vec<(u64, u32)> = events.since(0).map(|event| (event.sequence, event.count)).collect();
    assert_eq!(seen, [(2, 1), (3, 2), (4, 1)]);
    assert_eq!(events.since(3).count(), 1);
}

#[test]
fn events_are_bounded_and_one_that_made_room_counts_from_one() {
    let mut events = Events::default();
    for number in 0..=EVENTS_KEPT {
        events.add(Wall(0), report("a", &number.to_string()));
    }
    assert_eq!(events.since(0).count(), EVENTS_KEPT);
    assert_eq!(events.add(Wall(0), report("a", "0")).count, 1);
}

#[test]
fn marks_of_readiness_outlive_their_manager() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunId { pod: PodUid(7), class: Class::Main, process: 1, attempt: 2 };
    let other = RunId { attempt: 3, ..run };
    ReadyMarks::open(directory.path().join("ready")).unwrap().set(run, true).unwrap();
    let marks = ReadyMarks::open(directory.path().join("ready")).unwrap();
    assert!(marks.contains(run) && !marks.contains(other));
    marks.set(other, true).unwrap();
    marks.keep_only(|name| name == ReadyMarks::name(run)).unwrap();
    assert!(marks.contains(run) && !marks.contains(other));
    marks.set(run, false).unwrap();
    marks.set(run, false).unwrap();
    assert!(!marks.contains(run));
}
