//! JOB-040 to JOB-051: how often, and how soon, a job tries again.

use supd::engine::event::Command;
use supd::engine::view::UnitState;

use crate::world::world;

fn never(keys: &str) -> String {
    format!("exec = ['/x']\nrestart_policy = 'Never'\n[job]\n{keys}")
}

fn on_failure(keys: &str) -> String {
    format!("exec = ['/x']\nrestart_policy = 'OnFailure'\n[job]\n{keys}")
}

#[test]
fn job_041_restarts_of_all_running_pods_are_summed() {
    world("sum")
        .unit("j", &on_failure("completions = 9\nparallelism = 3\nbackoff_limit = 3"))
        .begin()
        .exit("j-0", 1)
        .exit("j-1", 1)
        .state("j", UnitState::Running)
        .exit("j-2", 1)
        .state("j", UnitState::Failed)
        .counts("j", (0, 0, 3));
}

#[test]
fn job_041_restarts_of_steps_count_too() {
    let text = format!("{}\n[[init]]\nname = 'one'\nexec = ['/1']", on_failure("backoff_limit = 2"));
    world("steps")
        .unit("j", &text)
        .begin()
        .exit("j-0", 1)
        .advance("10s")
        .exit("j-0", 1)
        .advance("10s")
        .state("j", UnitState::Failed);
}

#[test]
fn job_042_restarts_are_no_failed_pods_and_end_with_a_success() {
    world("restarts")
        .unit("j", &on_failure("completions = 3\nbackoff_limit = 2"))
        .begin()
        .exit("j-0", 1)
        .counts("j", (1, 0, 0))
        .exit("j-0", 0)
        .counts("j", (1, 1, 0))
        .exit("j-1", 1)
        .exit("j-1", 0)
        .exit("j-2", 1)
        .exit("j-2", 0)
        .state("j", UnitState::Complete)
        .counts("j", (0, 3, 0));
}

#[test]
fn job_044_the_delay_counts_from_the_last_end() {
    world("last end")
        .unit("j", &never("completions = 9\nparallelism = 2"))
        .begin()
        .exit("j-0", 1)
        .advance("7s")
        .exit("j-1", 1)
        // Two failures: 20 s from the second one.
        .advance("19.999s")
        .runs(&[])
        .advance("1ms")
        .runs(&["j-2", "j-3"]);
}

#[test]
fn job_045_a_free_slot_waits_as_well() {
    world("free slot")
        .unit("j", &never("completions = 9\nparallelism = 1"))
        .begin()
        .exit("j-0", 1)
        .unit("j", &never("completions = 9\nparallelism = 4"))
        .reload(true)
        .runs(&[])
        .advance("10s")
        .runs(&["j-1", "j-2", "j-3", "j-4"]);
}

#[test]
fn job_047_the_series_begins_anew_after_a_success() {
    world("anew")
        .unit("j", &never("completions = 9\nbackoff_limit = 100"))
        .begin()
        .exit("j-0", 1)
        .advance("10s")
        .exit("j-1", 1)
        .advance("20s")
        .exit("j-2", 0)
        .runs(&["j-3"])
        .exit("j-3", 1)
        .advance("9.999s")
        .runs(&[])
        .advance("1ms")
        .runs(&["j-4"]);
}

#[test]
fn job_048_the_failure_that_is_too_much_ends_the_job_at_once() {
    world("at once")
        .unit("j", &never("backoff_limit = 1"))
        .begin()
        .exit("j-0", 1)
        .advance("10s")
        .exit("j-1", 1)
        .state("j", UnitState::Failed)
        .check(|w| {
            let job = w.job("j");
            assert_eq!(job.conditions.last().unwrap().since, w.now.wall);
        });
}

#[test]
fn job_049_a_deleted_pod_makes_the_back_off_grow() {
    let mut w = world("deleted").unit("j", &never("")).begin();
    for (n, delay) in [(0, "10s"), (1, "20s"), (2, "40s")] {
        let uid = w.run_of(&format!("j-{n}")).pod;
        w = w.command(Command::StopPod(uid)).runs(&[]).advance(delay).runs(&[&format!("j-{}", n + 1)]);
    }
    w.counts("j", (1, 0, 3));
}

#[test]
fn job_049_an_ignored_failure_makes_the_back_off_grow() {
    let policy =
        "[[job.failure_policy]]\nexit_codes = { operator = 'In', values = [3] }\naction = 'Ignore'\n";
    world("ignored")
        .unit("j", &format!("{}{policy}", never("backoff_limit = 1\n")))
        .begin()
        .exit("j-0", 3)
        .advance("10s")
        .exit("j-1", 1)
        .counts("j", (0, 0, 1))
        .advance("19.999s")
        .runs(&[])
        .advance("1ms")
        .runs(&["j-2"]);
}

#[test]
fn job_050_a_new_manager_knows_the_back_off() {
    world("kept")
        .unit("j", &never(""))
        .begin()
        .exit("j-0", 1)
        .advance("10s")
        .exit("j-1", 1)
        .stored()
        .manager_dies()
        .runs(&[])
        .advance("19.999s")
        .runs(&[])
        .advance("1ms")
        .runs(&["j-2"]);
}

#[test]
fn job_051_one_failure_of_three_fails_three() {
    world("all three")
        .unit("j", &never("completions = 3\nparallelism = 3\nbackoff_limit = 0"))
        .begin()
        .exit("j-0", 1)
        .state("j", UnitState::Failed)
        .counts("j", (0, 0, 3));
}
