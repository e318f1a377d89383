//! A shell on the console, for when nothing else is left.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc::SIGCHLD;
use nix::poll::{PollTimeout, poll};
use nix::sys::wait::waitpid;
use nix::unistd::{execve, pipe2, setsid};

use super::become_init::as_the_kernel_does;
use super::console;
use super::fallen::asks_for_an_end;
use super::halt::{self, Places, freeze};
use crate::limits::{SHELL_LIVES_MS, SHELL_PAUSE_MS};
use crate::sys::machine::take_controlling_terminal;
use crate::sys::process::{Which, fork, reset_signals, wait};
use crate::sys::{fault, signal};
use crate::wire::after::After;

/// What is tried, in this order. sulogin asks for root's password; it is not on every machine.
const SHELLS: [(&CStr, &[&CStr]); 4] = [
    (c"/sbin/sulogin", &[c"sulogin"]),
    (c"/usr/sbin/sulogin", &[c"sulogin"]),
    (c"/bin/bash", &[c"-bash"]),
    (c"/bin/sh", &[c"-sh"]),
];

const ENVIRONMENT: [&CStr; 3] =
    [c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", c"HOME=/root", c"TERM=linux"];

/// Runs one in PID 1, and comes back when it has ended. Without any shell PID 1 freezes: coming back would fail in
/// the same way, without end. Who asks PID 1 for the machine's end meanwhile, as ctrl-alt-del does, gets that.
pub(super) fn shell(why: &str) {
    // Blocked, not handled: one wait takes them all. They stay so until the keeper listens, or another program begins.
    signal::hold_all();
    fault::let_through();
    // It is not sent where a program before us has ignored it.
    signal::default(SIGCHLD as usize);
    let Some(shell) = start(why, true) else { freeze("there is no shell") };
    while !has_ended(shell) {
        heed(signal::next().ok());
    }
}

/// The same before another try, which must not come at once where a shell finds no console to read from.
pub(super) fn shell_before_next_try(why: &str) {
    let begun = Instant::now();
    shell(why);
    let Some(deadline) = next_try(begun) else { return };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        heed(signal::next_within(left));
        halt::child::bury();
    }
}

/// When it may be, after a shell that has begun then. `None`: at once.
fn next_try(begun: Instant) -> Option<Instant> {
    if begun.elapsed() > Duration::from_millis(SHELL_LIVES_MS) {
        return None;
    }
    console::say(format_args!("it has ended at once; the next try is in {} s", SHELL_PAUSE_MS / 1_000));
    Some(Instant::now() + Duration::from_millis(SHELL_PAUSE_MS))
}

/// The same in whoever is not PID 1; false: there is no shell.
pub(super) fn try_shell_before_next_try(why: &str) -> bool {
    let begun = Instant::now();
    let Some(shell) = start(why, false) else { return false };
    loop {
        match waitpid(None, None) {
            Ok(ended) if ended.pid().is_some_and(|pid| pid.as_raw() == shell) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    if next_try(begun).is_some() {
        // Nothing is waited for but the time; whoever ends us ends that.
        let pause = Duration::from_millis(SHELL_PAUSE_MS);
        let _ = poll(&mut [], PollTimeout::try_from(pause).unwrap_or(PollTimeout::ZERO));
    }
    true
}

fn heed(signal: Option<i32>) {
    if let Some(signal) = signal.filter(|signal| asks_for_an_end(*signal)) {
        halt::end(After::of_signal(signal), &Places::usual())
    }
}

/// Starts one; its pid. `None`: there is no shell, which is known by that alone and not by a code, as that of a
/// shell is whatever its last command's was.
fn start(why: &str, of_pid_one: bool) -> Option<i32> {
    console::say(format_args!("{why}"));
    console::say(format_args!("here is a shell; when it ends, boot goes on"));
    let cannot = |error| console::say(format_args!("cannot start a shell: {error}"));
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| cannot(errno.into())).ok()?;
    let Some(child) = fork().map_err(cannot).ok()? else { become_shell(writer, of_pid_one) };
    drop(writer);
    // To its end: nobody has it any more once a shell is executed.
    let mut said = Vec::new();
    let _ = File::from(reader).read_to_end(&mut said);
    said.is_empty().then_some(child)
}

/// All that have ended are buried; whether this one was among them. No child at all is left where it is not.
fn has_ended(shell: i32) -> bool {
    loop {
        match wait(Which::Any, true) {
            Ok(Some(ended)) if ended.pid == shell => return true,
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

fn become_shell(no_shell: OwnedFd, of_pid_one: bool) -> ! {
    if of_pid_one {
        as_the_kernel_does();
    } else {
        reset_signals();
    }
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
    let _ = File::from(no_shell).write_all(b"0");
    std::process::exit(1);
}
