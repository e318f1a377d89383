//! A unit that the manager died of is left alone, until an operator says otherwise.

use std::time::Duration;

use supd::engine::event::{Command, Event, Outcome};
use supd::engine::view::UnitState;

use super::world::{name, world};

#[test]
fn a_unit_that_is_set_aside_is_left_alone_and_taken_over_when_that_is_lifted() {
    let old = world("before")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2")
        .begin()
        .runs(&["web-0", "web-1"]);
    let mut lives = old.snapshot();
    let new = world("after")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2")
        .unit("other", "exec = ['/x']\nrequires = ['web']")
        .quarantined("web", "supd's manager died twice of \"exit of web-0\"")
        .begin_with(lives.clone());
    lives.retain(|found| found.label.pod == "web-1");
    new.spawned(0)
        .state("web", UnitState::Failed)
        .state("other", UnitState::Waiting)
        .command(Command::ResetFailed(Some(name("web"))))
        .spawned(0)
        .outcome("web-0", Outcome::Exited(1))
        .spawned(0)
        .event(Event::Lifted { unit: name("web"), adopted: lives })
        .runs(&["other-0", "web-0", "web-1"])
        .spawned(2)
        .state("web", UnitState::Running);
}

#[test]
fn an_end_leaves_it_alone_too() {
    world("end")
        .unit("web", "exec = ['/x']")
        .quarantined("web", "why")
        .begin()
        .state("web", UnitState::Failed)
        .spawned(0)
        .event(Event::Shutdown { within: Duration::from_secs(9) })
        .check(|w| assert_eq!(w.end, Some(0)));
}
