//! F08, F22: the keeper is killed, and supd is started again in its place. What runs goes on under the new
//! keeper: no second copy, no broken pipe, each end counted once; and nothing is touched that is not ours.

#![allow(unsafe_code)] // Leases have no safe wrapper.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;
use supd::wire::table::file;

use super::space::{Death, Space, Supd};

const LATE: &str = "shell = 'read l < @/gate; exit 7'\nrestart_policy = 'Never'\n";
const SLEEPER: &str = "exec = ['/bin/sleep', 'infinity']\n";

fn end(pid: i32, signal: Signal) {
    let death = Death::of(pid);
    kill(Pid::from_raw(pid), signal).unwrap();
    death.wait();
}

fn restart_count(supd: &Supd, pod: &str) -> i64 {
    let pod = supd.json(&format!("get pod {pod}"));
    pod["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap()
}

#[test]
fn f08_what_runs_goes_on_under_the_next_keeper() {
    let mut supd = Space::new()
        .unit("web", &format!("{SLEEPER}[service]\nreplicas = 3"))
        .unit("import", &format!("{SLEEPER}[job]\ncompletions = 2\nparallelism = 2"))
        .unit("nightly", &format!("{SLEEPER}[cron]\nschedule = '0 0 1 1 *'"))
        .supd();
    supd.wait("web", "ready");
    supd.ctl("create job by-hand --from=cronjob/nightly").ok();
    supd.until("pods", |pod| pod["metadata"]["name"] == "by-hand-0" && pod["status"]["pid"].is_u64());
    let pods = ["web-0", "web-1", "web-2", "import-0", "import-1", "by-hand-0"];
    let before = pods.map(|pod| (supd.pid(pod), supd.uid(&format!("pod {pod}"))));
    for _ in 0..3 {
        supd.kill_keeper();
        supd.start_again();
        supd.wait("web", "ready");
        assert_eq!(pods.map(|pod| (supd.pid(pod), supd.uid(&format!("pod {pod}")))), before);
    }
    assert_eq!(supd.json("get pods")["items"].as_array().unwrap().len(), pods.len(), "no second copy");
    assert!(supd.own_output().contains("6 still run"), "{}", supd.own_output());
    // They are as much ours as any: a new one gets a uid of its own, an old one can be stopped and restarted.
    supd.ctl("scale web --replicas=4").ok();
    supd.wait("web", "ready");
    let uids: std::collections::HashSet<_> =
        ["web-0", "web-1", "web-2", "web-3"].map(|pod| supd.uid(&format!("pod {pod}"))).into();
    assert_eq!(uids.len(), 4);
    supd.ctl("restart web-0").ok();
    supd.wait("web", "ready");
    assert_ne!(supd.pid("web-0"), before[0].0);
    let deaths = before.map(|(pid, _)| Death::of(pid));
    assert_eq!(supd.stop(), 0);
    for death in &deaths {
        death.wait();
    }
}

#[test]
fn f08_what_ended_meanwhile_is_counted_once() {
    let mut supd =
        Space::new().fifo("gate").unit("web", SLEEPER).unit("steady", SLEEPER).unit("late", LATE).supd();
    supd.wait("web", "ready");
    supd.wait("steady", "ready");
    supd.wait("late", "ready");
    let (web, steady) = (supd.pid("web-0"), supd.pid("steady-0"));
    supd.kill_keeper();
    end(web, Signal::SIGKILL);
    supd.start_again();
    supd.wait("web", "ready");
    assert_ne!(supd.pid("web-0"), web);
    assert_eq!((restart_count(&supd, "web-0"), restart_count(&supd, "steady-0")), (1, 0));
    assert_eq!(supd.pid("steady-0"), steady);
    // An adopted run is not the keeper's child; that it has ended, and how, is learned all the same.
    supd.release("gate");
    let exit = supd.ended("late-0");
    assert_eq!(exit["exitCode"], 7, "{exit:#}");
    end(steady, Signal::SIGSEGV);
    let pod =
        supd.until_pod("steady-0", |main| main["restartCount"] == 1 && main["state"]["running"].is_object());
    let last = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(last["exitCode"], 139, "{pod:#}");
}

#[test]
fn f08_an_end_that_nobody_had_acknowledged_is_told_again() {
    let mut supd = Space::new().fifo("gate").unit("late", LATE).unit("other", SLEEPER).supd();
    supd.wait("late", "ready");
    let death = Death::of(supd.pid("late-0"));
    kill(Pid::from_raw(supd.role("manager")), Signal::SIGSTOP).unwrap();
    supd.release("gate");
    death.wait();
    death.until_reaped();
    supd.kill_keeper();
    supd.start_again();
    assert_eq!(supd.ended("late-0")["exitCode"], 7);
}

#[test]
fn f08_the_end_of_a_process_that_nobody_has_waited_for_is_known() {
    // Between supd and the system stands somebody who inherits its orphans, and does not wait for them.
    let this = std::env::current_exe().unwrap();
    let holder = [this.to_str().unwrap(), "--exact", "keeper_death::holder", "--ignored", "--"];
    let mut supd = Space::new()
        .fifo("gate")
        .wrap(&holder)
        .unit("late", LATE)
        .unit("gone", &format!("{SLEEPER}restart_policy = 'Never'"))
        .supd();
    supd.wait("late", "ready");
    supd.wait("gone", "ready");
    let deaths = ["late-0", "gone-0"].map(|pod| Death::of(supd.pid(pod)));
    let gone = supd.pid("gone-0");
    supd.kill_keeper();
    supd.release("gate");
    kill(Pid::from_raw(gone), Signal::SIGTERM).unwrap();
    for death in &deaths {
        death.wait();
    }
    supd.start_again();
    assert_eq!(supd.ended("late-0")["exitCode"], 7);
    assert_eq!(supd.ended("gone-0")["exitCode"], 143);
}

/// Not a test: a process that runs supd (the words behind `--`), inherits its orphans and waits for none.
#[test]
#[ignore = "a program for a test"]
fn holder() {
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let mut words = std::env::args().skip_while(|word| word != "--").skip(1);
    let mut supd = Command::new(words.next().unwrap()).args(words).spawn().unwrap();
    let died_of = std::os::unix::process::ExitStatusExt::signal(&supd.wait().unwrap());
    if died_of.is_some() {
        nix::unistd::pause();
    }
}

#[test]
fn f08_a_start_that_hangs_is_taken_over_with_the_rest() {
    // SAFETY: ignoring a signal installs no handler. The kernel tells the holder of a lease by SIGIO.
    unsafe { signal(Signal::SIGIO, SigHandler::SigIgn) }.unwrap();
    let space = Space::new()
        .script("program", "#!/bin/sh\nexec sleep infinity\n")
        .unit("hung", "exec = ['@/program']")
        .unit("web", SLEEPER);
    let file = OpenOptions::new().read(true).open(space.path().join("program")).unwrap();
    let lease = |command: i32, argument: i32| {
        // SAFETY: fcntl with two integers on a descriptor that is open.
        unsafe { nix::libc::fcntl(file.as_raw_fd(), command, argument) }
    };
    assert_eq!(lease(nix::libc::F_SETLEASE, nix::libc::F_WRLCK), 0);
    let mut supd = space.supd();
    supd.wait("web", "ready");
    supd.kill_keeper();
    supd.start_again();
    supd.wait("web", "ready");
    assert_ne!(lease(nix::libc::F_GETLEASE, 0), nix::libc::F_UNLCK, "the lease was broken: too slow to tell");
    assert_eq!(lease(nix::libc::F_SETLEASE, nix::libc::F_UNLCK), 0);
    supd.wait("hung", "ready");
    assert_eq!(restart_count(&supd, "hung-0"), 0);
    let copies = supd.json("get pods")["items"].as_array().unwrap().len();
    assert_eq!(copies, 2);
}

#[test]
fn f08_no_service_meets_a_broken_pipe() {
    let text =
        "shell = 'while read -r line; do echo said $line; done < @/fifo; echo end; exec sleep infinity'\n";
    let mut supd = Space::new().fifo("fifo").unit("talk", text).supd();
    let mut fifo = OpenOptions::new().read(true).write(true).open(supd.path().join("fifo")).unwrap();
    fifo.write_all(b"one\n").unwrap();
    supd.stream("logs -f talk").until("said one");
    let pid = supd.pid("talk-0");
    supd.kill_keeper();
    fifo.write_all(b"two\n").unwrap();
    supd.start_again();
    fifo.write_all(b"three\n").unwrap();
    supd.stream("logs -f talk").until("said three");
    let output = supd.ctl("logs talk").ok();
    assert_eq!(output.stdout, "said one\nsaid two\nsaid three\n");
    assert_eq!((supd.pid("talk-0"), restart_count(&supd, "talk-0")), (pid, 0));
}

#[test]
fn f22_a_stranger_with_the_pid_of_a_run_is_not_touched() {
    let mut supd = Space::new().unit("web", SLEEPER).supd();
    supd.wait("web", "ready");
    let pid = supd.pid("web-0");
    supd.kill_keeper();
    end(pid, Signal::SIGKILL);
    // As if the number had come round: the table says that web has the stranger's pid.
    let mut stranger = Command::new("/bin/sleep").arg("infinity").process_group(0).spawn().unwrap();
    let theirs = i32::try_from(stranger.id()).unwrap();
    let path = file::path(&supd.path().join("run"));
    let table = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let at = bytes.windows(4).rposition(|word| word == pid.to_le_bytes()).unwrap();
    table.write_all_at(&theirs.to_le_bytes(), at as u64).unwrap();
    supd.start_again();
    supd.wait("web", "ready");
    assert_ne!(supd.pid("web-0"), theirs);
    assert_eq!(restart_count(&supd, "web-0"), 1);
    supd.ctl("kill web -s KILL").ok();
    supd.ctl("stop web").ok();
    assert_eq!(supd.stop(), 0);
    assert!(stranger.try_wait().unwrap().is_none(), "it lives");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_clean_end_leaves_nothing_to_take_over() {
    let space = Space::new().unit("web", SLEEPER);
    let table = file::path(&space.path().join("run"));
    let mut supd = space.supd();
    supd.wait("web", "ready");
    assert!(table.exists());
    kill(Pid::from_raw(supd.keeper), Signal::SIGTERM).unwrap();
    assert_eq!(supd.wait_end(), 0);
    assert!(!table.exists());
    fs::write(&table, "not a table").unwrap();
    supd.start_again();
    supd.wait("web", "ready");
    assert!(supd.own_output().contains("cannot be used"), "{}", supd.own_output());
}
