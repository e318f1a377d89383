//! Services: a number of pods that is kept.

use supd::engine::event::Command;
use supd::engine::view::UnitState;

use super::world::{name, world};

#[test]
fn scaling_touches_only_the_difference() {
    world("scale")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2")
        .begin()
        .runs(&["web-0", "web-1"])
        .command(Command::Scale { unit: name("web"), replicas: 3 })
        .accepted("web: scaled to 3")
        .runs(&["web-0", "web-1", "web-2"])
        .spawned(3)
        .command(Command::Scale { unit: name("web"), replicas: 1 })
        .runs(&["web-0"])
        .spawned(3)
        .command(Command::Scale { unit: name("web"), replicas: 0 })
        .runs(&[])
        .state("web", UnitState::Stopped);
}

#[test]
fn a_place_is_free_only_when_its_pod_is_gone() {
    world("one place")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 1")
        .stubborn("web-0")
        .begin()
        .stop("web")
        .state("web", UnitState::Stopping)
        .start("web")
        .spawned(1)
        .advance("30s")
        .signalled("web-0", &[15, 9])
        .spawned(2)
        .runs(&["web-0"]);
}

#[test]
fn trm_003_at_least_two_seconds_between_term_and_kill() {
    world("grace")
        .unit("web", "exec = ['/x']\n[stop]\ngrace = '0s'")
        .stubborn("web-0")
        .begin()
        .stop("web")
        .advance("1.9s")
        .signalled("web-0", &[15])
        .advance("0.1s")
        .signalled("web-0", &[15, 9])
        .state("web", UnitState::Stopped);
}

#[test]
fn a_stop_that_overtakes_the_start_still_stops() {
    let w = world("overtake").unit("web", "exec = ['/x']").hanging("web-0").begin();
    let run = w.run_of("web-0");
    let at = supd::engine::time::Now::default();
    w.stop("web")
        .signalled("web-0", &[15])
        .event(supd::engine::event::Event::Started { run, pid: 7, at })
        .signalled("web-0", &[15, 15]);
}

#[test]
fn a_restart_replaces_pods_one_by_one() {
    world("rolling restart")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 3\n[readiness]\nnotify = true")
        .begin()
        .ready("web-0", true)
        .ready("web-1", true)
        .ready("web-2", true)
        .state("web", UnitState::Running)
        .restart("web")
        .signalled("web-2", &[15])
        .signalled("web-1", &[])
        .check(|w| assert!(w.unit_view("web").in_progress))
        .ready("web-2", true)
        .signalled("web-1", &[15])
        .signalled("web-0", &[])
        .ready("web-1", true)
        .signalled("web-0", &[15])
        .ready("web-0", true)
        .spawned(6)
        .state("web", UnitState::Running)
        .check(|w| assert!(!w.unit_view("web").in_progress));
}

#[test]
fn a_restart_of_pods_that_are_not_ready_waits_for_nobody() {
    world("restart of the broken")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2\n[readiness]\nnotify = true")
        .begin()
        .restart("web")
        .spawned(4);
}

#[test]
fn an_operators_stop_of_one_pod_makes_a_new_one() {
    let w = world("stop pod").unit("web", "exec = ['/x']\n[service]\nreplicas = 2").begin();
    let uid = w.run_of("web-1").pod;
    w.command(Command::StopPod(uid)).accepted("web-1: stopping").runs(&["web-0", "web-1"]).spawned(3);
}

#[test]
fn a_changed_template_rolls_out_and_new_replicas_do_not() {
    world("apply")
        .unit("web", "exec = ['/x']")
        .begin()
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2")
        .reload(false)
        .spawned(1)
        .check(|w| assert!(w.unit_view("web").stale.is_some()))
        .reload(true)
        .spawned(2)
        .runs(&["web-0", "web-1"])
        .unit("web", "exec = ['/y']\n[service]\nreplicas = 2")
        .reload(true)
        .spawned(4)
        .runs(&["web-0", "web-1"])
        .check(|w| assert!(w.unit_view("web").stale.is_none()));
}

#[test]
fn readiness_lost_and_found() {
    world("flap")
        .unit("web", "exec = ['/x']\n[readiness]\ntcp = 80")
        .begin()
        .probes(&["web-0"])
        .state("web", UnitState::Starting)
        .ready("web-0", true)
        .state("web", UnitState::Running)
        .ready("web-0", false)
        .state("web", UnitState::Degraded)
        .ready("web-0", true)
        .state("web", UnitState::Running)
        .spawned(1);
}

#[test]
fn a_new_manager_touches_nothing() {
    let text = "exec = ['/x']\n[service]\nreplicas = 2";
    let old = world("old manager").unit("web", text).begin();
    let runs = old.snapshot();
    world("new manager").unit("web", text).begin_with(runs).spawned(0).state("web", UnitState::Running);
}

#[test]
fn a_start_that_is_under_way_is_waited_for_by_a_new_manager() {
    let old = world("old manager").unit("web", "exec = ['/x']").begin();
    let mut runs = old.snapshot();
    runs[0].pid = None;
    let (run, at) = (runs[0].run, runs[0].started);
    world("new manager")
        .unit("web", "exec = ['/x']")
        .begin_with(runs)
        .spawned(0)
        .state("web", UnitState::Starting)
        .event(supd::engine::event::Event::Started { run, pid: 7, at })
        .state("web", UnitState::Running);
}

#[test]
fn a_new_manager_keeps_pods_of_an_older_template_until_apply() {
    let old = world("old manager").unit("web", "exec = ['/x']").begin();
    world("new manager")
        .unit("web", "exec = ['/y']")
        .begin_with(old.snapshot())
        .spawned(0)
        .check(|w| assert!(w.pod("web-0").outdated))
        .reload(true)
        .spawned(1)
        .check(|w| assert!(!w.pod("web-0").outdated));
}

#[test]
fn a_removed_file_leaves_what_runs() {
    world("removed")
        .unit("web", "exec = ['/x']")
        .begin()
        .without("web")
        .reload(true)
        .runs(&["web-0"])
        .check(|w| assert!(w.unit_view("web").stale.is_some()))
        .stop("web")
        .runs(&[])
        .check(|w| assert!(w.engine().view().units.is_empty()));
}

#[test]
fn delete_stops_and_forgets_and_apply_brings_it_back() {
    world("delete")
        .unit("web", "exec = ['/x']")
        .begin()
        .command(Command::DeleteUnit(name("web")))
        .runs(&[])
        .check(|w| assert!(w.engine().view().units.is_empty()))
        .reload(true)
        .runs(&["web-0"]);
}
