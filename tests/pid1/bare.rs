//! Bare places: without what the kernel shows as files (F95), without rights, and with filters of system calls (F97).
//! supd comes up in each of them, `supctl doctor` and supd's log name what is degraded, and what cannot work is
//! refused by name.
#![allow(clippy::disallowed_types)] // A test has children of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::libc;
use serde_json::Value;

use super::filter::{Filter, KILL, REFUSE};
use super::space::{Output, Space, output};

/// Says something to both of its streams, and ends with a code that nothing else ends with.
const ESSENTIAL: &str = "exec = ['/bin/sh', '-c', 'echo hello; echo there >&2; exit 33']\nessential = true\n\
                         [logs]\nstdout = 'inherit'\nstderr = 'inherit'";

const NAMESPACE: [&str; 5] = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"];

/// /proc, /dev and /sys are empty; what comes after runs there.
const NOTHING: &str = "mount -t tmpfs t /proc; mount -t tmpfs t /dev; mount -t tmpfs t /sys; ";

fn bare(script: &str) -> [&str; 8] {
    ["unshare", "--fork", "--pid", "--mount", "--kill-child", "sh", "-c", script]
}

#[track_caller]
fn says_hello(out: &Output) {
    assert_eq!(out.code, 33, "{out:#?}");
    assert!(out.stdout.contains("hello") && out.stderr.contains("there"), "{out:#?}");
}

/// Runs supd to its end under a filter.
fn filtered(space: &Space, filter: Filter) -> Output {
    let mut command = space.command();
    filter.put_on(&mut command);
    output(&mut command)
}

/// What a row of `doctor -o json` says: its status, and what it means.
fn row(report: &Value, name: &str) -> (String, String) {
    let groups = report["groups"].as_array().unwrap();
    let mut rows = groups.iter().flat_map(|group| group["checks"].as_array().unwrap());
    let row = rows.find(|row| row["check"] == name).unwrap_or_else(|| panic!("no row {name} in {report:#}"));
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("means"))
}

fn doctor(command: &mut Command) -> Value {
    let out = output(command);
    serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:#?}"))
}

#[test]
fn nothing_below_proc_dev_and_sys_is_named_in_the_log() {
    let script = format!("{NOTHING} exec \"$@\"");
    let space = Space::new().unit("main", ESSENTIAL);
    let words: Vec<&str> = bare(&script).into_iter().chain(["sh"]).collect();
    let out = space.wrap(&words).supd_output();
    says_hello(&out);
    let log = format!("{}{}", out.stdout, out.stderr);
    assert!(log.contains("runs as PID 1 of a container"), "{out:#?}");
    for missing in ["no /proc here: ", "no /sys here: ", "no /dev/null here: "] {
        assert!(log.contains(missing), "{missing}: {out:#?}");
    }
}

#[test]
fn closed_descriptors_where_there_is_no_null_device() {
    // What a kernel does to its init where the root has no /dev/console.
    let script = format!("{NOTHING} exec \"$@\" 0<&- 1>&- 2>&-");
    let kept = "exec = ['/bin/sh', '-c', 'echo hello; echo there >&2; exit 33']\nessential = true";
    let space = Space::new().unit("main", kept);
    let words: Vec<&str> = bare(&script).into_iter().chain(["sh"]).collect();
    let space = space.wrap(&words);
    let out = space.supd_output();
    assert_eq!((out.code, out.stdout.as_str(), out.stderr.as_str()), (33, "", ""), "{out:#?}");
    // Its pipes took no number of these three: all that was printed is where it belongs.
    let log = log_of(&space.path().join("log"));
    assert!(log.contains("stdout F hello\n") && log.contains("stderr F there\n"), "{log}");
}

#[test]
fn the_init_of_one_command_needs_no_null_device_either() {
    let script = format!("{NOTHING} exec \"$@\" 0<&- 1>&- 2>&-");
    let mut command = Command::new("unshare");
    command.args(&bare(&script)[1..]).args([
        "sh",
        env!("CARGO_BIN_EXE_supd"),
        "--",
        "/bin/sh",
        "-c",
        "exit 7",
    ]);
    assert_eq!(output(&mut command).code, 7);
}

/// All that was printed by the one run.
fn log_of(directory: &Path) -> String {
    let mut found = String::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => found += &fs::read_to_string(entry.path()).unwrap(),
            }
        }
    }
    found
}

#[test]
fn the_doctor_names_what_a_bare_place_lacks() {
    let script = format!("{NOTHING} exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(&bare(&script)[1..]).args(["sh", env!("CARGO_BIN_EXE_supctl"), "doctor", "-o", "json"]);
    command.args(["--socket", "/nonexistent/control.sock"]).env_remove("SUPD_SOCKET");
    let report = doctor(&mut command);
    for name in ["/proc", "/sys", "/dev/null", "version"] {
        assert_eq!(row(&report, name).0, "degraded", "{name}: {report:#}");
    }
    assert_eq!(row(&report, "user ids"), ("none".to_owned(), "not known without /proc".to_owned()));
    assert_eq!(row(&report, "running").0, "none");
    assert_eq!(row(&report, "PID namespace").0, "yes");
    assert!(report["works"].as_bool().unwrap(), "{report:#}");
}

#[test]
fn the_doctor_asks_the_supd_that_runs() {
    let supd = Space::new().wrap(&NAMESPACE).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
    let report = supd.json("doctor");
    let state = supd.path().join("state");
    assert_eq!(row(&report, "state saved"), ("yes".to_owned(), format!("in {}", state.display())));
    // supctl is outside of its PID namespace here.
    let (status, means) = row(&report, "same place");
    assert!(status == "degraded" && means.contains("another place"), "{report:#}");
    let info = supd.json("status")["info"]["status"]["place"].clone();
    assert_eq!((&info["initOf"], &info["user"]), (&"container".into(), &0.into()), "{info:#}");
    supd.ctl("doctor").ok().stdout_has("supd can work here");
}

#[test]
fn a_user_namespace_with_one_id_refuses_other_users_by_name() {
    let other = "exec = ['/bin/true']\nuser = 'nobody'\n[job]\nbackoff_limit = 0";
    let words: Vec<&str> =
        ["unshare", "--user", "--map-root-user"].into_iter().chain(NAMESPACE[1..].iter().copied()).collect();
    let space = Space::new().wrap(&words).unit("main", ESSENTIAL);
    says_hello(&space.supd_output());
    let supd =
        Space::new().wrap(&words).unit("other", other).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
    supd.wait("a", "ready");
    supd.ctl("wait job/other --for=failed --timeout=30s").ok();
    let log = supd.own_output();
    assert!(log.contains("could not be started: user nobody: operation not permitted (EPERM)"), "{log}");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", env!("CARGO_BIN_EXE_supctl"), "doctor", "-o", "json"]);
    let (status, means) = row(&doctor(&mut command), "user ids");
    assert!(status == "degraded" && means.starts_with("one only"), "{means}");
}

#[test]
fn no_new_privileges_is_told() {
    let words: Vec<&str> = NAMESPACE.into_iter().chain(["setpriv", "--no-new-privs"]).collect();
    let supd = Space::new().wrap(&words).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
    supd.wait("a", "ready");
    assert_eq!(supd.json("status")["info"]["status"]["place"]["noNewPrivileges"], true);
}

/// Calls of newer kernels, which old ones and old filters do not know.
const NEWER: [libc::c_long; 7] = [
    libc::SYS_clone3,
    libc::SYS_openat2,
    libc::SYS_close_range,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_execveat,
    libc::SYS_faccessat2,
];

#[test]
fn each_newer_call_may_be_missing() {
    for call in NEWER {
        for errno in [libc::ENOSYS, libc::EPERM] {
            // GNU's library starts no thread then; that of our releases never asks for it.
            if (call, errno) == (libc::SYS_clone3, libc::EPERM) && cfg!(target_env = "gnu") {
                continue;
            }
            let space = Space::new().wrap(&NAMESPACE).unit("main", ESSENTIAL);
            let out = filtered(&space, Filter::new(&[call], REFUSE(errno)));
            assert_eq!(out.code, 33, "call {call}, errno {errno}: {out:#?}");
            says_hello(&out);
        }
    }
}

#[test]
fn all_newer_calls_may_be_missing_at_once() {
    let unit = "exec = ['/bin/sh', '-c', 'sleep 1000 & wait']\n[stop]\ngrace = '30s'";
    let space = Space::new().wrap(&NAMESPACE).unit("main", ESSENTIAL).unit("side", unit);
    says_hello(&filtered(&space, Filter::new(&NEWER, REFUSE(libc::ENOSYS))));
}

#[test]
fn without_a_pid_namespace_too() {
    let space = Space::new().arg("--exit-when-done").unit("main", ESSENTIAL);
    says_hello(&filtered(&space, Filter::new(&NEWER, REFUSE(libc::ENOSYS))));
}

#[test]
fn no_descriptor_leaks_where_they_can_only_be_closed_one_by_one() {
    let script = "exec 9</etc/passwd; exec \"$@\"";
    let unit = "exec = ['/bin/sh', '-c', 'test -e /proc/self/fd/9 && exit 1; exit 33']\nessential = true";
    let words: Vec<&str> = NAMESPACE.into_iter().chain(["sh", "-c", script, "sh"]).collect();
    let space = Space::new().wrap(&words).unit("main", unit);
    let out = filtered(&space, Filter::new(&[libc::SYS_close_range], REFUSE(libc::ENOSYS)));
    assert_eq!(out.code, 33, "{out:#?}");
}

#[test]
fn the_doctor_tells_refused_calls_from_deadly_ones() {
    let ask = |filter: Filter| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_supctl"));
        command.args(["doctor", "-o", "json", "--socket", "/nonexistent/control.sock"]);
        filter.put_on(&mut command);
        let out = output(&mut command);
        (serde_json::from_str::<Value>(&out.stdout).unwrap(), out.code)
    };
    let (report, code) = ask(Filter::new(&NEWER, REFUSE(libc::ENOSYS)));
    for name in ["clone3", "pidfd_open", "pidfd_send_signal", "close_range", "execveat", "waitid(P_PIDFD)"] {
        assert_eq!(row(&report, name).0, "degraded", "{name}: {report:#}");
    }
    assert_eq!((code, row(&report, "CLONE_PARENT").0.as_str()), (0, "yes"), "clone does it: {report:#}");
    assert!(row(&report, "system calls").1.contains("a filter"), "{report:#}");

    let (report, code) = ask(Filter::new(&[libc::SYS_execveat], KILL));
    let deadly = ("no".to_owned(), "whoever calls it is killed by SIGSYS".to_owned());
    assert_eq!((code, row(&report, "execveat")), (1, deadly), "{report:#}");
    assert_eq!(report["works"], false);
}

#[test]
fn what_nothing_can_replace_is_refused_by_name() {
    let space = Space::new().wrap(&NAMESPACE).unit("main", ESSENTIAL);
    let out = filtered(&space, Filter::new(&[libc::SYS_memfd_create], REFUSE(libc::ENOSYS)));
    assert_eq!(out.code, 70, "{out:#?}");
    assert!(out.stderr.contains("memfd_create"), "{out:#?}");
}

#[test]
fn the_name_of_the_manager_is_written_down_by_pid_one_alone() {
    let script = "mount -t tmpfs t /run; export container=lxc; \"$@\"; \
                  echo \"code $? $(cat /run/systemd/container 2>&1)\"";
    let run = |wrap: &[&str], supd: &str| {
        let words: Vec<&str> = wrap.iter().copied().chain(["sh", "-c", script, "sh"]).collect();
        let space = Space::new().arg("--exit-when-done").unit("main", ESSENTIAL);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(supd.split_whitespace()).arg(env!("CARGO_BIN_EXE_supd"));
        for (option, directory) in
            [("--units", "units"), ("--runtime-dir", "run"), ("--state-dir", "state"), ("--log-dir", "log")]
        {
            command.arg(option).arg(space.path().join(directory));
        }
        command.arg("--exit-when-done");
        output(&mut command)
    };
    let unshared = ["unshare", "--mount"];
    let out = run(&unshared, "unshare --fork --pid --mount-proc --kill-child");
    assert!(out.stdout.contains("code 33 lxc"), "{out:#?}");
    assert!(out.stderr.contains("PID 1 of a container (lxc)"), "{out:#?}");
    let out = run(&unshared, "env --");
    assert!(out.stdout.contains("code 33 cat: /run/systemd/container: No such file"), "{out:#?}");
}
