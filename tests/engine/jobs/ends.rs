//! How a job ends, and is held: rules SUC, PRP, IDX, and what is left of JOB-060ff.

use supd::engine::event::Command;
use supd::engine::view::UnitState;

use crate::world::{World, world};

const INDEXED: &str = "exec = ['/x']\n[job]\ncompletion_mode = 'Indexed'\n";

fn stop(w: World, pod: &str) -> World {
    let uid = w.run_of(pod).pod;
    w.command(Command::StopPod(uid))
}

#[test]
fn suc_002_003_a_rule_that_is_met_ends_the_job_and_the_rest_counts_nothing() {
    world("success policy")
        .unit("j", &format!("{INDEXED}completions = 5\nparallelism = 5\nsuccess_policy = [{{ succeeded_indexes = '3-4' }}, {{ succeeded_indexes = '0-2', succeeded_count = 2 }}]"))
        .stubborn("j-3-3")
        .begin()
        .exit("j-0-0", 0)
        .exit("j-1-1", 0)
        .conditions("j", &[("SuccessCriteriaMet", "SuccessPolicy")])
        .runs(&["j-3-3"])
        // Even one that succeeds on its way out.
        .exit("j-3-3", 0)
        .counts("j", (0, 2, 0))
        .conditions("j", &[("SuccessCriteriaMet", "SuccessPolicy"), ("Complete", "SuccessPolicy")])
        .check(|w| assert_eq!(w.job("j").conditions[1].message, "Matched rules at index 1"))
        .check(|w| assert!(w.job("j").completion_time.is_some()))
        .state("j", UnitState::Complete);
}

#[test]
fn suc_004_a_failure_of_the_same_moment_wins() {
    world("failure first")
        .unit("j", &format!("{INDEXED}completions = 2\nparallelism = 2\nactive_deadline = '10s'\nsuccess_policy = [{{ succeeded_count = 1 }}]"))
        .begin()
        .unseen("10s")
        .exit("j-0-0", 0)
        .conditions("j", &[("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]);
}

#[test]
fn suc_003_outlives_the_manager() {
    world("recovery")
        .unit(
            "j",
            &format!(
                "{INDEXED}completions = 3\nparallelism = 3\nsuccess_policy = [{{ succeeded_count = 1 }}]"
            ),
        )
        .stubborn("j-2-2")
        .begin()
        .exit("j-1-1", 0)
        .stored()
        .manager_dies()
        .runs(&["j-2-2"])
        .exit("j-2-2", 1)
        .counts("j", (0, 1, 0))
        .state("j", UnitState::Complete);
}

#[test]
fn prp_001_one_that_is_deleted_is_counted_and_replaced_at_once() {
    let w = world("at once").unit("j", "exec = ['/x']\n[job]\n").stubborn("j-0").begin();
    stop(w, "j-0")
        .counts("j", (0, 0, 1))
        .check(|w| assert_eq!(w.job("j").terminating, 1))
        .advance("10s")
        .runs(&["j-0", "j-1"])
        .exit("j-0", 0)
        .counts("j", (1, 0, 1));
}

#[test]
fn prp_002_one_that_is_deleted_is_counted_and_replaced_when_it_is_gone() {
    let text = "exec = ['/x']\n[job]\npod_replacement_policy = 'Failed'\n";
    let w = world("when gone").unit("j", text).stubborn("j-0").begin();
    stop(w, "j-0")
        .counts("j", (0, 0, 0))
        .check(|w| assert_eq!(w.job("j").terminating, 1))
        .advance("29s")
        .runs(&["j-0"])
        .exit("j-0", 1)
        .counts("j", (0, 0, 1))
        .advance("10s")
        .runs(&["j-1"]);
}

#[test]
fn prp_002_an_index_is_not_given_away_while_its_pod_is_still_there() {
    let text = format!("{INDEXED}completions = 3\nparallelism = 2\npod_replacement_policy = 'Failed'");
    let w = world("index").unit("j", &text).stubborn("j-0-0").begin();
    stop(w, "j-0-0").advance("20s").runs(&["j-0-0", "j-1-1"]).exit("j-1-1", 0).runs(&["j-0-0", "j-2-2"]);
}

#[test]
fn prp_003_one_that_ends_well_while_it_is_deleted_has_succeeded() {
    let text = "exec = ['/x']\n[job]\npod_replacement_policy = 'Failed'\n";
    let w = world("well").unit("j", text).stubborn("j-0").begin();
    stop(w, "j-0")
        .stored()
        .manager_dies()
        .exit("j-0", 0)
        .counts("j", (0, 1, 0))
        .state("j", UnitState::Complete);
}

#[test]
fn idx_005_006_elastic_down_takes_the_indexes_that_are_no_more() {
    world("elastic")
        .unit("j", &format!("{INDEXED}completions = 5\nparallelism = 5"))
        .stubborn("j-4-4")
        .begin()
        .exit("j-3-3", 0)
        .exit("j-1-1", 0)
        .exit("j-2-2", 1)
        .counts("j", (2, 2, 1))
        .unit("j", &format!("{INDEXED}completions = 3\nparallelism = 3"))
        .reload(true)
        .runs(&["j-0-0", "j-4-4"])
        .counts("j", (1, 1, 1))
        .exit("j-4-4", 0)
        .check(|w| assert_eq!(w.job("j").completed_indexes, "1"))
        .counts("j", (1, 1, 1))
        .exit("j-0-0", 0)
        .advance("10s")
        .runs(&["j-2-5"])
        .exit("j-2-5", 0)
        .check(|w| assert_eq!(w.job("j").completed_indexes, "0-2"))
        .state("j", UnitState::Complete);
}

#[test]
fn idx_007_elastic_up_makes_more() {
    world("elastic up")
        .unit("j", &format!("{INDEXED}completions = 2\nparallelism = 2"))
        .begin()
        .exit("j-0-0", 0)
        .unit("j", &format!("{INDEXED}completions = 4\nparallelism = 4"))
        .reload(true)
        .runs(&["j-1-1", "j-2-2", "j-3-3"]);
}

#[test]
fn idx_007_completions_alone_do_not_change() {
    world("not in tandem")
        .unit("j", &format!("{INDEXED}completions = 2\nparallelism = 2"))
        .begin()
        .unit("j", &format!("{INDEXED}completions = 4\nparallelism = 2"))
        .reload(true)
        .check(|w| assert_eq!(w.job("j").completions, Some(2)));
}

#[test]
fn job_006_parallelism_zero_is_no_suspension_and_outlives_the_manager() {
    let text = |n| format!("exec = ['/x']\n[job]\ncompletions = 3\nparallelism = {n}");
    world("pause")
        .unit("j", &text(2))
        .begin()
        .exit("j-0", 0)
        .unit("j", &text(0))
        .reload(true)
        .runs(&[])
        .state("j", UnitState::Running)
        .stored()
        .manager_dies()
        .conditions("j", &[])
        .runs(&[])
        .counts("j", (0, 1, 0))
        .unit("j", &text(2))
        .reload(true)
        .runs(&["j-3", "j-4"]);
}

#[test]
fn job_003_a_work_queue_with_a_success_loses_nothing_by_less_parallelism() {
    world("kept")
        .unit("j", "exec = ['/x']\n[job]\nparallelism = 3")
        .begin()
        .exit("j-0", 0)
        .unit("j", "exec = ['/x']\n[job]\nparallelism = 0")
        .reload(true)
        .runs(&["j-1", "j-2"]);
}

#[test]
fn job_007_who_is_not_ready_goes_first_then_the_newest() {
    let text =
        |n| format!("exec = ['/x']\n[readiness]\nnotify = true\n[job]\ncompletions = 9\nparallelism = {n}");
    world("surplus")
        .unit("j", &text(4))
        .begin()
        .ready("j-1", true)
        .advance("1m")
        .ready("j-3", true)
        .unit("j", &text(3))
        .reload(true)
        .runs(&["j-0", "j-1", "j-3"])
        .unit("j", &text(1))
        .reload(true)
        // The one that has been ready for longest stays.
        .runs(&["j-1"])
        .counts("j", (1, 0, 0))
        .reported("SuccessfulDelete", "j: Deleted pod: j-2");
}

#[test]
fn job_062_a_deadline_that_has_passed_wins_over_the_last_success() {
    world("deadline")
        .unit("j", "exec = ['/x']\n[job]\nactive_deadline = '10s'")
        .begin()
        .unseen("10s")
        .exit("j-0", 0)
        .counts("j", (0, 1, 0))
        .conditions("j", &[("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]);
}

#[test]
fn job_063_a_deadline_of_nothing_fails_it_with_no_pod() {
    world("zero")
        .unit("j", "exec = ['/x']\n[job]\nactive_deadline = '0s'")
        .begin()
        .spawned(0)
        .conditions("j", &[("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]);
}

#[test]
fn job_064_083_086_the_deadline_begins_anew_after_a_suspension() {
    world("deadline")
        .unit("j", "exec = ['/x']\n[job]\nactive_deadline = '1m'")
        .begin()
        .advance("50s")
        .command(Command::Suspend("j".into()))
        .check(|w| assert!(w.job("j").start_time.is_none()))
        .advance("1h")
        .command(Command::Resume("j".into()))
        .runs(&["j-1"])
        .advance("59s")
        .runs(&["j-1"])
        .advance("1s")
        .state("j", UnitState::Failed);
}

#[test]
fn job_070_nothing_is_left_at_once_where_that_is_asked() {
    world("ttl")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '0 0 1 1 *'\n[job]\nttl_after_finished = '0s'")
        .begin()
        .command(Command::CreateJob { name: "once".into(), from: crate::world::name("c") })
        .exit("once-0", 0)
        .check(|w| assert!(w.jobs().is_empty()));
}

#[test]
fn job_082_084_a_condition_that_was_true_becomes_false_and_one_that_never_was_is_not_there() {
    world("conditions")
        .unit("j", "exec = ['/x']\n[job]\n")
        .begin()
        .check(|w| assert!(w.job("j").conditions.is_empty()))
        .command(Command::Suspend("j".into()))
        .reported("Suspended", "j: Job suspended")
        .command(Command::Resume("j".into()))
        .reported("Resumed", "j: Job resumed")
        .check(|w| {
            let condition = &w.job("j").conditions[0];
            assert_eq!((condition.kind.as_str(), condition.status), ("Suspended", false));
            assert_eq!(
                (condition.reason.as_str(), condition.message.as_str()),
                ("JobResumed", "Job resumed")
            );
        });
}

#[test]
fn job_085_a_work_queue_that_has_succeeded_is_complete_when_it_is_suspended() {
    world("quirk")
        .unit("j", "exec = ['/x']\n[job]\nparallelism = 2")
        .begin()
        .exit("j-0", 0)
        .command(Command::Suspend("j".into()))
        .runs(&[])
        .conditions("j", &[("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")])
        .counts("j", (0, 1, 0));
}

#[test]
fn job_085_a_job_that_needs_nothing_completes_though_it_is_created_suspended() {
    world("zero, suspended")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 0\nsuspend = true")
        .begin()
        .state("j", UnitState::Complete);
}

#[test]
fn job_101_106_the_second_step_waits_for_the_last_pod_and_nothing_changes_the_first() {
    world("two steps")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 2\nparallelism = 2\nbackoff_limit = 0\nactive_deadline = '20s'")
        .stubborn("j-1")
        .begin()
        .exit("j-0", 1)
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded")])
        .advance("25s")
        .stored()
        .manager_dies()
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded")])
        .advance("5s")
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")])
        .counts("j", (0, 0, 2));
}

#[test]
fn job_012_a_finished_job_is_not_touched_any_more() {
    world("finished")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 1")
        .begin()
        .exit("j-0", 0)
        .command(Command::Suspend("j".into()))
        .refused("job `j` is finished")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 5\nparallelism = 5\nsuspend = true")
        .reload(true)
        .advance("1h")
        .spawned(1)
        .state("j", UnitState::Complete);
}

#[test]
fn job_013_deleting_a_job_ends_its_pods_and_makes_none() {
    world("delete")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 3\nparallelism = 2")
        .begin()
        .stubborn("j-0")
        .command(Command::DeleteUnit(crate::world::name("j")))
        .advance("10s")
        .runs(&["j-0"])
        .spawned(2)
        .exit("j-0", 0)
        .check(|w| assert!(w.jobs().is_empty()));
}
