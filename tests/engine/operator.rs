//! What an operator wishes, and what is refused.

use supd::engine::event::{Command, Target};
use supd::engine::view::UnitState;

use super::world::{name, world};

#[test]
fn unknown_names_are_refused_in_words() {
    world("unknown").begin().start("nobody").refused("no unit `nobody`");
}

#[test]
fn signals_go_to_processes_that_run() {
    world("kill")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2")
        .stubborn("web-0")
        .stubborn("web-1")
        .begin()
        .command(Command::Kill { target: Target::Unit(name("web")), signal: 1, all: false })
        .accepted("web: signal 1 sent to 2 processes")
        .signalled("web-0", &[1])
        .signalled("web-1", &[1])
        .stop("web")
        .advance("30s")
        .command(Command::Kill { target: Target::Unit(name("web")), signal: 1, all: false })
        .refused("`web` has no process to send a signal to");
}

#[test]
fn disabling_now_stops_and_enabling_now_starts() {
    world("enable")
        .unit("web", "exec = ['/x']")
        .begin()
        .command(Command::Enable { unit: name("web"), enabled: false, now: true })
        .accepted("web: disabled")
        .runs(&[])
        .state("web", UnitState::Disabled)
        .command(Command::Enable { unit: name("web"), enabled: true, now: true })
        .runs(&["web-0"])
        .state("web", UnitState::Running);
}

#[test]
fn only_services_scale_and_only_jobs_and_cronjobs_suspend() {
    world("kinds")
        .unit("web", "exec = ['/x']")
        .unit("j", "exec = ['/x']\n[job]")
        .begin()
        .command(Command::Scale { unit: name("j"), replicas: 2 })
        .refused("`j` is a job: only a service has replicas")
        .command(Command::Suspend("web".into()))
        .refused("`web` is a service: only jobs and cronjobs are suspended");
}

#[test]
fn a_start_of_what_runs_says_so() {
    world("twice")
        .unit("web", "exec = ['/x']")
        .begin()
        .start("web")
        .accepted("web: running already")
        .spawned(1);
}
