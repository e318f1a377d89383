//! The terminal is the command's: what is typed reaches it once, and shells above and below it have their job
//! control.
#![allow(clippy::disallowed_types)] // A test has children of its own.

use std::process::Command;

use super::pty::{PROMPT, Pty};
use super::solo::solo;

const SUPD: &str = env!("CARGO_BIN_EXE_supd");

/// `supd -- bash -c SCRIPT` as PID 1 with a terminal.
fn init(script: &str) -> Pty {
    let mut command = solo();
    command.args(["--", "bash", "-c", script]);
    Pty::new(command)
}

/// A shell as somebody uses it.
fn interactive() -> Command {
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]);
    shell
}

#[test]
fn the_command_reads_from_it() {
    let mut pty = init("read line; echo got:$line; exit 4");
    pty.type_in("words\n");
    pty.until("got:words");
    assert_eq!(pty.code(), 4);
}

#[test]
fn the_command_writes_to_one_that_stops_who_is_in_the_background() {
    let mut pty = init("stty tostop; echo up; read line; echo got:$line >/dev/tty; exit 4");
    pty.until("up");
    pty.type_in("words\n");
    pty.until("got:words");
    assert_eq!(pty.code(), 4);
}

#[test]
fn keys_that_are_signals_reach_the_command_once() {
    for (key, name) in [("\x03", "INT"), ("\x1c", "QUIT")] {
        let mut pty = init(&format!(
            "trap 'n=$((n + 1)); echo {name}:$n' {name}; trap 'exit $n' TERM; echo up; \
             while :; do sleep 1000 & wait; done"
        ));
        pty.until("up");
        pty.type_in(key);
        pty.until(&format!("{name}:1"));
        pty.type_in(key);
        pty.until(&format!("{name}:2"));
    }
}

/// A program that repeats what is typed, and says when it begins and goes on. Each is waited for: a shell that is
/// typed ahead of loses keys when it changes the terminal's mode.
const PARROT: &str =
    r#"bash -c "trap 'echo ON''WARDS' CONT; echo RE''ADY; while read x; do echo \"<\$x>\"; done""#;

/// The parrot is started in the foreground: it hears what is typed, before and after `^Z` and `fg`.
fn stops_and_goes_on(pty: &mut Pty) {
    pty.until("READY");
    pty.type_in("one\n");
    pty.until("<one>");
    pty.type_in("\x1a");
    pty.until("Stopped");
    pty.type_in("fg\n");
    pty.until("ONWARDS");
    pty.type_in("two\n");
    pty.until("<two>");
}

#[test]
fn a_shell_under_pid_one_has_job_control() {
    let mut command = solo();
    command.args(["--", "bash", "--norc", "--noprofile", "-i"]);
    let mut pty = Pty::new(command);
    pty.type_in(&format!("{PARROT}\n"));
    stops_and_goes_on(&mut pty);
    pty.type_in("\x03");
    pty.until(PROMPT);
    pty.type_in("exit 9\n");
    assert_eq!(pty.code(), 9);
}

#[test]
fn a_shell_above_can_stop_it_and_let_it_go_on() {
    let mut pty = Pty::new(interactive());
    pty.type_in(&format!("{SUPD} -- {PARROT}\n"));
    stops_and_goes_on(&mut pty);
    pty.type_in("\x1a");
    pty.until("Stopped");
    // In the background it wants to read, and stops by itself. Where `^Z` came before it had begun to read, its shell
    // does so before it has looked at the trap: the second time it is in the middle of reading.
    pty.type_in("bg\n");
    pty.type_in("wait %1; echo STOP''PED:$?\n");
    pty.until("STOPPED:148");
    pty.type_in("bg\n");
    pty.until("ONWARDS");
    pty.type_in("wait %1; echo STOP''PED:$?\n");
    pty.until("STOPPED:148");
    pty.type_in("fg\n");
    pty.until("ONWARDS");
    pty.type_in("three\n");
    pty.until("<three>");
    pty.type_in("\x04");
    pty.until(PROMPT);
    pty.type_in("echo CO''DE:$?\n");
    pty.until("CODE:0");
}

#[test]
fn it_belongs_to_the_script_again_when_the_command_has_ended() {
    let mut script = Command::new("bash");
    script.args(["-c", &format!("{SUPD} -- true; read line; echo got:$line")]);
    let mut pty = Pty::new(script);
    pty.type_in("words\n");
    pty.until("got:words");
    assert_eq!(pty.code(), 0);
}

#[test]
fn in_the_background_it_is_left_alone() {
    let mut pty = Pty::new(interactive());
    pty.type_in(&format!("{SUPD} -- sleep 1000 &\n"));
    pty.type_in("read line; echo got:$line\n");
    pty.type_in("words\n");
    pty.until("got:words");
    pty.type_in("kill %1; wait %1; echo code:$?\n");
    pty.until("code:143");
}

/// F103: all of supd, in the background of a terminal that stops who writes from there.
#[test]
fn supd_with_units_goes_on_where_the_terminal_stops_who_writes_from_the_background() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().display();
    std::fs::create_dir(place.path().join("units")).unwrap();
    std::fs::write(place.path().join("units/a.toml"), "shell = 'echo hello from a; exec sleep 1000'\n")
        .unwrap();
    let mut pty = Pty::new(interactive());
    pty.until(PROMPT);
    pty.type_in("stty tostop\n");
    pty.until(PROMPT);
    let directories = format!("--runtime-dir {path}/run --state-dir {path}/state --log-dir {path}/log");
    pty.type_in(&format!("{SUPD} --units {path}/units {directories} &\n"));
    pty.until("hello from a");
    pty.type_in("jobs\n");
    pty.until("Running");
    pty.type_in("kill %1; wait %1; echo CO''DE:$?\n");
    pty.until("CODE:0");
}
