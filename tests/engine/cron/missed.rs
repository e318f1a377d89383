//! Times that were missed, and times that are delayed: CJB-002 to CJB-014, `catch_up`, `jitter`.

use std::time::Duration;

use supd::engine::event::Command;
use supd::engine::time::Wall;

use super::{MINUTELY, job, pod};
use crate::world::{World, world};

const BEGIN: i64 = 1_795_424_400;

/// How long after its time the next slot is due.
fn delay(w: &World, minute: i64) -> Duration {
    let next = w.unit_view("c").cron.unwrap().next.expect("it is armed");
    next.since(Wall::from_seconds(BEGIN + 60 * minute))
}

/// Nobody is there for so long.
fn away(w: World, by: &str) -> World {
    w.stored().unseen(by).manager_dies()
}

#[test]
fn cjb_002_024_of_all_that_were_missed_the_latest_runs() {
    away(world("missed").unit("c", MINUTELY).begin(), "10m").runs(&[&pod(10)]).spawned(1).check(|w| {
        assert_eq!(w.decisions, ["c missed: a later time runs instead"]);
        assert_eq!(w.unit_view("c").cron.unwrap().missed, 9);
    });
}

#[test]
fn cjb_004_more_than_a_hundred_are_told_and_the_latest_runs() {
    away(world("many").unit("c", MINUTELY).begin(), "2h")
        .runs(&[&pod(120)])
        .reported("TooManyMissedTimes", "c: more than 100 times were missed; only the latest runs");
}

#[test]
fn cjb_005_lateness_of_exactly_the_deadline_is_too_late() {
    let text = format!("{MINUTELY}starting_deadline = '20s'\n");
    let late = |by: &str| away(world("late").unit("c", &text).begin().advance("59s"), by);
    late("20s").runs(&[&pod(1)]);
    late("21s")
        .runs(&[])
        .reported("MissSchedule", "c: later than its starting_deadline of 20s")
        .check(|w| assert!(w.unit_view("c").cron.unwrap().last_schedule.is_none()));
}

#[test]
fn cjb_006_a_deadline_of_nothing_never_runs() {
    world("never")
        .unit("c", &format!("{MINUTELY}starting_deadline = '0s'\n"))
        .begin()
        .advance("10m")
        .spawned(0);
}

/// Kubernetes begins the interval anew from now − deadline, and so loses a run that is late but not too late.
#[test]
fn cjb_008_differs_a_late_interval_within_its_deadline_runs() {
    let text = "exec = ['/x']\n[cron]\nschedule = '@every 1m'\nstarting_deadline = '50s'\n";
    away(world("every").unit("c", text).begin().advance("50s"), "40s").runs(&[&pod(1)]);
}

#[test]
fn catch_up_all_runs_the_oldest_first_one_after_the_other() {
    let text = format!("{MINUTELY}catch_up = 'all'\nstarting_deadline = '10m'\n");
    let w = away(world("all").unit("c", &text).begin(), "225s");
    w.runs(&[&pod(1)])
        .exit(&pod(1), 0)
        .runs(&[&pod(2)])
        .check(|w| assert_eq!(w.unit_view("c").cron.unwrap().last_schedule.unwrap().seconds(), BEGIN + 120))
        .stored()
        .manager_dies()
        .runs(&[&pod(2)])
        // One that is due meanwhile is the last of them.
        .advance("1m")
        .runs(&[&pod(2)])
        .exit(&pod(2), 1)
        .command(Command::DeleteJob(job(2)))
        .runs(&[&pod(3)])
        .exit(&pod(3), 0)
        .runs(&[&pod(4)])
        .exit(&pod(4), 0)
        .runs(&[])
        .spawned(4)
        .check(|w| assert!(w.decisions.is_empty(), "{:?}", w.decisions));
}

#[test]
fn catch_up_all_goes_no_further_back_than_the_deadline() {
    let text = format!("{MINUTELY}catch_up = 'all'\nstarting_deadline = '3m'\n");
    away(world("window").unit("c", &text).begin(), "1h")
        .runs(&[&pod(58)])
        .exit(&pod(58), 0)
        .exit(&pod(59), 0)
        .exit(&pod(60), 0)
        .runs(&[])
        .spawned(3)
        .check(|w| assert_eq!(w.decisions, ["c missed: later than its starting_deadline of 180s"]));
}

#[test]
fn catch_up_all_leaves_what_is_in_time_as_it_is() {
    for (policy, pods) in [("Allow", vec![pod(1), pod(2)]), ("Replace", vec![pod(2)])] {
        let text = format!(
            "{MINUTELY}catch_up = 'all'\nstarting_deadline = '3m'\nconcurrency_policy = '{policy}'\n"
        );
        let pods: Vec<&str> = pods.iter().map(String::as_str).collect();
        world("in time").unit("c", &text).begin().advance("2m").runs(&pods);
    }
}

#[test]
fn catch_up_all_makes_up_for_what_forbid_held_back() {
    let text =
        format!("{MINUTELY}catch_up = 'all'\nstarting_deadline = '10m'\nconcurrency_policy = 'Forbid'\n");
    world("held back")
        .unit("c", &text)
        .begin()
        .advance("3m")
        .advance("40s")
        .runs(&[&pod(1)])
        .exit(&pod(1), 0)
        .runs(&[&pod(2)])
        .exit(&pod(2), 0)
        .runs(&[&pod(3)]);
}

#[test]
fn jitter_moves_the_run_and_not_its_time() {
    let w = world("jitter").unit("c", &format!("{MINUTELY}jitter = '50s'\n")).begin();
    let first = delay(&w, 1);
    assert!(first < Duration::from_secs(50) && !first.is_zero(), "{first:?}");
    let mut w = w.advance("60s").spawned(0);
    w.pass(first);
    w.runs(&[&pod(1)]).check(|w| {
        let cron = w.unit_view("c").cron.unwrap();
        assert_eq!(cron.last_schedule.unwrap().seconds(), BEGIN + 60);
        assert_ne!(delay(w, 2), first);
    });
}

#[test]
fn jitter_is_drawn_once_whoever_dies() {
    let w = world("kept").unit("c", &format!("{MINUTELY}jitter = '50s'\n")).begin();
    let first = delay(&w, 1);
    let w = w.stored().advance("7s").manager_dies();
    assert_eq!(delay(&w, 1), first);
    let mut w = w.advance("53s").stored().manager_dies().spawned(0);
    assert_eq!(delay(&w, 1), first);
    w.pass(first);
    let w = w.stored().manager_dies().runs(&[&pod(1)]).spawned(1);
    // Another machine at the same time draws another delay; this one after the death of its own keeps its own.
    let second = delay(&w, 2);
    let w = w.stored().machine_dies("1s");
    assert_eq!(delay(&w, 2), second);
}

#[test]
fn jitter_is_no_lateness() {
    // With a deadline below the delay the run is there all the same.
    let text = format!("{MINUTELY}jitter = '50s'\nstarting_deadline = '1s'\ncatch_up = 'none'\n");
    world("deadline").unit("c", &text).begin().advance("5m").advance("50s").spawned(5);
}

#[test]
fn jitter_is_not_for_what_is_made_up_for() {
    let w = world("missed").unit("c", &format!("{MINUTELY}jitter = '10s'\n")).begin();
    away(w, "10m").runs(&[&pod(10)]);
}

#[test]
fn jitter_and_forbid_pile_nothing_up() {
    let text = format!("{MINUTELY}jitter = '50s'\nconcurrency_policy = 'Forbid'\n");
    world("forbid")
        .unit("c", &text)
        .begin()
        .advance("1m")
        .advance("50s")
        .runs(&[&pod(1)])
        .advance("3m")
        .exit(&pod(1), 0)
        // The latest whose time has come runs; the one that is delayed comes at its own.
        .runs(&[&pod(4)])
        .exit(&pod(4), 0)
        .advance("60s")
        .runs(&[&pod(5)]);
}

#[test]
fn editing_a_jitter_fires_nothing() {
    world("edit")
        .unit("c", &format!("{MINUTELY}jitter = '50s'\n"))
        .begin()
        .advance("60s")
        .unit("c", MINUTELY)
        .reload(true)
        .spawned(0)
        .advance("60s")
        .runs(&[&pod(2)]);
}
