//! Hand-made objects for tests of what people see: the host of the manual's pictures.

use serde_json::{Value, json};

use super::rows::Look;
use crate::control::objects::{Info, Time, Unit};

/// Mon 2026-11-23 13:26:02 UTC.
pub(super) const NOW: Time = Time(1_795_440_362);

/// All columns, in UTC.
pub(super) const LOOK: Look = Look { now: NOW, wide: false, unicode: true, utc: true };

/// RFC 3339 of some seconds ago; of the future where that is negative.
pub(super) fn ago(seconds: i64) -> String {
    Time(NOW.0 - seconds).to_string()
}

const DAY: i64 = 86_400;

/// supd itself.
pub(super) fn info() -> Info {
    read(json!({"apiVersion": "supd/v1", "kind": "Info", "status": {
        "version": "0.3.1", "pid": 1, "pid1": true, "container": false, "hostName": "host7",
        "startedAt": ago(4 * DAY + 3 * 3600), "state": "running", "units": 7, "failedUnits": 1, "pods": 8,
        "unitDirectories": ["/etc/supd/units"], "logDirectory": "/var/log/supd/pods",
        "stateDirectory": "/var/lib/supd", "warnings": []}}))
}

/// A unit, with what differs from a service that runs with one pod.
pub(super) fn unit(name: &str, created: i64, changes: Value) -> Unit {
    let mut status = json!({
        "kind": "service", "state": "Running", "reason": "", "since": ago(created), "waitingFor": [],
        "wantedBy": [], "inProgress": false, "ready": 1, "desired": 1, "restartCount": 0, "pods": [],
        "podCount": 1});
    merge(&mut status, changes);
    read(json!({"apiVersion": "supd/v1", "kind": "Unit",
        "metadata": {"name": name, "uid": format!("uid of {name}"), "creationTimestamp": ago(created)},
        "spec": {"description": "", "path": format!("/etc/supd/units/{name}.toml"), "dropIns": [],
                 "transient": false, "enabled": true, "requires": []},
        "status": status}))
}

/// A pod below its unit.
pub(super) fn unit_pod(name: &str, pid: u32, created: i64, changes: Value) -> Value {
    let mut pod = json!({"name": name, "uid": "0000002a-0000-8000-8000-000000000000", "pid": pid,
        "phase": "Running", "reason": "", "ready": true, "terminating": false, "restartCount": 0,
        "created": ago(created)});
    merge(&mut pod, changes);
    pod
}

/// The seven units of the manual's picture.
pub(super) fn units() -> Vec<Unit> {
    let old = 4 * DAY + 3 * 3600;
    let pods = [
        unit_pod("web-0", 4711, old, json!({})),
        unit_pod("web-1", 4712, old, json!({"restartCount": 1, "lastRestartTime": ago(3 * 3600)})),
        unit_pod("web-2", 4713, old, json!({})),
    ];
    vec![
        unit(
            "backup",
            30 * DAY,
            json!({"kind": "cronjob", "state": "Armed", "desired": null,
            "nextScheduleTime": ago(-13 * 3600 - 238), "podCount": 0}),
        ),
        unit(
            "web",
            old,
            json!({"ready": 3, "desired": 3, "restartCount": 1, "stale": "Changed",
            "lastRestartTime": ago(3 * 3600), "cpuPercent": 11.2, "memoryBytes": 96 << 20, "pods": pods, "podCount": 3}),
        ),
        unit("db", old, json!({"cpuPercent": 2.0, "memoryBytes": 312 << 20})),
        unit(
            "api",
            8,
            json!({"state": "Waiting", "ready": 0, "desired": 2, "podCount": 0,
            "waitingFor": [{"unit": "db", "condition": "ready"}]}),
        ),
        unit(
            "mailer",
            1320,
            json!({"state": "CrashLoopBackOff", "ready": 0, "restartCount": 12,
            "lastRestartTime": ago(37), "nextRestartTime": ago(-37),
            "lastExit": {"pod": "mailer-0", "exitCode": 3, "reason": "Error", "failed": true, "finishedAt": ago(37),
                "usage": {"userCpuSeconds": 0.1, "systemCpuSeconds": 0.0, "maxRssBytes": 1024}}}),
        ),
        unit(
            "import",
            120,
            json!({"kind": "job", "ready": 7, "desired": 10, "active": 3, "failed": 0,
            "cpuPercent": 88.0, "memoryBytes": 240 << 20, "podCount": 3}),
        ),
        unit(
            "migrate",
            old,
            json!({"kind": "job", "state": "Complete", "active": 0, "failed": 0, "podCount": 0}),
        ),
    ]
}

/// An object from JSON.
pub(super) fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the fixture has the shape of the object")
}

fn merge(into: &mut Value, changes: Value) {
    let (Some(into), Value::Object(changes)) = (into.as_object_mut(), changes) else { return };
    into.extend(changes);
}
