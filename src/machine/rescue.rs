//! A shell on the console, for when nothing else is left.

use std::ffi::{CStr, CString};

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{execve, setsid};

use super::console;
use super::halt::freeze;
use crate::sys::machine::take_controlling_terminal;
use crate::sys::process::{fork, reset_signals};

/// What is tried, in this order. sulogin asks for root's password; it is not on every machine.
const SHELLS: [(&CStr, &[&CStr]); 4] = [
    (c"/sbin/sulogin", &[c"sulogin"]),
    (c"/usr/sbin/sulogin", &[c"sulogin"]),
    (c"/bin/bash", &[c"-bash"]),
    (c"/bin/sh", &[c"-sh"]),
];

const ENVIRONMENT: [&CStr; 3] =
    [c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", c"HOME=/root", c"TERM=linux"];

/// What the shell's child ends with when there is no shell.
const NO_SHELL: i32 = 127;

/// Runs one, and comes back when it has ended. Without any shell PID 1 freezes: coming back would fail in the same
/// way, without end.
pub(super) fn shell(why: &str) {
    if !try_shell(why) {
        freeze("there is no shell");
    }
}

/// The same for whoever is not PID 1; false: there is no shell. Everything else that ends meanwhile is buried.
pub(super) fn try_shell(why: &str) -> bool {
    console::say(format_args!("{why}"));
    console::say(format_args!("here is a shell; when it ends, boot goes on"));
    let child = match fork() {
        Ok(None) => become_shell(),
        Ok(Some(child)) => child,
        Err(error) => {
            console::say(format_args!("cannot start a shell: {error}"));
            return false;
        }
    };
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, NO_SHELL)) if pid.as_raw() == child => return false,
            Ok(ended) if ended.pid().is_some_and(|pid| pid.as_raw() == child) => return true,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return true,
        }
    }
}

fn become_shell() -> ! {
    reset_signals();
    let _ = setsid();
    // It has job control with a terminal of its own, and still works without.
    if let Ok(console) = console::open() {
        take_controlling_terminal(&console);
    }
    let _ = console::take();
    let _ = std::env::set_current_dir("/root");
    for (program, arguments) in SHELLS {
        let arguments: Vec<CString> = arguments.iter().map(|word| (*word).to_owned()).collect();
        // Comes back only if it is not there.
        let _ = execve(program, &arguments, &ENVIRONMENT);
    }
    std::process::exit(NO_SHELL);
}
