//! JOB-100 to JOB-107: how a job ends, and what it says of it.

use supd::engine::event::Command;
use supd::engine::view::UnitState;

use crate::world::{World, world};

fn job(keys: &str) -> String {
    format!("exec = ['/x']\nrestart_policy = 'Never'\n[job]\n{keys}")
}

/// Type, reason and message of each condition that is true.
fn said(w: &World) -> Vec<(String, String, String)> {
    let conditions = w.job("j").conditions.into_iter().filter(|condition| condition.status);
    conditions.map(|condition| (condition.kind, condition.reason, condition.message)).collect()
}

fn says(kinds: [&str; 2], reason: &str, message: &str) -> Vec<(String, String, String)> {
    kinds.map(|kind| (kind.to_owned(), reason.to_owned(), message.to_owned())).into()
}

#[test]
fn job_100_an_end_stays_what_it_is() {
    for (code, state) in [(0, UnitState::Complete), (1, UnitState::Failed)] {
        let w = world("end").unit("j", &job("backoff_limit = 0")).begin().exit("j-0", code).state("j", state);
        let before = said(&w);
        let w = w
            .command(Command::Suspend("j".into()))
            .command(Command::Resume("j".into()))
            .advance("1d")
            .stored()
            .manager_dies()
            .state("j", state);
        assert_eq!(said(&w), before);
    }
}

#[test]
fn job_101_two_steps_and_the_second_when_all_pods_are_gone() {
    world("two steps")
        .unit("j", &job("completions = 3\nparallelism = 3\nbackoff_limit = 0"))
        .stubborn("j-1")
        .begin()
        .exit("j-0", 1)
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded")])
        .check(|w| assert_eq!(w.job("j").terminating, 1))
        .advance("29s")
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded")])
        .advance("1s")
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]);
}

#[test]
fn job_102_reasons_and_messages_of_failure() {
    let w = world("limit").unit("j", &job("backoff_limit = 0")).begin().exit("j-0", 1);
    let kinds = ["FailureTarget", "Failed"];
    assert_eq!(said(&w), says(kinds, "BackoffLimitExceeded", "Job has reached the specified backoff limit"));
    let w = world("deadline").unit("j", &job("active_deadline = '1s'")).begin().advance("1s");
    assert_eq!(said(&w), says(kinds, "DeadlineExceeded", "Job was active longer than specified deadline"));
}

#[test]
fn job_103_reason_and_message_of_success() {
    let w = world("success").unit("j", &job("")).begin().exit("j-0", 0);
    let kinds = ["SuccessCriteriaMet", "Complete"];
    assert_eq!(said(&w), says(kinds, "CompletionsReached", "Reached expected number of succeeded pods"));
}

#[test]
fn job_104_only_what_is_complete_has_a_completion_time() {
    let w = world("complete").unit("j", &job("")).begin().advance("5s").exit("j-0", 0).advance("1h");
    let job_view = w.job("j");
    let took = job_view.completion_time.unwrap().0 - job_view.start_time.unwrap().0;
    assert_eq!(took, 5_000_000_000);
    let w = world("failed").unit("j", &job("backoff_limit = 0")).begin().exit("j-0", 1);
    assert!(w.job("j").completion_time.is_none());
    assert_eq!(w.job("j").conditions.last().unwrap().since, w.now.wall);
}

#[test]
fn job_105_the_first_reason_is_the_reason() {
    world("first")
        .unit("j", &job("completions = 2\nparallelism = 2\nbackoff_limit = 0\nactive_deadline = '10s'"))
        .stubborn("j-1")
        .begin()
        .exit("j-0", 1)
        .advance("10s")
        .exit("j-1", 0)
        .conditions("j", &[("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]);
}

#[test]
fn job_106_after_failure_target_no_success_helps() {
    world("too late")
        .unit("j", &job("completions = 1\nactive_deadline = '10s'"))
        .stubborn("j-0")
        .begin()
        .advance("10s")
        .conditions("j", &[("FailureTarget", "DeadlineExceeded")])
        .exit("j-0", 0)
        .conditions("j", &[("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")])
        .counts("j", (0, 0, 1));
}

#[test]
fn job_107_events() {
    world("events")
        .unit("j", &job("completions = 2"))
        .begin()
        .told("SuccessfulCreate", "j")
        .command(Command::Suspend("j".into()))
        .told("Suspended", "j")
        .told("SuccessfulDelete", "j")
        .command(Command::Resume("j".into()))
        .told("Resumed", "j")
        .exit("j-1", 0)
        .exit("j-2", 0)
        .told("Completed", "j");
    world("failure")
        .unit("j", &job("backoff_limit = 0"))
        .begin()
        .exit("j-0", 1)
        .told("BackoffLimitExceeded", "j");
    world("deadline")
        .unit("j", &job("active_deadline = '1s'"))
        .begin()
        .advance("1s")
        .told("DeadlineExceeded", "j");
}
