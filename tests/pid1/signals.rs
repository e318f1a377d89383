//! Signals to supd are the command's: every one that can be passed on.

use std::fmt::Write;

use super::solo::{Running, code};

/// A shell that says which signal it got: 100 more than its number. The two that the C library keeps for itself
/// cannot be trapped; those kill.
const TRAPS: &str = "for n in $(seq 1 64); do trap \"exit $((100 + n))\" $n 2>/dev/null; done; echo up; \
     while :; do sleep 1000 & wait; done";

#[test]
fn every_signal_is_passed_on() {
    let mut faults = String::new();
    // KILL and STOP cannot be received; CHLD tells of our own children.
    for signal in (1..=64).filter(|signal| ![9, 17, 19].contains(signal)) {
        let code = Running::start(&[], TRAPS).end_by(signal);
        let expected = if signal == 32 || signal == 33 { 128 + signal } else { 100 + signal };
        if code != expected {
            writeln!(faults, "signal {signal} gave {code}, not {expected}").unwrap();
        }
    }
    assert_eq!(faults, "");
}

#[test]
fn a_signal_becomes_another_by_rewrite() {
    let options = ["--rewrite", "TERM:QUIT", "--rewrite=SIGRTMIN+3:2", "--rewrite", "HUP:0"];
    assert_eq!(Running::start(&options, TRAPS).end_by(15), 103);
    assert_eq!(Running::start(&options, TRAPS).end_by(37), 102);
    let running = Running::start(&options, TRAPS);
    super::solo::send(running.init, 1);
    assert_eq!(running.end_by(10), 110, "HUP was not passed on");
}

#[test]
fn a_signal_is_for_the_command_and_with_g_for_its_group() {
    // The child of the command says what it got; without `-g` it gets nothing, and the command ends it.
    let script = "trap 'echo command; kill $!; wait; exit 5' USR1; \
                  (trap 'echo child; exit' USR1; trap exit TERM; echo up; while :; do sleep 1000 & wait; done) & \
                  wait";
    let mut alone = Running::start(&[], script);
    super::solo::send(alone.init, 10);
    assert_eq!(alone.out.until("command"), ["command"]);
    assert_eq!(alone.out.end(), 5);
    let group = Running::start(&["-g"], &script.replace("kill $!; ", ""));
    super::solo::send(group.init, 10);
    let mut out = group.out;
    let mut lines = [out.line().unwrap(), out.line().unwrap()];
    lines.sort();
    assert_eq!(lines, ["child", "command"]);
    assert_eq!(out.end(), 5);
}

#[test]
fn orphans_are_reaped() {
    // Each orphan ends when its parent has gone; the command waits until the kernel shows no zombie any more.
    let script = "for n in 1 2 3 4 5; do setsid -f /bin/true; done; \
                  while grep -qs '^State:.Z' /proc/[0-9]*/status; do :; done; exit 3";
    assert_eq!(code(script), 3);
}
