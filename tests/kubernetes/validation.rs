//! JVL: what is refused of a job. Most of it are units of `tests/golden/bad`, named after the rules.

use supd::unit::model::RestartPolicy;

use crate::indexed::indexed;
use crate::{load, parse};

#[test]
fn jvl_001_never_unless_written_and_always_is_refused() {
    let job = |policy: &str| format!("exec = ['/x']\n{policy}\n[job]");
    assert_eq!(parse("j", &job("")).pod().unwrap().restart_policy, RestartPolicy::Never);
    assert!(load("j", &job("restart_policy = 'OnFailure'")).is_ok());
    assert!(load("j", &job("restart_policy = 'Always'")).is_err());
}

#[test]
fn jvl_003_many_at_once_are_refused_and_many_in_all_are_not() {
    assert!(load("j", &indexed(100_001, 100_000, "")).is_ok());
    assert!(load("j", &indexed(100_001, 100_001, "")).is_err());
    assert!(load("j", &indexed(2_000_000_000, 1, "")).is_ok());
}

#[test]
fn jvl_006_a_name_with_its_highest_index_is_a_label() {
    let name = |length: usize| "j".repeat(length);
    // 52 characters are the most that a unit may have, so only a long index is too much.
    assert!(load(&name(52), &indexed(1_000_000_000, 1, "")).is_ok());
    assert!(load(&name(52), &indexed(1_000_000_001, 1, "")).is_ok());
    assert!(load(&name(53), &indexed(1, 1, "")).is_err());
}

#[test]
fn jvl_008_a_failure_policy_replaces_what_has_failed_only() {
    let policy = "[[job.failure_policy]]\nexit_codes = { operator = 'In', values = [3] }\naction = 'Ignore'";
    let job = |keys: &str| format!("exec = ['/x']\nrestart_policy = 'Never'\n[job]\n{keys}\n{policy}");
    assert!(load("j", &job("")).is_ok());
    assert!(load("j", &job("pod_replacement_policy = 'Failed'")).is_ok());
    assert!(load("j", &job("pod_replacement_policy = 'TerminatingOrFailed'")).is_err());
}
