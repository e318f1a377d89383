//! JOB-001 to JOB-018: pods are made and counted.

use std::collections::BTreeSet;

use supd::control::objects::Pod;
use supd::engine::event::Command;
use supd::engine::view::UnitState;
use supd::unit::model::{CompletionMode, PodReplacementPolicy};

use crate::parse;
use crate::world::world;

fn job(keys: &str) -> String {
    format!("exec = ['/x']\nrestart_policy = 'Never'\n[job]\n{keys}")
}

#[test]
fn job_001_defaults() {
    for (keys, completions, parallelism) in [
        ("", Some(1), 1),
        ("completions = 5", Some(5), 1),
        ("parallelism = 3", None, 3),
        ("completions = 5\nparallelism = 3", Some(5), 3),
    ] {
        let unit = parse("j", &job(keys));
        let job = unit.job().unwrap();
        assert_eq!((job.completions, job.parallelism), (completions, parallelism), "{keys}");
        assert_eq!((job.backoff_limit, job.suspend), (6, false));
        assert_eq!(job.mode, CompletionMode::NonIndexed);
        assert_eq!(job.pod_replacement_policy, PodReplacementPolicy::TerminatingOrFailed);
    }
}

#[test]
fn job_003_a_work_queue_replaces_failures_until_its_first_success() {
    world("queue")
        .unit("j", &job("parallelism = 2"))
        .begin()
        .exit("j-0", 1)
        .advance("10s")
        .runs(&["j-1", "j-2"])
        .exit("j-1", 0)
        .runs(&["j-2"])
        .unit("j", &job("parallelism = 0"))
        .reload(true)
        .runs(&["j-2"])
        .exit("j-2", 1)
        .advance("1h")
        .state("j", UnitState::Complete)
        .counts("j", (0, 1, 2))
        .spawned(3);
}

#[test]
fn job_005_complete_only_when_none_is_active() {
    world("still active")
        .unit("j", &job("completions = 2\nparallelism = 2"))
        .begin()
        .exit("j-0", 0)
        .state("j", UnitState::Running)
        .exit("j-1", 0)
        .state("j", UnitState::Complete);
}

#[test]
fn job_007_what_is_not_ready_goes_first_and_counts_nothing() {
    let keys = |parallelism| {
        format!(
            "{}\n[readiness]\nnotify = true",
            job(&format!("completions = 9\nparallelism = {parallelism}"))
        )
    };
    world("surplus")
        .unit("j", &keys(3))
        .begin()
        .ready("j-1", true)
        .unit("j", &keys(1))
        .reload(true)
        .runs(&["j-1"])
        .counts("j", (1, 0, 0));
}

#[test]
fn job_008_010_both_happen_at_once_here() {
    world("at once")
        .unit("j", &job("completions = 9\nparallelism = 3"))
        .begin()
        .runs(&["j-0", "j-1", "j-2"])
        .exit("j-0", 0)
        .runs(&["j-1", "j-2", "j-3"]);
}

#[test]
fn job_009_a_thousand_pods_come_in_rounds() {
    world("many")
        .unit("j", &job("completions = 1200\nparallelism = 1200"))
        .begin()
        .advance("1s")
        .check(|w| assert_eq!(w.running().len(), 1200));
}

#[test]
fn job_011_names_are_numbers_and_labels_tell_the_job() {
    world("names")
        .unit("j", &job("completions = 2\nparallelism = 2\ncompletion_mode = 'Indexed'"))
        .begin()
        .runs(&["j-0-0", "j-1-1"])
        .check(|w| {
            let pod = Pod::of_job(&w.pod("j-1-1"), &w.job("j"));
            let uid = w.job("j").uid.to_string();
            for (label, value) in [
                ("batch.kubernetes.io/job-name", "j"),
                ("job-name", "j"),
                ("batch.kubernetes.io/controller-uid", uid.as_str()),
                ("controller-uid", uid.as_str()),
            ] {
                assert_eq!(pod.metadata.labels.get(label).map(String::as_str), Some(value), "{label}");
            }
        });
}

#[test]
fn job_012_a_finished_job_is_left_alone() {
    world("finished")
        .unit("j", &job(""))
        .begin()
        .exit("j-0", 0)
        .state("j", UnitState::Complete)
        .unit("j", &job("suspend = true\nparallelism = 5\ncompletions = 5"))
        .reload(true)
        .state("j", UnitState::Complete)
        .conditions("j", &[("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")])
        .advance("30d")
        .spawned(1)
        .check(|w| assert!(w.forgotten.is_empty(), "its pod is there to be looked at"));
}

#[test]
fn job_013_deleting_a_job_ends_its_pods_and_makes_none() {
    world("delete")
        .unit("j", &job("completions = 9\nparallelism = 2"))
        .stubborn("j-0")
        .begin()
        .command(Command::DeleteJob("j".into()))
        .runs(&["j-0"])
        .advance("1s")
        .spawned(2)
        .advance("30s")
        .runs(&[])
        .advance("1h")
        .spawned(2);
}

#[test]
fn job_015_each_pod_is_counted_once_over_restarts_and_lost_records() {
    let mut w = world("once")
        .unit("j", &job("completions = 6\nparallelism = 2\nkeep_pods = 1\nbackoff_limit = 100"))
        .begin()
        .stored();
    for code in [0, 1, 0, 1, 0, 0] {
        let (_, label) = w.running().pop().unwrap();
        w = w.exit(&label.pod, code).manager_dies().stored().manager_dies().advance("10m");
    }
    w.counts("j", (2, 4, 2));
}

#[test]
fn job_016_the_numbers_of_the_status() {
    let text = format!("{}\n[readiness]\nnotify = true", job("completions = 9\nparallelism = 3"));
    world("numbers")
        .unit("j", &text)
        .begin()
        .ready("j-0", true)
        .check(|w| assert_eq!((w.job("j").active, w.job("j").ready), (3, 1)))
        .exit("j-1", 1)
        .check(|w| {
            assert_eq!((w.job("j").active, w.job("j").ready), (2, 1), "in back-off they are active still")
        })
        .stubborn("j-2")
        .command(Command::Suspend("j".into()))
        .check(|w| {
            let job = w.job("j");
            assert_eq!((job.active, job.terminating, job.failed), (0, 1, 1));
        });
}

#[test]
fn job_017_failed_never_becomes_less() {
    let mut w = world("monotonous")
        .unit("j", &job("completions = 4\nparallelism = 2\nbackoff_limit = 100\n[job.backoff]\ninitial = '1s'\nmax = '1s'"))
        .begin();
    let (mut failed, mut seen) = (0, BTreeSet::new());
    for step in 0..40 {
        w = match step % 5 {
            0 => w.command(Command::Suspend("j".into())).command(Command::Resume("j".into())),
            1 => w.stored().manager_dies(),
            2 => w.machine_dies("1m"),
            _ => w.advance("1s"),
        };
        if let Some((_, label)) = w.running().pop() {
            w = w.exit(&label.pod, 1).advance("1s");
        }
        assert!(w.job("j").failed >= failed, "step {step}");
        failed = w.job("j").failed;
        seen.insert(failed);
    }
    assert!(seen.len() > 10, "something failed at all");
}

#[test]
fn job_018_a_success_too_many_is_tolerated_and_not_counted() {
    world("too many")
        .unit("j", &job("completions = 2\nparallelism = 2"))
        .stubborn("j-0")
        .stubborn("j-1")
        .begin()
        .command(Command::Suspend("j".into()))
        .command(Command::Resume("j".into()))
        .runs(&["j-0", "j-1", "j-2", "j-3"])
        .exit("j-0", 0)
        .exit("j-2", 0)
        .exit("j-1", 0)
        .state("j", UnitState::Complete)
        .counts("j", (0, 2, 0));
}
