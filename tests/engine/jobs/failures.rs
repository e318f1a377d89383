//! What failures of pods mean: rules BPI and PFP, and what is left of JOB-040ff.

use supd::engine::event::{Command, Outcome};
use supd::engine::view::UnitState;

use crate::world::{World, world};

const INDEXED: &str = "exec = ['/x']\n[job]\ncompletion_mode = 'Indexed'\n";

fn failed_indexes(w: &World) -> Option<String> {
    w.job("j").failed_indexes
}

fn with_policy(rules: &str) -> String {
    format!("exec = ['/x']\n[[init]]\nname = 'i'\nexec = ['/i']\n[job]\n{rules}")
}

#[test]
fn bpi_001_002_008_an_index_fails_after_its_limit_and_the_others_go_on() {
    world("per index")
        .unit("j", &format!("{INDEXED}completions = 2\nparallelism = 2\nbackoff_limit_per_index = 1"))
        .begin()
        .check(|w| assert_eq!(failed_indexes(w).as_deref(), Some("")))
        .check(|w| assert_eq!(w.job("j").backoff_limit, 2_147_483_647))
        .exit("j-0-0", 1)
        .runs(&["j-1-1"])
        .advance("10s")
        .runs(&["j-0-2", "j-1-1"])
        .exit("j-0-2", 1)
        .advance("1h")
        .runs(&["j-1-1"])
        .check(|w| assert_eq!(failed_indexes(w).as_deref(), Some("0")))
        .exit("j-1-1", 0)
        .counts("j", (0, 1, 2))
        .conditions("j", &[("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes")])
        .check(|w| assert_eq!(w.job("j").conditions[1].message, "Job has failed indexes"))
        .check(|w| assert_eq!(w.job("j").completed_indexes, "1"))
        .check(|w| assert!(w.job("j").completion_time.is_none()));
}

#[test]
fn bpi_001_a_limit_for_the_whole_job_holds_beside_it() {
    world("both limits")
        .unit(
            "j",
            &format!(
                "{INDEXED}completions = 3\nparallelism = 3\nbackoff_limit = 1\nbackoff_limit_per_index = 5"
            ),
        )
        .begin()
        .exit("j-0-0", 1)
        .runs(&["j-1-1", "j-2-2"])
        .exit("j-1-1", 1)
        .runs(&[])
        .counts("j", (0, 0, 3))
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]);
}

#[test]
fn bpi_003_more_failed_indexes_than_may_end_the_job() {
    world("max failed")
        .unit("j", &format!("{INDEXED}completions = 5\nparallelism = 3\nbackoff_limit_per_index = 0\nmax_failed_indexes = 1"))
        .begin()
        .exit("j-0-0", 1)
        .runs(&["j-1-1", "j-2-2", "j-3-3"])
        .exit("j-2-2", 1)
        .runs(&[])
        .counts("j", (0, 0, 4))
        .conditions("j", &[
            ("FailureTarget", "MaxFailedIndexesExceeded"),
            ("Failed", "MaxFailedIndexesExceeded"),
        ])
        .check(|w| assert_eq!(failed_indexes(w).as_deref(), Some("0,2")));
}

#[test]
fn bpi_003_no_failed_index_may_be() {
    world("none may fail")
        .unit("j", &format!("{INDEXED}completions = 5\nbackoff_limit_per_index = 0\nmax_failed_indexes = 0"))
        .begin()
        .exit("j-0-0", 1)
        .state("j", UnitState::Failed)
        .spawned(1);
}

#[test]
fn bpi_004_each_index_has_its_own_delay() {
    let mut w = world("own delays")
        .unit("j", &format!("{INDEXED}completions = 2\nparallelism = 2\nbackoff_limit_per_index = 20"))
        .begin()
        .runs(&["j-0-0", "j-1-1"]);
    let mut pod = "j-0-0".to_owned();
    for (n, delay) in [10u64, 20, 40, 80, 160, 320, 600, 600].into_iter().enumerate() {
        w = w.exit(&pod, 1).runs(&["j-1-1"]);
        pod = format!("j-0-{}", n + 2);
        w.pass(std::time::Duration::from_millis(delay * 1000 - 1));
        w = w.runs(&["j-1-1"]).advance("1ms").runs(&[pod.as_str(), "j-1-1"]);
    }
    // A success elsewhere changes nothing.
    w.exit(&pod, 1).exit("j-1-1", 0).runs(&[]).advance("599s").runs(&[]).advance("1s").spawned(11);
}

#[test]
fn bpi_005_an_index_that_waits_keeps_its_slot() {
    world("kept slot")
        .unit("j", &format!("{INDEXED}completions = 3\nparallelism = 1\nbackoff_limit_per_index = 1"))
        .begin()
        .exit("j-0-0", 1)
        .runs(&[])
        .advance("9s")
        .runs(&[])
        .advance("1s")
        .runs(&["j-0-1"])
        .exit("j-0-1", 1)
        .runs(&["j-1-2"]);
}

#[test]
fn bpi_005_of_several_that_wait_those_run_that_may() {
    world("some may")
        .unit("j", &format!("{INDEXED}completions = 9\nparallelism = 2\nbackoff_limit_per_index = 3"))
        .begin()
        .runs(&["j-0-0", "j-1-1"])
        .exit("j-0-0", 1)
        .advance("5s")
        .exit("j-1-1", 1)
        .runs(&[])
        .advance("5s")
        .runs(&["j-0-2"])
        .advance("5s")
        .runs(&["j-0-2", "j-1-3"]);
}

/// Kubernetes tells of such a failure only when its replacement is there. Nobody needs that delay, so here the
/// number is the true one at once.
#[test]
fn bpi_006_differs_a_failure_is_counted_at_once() {
    world("counted at once")
        .unit("j", &format!("{INDEXED}completions = 2\nbackoff_limit_per_index = 3"))
        .begin()
        .exit("j-0-0", 1)
        .counts("j", (0, 0, 1));
}

#[test]
fn bpi_007_a_pod_tells_how_often_its_index_has_failed() {
    let rules = "[[job.failure_policy]]\nexit_codes = { operator = 'In', values = [9] }\naction = 'Ignore'";
    world("annotations")
        .unit("j", &format!("{INDEXED}completions = 1\nbackoff_limit_per_index = 5\n{rules}"))
        .begin()
        .check(|w| assert_eq!(w.pod("j-0-0").index_failures, Some((0, 0))))
        .exit("j-0-0", 1)
        .advance("10s")
        .exit("j-0-1", 9)
        .advance("20s")
        .check(|w| assert_eq!(w.pod("j-0-2").index_failures, Some((1, 1))))
        .exit("j-0-2", 9)
        .advance("39s")
        .runs(&[])
        .advance("1s")
        .counts("j", (1, 0, 1));
}

#[test]
fn bpi_004_the_failures_of_each_index_outlive_the_manager() {
    world("recovery")
        .unit("j", &format!("{INDEXED}completions = 3\nparallelism = 3\nbackoff_limit_per_index = 1"))
        .begin()
        .exit("j-0-0", 1)
        .stored()
        .exit("j-1-1", 1)
        .advance("4s")
        .manager_dies()
        .counts("j", (1, 0, 2))
        .advance("5999ms")
        .runs(&["j-2-2"])
        .advance("1ms")
        .runs(&["j-0-3", "j-1-4", "j-2-2"])
        .exit("j-0-3", 1)
        .manager_dies()
        .check(|w| assert_eq!(failed_indexes(w).as_deref(), Some("0")))
        .exit("j-1-4", 0)
        .exit("j-2-2", 0)
        .stored()
        .manager_dies()
        .counts("j", (0, 2, 3))
        .conditions("j", &[("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes")]);
}

#[test]
fn bpi_004_the_failures_of_each_index_outlive_the_machine() {
    world("a power cut")
        .unit("j", &format!("{INDEXED}completions = 2\nparallelism = 2\nbackoff_limit_per_index = 1"))
        .begin()
        .exit("j-0-0", 1)
        .stored()
        .machine_dies("3s")
        // Index 1 was cut off: one failure of its own.
        .counts("j", (0, 0, 2))
        .advance("7s")
        .runs(&["j-0-2"])
        .exit("j-0-2", 1)
        .check(|w| assert_eq!(failed_indexes(w).as_deref(), Some("0")))
        .advance("10s")
        .runs(&["j-1-3"])
        .exit("j-1-3", 0)
        .state("j", UnitState::Failed);
}

#[test]
fn pfp_003_007_fail_job_ends_it_at_once_and_says_why() {
    let rules = "completions = 3\nparallelism = 2\n[[job.failure_policy]]\nexit_codes = { operator = 'In', \
                 values = [42] }\naction = 'FailJob'";
    world("fail job")
        .unit("j", &with_policy(rules))
        .begin()
        .exit("j-0", 0)
        .exit("j-1", 0)
        .exit("j-0", 42)
        .runs(&[])
        .counts("j", (0, 0, 2))
        .conditions("j", &[("FailureTarget", "PodFailurePolicy"), ("Failed", "PodFailurePolicy")])
        .check(|w| {
            let words = "Container main for pod default/j-0 failed with exit code 42 matching FailJob rule at index 0";
            assert!(w.job("j").conditions.iter().all(|condition| condition.message == words), "{:?}", w.job("j"));
        });
}

#[test]
fn pfp_003_count_stops_the_rules_and_ignore_counts_nothing() {
    let rules = "backoff_limit = 1\n\
                 [[job.failure_policy]]\nexit_codes = { operator = 'In', values = [1] }\naction = 'Count'\n\
                 [[job.failure_policy]]\nexit_codes = { operator = 'NotIn', values = [2] }\naction = 'Ignore'\n";
    world("first match")
        .unit("j", &format!("exec = ['/x']\n[job]\n{rules}"))
        .begin()
        .exit("j-0", 3)
        .counts("j", (0, 0, 0))
        // Ignored ones drive the back-off (JOB-049, PFP-009).
        .advance("10s")
        .exit("j-1", 4)
        .advance("19s")
        .runs(&[])
        .advance("1s")
        .exit("j-2", 1)
        .counts("j", (0, 0, 1))
        .advance("40s")
        // No rule: counted as any other.
        .exit("j-3", 2)
        .counts("j", (0, 0, 2))
        .state("j", UnitState::Failed);
}

#[test]
fn pfp_003_fail_index_fails_it_without_another_try() {
    let rules = "completions = 3\nparallelism = 3\ncompletion_mode = 'Indexed'\nbackoff_limit_per_index = 4\n\
                 [[job.failure_policy]]\nexit_codes = { operator = 'In', values = [7] }\naction = 'FailIndex'";
    world("fail index")
        .unit("j", &format!("exec = ['/x']\n[job]\n{rules}"))
        .begin()
        .exit("j-1-1", 7)
        .check(|w| assert_eq!(failed_indexes(w).as_deref(), Some("1")))
        .counts("j", (2, 0, 1))
        .exit("j-0-0", 0)
        .exit("j-2-2", 0)
        .counts("j", (0, 2, 1))
        .conditions("j", &[("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes")]);
}

#[test]
fn pfp_004_steps_are_looked_at_and_one_process_may_be_meant() {
    for (process, code, state) in [("", 5, UnitState::Failed), (", process = 'main'", 5, UnitState::Running)]
    {
        let rules = format!(
            "[[job.failure_policy]]\nexit_codes = {{ operator = 'In', values = [5]{process} }}\naction = 'FailJob'"
        );
        world("which process").unit("j", &with_policy(&rules)).begin().exit("j-0", code).state("j", state);
    }
}

#[test]
fn pfp_005_a_signal_is_its_number_and_128() {
    let rules =
        "[[job.failure_policy]]\nexit_codes = { operator = 'In', values = [137] }\naction = 'FailJob'";
    world("as exit code")
        .unit("j", &format!("exec = ['/x']\n[job]\n{rules}"))
        .begin()
        .outcome("j-0", Outcome::Signaled { signal: 9, core: false })
        .state("j", UnitState::Failed);
}

#[test]
fn pfp_006_a_signal_of_another_and_a_delete_are_conditions_of_ours() {
    let rules = "backoff_limit = 0\n[[job.failure_policy]]\nsignal = ['SEGV']\naction = 'FailJob'\n\
                 [[job.failure_policy]]\ndeleted = true\naction = 'Ignore'\n\
                 [[job.failure_policy]]\nsignal = ['TERM', 'KILL']\naction = 'FailJob'";
    let text = format!("exec = ['/x']\n[job]\n{rules}");
    let w = world("deleted").unit("j", &text).begin();
    let uid = w.run_of("j-0").pod;
    // supd's own TERM is no signal of the process, and an operator's delete is ignored.
    w.command(Command::StopPod(uid))
        .counts("j", (0, 0, 0))
        .advance("10s")
        .runs(&["j-1"])
        .outcome("j-1", Outcome::Signaled { signal: 11, core: true })
        .counts("j", (0, 0, 1))
        .check(|w| {
            let words =
                "Container main for pod default/j-1 was ended by signal 11 matching FailJob rule at index 0";
            assert_eq!(w.job("j").conditions[0].message, words);
        });
}

#[test]
fn pfp_006_what_a_power_cut_took_was_deleted() {
    let rules = "backoff_limit = 0\n[[job.failure_policy]]\ndeleted = true\naction = 'Ignore'";
    world("a power cut")
        .unit("j", &format!("exec = ['/x']\n[job]\n{rules}"))
        .begin()
        .stored()
        .machine_dies("1m")
        .counts("j", (0, 0, 0))
        .advance("10s")
        .runs(&["j-1"])
        .exit("j-1", 0)
        .state("j", UnitState::Complete);
}

#[test]
fn pfp_007_a_delete_that_ends_the_job_is_a_condition_of_the_pod() {
    let rules = "[[job.failure_policy]]\ndeleted = true\naction = 'FailJob'";
    let w = world("deleted").unit("j", &format!("exec = ['/x']\n[job]\n{rules}")).begin();
    let uid = w.run_of("j-0").pod;
    w.command(Command::StopPod(uid)).state("j", UnitState::Failed).check(|w| {
        let words = "Pod default/j-0 has condition DisruptionTarget matching FailJob rule at index 0";
        assert_eq!(w.job("j").conditions[0].message, words);
    });
}

#[test]
fn pfp_008_a_pod_on_its_way_out_is_judged_when_it_is_gone() {
    let rules = "completions = 2\n[[job.failure_policy]]\nexit_codes = { operator = 'In', values = [3] }\naction = 'Ignore'";
    let w = world("waits").unit("j", &format!("exec = ['/x']\n[job]\n{rules}")).stubborn("j-0").begin();
    let uid = w.run_of("j-0").pod;
    w.command(Command::StopPod(uid))
        .counts("j", (0, 0, 0))
        .check(|w| assert_eq!(w.job("j").terminating, 1))
        .advance("20s")
        .spawned(1)
        .exit("j-0", 3)
        .counts("j", (0, 0, 0))
        .advance("10s")
        .runs(&["j-1"]);
}

#[test]
fn pfp_007_why_a_job_failed_outlives_the_manager() {
    let rules = "[[job.failure_policy]]\nexit_codes = { operator = 'In', values = [3] }\naction = 'FailJob'";
    world("stopped before it was judged")
        .unit("j", &format!("exec = ['/x']\n[job]\n{rules}"))
        .stubborn("j-0")
        .begin()
        .exit("j-0", 3)
        .manager_dies()
        .conditions("j", &[("FailureTarget", "PodFailurePolicy"), ("Failed", "PodFailurePolicy")])
        .stored()
        .manager_dies()
        .counts("j", (0, 0, 1))
        .spawned(1);
}

#[test]
fn job_048_049_a_deleted_pod_drives_the_back_off_and_the_last_failure_is_judged_at_once() {
    let w = world("delays").unit("j", "exec = ['/x']\n[job]\nbackoff_limit = 2").begin();
    let first = w.run_of("j-0").pod;
    let w = w.command(Command::StopPod(first)).advance("10s").runs(&["j-1"]);
    w.exit("j-1", 1).advance("19s").runs(&[]).advance("1s").exit("j-2", 1).state("j", UnitState::Failed);
}

/// Kubernetes forgets its back-off with its controller; here it is kept.
#[test]
fn job_050_differs_the_back_off_outlives_the_manager() {
    world("kept")
        .unit("j", "exec = ['/x']\n[job]\n")
        .begin()
        .exit("j-0", 1)
        .advance("10s")
        .exit("j-1", 1)
        .advance("5s")
        .manager_dies()
        .advance("14s")
        .runs(&[])
        .advance("1s")
        .runs(&["j-2"]);
}

#[test]
fn job_041_042_restarts_of_pods_that_have_succeeded_count_no_more() {
    world("sum")
        .unit("j", "exec = ['/x']\nrestart_policy = 'OnFailure'\n[job]\ncompletions = 3\nparallelism = 2\nbackoff_limit = 3")
        .begin()
        .exit("j-0", 1)
        .exit("j-1", 1)
        .exit("j-0", 0)
        .runs(&["j-1", "j-2"])
        .exit("j-2", 1)
        .counts("j", (2, 1, 0))
        .exit("j-2", 1)
        .advance("10s")
        // Three restarts of pods that run: the limit.
        .counts("j", (0, 1, 2))
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]);
}

#[test]
fn reset_failed_cuts_the_wait_of_an_index_short() {
    world("hurry")
        .unit("j", &format!("{INDEXED}completions = 1\nbackoff_limit_per_index = 5"))
        .begin()
        .exit("j-0-0", 1)
        .command(Command::ResetFailed(None))
        .runs(&["j-0-1"])
        .exit("j-0-1", 1)
        .advance("19s")
        .runs(&[])
        .advance("1s")
        .runs(&["j-0-2"]);
}
