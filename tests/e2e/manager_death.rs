//! The manager dies, in every way and at every moment, and nothing is lost.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::faults::program;
use super::space::{Death, Space, Supd};

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Ends a manager that is stopped, so that it does nothing more.
fn kill_stopped(supd: &Supd, manager: i32) {
    let death = Death::of(manager);
    signal(manager, Signal::SIGKILL);
    death.wait();
    assert_ne!(supd.role("manager"), manager);
}

#[test]
fn ready_is_heard_whenever_it_is_said() {
    let notify = format!("{}[readiness]\nnotify = true\n[service]\nreplicas = 20\n", program("ready"));
    let newline = "shell = 'echo >&3; exec sleep infinity'\n[readiness]\nfd = 3\n[service]\nreplicas = 20\n";
    let supd = Space::new().unit("notify", &notify).unit("newline", newline).supd();
    for _ in 0..10 {
        supd.kill_role("manager");
        // One that dies before it was ready would have to wait.
        supd.ctl("status").ok();
    }
    supd.wait("notify", "ready");
    supd.wait("newline", "ready");
    // Each was started once.
    for number in 0..20 {
        for unit in ["notify", "newline"] {
            let pod = supd.json(&format!("get pod {unit}-{number}"));
            assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "{pod:#}");
        }
    }
}

#[test]
fn ready_that_is_said_while_the_manager_is_stopped_and_killed_is_not_lost() {
    let notify = format!("{}[readiness]\nnotify = true\n", program("ready-at-gate"));
    let newline = "shell = 'read l < @/newline; echo >&3; echo > @/newline-said; exec sleep infinity'\n\
                   [readiness]\nfd = 3\n";
    let supd =
        Space::new().fifo("ready").fifo("newline").unit("notify", &notify).unit("newline", newline).supd();
    // Opened for both, so that nobody waits.
    let open = |name: &str| OpenOptions::new().read(true).write(true).open(supd.path().join(name)).unwrap();
    let _fifos = [open("newline")];
    let pids = ["notify-0", "newline-0"].map(|pod| {
        supd.until_pod(pod, |main| main["state"]["running"].is_object());
        supd.pid(pod)
    });
    // A manager that finds them must not take them for ready.
    supd.kill_role("manager");
    for unit in ["notify", "newline"] {
        supd.ctl(&format!("is-ready {unit}")).code(3);
    }
    let manager = supd.role("manager");
    signal(manager, Signal::SIGSTOP);
    supd.release("ready");
    supd.release("newline");
    supd.wait_file("said", "");
    supd.wait_file("newline-said", "");
    kill_stopped(&supd, manager);
    supd.wait("notify", "ready");
    supd.wait("newline", "ready");
    // And the next one knows it still.
    supd.kill_role("manager");
    for unit in ["notify", "newline"] {
        supd.ctl(&format!("is-ready {unit}")).ok();
    }
    assert_eq!(["notify-0", "newline-0"].map(|pod| supd.pid(pod)), pids);
}

/// Runs of a unit that have ended, with their codes.
fn ends(supd: &Supd, unit: &str) -> Vec<i64> {
    let runs = supd.json("get runs");
    let runs = runs["items"].as_array().unwrap().iter().filter(|run| run["status"]["unit"] == unit);
    runs.map(|run| run["status"]["exitCode"].as_i64().unwrap()).collect()
}

fn reason(supd: &Supd, unit: &str) -> String {
    supd.json(&format!("get unit {unit}"))["status"]["reason"].as_str().unwrap_or_default().to_owned()
}

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

#[test]
fn a_unit_that_the_manager_dies_of_twice_is_set_aside_and_the_rest_goes_on() {
    for (how, words) in [("panic", "a test wants it at exit web"), ("segv", "SIGSEGV"), ("abort", "SIGABRT")]
    {
        let supd = Space::new()
            .unit("web", &format!("{SLEEPER}[service]\nreplicas = 2"))
            .unit("other", SLEEPER)
            .env("SUPD_FAULT", &format!("{how}:exit:web@2"))
            .supd();
        supd.wait("web", "ready");
        supd.wait("other", "ready");
        let (left, other) = (supd.pid("web-1"), supd.pid("other-0"));
        signal(supd.pid("web-0"), Signal::SIGKILL);
        let unit = supd
            .until("units", |unit| unit["metadata"]["name"] == "web" && unit["status"]["state"] == "Failed");
        let why = unit["status"]["reason"].as_str().unwrap();
        let begin = "Quarantined: supd's manager died twice of \"exit of web-0\": ";
        assert!(why.starts_with(begin) && why.contains(words), "{why}");
        supd.ctl("status").ok().stdout_has("Quarantined");
        assert!(nix::sys::signal::kill(Pid::from_raw(left), None).is_ok(), "what lives is left alone");
        // It stays so over another death, and others are looked after.
        supd.kill_role("manager");
        assert!(reason(&supd, "web").starts_with(begin));
        assert_eq!(supd.pid("other-0"), other);
        let events = supd.json("get events");
        assert!(events["items"].as_array().unwrap().iter().any(|event| event["reason"] == "Quarantined"));
        supd.ctl("start web").ok();
        supd.wait("web", "ready");
        assert_eq!(supd.pid("web-1"), left);
        assert_eq!(supd.json("get pods")["items"].as_array().unwrap().len(), 3);
        // And it is as any other unit again.
        signal(supd.pid("web-0"), Signal::SIGKILL);
        supd.until_pod("web-0", |main| main["restartCount"] == 1);
    }
}

/// One that takes its time over its end, as a panic does that unwinds: its spawner, which ends as soon as
/// nobody can ask it, is seen to have ended first.
#[test]
fn a_manager_that_has_left_and_lives_dies_of_what_it_had_in_hand() {
    let supd = Space::new()
        .unit("web", SLEEPER)
        .unit("other", SLEEPER)
        .env("SUPD_FAULT", "leave:exit:web@2")
        .env("SUPD_SILENCE_MS", "1000")
        .supd();
    supd.wait("web", "ready");
    supd.wait("other", "ready");
    let other = supd.pid("other-0");
    signal(supd.pid("web-0"), Signal::SIGKILL);
    let unit =
        supd.until("units", |unit| unit["metadata"]["name"] == "web" && unit["status"]["state"] == "Failed");
    let why = "Quarantined: supd's manager died twice of \"exit of web-0\": it was silent for too long";
    assert_eq!(unit["status"]["reason"], why);
    assert_eq!(reason(&supd, "other"), "");
    assert_eq!(supd.pid("other-0"), other);
}

#[test]
fn one_death_of_an_event_is_no_quarantine_and_the_event_is_counted_once() {
    let text = "exec = ['/bin/sh', '-c', 'read l < @/gate; exit 7']\nrestart_policy = 'Never'\n";
    for place in ["exit:once", "commit", "before-ack", "after-ack"] {
        let supd = Space::new()
            .fifo("gate")
            .unit("once", text)
            .env("SUPD_FAULT", &format!("panic:{place}@1"))
            .supd();
        supd.release("gate");
        supd.wait("once", "failed");
        assert!(!reason(&supd, "once").contains("Quarantined"), "{place}");
        assert_eq!(ends(&supd, "once"), [7], "{place}");
    }
}

#[test]
fn a_start_that_kills_the_manager_twice_is_not_ordered_again() {
    let supd =
        Space::new().unit("bad", SLEEPER).unit("good", SLEEPER).env("SUPD_FAULT", "panic:start:bad").supd();
    supd.wait("good", "ready");
    let why = reason(&supd, "bad");
    assert!(why.contains("\"start of bad-0\""), "{why}");
    // Who is asked again may fail again.
    supd.ctl("start bad");
    supd.until("units", |unit| unit["metadata"]["name"] == "bad" && unit["status"]["state"] == "Failed");
    supd.wait("good", "ready");
}

#[test]
fn of_many_events_in_one_turn_only_the_culprit_is_set_aside() {
    let never = format!("{SLEEPER}restart_policy = 'Never'\n");
    let names = ["a", "b", "web", "y", "z"];
    let space = names.iter().fold(Space::new(), |space, name| space.unit(name, &never));
    let supd = space.env("SUPD_FAULT", "panic:exit:web").supd();
    for name in names {
        supd.wait(name, "ready");
    }
    let manager = supd.role("manager");
    let all: Vec<i32> = names.iter().map(|name| supd.pid(&format!("{name}-0"))).collect();
    signal(manager, Signal::SIGSTOP);
    for pid in all {
        let death = Death::of(pid);
        signal(pid, Signal::SIGKILL);
        death.wait();
    }
    signal(manager, Signal::SIGCONT);
    for name in names.iter().filter(|name| **name != "web") {
        supd.wait(name, "failed");
        assert_eq!(ends(&supd, name), [137], "{name}");
        assert_eq!(reason(&supd, name), "", "{name}");
    }
    assert!(reason(&supd, "web").starts_with("Quarantined: "));
    let printed = supd.own_output();
    assert!(printed.contains("deaths so far: 2") && !printed.contains("deaths so far: 3"), "{printed}");
}

#[test]
fn a_wish_that_kills_the_manager_twice_sets_its_unit_aside_until_the_next() {
    let supd = Space::new().unit("web", SLEEPER).env("SUPD_FAULT", "panic:command:web@2").supd();
    supd.wait("web", "ready");
    let pid = supd.pid("web-0");
    for _ in 0..2 {
        // The answer is lost; a wish is told once.
        supd.ctl("restart web").code(69);
    }
    let why = reason(&supd, "web");
    assert!(why.contains("\"a wish about web\""), "{why}");
    supd.ctl("reset-failed web").ok();
    supd.wait("web", "ready");
    assert_eq!(supd.pid("web-0"), pid);
}

#[test]
fn f07_a_manager_that_hangs_is_ended_and_followed() {
    let supd = Space::new()
        .unit("web", &format!("{SLEEPER}[service]\nreplicas = 2"))
        .env("SUPD_FAULT", "hang:exit:web@1")
        .env("SUPD_SILENCE_MS", "500")
        .supd();
    supd.wait("web", "ready");
    let (manager, left) = (Death::of(supd.role("manager")), supd.pid("web-1"));
    signal(supd.pid("web-0"), Signal::SIGKILL);
    manager.wait();
    supd.until_pod("web-0", |main| main["restartCount"] == 1 && main["state"]["running"].is_object());
    assert_eq!(supd.pid("web-1"), left);
    assert!(supd.own_output().contains("silent for 500 ms"), "{}", supd.own_output());
}

#[test]
fn f09_a_manager_that_dies_at_every_start_ends_in_safe_mode() {
    let supd = Space::new().unit("web", SLEEPER).env("SUPD_FAULT", "panic:begin@6").supd_in_safe_mode();
    let why = "safe mode: supd's manager died 5 times in a row before it was ready, the last time of: \
               a test wants it at begin";
    let status = supd.ctl("status").ok();
    assert!(status.stdout.starts_with(why), "{status:?}");
    assert!(status.stdout.contains("supctl daemon-reload"), "{status:?}");
    supd.ctl("get units").code(69).stderr_has(why);
    supd.ctl("reset-failed").code(1).stderr_has("safe mode");
    supd.ctl("stop web").code(69).stderr_has("safe mode");
    // What was started before the deaths lives, and its end waits.
    let sleeper = sleepers(&supd);
    assert_eq!(sleeper.len(), 1, "started once");
    // The next one dies as those before it did, and the one after that is ordinary.
    supd.ctl("daemon-reload").ok();
    supd.wait("web", "ready");
    assert_eq!(supd.pid("web-0"), sleeper[0]);
    assert_eq!(supd.stop(), 0);
}

#[test]
fn supd_ends_in_order_from_safe_mode() {
    for shutdown in [false, true] {
        let mut supd = Space::new().unit("web", SLEEPER).env("SUPD_FAULT", "panic:begin").supd_in_safe_mode();
        let sleeper = Death::of(sleepers(&supd)[0]);
        match shutdown {
            true => _ = supd.ctl("shutdown").ok(),
            false => signal(supd.keeper, Signal::SIGTERM),
        }
        assert_eq!(supd.wait_end(), 0);
        sleeper.wait();
    }
}

/// The services of these tests, whatever supd knows of them.
fn sleepers(supd: &Supd) -> Vec<i32> {
    let is_sleeper = |pid: &i32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
    };
    super::space::children(supd.keeper).into_iter().filter(is_sleeper).collect()
}

/// All pids of main processes, by their pods' names.
fn pids(supd: &Supd) -> BTreeMap<String, i64> {
    let pods = supd.json("get pods");
    let pid = |pod: &Value| {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        Some((name, pod["status"]["pid"].as_i64()?))
    };
    pods["items"].as_array().unwrap().iter().filter_map(pid).collect()
}

#[test]
fn f01_f04_whatever_a_manager_dies_of_no_process_notices() {
    let job = "shell = 'read l < @/gate; echo done >> @/record'\n[job]\ncompletions = 2\nparallelism = 2\n";
    let talk = "shell = 'n=0; while read l; do n=$((n+1)); echo line $n; done < @/talk'\n";
    let space = Space::new().fifo("gate").fifo("talk").unit("job", job).unit("talk", talk);
    let supd = space.unit("web", &format!("{SLEEPER}[service]\nreplicas = 20")).supd();
    let open = |name: &str| OpenOptions::new().read(true).write(true).open(supd.path().join(name)).unwrap();
    let (_gate, mut talk) = (open("gate"), open("talk"));
    supd.wait("web", "ready");
    supd.wait("talk", "ready");
    supd.until("jobs", |job| job["status"]["ready"] == 2);
    let before = pids(&supd);
    assert_eq!(before.len(), 23);
    let mut logs = supd.stream("logs -f talk");
    let mut watch = supd.stream("get units -w --no-headers");
    for (number, how) in [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT, Signal::SIGBUS, Signal::SIGILL]
        .into_iter()
        .enumerate()
    {
        talk.write_all(b"x\n").unwrap();
        let manager = supd.role("manager");
        let death = Death::of(manager);
        // The runtime looks at a SEGV or BUS for a stack that is full, and lets the first one pass that is none.
        signal(manager, how);
        while !death.within(Duration::from_millis(100)) {
            let _ = kill(Pid::from_raw(manager), how);
        }
        talk.write_all(b"x\n").unwrap();
        assert_eq!(pids(&supd), before, "{how}");
        assert_eq!(logs.line().unwrap(), format!("line {}", 2 * number + 1));
        assert_eq!(logs.line().unwrap(), format!("line {}", 2 * number + 2));
        // Who watches sees what comes after.
        supd.ctl(&format!("scale web --replicas={}", 21 + number)).ok();
        watch.until(&format!("{0}/{0}", 21 + number));
        supd.ctl("scale web --replicas=20").ok();
        watch.until("20/20");
    }
    assert!(!supd.ctl("status").stdout.contains("Quarantined"));
    open("gate").write_all(b"go\ngo\n").unwrap();
    supd.wait("job", "complete");
    assert_eq!(std::fs::read_to_string(supd.path().join("record")).unwrap(), "done\ndone\n");
    let status = &supd.json("get job job")["status"];
    assert_eq!((&status["succeeded"], &status["failed"]), (&Value::from(2), &Value::from(0)));
    assert_eq!(supd.stop(), 0);
}

#[test]
fn f15_five_hundred_ends_while_the_manager_is_stopped_are_all_counted() {
    let text = format!("{SLEEPER}restart_policy = 'Never'\n[service]\nreplicas = 500\n");
    for dies in [false, true] {
        let supd = Space::new().unit("many", &text).supd();
        supd.wait("many", "ready");
        let all = pids(&supd);
        assert_eq!(all.len(), 500);
        let manager = supd.role("manager");
        signal(manager, Signal::SIGSTOP);
        let deaths: Vec<Death> = all.values().map(|pid| Death::of(i32::try_from(*pid).unwrap())).collect();
        all.values().for_each(|pid| signal(i32::try_from(*pid).unwrap(), Signal::SIGKILL));
        deaths.iter().for_each(Death::wait);
        match dies {
            true => kill_stopped(&supd, manager),
            false => signal(manager, Signal::SIGCONT),
        }
        supd.wait("many", "failed");
        assert_eq!(ends(&supd, "many"), [137; 500], "the manager dies: {dies}");
    }
}

#[test]
fn no_deadline_passes_for_a_manager_that_was_away() {
    let slow =
        format!("{}[readiness]\nnotify = true\n[startup]\ndeadline = '2s'\n", program("ready-at-gate"));
    let supd = Space::new().fifo("ready").unit("slow", &slow).supd();
    supd.until_pod("slow-0", |main| main["state"]["running"].is_object());
    let (manager, pid) = (supd.role("manager"), supd.pid("slow-0"));
    signal(manager, Signal::SIGSTOP);
    supd.release("ready");
    supd.wait_file("said", "");
    // The deadline passes.
    assert!(!Death::of(pid).within(Duration::from_millis(2_500)));
    kill_stopped(&supd, manager);
    supd.wait("slow", "ready");
    assert_eq!(supd.pid("slow-0"), pid);
}
