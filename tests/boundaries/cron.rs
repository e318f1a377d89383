//! A cronjob of every second, with the manager or the spawner killed at each call around its times.

use super::calls::{MANAGER, SPAWNER, Victim, at_each_call};
use super::promised::{lost_starts_are_repeated, state_survives};
use super::record::{object, place, runs};
use super::space::{Supd, Watch};

const CLOCK: &str = "exec = ['@/program']\n[cron]\nschedule = '* * * * * *'\nconcurrency_policy = 'Forbid'\n\
                     successful_history = 1000\n[job.backoff]\ninitial = '50ms'\n";

/// Times that must come and be done with while the killer is there.
const SLOTS: usize = 2;

#[test]
fn the_manager_dies_at_each_call_of_a_cronjob() {
    cronjob(Victim { sample: 10, ..MANAGER });
}

#[test]
fn the_spawner_dies_at_each_call_of_a_cronjob() {
    cronjob(Victim { sample: 10, ..SPAWNER });
}

/// Each time has one run at most, each run is counted, and times go on coming.
#[track_caller]
fn cronjob(victim: Victim) {
    let supd = place().unit("clock", CLOCK).supd();
    let prepare = || std::fs::write(supd.path().join("record"), "").unwrap();
    at_each_call(&supd, victim, prepare, |(), at| {
        let record = Watch::new(supd.path());
        record.until(|| runs(&supd, at).iter().filter(|run| run.ended).count() >= SLOTS);
        judge(&supd, victim, at);
    });
}

#[track_caller]
fn judge(supd: &Supd, victim: Victim, at: &str) {
    let runs = runs(supd, at);
    let mut slots: Vec<&str> = runs.iter().map(|run| run.slot.as_str()).collect();
    slots.sort_unstable();
    let all = slots.len();
    slots.dedup();
    if !state_survives() || victim.role == "spawner" && !lost_starts_are_repeated() {
        return;
    }
    assert_eq!(slots.len(), all, "{at}: one time twice: {runs:?}");
    let jobs = object(supd, "get jobs");
    for run in runs.iter().filter(|run| run.ended) {
        let (pods, uid) = (object(supd, "get pods"), run.mark.split('.').next().unwrap());
        let pod = pods["items"].as_array().unwrap().iter();
        let pod = pod.clone().find(|pod| pod["metadata"]["uid"].as_str().unwrap().starts_with(uid));
        let pod = pod.unwrap_or_else(|| panic!("{at}: {uid} is forgotten"));
        // The last one may just have ended.
        if pod["status"]["phase"] != "Succeeded" {
            continue;
        }
        let owner = &pod["metadata"]["ownerReferences"][0]["name"];
        let job = jobs["items"].as_array().unwrap().iter().find(|job| job["metadata"]["name"] == *owner);
        let status = &job.unwrap_or_else(|| panic!("{at}: {owner} is forgotten"))["status"];
        assert_eq!(status["failed"], 0, "{at}: {status:#}");
    }
}
