//! Rows of hand-made objects: Kubernetes' words and columns.

use serde_json::{Value, json};

use super::super::fixture::{self, ago, read};
use super::super::style::Screen;
use super::super::table::Table;
use super::*;
use crate::control::objects::{CronJob, Deployment, Event, HistoryEntry, Job, Pod, Run};

fn table<T: Tabular>(objects: &[T], wide: bool) -> String {
    let look = Look { wide, ..fixture::LOOK };
    let mut table = Table::new(headers::<T>(wide));
    for object in objects {
        table.push(Tone::Plain, cells(object, look));
    }
    table.render(Screen::pipe())
}

fn usage() -> Value {
    json!({"userCpuSeconds": 1.5, "systemCpuSeconds": 0.25, "maxRssBytes": 12 << 20,
        "readBytes": 4096, "writtenBytes": 10 << 20})
}

fn container(name: &str, state: Value) -> Value {
    let started = state.get("running").is_some();
    json!({"name": name, "ready": started, "started": started, "restartCount": 0, "attempt": 0, "state": state,
        "lastState": {}})
}

fn ended(code: u8, reason: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": ago(9), "usage": usage()}})
}

fn waiting(reason: &str) -> Value {
    json!({"waiting": {"reason": reason}})
}

fn running() -> Value {
    json!({"running": {"startedAt": ago(60), "pid": 42}})
}

/// A pod with init steps, main, and what differs.
fn pod(phase: &str, init: &[Value], main: Value, changes: Value) -> Pod {
    let steps: Vec<Value> = init.iter().map(|state| container("step", state.clone())).collect();
    let is_done = |state: &Value| state["terminated"]["reason"] == "Completed";
    let initialized = if init.iter().all(is_done) { "True" } else { "False" };
    let mut status = json!({"phase": phase, "unit": "web", "terminating": false, "outdated": false,
        "conditions": [{"type": "Initialized", "status": initialized, "lastTransitionTime": ago(60)}],
        "initContainerStatuses": steps, "containerStatuses": [container("main", main)]});
    for (key, value) in changes.as_object().into_iter().flatten() {
        status[key] = value.clone();
    }
    read(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "creationTimestamp": ago(120)},
        "spec": {"restartPolicy": "Always", "containers": []}, "status": status}),
    )
}

/// OUT-002 to OUT-005.
#[test]
fn words_of_pods() {
    let none = json!({});
    let done = ended(0, "Completed");
    let table = [
        (pod("Running", &[], running(), none.clone()), "Running"),
        (pod("Pending", &[], waiting("ContainerCreating"), none.clone()), "ContainerCreating"),
        (pod("Running", &[], waiting("CrashLoopBackOff"), none.clone()), "CrashLoopBackOff"),
        (pod("Succeeded", &[], done.clone(), none.clone()), "Completed"),
        (pod("Failed", &[], ended(1, "Error"), none.clone()), "Error"),
        (pod("Failed", &[], ended(137, "OOMKilled"), none.clone()), "OOMKilled"),
        (pod("Failed", &[], ended(128, "StartError"), none.clone()), "StartError"),
        (pod("Failed", &[], ended(3, ""), none.clone()), "ExitCode:3"),
        (pod("Failed", &[], waiting(""), json!({"reason": "DeadlineExceeded"})), "DeadlineExceeded"),
        (pod("Running", &[], running(), json!({"terminating": true})), "Terminating"),
        (pod("Failed", &[], ended(1, "Error"), json!({"terminating": true})), "Error"),
        (pod("Pending", &[running(), waiting("")], waiting("PodInitializing"), none.clone()), "Init:0/2"),
        (pod("Pending", &[done, running()], waiting("PodInitializing"), none.clone()), "Init:1/2"),
        (pod("Pending", &[ended(1, "Error")], waiting("PodInitializing"), none.clone()), "Init:Error"),
        (pod("Pending", &[ended(2, "")], waiting("PodInitializing"), none.clone()), "Init:ExitCode:2"),
        (
            pod("Pending", &[waiting("CrashLoopBackOff")], waiting("PodInitializing"), none),
            "Init:CrashLoopBackOff",
        ),
    ];
    for (pod, expected) in table {
        assert_eq!(super::pod::word(&pod), expected);
    }
}

fn job(name: &str, spec: Value, status: Value) -> Job {
    let mut whole = json!({"active": 0, "ready": 0, "terminating": 0, "succeeded": 0, "failed": 0,
        "conditions": [], "unit": name, "stopped": false, "startTime": ago(125)});
    for (key, value) in status.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    let mut wishes = json!({"parallelism": 1, "completions": 1, "completionMode": "NonIndexed", "backoffLimit": 6,
        "suspend": false, "template": {"metadata": {}, "spec": {"restartPolicy": "Never"}}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        wishes[key] = value.clone();
    }
    read(
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "creationTimestamp": ago(130)},
        "spec": wishes, "status": whole}),
    )
}

fn condition(kind: &str) -> Value {
    json!([{"type": kind, "status": "True", "lastProbeTime": ago(5), "lastTransitionTime": ago(5)}])
}

/// OUT-007 to OUT-010.
#[test]
fn jobs() {
    let jobs = [
        job("import", json!({"completions": 10, "parallelism": 3}), json!({"active": 3, "succeeded": 7})),
        job(
            "done",
            json!({}),
            json!({"succeeded": 1, "completionTime": ago(5), "conditions": condition("Complete")}),
        ),
        job("failed", json!({}), json!({"failed": 7, "conditions": condition("Failed")})),
        job("queue", json!({"completions": null, "parallelism": 4}), json!({"active": 4})),
        job("drain", json!({"completions": null}), json!({})),
        job(
            "held",
            json!({"suspend": true}),
            json!({"startTime": null, "conditions": condition("Suspended")}),
        ),
        job("ending", json!({}), json!({"conditions": condition("FailureTarget")})),
    ];
    insta::assert_snapshot!(table(&jobs, true), @r"
    NAME     STATUS          COMPLETIONS   DURATION   AGE     ACTIVE   FAILED   POLICY
    import   Running         7/10          2m5s       2m10s   3        0        Never
    done     Complete        1/1           2m         2m10s   0        0        Never
    failed   Failed          0/1           2m5s       2m10s   0        7        Never
    queue    Running         0/1 of 4      2m5s       2m10s   4        0        Never
    drain    Running         0/1           2m5s       2m10s   0        0        Never
    held     Suspended       0/1                      2m10s   0        0        Never
    ending   FailureTarget   0/1           2m5s       2m10s   0        0        Never
    ");
}

/// OUT-011 and OUT-012.
#[test]
fn cronjobs_and_services() {
    let backup: CronJob = read(json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "backup", "creationTimestamp": ago(90_000)},
        "spec": {"schedule": "30 2 * * *", "timeZone": "Europe/Berlin", "concurrencyPolicy": "Forbid", "suspend": false},
        "status": {"active": [], "lastScheduleTime": ago(3_700), "unit": "backup", "nextScheduleTime": ago(-60),
            "missed": 2}}));
    let mut never = backup.clone();
    never.metadata.name = "never".to_owned();
    never.spec.time_zone = None;
    never.spec.suspend = true;
    never.status.last_schedule_time = None;
    never.status.next_schedule_time = None;
    insta::assert_snapshot!(table(&[backup, never], true), @r"
    NAME     SCHEDULE     TIMEZONE        SUSPEND   ACTIVE   LAST SCHEDULE   AGE   NEXT       MISSED
    backup   30 2 * * *   Europe/Berlin   False     0        61m             25h   13:27:02   2
    never    30 2 * * *   <none>          True      0        <none>          25h   <none>     2
    ");

    let web: Deployment = read(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "creationTimestamp": ago(60)}, "spec": {"replicas": 3},
        "status": {"replicas": 3, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2,
            "unavailableReplicas": 1, "conditions": [], "unit": "web"}}));
    insta::assert_snapshot!(table(&[web], false), @r"
    NAME   READY   UP-TO-DATE   AVAILABLE   AGE
    web    2/3     1            2           60s
    ");
}

#[test]
fn events_and_runs() {
    let event: Event = read(json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "web-0.1"},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "web-0"}, "type": "Warning",
        "reason": "BackOff", "message": "back-off 10s\n\u{1b}[2J", "count": 1, "firstTimestamp": ago(3),
        "lastTimestamp": ago(3), "reportingComponent": "supd", "sequence": 1, "unit": "web"}));
    insta::assert_snapshot!(table(&[event], false), @r"
    LAST SEEN   TYPE      REASON    OBJECT      MESSAGE
    3s          Warning   BackOff   pod/web-0   back-off 10s\x0a\x1b[2J
    ");
    let run: Run = read(json!({"apiVersion": "supd/v1", "kind": "Run", "metadata": {"name": "web-0.main.0"},
        "status": {"unit": "web", "pod": "web-0", "process": "main", "attempt": 0, "exitCode": 137, "signal": 9,
            "reason": "OOMKilled", "startedAt": ago(200), "finishedAt": ago(10), "durationSeconds": 190.0,
            "usage": usage()}}));
    insta::assert_snapshot!(table(&[run], true), @r"
    POD     PROCESS   ATTEMPT   STARTED     DURATION   EXIT   REASON        CPU   PEAK MEMORY   READ   WRITTEN
    web-0   main      0         3m20s ago   3m10s      137    OOMKilled   1.75s          12Mi    4Ki      10Mi
    ");
}

fn entry(status: Value) -> HistoryEntry {
    let mut whole = json!({"sequence": 1, "time": ago(10), "unit": "backup", "reason": "Completed"});
    for (key, value) in status.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    read(json!({"apiVersion": "supd/v1", "kind": "HistoryEntry", "metadata": {"name": "1"}, "status": whole}))
}

fn run_entry(code: Value, reason: &str, changes: Value) -> HistoryEntry {
    let mut status = json!({"job": "backup-29301", "pod": "backup-29301-1", "process": "main", "attempt": 0,
        "reason": reason, "exitCode": code, "startedAt": ago(200), "finishedAt": ago(10),
        "durationSeconds": 190.0, "usage": usage(), "scheduledTime": ago(201)});
    for (key, value) in changes.as_object().into_iter().flatten() {
        status[key] = value.clone();
    }
    entry(status)
}

fn decision(kind: &str, count: u64, reason: &str) -> HistoryEntry {
    entry(json!({"decision": kind, "count": count, "scheduledTime": ago(60), "reason": reason}))
}

#[test]
fn history() {
    let never = json!({"message": "exec /bin/x: no such file (ENOENT)", "startedAt": null, "durationSeconds": null,
        "attempt": 2});
    let entries = [
        run_entry(json!(0), "Completed", json!({})),
        run_entry(json!(3), "Error", json!({"process": "migrate"})),
        run_entry(json!(137), "Error", json!({"exitSignal": 9})),
        run_entry(json!(139), "Error", json!({"exitSignal": 11, "coreDumped": true})),
        run_entry(json!(137), "OOMKilled", json!({"exitSignal": 9})),
        run_entry(json!(128), "StartError", never),
        run_entry(json!(null), "ContainerStatusUnknown", json!({})),
        decision("missed", 3, "a later time runs instead"),
        decision("forbidden", 1, "job backup-29300 is still active"),
        decision("suspended", 2, "suspended"),
        decision("replaced", 1, "job \u{1b}[2J was ended\nfor the next one"),
    ];
    insta::assert_snapshot!(table(&entries, false), @r"
    TIME              NAME             WHAT                            DURATION     CPU   PEAK MEMORY   REASON
    Nov 23 13:25:52   backup-29301-1   exit 0                          3m10s      1.75s          12Mi   Completed
    Nov 23 13:25:52   backup-29301-1   migrate: exit 3                 3m10s      1.75s          12Mi   Error
    Nov 23 13:25:52   backup-29301-1   signal 9 (KILL)                 3m10s      1.75s          12Mi   Error
    Nov 23 13:25:52   backup-29301-1   signal 11 (SEGV), core dumped   3m10s      1.75s          12Mi   Error
    Nov 23 13:25:52   backup-29301-1   OOMKilled                       3m10s      1.75s          12Mi   OOMKilled
    Nov 23 13:25:52   backup-29301-1   not started                                1.75s          12Mi   exec /bin/x: no such file (ENOENT)
    Nov 23 13:25:52   backup-29301-1   exit status unknown             3m10s      1.75s          12Mi   ContainerStatusUnknown
    Nov 23 13:25:52   backup           missed 3                                                         a later time runs instead
    Nov 23 13:25:52   backup           forbidden                                                        job backup-29300 is still active
    Nov 23 13:25:52   backup           suspended 2                                                      suspended
    Nov 23 13:25:52   backup           replaced                                                         job \x1b[2J was ended\x0afor the next one
    ");
    insta::assert_snapshot!(table(&entries[..1], true), @r"
    TIME              NAME             WHAT     DURATION     CPU   PEAK MEMORY   REASON      READ   WRITTEN    USER   SYSTEM   PROCESS   ATTEMPT   JOB            SLOT
    Nov 23 13:25:52   backup-29301-1   exit 0   3m10s      1.75s          12Mi   Completed    4Ki      10Mi   1.50s    0.25s   main      0         backup-29301   Nov 23 13:22:41
    ");
    let states: Vec<String> = entries.iter().map(Tabular::state).collect();
    assert_eq!((states[1].as_str(), states[7].as_str()), ("Error", "missed"));
}

#[test]
fn sizes() {
    for (bytes, expected) in
        [(0, "0"), (1023, "1023"), (96 << 20, "96Mi"), (3 << 29, "1.5Gi"), (2 << 30, "2Gi")]
    {
        assert_eq!(size(bytes), expected);
    }
}

#[test]
fn endings_and_times() {
    assert_eq!(ending(3, None), "exit 3");
    assert_eq!(ending(137, Some(9)), "signal 9 (KILL)");
    assert_eq!(ending(255, Some(64)), "signal 64");
    let look = fixture::LOOK;
    assert_eq!(look.restarts(12, Some(Time(look.now.0 - 37))), "12 (37s ago)");
    assert_eq!(look.restarts(0, None), "0");
    let night = Time(1_795_487_400);
    assert_eq!(look.clock(night), "02:30");
    assert_eq!(Look { now: Time(night.0 - 86_400), ..look }.clock(night), "Nov 24 02:30");
}
