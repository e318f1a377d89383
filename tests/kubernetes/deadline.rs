//! JOB-060 to JOB-086: deadline, time to live, suspension.

use supd::engine::event::Command;
use supd::engine::view::UnitState;

use crate::world::{World, world};

const OVERDUE: [(&str, &str); 2] = [("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")];
const DONE: [(&str, &str); 2] =
    [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")];

fn job(keys: &str) -> String {
    format!("exec = ['/x']\nrestart_policy = 'Never'\n[job]\n{keys}")
}

fn suspend(w: World) -> World {
    w.command(Command::Suspend("j".into()))
}

fn resume(w: World) -> World {
    w.command(Command::Resume("j".into()))
}

#[test]
fn job_060_waits_count() {
    world("in back-off")
        .unit("j", &job("active_deadline = '15s'\nbackoff_limit = 9"))
        .begin()
        .exit("j-0", 1)
        .advance("10s")
        .exit("j-1", 1)
        .runs(&[])
        .advance("4.999s")
        .state("j", UnitState::Running)
        .advance("1ms")
        .conditions("j", &OVERDUE)
        .counts("j", (0, 0, 2))
        .check(|w| {
            let message = &w.job("j").conditions[0].message;
            assert_eq!(message, "Job was active longer than specified deadline");
        });
}

#[test]
fn job_062_a_success_that_is_seen_too_late_is_too_late() {
    world("late")
        .unit("j", &job("active_deadline = '1m'"))
        .begin()
        .unseen("1m")
        .exit("j-0", 0)
        .conditions("j", &OVERDUE);
}

#[test]
fn job_063_a_deadline_of_nothing_fails_at_once() {
    world("zero").unit("j", &job("active_deadline = '0s'")).begin().spawned(0).conditions("j", &OVERDUE);
}

#[test]
fn job_064_the_deadline_begins_anew_when_the_job_goes_on() {
    let w = world("anew").unit("j", &job("active_deadline = '1m'")).begin().advance("40s");
    let w = suspend(w).advance("10m").conditions("j", &[("Suspended", "JobSuspended")]);
    resume(w).advance("59.999s").state("j", UnitState::Running).advance("1ms").conditions("j", &OVERDUE);
}

#[test]
fn job_070_a_finished_job_goes_after_its_time() {
    for (code, keys) in
        [(0, "ttl_after_finished = '1m'"), (1, "ttl_after_finished = '1m'\nbackoff_limit = 0")]
    {
        world("ttl")
            .unit("j", &job(keys))
            .begin()
            .exit("j-0", code)
            .advance("59.999s")
            .check(|w| assert_eq!(w.jobs(), ["j"]))
            .advance("1ms")
            .check(|w| assert!(w.jobs().is_empty()))
            .check(|w| assert_eq!(w.forgotten, ["j-0"]));
    }
    world("at once")
        .unit("j", &job("ttl_after_finished = '0s'"))
        .begin()
        .exit("j-0", 0)
        .advance("0s")
        .check(|w| assert!(w.jobs().is_empty()));
    world("never")
        .unit("j", &job(""))
        .begin()
        .exit("j-0", 0)
        .advance("400d")
        .check(|w| assert_eq!(w.jobs(), ["j"]));
}

#[test]
fn job_080_made_suspended() {
    world("from the start")
        .unit("j", &job("suspend = true"))
        .begin()
        .spawned(0)
        .told("Suspended", "j")
        .check(|w| {
            let job = w.job("j");
            assert!(job.start_time.is_none());
            let condition = &job.conditions[0];
            assert_eq!(
                (
                    condition.kind.as_str(),
                    condition.status,
                    condition.reason.as_str(),
                    condition.message.as_str()
                ),
                ("Suspended", true, "JobSuspended", "Job suspended")
            );
        });
}

#[test]
fn job_081_082_suspended_in_order_and_gone_on_with_the_same_condition() {
    let w = world("and on")
        .unit("j", &job("completions = 3\nparallelism = 2"))
        .stubborn("j-1")
        .begin()
        .exit("j-0", 0);
    let w = suspend(w).signalled("j-1", &[15]).signalled("j-2", &[15]);
    let w = w.advance("30s").signalled("j-1", &[15, 9]).counts("j", (0, 1, 0));
    resume(w).told("Resumed", "j").runs(&["j-3", "j-4"]).check(|w| {
        let job = w.job("j");
        assert_eq!(job.start_time, Some(w.now.wall));
        assert_eq!(job.conditions.len(), 1);
        let condition = &job.conditions[0];
        assert_eq!((condition.status, condition.reason.as_str()), (false, "JobResumed"));
    });
}

#[test]
fn job_083_a_suspended_job_has_no_start_time() {
    let w = world("cleared").unit("j", &job("")).begin().check(|w| assert!(w.job("j").start_time.is_some()));
    suspend(w).check(|w| assert!(w.job("j").start_time.is_none()));
}

#[test]
fn job_084_a_job_that_never_was_suspended_says_nothing_of_it() {
    world("never").unit("j", &job("")).begin().check(|w| assert!(w.job("j").conditions.is_empty()));
}

#[test]
fn job_085_enough_is_enough_though_suspended() {
    world("nothing left to do")
        .unit("j", &job("completions = 0\nsuspend = true"))
        .begin()
        .state("j", UnitState::Complete);
    let w = world("work queue").unit("j", &job("parallelism = 2")).begin().exit("j-0", 0).runs(&["j-1"]);
    suspend(w).runs(&[]).state("j", UnitState::Complete).counts("j", (0, 1, 0));
}

#[test]
fn job_086_a_long_suspension_is_not_an_overrun() {
    let w = world("longer").unit("j", &job("active_deadline = '1m'")).begin().advance("30s");
    let w = suspend(w).advance("1d");
    resume(w).runs(&["j-1"]).exit("j-1", 0).conditions("j", &DONE);
}
