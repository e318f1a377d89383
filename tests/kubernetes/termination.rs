//! TRM: how pods are stopped.

use supd::engine::event::Command;
use supd::unit::model::Body;

use crate::parse;
use crate::world::{name, world};

#[test]
fn trm_001_thirty_seconds_between_the_wish_and_kill() {
    let unit = parse("a", "exec = ['/x']");
    let Body::Service(service) = &unit.body else { panic!("a service") };
    assert_eq!((service.pod.grace.as_secs(), service.pod.main.stop.signal), (30, 15));
    world("TERM and KILL")
        .unit("a", "exec = ['/x']")
        .stubborn("a-0")
        .begin()
        .stop("a")
        .signalled("a-0", &[15])
        .advance("29.999s")
        .signalled("a-0", &[15])
        .advance("1ms")
        .signalled("a-0", &[15, 9]);
    world("a signal of its own")
        .unit("a", "exec = ['/x']\n[stop]\nsignal = 'QUIT'")
        .stubborn("a-0")
        .begin()
        .stop("a")
        .signalled("a-0", &[3]);
}

#[test]
fn trm_003_one_second_is_two_as_well() {
    world("one")
        .unit("a", "exec = ['/x']\n[stop]\ngrace = '1s'")
        .stubborn("a-0")
        .begin()
        .stop("a")
        .advance("1.999s")
        .signalled("a-0", &[15])
        .advance("1ms")
        .signalled("a-0", &[15, 9]);
}

#[test]
fn trm_004_a_later_wish_lengthens_nothing() {
    let w = world("again").unit("a", "exec = ['/x']").stubborn("a-0").begin().stop("a").advance("20s");
    let uid = w.run_of("a-0").pod;
    w.command(Command::StopPod(uid))
        .stop("a")
        .command(Command::DeleteUnit(name("a")))
        .advance("9.999s")
        .runs(&["a-0"])
        .advance("1ms")
        .runs(&[]);
}

#[test]
fn trm_005_a_new_manager_goes_on_with_a_stop_that_runs() {
    world("interrupted")
        .unit("a", "exec = ['/x']")
        .stubborn("a-0")
        .begin()
        .stop("a")
        .stored()
        .advance("20s")
        .manager_dies()
        .advance("9.999s")
        .runs(&["a-0"])
        .advance("1ms")
        .runs(&[]);
}

#[test]
fn trm_007_terminating_from_the_wish_to_the_end() {
    world("terminating")
        .unit("a", "exec = ['/x']")
        .stubborn("a-0")
        .begin()
        .check(|w| assert!(!w.pod("a-0").terminating))
        .stop("a")
        .check(|w| assert!(w.pod("a-0").terminating))
        .advance("29s")
        .check(|w| assert!(w.pod("a-0").terminating))
        .advance("1s")
        .check(|w| assert!(w.engine().view().pods.is_empty()));
}
