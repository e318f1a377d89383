//! F05: a fault of the keeper. It goes on as the same program: what runs does not notice, nothing is lost, nothing
//! is started twice; and at a second fault in a row comes what the operator has chosen.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSTOP, SIGSYS, SIGTERM, SIGUSR2};
use serde_json::Value;

use super::solo::send;
use super::space::{Death, PATIENCE, Space, Supd, children};

const UNSHARE: &[&str] = &["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"];
const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";
/// No two faults are in a row.
const NEVER: (&str, &str) = ("SUPD_FAULT_AGAIN_MS", "0");
/// Ends when the test says so, with a code of its own.
const LATE: &str = "shell = 'read l < @/gate; exit 7'\nrestart_policy = 'Never'\n";
const COUNTING: &str = "shell = 'n=0; while read -r line; do n=$((n+1)); echo line $n; done < @/fifo'\n\
                        [job]\ncompletions = 1\n";

/// What supd says of itself.
fn info(supd: &Supd) -> Value {
    let mut stream = UnixStream::connect(supd.path().join("run/control.sock")).unwrap();
    let request = "GET /apis/supd/v1/info HTTP/1.1\r\nHost: supd\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
    serde_json::from_str(body).unwrap()
}

/// Does something to the keeper that is a fault, and waits until the next program has taken over so far that it
/// has ended the manager of before. Who asks from then on is answered by the next one.
fn faults(supd: &Supd, signal: i32) {
    let manager = Death::of(supd.role("manager"));
    send(supd.keeper, signal);
    manager.wait();
}

/// Waits for supd's end; its code.
#[track_caller]
fn end(supd: &mut Supd) -> i32 {
    assert!(Death::of(supd.keeper).within(PATIENCE), "it does not end:\n{}", supd.own_output());
    supd.wait_end()
}

fn descriptors(supd: &Supd) -> usize {
    // Those of an old manager go when its end is seen.
    let _ = ["manager", "logger", "spawner"].map(|role| supd.role(role));
    fs::read_dir(format!("/proc/{}/fd", supd.keeper)).unwrap().count()
}

/// Waits until the keeper has no more descriptors than it had. What it opens for a moment may be among them, then and
/// now; each fault leaving one would be seen.
#[track_caller]
fn until_no_more_descriptors(supd: &Supd, before: usize) {
    let end = Instant::now() + PATIENCE;
    while descriptors(supd) > before {
        assert!(Instant::now() < end, "{} descriptors, and {before} before", descriptors(supd));
        std::thread::yield_now();
    }
}

fn state(pid: i32) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or_default().trim().to_owned()
}

/// Waits until no child of the keeper is a zombie; nothing tells when it has reaped.
#[track_caller]
fn until_all_are_reaped(supd: &Supd) {
    let end = Instant::now() + PATIENCE;
    while children(supd.keeper).into_iter().any(|pid| state(pid).starts_with('Z')) {
        assert!(Instant::now() < end, "zombies are left");
        std::thread::yield_now();
    }
}

/// The processes of pods, as seen from outside.
fn sleepers(supd: &Supd) -> Vec<i32> {
    let is_ours =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep");
    children(supd.keeper).into_iter().filter(is_ours).collect()
}

#[test]
fn f05_what_runs_goes_on_whatever_the_fault() {
    let supd = Space::new()
        .wrap(UNSHARE)
        .env(NEVER.0, NEVER.1)
        .env("SUPD_KEEPER_FAULT", "panic:usr2@99")
        .fifo("fifo")
        .fifo("gate")
        .unit("web", &format!("{SLEEPER}[service]\nreplicas = 20"))
        .unit("count", COUNTING)
        .unit("late", LATE)
        .supd();
    supd.wait("web", "ready");
    supd.wait("late", "ready");
    let mut fifo = OpenOptions::new().read(true).write(true).open(supd.path().join("fifo")).unwrap();
    fifo.write_all(b"x\n").unwrap();
    supd.stream("logs -f count").until("line 1");
    let pods: Vec<String> =
        (0..20).map(|n| format!("web-{n}")).chain(["count-0".into(), "late-0".into()]).collect();
    let identities =
        || -> Vec<_> { pods.iter().map(|pod| (supd.pid(pod), supd.uid(&format!("pod {pod}")))).collect() };
    let (before, started) = (identities(), info(&supd)["status"]["startedAt"].clone());
    let fds = descriptors(&supd);
    let mut lines = 1;
    let all = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGUSR2];
    for (count, fault) in (1..).zip(all) {
        fifo.write_all(b"x\nx\n").unwrap();
        faults(&supd, fault);
        fifo.write_all(b"x\n").unwrap();
        lines += 3;
        supd.wait("web", "ready");
        let said = info(&supd);
        assert_eq!(said["status"]["keeperFaults"], count, "{said:#}");
        assert_eq!(said["status"]["startedAt"], started, "it is the same supd");
    }
    assert_eq!(identities(), before);
    until_no_more_descriptors(&supd, fds);
    let warning = info(&supd)["status"]["warnings"][0].to_string();
    assert!(warning.contains("went on after a fault, a panic") && warning.contains("7 times"), "{warning}");
    let log = supd.own_output();
    for words in ["after a fault: SIGSEGV", "after a fault: SIGSYS", "a test wants it at usr2"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    // They are our children as before: how they end is learned as ever, once.
    supd.release("gate");
    assert_eq!(supd.ended("late-0")["exitCode"], 7);
    drop(fifo);
    supd.wait("count", "complete");
    assert_eq!(supd.json("get job count")["status"]["succeeded"], 1);
    let output = supd.ctl("logs count").ok();
    let wanted: Vec<String> = (1..=lines).map(|n| format!("line {n}")).collect();
    assert_eq!(output.stdout.lines().collect::<Vec<_>>(), wanted);
    until_all_are_reaped(&supd);
    assert_eq!(supd.stop(), 0);
}

#[test]
fn f05_the_stack_may_be_used_up() {
    let supd =
        Space::new().wrap(UNSHARE).env("SUPD_KEEPER_FAULT", "overflow:usr2").unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let pid = supd.pid("web-0");
    faults(&supd, SIGUSR2);
    assert_eq!((supd.pid("web-0"), supd.ctl("status").code), (pid, 0));
    assert!(supd.own_output().contains("after a fault: SIGSEGV"), "{}", supd.own_output());
}

#[test]
fn f05_sixty_faults_leave_no_trace() {
    let supd = Space::new()
        .wrap(UNSHARE)
        .env(NEVER.0, NEVER.1)
        .unit("web", &format!("{SLEEPER}[service]\nreplicas = 3"))
        .unit("talk", "shell = 'echo hello; exec sleep infinity'")
        .supd();
    supd.wait("web", "ready");
    supd.stream("logs -f talk").until("hello");
    let (pids, fds) = (sleepers(&supd), descriptors(&supd));
    for _ in 0..60 {
        faults(&supd, SIGSEGV);
    }
    supd.wait("web", "ready");
    assert_eq!(info(&supd)["status"]["keeperFaults"], 60);
    assert_eq!(sleepers(&supd), pids);
    until_no_more_descriptors(&supd, fds);
    until_all_are_reaped(&supd);
    supd.ctl("logs talk").ok().stdout_is("hello\n");
    assert_eq!(supd.stop(), 0);
}

#[test]
fn f05_an_end_in_the_middle_of_a_fault_is_told_once() {
    for at in ["ended", "reaped"] {
        let supd = Space::new()
            .wrap(UNSHARE)
            .env("SUPD_KEEPER_FAULT", &format!("panic:{at}"))
            .fifo("gate")
            .unit("import", "shell = 'read l < @/gate; exit 3'\n[job]\nbackoff_limit = 0")
            .unit("web", SLEEPER)
            .supd();
        supd.wait("web", "ready");
        supd.until("pods", |pod| pod["metadata"]["name"] == "import-0" && pod["status"]["pid"].is_u64());
        let manager = Death::of(supd.role("manager"));
        supd.release("gate");
        manager.wait();
        supd.wait("import", "failed");
        assert_eq!(supd.ended("import-0")["exitCode"], 3, "{at}");
        let job = supd.json("get job import");
        assert_eq!(job["status"]["failed"], 1, "{at}: {job:#}");
        assert_eq!(info(&supd)["status"]["keeperFaults"], 1, "{at}");
        until_all_are_reaped(&supd);
    }
}

#[test]
fn f05_what_nobody_has_acknowledged_is_told_again() {
    let supd = Space::new().wrap(UNSHARE).fifo("gate").unit("late", LATE).unit("web", SLEEPER).supd();
    supd.wait("late", "ready");
    supd.wait("web", "ready");
    let late: Vec<i32> = children(supd.keeper).into_iter().filter(|pid| comm(*pid) == "sh").collect();
    let death = Death::of(late[0]);
    let manager = supd.role("manager");
    send(manager, SIGSTOP);
    supd.release("gate");
    death.wait();
    death.until_reaped();
    faults(&supd, SIGSEGV);
    assert_eq!(supd.ended("late-0")["exitCode"], 7);
}

fn comm(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

#[test]
fn f05_a_second_fault_in_a_row_ends_a_container_in_order() {
    let service = "exec = ['/bin/sh', '-c', \"trap 'echo asked >@/asked; exit 0' TERM; echo up; \
                   while :; do sleep 1000 & wait; done\"]\n[readiness]\nlog = '^up$'";
    let mut supd = Space::new().wrap(UNSHARE).unit("web", service).supd();
    supd.wait("web", "ready");
    faults(&supd, SIGSEGV);
    supd.wait("web", "ready");
    send(supd.keeper, SIGABRT);
    assert_eq!(end(&mut supd), 70);
    assert_eq!(fs::read_to_string(supd.path().join("asked")).unwrap(), "asked\n");
    let log = supd.own_output();
    let last = "supd: a second fault of supd within 10 s: SIGABRT; exit code 70";
    assert_eq!(log.lines().last(), Some(last), "{log}");
}

#[test]
fn f05_who_cannot_take_over_after_a_fault_says_why() {
    let mut supd =
        Space::new().wrap(UNSHARE).env("SUPD_KEEPER_FAULT", "panic:resume@9").unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    send(supd.keeper, SIGSEGV);
    assert_eq!(end(&mut supd), 70);
    let log = supd.own_output();
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("a test wants it at resume") && last.ends_with("exit code 70"), "{log}");
}

#[test]
fn f05_a_container_may_stand_still_until_it_is_stopped() {
    let mut supd = Space::new().wrap(UNSHARE).arg("--on-fault=freeze").unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let sleepers = sleepers(&supd);
    faults(&supd, SIGSEGV);
    supd.wait("web", "ready");
    send(supd.keeper, SIGSEGV);
    supd.wait_file("supd.out", "PID 1 stands still");
    assert!(!sleepers.is_empty() && sleepers.iter().all(|pid| state(*pid).starts_with('S')), "they go on");
    send(supd.keeper, SIGTERM);
    assert_eq!(end(&mut supd), 70);
}

#[test]
fn f05_elsewhere_it_goes_on_and_then_leaves_what_runs_alone() {
    let mut supd = Space::new()
        .unit("web", &format!("{SLEEPER}[service]\nreplicas = 2"))
        .unit("talk", "shell = 'echo hello; exec sleep infinity'")
        .supd();
    supd.wait("web", "ready");
    supd.wait("talk", "ready");
    let pods = ["web-0", "web-1", "talk-0"];
    let before = pods.map(|pod| supd.pid(pod));
    faults(&supd, SIGBUS);
    supd.wait("web", "ready");
    assert_eq!(pods.map(|pod| supd.pid(pod)), before);
    let _ = supd.role("logger");
    let deaths = ["manager", "spawner"].map(|role| Death::of(supd.role(role)));
    send(supd.keeper, SIGSEGV);
    assert_eq!(end(&mut supd), 70);
    deaths.iter().for_each(Death::wait);
    assert!(supd.own_output().contains("what runs is left alone"), "{}", supd.own_output());
    supd.start_again();
    supd.wait("web", "ready");
    assert_eq!(pods.map(|pod| supd.pid(pod)), before, "taken over, not started twice");
    assert_eq!(supd.stop(), 0);
}

#[test]
fn f05_a_shutdown_goes_on_after_a_fault() {
    let service = "exec = ['/bin/sh', '-c', \"trap 'echo asked >@/asked; read l < @/gate; exit 0' TERM; echo up; \
                   while :; do sleep 1000 & wait; done\"]\n[readiness]\nlog = '^up$'";
    let mut supd = Space::new()
        .wrap(UNSHARE)
        .arg("--shutdown-timeout=60s")
        .fifo("gate")
        .unit("web", service)
        .unit("first", &format!("{SLEEPER}requires = ['web']"))
        .supd();
    supd.wait("first", "ready");
    send(supd.keeper, SIGTERM);
    supd.wait_file("asked", "asked");
    faults(&supd, SIGSEGV);
    // It ends while the next manager comes, and is not started again.
    supd.release("gate");
    assert_eq!(end(&mut supd), 0);
    assert_eq!(fs::read_to_string(supd.path().join("asked")).unwrap(), "asked\n", "asked once");
}

#[test]
fn f05_a_signal_that_comes_with_a_fault_is_not_lost() {
    let mut supd = Space::new().wrap(UNSHARE).unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    // Both wait when it goes on: the kernel takes the lower number first, and that one is the fault.
    send(supd.keeper, SIGSTOP);
    send(supd.keeper, SIGTERM);
    send(supd.keeper, SIGSEGV);
    send(supd.keeper, nix::libc::SIGCONT);
    assert_eq!(end(&mut supd), 0);
    assert!(supd.own_output().contains("after a fault: SIGSEGV"), "{}", supd.own_output());
}

#[test]
fn f05_a_fault_while_starts_are_under_way_starts_nothing_twice() {
    let supd = Space::new()
        .wrap(UNSHARE)
        .env(NEVER.0, NEVER.1)
        .unit("many", "shell = 'echo $SUPD_RUN >>@/started; echo out; exit 0'\n[job]\ncompletions = 60\nparallelism = 6")
        .unit("web", SLEEPER)
        .supd();
    supd.wait_file("started", "\n");
    for _ in 0..6 {
        faults(&supd, SIGSEGV);
    }
    supd.wait("many", "complete");
    let job = supd.json("get job many");
    assert_eq!(
        (&job["status"]["succeeded"], job["status"]["failed"].as_u64().unwrap_or(0)),
        (&60.into(), 0),
        "{job:#}"
    );
    let started = fs::read_to_string(supd.path().join("started")).unwrap();
    let mut runs: Vec<&str> = started.lines().collect();
    runs.sort_unstable();
    let count = runs.len();
    runs.dedup();
    assert_eq!((runs.len(), count), (60, 60), "each run once");
    until_all_are_reaped(&supd);
}

#[test]
fn f05_a_role_that_is_killed_with_the_keeper_comes_again() {
    let supd = Space::new().wrap(UNSHARE).env(NEVER.0, NEVER.1).unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let pid = supd.pid("web-0");
    for role in ["spawner", "logger", "manager"] {
        let (role, manager) = (supd.role(role), Death::of(supd.role("manager")));
        send(supd.keeper, SIGSTOP);
        send(role, SIGKILL);
        send(supd.keeper, SIGSEGV);
        send(supd.keeper, nix::libc::SIGCONT);
        manager.wait();
        supd.wait("web", "ready");
        assert_eq!(supd.pid("web-0"), pid);
    }
    until_all_are_reaped(&supd);
}
