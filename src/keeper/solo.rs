//! `supd -- CMD ARGS`: the keeper alone, as the init of one command. Passes signals on, buries orphans, ends
//! with the command's code.

use std::ffi::{CString, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::unistd::{Pid, execvp};

use crate::settings::exit;
use crate::sys::process::{
    How, Which, become_subreaper, fork, kill, next_signal, reset_signals, set_name, take_terminal, wait,
};

/// What a shell says about a command that is not there, and about one that cannot be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Runs the command; gives its exit code, or `128 + n` for signal n.
pub fn run(command: &[OsString]) -> u8 {
    match try_run(command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "supd: {error}");
            exit::INTERNAL
        }
    }
}

fn try_run(command: &[OsString]) -> io::Result<u8> {
    let arguments: Result<Vec<CString>, _> =
        command.iter().map(|word| CString::new(word.clone().into_vec())).collect();
    let arguments = arguments?;
    // Blocked, not handled: the kernel keeps a blocked signal even for PID 1, and one wait takes them all.
    SigSet::all().thread_block()?;
    set_name(c"supd-init");
    if Pid::this().as_raw() != 1 {
        become_subreaper()?;
    }
    let Some(child) = fork()? else {
        become_command(&arguments);
    };
    loop {
        if let Some(how) = bury(child) {
            return Ok(match how {
                How::Exited(code) => code,
                How::Signaled(signal, _) => 128u8.saturating_add(signal),
            });
        }
        let signal = next_signal()?;
        if signal != libc::SIGCHLD {
            // Ours and not reaped, so the number is its own. It may have ended: then its code is next.
            let _ = kill(child, signal);
        }
    }
}

/// Reaps whatever has ended; says how the command did, if it has.
fn bury(child: i32) -> Option<How> {
    let mut end = None;
    while let Ok(Some(ended)) = wait(Which::Any, true) {
        if ended.pid == child {
            end = Some(ended.how);
        }
    }
    end
}

/// The child's side. A process group of its own, which gets the terminal: `^C` is for the command, once.
fn become_command(arguments: &[CString]) -> ! {
    take_terminal();
    reset_signals();
    let errno = match arguments.first() {
        Some(program) => match execvp(program, arguments) {
            Ok(never) => match never {},
            Err(errno) => errno,
        },
        None => Errno::ENOENT,
    };
    let name = arguments.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let _ = writeln!(io::stderr(), "supd: cannot execute `{name}`: {}", errno.desc());
    let code = if errno == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE };
    std::process::exit(i32::from(code));
}
