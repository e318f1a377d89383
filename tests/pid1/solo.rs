//! `supd -- CMD` as PID 1 of a namespace: one for each command.
#![allow(clippy::disallowed_types)] // A test has children of its own.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use super::space::children;
use super::waiting::Stream;

/// The beginning of a command line: options of supd may follow, then `--` and the command.
pub fn solo() -> Command {
    let mut command = Command::new("unshare");
    // With a mount namespace, so that a command may mount what it likes.
    command
        .args(["--fork", "--pid", "--mount-proc", "--kill-child", env!("CARGO_BIN_EXE_supd")])
        .stdin(Stdio::null());
    command
}

/// The code that a shell would show, of `supd -- sh -c SCRIPT`.
pub fn code(script: &str) -> i32 {
    let status = solo().args(["--", "/bin/sh", "-c", script]).stderr(Stdio::null()).status().unwrap();
    status.code().unwrap_or_else(|| 1000 + status.signal().unwrap())
}

/// A `supd -- CMD` that runs.
pub struct Running {
    /// supd, as seen from outside its namespace.
    pub init: i32,
    /// What the command prints.
    pub out: Stream,
}

impl Running {
    /// Of a shell script that prints `up` when it can be sent signals.
    pub fn start(options: &[&str], script: &str) -> Self {
        let mut command = solo();
        command.args(options).args(["--", "/bin/sh", "-c", script]).stdout(Stdio::piped());
        let mut out = Stream::new(command.spawn().unwrap());
        out.until("up");
        let init = children(out.pid())[0];
        Self { init, out }
    }

    /// Sends supd a signal by number, and waits for the end; the code that a shell would show.
    pub fn end_by(self, signal: i32) -> i32 {
        send(self.init, signal);
        self.out.end()
    }
}

/// Sends a signal by number.
#[allow(unsafe_code)]
pub fn send(pid: i32, signal: i32) {
    // SAFETY: kill takes two integers.
    assert_eq!(unsafe { nix::libc::kill(pid, signal) }, 0, "signal {signal}");
}
