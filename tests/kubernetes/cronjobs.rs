//! CJB: the controller of cronjobs. The world begins on 2026-11-23 at 09:00:00 UTC.

use supd::control::objects::Job;
use supd::engine::event::Command;
use supd::unit::model::{Body, ConcurrencyPolicy};

use crate::world::{World, name, world};
use crate::{load, parse};

/// The beginning, in seconds since 1970.
const BEGIN: i64 = 1_795_424_400;

fn cron(schedule: &str, keys: &str) -> String {
    format!("exec = ['/x']\n[cron]\nschedule = '{schedule}'\ntime_zone = 'UTC'\n{keys}\n")
}

fn minutely(keys: &str) -> String {
    cron("* * * * *", keys)
}

/// The pod of the slot so many minutes after the beginning.
fn pod(minutes: i64) -> String {
    format!("c-{}-0", BEGIN / 60 + minutes)
}

fn job(minutes: i64) -> String {
    format!("c-{}", BEGIN / 60 + minutes)
}

fn last_schedule(w: &World) -> Option<i64> {
    w.unit_view("c").cron.unwrap().last_schedule.map(|at| (at.seconds() - BEGIN) / 60)
}

fn active(w: &World) -> Vec<String> {
    w.unit_view("c").cron.unwrap().active
}

#[test]
fn cjb_001_defaults() {
    let unit = parse("c", "exec = ['/x']\n[cron]\nschedule = '* * * * *'");
    let Body::CronJob(cron) = &unit.body else { panic!("a cronjob") };
    assert_eq!(cron.concurrency_policy, ConcurrencyPolicy::Allow);
    assert!(!cron.suspend && cron.starting_deadline.is_none());
    assert_eq!((cron.successful_history, cron.failed_history), (3, 1));
}

#[test]
fn cjb_002_one_job_however_many_were_missed() {
    world("asleep")
        .unit("c", &minutely(""))
        .begin()
        .unseen("10m")
        .event(supd::engine::event::Event::Deadline)
        .spawned(1)
        .runs(&[&pod(10)]);
}

#[test]
fn cjb_004_more_than_a_hundred_missed_are_one_job_and_a_warning() {
    world("long asleep")
        .unit("c", &minutely(""))
        .begin()
        .unseen("101m")
        .advance("0s")
        .runs(&[&pod(101)])
        .told("TooManyMissedTimes", "c");
}

#[test]
fn cjb_005_exactly_at_the_deadline_is_too_late() {
    for (late, runs) in [("29.999s", 1), ("30s", 0)] {
        world("exactly")
            .unit("c", &cron("0 10 * * *", "starting_deadline = '30s'"))
            .begin()
            .unseen("1h")
            .unseen(late)
            .advance("0s")
            .spawned(runs)
            .check(|w| assert_eq!(last_schedule(w).is_some(), runs == 1));
    }
}

#[test]
fn cjb_006_a_deadline_of_nothing_never_runs() {
    world("zero").unit("c", &minutely("starting_deadline = '0s'")).begin().advance("10m").spawned(0);
}

#[test]
fn cjb_007_a_deadline_of_a_second_is_enough() {
    world("one second").unit("c", &minutely("starting_deadline = '1s'")).begin().advance("3m").spawned(3);
}

#[test]
fn cjb_008_a_late_interval_within_its_deadline_runs_here() {
    world("every")
        .unit("c", &cron("@every 1h", "starting_deadline = '30m'"))
        .begin()
        .unseen("70m")
        .advance("0s")
        .spawned(1);
}

#[test]
fn cjb_010_forbid_keeps_the_last_schedule_time_and_tells() {
    world("forbid")
        .unit("c", &minutely("concurrency_policy = 'Forbid'"))
        .begin()
        .advance("3m")
        .spawned(1)
        .check(|w| assert_eq!(last_schedule(w), Some(1)))
        .told("JobAlreadyActive", "c")
        .exit(&pod(1), 0)
        .runs(&[&pod(3)])
        .check(|w| assert_eq!(last_schedule(w), Some(3)));
}

#[test]
fn cjb_011_replace_does_not_wait_for_old_processes() {
    world("replace")
        .unit("c", &minutely("concurrency_policy = 'Replace'"))
        .stubborn(&pod(1))
        .begin()
        .advance("1m")
        .advance("1m")
        .runs(&[&pod(1), &pod(2)])
        .check(|w| assert_eq!(w.jobs(), [job(2)]))
        .advance("30s")
        .runs(&[&pod(2)]);
}

#[test]
fn cjb_012_a_job_by_hand_neither_forbids_nor_is_replaced() {
    for policy in ["Forbid", "Replace"] {
        world("by hand")
            .unit("c", &minutely(&format!("concurrency_policy = '{policy}'")))
            .begin()
            .command(Command::CreateJob { name: "once".into(), from: name("c") })
            .advance("1m")
            .runs(&[&pod(1), "once-0"]);
    }
}

#[test]
fn cjb_013_finished_and_deleted_jobs_are_not_active() {
    world("active")
        .unit("c", &format!("{}[job]\nbackoff_limit = 0", minutely("")))
        .begin()
        .advance("3m")
        .check(|w| assert_eq!(active(w), [job(1), job(2), job(3)]))
        .exit(&pod(1), 0)
        .told("SawCompletedJob", "c")
        .exit(&pod(2), 1)
        .check(|w| assert_eq!(active(w), [job(3)]))
        .command(Command::DeleteJob(job(3)))
        .check(|w| assert!(active(w).is_empty()))
        .advance("1m")
        .runs(&[&pod(4)]);
}

#[test]
fn cjb_014_running_jobs_go_on_and_the_deadline_counts_afterwards() {
    world("suspended")
        .unit("c", &cron("0 * * * *", "starting_deadline = '10m'"))
        .begin()
        .advance("1h")
        .command(Command::Suspend("c".into()))
        .check(|w| assert_eq!(w.running().len(), 1))
        .advance("90m")
        .spawned(1)
        .command(Command::Resume("c".into()))
        .advance("1m")
        .spawned(1);
}

#[test]
fn cjb_015_the_last_schedule_time_is_the_scheduled_one() {
    world("scheduled")
        .unit("c", &minutely(""))
        .begin()
        .unseen("90s")
        .advance("0s")
        .spawned(1)
        .check(|w| assert_eq!(last_schedule(w), Some(1)));
}

#[test]
fn cjb_016_the_last_successful_time_is_the_end_of_a_success() {
    world("success")
        .unit("c", &format!("{}[job]\nbackoff_limit = 0", minutely("")))
        .begin()
        .advance("2m")
        .advance("10s")
        .exit(&pod(1), 0)
        .advance("10s")
        .exit(&pod(2), 1)
        .check(|w| {
            let last = w.unit_view("c").cron.unwrap().last_success.unwrap();
            assert_eq!(last.seconds(), BEGIN + 130);
        });
}

#[test]
fn cjb_017_the_name_is_the_scheduled_minute_and_a_lock() {
    world("lock")
        .unit("c", &minutely(""))
        .begin()
        .advance("1m")
        .check(|w| assert_eq!(w.jobs(), [job(1)]))
        .stored()
        .manager_dies()
        .step_clock(-60)
        .advance("1m")
        .spawned(1);
}

#[test]
fn cjb_018_intervals_below_a_minute_run_each_time_here() {
    world("every 20 s")
        .unit("c", &cron("@every 20s", ""))
        .begin()
        .advance("1m")
        .spawned(3)
        .check(|w| assert_eq!(w.jobs().len(), 3));
}

#[test]
fn cjb_019_a_name_of_52_characters_and_no_more() {
    let text = cron("* * * * *", "");
    assert!(load(&"c".repeat(52), &text).is_ok());
    assert!(load(&"c".repeat(53), &text).is_err());
}

#[test]
fn cjb_020_a_job_tells_its_time_and_its_owner() {
    world("annotation")
        .unit("c", &format!("labels = {{ tier = 'back' }}\n{}", minutely("").replace("UTC", "Europe/Berlin")))
        .begin()
        .advance("1m")
        .check(|w| {
            let job = Job::from(&w.job(&job(1)));
            let stamp = job.metadata.annotations.get("batch.kubernetes.io/cronjob-scheduled-timestamp");
            assert_eq!(stamp.map(String::as_str), Some("2026-11-23T10:01:00+01:00"));
            assert_eq!(job.metadata.labels.get("tier").map(String::as_str), Some("back"));
            let owner = &job.metadata.owner_references[0];
            assert_eq!((owner.kind.as_ref(), owner.name.as_str(), owner.controller), ("CronJob", "c", true));
        });
}

#[test]
fn cjb_021_jobs_by_hand_are_counted_too_and_0_keeps_none() {
    let by_hand = |name_of_job: &str| Command::CreateJob { name: name_of_job.into(), from: name("c") };
    world("by hand")
        .unit("c", &cron("0 0 1 1 *", "successful_history = 1\nfailed_history = 0"))
        .begin()
        .command(by_hand("one"))
        .exit("one-0", 0)
        .advance("1s")
        .command(by_hand("two"))
        .exit("two-0", 0)
        .check(|w| assert_eq!(w.jobs(), ["two"]));
    world("none")
        .unit(
            "c",
            &format!("{}[job]\nbackoff_limit = 0", minutely("failed_history = 0\nsuccessful_history = 0")),
        )
        .begin()
        .advance("2m")
        .exit(&pod(1), 0)
        .exit(&pod(2), 1)
        .check(|w| assert!(w.jobs().is_empty()));
}

#[test]
fn cjb_022_a_changed_schedule_counts_from_now_and_a_changed_template_for_later_jobs() {
    world("edited")
        .unit("c", &minutely(""))
        .begin()
        .advance("1m")
        .advance("30s")
        .unit("c", &cron("*/5 * * * *", "").replace("/x", "/y"))
        .reload(true)
        .runs(&[&pod(1)])
        .check(|w| assert_eq!(w.pod(&pod(1)).processes[0].command, ["/x"]))
        .advance("3m")
        .runs(&[&pod(1)])
        .advance("30s")
        .check(|w| assert_eq!(w.pod(&pod(5)).processes[0].command, ["/y"]));
}

#[test]
fn cjb_023_what_cannot_be_read_is_refused_before_it_runs() {
    assert!(load("c", &cron("61 * * * *", "")).is_err());
    assert!(load("c", &cron("* * * * *", "").replace("UTC", "Europe/Atlantis")).is_err());
}

#[test]
fn cjb_024_after_an_absence_the_latest_runs_once() {
    world("absence")
        .unit("c", &minutely(""))
        .begin()
        .stored()
        .machine_dies("10m")
        .runs(&[&pod(10)])
        .spawned(1)
        .stored()
        .unseen("5m")
        .manager_dies()
        .spawned(2)
        .runs(&[&pod(10), &pod(15)]);
}

#[test]
fn cjb_026_deleted_with_its_jobs() {
    world("deleted")
        .unit("c", &minutely(""))
        .stubborn(&pod(1))
        .begin()
        .advance("1m")
        .command(Command::DeleteUnit(name("c")))
        .advance("25s")
        .runs(&[&pod(1)])
        .advance("10m")
        .runs(&[])
        .spawned(1)
        .check(|w| assert!(w.jobs().is_empty()));
}

#[test]
fn cjb_027_events() {
    world("events")
        .unit("c", &minutely("concurrency_policy = 'Forbid'"))
        .begin()
        .advance("2m")
        .told("SuccessfulCreate", "c")
        .told("JobAlreadyActive", "c")
        .exit(&pod(1), 0)
        .told("SawCompletedJob", "c");
}

#[test]
fn cjb_027_events_of_what_goes_and_what_never_comes() {
    let text = minutely("successful_history = 0");
    world("history").unit("c", &text).begin().advance("1m").exit(&pod(1), 0).told("SuccessfulDelete", "c");
    world("gone")
        .unit("c", &minutely(""))
        .begin()
        .advance("1m")
        .command(Command::DeleteJob(job(1)))
        .told("MissingJob", "c");
    world("too late")
        .unit("c", &cron("0 10 * * *", "starting_deadline = '30s'"))
        .begin()
        .unseen("2h")
        .advance("0s")
        .told("MissSchedule", "c");
    world("never").unit("c", &cron("59 23 31 2 *", "")).begin().told("InvalidSchedule", "c");
}

#[test]
fn cjb_028_a_job_by_hand_is_marked_and_changes_nothing() {
    world("manual")
        .unit("c", &format!("labels = {{ tier = 'back' }}\n{}", minutely("")))
        .begin()
        .command(Command::CreateJob { name: "once".into(), from: name("c") })
        .runs(&["once-0"])
        .check(|w| {
            let job = Job::from(&w.job("once"));
            let mark = job.metadata.annotations.get("cronjob.kubernetes.io/instantiate");
            assert_eq!(mark.map(String::as_str), Some("manual"));
            assert_eq!(job.metadata.labels.get("tier").map(String::as_str), Some("back"));
            assert!(job.metadata.owner_references[0].controller);
            assert!(active(w).is_empty() && last_schedule(w).is_none());
        });
}
