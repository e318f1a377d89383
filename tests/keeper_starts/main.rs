//! From a Spawn to a program: the real spawner and slot table, with the test as keeper and manager.
//!
//! Goal: a run is exactly what its plan says — its descriptors, signals, user, limits — and a start that fails
//! names its step. The runs are children of this process, as they are of the keeper in life.
#![allow(unsafe_code, clippy::unwrap_used, reason = "tests")]

mod bed;

use std::fs::{self, File, Permissions};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use bed::{Bed, Outcome, command, program, read_all, reap, shell};
use supd::sys::process::{How, Image, Inheritance, kill, start_role};
use supd::wire::message::{PlanAt, Spawn, SpawnerToKeeper};
use supd::wire::plan::{Account, EnvFile, Output, Plan, Rlimit};
use supd::wire::run::Step;
use supd::wire::table::Phase;

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn a_program_runs_as_our_child_and_its_exit_is_ours() {
    let mut bed = Bed::new();
    let Outcome::Started { slot, pid, .. } = bed.start(&shell("exit 7")) else { panic!("not started") };
    assert_eq!(bed.reap(pid), How::Exited(7));
    assert_eq!(bed.table.state(slot).phase, Phase::Running);
    assert_eq!(bed.table.pid(slot), pid);
    assert_eq!(bed.table.label(slot).as_slice(), b"test");
}

/// F31: exactly 0, 1, 2 and what the plan declares, also while the spawner has pipes of its own.
#[test]
fn f31_descriptors_are_those_of_the_plan() {
    let mut bed = Bed::new();
    // `ls` itself opens the directory, as the lowest free number.
    let list = command(&["ls", "/proc/self/fd"]);
    assert_eq!(bed.output(&list).0, "0\n1\n2\n3\n");
    for number in [3, 4, 8, 9, 30] {
        let declared = Plan { readiness_fd: Some(number), ..list.clone() };
        let (text, _) = bed.output(&declared);
        let mut numbers: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        numbers.sort_unstable();
        let own = if number == 3 { 4 } else { 3 };
        let mut expected = vec![0, 1, 2, own, number];
        expected.sort_unstable();
        assert_eq!(numbers, expected);
    }
    assert_eq!(bed.shell("readlink /proc/self/fd/0"), "/dev/null\n");
}

/// F32: nothing blocked, ignored or caught, SIGPIPE neither.
#[test]
fn f32_signals_are_as_at_birth() {
    let mut bed = Bed::new();
    let (text, _) = bed.output(&command(&["cat", "/proc/self/status"]));
    let text: String = text
        .split_inclusive('\n')
        .filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ"))
        .collect();
    let zero = "0".repeat(16);
    assert_eq!(text, format!("SigPnd:\t{zero}\nSigBlk:\t{zero}\nSigIgn:\t{zero}\nSigCgt:\t{zero}\n"));
}

#[test]
fn a_run_leads_a_session_of_its_own() {
    let mut bed = Bed::new();
    assert_eq!(bed.shell("read -r pid _ _ _ group session _ < /proc/self/stat; [ $pid = $group -a $pid = $session ] && echo yes"), "yes\n");
}

/// F27: each cause has its own words.
#[test]
fn f27_what_cannot_be_executed_says_why() {
    let mut bed = Bed::new();
    let file = |name: &str, content: &[u8], mode: u32| {
        let path = bed.dir.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    };
    let no_interpreter = file("script", b"#!/bin/foo -x\n", 0o755);
    let not_executable = file("plain", b"#!/bin/sh\n", 0o644);
    let text = file("text", b"echo hello\n", 0o755);
    let wrong_machine = file("elf", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xf3\0\x01\0\0\0", 0o755);
    symlink("loop", bed.path("loop")).unwrap();
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    let missing = bed.path("missing");
    let looping = bed.path("loop");
    let cases = [
        (program(&missing), Step::Exec, libc::ENOENT, name(&missing)),
        (program(&no_interpreter), Step::Interpreter, libc::ENOENT, "/bin/foo".into()),
        (program(&not_executable), Step::Exec, libc::EACCES, name(&not_executable)),
        (program(&text), Step::Exec, libc::ENOEXEC, name(&text)),
        (program(&wrong_machine), Step::Exec, libc::ENOEXEC, name(&wrong_machine)),
        (program(&looping), Step::Exec, libc::ELOOP, name(&looping)),
        (command(&["/"]), Step::Exec, libc::EACCES, "/".into()),
        (command(&["no-such-program"]), Step::Path, libc::ENOENT, "no-such-program".into()),
    ];
    for (plan, step, errno, detail) in cases {
        assert_eq!(bed.fails(&plan), (step, errno, detail));
    }
    let huge = Plan { env: vec![[b"X=".to_vec(), vec![b'x'; 3 << 20]].concat()], ..command(&["/bin/true"]) };
    let slot = bed.send_with(&huge, &[], true);
    let outcome = bed.outcome(slot);
    assert!(matches!(outcome, Outcome::Failed { step: Step::Exec, errno: libc::E2BIG, .. }), "{outcome:?}");
}

/// F27: a program that is being written is tried a few times, no more.
#[test]
fn f27_a_busy_program_is_tried_a_bounded_number_of_times() {
    let mut bed = Bed::new();
    let path = bed.path("busy");
    fs::copy("/bin/true", &path).unwrap();
    let writer = File::options().write(true).open(&path).unwrap();
    let name = path.to_str().unwrap().to_owned();
    assert_eq!(bed.fails(&program(&path)), (Step::Exec, libc::ETXTBSY, name));
    drop(writer);
    assert!(matches!(bed.start(&program(&path)), Outcome::Started { .. }));
}

/// F29: no start falls back to another directory, user or file.
#[test]
fn f29_what_is_missing_at_the_start_is_named() {
    let mut bed = Bed::new();
    let run = shell("true");
    let at = |path: &str| Plan { working_dir: Some(path.into()), ..run.clone() };
    assert_eq!(bed.fails(&at("/no/where")), (Step::Chdir, libc::ENOENT, "/no/where".into()));
    let with_user = |user: &str| Plan { user: Some(Account::Name(user.into())), ..run.clone() };
    assert_eq!(bed.fails(&with_user("nobody-here")), (Step::User, 0, "nobody-here".into()));
    assert_eq!(bed.fails(&with_user("0")), (Step::User, 0, "0".into()));
    let as_group = Plan { group: Some(Account::Name(b"no-group".to_vec())), ..run.clone() };
    assert_eq!(bed.fails(&as_group), (Step::Group, 0, "no-group".into()));
    let number = Plan { user: Some(Account::Id(54_321)), ..run.clone() };
    assert_eq!(bed.fails(&number), (Step::Group, 0, "of user 54321".into()));
    let bad = bed.path("env");
    fs::write(&bad, "A=1\nno such line\n").unwrap();
    let file = EnvFile { path: bad.to_str().unwrap().into(), optional: false };
    let with_file = Plan { env_files: vec![file], ..run.clone() };
    assert_eq!(bed.fails(&with_file), (Step::EnvFile, 0, format!("{}:2", bad.display())));
    assert_eq!(bed.fails(&Plan::default()).0, Step::Plan);
    let nul = command(&["/bin/echo", "a\0b"]);
    assert_eq!(bed.fails(&nul), (Step::Plan, libc::EINVAL, "a NUL byte".into()));
}

#[test]
fn environment_directory_mask_and_limits_arrive() {
    let mut bed = Bed::new();
    let plan = Plan {
        base_env: vec![b"PATH=/usr/bin:/bin".to_vec(), b"A=base".to_vec(), b"HOME=/h".to_vec()],
        env: vec![b"A=unit".to_vec()],
        working_dir: Some(b"/usr".to_vec()),
        umask: Some(0o027),
        rlimits: vec![Rlimit { resource: libc::RLIMIT_NOFILE, value: 64 }],
        ..command(&["sh", "-c", "echo $A $HOME $(pwd) $(umask) $(ulimit -n)"])
    };
    assert_eq!(bed.output(&plan).0, "unit /h /usr 0027 64\n");
}

#[test]
fn a_limit_that_may_not_be_raised_is_a_warning_unless_it_is_strict() {
    let mut bed = Bed::new();
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    let value = 1 << 40;
    let plan = Plan { rlimits: vec![Rlimit { resource: libc::RLIMIT_NOFILE, value }], ..shell("ulimit -n") };
    let slot = bed.next;
    assert_eq!(bed.output(&plan).0.trim(), hard.to_string(), "as far as it goes");
    assert_eq!(bed.table.limits_refused(slot), 1 << libc::RLIMIT_NOFILE);
    let (step, errno, _) = bed.fails(&Plan { strict: true, ..plan });
    assert_eq!((step, errno), (Step::Rlimit, libc::EPERM));
}

#[test]
fn a_user_is_become_entirely() {
    if !is_root() {
        return;
    }
    let mut bed = Bed::new();
    let user = Some(Account::Name(b"nobody".to_vec()));
    let script = "id -u; id -g; id -G; echo $USER $HOME; grep -c '^CapEff:\t0*$' /proc/self/status; echo x >/dev/stdout";
    let (text, _) = bed.output(&Plan { user: user.clone(), ..shell(script) });
    assert_eq!(text, "65534\n65534\n65534\nnobody /nonexistent\n1\nx\n");
    let groups = Some(vec![Account::Id(5), Account::Name(b"root".to_vec())]);
    let plan =
        Plan { user, group: Some(Account::Id(9)), supplementary_groups: groups, ..shell("id -g; id -G") };
    assert_eq!(bed.output(&plan).0, "9\n9 0 5\n");
    let number =
        Plan { user: Some(Account::Id(54_321)), group: Some(Account::Id(54_322)), ..shell("id -u; id -G") };
    assert_eq!(bed.output(&number).0, "54321\n54322\n");
}

#[test]
fn readiness_is_a_pipe_of_the_managers() {
    let mut bed = Bed::new();
    let plan = Plan { readiness_fd: Some(5), ..shell("echo ready >&5") };
    let Outcome::Started { pid, mut fds, .. } = bed.start(&plan) else { panic!("not started") };
    assert_eq!(read_all(fds.remove(0)), "ready\n");
    bed.reap(pid);
}

#[test]
fn descriptors_that_came_along_are_given() {
    let mut bed = Bed::new();
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let plan = Plan { stdout: Output::Given(0), ..shell("echo here") };
    let slot = bed.send_with(&plan, &[writer], true);
    let Outcome::Started { pid, .. } = bed.outcome(slot) else { panic!("not started") };
    assert_eq!(read_all(reader), "here\n");
    bed.reap(pid);
    let short = Plan { stdout: Output::Given(1), ..shell("true") };
    assert_eq!(bed.fails(&short).0, Step::Plan);
}

#[test]
fn a_slot_never_sees_two_starts() {
    let mut bed = Bed::new();
    let plan = shell("sleep 1000");
    let Outcome::Started { slot, pid, .. } = bed.start(&plan) else { panic!("not started") };
    let mut bytes = Vec::new();
    plan.encode(&mut bytes);
    // The same again, as after the death of another spawner.
    bed.send_message(&bed.spawn(slot, PlanAt::Inline(&bytes)), &[]);
    assert!(matches!(bed.outcome(slot), Outcome::Refused));
    kill(pid, libc::SIGKILL).unwrap();
    assert_eq!(bed.reap(pid), How::Signaled(9, false));
    bed.table.set_ended(slot);
    let ticket = bed.table.set_free(slot);
    // And again, read so late that the slot is free.
    bed.send_message(&bed.spawn(slot, PlanAt::Inline(&bytes)), &[]);
    assert!(matches!(bed.outcome(slot), Outcome::Refused));
    bed.send_message(&Spawn { ticket, ..bed.spawn(slot, PlanAt::Inline(&bytes)) }, &[]);
    let Outcome::Started { pid, .. } = bed.outcome(slot) else { panic!("not started") };
    kill(pid, libc::SIGKILL).unwrap();
    bed.reap(pid);
    // A manager that is gone.
    bed.table.next_epoch();
    let late = bed.next;
    bed.send_message(&bed.spawn(late, PlanAt::Inline(&bytes)), &[]);
    assert!(matches!(bed.outcome(late), Outcome::Refused));
    assert_eq!(bed.table.state(late).phase, Phase::Free);
}

/// F28: somebody's write lease holds an exec up. Its child is known and can be ended, and a stand-in starts
/// others meanwhile.
#[test]
fn f28_an_exec_that_hangs_holds_up_itself_alone() {
    let mut bed = Bed::new();
    let path = bed.path("leased");
    fs::copy("/bin/true", &path).unwrap();
    let holder = File::options().read(true).write(true).open(&path).unwrap();
    // SAFETY: plain calls; without the first, whoever asks for the lease would end this process.
    let leased = unsafe {
        libc::signal(libc::SIGIO, libc::SIG_IGN);
        libc::fcntl(holder.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK)
    };
    assert_eq!(leased, 0, "no lease on this file system");
    let stuck = bed.send(&program(&path));
    // The kernel has written its pid as soon as there is a child.
    let mut tries = 0;
    let pid = loop {
        match bed.table.pid(stuck) {
            0 => std::thread::sleep(Duration::from_millis(1)),
            pid => break pid,
        }
        tries += 1;
        assert!(tries < 20_000, "there is no child");
    };
    bed.start_spawner(true);
    assert_eq!(bed.shell("echo goes on"), "goes on\n");
    assert_eq!(bed.table.state(stuck).phase, Phase::Starting);
    kill(pid, libc::SIGKILL).unwrap();
    let (from, bytes, _) = bed.hear();
    assert_eq!(from, Some(0));
    assert_eq!(SpawnerToKeeper::decode(&bytes), Ok(SpawnerToKeeper::Born { slot: stuck }));
    assert_eq!(bed.reap(pid), How::Signaled(9, false));
}

/// What a run prints can be read before it exists, so nothing of it is lost with its spawner.
#[test]
fn log_pipes_come_before_the_child() {
    let mut bed = Bed::new();
    let plan = Plan { stdout: Output::Log, stderr: Output::Both, ..shell("echo out; echo err >&2") };
    let slot = bed.send(&plan);
    let (from, bytes, received) = bed.hear();
    assert_eq!(from, Some(0));
    assert_eq!(
        SpawnerToKeeper::decode(&bytes),
        Ok(SpawnerToKeeper::Pipes { slot, stdout: true, stderr: true, readiness: false })
    );
    let Outcome::Started { pid, .. } = bed.outcome(slot) else { panic!("not started") };
    let texts: Vec<String> = received.fds.into_iter().flatten().map(read_all).collect();
    assert_eq!(texts, ["out\n", "err\n"]);
    bed.reap(pid);
}

#[test]
fn a_role_started_by_hand_says_so() {
    for role in ["spawner", "keeper"] {
        let output = nix::unistd::pipe().unwrap();
        let words = ["supd", role].map(|word| std::ffi::CString::new(word).unwrap()).to_vec();
        let image = Image::new(File::open(env!("CARGO_BIN_EXE_supd")).unwrap().into(), c"".into(), words);
        let fds = [(output.1.as_fd(), 2)];
        let pid = start_role(&image, &Inheritance { fds: &fds, nofile: None, ends_with_us: true }).unwrap();
        drop(output.1);
        let text = read_all(output.0);
        assert!(text.contains("run `supd` instead"), "{text}");
        assert_eq!(reap(pid), How::Exited(64));
    }
}
