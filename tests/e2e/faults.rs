//! The catalogue of faults, each test with its number in front: what happens to supd, to its services and on
//! its sockets when something goes wrong. Others of the catalogue are in the files of their subject.

#![allow(unsafe_code)] // Limits of another process and descriptors in messages have no safe wrapper.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::space::{Death, PATIENCE, Space, Supd, parent};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// CPU that a process has used, in ticks of a hundredth of a second.
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Peak memory of a process in KiB.
fn peak_kib(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// What was noticed about an object for this reason, oldest first: how often, and in which place.
fn events(supd: &Supd, name: &str, reason: &str) -> Vec<(u64, u64)> {
    let list = supd.json("get events");
    let events = list["items"].as_array().unwrap().iter();
    let about = events.filter(|event| event["involvedObject"]["name"] == name && event["reason"] == reason);
    about.map(|event| (event["count"].as_u64().unwrap(), event["sequence"].as_u64().unwrap())).collect()
}

/// A unit that runs one of the programs at the end of this file.
pub(super) fn program(name: &str) -> String {
    let this = std::env::current_exe().unwrap();
    format!(
        "exec = ['{}', '--exact', 'faults::programs', '--ignored']\n[env]\nPROGRAM = '{name}'\nPLACE = '@'\n",
        this.display()
    )
}

#[test]
fn f06_deadlines_that_pass_while_the_manager_is_stopped_are_judged_last() {
    let polite = "shell = 'trap \"echo > @/asked; read l < @/gate; exit 7\" TERM; sleep infinity & wait'\n\
                  [stop]\ngrace = '3s'\n";
    let slow =
        format!("{}[readiness]\nnotify = true\n[startup]\ndeadline = '4s'\n", program("ready-at-gate"));
    let crashing = "shell = 'until read l < @/crash; do :; done'\n[backoff]\ninitial = '2s'\nfactor = 1.0\n";
    let supd = Space::new()
        .fifo("gate")
        .fifo("ready")
        .fifo("crash")
        .unit("polite", polite)
        .unit("slow", &slow)
        .unit("crashing", crashing)
        .supd();
    supd.wait("polite", "ready");
    for restarts in 0..2 {
        supd.until_pod("crashing-0", |main| {
            main["restartCount"] == restarts && main["state"]["running"].is_object()
        });
        supd.release("crash");
    }
    supd.until_pod("crashing-0", |main| main["state"]["waiting"]["reason"] == "CrashLoopBackOff");
    let (polite, slow) = (Death::of(supd.pid("polite-0")), Death::of(supd.pid("slow-0")));
    let slow_pid = supd.pid("slow-0");
    supd.ctl("stop polite --no-block").ok();
    supd.wait_file("asked", "");

    let manager = supd.role("manager");
    signal(manager, Signal::SIGSTOP);
    supd.release("gate");
    polite.wait();
    supd.release("ready");
    supd.wait_file("said", "");
    // The grace, the start deadline and the back-off pass.
    assert!(!slow.within(Duration::from_millis(4_500)), "nobody ends it while the manager is stopped");
    signal(manager, Signal::SIGCONT);

    supd.until("units", |unit| unit["metadata"]["name"] == "polite" && unit["status"]["state"] == "Stopped");
    assert_eq!(events(&supd, "polite-0", "Killing").len(), 0);
    let runs = supd.json("get runs");
    let run = runs["items"].as_array().unwrap().iter().find(|run| run["status"]["unit"] == "polite").unwrap();
    assert_eq!(run["status"]["exitCode"], 7, "{run:#}");
    supd.wait("slow", "ready");
    assert_eq!((supd.pid("slow-0"), events(&supd, "slow-0", "Unhealthy").len()), (slow_pid, 0));
    let pod = supd.until_pod("crashing-0", |main| main["state"]["running"].is_object());
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 2, "one restart and no burst");
    assert_eq!(supd.role("manager"), manager);
}

#[test]
fn f10_a_storm_of_signals_ends_in_order() {
    let mut supd = Space::new().unit("a", SLEEPER).supd();
    supd.wait("a", "ready");
    let pod = Death::of(supd.pid("a-0"));
    let keeper = Pid::from_raw(supd.keeper);
    let storm = [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGWINCH];
    for number in 0..1_000 {
        kill(keeper, storm[number % storm.len()]).unwrap();
    }
    supd.ctl("status").ok();
    for number in 0..1_000 {
        kill(keeper, storm[number % storm.len()]).unwrap();
    }
    signal(supd.keeper, Signal::SIGTERM);
    for signal in storm {
        let _ = kill(keeper, signal);
    }
    assert_eq!(supd.wait_end(), 0);
    pod.wait();
    assert_eq!(supd.own_output().matches("asked to end").count(), 1, "{}", supd.own_output());
}

#[test]
fn f12_a_second_supd_is_refused_and_the_first_is_well() {
    let supd = Space::new().unit("a", SLEEPER).supd();
    supd.wait("a", "ready");
    let pid = supd.pid("a-0");
    supd.space().supd_output().code(69).stderr_has(&supd.keeper.to_string());
    assert_eq!(supd.pid("a-0"), pid);
}

#[test]
fn f16_what_ends_before_it_is_known_is_counted() {
    let text = "exec = ['/bin/true']\n[job]\ncompletions = 1000\nparallelism = 16\nkeep_pods = 5\n";
    let supd = Space::new().unit("quick", text).supd();
    supd.wait("quick", "complete");
    let status = &supd.json("get job quick")["status"];
    assert_eq!((&status["succeeded"], &status["failed"]), (&Value::from(1000), &Value::from(0)));
    assert!(!supd.own_output().contains("unknown"), "{}", supd.own_output());
}

#[test]
fn f19_a_daemon_is_not_mistaken_for_its_service() {
    let text = "shell = 'setsid @/fork; exit 3'\n\
                restart_policy = 'Never'\n[logs]\nstdout = 'null'\nstderr = 'null'\n";
    let fork = "#!/bin/sh\nsleep infinity &\necho $! > @/daemon\n";
    let supd = Space::new().script("fork", fork).unit("forking", text).supd();
    assert_eq!(supd.ended("forking-0")["exitCode"], 3, "the end of main is shown");
    let daemon: i32 = supd.wait_file("daemon", "\n").trim().parse().unwrap();
    // It has ended with its pod (see cgroup.rs), or is the keeper's, until supd ends.
    let of = parent(daemon);
    assert!(of.is_none_or(|of| of == supd.keeper), "{of:?}");
    assert_eq!(supd.stop(), 0);
    assert_eq!(parent(daemon), None);
}

#[test]
fn f26_a_stopped_service_ends_in_time() {
    let supd = Space::new().unit("a", &format!("{SLEEPER}[stop]\ngrace = '1h'\n")).supd();
    supd.wait("a", "ready");
    signal(supd.pid("a-0"), Signal::SIGSTOP);
    supd.ctl("stop a").ok();
    let runs = supd.json("get runs");
    assert_eq!(runs["items"][0]["status"]["exitCode"], 143, "{runs:#}");
}

#[test]
fn f30_closed_output_keeps_nobody_busy() {
    let supd = Space::new().unit("mute", "shell = 'exec >&- 2>&-; exec sleep infinity'\n").supd();
    supd.wait("mute", "ready");
    let (logger, keeper, manager) = (supd.role("logger"), supd.keeper, supd.role("manager"));
    let before = [logger, keeper, manager].map(ticks);
    let begun = std::time::Instant::now();
    for _ in 0..50 {
        supd.ctl("status").ok();
    }
    let passed = u64::try_from(begun.elapsed().as_millis() / 10).unwrap();
    let used: Vec<u64> =
        [logger, keeper, manager].map(ticks).iter().zip(before).map(|(a, b)| a - b).collect();
    // Who spins has all of a CPU. The manager has answered meanwhile; the others had nothing to do.
    assert!(used[0] <= 2 && used[1] <= 2 && used[2] <= passed / 2 + 5, "{used:?} of {passed}");
}

#[test]
fn f37_odd_notify_datagrams_are_passed_over() {
    let supd = Space::new()
        .fifo("gate")
        .unit("odd", &format!("{}[readiness]\nnotify = true\n", program("odd-datagrams")))
        .supd();
    supd.wait_file("said", "");
    let manager = supd.role("manager");
    supd.ctl("is-ready odd").code(3);
    // Strangers are not heard.
    let sockets: Vec<_> = fs::read_dir(supd.path().join("run/notify")).unwrap().flatten().collect();
    let stranger = UnixDatagram::unbound().unwrap();
    for socket in &sockets {
        stranger.send_to(b"READY=1", socket.path()).unwrap();
    }
    supd.ctl("is-ready odd").code(3);
    supd.release("gate");
    supd.wait("odd", "ready");
    assert!(descriptors(manager) < 200, "descriptors that came with a datagram are closed");
    assert_eq!(supd.role("manager"), manager);
    supd.ctl("status odd").stdout_has("after all");
}

#[test]
fn f38_ready_and_exit_in_one_millisecond_keep_their_order() {
    let text = format!(
        "{}[readiness]\nnotify = true\n[service]\nreplicas = 20\n",
        program("ready-and-gone").replacen('\n', "\nrestart_policy = 'Never'\n", 1)
    );
    let supd = Space::new().unit("brief", &text).supd();
    supd.wait("brief", "complete");
    for number in 0..20 {
        let pod = format!("brief-{number}");
        let (ready, done) = (events(&supd, &pod, "Ready"), events(&supd, &pod, "Completed"));
        assert_eq!((ready.len(), done.len()), (1, 1), "{pod}");
        assert!(ready[0].1 < done[0].1, "{pod}: {ready:?} {done:?}");
    }
}

#[test]
fn f39_ready_again_and_after_the_stop_changes_nothing() {
    let text = format!("{}[readiness]\nnotify = true\n", program("ready-again"));
    let supd = Space::new().unit("again", &text).supd();
    supd.wait("again", "ready");
    supd.wait_file("said", "");
    supd.ctl("stop again").ok();
    supd.ctl("is-active again").code(3);
    assert_eq!(events(&supd, "again-0", "Ready").iter().map(|(count, _)| count).sum::<u64>(), 1);
    assert_eq!(supd.json("get unit again")["status"]["state"], "Stopped");
}

/// The soft limit of descriptors of another process; the former one.
fn limit_descriptors(pid: i32, soft: u64) -> u64 {
    use nix::libc::{RLIMIT_NOFILE, prlimit, rlimit};
    let mut old = rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: two structures of ours, one of them only read.
    unsafe {
        assert_eq!(prlimit(pid, RLIMIT_NOFILE, std::ptr::null(), &mut old), 0);
        let new = rlimit { rlim_cur: soft.min(old.rlim_max), rlim_max: old.rlim_max };
        assert_eq!(prlimit(pid, RLIMIT_NOFILE, &new, std::ptr::null_mut()), 0);
    }
    old.rlim_cur
}

fn connect(supd: &Supd) -> UnixStream {
    let stream = UnixStream::connect(supd.path().join("run/control.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn f43_a_manager_without_descriptors_recovers() {
    let supd = Space::new().unit("a", SLEEPER).supd();
    supd.wait("a", "ready");
    let (manager, pod) = (supd.role("manager"), supd.pid("a-0"));
    limit_descriptors(manager, descriptors(manager) as u64 + 4);
    let before = ticks(manager);
    let clients: Vec<UnixStream> = (0..40).map(|_| connect(&supd)).collect();
    // For a while there is nothing to be had.
    assert!(!Death::of(manager).within(Duration::from_secs(1)));
    let used = ticks(manager) - before;
    assert!(used < 50, "{used} ticks: it spins");
    drop(clients);
    supd.ctl("status").ok();
    supd.ctl("restart a").ok();
    assert_ne!(supd.pid("a-0"), pod);
    assert_eq!(supd.role("manager"), manager);
}

#[test]
fn f59_a_reader_that_stops_holds_nobody_up() {
    let text =
        "shell = 'read l < @/gate; yes 012345678901234567890123456789012345678 | head -c 8000000'\n[job]\n";
    let supd = Space::new().fifo("gate").unit("loud", text).supd();
    let reader = supd.stream("logs -f loud");
    signal(reader.pid(), Signal::SIGSTOP);
    supd.release("gate");
    supd.wait("loud", "complete");
    for role in ["manager", "logger"] {
        let peak = peak_kib(supd.role(role));
        assert!(peak < 64 * 1024, "{role} has had {peak} KiB");
    }
    signal(reader.pid(), Signal::SIGCONT);
    let lines = supd.ctl("logs loud").ok().stdout.len();
    assert_eq!(lines, 8_000_000);
}

#[test]
fn f76_slow_clients_hold_up_nobody() {
    let supd = Space::new().unit("a", SLEEPER).supd();
    supd.wait("a", "ready");
    let mut slow: Vec<UnixStream> = (0..60).map(|_| connect(&supd)).collect();
    for byte in b"GET /apis/supd/v1/units HTTP/1.1\r\nHos" {
        for stream in &mut slow {
            stream.write_all(&[*byte]).unwrap();
        }
    }
    // Some ask and read nothing of the answer.
    let mut deaf: Vec<UnixStream> = (0..20).map(|_| connect(&supd)).collect();
    for stream in &mut deaf {
        stream.write_all(b"GET /apis/supd/v1/units HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    for _ in 0..10 {
        supd.ctl("status").ok();
    }
    // Who says nothing more is cut off in the end.
    let mut answer = Vec::new();
    let _ = slow[0].read_to_end(&mut answer);
    supd.ctl("status").ok();
}

#[test]
fn f78_garbage_is_refused_while_others_are_served() {
    let supd = Space::new().unit("a", SLEEPER).supd();
    supd.wait("a", "ready");
    let manager = supd.role("manager");
    let post = |length: &str, body: &[u8]| {
        let head =
            format!("POST /apis/supd/v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let nested = "[".repeat(100_000);
    let mut requests = vec![
        post("100000", nested.as_bytes()),
        post("0", b""),
        post("-1", b"{}"),
        post("2147483648", b"{}"),
        post("4294967295", b"{}"),
        post("18446744073709551616", b"{}"),
        b"GET /apis/supd/v1/units?watch=true&watch=%00%ff HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        vec![0; 100_000],
    ];
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    // Good requests with bytes changed, and noise.
    for _ in 0..200 {
        let mut bytes = post("40", br#"{"files":[{"name":"b.toml","text":"x"}]}"#);
        for _ in 0..=random() % 8 {
            let place = random() % bytes.len();
            bytes[place] = random() as u8;
        }
        requests.push(bytes);
        requests.push((0..random() % 2_000).map(|_| random() as u8).collect());
    }
    for (number, bytes) in requests.iter().enumerate() {
        let mut stream = connect(&supd);
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 "),
            "{:?}: {answer}",
            String::from_utf8_lossy(bytes)
        );
        if number % 40 == 0 {
            supd.ctl("status a").ok();
        }
    }
    assert_eq!(supd.role("manager"), manager);
    let peak = peak_kib(manager);
    assert!(peak < 64 * 1024, "the manager has had {peak} KiB");
}

/// Not a test: what the units above run.
#[test]
#[ignore = "programs for other tests"]
fn programs() {
    let Ok(place) = std::env::var("PLACE") else { return };
    let socket = std::env::var("NOTIFY_SOCKET").unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    let say = |bytes: &[u8]| sender.send_to(bytes, &socket);
    let said = || fs::write(format!("{place}/said"), "").unwrap();
    match std::env::var("PROGRAM").unwrap().as_str() {
        "ready-at-gate" => {
            fs::read(format!("{place}/ready")).unwrap();
            say(b"READY=1").unwrap();
            said();
        }
        "ready" => _ = say(b"READY=1").unwrap(),
        "ready-and-gone" => {
            say(b"READY=1").unwrap();
            // SAFETY: ends this process at once.
            unsafe { nix::libc::_exit(0) }
        }
        "ready-again" => {
            let (mut stop, told) = UnixStream::pair().unwrap();
            signal_hook::low_level::pipe::register(nix::libc::SIGTERM, told).unwrap();
            for _ in 0..3 {
                say(b"READY=1").unwrap();
            }
            said();
            stop.read_exact(&mut [0]).unwrap();
            say(b"READY=1\nSTATUS=late").unwrap();
            // SAFETY: ends this process at once.
            unsafe { nix::libc::_exit(0) }
        }
        "odd-datagrams" => {
            say(b"").unwrap();
            say(b"READY").unwrap();
            say(b"READY=1\xff\xfe").unwrap();
            say(b"=\n\n\0=\0").unwrap();
            let long = [b"READY=1\n".as_slice(), &vec![b'x'; 64 * 1024 - 8]].concat();
            say(&long).unwrap();
            for _ in 0..100 {
                send_with_descriptors(&sender, &socket);
            }
            said();
            fs::read(format!("{place}/gate")).unwrap();
            say(b"STATUS=after all\nREADY=1").unwrap();
        }
        other => panic!("there is no program {other}"),
    }
    loop {
        nix::unistd::pause();
    }
}

/// As many as a message can carry.
fn send_with_descriptors(sender: &UnixDatagram, socket: &str) {
    use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
    let fds: Vec<RawFd> = vec![sender.as_raw_fd(); 253];
    let address = UnixAddr::new(socket).unwrap();
    let bytes = [std::io::IoSlice::new(b"FDSTORE=1")];
    sendmsg(
        sender.as_raw_fd(),
        &bytes,
        &[ControlMessage::ScmRights(&fds)],
        MsgFlags::empty(),
        Some(&address),
    )
    .unwrap();
}
