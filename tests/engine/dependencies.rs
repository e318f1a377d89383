//! What waits for what has failed for good; and when a container is done.

use std::time::Duration;

use supd::engine::EngineOptions;
use supd::engine::event::Command;
use supd::engine::view::UnitState;

use super::world::{World, name, world, world_with};

fn container(title: &'static str) -> World {
    world_with(title, EngineOptions { end_when_done: true, shutdown_timeout: Duration::from_secs(9) })
}

const FAILS: &str = "exec = ['/x']\n[job]\nbackoff_limit = 0";

/// j4 needs j3, which needs j2.
fn chain(world: World) -> World {
    world
        .unit("j2", FAILS)
        .unit("j3", "exec = ['/x']\nrequires = ['j2']\n[job]")
        .unit("j4", "exec = ['/x']\nrequires = ['j3']\n[job]")
}

#[test]
fn what_needs_a_failed_job_says_so_all_the_way_up() {
    chain(world("says so"))
        .unit("web", "exec = ['/x']\nrequires = ['j2']")
        .unit("all", "requires = ['j4']")
        .unit("easy", "exec = ['/x']\nwants = ['j4']\n[job]")
        .begin()
        .state("j4", UnitState::Waiting)
        .exit("j2-0", 7)
        .state("j3", UnitState::Failed)
        .state("j4", UnitState::Failed)
        .state("web", UnitState::Failed)
        .state("all", UnitState::Failed)
        .check(|w| {
            assert_eq!(w.unit_view("j3").reason, "DependencyFailed: j2 (succeeded)");
            assert_eq!(w.unit_view("j4").reason, "DependencyFailed: j3 (succeeded)");
            assert_eq!(w.unit_view("j4").waiting_for.len(), 1);
        })
        .reported("DependencyFailed", "j4: not started: j3 has failed")
        .told_once("DependencyFailed")
        // Nobody waits for one that is only wanted, and will not come.
        .runs(&["easy-0"]);
}

#[test]
fn when_what_has_failed_is_started_again_the_others_follow() {
    chain(world("again"))
        .begin()
        .exit("j2-0", 7)
        .start("j2")
        .state("j3", UnitState::Waiting)
        .state("j4", UnitState::Waiting)
        .exit("j2-0", 0)
        .exit("j3-0", 0)
        .runs(&["j4-0"]);
    chain(world("restarted"))
        .begin()
        .exit("j2-0", 7)
        .restart("j2")
        .exit("j2-0", 7)
        .state("j4", UnitState::Failed)
        .restart("j2")
        .exit("j2-0", 0)
        .runs(&["j3-0"]);
}

#[test]
fn a_container_ends_with_1_when_the_rest_can_never_run() {
    chain(container("chain"))
        .unit("j1", "exec = ['/x']\n[job]")
        .begin()
        .exit("j2-0", 7)
        .ends(None)
        .exit("j1-0", 0)
        .ends(Some(1));
    container("a service that never comes")
        .unit("migrate", FAILS)
        .unit("web", "exec = ['/x']\nrequires = ['migrate']")
        .begin()
        .exit("migrate-0", 1)
        .ends(Some(1));
    container("another one is there")
        .unit("migrate", FAILS)
        .unit("web", "exec = ['/x']\nrequires = ['migrate']")
        .unit("beside", "exec = ['/x']")
        .begin()
        .exit("migrate-0", 1)
        .advance("1d")
        .ends(None);
}

#[test]
fn a_cronjob_that_is_not_armed_keeps_no_container() {
    let suspended = "exec = ['/x']\n[cron]\nschedule = '* * * * *'\nsuspend = true\n[job]";
    container("suspended")
        .unit("c", suspended)
        .unit("j", "exec = ['/x']\n[job]")
        .begin()
        .exit("j-0", 0)
        .ends(Some(0));
    container("armed")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '0 0 1 1 *'\n[job]")
        .unit("j", "exec = ['/x']\n[job]")
        .begin()
        .exit("j-0", 0)
        .ends(None)
        .command(Command::Suspend("c".into()))
        .ends(Some(0));
    // Nothing was ever to run: an operator may still come.
    container("alone").unit("c", suspended).begin().advance("1d").ends(None);
    container("its job runs")
        .unit("c", suspended)
        .begin()
        .command(Command::CreateJob { name: "by-hand".into(), from: name("c") })
        .ends(None)
        .exit("by-hand-0", 0)
        .ends(None);
}

#[test]
fn what_an_operator_stops_ends_no_container() {
    for unit in ["exec = ['/x']\nessential = true", "exec = ['/x']"] {
        container("stopped")
            .unit("web", unit)
            .unit("j", "exec = ['/x']\n[job]")
            .begin()
            .exit("j-0", 0)
            .stop("web")
            .runs(&[])
            .advance("1d")
            .ends(None)
            .start("web")
            .runs(&["web-0"]);
    }
    container("a job")
        .unit("j", "exec = ['/x']\nessential = true\n[job]")
        .unit("k", "exec = ['/x']\n[job]")
        .begin()
        .stop("j")
        .exit("k-0", 0)
        .ends(None)
        .start("j")
        .exit("j-0", 3)
        .advance("1d");
}
