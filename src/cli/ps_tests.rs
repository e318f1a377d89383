//! docker's words.

use serde_json::{Value, json};

use super::super::fixture::{LOOK, ago, read};
use super::super::style::Screen;
use super::*;

pub(in crate::cli) fn pod(name: &str, state: Value, ready: bool) -> Pod {
    let truth = if ready { "True" } else { "False" };
    let started = state.get("running").is_some();
    read(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "creationTimestamp": ago(7300)},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "main", "command": ["/usr/bin/web", "--port", "8080"]}]},
        "status": {"phase": "Running", "unit": "web", "terminating": false, "outdated": false,
            "conditions": [{"type": "Initialized", "status": "True", "lastTransitionTime": ago(7300)},
                           {"type": "Ready", "status": truth, "lastTransitionTime": ago(60)}],
            "containerStatuses": [{"name": "main", "ready": ready, "started": started, "restartCount": 2, "attempt": 2,
                "state": state, "lastState": {}}]}}),
    )
}

fn end(code: u8, seconds: i64) -> Value {
    json!({"terminated": {"exitCode": code, "reason": "Error", "finishedAt": ago(seconds),
        "usage": {"userCpuSeconds": 0.0, "systemCpuSeconds": 0.0, "maxRssBytes": 0}}})
}

#[test]
fn as_docker_shows_containers() {
    let mut pods = [
        pod("web-0", json!({"running": {"startedAt": ago(7200), "pid": 7}}), true),
        pod("web-1", json!({"running": {"startedAt": ago(5), "pid": 8}}), false),
        pod("web-2", end(7, 185), false),
        pod("web-3", json!({"waiting": {"reason": "ContainerCreating"}}), false),
        pod("web-4", json!({"running": {"startedAt": ago(5), "pid": 9}}), true),
    ];
    for pod in &mut pods[..2] {
        pod.spec.containers[0].readiness_probe = Some(Box::default());
    }
    insta::assert_snapshot!(table(&pods, LOOK, true).render(Screen::pipe()), @r#"
    NAME    COMMAND                      CREATED       STATUS
    web-0   "/usr/bin/web --port 8080"   2 hours ago   Up 2 hours (healthy)
    web-1   "/usr/bin/web --port 8080"   2 hours ago   Up 5 seconds (starting)
    web-2   "/usr/bin/web --port 8080"   2 hours ago   Exited (7) 3 minutes ago
    web-3   "/usr/bin/web --port 8080"   2 hours ago   Created
    web-4   "/usr/bin/web --port 8080"   2 hours ago   Up 5 seconds
    "#);
    assert_eq!(command(&pods[0], false), "\"/usr/bin/web --port...\"");
}
