//! OUT: what the tables of supctl show of pods, jobs, cronjobs and deployments, from the engine to the last
//! column.

use supd::cli::rows::{Look, Tabular, cells, headers};
use supd::cli::style::{Screen, Tone};
use supd::cli::table::Table;
use supd::cli::{age, rows};
use supd::control::objects::{CronJob, Deployment, Job, Pod};
use supd::engine::event::{Command, Outcome};

use crate::sidecars::three;
use crate::world::{World, world};

/// A row without its headers, cell by cell.
fn row<T: Tabular>(w: &World, object: &T) -> Vec<String> {
    let look = Look { now: w.now.wall.into(), wide: false, unicode: false, utc: true };
    let mut table = Table::new(headers::<T>(false)).headers(false);
    table.push(Tone::Plain, cells(object, look));
    let line = table.render(Screen::pipe());
    line.trim().split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

/// The word in STATUS of a pod that is there.
fn status(w: &World, pod: &str) -> String {
    rows::pod::word(&Pod::from(&w.pod(pod)))
}

/// The same of one that is done.
fn last_status(w: &World, pod: &str) -> String {
    rows::pod::word(&Pod::from(w.finished(pod)))
}

fn job(w: &World) -> Vec<String> {
    row(w, &Job::from(&w.job("j")))
}

const NEVER: &str = "exec = ['/x']\nrestart_policy = 'Never'\n";
const STEPS: &str =
    "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/1']\n[[init]]\nname = 'two'\nexec = ['/2']";

#[test]
fn out_001_columns_of_pods() {
    assert_eq!(headers::<Pod>(false), ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
    let w = world("row").unit("a", "exec = ['/x']").begin().advance("30s");
    assert_eq!(row(&w, &Pod::from(&w.pod("a-0"))), ["a-0", "1/1", "Running", "0", "30s"]);
}

#[test]
fn out_002_003_words_of_pods() {
    let w = world("waiting").unit("a", "exec = ['/x']").hanging("a-0").begin();
    assert_eq!(status(&w, "a-0"), "ContainerCreating");
    let w = w.started("a-0");
    assert_eq!(status(&w, "a-0"), "Running");
    let w = w.read("a-0").exit("a-0", 1).exit("a-0", 1);
    assert_eq!(status(&w, "a-0"), "CrashLoopBackOff");
    let missing = Outcome::NotStarted { message: "no such file".into(), exhausted: false };
    for (outcome, word) in [
        (Outcome::Exited(0), "Completed"),
        (Outcome::Exited(3), "Error"),
        (Outcome::Signaled { signal: 9, core: false }, "Error"),
        (missing, "StartError"),
    ] {
        let w = world("ended").unit("a", NEVER).begin().outcome("a-0", outcome);
        assert_eq!(last_status(&w, "a-0"), word);
    }
    let w = world("a reason").unit("a", &format!("{NEVER}active_deadline = '1s'")).begin().advance("1s");
    assert_eq!(w.finished("a-0").reason, "DeadlineExceeded");
    let w = world("leaving").unit("a", "exec = ['/x']").stubborn("a-0").begin().stop("a");
    assert_eq!(status(&w, "a-0"), "Terminating");
}

#[test]
fn out_004_one_is_completed_and_another_runs() {
    let text = "exec = ['/x']\nrestart_policy = 'OnFailure'";
    let w = world("not ready").unit_with("a", text, three).begin().exit("a-0/main", 0);
    assert_eq!(status(&w, "a-0"), "NotReady");
}

#[test]
fn sid_006_ready_counts_sidecars_and_no_steps() {
    let text = "exec = ['/x']\n[[init]]\nname = 'one'\nexec = ['/1']";
    let w = world("counted").unit_with("a", text, three).begin().exit("a-0/one", 0);
    assert_eq!(row(&w, &Pod::from(&w.pod("a-0")))[1], "3/3");
    let w = w.exit("a-0/log", 1).exit("a-0/log", 1);
    assert_eq!(row(&w, &Pod::from(&w.pod("a-0")))[1], "2/3");
}

#[test]
fn out_005_steps_in_status() {
    let w = world("steps").unit("a", STEPS).begin();
    assert_eq!(status(&w, "a-0"), "Init:0/2");
    let w = w.exit("a-0", 0);
    assert_eq!(status(&w, "a-0"), "Init:1/2");
    let w = w.exit("a-0", 1).exit("a-0", 1);
    assert_eq!(status(&w, "a-0"), "Init:CrashLoopBackOff");
    let w = world("never")
        .unit("a", &STEPS.replacen('\n', "\nrestart_policy = 'Never'\n", 1))
        .begin()
        .exit("a-0", 1);
    assert_eq!(last_status(&w, "a-0"), "Init:Error");
}

#[test]
fn out_006_restarts_of_the_application_and_before_of_the_steps() {
    let w = world("restarts").unit("a", STEPS).begin().exit("a-0", 1);
    assert_eq!(row(&w, &Pod::from(&w.pod("a-0")))[3], "1 (0s ago)");
    let w = w.exit("a-0", 0).exit("a-0", 0);
    assert_eq!(row(&w, &Pod::from(&w.pod("a-0")))[3], "0", "the steps are past");
    let w = w.exit("a-0", 1).advance("12s");
    assert_eq!(row(&w, &Pod::from(&w.pod("a-0")))[3], "1 (12s ago)");
}

#[test]
fn out_007_009_010_rows_of_jobs() {
    assert_eq!(headers::<Job>(false), ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]);
    let text = format!("{NEVER}[job]\ncompletions = 3\nparallelism = 2\nbackoff_limit = 0");
    let w = world("rows").unit("j", &text).begin().exit("j-0", 0).advance("70s");
    assert_eq!(job(&w), ["j", "Running", "1/3", "70s", "70s"]);
    let w = w.exit("j-1", 0).exit("j-2", 0).advance("10s");
    assert_eq!(job(&w), ["j", "Complete", "3/3", "70s", "80s"]);
    let w = world("failed").unit("j", &text).begin().exit("j-0", 1).advance("30s");
    assert_eq!(job(&w), ["j", "Failed", "0/3", "30s", "30s"], "the duration of a failed job grows");
}

#[test]
fn out_008_the_first_word_that_holds() {
    let text = format!("{NEVER}[job]\nparallelism = 2\ncompletions = 2\nbackoff_limit = 0");
    let w = world("words").unit("j", &text).stubborn("j-1").begin().exit("j-0", 1);
    assert_eq!(job(&w)[1], "FailureTarget");
    let w = w.exit("j-1", 0);
    assert_eq!(job(&w)[1], "Failed");
    let w = world("suspended").unit("j", &text).begin().command(Command::Suspend("j".into()));
    assert_eq!(job(&w)[1], "Suspended");
    let w = world("in back-off").unit("j", &format!("{NEVER}[job]")).begin().exit("j-0", 1).runs(&[]);
    assert_eq!(job(&w)[1], "Running");
}

#[test]
fn out_009_completions_of_a_work_queue() {
    let w = world("queue").unit("j", &format!("{NEVER}[job]\nparallelism = 4")).begin().exit("j-0", 0);
    assert_eq!(job(&w)[2], "1/1 of 4");
    let w = world("alone").unit("j", &format!("{NEVER}[job]\nparallelism = 1")).begin();
    assert_eq!(job(&w)[2], "0/1");
}

#[test]
fn out_011_rows_of_cronjobs() {
    let columns = ["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST SCHEDULE", "AGE"];
    assert_eq!(headers::<CronJob>(false), columns);
    let text = "exec = ['/x']\n[cron]\nschedule = '*/5 * * * *'";
    let w = world("cron").unit("c", text).begin().advance("10s");
    let cron = |w: &World| row(w, &CronJob::of_unit(&w.unit_view("c")).unwrap());
    assert_eq!(cron(&w), ["c", "*/5 * * * *", "<none>", "False", "0", "<none>", "10s"]);
    let w = w.advance("5m");
    assert_eq!(cron(&w), ["c", "*/5 * * * *", "<none>", "False", "1", "10s", "5m10s"]);
}

#[test]
fn out_012_rows_of_deployments() {
    assert_eq!(headers::<Deployment>(false), ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
    let text = "exec = ['/x']\n[service]\nreplicas = 3\n[readiness]\nnotify = true";
    let w = world("row").unit("a", text).begin().ready("a-0", true).advance("5s");
    assert_eq!(row(&w, &Deployment::of_unit(&w.unit_view("a")).unwrap()), ["a", "1/3", "3", "1", "5s"]);
}

#[test]
fn out_013_ages() {
    let (minute, hour, day) = (60, 3_600, 86_400);
    for (seconds, words) in [
        (119, "119s"),
        (5 * minute + 30, "5m30s"),
        (5 * minute, "5m"),
        (3 * hour - 1, "179m"),
        (8 * hour - 1, "7h59m"),
        (2 * day - 1, "47h"),
        (8 * day - 1, "7d23h"),
        (730 * day - 1, "729d"),
        (-1, "0s"),
        (-2, "<invalid>"),
    ] {
        assert_eq!(age::short(seconds), words, "{seconds}");
    }
}
