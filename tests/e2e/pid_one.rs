//! supd as PID 1 of a PID namespace, as in a container: exit codes, signals, orphans. Needs root.

#![allow(unsafe_code, clippy::disallowed_types)] // A test has children of its own.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::space::{Space, output};

const UNSHARE: &[&str] = &["unshare", "-fp", "--mount-proc", "--kill-child"];

/// Runs `supd -- sh -c SCRIPT` as PID 1, and returns what came of it.
fn solo(script: &str) -> super::space::Output {
    let mut command = Command::new(UNSHARE[0]);
    command.args(&UNSHARE[1..]).args([env!("CARGO_BIN_EXE_supd"), "--", "/bin/sh", "-c", script]);
    output(&mut command)
}

#[test]
fn it_is_pid_one_and_its_pods_are_its_children() {
    let supd = Space::new().wrap(UNSHARE).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
    supd.wait("a", "ready");
    let status = std::fs::read_to_string(format!("/proc/{}/status", supd.keeper)).unwrap();
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    assert_eq!(inside.split_whitespace().last(), Some("1"));
    supd.ctl("status").ok();
    assert_eq!(supd.stop(), 0);
}

#[test]
fn a_jobs_only_container_ends_with_its_jobs() {
    for (program, code) in [("/bin/true", 0), ("/bin/false", 1)] {
        let unit = format!("exec = ['{program}']\n[job]\nbackoff_limit = 0");
        let output = Space::new().wrap(UNSHARE).unit("job", &unit).supd_output();
        assert_eq!(output.code, code, "{output:#?}");
    }
}

#[test]
fn an_essential_units_end_is_the_containers_end() {
    for (end, code) in
        [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$$$", 137), ("kill -15 $$$$", 143)]
    {
        let output = Space::new()
            .wrap(UNSHARE)
            .unit("main", &format!("exec = ['/bin/sh', '-c', '{end}']\nessential = true"))
            .unit("side", "exec = ['/bin/sleep', 'infinity']")
            .supd_output();
        assert_eq!(output.code, code, "{end}: {output:#?}");
    }
}

#[test]
fn each_stop_request_ends_it_in_order() {
    for number in [15, 2, 3, 37] {
        let mut supd = Space::new().wrap(UNSHARE).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
        supd.wait("a", "ready");
        // SAFETY: kill takes two integers; signal 37 has no name everywhere.
        assert_eq!(unsafe { nix::libc::kill(supd.keeper, number) }, 0);
        assert_eq!(supd.wait_end(), 0, "signal {number}");
    }
}

#[test]
fn orphans_in_the_namespace_are_reaped() {
    let supd = Space::new()
        .wrap(UNSHARE)
        .unit("a", "exec = ['/bin/sh', '-c', 'for i in 1 2 3; do setsid -f /bin/true; done; echo done; exec sleep infinity']")
        .supd();
    supd.wait("a", "ready");
    let output = supd.ctl("exec a -- /bin/sh -c 'true'");
    assert_eq!(output.code, 0, "{output:#?}");
}

#[test]
fn who_is_no_machines_init_takes_no_machine_down() {
    let supd = Space::new().wrap(UNSHARE).unit("a", "exec = ['/bin/sleep', 'infinity']").supd();
    supd.wait("a", "ready");
    for verb in ["poweroff", "reboot", "halt"] {
        supd.ctl(verb).code(1).stderr_has("supd is not the init of this machine");
    }
    supd.ctl("is-ready a").ok();
    assert_eq!(supd.stop(), 0);
}

#[test]
fn solo_every_exit_code_comes_back() {
    for code in [0, 1, 2, 7, 100, 126, 127, 128, 200, 255] {
        assert_eq!(solo(&format!("exit {code}")).code, code);
    }
    assert_eq!(solo("kill -9 $$").code, 137);
    assert_eq!(solo("kill -15 $$").code, 143);
}

#[test]
fn solo_a_missing_program_is_127_and_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_supd"));
    output(command.args(["--", "/no/such/program"])).code(127).stderr_has("/no/such/program");
}

#[test]
fn solo_signals_are_passed_on() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_supd"));
    command.args(["--", "/bin/sh", "-c", "trap 'exit 9' USR1; echo up; while :; do sleep 1; done"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    use std::io::BufRead;
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGUSR1).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
}
