//! Events, marks, and the store over restarts.

use super::*;
use crate::engine::action::{About, Report};
use crate::engine::id::{Class, RunId};
use crate::engine::time::Wall;
use crate::limits::EVENTS_KEPT;
use crate::unit::model::ProbeKind;

fn report(name: &str, message: &str) -> Report {
    let unit = UnitName::parse("web").unwrap();
    let about = About { kind: "Pod", name: name.into(), unit };
    Report { warning: false, reason: "BackOff", about, message: message.into(), lead: None }
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
    ReadyMarks::open(directory.path().join("ready")).unwrap().set(run, ProbeKind::Readiness, true).unwrap();
    let marks = ReadyMarks::open(directory.path().join("ready")).unwrap();
    assert!(marks.contains(run, ProbeKind::Readiness) && !marks.contains(other, ProbeKind::Readiness));
    marks.set(other, ProbeKind::Readiness, true).unwrap();
    marks.keep_only(|name| name == ReadyMarks::name(run, ProbeKind::Readiness)).unwrap();
    assert!(marks.contains(run, ProbeKind::Readiness) && !marks.contains(other, ProbeKind::Readiness));
    marks.set(run, ProbeKind::Readiness, false).unwrap();
    marks.set(run, ProbeKind::Readiness, false).unwrap();
    assert!(!marks.contains(run, ProbeKind::Readiness));
    marks.set(run, ProbeKind::Startup, true).unwrap();
    assert!(marks.contains(run, ProbeKind::Startup) && !marks.contains(run, ProbeKind::Readiness));
}

/// Waits until the store has said that all is stored.
fn settle(store: &mut Store) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        while store.stored() + 1 < store.open_batch() {
            store.ready().await.unwrap();
            while let Some(news) = store.take_in(Now::default()) {
                assert_eq!(news, News::Stored(store.stored()));
            }
        }
    });
}

#[test]
fn what_was_handed_over_is_recalled() {
    let directory = tempfile::tempdir().unwrap();
    let unit = UnitName::parse("web").unwrap();
    let version = |text: &str| Version {
        name: unit.clone(),
        path: "/etc/supd/units/web.toml".into(),
        drop_ins: Vec::new(),
        text: text.into(),
    };
    let keeper = KeeperMark { boot: "this".into(), since: Now::default() };
    let fault = UnitFault {
        line: "web.toml:1: a fault [E0100]".into(),
        file: "web.toml".into(),
        unit: UnitName::parse("web").ok(),
        refuses: true,
    };
    let unit_faults = vec![fault];
    let mark = Mark { keeper: keeper.clone(), exits: 7, unit_faults: unit_faults.clone(), ..Mark::default() };
    let open = || Store::open(directory.path(), None, Now::default()).unwrap();

    let (mut store, recalled) = open();
    assert!(recalled.mark.is_none() && recalled.findings.is_empty(), "{:?}", recalled.findings);
    store.put_unit(&unit, Some(&SavedUnit::disabled(unit.clone(), Now::default())));
    store.put_version(1, || version("one"));
    store.put_version(2, || version("two"));
    store.keep_versions(&BTreeSet::from([2]));
    store.use_uid(5);
    store.begin_whole();
    store.put_unit(&unit, Some(&SavedUnit::disabled(unit.clone(), Now::default())));
    store.hand_over(&mark, Now::default());
    settle(&mut store);
    drop(store);

    let (mut store, recalled) = open();
    let found = recalled.mark.unwrap();
    assert_eq!((found.exits, found.keeper, found.unit_faults), (7, keeper, unit_faults));
    assert!(found.uids > 5 && store.uid_floor() == found.uids);
    assert_eq!(recalled.saved.units.len(), 1);
    assert_eq!(recalled.versions, BTreeMap::from([(2, version("two"))]));
    assert_eq!(trial::trial(directory.path(), Now::default()), Ok(()));
    store.put_unit(&unit, None);
    store.hand_over(&mark, Now::default());
    settle(&mut store);
    drop(store);
    assert!(open().1.saved.units.is_empty());
}
