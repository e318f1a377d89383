//! PFP, SUC, PRP: what failures and successes of a job's pods mean.

use supd::engine::event::Command;
use supd::engine::view::UnitState;

use crate::indexed::indexed;
use crate::world::world;

const IGNORE: &str =
    "[[job.failure_policy]]\nexit_codes = { operator = 'In', values = [3] }\naction = 'Ignore'\n";

fn job(keys: &str) -> String {
    format!("exec = ['/x']\nrestart_policy = 'Never'\n[job]\n{keys}\n")
}

#[test]
fn pfp_001_the_first_rule_that_matches_decides_and_none_counts_as_usual() {
    let rules = format!("{}{IGNORE}{}", job("backoff_limit = 1"), IGNORE.replace("Ignore", "FailJob"));
    world("first")
        .unit("j", &rules)
        .begin()
        .exit("j-0", 3)
        .counts("j", (0, 0, 0))
        .advance("10s")
        .exit("j-1", 4)
        .counts("j", (0, 0, 1))
        .state("j", UnitState::Running);
}

#[test]
fn pfp_004_success_matches_nothing() {
    let not_in =
        "[[job.failure_policy]]\nexit_codes = { operator = 'NotIn', values = [3] }\naction = 'FailJob'\n";
    world("not in")
        .unit("j", &format!("{}{not_in}", job("completions = 2")))
        .begin()
        .exit("j-0", 0)
        .exit("j-1", 0)
        .state("j", UnitState::Complete);
}

#[test]
fn pfp_009_what_is_ignored_comes_ever_more_slowly_and_never_ends() {
    let mut w = world("ignored").unit("j", &format!("{}{IGNORE}", job("backoff_limit = 0"))).begin();
    let delays = ["10s", "20s", "40s", "80s", "160s", "320s", "600s", "600s", "600s"];
    for (n, delay) in delays.into_iter().enumerate() {
        w = w.exit(&format!("j-{n}"), 3).runs(&[]).counts("j", (0, 0, 0)).advance(delay);
        w = w.runs(&[&format!("j-{}", n + 1)]);
    }
    w.state("j", UnitState::Running);
}

#[test]
fn suc_001_an_alternative_to_all_indexes() {
    let rule = "success_policy = [{ succeeded_count = 9 }, { succeeded_indexes = '1,2' }]";
    world("alternative")
        .unit("j", &indexed(9, 9, rule))
        .begin()
        .exit("j-2-2", 0)
        .state("j", UnitState::Running)
        .exit("j-1-1", 0)
        .state("j", UnitState::Complete)
        .counts("j", (0, 2, 0))
        .check(|w| {
            let condition = w.job("j").conditions.pop().unwrap();
            assert_eq!(
                (condition.reason.as_str(), condition.message.as_str()),
                ("SuccessPolicy", "Matched rules at index 1")
            );
        });
}

#[test]
fn prp_001_002_when_a_deleted_pod_makes_room() {
    for (policy, before, after) in [("TerminatingOrFailed", (1, 0, 1), 2), ("Failed", (0, 0, 0), 1)] {
        let w = world("deleted")
            .unit("j", &job(&format!("pod_replacement_policy = '{policy}'")))
            .stubborn("j-0")
            .begin();
        let uid = w.run_of("j-0").pod;
        w.command(Command::StopPod(uid)).advance("29s").counts("j", before).spawned(after);
    }
}
