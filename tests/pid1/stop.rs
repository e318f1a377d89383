//! `docker stop`, and what else asks a container to end: in order, and in time.
#![allow(clippy::disallowed_types)] // A test has children of its own.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

use super::solo::send;
use super::space::{Space, children};
use super::waiting::{Death, Watch};

const UNSHARE: &[&str] = &["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"];

/// A service that tells in a file that it was asked to end.
fn service(name: &str, more: &str) -> String {
    let script =
        format!("trap 'echo {name} >>@/order; exit 0' TERM; echo up; while :; do sleep 1000 & wait; done");
    format!("exec = ['/bin/sh', '-c', \"{script}\"]\n{more}\n[readiness]\nlog = '^up$'\n")
}

#[test]
fn each_stop_signal_ends_services_against_the_order_of_their_start() {
    for signal in [15, 2, 3, 37] {
        let mut supd = Space::new()
            .wrap(UNSHARE)
            .unit("store", &service("store", ""))
            .unit("shop", &service("shop", "requires = ['store']"))
            .unit("front", &service("front", "requires = ['shop']"))
            .supd();
        supd.wait("front", "ready");
        send(supd.keeper, signal);
        assert_eq!(supd.wait_end(), 0, "signal {signal}");
        let order = fs::read_to_string(supd.path().join("order")).unwrap();
        assert_eq!(order, "front\nshop\nstore\n", "signal {signal}");
    }
}

/// The kernel drops signals to PID 1 that it does not listen to; `docker stop` may come at any moment. Standard error is
/// full here, and supd stands where it has something to tell before it listens.
#[test]
fn a_stop_that_comes_before_there_is_a_keeper_is_not_lost() {
    let space = Space::new();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let filler = vec![b'.'; 1 << 20];
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while writer.write(&filler).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    let run = space.path().join("run-first");
    let watch = Watch::new(space.path());
    let mut unshare = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .args([env!("CARGO_BIN_EXE_supd"), "--state-dir=/proc/none"])
        .arg("--units")
        .arg(space.path().join("units"))
        .arg("--runtime-dir")
        .arg(&run)
        .stderr(writer)
        .spawn()
        .unwrap();
    watch.until(|| run.exists());
    let supd = children(unshare.id() as i32)[0];
    let end = Death::of(supd);
    send(supd, libc::SIGTERM);
    let told = std::thread::spawn(move || {
        let mut told = String::new();
        reader.read_to_string(&mut told).unwrap();
        told
    });
    end.wait();
    let told = told.join().unwrap();
    assert!(told.contains("supd: cannot create /proc/none"), "{}", told.trim_start_matches('.'));
    assert_eq!(unshare.wait().unwrap().code(), Some(0));
}

#[test]
fn what_does_not_listen_is_killed_when_the_time_is_over() {
    let deaf = "exec = ['/bin/sh', '-c', \"trap '' TERM; echo up; while :; do sleep 1000 & wait; done\"]\n\
                [readiness]\nlog = '^up$'\n[stop]\ngrace = '1h'";
    let mut supd = Space::new()
        .wrap(UNSHARE)
        .arg("--shutdown-timeout=1s")
        .unit("deaf", deaf)
        .unit("after", &service("after", "requires = ['deaf']"))
        .supd();
    supd.wait("after", "ready");
    send(supd.keeper, 15);
    assert_eq!(supd.wait_end(), 0);
    assert_eq!(fs::read_to_string(supd.path().join("order")).unwrap(), "after\n");
}

#[test]
fn a_second_request_changes_nothing() {
    let mut supd = Space::new().wrap(UNSHARE).unit("a", &service("a", "")).supd();
    supd.wait("a", "ready");
    send(supd.keeper, 15);
    send(supd.keeper, 2);
    send(supd.keeper, 1);
    assert_eq!(supd.wait_end(), 0);
    assert_eq!(fs::read_to_string(supd.path().join("order")).unwrap(), "a\n");
}

/// F99. What is slow to end takes more than two seconds; meanwhile a schedule comes twice, a restart is due, and
/// everything is asked for that might start something.
#[test]
fn nothing_new_starts_while_all_ends() {
    let slow = "exec = ['/bin/sh', '-c', \"trap 'echo asked >>@/order; read l <@/go; sleep 2.2; \
                echo slow >>@/order; exit 0' TERM; echo up; while :; do sleep 1000 & wait; done\"]\n\
                [readiness]\nlog = '^up$'\n";
    let mut supd = Space::new()
        .wrap(UNSHARE)
        .arg("--shutdown-timeout=60s")
        .fifo("go")
        .unit("slow", slow)
        .unit("tick", "shell = 'echo tick >>@/order'\n[cron]\nschedule = '* * * * * *'\n[job]\n")
        .unit("again", "shell = 'echo again >>@/again; exit 1'\n[backoff]\ninitial = '1s'\nmax = '1s'\n")
        .unit("other", "shell = 'echo other >>@/other'\n[job]\n")
        .supd();
    supd.wait("slow", "ready");
    supd.wait("job/other", "complete");
    let order = || fs::read_to_string(supd.path().join("order")).unwrap_or_default();
    supd.until("pods", |_| order().contains("tick"));
    send(supd.keeper, 15);
    supd.until("pods", |_| order().contains("asked"));
    let before = fs::read_to_string(supd.path().join("again")).unwrap_or_default().len();
    send(supd.keeper, 1);
    for words in ["start other", "restart slow", "scale slow 2", "run -- true"] {
        supd.ctl(words).code(1).stderr_has("supd is ending");
    }
    // The first request stands, and what it ends with.
    supd.ctl("exit 3 --no-block").code(1).stderr_has("the first request stands");
    supd.ctl("poweroff").code(1).stderr_has("not the init of this machine");
    supd.release("go");
    let path = supd.path().to_owned();
    assert_eq!(supd.wait_end(), 0);
    let order = fs::read_to_string(path.join("order")).unwrap();
    let (_, after) = order.split_once("asked\n").unwrap();
    // One that was started just before may still have written.
    assert!(after == "slow\n" || after == "tick\nslow\n", "{order}");
    assert_eq!(fs::read_to_string(path.join("other")).unwrap(), "other\n");
    let again = fs::read_to_string(path.join("again")).unwrap().len();
    assert!(again <= before + "again\n".len(), "{again} after {before}");
}

#[test]
fn a_container_ends_with_the_code_that_it_is_told() {
    for code in [0, 3, 255] {
        let mut supd = Space::new().wrap(UNSHARE).unit("a", &service("a", "")).supd();
        supd.wait("a", "ready");
        supd.ctl(&format!("exit {code} --no-block")).ok();
        assert_eq!(supd.wait_end(), code);
        assert_eq!(fs::read_to_string(supd.path().join("order")).unwrap(), "a\n");
    }
}

/// What only a machine's init listens to leaves a container alone, and so do signals that mean nothing.
#[test]
fn signals_of_a_machine_mean_nothing_here() {
    let mut supd = Space::new().wrap(UNSHARE).unit("a", &service("a", "")).supd();
    supd.wait("a", "ready");
    for signal in [10, 12, 1, 28, 38, 39, 40, 47, 48, 49, 50, 63] {
        send(supd.keeper, signal);
    }
    supd.ctl("is-active a").ok();
    send(supd.keeper, 15);
    assert_eq!(supd.wait_end(), 0);
}

/// F102: reboot(2) in a PID namespace ends it as the parent is told; without the right it is an error like others.
#[test]
fn reboot_at_once_ends_the_namespace_or_says_why_not() {
    let supctl = |words: &[&str], namespace: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--fork", "--pid", "--kill-child"]).args(namespace);
        command.arg(env!("CARGO_BIN_EXE_supctl")).args(words);
        super::space::output(&mut command)
    };
    // 129 is HUP: a restart; 130 is INT: off, or halted.
    for (verb, code) in [("reboot", 129), ("poweroff", 130), ("halt", 130)] {
        supctl(&[verb, "-ff"], &[]).code(code);
        supctl(&[verb, "-ff"], &["setpriv", "--bounding-set", "-sys_boot"])
            .code(4)
            .stderr_has("not permitted");
    }
}
