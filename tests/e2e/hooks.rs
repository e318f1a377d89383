//! Hooks: what runs right after a start and before a stop, by the rules of `kubernetes-rules.md`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use super::space::{Space, Supd};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

#[track_caller]
fn event(supd: &Supd, reason: &str, words: &str) -> Value {
    supd.until("events", |event| {
        event["reason"] == reason && event["message"].as_str().is_some_and(|message| message.contains(words))
    })
}

#[test]
fn hok_001_a_post_start_runs_beside_its_process_which_has_started_when_it_returns() {
    let text = "shell = 'echo main >> @/order; exec sleep infinity'\nuser = 'nobody'\n[env]\nWHO = 'web'\n\
                [startup]\npost = ['/bin/sh', '-c', 'read line < @/gate; echo $$WHO $$SUPD_PROCESS >> @/order']\n";
    let space = Space::new().fifo("gate").unit("web", text);
    fs::write(space.path().join("order"), "").unwrap();
    for name in ["order", "gate"] {
        std::os::unix::fs::chown(space.path().join(name), Some(65534), None).unwrap();
    }
    let supd = space.supd();
    supd.wait_file("order", "main");
    supd.ctl("is-ready web").code(3);
    supd.release("gate");
    supd.wait("web", "ready");
    supd.wait_file("order", "web main\n");
}

#[test]
fn hok_001_a_failed_post_start_is_a_failed_start() {
    let text = format!(
        "{SLEEPER}restart_policy = 'Never'\n[startup]\npost = ['/bin/sh', '-c', 'echo no luck; exit 3']\n"
    );
    let supd = Space::new().unit("web", &text).supd();
    event(&supd, "FailedPostStartHook", "exec: exit 3: no luck");
    let end = supd.ended("web-0");
    assert_eq!(end["exitCode"], 143, "{end:#}");
}

#[test]
fn hok_002_003_a_pre_stop_ends_before_the_process_is_asked() {
    let text = "shell = \"trap 'echo term >> @/order; exit 0' TERM; echo up > @/up; while :; do sleep 1000 & wait; done\"\n\
                [stop]\npre = ['/bin/sh', '-c', 'read line < @/gate; echo pre $$SUPD_POD >> @/order']\n";
    let supd = Space::new().fifo("gate").unit("web", text).supd();
    supd.wait_file("up", "up");
    let stop = supd.stream("stop web");
    supd.release("gate");
    assert_eq!(stop.end(), 0);
    assert_eq!(fs::read_to_string(supd.path().join("order")).unwrap(), "pre web-0\nterm\n");
}

#[test]
fn hok_002_a_process_that_ends_by_itself_has_no_pre_stop() {
    let text = "shell = 'read line < @/gate; exit 3'\nrestart_policy = 'Never'\n[stop]\npre = ['/bin/touch', '@/stopped']\n";
    let supd = Space::new().fifo("gate").unit("web", text).supd();
    supd.release("gate");
    assert_eq!(supd.ended("web-0")["exitCode"], 3);
    assert!(!supd.path().join("stopped").exists());
}

#[test]
fn hok_004_a_pre_stop_that_takes_longer_than_the_grace_is_ended() {
    let text = format!(
        "{SLEEPER}[stop]\ngrace = '1s'\npre = ['/bin/sh', '-c', 'echo $$$$ > @/hook; exec sleep 1000']\n"
    );
    let supd = Space::new().unit("web", &text).supd();
    supd.wait("web", "ready");
    supd.ctl("stop web --timeout=60s").ok();
    let pid = supd.wait_file("hook", "\n");
    super::space::Death::of(pid.trim().parse().unwrap()).wait();
}

#[test]
fn hok_005_a_failed_pre_stop_is_warned_of_and_the_stop_goes_on() {
    let text = format!("{SLEEPER}[stop]\npre = ['/bin/sh', '-c', 'echo no; exit 9']\n");
    let supd = Space::new().unit("web", &text).supd();
    supd.wait("web", "ready");
    supd.ctl("stop web").ok();
    event(&supd, "FailedPreStopHook", "exec: exit 9: no");
}

#[test]
fn hok_006_a_hook_may_be_a_get_or_a_sleep() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..2 {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = client.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            asked.extend(request.lines().next().map(str::to_owned));
            // Any answer will do.
            client.write_all(b"HTTP/1.1 500 Oops\r\n\r\n").unwrap();
        }
        asked
    });
    let text = format!(
        "{SLEEPER}[startup]\npost = {{ http = {{ port = {port}, path = '/up/${{pod}}' }} }}\n\
         [stop]\npre = {{ http = {{ port = {port}, path = '/down' }} }}\n\
         [[process]]\nexec = ['/bin/sleep', 'infinity']\n[process.startup]\npost = {{ sleep = '1ms' }}\n\
         [process.stop]\npre = {{ sleep = '0s' }}\n"
    );
    let supd = Space::new().unit("web", &text).supd();
    supd.wait("web", "ready");
    supd.ctl("stop web").ok();
    assert_eq!(server.join().unwrap(), ["GET /up/web-0 HTTP/1.1", "GET /down HTTP/1.1"]);
}

#[test]
fn hok_007_a_pre_stop_runs_again_for_a_new_manager_and_the_stop_is_finished() {
    let text = format!(
        "{SLEEPER}[stop]\ngrace = '1h'\npre = ['/bin/sh', '-c', 'echo begun >> @/hook; read line < @/gate; echo done >> @/hook']\n"
    );
    let supd = Space::new().fifo("gate").unit("web", &text).supd();
    supd.wait("web", "ready");
    let _stop = supd.stream("stop web");
    supd.wait_file("hook", "begun");
    supd.kill_role("manager");
    supd.wait_file("hook", "begun\nbegun\n");
    supd.release("gate");
    supd.until("units", |unit| unit["metadata"]["name"] == "web" && unit["status"]["state"] == "Stopped");
    assert_eq!(fs::read_to_string(supd.path().join("hook")).unwrap(), "begun\nbegun\ndone\n");
}
