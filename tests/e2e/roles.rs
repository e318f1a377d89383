//! The four roles: each run's parent is the keeper, whoever dies; what hangs, hangs alone.

#![allow(unsafe_code)] // Leases have no safe wrapper.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::AsRawFd;

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;

use super::space::{Death, Space, children, parent};

const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

#[test]
fn every_role_says_what_it_is_and_is_a_child_of_the_keeper() {
    let supd = Space::new().unit("a", "exec = ['/bin/sh', '-c', 'echo hello; exec sleep infinity']").supd();
    supd.wait("a", "ready");
    let output = supd.ctl("logs a --tail 1");
    output.ok().stdout_has("hello");
    for role in ["manager", "spawner", "logger"] {
        assert_eq!(parent(supd.role(role)), Some(supd.keeper), "{role}");
    }
    let line = std::fs::read(format!("/proc/{}/cmdline", supd.keeper)).unwrap();
    assert!(line.starts_with(b"supd\0keeper\0"), "{:?}", String::from_utf8_lossy(&line));
    assert_eq!(supd.stop(), 0);
}

#[test]
fn a_killed_manager_is_back_and_no_pod_was_touched() {
    let supd = Space::new()
        .unit("web", &format!("{SLEEPER}[service]\nreplicas = 3"))
        .unit("job", &format!("{SLEEPER}[job]\ncompletions = 2\nparallelism = 2"))
        .supd();
    supd.wait("web", "ready");
    let pods = ["web-0", "web-1", "web-2", "job-0", "job-1"];
    let before: Vec<i32> = pods.iter().map(|pod| supd.pid(pod)).collect();
    for pid in &before {
        assert_eq!(parent(*pid), Some(supd.keeper));
    }
    for _ in 0..3 {
        let old = supd.kill_role("manager");
        let after: Vec<i32> = pods.iter().map(|pod| supd.pid(pod)).collect();
        assert_eq!(before, after);
        assert_ne!(old, supd.role("manager"));
    }
    supd.wait("web", "ready");
    // What is started by the new manager is the keeper's child too.
    supd.ctl("scale web --replicas=4").ok();
    assert_eq!(parent(supd.pid("web-3")), Some(supd.keeper));
    assert_eq!(supd.stop(), 0);
}

#[test]
fn an_exit_while_the_manager_is_stopped_is_not_lost() {
    let supd = Space::new().unit("a", &format!("{SLEEPER}restart_policy = 'Never'")).supd();
    supd.wait("a", "ready");
    let (manager, pid) = (supd.role("manager"), supd.pid("a-0"));
    kill(Pid::from_raw(manager), Signal::SIGSTOP).unwrap();
    let death = Death::of(pid);
    kill(Pid::from_raw(pid), Signal::SIGSEGV).unwrap();
    death.wait();
    kill(Pid::from_raw(manager), Signal::SIGCONT).unwrap();
    supd.wait("a", "failed");
    let exit = supd.json("get pod a-0");
    assert_eq!(exit["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 139);
}

#[test]
fn a_killed_spawner_is_back_and_starts_go_on() {
    let supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let before = supd.pid("web-0");
    supd.kill_role("spawner");
    supd.ctl("scale web --replicas=2").ok();
    assert_eq!(supd.pid("web-0"), before);
    assert_eq!(parent(supd.pid("web-1")), Some(supd.keeper));
}

#[test]
fn a_killed_logger_is_back_and_no_line_is_lost() {
    let text = "exec = ['/bin/sh', '-c', 'n=0; while read -r line && [ $$line != end ]; do n=$$((n+1)); echo line $$n; done < @/fifo']\n\
                restart_policy = 'Never'\n";
    let space = Space::new();
    nix::unistd::mkfifo(&space.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let supd = space.unit("talk", text).supd();
    let mut fifo = OpenOptions::new().read(true).write(true).open(supd.path().join("fifo")).unwrap();
    let mut follow = supd.stream("logs -f talk");
    let mut lines = 0;
    for _ in 0..3 {
        supd.kill_role("logger");
        for _ in 0..50 {
            fifo.write_all(b"x\n").unwrap();
            lines += 1;
        }
        follow.until(&format!("line {lines}"));
    }
    fifo.write_all(b"end\n").unwrap();
    supd.wait("talk", "complete");
    let output = supd.ctl("logs talk").ok();
    let wanted: Vec<String> = (1..=lines).map(|n| format!("line {n}")).collect();
    assert_eq!(output.stdout.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn f28_a_program_that_cannot_be_executed_yet_delays_no_other_start() {
    // SAFETY: ignoring a signal installs no handler. The kernel tells the holder of a lease by SIGIO.
    unsafe { signal(Signal::SIGIO, SigHandler::SigIgn) }.unwrap();
    let space = Space::new()
        .script("program", "#!/bin/sh\nexec sleep infinity\n")
        .unit("hung", "exec = ['@/program']")
        .unit("later", &format!("{SLEEPER}after = ['hung:started']"))
        .unit("many", &format!("{SLEEPER}[service]\nreplicas = 30"))
        .unit("quick", "exec = ['/bin/true']\n[job]\ncompletions = 30\nparallelism = 3");
    let file = OpenOptions::new().read(true).open(space.path().join("program")).unwrap();
    let lease = |command: i32, argument: i32| {
        // SAFETY: fcntl with two integers on a descriptor that is open.
        unsafe { nix::libc::fcntl(file.as_raw_fd(), command, argument) }
    };
    assert_eq!(lease(nix::libc::F_SETLEASE, nix::libc::F_WRLCK), 0);
    let supd = space.supd();
    supd.wait("many", "ready");
    supd.wait("quick", "complete");
    supd.kill_role("manager");
    supd.ctl("scale many --replicas=31").ok();
    assert_ne!(lease(nix::libc::F_GETLEASE, 0), nix::libc::F_UNLCK, "the lease was broken: too slow to tell");
    assert_eq!(supd.ctl("is-active hung").code, 3);
    assert_eq!(supd.ctl("is-active later").code, 3);
    assert_eq!(lease(nix::libc::F_SETLEASE, nix::libc::F_UNLCK), 0);
    supd.wait("hung", "ready");
    supd.wait("later", "ready");
    assert_eq!(parent(supd.pid("hung-0")), Some(supd.keeper));
    assert_eq!(supd.stop(), 0);
}

#[test]
fn orphans_are_reaped_and_are_nobodys_exit() {
    let supd = Space::new()
        .unit(
            "a",
            "exec = ['/bin/sh', '-c', 'for i in 1 2 3 4 5; do (exit 3 &) ; done; exec sleep infinity']",
        )
        .supd();
    supd.wait("a", "ready");
    let pid = supd.pid("a-0");
    supd.ctl("restart a").ok();
    assert_ne!(supd.pid("a-0"), pid);
    // They are reaped a moment after they end; supd has some more to do meanwhile.
    let left = (0..100).map(|_| {
        supd.ctl("status").ok();
        children(supd.keeper).len()
    });
    assert!(left.into_iter().any(|left| left <= 4), "children are left with the keeper");
    let status = supd.json("get pod a-0");
    assert_eq!(status["status"]["containerStatuses"][0]["restartCount"], 0);
}
