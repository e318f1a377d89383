//! Relations: who waits for whom, at start and at the end; and when supd ends by itself.

use std::time::Duration;

use supd::engine::EngineOptions;
use supd::engine::event::Event;
use supd::engine::view::UnitState;

use super::world::{world, world_with};

fn container() -> EngineOptions {
    EngineOptions { end_when_done: true, shutdown_timeout: Duration::from_secs(9) }
}

#[test]
fn a_dependant_waits_for_readiness_and_says_so() {
    world("ready")
        .unit("db", "exec = ['/db']\n[readiness]\nnotify = true")
        .unit("web", "exec = ['/web']\nrequires = ['db']")
        .begin()
        .runs(&["db-0"])
        .state("web", UnitState::Waiting)
        .check(|w| assert_eq!(w.unit_view("web").reason, "db (ready)"))
        .ready("db-0", true)
        .runs(&["db-0", "web-0"])
        .exit("db-0", 1)
        .runs(&["db-0", "web-0"]);
}

#[test]
fn conditions_can_be_named() {
    world("conditions")
        .unit("db", "exec = ['/db']\n[readiness]\nnotify = true")
        .unit("early", "exec = ['/x']\nrequires = ['db:started']")
        .unit("migrate", "exec = ['/m']\nrequires = ['db:ready']\n[job]")
        .unit("web", "exec = ['/web']\nrequires = ['migrate']")
        .unit("after-all", "exec = ['/y']\nrequires = ['migrate:completed']")
        .begin()
        .runs(&["db-0", "early-0"])
        .ready("db-0", true)
        .runs(&["db-0", "early-0", "migrate-0"])
        .exit("migrate-0", 0)
        .runs(&["after-all-0", "db-0", "early-0", "web-0"]);
}

#[test]
fn a_failed_requirement_holds_a_wanted_one_does_not() {
    world("failed")
        .unit("m", "exec = ['/m']\n[job]\nbackoff_limit = 0")
        .unit("strict", "exec = ['/x']\nrequires = ['m']")
        .unit("easy", "exec = ['/y']\nwants = ['m']")
        .begin()
        .runs(&["m-0"])
        .exit("m-0", 1)
        .runs(&["easy-0"])
        .state("strict", UnitState::Failed);
}

#[test]
fn before_is_after_seen_from_the_other_side() {
    world("before")
        .unit("first", "exec = ['/a']\nbefore = ['second']\n[readiness]\nnotify = true")
        .unit("second", "exec = ['/b']")
        .begin()
        .runs(&["first-0"])
        .ready("first-0", true)
        .runs(&["first-0", "second-0"]);
}

#[test]
fn default_is_what_comes_up() {
    world("default")
        .unit("default", "wants = ['web']")
        .unit("web", "exec = ['/x']\nrequires = ['db']")
        .unit("db", "exec = ['/y']")
        .unit("other", "exec = ['/z']")
        .begin()
        .runs(&["db-0", "web-0"])
        .state("default", UnitState::Running)
        .state("other", UnitState::Stopped)
        .start("other")
        .runs(&["db-0", "other-0", "web-0"]);
}

#[test]
fn starting_a_unit_starts_what_it_requires() {
    world("closure")
        .unit("default", "wants = []")
        .unit("web", "exec = ['/x']\nrequires = ['db']")
        .unit("db", "exec = ['/y']")
        .begin()
        .runs(&[])
        .start("web")
        .runs(&["db-0", "web-0"]);
}

#[test]
fn the_end_is_the_exact_reverse() {
    world("shutdown")
        .unit("db", "exec = ['/db']")
        .unit("app", "exec = ['/app']\nrequires = ['db']")
        .unit("web", "exec = ['/web']\nafter = ['app']")
        .stubborn("web-0")
        .stubborn("app-0")
        .stubborn("db-0")
        .begin()
        .event(Event::Shutdown { within: Duration::from_secs(90) })
        .signalled("web-0", &[15])
        .signalled("app-0", &[])
        .exit("web-0", 0)
        .signalled("app-0", &[15])
        .signalled("db-0", &[])
        .exit("app-0", 0)
        .signalled("db-0", &[15])
        .ends(None)
        .exit("db-0", 0)
        .ends(Some(0));
}

#[test]
fn the_end_takes_no_longer_than_its_time() {
    world("deadline")
        .unit("db", "exec = ['/db']")
        .unit("web", "exec = ['/web']\nrequires = ['db']")
        .stubborn("web-0")
        .stubborn("db-0")
        .begin()
        .event(Event::Shutdown { within: Duration::from_secs(9) })
        .advance("9s")
        .runs(&[])
        .ends(Some(0));
}

#[test]
fn f99_nothing_starts_during_the_end() {
    world("lock")
        .unit("web", "exec = ['/web']")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '* * * * *'")
        .stubborn("web-0")
        .begin()
        .event(Event::Shutdown { within: Duration::from_secs(600) })
        .start("c")
        .refused("supd is ending: nothing is started or changed any more")
        .advance("5m")
        .spawned(1);
}

#[test]
fn a_container_ends_when_all_jobs_are_done() {
    world_with("jobs only", container())
        .unit("a", "exec = ['/x']\n[job]")
        .unit("b", "exec = ['/y']\n[job]\nbackoff_limit = 0")
        .begin()
        .exit("a-0", 0)
        .ends(None)
        .exit("b-0", 1)
        .ends(Some(1));
    world_with("all complete", container())
        .unit("a", "exec = ['/x']\n[job]")
        .begin()
        .exit("a-0", 0)
        .ends(Some(0));
}

#[test]
fn a_container_ends_with_its_essential_unit() {
    world_with("essential", container())
        .unit("main", "exec = ['/x']\nessential = true")
        .unit("side", "exec = ['/y']")
        .begin()
        .exit("main-0", 7)
        .runs(&[])
        .ends(Some(7));
}

#[test]
fn a_container_with_a_service_stays() {
    world_with("stays", container())
        .unit("web", "exec = ['/x']")
        .unit("j", "exec = ['/y']\n[job]")
        .begin()
        .exit("j-0", 0)
        .advance("1d")
        .ends(None);
}

#[test]
fn without_units_supd_stays() {
    world_with("empty", container()).begin().advance("1d").ends(None);
}
