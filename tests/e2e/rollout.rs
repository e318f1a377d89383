//! Goal: a changed template comes to the pods of a service within its bounds, can be followed, halted and taken
//! back, and none of that is lost when the manager or supd dies.
//! Method: three sleepers whose probe asks for a file; the test makes the file when the new ones may be ready.

use std::fs;

use super::space::{Space, Supd};

/// A service of three, whose pods are ready once the file is there.
fn web(file: &str, rollout: &str) -> String {
    format!(
        "exec = ['/bin/sleep', 'infinity']\nenv = {{ VERSION = '{file}' }}\n\
         [readiness]\nexec = ['/bin/test', '-e', '@/{file}']\nperiod = '100ms'\n\
         [service]\nreplicas = 3\nrollout = {{ {rollout} }}\n"
    )
}

fn make(supd: &Supd, file: &str) {
    fs::write(supd.path().join(file), "").unwrap();
}

/// Which version each pod was made from, by the environment of its process.
pub(super) fn versions(supd: &Supd) -> Vec<String> {
    let pods = supd.json("get pods");
    let pods = pods["items"].as_array().unwrap().iter();
    let live = pods.filter(|pod| pod["status"]["phase"] == "Running" && pod["status"]["terminating"] != true);
    let mut versions: Vec<String> = live
        .map(|pod| {
            let pid = supd.pid(pod["metadata"]["name"].as_str().unwrap());
            let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
            let version = environment.split('\0').find_map(|variable| variable.strip_prefix("VERSION="));
            version.unwrap().to_owned()
        })
        .collect();
    versions.sort();
    versions
}

#[test]
fn a_template_comes_to_the_pods_and_goes_again() {
    let supd = Space::new().unit("web", &web("one", "")).supd();
    make(&supd, "one");
    supd.wait("web", "ready");
    let done = "deployment \"web\" successfully rolled out\n";
    supd.ctl("rollout status web").ok().stdout_is(done);
    supd.ctl("rollout history web")
        .ok()
        .stdout_is("deployment.apps/web\nREVISION   CHANGE\n1          created\n");
    make(&supd, "two");
    supd.space().write_unit("web", &web("two", ""));
    supd.ctl("apply").ok();
    supd.ctl("rollout status web").ok().stdout_has(done);
    assert_eq!(versions(&supd), ["two", "two", "two"]);
    let history = "deployment.apps/web\nREVISION   CHANGE\n1          created\n2          applied\n";
    supd.ctl("rollout history deployment/web").ok().stdout_is(history);
    supd.kill_role("manager");
    supd.ctl("rollout history deployment web").ok().stdout_is(history);
    supd.ctl("rollout history web --revision 1").ok().stdout_has("VERSION = ").stdout_has("one");
    supd.ctl("rollout history web --revision 7").code(4).stderr_has("`web` has no revision 7");

    supd.ctl("rollout undo web").ok().stdout_is("web: rolled back to revision 1\n");
    supd.ctl("rollout status web").ok().stdout_has(done);
    assert_eq!(versions(&supd), ["one", "one", "one"]);
    assert_eq!(supd.json("get unit web")["status"]["stale"], "Changed");
    let deployment = supd.json("get service web");
    assert_eq!(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    supd.kill_role("manager");
    supd.ctl("restart web").ok();
    assert_eq!(versions(&supd), ["one", "one", "one"]);
    // The file says otherwise, and `apply` does what it says.
    supd.ctl("apply").ok();
    supd.ctl("rollout status web").ok().stdout_has(done);
    assert_eq!(versions(&supd), ["two", "two", "two"]);
    assert!(supd.json("get unit web")["status"]["stale"].is_null());
}

#[test]
fn old_revisions_outlive_supd() {
    let mut supd = Space::new().unit("web", &web("one", "")).supd();
    make(&supd, "one");
    make(&supd, "two");
    supd.wait("web", "ready");
    supd.space().write_unit("web", &web("two", ""));
    supd.ctl("apply").ok();
    supd.ctl("rollout status web").ok();
    supd.kill_keeper();
    supd.start_again();
    supd.ctl("rollout undo web --to-revision=1").ok();
    supd.ctl("rollout status web").ok();
    assert_eq!(versions(&supd), ["one", "one", "one"]);
    supd.kill_keeper();
    supd.start_again();
    supd.wait("web", "ready");
    assert_eq!(versions(&supd), ["one", "one", "one"]);
}

#[test]
fn no_old_pod_goes_before_a_new_one_is_there() {
    let bounds = "max_surge = 1, max_unavailable = 0";
    let supd = Space::new().unit("web", &web("one", bounds)).supd();
    make(&supd, "one");
    supd.wait("web", "ready");
    supd.space().write_unit("web", &web("two", bounds));
    supd.ctl("apply").ok();
    supd.until_pod("web-3", |main| main["state"]["running"].is_object());
    assert_eq!(versions(&supd), ["one", "one", "one", "two"]);
    let waiting =
        "Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been updated...\n";
    supd.ctl("rollout status web --watch=false").ok().stdout_is(waiting);
    supd.ctl("rollout status web --timeout 1ms").code(124).stderr_has("supctl rollout status web");

    supd.ctl("rollout pause web").ok().stdout_is("web: paused\n");
    supd.ctl("rollout restart web").code(1).stderr_has("resume it first: supctl rollout resume web");
    supd.kill_role("manager");
    assert_eq!(supd.json("get service web")["spec"]["paused"], true);
    make(&supd, "two");
    supd.until("services", |web| web["status"]["availableReplicas"] == 4);
    assert_eq!(versions(&supd), ["one", "one", "one", "two"]);
    supd.ctl("rollout resume web").ok().stdout_is("web: resumed\n");
    supd.ctl("rollout status web").ok().stdout_has("successfully rolled out\n");
    assert_eq!(versions(&supd), ["two", "two", "two"]);
    supd.ctl("get events").ok().stdout_has("Scaled up replica set web from 1 to 2, revision 2");
}

#[test]
fn a_rollout_that_makes_no_progress_is_told() {
    let rollout = "progress_deadline = '1s'";
    let supd = Space::new().unit("web", &web("one", rollout)).supd();
    supd.ctl("rollout status web")
        .code(1)
        .stderr_has("error: deployment \"web\" exceeded its progress deadline");
    make(&supd, "one");
    supd.wait("web", "ready");
    supd.ctl("rollout status web").ok();
    let condition = supd.json("get service web")["status"]["conditions"][1].clone();
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&"True".into(), &"NewReplicaSetAvailable".into())
    );
    supd.ctl("rollout undo web").code(1).stderr_has("`web` has no revision before this one");
}
