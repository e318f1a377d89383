//! A PID namespace around everything: what a failing test leaves behind ends with it.

use std::process::{Command, ExitCode};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Runs the stage in a PID namespace, and returns its code.
pub fn enter() -> ExitCode {
    let this = std::env::current_exe().unwrap();
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "-fp", "--mount-proc", "--kill-child"])
        .arg(this)
        .arg("namespace")
        .status()
        .unwrap();
    match status.code() {
        Some(0) => ExitCode::SUCCESS,
        code => {
            eprintln!("chaos: failed ({code:?})");
            ExitCode::FAILURE
        }
    }
}

/// Process 1 of the namespace: reaps whoever has lost their parent, until the stage has ended.
#[allow(clippy::zombie_processes, reason = "reaped by its pid, among all others")]
pub fn init() -> ExitCode {
    let stage = Command::new(std::env::current_exe().unwrap()).arg("stage").spawn().unwrap();
    let stage = Pid::from_raw(stage.id() as i32);
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == stage => return ExitCode::from(code as u8),
            Ok(WaitStatus::Signaled(pid, ..)) if pid == stage => return ExitCode::FAILURE,
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => panic!("waiting for the stage: {error}"),
        }
    }
}
