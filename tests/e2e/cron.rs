//! Goal: cronjobs come at their times, one at a time where they say so, by hand when asked, and not at all
//! while they are suspended.
//! Method: schedules of a second, and a FIFO that holds a run for as long as the test likes. "Some slots have
//! passed" is: another cronjob of the same schedule has completed jobs meanwhile.

use serde_json::Value;

use super::skipped::skipped;
use super::space::{Space, Supd};

const EACH_SECOND: &str = "[cron]\nschedule = '*/1 * * * * *'\n";

fn is_complete(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array().unwrap();
    conditions.iter().any(|one| one["type"] == "Complete" && one["status"] == "True")
}

/// The names of the jobs of a cronjob, oldest first.
fn jobs_of(supd: &Supd, unit: &str) -> Vec<String> {
    let list = supd.json("get jobs");
    let items = list["items"].as_array().unwrap_or_else(|| panic!("{list:#}")).iter();
    let own = items.filter(|job| job["status"]["unit"] == unit);
    let mut names: Vec<String> =
        own.map(|job| job["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Waits until the clock's schedule has come `count` times from now on.
pub fn slots_pass(supd: &Supd, count: usize) {
    let before = jobs_of(supd, "clock");
    let mut seen = std::collections::BTreeSet::new();
    supd.until("jobs", |job| {
        let name = job["metadata"]["name"].as_str().unwrap().to_owned();
        if job["status"]["unit"] == "clock" && is_complete(job) && !before.contains(&name) {
            seen.insert(name);
        }
        seen.len() >= count
    });
}

#[test]
fn six_fields_fire_every_second_and_history_is_short() {
    let unit = format!("shell = 'echo $SUPD_SCHEDULED_TIME'\n{EACH_SECOND}successful_history = 2\n");
    let supd = Space::new().unit("clock", &unit).supd();
    supd.ctl("is-active clock").ok().stdout_is("active\n");
    slots_pass(&supd, 4);
    assert!(jobs_of(&supd, "clock").len() <= 4, "two are kept, one may run, one may just have ended");
    let cronjob = supd.json("get cronjob clock");
    assert_eq!(cronjob["spec"]["schedule"], "*/1 * * * * *");
    assert!(cronjob["status"]["lastScheduleTime"].is_string(), "{cronjob:#}");
    assert!(cronjob["status"]["lastSuccessfulTime"].is_string(), "{cronjob:#}");
    assert!(cronjob["status"]["nextScheduleTime"].is_string(), "{cronjob:#}");
    let table = supd.ctl("get cronjobs").ok().stdout;
    assert!(table.starts_with("NAME    SCHEDULE        TIMEZONE"), "{table}");
}

#[test]
fn names_are_the_scheduled_second() {
    let unit = format!("shell = 'echo at $SUPD_SCHEDULED_TIME'\n{EACH_SECOND}");
    let supd = Space::new().unit("clock", &unit).supd();
    let job = supd.until("jobs", |job| job["status"]["unit"] == "clock" && is_complete(job));
    let name = job["metadata"]["name"].as_str().unwrap();
    let second: i64 = name.strip_prefix("clock-").unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!((now - 120..=now).contains(&second), "{name}, and it is {now}");
    let own = &job["metadata"]["ownerReferences"][0];
    assert_eq!((&own["kind"], &own["name"]), (&"CronJob".into(), &"clock".into()));
}

#[test]
fn forbid_holds_the_next_run_until_the_last_has_ended() {
    let held = format!("shell = 'read line < @/gate'\n{EACH_SECOND}concurrency_policy = 'Forbid'\n");
    let supd = Space::new()
        .fifo("gate")
        .unit("clock", &format!("exec = ['/bin/true']\n{EACH_SECOND}"))
        .unit("held", &held)
        .supd();
    let first = supd.until("jobs", |job| job["status"]["unit"] == "held" && job["status"]["active"] == 1);
    let first = first["metadata"]["name"].as_str().unwrap().to_owned();
    slots_pass(&supd, 2);
    assert_eq!(jobs_of(&supd, "held"), [first.as_str()]);
    assert_eq!(supd.json("get cronjob held")["status"]["active"][0]["name"], first);
    supd.release("gate");
    supd.ctl(&format!("wait job/{first} --for=complete --timeout=60s")).ok();
    let next = supd.until("jobs", |job| {
        job["status"]["unit"] == "held" && job["status"]["active"] == 1 && job["metadata"]["name"] != first
    });
    assert!(next["metadata"]["name"].as_str() > Some(&first));
}

#[test]
fn replace_ends_the_old_run() {
    let unit = format!(
        "exec = ['/bin/sleep', 'infinity']\n{EACH_SECOND}concurrency_policy = 'Replace'\n[stop]\ngrace = '1s'\n"
    );
    let supd = Space::new().unit("clock", &unit).supd();
    let mut first = None;
    supd.until("jobs", |job| {
        let name = job["metadata"]["name"].as_str().unwrap().to_owned();
        let active = job["status"]["unit"] == "clock" && job["status"]["active"] == 1;
        active && *first.get_or_insert(name.clone()) != name
    });
    let first = first.unwrap();
    supd.ctl(&format!("wait job/{first} --for=deleted --timeout=60s")).ok();
}

#[test]
fn a_job_by_hand_leaves_the_schedule_alone() {
    let supd = Space::new()
        .unit(
            "backup",
            "shell = 'echo saved; exit 4'\n[cron]\nschedule = '0 0 1 1 *'\n[job]\nbackoff_limit = 0\n",
        )
        .supd();
    let before = supd.json("get cronjob backup")["status"].clone();
    let made = supd.ctl("create job tonight --from=cronjob/backup --wait");
    made.code(4).stdout_has("tonight: started\n");
    supd.ctl("logs tonight").ok().stdout_is("saved\n");
    let after = supd.json("get cronjob backup")["status"].clone();
    assert_eq!(before["nextScheduleTime"], after["nextScheduleTime"]);
    assert_eq!(after["lastScheduleTime"], Value::Null);
    let job = supd.json("get job tonight");
    assert_eq!(job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"], "manual");
    supd.ctl("create job tonight --from=cronjob/backup").code(1).stderr_has("tonight");
    supd.ctl("create job x --from=cronjob/bakcup").code(5).stderr_has("did you mean `backup`?");
}

#[test]
fn suspended_it_does_not_fire_and_resumed_it_does() {
    let supd = Space::new()
        .unit("clock", &format!("exec = ['/bin/true']\n{EACH_SECOND}"))
        .unit("still", &format!("exec = ['/bin/true']\n{EACH_SECOND}suspend = true\n"))
        .supd();
    slots_pass(&supd, 2);
    assert_eq!(jobs_of(&supd, "still"), Vec::<String>::new());
    assert_eq!(supd.json("get cronjob still")["spec"]["suspend"], true);
    supd.ctl("resume still").ok();
    supd.until("jobs", |job| job["status"]["unit"] == "still" && is_complete(job));
    supd.ctl("suspend still").ok();
    assert_eq!(supd.json("get cronjob still")["spec"]["suspend"], true);
    // The one that was made before the wish was heard may still be on its way into history.
    let before = jobs_of(&supd, "still");
    slots_pass(&supd, 2);
    assert_eq!(jobs_of(&supd, "still"), before);
}

/// Setting the clock to what it shows is a step of nothing, and all that a kernel tells of a step.
#[test]
fn a_step_of_the_wall_clock_is_noticed_at_once() {
    use nix::time::{ClockId, clock_gettime, clock_settime};
    let supd = Space::new().unit("nightly", "exec = ['/bin/true']\n[cron]\nschedule = '30 2 * * *'\n").supd();
    let now = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
    if let Err(error) = clock_settime(ClockId::CLOCK_REALTIME, now) {
        return skipped("a step of the wall clock", format!("it may not be set here: {error}"));
    }
    supd.wait_file("supd.out", "the wall clock was set");
    supd.ctl("status").ok().stdout_has("Next 02:30");
}
