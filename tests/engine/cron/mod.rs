//! Cronjobs: rules CJB. The world begins on 2026-11-23 at 09:00:00 UTC.

mod calendar;
mod missed;

use supd::engine::event::Command;
use supd::engine::view::UnitState;

use super::world::{name, world};

const MINUTELY: &str = "exec = ['/x']\n[cron]\nschedule = '* * * * *'\ntime_zone = 'UTC'\n";

/// The name of the job of the slot so many minutes after the beginning.
fn job(minutes: i64) -> String {
    format!("c-{}", 1_795_424_400 / 60 + minutes)
}

fn pod(minutes: i64) -> String {
    format!("{}-0", job(minutes))
}

#[test]
fn cjb_003_017_the_first_run_is_strictly_after_the_beginning() {
    world("first")
        .unit("c", MINUTELY)
        .begin()
        .spawned(0)
        .state("c", UnitState::Armed)
        .advance("59s")
        .spawned(0)
        .advance("1s")
        .runs(&[&pod(1)])
        .exit(&pod(1), 0)
        .advance("60s")
        .runs(&[&pod(2)]);
}

#[test]
fn cjb_009_allow_overlaps() {
    world("allow").unit("c", MINUTELY).begin().advance("2m").runs(&[&pod(1), &pod(2)]);
}

#[test]
fn cjb_010_forbid_runs_the_latest_missed_slot_when_the_other_ends() {
    world("forbid")
        .unit("c", &format!("{MINUTELY}concurrency_policy = 'Forbid'"))
        .begin()
        .advance("3m")
        .runs(&[&pod(1)])
        .advance("30s")
        .check(|w| {
            let cron = w.unit_view("c").cron.unwrap();
            assert_eq!(cron.last_schedule.unwrap().seconds(), 1_795_424_400 + 60);
        })
        .exit(&pod(1), 0)
        .runs(&[&pod(3)])
        .exit(&pod(3), 0)
        .runs(&[])
        .advance("30s")
        .runs(&[&pod(4)]);
}

#[test]
fn cjb_011_replace_ends_the_other() {
    world("replace")
        .unit("c", &format!("{MINUTELY}concurrency_policy = 'Replace'"))
        .begin()
        .advance("1m")
        .runs(&[&pod(1)])
        .advance("1m")
        .runs(&[&pod(2)])
        .signalled(&pod(1), &[15])
        .check(|w| assert_eq!(w.jobs(), [job(2)]));
}

#[test]
fn cjb_005_later_than_the_starting_deadline_is_missed() {
    world("late")
        .unit("c", &format!("{MINUTELY}concurrency_policy = 'Forbid'\nstarting_deadline = '20s'"))
        .begin()
        .advance("1m")
        .advance("90s")
        .exit(&pod(1), 0)
        .runs(&[])
        .advance("30s")
        .runs(&[&pod(3)]);
}

#[test]
fn cjb_014_what_was_missed_in_suspension_runs_once() {
    world("suspend")
        .unit("c", MINUTELY)
        .begin()
        .command(Command::Suspend("c".into()))
        .state("c", UnitState::Suspended)
        .advance("10m")
        .spawned(0)
        .command(Command::Resume("c".into()))
        .runs(&[&pod(10)])
        .spawned(1);
}

#[test]
fn catch_up_none_runs_nothing_late() {
    world("no catch-up")
        .unit("c", &format!("{MINUTELY}catch_up = 'none'"))
        .begin()
        .command(Command::Suspend("c".into()))
        .advance("10m")
        .advance("45s")
        .command(Command::Resume("c".into()))
        .spawned(0)
        .advance("15s")
        .runs(&[&pod(11)]);
}

#[test]
fn cjb_021_history_limits() {
    let mut w = world("history")
        .unit("c", &format!("{MINUTELY}successful_history = 2\nfailed_history = 1\n[job]\nbackoff_limit = 0"))
        .begin();
    for (minute, code) in [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)] {
        w = w.advance("1m").exit(&pod(minute), code);
    }
    assert_eq!(w.jobs(), [job(3), job(4), job(5)]);
}

#[test]
fn cjb_025_a_clock_set_back_runs_no_slot_twice() {
    world("back")
        .unit("c", MINUTELY)
        .begin()
        .advance("2m")
        .exit(&pod(1), 0)
        .exit(&pod(2), 0)
        .step_clock(-90)
        .advance("90s")
        .spawned(2)
        .advance("60s")
        .runs(&[&pod(3)]);
}

#[test]
fn a_clock_set_forward_is_noticed_at_once() {
    world("forward")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '0 12 * * *'\ntime_zone = 'UTC'")
        .begin()
        .step_clock(3 * 3600)
        .spawned(1);
}

#[test]
fn f88_a_clock_that_was_in_2098_floods_nothing_and_blocks_nothing() {
    let far = 72 * 365 * 86_400;
    world("2098")
        .unit("c", MINUTELY)
        .begin()
        .step_clock(far)
        .check(|w| assert_eq!(w.jobs().len(), 1))
        .step_clock(-far)
        .advance("1m")
        .check(|w| assert_eq!(w.jobs().len(), 2));
}

#[test]
fn editing_a_schedule_never_fires_it() {
    world("edit")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '0 0 1 1 *'\ntime_zone = 'UTC'")
        .begin()
        .advance("10m")
        .unit("c", MINUTELY)
        .reload(true)
        .spawned(0)
        .advance("1m")
        .spawned(1);
}

#[test]
fn stopping_a_cronjob_disarms_it_and_its_jobs_go_on() {
    world("stop")
        .unit("c", MINUTELY)
        .begin()
        .advance("1m")
        .stop("c")
        .state("c", UnitState::Stopped)
        .runs(&[&pod(1)])
        .advance("10m")
        .runs(&[&pod(1)])
        .spawned(1)
        .start("c")
        .spawned(1)
        .advance("1m")
        .spawned(2);
}

#[test]
fn deleting_a_cronjob_deletes_its_jobs() {
    world("delete")
        .unit("c", MINUTELY)
        .begin()
        .advance("1m")
        .command(Command::DeleteUnit(name("c")))
        .runs(&[])
        .check(|w| assert!(w.jobs().is_empty()));
}
