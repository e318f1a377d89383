//! The command's end is supd's end: every exit code, every signal that kills.

use std::fmt::Write;

use super::solo::{code, solo};
use super::space::output;

/// Signals that kill by default: all but those that are ignored (CHLD, CONT, URG, WINCH) or stop.
const DEADLY: &[std::ops::RangeInclusive<i32>] = &[1..=16, 24..=27, 29..=31, 32..=64];

/// What came of each line of a table, where it was not what it should be.
fn faults(table: impl Iterator<Item = (String, i32)>) -> String {
    let mut faults = String::new();
    for (script, expected) in table {
        let code = code(&script);
        if code != expected {
            writeln!(faults, "`{script}` gave {code}, not {expected}").unwrap();
        }
    }
    faults
}

#[test]
fn every_exit_code_comes_back() {
    assert_eq!(faults((0..=255).map(|code| (format!("exit {code}"), code))), "");
}

#[test]
fn death_by_every_signal_is_128_more() {
    let deadly = DEADLY.iter().cloned().flatten();
    // No core files: they would be left in the tests' directory.
    assert_eq!(faults(deadly.map(|n| (format!("ulimit -c 0; kill -{n} $$"), 128 + n))), "");
}

#[test]
fn a_command_that_cannot_be_executed_is_126_and_one_that_is_not_there_127() {
    for (program, code) in
        [("/no/such/program", 127), ("no-such-program", 127), ("/etc/passwd", 126), ("/", 126)]
    {
        output(solo().args(["--", program])).code(code).stderr_has(program);
    }
}

#[test]
fn a_code_comes_back_where_dead_children_are_ignored() {
    // Whoever ignores SIGCHLD has the kernel reap its children, and their codes are lost.
    let mut command = std::process::Command::new("env");
    command.args(["--ignore-signal=CHLD", env!("CARGO_BIN_EXE_supd"), "--", "/bin/sh", "-c", "exit 7"]);
    output(&mut command).code(7);
}

#[test]
fn a_bad_option_is_a_usage_error() {
    for options in [
        &["--rewrite", "TERM"][..],
        &["--rewrite", "TERM:NOPE"],
        &["--rewrite=KILL:TERM"],
        &["--rewrite"],
        &["--tini"],
    ] {
        output(solo().args(options).args(["--", "/bin/true"])).code(64);
    }
    output(solo().arg("-g")).code(64).stderr_has("supd -- CMD");
}
