//! A job of three completions, plain and indexed, with the manager or the spawner killed at each call.

use super::calls::{MANAGER, SAVES, SPAWNER, Victim, at_each_call};
use super::promised::{lost_starts_are_repeated, state_survives};
use super::record::{ask, begin, object, place, runs, wait};
use super::space::Supd;

const PLAIN: &str = "exec = ['@/program']\n[job]\ncompletions = 3\n[job.backoff]\ninitial = '50ms'\n";
const INDEXED: &str = "exec = ['@/program']\n[job]\ncompletions = 3\ncompletion_mode = 'Indexed'\n\
     [job.backoff]\ninitial = '50ms'\n";

#[test]
fn f02_the_manager_dies_at_each_call_of_a_job() {
    job(PLAIN, MANAGER);
}

#[test]
fn the_manager_dies_at_each_call_of_an_indexed_job() {
    job(INDEXED, MANAGER);
}

#[test]
fn the_spawner_dies_at_each_call_of_a_job() {
    job(PLAIN, SPAWNER);
}

#[test]
fn the_spawner_dies_at_each_call_of_an_indexed_job() {
    job(INDEXED, SPAWNER);
}

#[test]
fn f53_the_manager_dies_at_each_call_that_saves() {
    job(PLAIN, SAVES);
}

/// The first run waits until the killer is there; the rest of the job is in its hands.
#[track_caller]
fn job(unit: &str, victim: Victim) {
    let supd = place().unit("work", unit).supd();
    supd.ctl("stop work").ok();
    let prepare = || {
        begin(&supd);
        ask(&supd, "restart work --no-block").ok();
        supd.wait_file("record", "S ");
    };
    at_each_call(&supd, victim, prepare, |(), at| {
        supd.release("gate");
        wait(&supd, "job/work", "complete", at);
        judge(&supd, victim, at);
    });
}

/// One run and one count for each completion.
#[track_caller]
fn judge(supd: &Supd, victim: Victim, at: &str) {
    let runs = runs(supd, at);
    assert!(runs.iter().all(|run| run.ended), "{at}: one is still there: {runs:?}");
    if !state_survives() || victim.role == "spawner" && !lost_starts_are_repeated() {
        assert!(runs.len() >= 3, "{at}: {runs:?}");
        return;
    }
    assert_eq!(runs.len(), 3, "{at}: {runs:?}");
    let job = object(supd, "get job work");
    let status = &job["status"];
    assert_eq!((&status["succeeded"], &status["failed"]), (&3.into(), &0.into()), "{at}: {job:#}");
    let mut indexes: Vec<&str> = runs.iter().map(|run| run.index.as_str()).collect();
    indexes.sort_unstable();
    assert!(indexes == ["0", "1", "2"] || indexes == ["-", "-", "-"], "{at}: {indexes:?}");
    let history = object(supd, "get runs");
    for run in &runs {
        let uid = run.mark.split('.').next().unwrap();
        let told = history["items"].as_array().unwrap().iter();
        let told = told.filter(|one| one["metadata"]["uid"].as_str().unwrap().starts_with(uid));
        let codes: Vec<_> = told.map(|one| one["status"]["exitCode"].clone()).collect();
        assert_eq!(codes, [0], "{at}: {}", run.mark);
    }
}
