//! Goal: each unit file that we ship does what its comment says, for root and for an ordinary user.
//! Method: supd runs on a copy of `units/`; for each file one check of what a reader would look for.

use std::fs;

use serde_json::Value;

use super::space::{Space, Supd, output, repository};

/// `flaky` and `flaky-three` draw lots: two unlucky runs in a row may take longer than anything else here.
const LUCK: &str = "--timeout=90s";

fn shipped() -> Space {
    let space = Space::new();
    for entry in fs::read_dir(repository("units")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, space.path().join("units").join(path.file_name().unwrap())).unwrap();
    }
    space
}

#[test]
fn all_are_valid_and_nothing_is_to_be_said() {
    let units = fs::read_dir(repository("units")).unwrap().count();
    let space = Space::new();
    let checked = output(&mut space.supctl_command(&["validate", repository("units").to_str().unwrap()]));
    let checked = checked.ok().stdout_is(&format!("{units} units are valid\n"));
    assert_eq!(checked.stderr, "");
}

/// Programs that this host does not have are told, and no fault.
#[test]
fn units_for_a_debian_host_and_an_initramfs_are_valid() {
    let space = Space::new();
    for units in ["packaging/debian-host", "packaging/initramfs"] {
        let units = repository(units);
        output(&mut space.supctl_command(&["validate", units.to_str().unwrap()])).ok();
    }
}

#[test]
fn each_does_what_it_says_for_root() {
    each_does_what_it_says(&shipped().supd());
}

#[test]
fn each_does_what_it_says_for_an_ordinary_user() {
    let supd = shipped().with_user(65534).supd();
    let status = fs::read_to_string(format!("/proc/{}/status", supd.role("manager"))).unwrap();
    assert!(status.contains("Uid:\t65534\t65534\t65534\t65534"), "{status}");
    each_does_what_it_says(&supd);
    assert_eq!(supd.stop(), 0);
}

fn each_does_what_it_says(supd: &Supd) {
    let restarted = supd.until_pod("always-0", |main| main["restartCount"].as_u64() >= Some(2));
    assert_eq!(restarted["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"], 0);

    let end = supd.ended("once-0");
    assert_eq!((&end["exitCode"], &end["reason"]), (&Value::from(3), &Value::from("Error")));
    let row = row(&supd.ctl("get pods -o wide").ok().stdout, "once-0");
    assert!(row.iter().any(|cell| cell == "Error") && row.iter().any(|cell| cell == "3"), "{row:?}");

    supd.wait("stubborn", "complete");
    let pod = supd.json("get pod stubborn-0");
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 2);
    supd.ctl("logs stubborn --tail 1").ok().stdout_is("run 3: done, and now I stay ended\n");

    supd.wait("three", "complete");
    assert_eq!(supd.json("get job three")["status"]["succeeded"], 3);
    supd.ctl("logs three").ok().stdout_is("working\ndone\nworking\ndone\nworking\ndone\n");

    supd.wait("shards", "complete");
    assert_eq!(supd.json("get job shards")["status"]["completedIndexes"], "0-4");
    supd.ctl("logs shards-3-3").ok().stdout_is("shard 3 of 5\n");

    supd.wait("web", "ready");
    assert_eq!(supd.json("get service web")["status"]["readyReplicas"], 3);
    let ready = condition(&supd.json("get pod store-0"), "Ready")["lastTransitionTime"].clone();
    for pod in ["web-0", "web-1", "web-2"] {
        let begun = supd.json(&format!("get pod {pod}"))["status"]["startTime"].clone();
        assert!(begun.as_str() >= ready.as_str(), "{pod} began at {begun}, the store was ready at {ready}");
    }

    let ticked = supd.until("jobs", |job| {
        job["status"]["unit"] == "tick" && condition(job, "Complete")["status"] == "True"
    });
    let job = ticked["metadata"]["name"].as_str().unwrap();
    supd.ctl(&format!("logs {job}")).ok().stdout_has("it is ");

    supd.ctl("is-active nightly").ok();
    let next = supd.json("get cronjob nightly")["status"]["nextScheduleTime"].clone();
    assert!(next.as_str().is_some_and(|next| next.contains(":30:00")), "{next}");

    for job in ["flaky", "flaky-three"] {
        supd.ctl(&format!("wait {job} --for=complete {LUCK}")).ok();
        let status = supd.json(&format!("get job {job}"))["status"].clone();
        assert_eq!(status["succeeded"], if job == "flaky" { 3 } else { 9 });
    }
    let units = supd.ctl("status").ok();
    assert_eq!(units.stderr, "");
}

/// The cells of a row of a table.
fn row(table: &str, name: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {table}"));
    line.split_whitespace().map(str::to_owned).collect()
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.and_then(|conditions| conditions.iter().find(|one| one["type"] == kind));
    found.unwrap_or(&Value::Null)
}
