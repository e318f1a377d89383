//! RS: pods that are kept at a number.

use supd::engine::event::Command;
use supd::engine::view::UnitState;
use supd::unit::model::Body;

use crate::parse;
use crate::world::{name, world};

fn service(keys: &str) -> String {
    format!("exec = ['/x']\n[service]\n{keys}")
}

#[test]
fn rs_001_one_unless_written_and_none_is_allowed() {
    let unit = parse("a", "exec = ['/x']");
    let Body::Service(one) = &unit.body else { panic!("a service") };
    assert_eq!(one.replicas, 1);
    world("none").unit("a", &service("replicas = 0")).begin().spawned(0).advance("1h").spawned(0);
}

#[test]
fn rs_002_a_crash_restarts_in_place() {
    let w = world("in place").unit("a", &service("replicas = 2")).begin();
    let uid = w.pod("a-1").uid;
    let w = w.exit("a-1", 1).runs(&["a-0", "a-1"]).restarts("a-1", 1);
    assert_eq!(w.pod("a-1").uid, uid);
}

#[test]
fn rs_003_a_deleted_pod_is_replaced_without_back_off() {
    let mut w = world("deleted").unit("a", &service("replicas = 2")).begin();
    for _ in 0..10 {
        let uid = w.run_of("a-0").pod;
        w = w.command(Command::StopPod(uid)).runs(&["a-0", "a-1"]);
    }
    w.restarts("a-0", 0).state("a", UnitState::Running);
}

#[test]
fn rs_004_all_at_once() {
    world("many").unit("a", &service("replicas = 600")).begin().spawned(600);
}

#[test]
fn rs_006_the_numbers_of_the_status() {
    world("numbers")
        .unit("a", &format!("{}\n[readiness]\nnotify = true", service("replicas = 3")))
        .begin()
        .ready("a-0", true)
        .ready("a-2", true)
        .check(|w| {
            let numbers = w.unit_view("a").service.unwrap();
            assert_eq!((numbers.desired, numbers.replicas, numbers.ready, numbers.available), (3, 3, 2, 2));
        })
        .stubborn("a-2")
        .command(Command::Scale { unit: name("a"), replicas: 2 })
        .check(|w| {
            let numbers = w.unit_view("a").service.unwrap();
            assert_eq!((numbers.desired, numbers.replicas, numbers.ready), (2, 2, 1));
        });
}
