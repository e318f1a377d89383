//! Jobs: rules JOB and IDX; failures, ends and changes have files of their own.

mod changes;
mod ends;
mod failures;

use supd::engine::event::Command;
use supd::engine::view::UnitState;

use super::world::{name, world};

#[test]
fn completions_come_one_after_another_by_default() {
    world("sequential")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 3")
        .begin()
        .runs(&["j-0"])
        .exit("j-0", 0)
        .runs(&["j-1"])
        .exit("j-1", 0)
        .runs(&["j-2"])
        .exit("j-2", 0)
        .runs(&[])
        .counts("j", (0, 3, 0))
        .state("j", UnitState::Complete)
        .conditions("j", &[("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")])
        .check(|w| assert!(w.job("j").completion_time.is_some()))
        .advance("1d")
        .spawned(3);
}

#[test]
fn job_002_never_more_pods_than_remaining_completions() {
    world("parallel")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 5\nparallelism = 3")
        .begin()
        .runs(&["j-0", "j-1", "j-2"])
        .exit("j-1", 0)
        .runs(&["j-0", "j-2", "j-3"])
        .exit("j-0", 0)
        .exit("j-2", 0)
        .runs(&["j-3", "j-4"])
        .exit("j-3", 0)
        .exit("j-4", 0)
        .state("j", UnitState::Complete)
        .spawned(5);
}

#[test]
fn job_003_004_a_work_queue_ends_with_its_first_success() {
    world("work queue")
        .unit("j", "exec = ['/x']\n[job]\nparallelism = 3")
        .begin()
        .runs(&["j-0", "j-1", "j-2"])
        .exit("j-0", 0)
        .runs(&["j-1", "j-2"])
        .exit("j-1", 1)
        .exit("j-2", 0)
        .state("j", UnitState::Complete)
        .counts("j", (0, 2, 1))
        .spawned(3);
}

#[test]
fn job_005_nothing_to_do_is_done() {
    world("zero")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 0")
        .begin()
        .state("j", UnitState::Complete)
        .spawned(0);
}

#[test]
fn job_006_parallelism_zero_pauses() {
    world("pause")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 2\nparallelism = 0")
        .begin()
        .spawned(0)
        .conditions("j", &[])
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 2\nparallelism = 2")
        .reload(true)
        .runs(&["j-0", "j-1"])
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 2\nparallelism = 0")
        .reload(true)
        .runs(&[])
        .counts("j", (0, 0, 0));
}

#[test]
fn job_040_never_allows_limit_plus_one_failed_pods() {
    let mut w = world("never").unit("j", "exec = ['/x']\n[job]\nbackoff_limit = 2").begin();
    w = w.exit("j-0", 1).runs(&[]).advance("10s").runs(&["j-1"]);
    w = w.exit("j-1", 1).advance("20s").runs(&["j-2"]);
    w.exit("j-2", 1)
        .counts("j", (0, 0, 3))
        .state("j", UnitState::Failed)
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")])
        .check(|w| assert!(w.job("j").completion_time.is_none()));
}

#[test]
fn job_040_a_limit_of_zero_allows_one_attempt() {
    world("zero limit")
        .unit("j", "exec = ['/x']\n[job]\nbackoff_limit = 0")
        .begin()
        .exit("j-0", 1)
        .state("j", UnitState::Failed)
        .spawned(1);
}

#[test]
fn job_041_on_failure_counts_restarts_of_running_pods() {
    for (limit, starts) in [(0, 2), (1, 2), (2, 3), (3, 4)] {
        let text = format!("exec = ['/x']\nrestart_policy = 'OnFailure'\n[job]\nbackoff_limit = {limit}");
        let mut w = world("on-failure").unit("j", &text).stubborn("j-0").begin();
        for _ in 1..starts {
            w = w.exit("j-0", 1).advance("10m");
        }
        // The last start is killed as soon as it is noticed.
        w.spawned(starts).state("j", UnitState::Failed).counts("j", (0, 0, 1)).conditions(
            "j",
            &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")],
        );
    }
}

#[test]
fn job_043_044_the_delay_grows_with_failures_in_a_row() {
    let mut w = world("delays").unit("j", "exec = ['/x']\n[job]\nbackoff_limit = 100").begin();
    for (n, delay) in [10u32, 20, 40, 80, 160, 320, 600, 600].into_iter().enumerate() {
        w = w.exit(&format!("j-{n}"), 1).runs(&[]);
        w.pass(std::time::Duration::from_secs(u64::from(delay)) - std::time::Duration::from_millis(1));
        w = w.runs(&[]).advance("1ms").runs(&[format!("j-{}", n + 1).as_str()]);
    }
}

#[test]
fn job_045_046_the_delay_holds_for_all_slots_and_counts_each_failure() {
    world("all slots")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 9\nparallelism = 3")
        .begin()
        .exit("j-0", 1)
        .exit("j-1", 1)
        .exit("j-2", 1)
        .runs(&[])
        .advance("39.999s")
        .runs(&[])
        .advance("1ms")
        .runs(&["j-3", "j-4", "j-5"]);
}

#[test]
fn job_047_a_success_lifts_the_wait() {
    world("lifted")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 9\nparallelism = 2")
        .begin()
        .exit("j-0", 1)
        .runs(&["j-1"])
        .advance("1s")
        .exit("j-1", 0)
        .runs(&["j-2", "j-3"]);
}

#[test]
fn job_014_a_pod_stopped_by_an_operator_is_one_failure() {
    let w = world("stop pod").unit("j", "exec = ['/x']\n[job]").begin();
    let uid = w.run_of("j-0").pod;
    w.command(Command::StopPod(uid))
        .counts("j", (0, 0, 1))
        .runs(&[])
        .advance("10s")
        .runs(&["j-1"])
        .exit("j-1", 0)
        .counts("j", (0, 1, 1));
}

#[test]
fn job_051_when_a_job_fails_each_active_pod_counts_as_failed() {
    world("all fail")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 3\nparallelism = 3\nbackoff_limit = 0")
        .stubborn("j-1")
        .begin()
        .exit("j-0", 1)
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded")])
        .exit("j-1", 0)
        .counts("j", (0, 0, 3))
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]);
}

#[test]
fn job_060_a_job_has_its_deadline() {
    world("deadline")
        .unit("j", "exec = ['/x']\n[job]\nactive_deadline = '1m'")
        .begin()
        .advance("59s")
        .runs(&["j-0"])
        .advance("1s")
        .runs(&[])
        .counts("j", (0, 0, 1))
        .conditions("j", &[("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]);
}

#[test]
fn job_061_the_back_off_limit_is_judged_before_the_deadline() {
    world("both")
        .unit("j", "exec = ['/x']\n[job]\nactive_deadline = '10s'\nbackoff_limit = 0")
        .begin()
        .advance("9.999s")
        .exit("j-0", 1)
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]);
}

#[test]
fn job_080_081_082_suspended_pods_are_not_counted_and_the_rest_goes_on() {
    world("suspend")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 3\nsuspend = true\nactive_deadline = '1m'")
        .begin()
        .spawned(0)
        .state("j", UnitState::Suspended)
        .conditions("j", &[("Suspended", "JobSuspended")])
        .check(|w| assert!(w.job("j").start_time.is_none()))
        .advance("1h")
        .command(Command::Resume("j".into()))
        .runs(&["j-0"])
        .exit("j-0", 0)
        .command(Command::Suspend("j".into()))
        .runs(&[])
        .counts("j", (0, 1, 0))
        .advance("1h")
        .state("j", UnitState::Suspended)
        .command(Command::Resume("j".into()))
        .exit("j-2", 0)
        .exit("j-3", 0)
        .counts("j", (0, 3, 0))
        .state("j", UnitState::Complete);
}

#[test]
fn idx_003_failed_indexes_come_before_higher_ones() {
    world("indexed")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 4\nparallelism = 2\ncompletion_mode = 'Indexed'")
        .begin()
        .runs(&["j-0-0", "j-1-1"])
        .exit("j-0-0", 1)
        .exit("j-1-1", 0)
        .runs(&["j-0-2", "j-2-3"])
        .exit("j-2-3", 0)
        .runs(&["j-0-2", "j-3-4"])
        .exit("j-3-4", 0)
        .check(|w| assert_eq!(w.job("j").completed_indexes, "1-3"))
        .exit("j-0-2", 0)
        .check(|w| assert_eq!(w.job("j").completed_indexes, "0-3"))
        .state("j", UnitState::Complete);
}

#[test]
fn keep_pods_keeps_failed_ones_longest() {
    world("keep")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 3\nkeep_pods = 2\n[job.backoff]\ninitial = '1s'")
        .begin()
        .exit("j-0", 1)
        .advance("1s")
        .exit("j-1", 0)
        .exit("j-2", 0)
        .exit("j-3", 0)
        .check(|w| assert_eq!(w.forgotten, ["j-1", "j-2"]));
}

#[test]
fn a_finished_job_starts_anew_and_an_unfinished_one_goes_on() {
    let w = world("start").unit("j", "exec = ['/x']\n[job]\ncompletions = 2").begin();
    let first = w.job("j").uid;
    let w = w.start("j").accepted("j: running already").runs(&["j-0"]);
    assert_eq!(w.job("j").uid, first);
    let w = w.exit("j-0", 0).exit("j-1", 0).state("j", UnitState::Complete);
    let w = w.start("j").runs(&["j-0"]).counts("j", (1, 0, 0));
    assert_ne!(w.job("j").uid, first);
}

#[test]
fn a_stopped_job_stays_stopped_and_counts_nothing() {
    world("stop")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 2")
        .begin()
        .exit("j-0", 0)
        .stop("j")
        .runs(&[])
        .counts("j", (0, 1, 0))
        .state("j", UnitState::Stopped)
        .advance("1d")
        .spawned(2)
        .start("j")
        .runs(&["j-0"])
        .counts("j", (1, 0, 0));
}

#[test]
fn a_restart_waits_for_the_old_pods() {
    world("restart")
        .unit("j", "exec = ['/x']\n[job]")
        .stubborn("j-0")
        .begin()
        .restart("j")
        .signalled("j-0", &[15])
        .spawned(1)
        .advance("30s")
        .spawned(2)
        .counts("j", (1, 0, 0));
}

#[test]
fn ten_thousand_completions_leave_nothing_behind() {
    let mut w = world("many")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 10000\nparallelism = 8\nkeep_pods = 10")
        .begin();
    for n in 0..10_000 {
        w = w.exit(&format!("j-{n}"), 0);
    }
    w.counts("j", (0, 10_000, 0)).state("j", UnitState::Complete).check(|w| {
        assert_eq!(w.forgotten.len(), 9_990);
        assert!(w.engine().view().pods.is_empty());
        assert_eq!(w.engine().next_deadline(), None);
    });
}

#[test]
fn an_edited_job_applies_at_its_next_start() {
    world("edit")
        .unit("j", "exec = ['/x']\n[job]\ncompletions = 2\nbackoff_limit = 0")
        .begin()
        .unit("j", "exec = ['/y']\n[job]\ncompletions = 2\nparallelism = 2\nbackoff_limit = 0")
        .reload(true)
        .runs(&["j-0", "j-1"])
        .check(|w| {
            let pod = w.pod("j-0");
            assert_eq!(pod.processes[0].command, ["/x"]);
        })
        .restart("j")
        .check(|w| assert_eq!(w.pod("j-0").processes[0].command, ["/y"]));
}

#[test]
fn a_job_by_hand_from_a_cronjob() {
    world("manual")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '0 0 1 1 *'")
        .begin()
        .command(Command::CreateJob { name: "once".into(), from: name("c") })
        .accepted("job once created")
        .runs(&["once-0"])
        .exit("once-0", 0)
        .check(|w| assert!(w.unit_view("c").cron.unwrap().last_schedule.is_none()))
        .command(Command::CreateJob { name: "once".into(), from: name("c") })
        .refused("there is a `once` already");
}

#[test]
fn job_081_a_pod_that_is_done_when_it_is_stopped_has_succeeded() {
    let text = "exec = ['/x']\nrestart_policy = 'Never'\n[job]\ncompletions = 2\n";
    world("no completion is forgotten")
        .unit("import", text)
        .begin()
        .stubborn("import-0")
        .command(Command::Suspend("import".into()))
        .exit("import-0", 0)
        .counts("import", (0, 1, 0))
        .command(Command::Resume("import".into()))
        .exit("import-1", 0)
        .state("import", UnitState::Complete);
}
