//! Goal: jobs with real processes. Exit codes and signals are shown as they were, failures are counted as
//! Kubernetes counts them, and ten thousand completions are ten thousand, without a trace left in supd.
//! Method: programs that end on cue; counts from the job's status; descriptors and memory from /proc.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use super::space::{PATIENCE, Space, Supd};

const QUICK: &str = "[job.backoff]\ninitial = '50ms'\nmax = '50ms'\n";
const QUICK_IN_PLACE: &str = "[backoff]\ninitial = '50ms'\nmax = '50ms'\n";

fn status(supd: &Supd, job: &str) -> Value {
    supd.json(&format!("get job {job}"))["status"].clone()
}

fn condition(status: &Value, kind: &str) -> Option<String> {
    let conditions = status["conditions"].as_array().unwrap().iter();
    let mut conditions = conditions.filter(|one| one["type"] == kind && one["status"] == "True");
    conditions.next().map(|one| one["reason"].as_str().unwrap().to_owned())
}

/// How many times something was started: a line each in the file `runs`.
fn runs(supd: &Supd) -> usize {
    fs::read_to_string(supd.path().join("runs")).unwrap().lines().count()
}

#[test]
fn never_makes_a_new_pod_for_each_failure() {
    let text = format!("shell = 'echo >> @/runs; exit 42'\n[job]\nbackoff_limit = 3\n{QUICK}");
    let supd = Space::new().unit("work", &text).supd();
    supd.wait("work", "failed");
    let work = status(&supd, "work");
    assert_eq!((&work["failed"], &work["succeeded"]), (&4.into(), &0.into()));
    assert_eq!(condition(&work, "Failed").as_deref(), Some("BackoffLimitExceeded"));
    assert_eq!(work["completionTime"], Value::Null);
    assert_eq!(runs(&supd), 4);
    for pod in ["work-0", "work-1", "work-2", "work-3"] {
        let end = supd.ended(pod);
        assert_eq!((&end["exitCode"], &end["reason"]), (&42.into(), &"Error".into()));
    }
    supd.ctl("get pod work-4").code(4);
    supd.ctl("status work").code(3).stdout_has("BackoffLimitExceeded").stdout_has("exit 42");
}

#[test]
fn on_failure_runs_again_in_the_same_pod() {
    let text = format!(
        "shell = 'echo >> @/runs; [ $SUPD_ATTEMPT -ge 2 ] || exit 5'\nrestart_policy = 'OnFailure'\n\
         {QUICK_IN_PLACE}[job]\nbackoff_limit = 6\n"
    );
    let supd = Space::new().unit("work", &text).supd();
    supd.wait("work", "complete");
    let pod = supd.json("get pod work-0");
    let main = &pod["status"]["containerStatuses"][0];
    assert_eq!((&main["restartCount"], &main["state"]["terminated"]["exitCode"]), (&2.into(), &0.into()));
    assert_eq!(main["lastState"]["terminated"]["exitCode"], 5);
    assert_eq!((&status(&supd, "work")["failed"], runs(&supd)), (&0.into(), 3));
}

#[test]
fn on_failure_gives_up_at_its_limit() {
    let text = format!(
        "shell = 'echo >> @/runs; exit 5'\nrestart_policy = 'OnFailure'\n{QUICK_IN_PLACE}[job]\nbackoff_limit = 2\n"
    );
    let supd = Space::new().unit("work", &text).supd();
    supd.wait("work", "failed");
    assert_eq!(condition(&status(&supd, "work"), "Failed").as_deref(), Some("BackoffLimitExceeded"));
    let runs = runs(&supd);
    assert!((2..=3).contains(&runs), "N+1 starts, the last killed at once: {runs}");
}

#[test]
fn ends_are_shown_as_they_were() {
    let job = |script: &str| format!("shell = '''{script}'''\n[job]\nbackoff_limit = 0\n");
    let supd = Space::new()
        .unit("well", &job("exit 0"))
        .unit("code", &job("exit 255"))
        .unit("term", &job("kill -TERM $$"))
        .unit("kill", &job("kill -KILL $$"))
        .unit("five", "shell = 'exit 5'\nsuccess_exit = [0, 5]\n[job]\n")
        .supd();
    let wanted: [(&str, i64, Option<i64>, &str); 5] = [
        ("well-0", 0, None, "Completed"),
        ("code-0", 255, None, "Error"),
        ("term-0", 143, Some(15), "Error"),
        ("kill-0", 137, Some(9), "Error"),
        ("five-0", 5, None, "Completed"),
    ];
    for (pod, code, signal, reason) in wanted {
        let end = supd.ended(pod);
        assert_eq!(end["exitCode"], code, "{pod}");
        assert_eq!(end["exitSignal"].as_i64(), signal, "{pod}");
        assert_eq!(end["reason"], reason, "{pod}");
    }
    supd.wait("five", "complete");
    supd.ctl("status kill").code(3).stdout_has("signal 9");
    let runs = supd.ctl("get runs").ok().stdout;
    for (pod, ..) in wanted {
        assert!(runs.lines().any(|line| line.starts_with(pod)), "{pod} in {runs}");
    }
}

#[test]
fn a_crash_loop_says_when_it_goes_on() {
    let text = "shell = 'exit 3'\n[backoff]\ninitial = '1h'\nmax = '1h'\n";
    let supd = Space::new().unit("web", text).supd();
    let pod = supd.until_pod("web-0", |main| main["state"]["waiting"]["reason"] == "CrashLoopBackOff");
    let main = &pod["status"]["containerStatuses"][0];
    assert_eq!(main["restartCount"], 1, "the first restart is immediate");
    assert_eq!(main["lastState"]["terminated"]["exitCode"], 3);
    assert!(main["state"]["waiting"]["nextRestartTime"].is_string(), "{main:#}");
    let row = supd.ctl("status").ok().stdout;
    assert!(row.contains("CrashLoopBackOff, next in "), "{row}");
    supd.ctl("status web").code(3).stdout_has("CrashLoopBackOff").stdout_has("exit 3");
    supd.ctl("get pods").ok().stdout_has("CrashLoopBackOff");
    supd.ctl("is-failed web").ok();
}

#[test]
fn a_job_waits_between_failures_and_says_so() {
    let text = "shell = 'exit 3'\n[job]\n[job.backoff]\ninitial = '1h'\nmax = '1h'\n";
    let supd = Space::new().unit("work", text).supd();
    let job = supd.until("jobs", |job| job["status"]["failed"] == 1);
    assert_eq!(job["status"]["active"], 0);
    assert!(job["status"]["nextPodTime"].is_string(), "{job:#}");
    supd.ctl("get pod work-1").code(4);
    supd.ctl("start work --no-block").ok();
    supd.ended("work-1");
}

#[test]
fn a_deadline_ends_it() {
    let text = "exec = ['/bin/sleep', 'infinity']\n[job]\nactive_deadline = '1s'\n";
    let supd = Space::new().unit("work", text).supd();
    supd.wait("work", "failed");
    assert_eq!(condition(&status(&supd, "work"), "Failed").as_deref(), Some("DeadlineExceeded"));
}

#[test]
fn indexes_are_done_each_once() {
    let text = format!(
        "shell = 'echo $JOB_COMPLETION_INDEX $0 >> @/runs; [ $SUPD_POD != work-2-2 ]'\n\
         [job]\ncompletion_mode = 'Indexed'\ncompletions = 4\nparallelism = 1\n{QUICK}"
    );
    let supd = Space::new().unit("work", &text).supd();
    supd.wait("work", "complete");
    let work = status(&supd, "work");
    assert_eq!((&work["completedIndexes"], &work["failed"]), (&"0-3".into(), &1.into()));
    let text = fs::read_to_string(supd.path().join("runs")).unwrap();
    let indexes: String = text.lines().map(|line| &line[..1]).collect();
    assert_eq!(indexes, "01223");
}

/// Descriptors and resident kilobytes of a process.
fn size(pid: i32) -> (usize, u64) {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (fds, line.trim().trim_end_matches(" kB").parse().unwrap())
}

#[test]
fn ten_thousand_completions_leave_no_trace() {
    let job = |count: u32| {
        format!("exec = ['/bin/true']\n[job]\ncompletions = {count}\nparallelism = 8\nkeep_pods = 5\n")
    };
    let supd = Space::new()
        .unit("default", "wants = ['warm']\n")
        .unit("warm", &job(1_000))
        .unit("many", &job(10_000))
        .supd();
    let roles = || [supd.keeper, supd.role("manager")].map(size);
    supd.wait("warm", "complete");
    let before = roles();
    supd.ctl("start many --timeout=90s").ok().stdout_is("many: complete\n");
    let many = status(&supd, "many");
    assert_eq!((&many["succeeded"], &many["failed"]), (&10_000.into(), &0.into()));
    let pods = supd.json("get pods");
    let kept = pods["items"].as_array().unwrap().iter().filter(|pod| pod["status"]["unit"] == "many");
    assert_eq!(kept.count(), 5);
    // What is on its way to the disk is among it, on a busy machine megabytes of it: what stays is measured.
    let end = Instant::now() + PATIENCE;
    loop {
        let after = roles();
        let small = before.iter().zip(&after).all(|((fds, kilobytes), (fds_then, kilobytes_then))| {
            fds_then <= &(fds + 2) && kilobytes_then <= &(kilobytes + 4096)
        });
        if small {
            break;
        }
        assert!(
            Instant::now() < end,
            "descriptors and kB of keeper and manager: {before:?} became {after:?}"
        );
        supd.json("get pods");
    }
}
