//! What watchers are told, and what becomes of slow ones.

use std::cell::Cell;
use std::task::Waker;

use super::*;
use crate::control::objects::{
    Info, InfoStatus, Metadata, Scale, ScaleSpec, ScaleStatus, Selector, SystemState,
};

/// The smallest object with a name and labels.
fn object(name: &str, replicas: u32) -> Object {
    let labels = [("app".to_owned(), name.to_owned())].into();
    Object::Scale(Box::new(Scale {
        api_version: "autoscaling/v1".into(),
        kind: "Scale".into(),
        metadata: Metadata { name: name.to_owned(), labels, ..Metadata::default() },
        spec: ScaleSpec { replicas },
        status: ScaleStatus { replicas },
    }))
}

/// Everything that is there to be read now, as (type, name or message, resourceVersion).
fn read(stream: &mut WatchStream) -> Vec<(String, String, String)> {
    let mut context = Context::from_waker(Waker::noop());
    let mut seen = Vec::new();
    while let Poll::Ready(Some(line)) = stream.poll_line(&mut context) {
        assert_eq!(line.last(), Some(&b'\n'));
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let object = &value["object"];
        let name = if object["message"].is_null() { &object["metadata"]["name"] } else { &object["reason"] };
        seen.push((text(&value["type"]), text(name), text(&object["metadata"]["resourceVersion"])));
    }
    seen
}

fn event(change: &str, name: &str, version: &str) -> (String, String, String) {
    (change.to_owned(), name.to_owned(), version.to_owned())
}

#[test]
fn what_is_there_then_what_changes() {
    let mut watchers = Watchers::new(10);
    let present = vec![object("a", 1), object("b", 1)];
    let mut stream = watchers.subscribe(Collection::Units, Filter::default(), present);
    watchers.publish(Collection::Units, Change::Modified, || Some(object("a", 2)));
    watchers.publish(Collection::Pods, Change::Added, || panic!("nobody watches pods"));
    watchers.publish(Collection::Units, Change::Deleted, || Some(object("b", 1)));
    assert_eq!(
        read(&mut stream),
        [
            event("ADDED", "a", "10"),
            event("ADDED", "b", "10"),
            event("MODIFIED", "a", "11"),
            event("DELETED", "b", "13"),
        ]
    );
    assert_eq!(watchers.version(), 13);
}

#[test]
fn filters() {
    let mut watchers = Watchers::new(0);
    let present = || vec![object("a", 1), object("b", 1)];
    let named = Filter { name: Some("a".to_owned()), ..Filter::default() };
    let labelled = Filter { labels: Selector::parse("app!=a").unwrap(), ..Filter::default() };
    let mut by_name = watchers.subscribe(Collection::Units, named, present());
    let mut by_label = watchers.subscribe(Collection::Units, labelled, present());
    for name in ["a", "b"] {
        watchers.publish(Collection::Units, Change::Modified, || Some(object(name, 2)));
    }
    assert_eq!(read(&mut by_name), [event("ADDED", "a", "0"), event("MODIFIED", "a", "1")]);
    assert_eq!(read(&mut by_label), [event("ADDED", "b", "0"), event("MODIFIED", "b", "2")]);
}

#[test]
fn an_object_is_made_once_and_only_for_somebody() {
    let mut watchers = Watchers::new(0);
    let made = Cell::new(0);
    let publish = |watchers: &mut Watchers| {
        watchers.publish(Collection::Units, Change::Modified, || {
            made.set(made.get() + 1);
            Some(object("a", 1))
        });
    };
    publish(&mut watchers);
    assert_eq!(made.get(), 0);
    let streams: Vec<_> =
        (0..3).map(|_| watchers.subscribe(Collection::Units, Filter::default(), Vec::new())).collect();
    publish(&mut watchers);
    assert_eq!((made.get(), watchers.count()), (1, 3));
    drop(streams);
    publish(&mut watchers);
    assert_eq!((made.get(), watchers.count()), (1, 0));
}

/// F83: a slow watcher reads what was queued and why there is no more; the others lose nothing.
#[test]
fn a_slow_watcher_is_cut_off() {
    let mut watchers = Watchers::new(0);
    let mut slow = watchers.subscribe(Collection::Units, Filter::default(), Vec::new());
    let mut quick = watchers.subscribe(Collection::Units, Filter::default(), Vec::new());
    let mut seen = 0;
    for number in 0..=WATCH_QUEUE_MAX {
        watchers.publish(Collection::Units, Change::Modified, || Some(object("a", number as u32)));
        seen += read(&mut quick).len();
    }
    assert_eq!((seen, watchers.count()), (WATCH_QUEUE_MAX + 1, 1));
    let lines = read(&mut slow);
    assert_eq!(lines.len(), WATCH_QUEUE_MAX + 1);
    assert_eq!(lines.last(), Some(&event("ERROR", "Expired", "")));
    assert!(read(&mut slow).is_empty());
}

#[test]
fn what_has_no_name_is_not_watched() {
    let info = Info::new(InfoStatus {
        version: String::new(),
        pid: 1,
        pid1: true,
        container: true,
        host_name: String::new(),
        started_at: crate::control::objects::Time(0),
        replaced: 0,
        keeper_faults: 0,
        state: SystemState::Running,
        units: 0,
        failed_units: 0,
        pods: 0,
        unit_directories: Vec::new(),
        log_directory: "/".into(),
        state_directory: None,
        state_not_saved: None,
        planned_shutdown: None,
        warnings: Vec::new(),
        place: None,
    });
    assert!(!Filter::default().matches(&info.into()));
}
