//! Probes of every kind against real programs, by the rules of `kubernetes-rules.md`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread;

use serde_json::Value;

use super::space::{Space, Supd};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";
/// Often, so that tests are quick; one answer decides.
const OFTEN: &str = "period = '50ms'\nfailure_threshold = 1\n";

/// A web server that answers with what stands in the file `answer`: a code, and where it sends us.
const SERVER: &str = r#"#!/usr/bin/env python3
import http.server, os, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("X-Probe") != os.environ["SUPD_POD"]:
            return self.send_error(400)
        if self.path == "/there":
            return self.send_error(418)
        code, _, where = open("@/answer").read().strip().partition(" ")
        self.send_response(int(code))
        if where:
            self.send_header("Location", where)
        self.end_headers()

    def log_message(self, *words):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

/// Says what stands in the files that it is told of, each time one is written, on its notify socket.
const TELLER: &str = r#"#!/usr/bin/env python3
import os, socket, sys
me = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while True:
    for word in open(sys.argv[1]).read().split():
        me.sendto(word.encode(), os.environ["NOTIFY_SOCKET"])
"#;

/// A port that nobody has now.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits for an event with this reason and these words.
#[track_caller]
fn event(supd: &Supd, reason: &str, words: &str) -> Value {
    supd.until("events", |event| {
        event["reason"] == reason && event["message"].as_str().is_some_and(|message| message.contains(words))
    })
}

/// Waits until main of a pod was restarted so often.
#[track_caller]
fn restarted(supd: &Supd, pod: &str, times: u64) -> Value {
    supd.until_pod(pod, |main| main["restartCount"] == times && main["state"]["running"].is_object())
}

#[track_caller]
fn ready(supd: &Supd, pod: &str, ready: bool) {
    supd.until_pod(pod, |main| main["ready"] == ready && main["state"]["running"].is_object());
}

#[test]
fn prb_013_http_is_judged_by_its_code_and_a_redirect_elsewhere_is_warned_of() {
    let port = port();
    let text = format!(
        "exec = ['@/server', '{port}']\n[readiness]\n{OFTEN}timeout = '10s'\n\
         http = {{ port = {port}, path = '/x', headers = {{ X-Probe = '${{pod}}' }} }}\n"
    );
    let space = Space::new().script("server", SERVER).unit("web", &text);
    fs::write(space.path().join("answer"), "503").unwrap();
    let supd = space.supd();
    event(&supd, "Unhealthy", "Readiness probe failed: GET /x: 503");
    fs::write(supd.path().join("answer"), "204").unwrap();
    ready(&supd, "web-0", true);
    fs::write(supd.path().join("answer"), "302 /there").unwrap();
    ready(&supd, "web-0", false);
    event(&supd, "Unhealthy", "GET /x: 418");
    fs::write(supd.path().join("answer"), "302 http://192.0.2.1/login").unwrap();
    ready(&supd, "web-0", true);
    event(&supd, "ProbeWarning", "Readiness probe warning: GET /x: 302");
}

#[test]
fn prb_013_https_takes_every_certificate() {
    let port = port();
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/data/self-signed.pem");
    let text = format!(
        "exec = ['@/server', '{port}', '{certificate}']\n[readiness]\n{OFTEN}timeout = '10s'\n\
         http = {{ port = {port}, scheme = 'HTTPS', headers = {{ X-Probe = '${{pod}}' }} }}\n"
    );
    let space = Space::new().script("server", SERVER).unit("web", &text);
    fs::write(space.path().join("answer"), "200").unwrap();
    let supd = space.supd();
    ready(&supd, "web-0", true);
    fs::write(supd.path().join("answer"), "500").unwrap();
    ready(&supd, "web-0", false);
}

#[test]
fn prb_014_grpc_is_healthy_when_it_serves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, statuses) = std::sync::mpsc::channel::<u8>();
    thread::spawn(move || {
        let mut status = statuses.recv().unwrap();
        for client in listener.incoming() {
            let mut client = client.unwrap();
            status = statuses.try_recv().unwrap_or(status);
            let _ = client.read(&mut [0; 4096]);
            // Settings, header fields, `HealthCheckResponse`, trailers.
            let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
            let fields = [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
            let data = [0, 0, 7, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 8, status];
            let trailers = [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88];
            let _ = client.write_all(&[&settings[..], &fields, &data, &trailers].concat());
        }
    });
    send.send(2).unwrap();
    let text = format!("{SLEEPER}[readiness]\n{OFTEN}timeout = '10s'\ngrpc = {port}\n");
    let supd = Space::new().unit("web", &text).supd();
    event(&supd, "Unhealthy", "grpc: NOT_SERVING");
    send.send(1).unwrap();
    ready(&supd, "web-0", true);
}

#[test]
fn a_file_that_is_there_and_a_unix_socket_that_accepts() {
    let file = format!("{SLEEPER}[readiness]\n{OFTEN}timeout = '10s'\nfile = '@/${{pod}}.ready'\n");
    let unix = format!("{SLEEPER}user = 'nobody'\n[readiness]\n{OFTEN}timeout = '10s'\nunix = '@/sock'\n");
    let supd = Space::new().unit("file", &file).unit("unix", &unix).supd();
    event(&supd, "Unhealthy", "file-0.ready: No such file");
    event(&supd, "Unhealthy", "sock: No such file");
    fs::write(supd.path().join("file-0.ready"), "").unwrap();
    ready(&supd, "file-0", true);
    fs::remove_file(supd.path().join("file-0.ready")).unwrap();
    ready(&supd, "file-0", false);
    // Looked at as the process's own user.
    let socket = UnixListener::bind(supd.path().join("sock")).unwrap();
    event(&supd, "Unhealthy", "sock: Permission denied");
    drop(socket);
    fs::remove_file(supd.path().join("sock")).unwrap();
    let old = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    let _socket = UnixListener::bind(supd.path().join("sock")).unwrap();
    nix::sys::stat::umask(old);
    ready(&supd, "unix-0", true);
}

#[test]
fn a_line_of_output_that_matches() {
    let text = "shell = 'echo not ready to serve; read line < @/gate; echo ready to serve on 80; exec sleep infinity'\n\
                [readiness]\nlog = '^ready to (serve|work)'\n";
    let supd = Space::new().fifo("gate").unit("web", text).supd();
    supd.until_pod("web-0", |main| main["state"]["running"].is_object());
    supd.ctl("is-ready web").code(3);
    // The one that looks is another manager's then.
    supd.kill_role("manager");
    supd.release("gate");
    ready(&supd, "web-0", true);
    supd.kill_role("manager");
    supd.ctl("is-ready web").ok();
}

#[test]
fn prb_009_startup_holds_the_others_back_until_its_first_success() {
    let text = format!(
        "{SLEEPER}[startup]\n{OFTEN}timeout = '10s'\nfailure_threshold = 100000\nexec = ['/usr/bin/test', '-e', '@/started']\n\
         [readiness]\n{OFTEN}timeout = '10s'\nexec = ['/bin/sh', '-c', 'echo asked >> @/readiness']\n\
         [liveness]\n{OFTEN}timeout = '10s'\nexec = ['/bin/sh', '-c', 'echo asked >> @/liveness']\n"
    )
    .replace("period = '50ms'\nfailure_threshold = 1\ntimeout = '10s'\nfailure", "period = '50ms'\ntimeout = '10s'\nfailure");
    let supd = Space::new().unit("web", &text).supd();
    event(&supd, "Unhealthy", "Startup probe failed: exec: exit 1");
    let pod = supd.until_pod("web-0", |main| main["state"]["running"].is_object());
    assert_eq!(pod["status"]["containerStatuses"][0]["started"], false, "{pod:#}");
    assert!(!supd.path().join("readiness").exists() && !supd.path().join("liveness").exists());
    fs::write(supd.path().join("started"), "").unwrap();
    supd.wait_file("readiness", "asked");
    supd.wait_file("liveness", "asked");
    ready(&supd, "web-0", true);
}

#[test]
fn prb_007_012_015_017_a_failed_liveness_kills_with_its_own_grace_and_restarts() {
    // It does not end when asked, and the pod's own grace is longer than any test.
    let text = format!(
        "shell = \"trap 'echo term >> @/terms' TERM; while :; do sleep 1000 & wait; done\"\n\
         [liveness]\n{OFTEN}timeout = '10s'\ngrace = '1s'\nexec = ['/bin/sh', '-c', 'test ! -e @/sick || {{ rm @/sick; exit 7; }}']\n\
         [stop]\ngrace = '1h'\n"
    );
    let supd = Space::new().unit("web", &text).supd();
    ready(&supd, "web-0", true);
    fs::write(supd.path().join("sick"), "").unwrap();
    event(&supd, "Unhealthy", "Liveness probe failed: exec: exit 7");
    event(&supd, "Killing", "Container main failed liveness probe, will be restarted");
    let pod = restarted(&supd, "web-0", 1);
    supd.wait_file("terms", "term");
    let end = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(end["exitCode"], 137, "{end:#}");
    // And so after the death of a manager.
    supd.kill_role("manager");
    ready(&supd, "web-0", true);
    fs::write(supd.path().join("sick"), "").unwrap();
    supd.until_pod("web-0", |main| {
        main["restartCount"].as_u64() >= Some(1) && main["state"]["waiting"].is_object()
    });
}

#[test]
fn a_watchdog_restarts_who_is_silent_and_who_says_trigger() {
    let watched = "[liveness]\nwatchdog = '1s'\n[backoff]\ninitial = '10ms'\n";
    let silent = format!("shell = 'echo $WATCHDOG_USEC >> @/usec; exec sleep infinity'\n{watched}");
    let teller = "exec = ['@/teller', '@/words']\n[liveness]\nwatchdog = '1h'\n[readiness]\nnotify = true\n";
    let supd = Space::new()
        .script("teller", TELLER)
        .fifo("words")
        .unit("silent", &silent)
        .unit("teller", teller)
        .supd();
    restarted(&supd, "silent-0", 2);
    assert!(supd.wait_file("usec", "1000000").starts_with("1000000\n1000000\n"));
    event(&supd, "Unhealthy", "Liveness probe failed: watchdog: no WATCHDOG=1 within 1s");
    fs::write(supd.path().join("words"), "WATCHDOG=1 READY=1").unwrap();
    ready(&supd, "teller-0", true);
    fs::write(supd.path().join("words"), "WATCHDOG=trigger").unwrap();
    restarted(&supd, "teller-0", 1);
    event(&supd, "Unhealthy", "watchdog: WATCHDOG=trigger");
}

#[test]
fn a_watchdog_is_fed_by_any_process_of_the_run_and_no_stopped_manager_lets_it_bite() {
    let text = "exec = ['@/feeder']\n[liveness]\nwatchdog = '2s'\n";
    let feeder = r#"#!/usr/bin/env python3
import os, socket, time
me = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for turn in range(1 << 30):
    me.sendto(b"WATCHDOG=1", os.environ["NOTIFY_SOCKET"])
    open("@/fed", "a").write("%d\n" % turn)
    time.sleep(int(os.environ["WATCHDOG_USEC"]) / 1e6 / 4)
"#;
    let supd = Space::new().script("feeder", feeder).unit("web", text).supd();
    supd.wait_file("fed", "2\n");
    let manager = supd.role("manager");
    let signal = |signal| nix::sys::signal::kill(nix::unistd::Pid::from_raw(manager), signal).unwrap();
    signal(nix::sys::signal::Signal::SIGSTOP);
    // Longer than the watchdog waits; a socket that nobody reads takes about ten words.
    let fed = fs::read_to_string(supd.path().join("fed")).unwrap().lines().count();
    supd.wait_file("fed", &format!("\n{}\n", fed + 6));
    signal(nix::sys::signal::Signal::SIGCONT);
    supd.wait_file("fed", &format!("\n{}\n", fed + 12));
    let pod = supd.json("get pod web-0");
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "{pod:#}");
}

#[test]
fn each_process_of_a_pod_is_heard_as_itself() {
    let text = "exec = ['@/teller', '@/main']\n[readiness]\nnotify = true\n\
                [[sidecar]]\nname = 'proxy'\nexec = ['@/teller', '@/proxy']\nstartup = { notify = true }\n\
                [[process]]\nname = 'worker'\nexec = ['@/teller', '@/worker']\nreadiness = { notify = true }\n";
    let space = Space::new().script("teller", TELLER).fifo("main").fifo("proxy").fifo("worker");
    let supd = space.unit("web", text).supd();
    let of = |pod: &Value, list: &str, name: &str| {
        let statuses = pod["status"][list].as_array().cloned().unwrap_or_default();
        statuses.into_iter().find(|status| status["name"] == name).unwrap_or_default()
    };
    // SID-001: main waits for the startup probe of the sidecar.
    supd.until("pods", |pod| of(pod, "initContainerStatuses", "proxy")["state"]["running"].is_object());
    supd.until("pods", |pod| of(pod, "containerStatuses", "main")["state"]["waiting"].is_object());
    supd.release_words("proxy", "READY=1");
    supd.until("pods", |pod| of(pod, "containerStatuses", "worker")["state"]["running"].is_object());
    supd.release_words("worker", "READY=1");
    supd.until("pods", |pod| {
        of(pod, "containerStatuses", "worker")["ready"] == true
            && of(pod, "containerStatuses", "main")["ready"] == false
    });
    supd.release_words("main", "READY=1");
    supd.wait("web", "ready");
}

#[test]
fn exec_joins_the_process_it_names() {
    let text = "exec = ['/bin/sleep', 'infinity']\n[env]\nWHO = 'main'\n\
                [[sidecar]]\nname = 'proxy'\nexec = ['/bin/sleep', 'infinity']\nuser = 'nobody'\nenv = { WHO = 'proxy' }\n\
                [sidecar.readiness]\nexec = ['/bin/sh', '-c', 'test $$WHO = proxy && id -un > @/asked']\n";
    let space = Space::new().unit("web", text);
    fs::write(space.path().join("asked"), "").unwrap();
    std::os::unix::fs::chown(space.path().join("asked"), Some(65534), None).unwrap();
    let supd = space.supd();
    supd.wait("web", "ready");
    supd.wait_file("asked", "nobody\n");
    let who = ["--", "sh", "-c", "echo $WHO $SUPD_PROCESS $(id -un)"];
    supd.ctl_args(&[&["exec", "web"][..], &who].concat()).ok().stdout_is("main main root\n");
    supd.ctl_args(&[&["exec", "web-0", "-c", "proxy"][..], &who].concat())
        .ok()
        .stdout_is("proxy proxy nobody\n");
    let none = supd.ctl("exec web -c nobody -- true");
    assert_eq!(none.code, 5, "{none:?}");
    assert!(none.stderr.contains("no process `nobody`, but proxy, main"), "{none:?}");
}

#[test]
fn prb_017_the_log_tells_the_first_failure_and_then_how_many() {
    let unit = format!("{SLEEPER}[readiness]\nexec = ['/bin/test', '-e', '@/well']\nperiod = '20ms'\n");
    let space = Space::new();
    let unit = unit.replace('@', space.path().to_str().unwrap());
    let supd = space.unit("web", &unit).supd();
    supd.until("events", |event| {
        event["reason"] == "Unhealthy" && event["count"].as_u64().is_some_and(|count| count >= 40)
    });
    fs::write(supd.path().join("well"), "").unwrap();
    supd.wait("web", "ready");
    let log = supd.own_output();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("Readiness probe")).collect();
    assert!(lines[0].contains("web-0: Readiness probe failed: "), "{log}");
    assert!(lines[1].contains("web-0: Readiness probe failed 3 times: "), "{log}");
    assert!(lines[2].contains("still fails, 4 times by now"), "{log}");
    // Twice as many each time: 8, 16, 32, and whatever came until it was well.
    assert!((6..20).contains(&lines.len()), "{log}");
}
