//! A manager, supd or the machine dies, and another one goes on from what was stored and what lives.

use supd::engine::event::Outcome;
use supd::engine::id::PodUid;
use supd::engine::view::UnitState;

use super::world::world;

const JOB: &str = "exec = ['/x']\nrestart_policy = 'Never'\n[job]\ncompletions = 4\nparallelism = 2\n";

#[test]
fn a_manager_that_dies_changes_nothing() {
    world("counts, back-off and intents are as they were")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2\n")
        .unit("api", "exec = ['/x']\n")
        .unit("import", JOB)
        .begin()
        .command(scale("web", 3))
        .stop("api")
        .exit("import-0", 0)
        .exit("import-1", 1)
        .exit("web-1", 1)
        .exit("web-1", 1)
        .waits("web-1", "10s")
        .stored()
        .advance("3s")
        .manager_dies()
        .waits("web-1", "7s")
        .runs(&["import-2", "web-0", "web-2"])
        .counts("import", (1, 1, 1))
        .state("api", UnitState::Stopped)
        .restarts("web-1", 1)
        .advance("7s")
        .exit("web-1", 1)
        .waits("web-1", "20s");
}

#[test]
fn ends_that_are_not_stored_are_told_again() {
    world("each run is counted once")
        .unit("import", JOB)
        .begin()
        .stored()
        .exit("import-0", 0)
        .exit("import-1", 0)
        .exit("import-2", 0)
        .counts("import", (1, 3, 0))
        .manager_dies()
        .counts("import", (1, 3, 0))
        .runs(&["import-3"])
        .manager_dies()
        .exit("import-3", 0)
        .manager_dies()
        .counts("import", (0, 4, 0))
        .state("import", UnitState::Complete)
        .stored()
        .manager_dies()
        .counts("import", (0, 4, 0))
        .spawned(4);
}

#[test]
fn a_pod_that_ran_on_meanwhile_is_found_where_it_is() {
    world("one run after another, none of them stored")
        .unit("web", "exec = ['/x']\n")
        .begin()
        .stored()
        .exit("web-0", 1)
        .exit("web-0", 2)
        .advance("10s")
        .exit("web-0", 3)
        .advance("20s")
        .runs(&["web-0"])
        .restarts("web-0", 3)
        .manager_dies()
        .restarts("web-0", 3)
        .stored()
        .check(|w| assert_eq!(w.recorded.len(), 3))
        .exit("web-0", 4)
        .waits("web-0", "40s");
}

#[test]
fn a_finished_job_and_a_pod_at_its_end_do_not_run_again() {
    world("what is done is done")
        .unit("import", JOB)
        .unit("once", "exec = ['/x']\nrestart_policy = 'Never'\n")
        .begin()
        .exit("import-0", 0)
        .exit("import-1", 0)
        .exit("import-2", 0)
        .exit("import-3", 0)
        .exit("once-0", 3)
        .stored()
        .manager_dies()
        .runs(&[])
        .state("once", UnitState::Failed)
        .supd_dies()
        .runs(&[])
        .state("import", UnitState::Complete)
        .machine_dies("1h")
        .runs(&["once-0"])
        .state("import", UnitState::Complete);
}

#[test]
fn a_run_that_was_cut_off_failed_once() {
    world("a power cut")
        .unit("import", JOB)
        .unit("again", "exec = ['/x']\nrestart_policy = 'OnFailure'\n[job]\n")
        .begin()
        .exit("import-0", 0)
        .stored()
        .machine_dies("1m")
        .counts("import", (0, 1, 2))
        .restarts("again-0", 1)
        .advance("20s")
        .runs(&["again-0", "import-3", "import-4"])
        .stored()
        .machine_dies("1m")
        .counts("import", (0, 1, 4));
}

#[test]
fn what_supd_finds_is_not_started_twice() {
    world("the keeper died")
        .unit("web", "exec = ['/x']\n[service]\nreplicas = 2\n")
        .unit("import", JOB)
        .begin()
        .exit("web-0", 1)
        .stored()
        .check(|w| assert_eq!(w.running().len(), 4))
        .supd_dies()
        .runs(&["import-0", "import-1", "web-0", "web-1"])
        .restarts("web-0", 1)
        .spawned(5);
}

#[test]
fn a_slot_of_a_cronjob_runs_once() {
    let cron = "exec = ['/x']\n[cron]\nschedule = '0 * * * *'\ntime_zone = 'UTC'\n";
    world("the slot is stored before its run")
        .unit("backup", cron)
        .begin()
        .stored()
        .advance("1h")
        .runs(&["backup-29923800-0"])
        .manager_dies()
        .runs(&["backup-29923800-0"])
        .exit("backup-29923800-0", 0)
        .spawned(1)
        .stored()
        .machine_dies("150m")
        .check(|w| assert_eq!(w.decisions, ["backup missed: a later time runs instead"]))
        .runs(&["backup-29923920-0"])
        .manager_dies()
        .spawned(2);
}

#[test]
fn an_init_step_that_is_done_is_not_done_again() {
    let text =
        "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/i']\n[[init]]\nname = 'two'\nexec = ['/j']\n";
    world("steps")
        .unit("web", text)
        .begin()
        .exit("web-0", 0)
        .stored()
        .manager_dies()
        .exit("web-0", 0)
        .exit("web-0", 9)
        .manager_dies()
        .restarts("web-0", 1)
        .spawned(4);
}

#[test]
fn a_pod_on_its_way_out_is_killed_when_its_grace_is_over() {
    world("a stop that a manager's death interrupts")
        .unit("web", "exec = ['/x']\n[stop]\ngrace = '10s'\n")
        .begin()
        .stubborn("web-0")
        .stop("web")
        .stored()
        .advance("4s")
        .manager_dies()
        .state("web", UnitState::Stopping)
        .advance("5900ms")
        .runs(&["web-0"])
        .advance("100ms")
        .runs(&[])
        .state("web", UnitState::Stopped);
}

#[test]
fn jtl_a_finished_job_goes_after_its_time() {
    let text = "exec = ['/x']\nrestart_policy = 'Never'\n[job]\nttl_after_finished = '1h'\n";
    world("JOB-070, over the death of the machine")
        .unit("import", text)
        .begin()
        .exit("import-0", 0)
        .advance("10m")
        .stored()
        .machine_dies("20m")
        .state("import", UnitState::Complete)
        .advance("29m")
        .state("import", UnitState::Complete)
        .advance("1m")
        .state("import", UnitState::Stopped)
        .check(|w| assert!(w.jobs().is_empty()))
        .stored()
        .machine_dies("1h")
        .spawned(1);
}

#[test]
fn a_job_may_run_again_at_each_boot() {
    let text = "exec = ['/x']\nrestart_policy = 'Never'\n[job]\nat_boot = 'again'\n";
    world("at_boot")
        .unit("import", text)
        .begin()
        .exit("import-0", 0)
        .stored()
        .manager_dies()
        .spawned(1)
        .machine_dies("1m")
        .spawned(2)
        .outcome("import-0", Outcome::Exited(0))
        .state("import", UnitState::Complete);
}

/// A machine that loses power while it boots does all of that in its next boot: nothing of before counts, no failure
/// either.
#[test]
fn a_job_of_each_boot_that_was_interrupted_begins_anew() {
    let log = "exec = ['/y']\nrequires = ['disks']\n";
    let disks = "exec = ['/x']\nrestart_policy = 'Never'\n[job]\nat_boot = 'again'\nbackoff_limit = 0\n";
    world("interrupted at boot")
        .unit("disks", disks)
        .unit("log", log)
        .begin()
        .started("disks-0")
        .stored()
        .machine_dies("1m")
        .spawned(2)
        .state("disks", UnitState::Running)
        .exit("disks-0", 0)
        .state("disks", UnitState::Complete)
        .spawned(3);
}

/// What was done before the last boot is not done in this one: who needs it waits for the new job.
#[test]
fn a_job_of_the_boot_before_is_nothing_to_go_on() {
    for relation in ["requires", "wants", "after"] {
        let log = format!("exec = ['/y']\n{relation} = ['disks']\n");
        world("order at each boot")
            .unit("disks", "exec = ['/x']\nrestart_policy = 'Never'\n[job]\nat_boot = 'again'\n")
            .unit("log", &log)
            .begin()
            .spawned(1)
            .exit("disks-0", 0)
            .spawned(2)
            .stored()
            .machine_dies("1m")
            .spawned(3)
            .exit("disks-0", 0)
            .spawned(4);
    }
}

fn scale(unit: &str, replicas: u32) -> supd::engine::event::Command {
    supd::engine::event::Command::Scale { unit: super::world::name(unit), replicas }
}

#[test]
fn a_start_that_is_told_twice_is_told_once() {
    world("stale, and counted")
        .unit("web", "exec = ['/x']\n")
        .begin()
        .check(|w| assert_eq!(w.engine().stale_events(), 0))
        .started("web-0")
        .check(|w| assert_eq!(w.engine().stale_events(), 1))
        .state("web", UnitState::Running);
}

#[test]
fn every_first_pod_of_a_slot_waits_for_the_store() {
    let cron = "exec = ['/x']\n[cron]\nschedule = '0 * * * *'\ntime_zone = 'UTC'\n\
                [job]\nparallelism = 2\ncompletions = 2\n";
    world("whichever of them runs first, the slot is stored")
        .unit("backup", cron)
        .begin()
        .advance("1h")
        .check(|w| assert_eq!(w.durable, ["backup-29923800-0", "backup-29923800-1"]));
}

#[test]
fn a_pod_whose_place_was_given_away_does_not_come_back() {
    world("a restart that was not stored")
        .unit("web", "exec = ['/x']\n")
        .begin()
        .exit("web-0", 1)
        .stored()
        .restart("web")
        .manager_dies()
        .runs(&["web-0"])
        .state("web", UnitState::Running)
        .manager_dies()
        .runs(&["web-0"])
        .stored()
        .exit("web-0", 1)
        .runs(&["web-0"])
        .spawned(4);
}

#[test]
fn a_done_pod_that_was_replaced_is_past() {
    world("a restart of a bare pod that was not stored")
        .unit("once", "exec = ['/x']\nrestart_policy = 'Never'\n")
        .begin()
        .exit("once-0", 0)
        .stored()
        .restart("once")
        .manager_dies()
        .runs(&["once-0"])
        .check(|w| assert!(w.engine().is_past(&super::world::name("once"), PodUid(1))));
}

#[test]
fn runs_of_a_new_job_are_not_counted_for_the_old_one() {
    let text = "exec = ['/x']\nrestart_policy = 'Never'\n[job]\ncompletions = 2\nparallelism = 2\n";
    world("a finished job is started again, and that was not stored")
        .unit("import", text)
        .begin()
        .exit("import-0", 0)
        .exit("import-1", 0)
        .stored()
        .start("import")
        .exit("import-0", 0)
        .manager_dies()
        .counts("import", (1, 1, 0))
        .exit("import-1", 0)
        .counts("import", (0, 2, 0))
        .state("import", UnitState::Complete)
        .spawned(4);
}

#[test]
fn what_nobody_took_over_is_not_stored_any_more() {
    world("a pod from before a power cut stays dead")
        .unit("web", "exec = ['/x']\n")
        .begin()
        .exit("web-0", 1)
        .stored()
        .machine_dies("1m")
        .stored()
        .manager_dies()
        .runs(&["web-0"])
        .restarts("web-0", 0)
        .spawned(3);
}

#[test]
fn a_stop_that_overtakes_its_start_ends_with_a_kill() {
    world("the grace was over before there was a process")
        .unit("web", "exec = ['/x']\n[stop]\ngrace = '10s'\n")
        .stubborn("web-0")
        .unread("web-0")
        .begin()
        .stop("web")
        .advance("11s")
        .runs(&["web-0"])
        .started("web-0")
        .advance("10s")
        .runs(&[])
        .state("web", UnitState::Stopped);
}

#[test]
fn a_new_manager_asks_before_it_judges_a_start() {
    let text = "exec = ['/x']\n[readiness]\nnotify = true\n[startup]\ndeadline = '40s'\n";
    world("nobody asked while there was no manager")
        .unit("web", text)
        .begin()
        .stored()
        .unseen("60s")
        .manager_dies_before_anyone_is_ready()
        .signalled("web-0", &[])
        .ready("web-0", true)
        .advance("1m")
        .state("web", UnitState::Running)
        .signalled("web-0", &[]);
}

#[test]
fn a_service_that_is_scaled_to_nothing_waits_for_nobody() {
    world("as a new manager would see it")
        .unit("db", "exec = ['/x']\n[readiness]\nnotify = true\n")
        .unit("web", "exec = ['/x']\nrequires = ['db']\n")
        .begin()
        .state("web", UnitState::Waiting)
        .command(scale("web", 0))
        .check(|w| assert!(w.unit_view("web").waiting_for.is_empty()));
}

#[test]
fn what_a_found_run_required_was_there() {
    world("a job that was let go on, and that was not stored")
        .unit("db", "exec = ['/x']\n[readiness]\nnotify = true\n")
        .unit("import", &format!("requires = ['db']\n{JOB}"))
        .begin()
        .stored()
        .ready("db-0", true)
        .runs(&["db-0", "import-0", "import-1"])
        .manager_dies_before_anyone_is_ready()
        .runs(&["db-0", "import-0", "import-1"])
        .signalled("import-0", &[]);
}

#[test]
fn who_was_asked_to_end_before_it_was_there_is_asked_again() {
    world("the order was read between two managers")
        .unit("web", "exec = ['/x']\n[stop]\ngrace = '10s'\n")
        .unread("web-0")
        .begin()
        .stop("web")
        .stored()
        .read("web-0")
        .manager_dies()
        .runs(&[])
        .signalled("web-0", &[15])
        .state("web", UnitState::Stopped);
}
