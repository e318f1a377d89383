//! What is made at the times of a calendar, and what is told of it: rules CJB, and CRN where they need a clock.

use supd::engine::event::Command;
use supd::engine::view::{JobOwner, UnitState};

use super::{MINUTELY, job, pod};
use crate::world::{name, world};

const HOURLY: &str = "exec = ['/x']\n[cron]\nschedule = '0 * * * *'\ntime_zone = 'Europe/Berlin'\n";

#[test]
fn crn_011_cjb_018_an_interval_counts_from_the_last_time_whatever_happens_between() {
    world("every")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '@every 90s'\ntime_zone = 'UTC'\n")
        .begin()
        .advance("60s")
        // Somebody looks: the time to come stays where it is.
        .start("c")
        .advance("29s")
        .spawned(0)
        .advance("1s")
        .spawned(1)
        .advance("89s")
        .spawned(1)
        .advance("1s")
        .spawned(2);
}

/// In Kubernetes the names have minutes, so `@every 20s` cannot run three times in one (CJB-018).
#[test]
fn cjb_018_differs_an_interval_below_a_minute_has_names_with_seconds() {
    world("every 20s")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '@every 20s'\n")
        .begin()
        .advance("60s")
        .check(|w| assert_eq!(w.jobs(), ["c-1795424420", "c-1795424440", "c-1795424460"]));
}

#[test]
fn crn_014_a_schedule_that_never_comes_is_told_once() {
    world("never")
        .unit("c", "exec = ['/x']\n[cron]\nschedule = '59 23 31 2 *'\n")
        .begin()
        .advance("1d")
        .spawned(0)
        .reported("InvalidSchedule", "c: no time matches `59 23 31 2 *`");
}

#[test]
fn cjb_012_jobs_by_hand_neither_hold_back_nor_are_replaced() {
    for policy in ["Forbid", "Replace"] {
        world("by hand")
            .unit("c", &format!("{MINUTELY}concurrency_policy = '{policy}'\n"))
            .begin()
            .command(Command::CreateJob { name: "once".into(), from: name("c") })
            .advance("1m")
            .runs(&[&pod(1), "once-0"])
            .check(|w| assert_eq!(w.unit_view("c").cron.unwrap().active, [job(1)]));
    }
}

#[test]
fn cjb_013_a_failed_job_leaves_the_list_and_stops_nothing() {
    world("failed")
        .unit("c", &format!("{MINUTELY}concurrency_policy = 'Forbid'\n[job]\nbackoff_limit = 0"))
        .begin()
        .advance("1m")
        .exit(&pod(1), 1)
        .check(|w| assert!(w.unit_view("c").cron.unwrap().active.is_empty()))
        .reported("SawCompletedJob", &format!("c: job {} failed", job(1)))
        .advance("1m")
        .runs(&[&pod(2)]);
}

#[test]
fn cjb_013_a_job_that_is_deleted_is_missed_and_holds_nothing_back() {
    world("missing")
        .unit("c", &format!("{MINUTELY}concurrency_policy = 'Forbid'\n"))
        .begin()
        .advance("2m")
        .command(Command::DeleteJob(job(1)))
        .reported("MissingJob", &format!("c: active job {} was deleted", job(1)))
        .runs(&[&pod(2)]);
}

#[test]
fn cjb_015_016_the_slot_and_the_last_success_are_kept() {
    world("times")
        .unit("c", MINUTELY)
        .begin()
        .advance("1m")
        .advance("30s")
        .exit(&pod(1), 0)
        .advance("30s")
        .exit(&pod(2), 1)
        .check(|w| {
            let cron = w.unit_view("c").cron.unwrap();
            assert_eq!(cron.last_schedule.unwrap().seconds(), 1_795_424_400 + 120);
            assert_eq!(cron.last_success.unwrap().seconds(), 1_795_424_400 + 90);
        })
        // A job by hand counts for the last success, and for nothing else (CJB-028).
        .command(Command::CreateJob { name: "once".into(), from: name("c") })
        .advance("10s")
        .exit("once-0", 0)
        .stored()
        .manager_dies()
        .check(|w| {
            let cron = w.unit_view("c").cron.unwrap();
            assert_eq!(cron.last_success.unwrap().seconds(), 1_795_424_400 + 130);
            assert_eq!(cron.last_schedule.unwrap().seconds(), 1_795_424_400 + 120);
        });
}

#[test]
fn cjb_017_a_name_that_somebody_else_has_is_not_taken_from_them() {
    let other = job(1);
    world("taken")
        .unit("c", MINUTELY)
        .unit(&other, "exec = ['/y']\n[job]\n")
        .begin()
        .runs(&[&format!("{other}-0")])
        .advance("1m")
        .spawned(1)
        .reported("FailedCreate", &format!("c: there is a {other} already, of somebody else"))
        .advance("1m")
        .runs(&[&format!("{other}-0"), &pod(2)]);
}

#[test]
fn cjb_020_a_job_tells_its_slot_in_the_zone_of_its_calendar() {
    world("zone").unit("c", HOURLY).begin().advance("1h").check(|w| {
        let job = w.job(&job(60));
        assert_eq!(job.scheduled.as_deref(), Some("2026-11-23T11:00:00+01:00"));
        assert!(matches!(job.owner, JobOwner::Schedule(slot) if slot.seconds() == 1_795_424_400 + 3600));
    });
}

#[test]
fn cjb_022_another_template_is_for_later_jobs() {
    world("template")
        .unit("c", MINUTELY)
        .begin()
        .advance("1m")
        .unit("c", &MINUTELY.replace("/x", "/y"))
        .reload(true)
        .check(|w| assert_eq!(w.pod(&pod(1)).processes[0].command, ["/x"]))
        .advance("1m")
        .check(|w| assert_eq!(w.pod(&pod(2)).processes[0].command, ["/y"]));
}

#[test]
fn cjb_026_nothing_is_made_while_it_is_deleted() {
    world("deleted")
        .unit("c", MINUTELY)
        .begin()
        .advance("1m")
        .stubborn(&pod(1))
        .command(Command::DeleteUnit(name("c")))
        .unit("other", "exec = ['/x']\nafter = ['c']\n")
        .advance("20s")
        .runs(&[&pod(1)])
        .advance("1m")
        .spawned(1);
}

#[test]
fn cjb_021_nothing_is_kept_where_nothing_is_to_be() {
    world("history")
        .unit("c", &format!("{MINUTELY}successful_history = 0\n"))
        .begin()
        .command(Command::CreateJob { name: "once".into(), from: name("c") })
        .advance("1m")
        .exit(&pod(1), 0)
        .exit("once-0", 0)
        .check(|w| assert!(w.jobs().is_empty()))
        .state("c", UnitState::Armed);
}
