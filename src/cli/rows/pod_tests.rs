//! STATUS, READY and RESTARTS of pods, rule by rule (OUT-001 to OUT-006).

use serde_json::{Value, json};

use super::super::super::fixture::{LOOK, ago, read};
use super::*;

fn running() -> Value {
    json!({"running": {"startedAt": ago(60), "pid": 7}})
}

fn waiting(reason: &str) -> Value {
    json!({"waiting": {"reason": reason}})
}

fn ended(code: u8, reason: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": ago(5),
        "usage": {"userCpuSeconds": 0.0, "systemCpuSeconds": 0.0, "maxRssBytes": 0}}})
}

fn signaled(signal: u8) -> Value {
    let mut end = ended(128 + signal, "");
    end["terminated"]["exitSignal"] = signal.into();
    end
}

/// A process: its name, state, readiness, and restarts.
fn process(name: &str, state: Value, ready: bool, restarts: u32) -> Value {
    let started = state.get("running").is_some();
    let last = if restarts > 0 { ended(1, "Error") } else { json!({}) };
    json!({"name": name, "ready": ready, "started": started, "restartCount": restarts, "attempt": restarts,
        "state": state, "lastState": last})
}

/// A pod of steps (a name beginning with `side` is a sidecar) and processes.
fn pod(phase: &str, init: &[Value], main: &[Value], changes: Value) -> Pod {
    let spec = |status: &Value| {
        let name = status["name"].as_str().unwrap();
        let mut container = json!({"name": name, "command": ["x"]});
        if name.starts_with("side") {
            container["restartPolicy"] = "Always".into();
        }
        container
    };
    let passed = |status: &Value| {
        status["state"]["terminated"]["exitCode"] == 0
            || (status["started"] == true && status["name"].as_str().unwrap().starts_with("side"))
    };
    let initialized = init.iter().all(passed);
    let ready = main.iter().all(|status| status["ready"] == true) && !main.is_empty();
    let truth = |truth: bool| if truth { "True" } else { "False" };
    let mut status = json!({"phase": phase, "unit": "web", "terminating": false, "outdated": false,
        "conditions": [
            {"type": "Initialized", "status": truth(initialized), "lastTransitionTime": ago(60)},
            {"type": "Ready", "status": truth(ready), "lastTransitionTime": ago(60)}],
        "initContainerStatuses": init, "containerStatuses": main});
    status.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    read(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "creationTimestamp": ago(60)},
        "spec": {"restartPolicy": "Always", "initContainers": init.iter().map(spec).collect::<Vec<_>>(),
                 "containers": main.iter().map(spec).collect::<Vec<_>>()},
        "status": status}),
    )
}

fn one(phase: &str, state: Value, ready: bool) -> Pod {
    pod(phase, &[], &[process("main", state, ready, 0)], json!({}))
}

#[test]
fn out_002_the_first_listed_process_with_a_reason_wins() {
    let main = |one: Value, other: Value| [process("main", one, false, 0), process("web", other, false, 0)];
    let word_of = |one, other| word(&pod("Running", &[], &main(one, other), json!({})));
    assert_eq!(word_of(waiting("CrashLoopBackOff"), ended(1, "Error")), "CrashLoopBackOff");
    assert_eq!(word_of(running(), ended(137, "OOMKilled")), "OOMKilled");
    assert_eq!(word_of(ended(1, "Error"), waiting("CrashLoopBackOff")), "Error");
    let failed = pod("Failed", &[], &[], json!({"reason": "DeadlineExceeded"}));
    assert_eq!(word(&failed), "DeadlineExceeded");
}

#[test]
fn out_003_words_of_status() {
    let table = [
        (one("Running", running(), true), "Running"),
        (one("Running", running(), false), "Running"),
        (pod("Pending", &[], &[], json!({})), "Pending"),
        (one("Pending", waiting("ContainerCreating"), false), "ContainerCreating"),
        (one("Running", waiting("CrashLoopBackOff"), false), "CrashLoopBackOff"),
        (one("Succeeded", ended(0, "Completed"), false), "Completed"),
        (one("Failed", ended(3, "Error"), false), "Error"),
        (one("Failed", ended(137, "OOMKilled"), false), "OOMKilled"),
        (one("Failed", ended(128, "StartError"), false), "StartError"),
        (one("Failed", ended(3, ""), false), "ExitCode:3"),
        (one("Failed", signaled(9), false), "Signal:9"),
        (
            pod("Running", &[], &[process("main", running(), true, 0)], json!({"terminating": true})),
            "Terminating",
        ),
        (
            pod("Failed", &[], &[process("main", ended(1, "Error"), false, 0)], json!({"terminating": true})),
            "Error",
        ),
    ];
    for (pod, expected) in table {
        assert_eq!(word(&pod), expected);
    }
}

#[test]
fn out_004_completed_beside_a_process_that_runs() {
    let of = |ready: bool| {
        let main = [process("main", ended(0, "Completed"), ready, 0), process("web", running(), true, 0)];
        word(&pod("Running", &[], &main, json!({})))
    };
    assert_eq!(of(true), "Running");
    assert_eq!(of(false), "NotReady");
}

#[test]
fn out_005_progress_of_steps() {
    let main = [process("main", waiting("PodInitializing"), false, 0)];
    let of = |init: &[Value]| word(&pod("Pending", init, &main, json!({})));
    let done = || process("one", ended(0, "Completed"), true, 0);
    let two = |state| process("two", state, false, 0);
    assert_eq!(of(&[done(), two(running())]), "Init:1/2");
    assert_eq!(of(&[done(), two(waiting("PodInitializing"))]), "Init:1/2");
    assert_eq!(of(&[done(), two(ended(1, "Error"))]), "Init:Error");
    assert_eq!(of(&[done(), two(ended(4, ""))]), "Init:ExitCode:4");
    assert_eq!(of(&[done(), two(signaled(15))]), "Init:Signal:15");
    assert_eq!(of(&[done(), two(waiting("CrashLoopBackOff"))]), "Init:CrashLoopBackOff");
    // A sidecar that has started is past, one that has not holds up what comes behind it.
    assert_eq!(of(&[process("side", running(), true, 0), two(running())]), "Init:1/2");
    assert_eq!(
        of(&[process("side", waiting("ContainerCreating"), false, 0), two(running())]),
        "Init:ContainerCreating"
    );
    let begun = [process("side", running(), true, 0), done()];
    assert_eq!(word(&pod("Pending", &begun, &main, json!({}))), "PodInitializing");
}

#[test]
fn out_006_restarts_of_steps_before_and_of_the_application_after() {
    let restarts = |pod: &Pod| LOOK.restarts(pod.restarts(), pod.last_restart());
    let main = [process("main", waiting("PodInitializing"), false, 0)];
    let failing =
        [process("side", running(), true, 1), process("one", waiting("CrashLoopBackOff"), false, 3)];
    assert_eq!(restarts(&pod("Pending", &failing, &main, json!({}))), "4 (5s ago)");
    let main = [process("main", running(), true, 2), process("web", running(), true, 0)];
    let passed = [process("side", running(), true, 1), process("one", ended(0, "Completed"), true, 7)];
    assert_eq!(restarts(&pod("Running", &passed, &main, json!({}))), "3 (5s ago)");
    assert_eq!(restarts(&one("Running", running(), true)), "0");
}

#[test]
fn out_001_sid_006_ready_counts_sidecars_and_no_steps() {
    let passed = [process("side", running(), true, 0), process("one", ended(0, "Completed"), true, 0)];
    let main = [process("main", running(), true, 0), process("web", running(), false, 0)];
    assert_eq!(pod("Running", &passed, &main, json!({})).ready_of(), (2, 3));
    let headers = <Pod as Tabular>::HEADERS;
    assert_eq!(headers.0[..headers.1], ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
}
