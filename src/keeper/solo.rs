//! `supd -- CMD ARGS`: the keeper alone, as the init of one command. Passes signals on, buries orphans, ends
//! with the command's code.
//!
//! The command must not be able to tell that we are there: it finds the descriptors that we were given and no
//! other, no signal held or ignored, the terminal if it was ours, and its own pid where ours was meant.

use std::ffi::{CString, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid, execvp, execvpe};

use crate::settings::{Solo, exit};
use crate::sys::process::{How, Which, become_subreaper, close_all_but, fork, kill, set_name, wait};
use crate::sys::signal;
use crate::sys::terminal::{Terminal, lead_group, our_group};

/// What a shell says about a command that is not there, and about one that cannot be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Variables with the pid of the process that they are meant for: sockets, and the watchdog.
const PID_VARIABLES: [&str; 2] = ["LISTEN_PID", "WATCHDOG_PID"];

/// The same by another number of the process. Not needed where the pid is right, wrong where it is another's.
const PIDFD_VARIABLE: &str = "LISTEN_PIDFDID";

/// Runs the command; gives its exit code, or `128 + n` for signal n.
pub fn run(solo: &Solo) -> u8 {
    match try_run(solo) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "supd: {error}");
            exit::INTERNAL
        }
    }
}

fn try_run(solo: &Solo) -> io::Result<u8> {
    let arguments: Result<Vec<CString>, _> =
        solo.command.iter().map(|word| CString::new(word.clone().into_vec())).collect();
    let arguments = arguments?;
    // Held, not handled: the kernel keeps such a signal even for PID 1, and one wait takes them all. And none
    // ignored: a parent that ignores SIGCHLD would have us lose the command's code.
    signal::hold_all();
    signal::default_all();
    set_name(c"supd-init");
    if Pid::this().as_raw() != 1 {
        become_subreaper()?;
    }
    // In the background the terminal is somebody else's, and stays so.
    let terminal = Terminal::find().filter(Terminal::is_ours);
    let us = Pid::this();
    let Some(command) = fork()? else {
        become_command(&arguments, terminal.as_ref(), us);
    };
    // Done on both sides: whoever is first, the group is there before the first signal is passed on.
    let _ = lead_group(command);
    // What the command was given is the command's: whoever waits for its end of a pipe waits for nobody else.
    close_all_but(terminal.as_ref());
    let init = Init { solo, command, terminal };
    let code = init.serve();
    // A script that goes on after us reads from the terminal, too.
    if let Some(terminal) = &init.terminal {
        let _ = terminal.give_to(our_group());
    }
    code
}

/// The init of one command.
struct Init<'a> {
    solo: &'a Solo,
    /// Its pid, and its process group. Ours and not reaped, so the number is its own.
    command: i32,
    /// The terminal, where it was ours.
    terminal: Option<Terminal>,
}

impl Init<'_> {
    fn serve(&self) -> io::Result<u8> {
        loop {
            if let Some(how) = self.bury() {
                return Ok(match how {
                    How::Exited(code) => code,
                    How::Signaled(signal, _) => 128u8.saturating_add(signal),
                });
            }
            if let (Some(terminal), Some(by)) = (&self.terminal, signal::stopped(self.command)) {
                self.stop_with_it(terminal, by);
            }
            match signal::next()? {
                libc::SIGCHLD => {}
                signal => self.pass_on(signal),
            }
        }
    }

    /// Reaps whatever has ended; says how the command did, if it has.
    fn bury(&self) -> Option<How> {
        let mut end = None;
        while let Ok(Some(ended)) = wait(Which::Any, true) {
            if ended.pid == self.command {
                end = Some(ended.how);
            }
        }
        end
    }

    /// The command may have ended: then its code is next.
    fn pass_on(&self, signal: i32) {
        let Some(signal) = self.solo.rewritten(signal) else { return };
        if let (Some(terminal), libc::SIGCONT) = (&self.terminal, signal) {
            return self.go_on(terminal);
        }
        // A command that has left its group is still the command.
        if !self.solo.group || kill(-self.command, signal).is_err() {
            let _ = kill(self.command, signal);
        }
    }

    /// The command was stopped: by `^Z`, or since it wanted the terminal and had it not. A shell above us waits
    /// for us, not for the command, and must see us stop.
    fn stop_with_it(&self, terminal: &Terminal, by: i32) {
        // `fg` has brought us to the front without a word: then the command may have what it wants.
        let wants_terminal = by == libc::SIGTTIN || by == libc::SIGTTOU;
        if wants_terminal && terminal.is_ours() && terminal.give_to(self.command).is_ok() {
            let _ = kill(-self.command, libc::SIGCONT);
            return;
        }
        let _ = terminal.give_to_from(our_group(), self.command);
        let _ = signal::stop_our_group();
        // Nobody could have let us go on, so we have not stopped; the terminal stays with the command.
        if terminal.is_ours() {
            let _ = terminal.give_to(self.command);
        }
    }

    /// `fg`, or `bg`: only the former has made the terminal ours.
    fn go_on(&self, terminal: &Terminal) {
        if terminal.is_ours() {
            let _ = terminal.give_to(self.command);
        }
        // `^Z` has stopped the whole group.
        if kill(-self.command, libc::SIGCONT).is_err() {
            let _ = kill(self.command, libc::SIGCONT);
        }
    }
}

/// The child's side. A process group of its own, which gets the terminal: `^C` is for the command, once.
fn become_command(arguments: &[CString], terminal: Option<&Terminal>, us: Pid) -> ! {
    let _ = lead_group(0);
    if let Some(terminal) = terminal {
        let _ = terminal.give_to(our_group());
    }
    signal::hold_none();
    let errno = match arguments.first() {
        Some(program) => {
            let executed = match environment(us) {
                None => execvp(program, arguments),
                Some(environment) => execvpe(program, arguments, &environment),
            };
            match executed {
                Ok(never) => match never {},
                Err(errno) => errno,
            }
        }
        None => Errno::ENOENT,
    };
    let name = arguments.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let _ = writeln!(io::stderr(), "supd: cannot execute `{name}`: {}", errno.desc());
    let code = if errno == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE };
    std::process::exit(i32::from(code));
}

/// The environment with the command's pid where ours was named. `None`: it is right as it is.
fn environment(us: Pid) -> Option<Vec<CString>> {
    let names_us = |name: &str| std::env::var(name).is_ok_and(|pid| pid == us.to_string());
    if !PID_VARIABLES.into_iter().any(names_us) {
        return None;
    }
    let put_right = |(name, value): (OsString, OsString)| {
        let name_text = name.to_str().unwrap_or_default();
        if name_text == PIDFD_VARIABLE {
            return None;
        }
        let ours = PID_VARIABLES.contains(&name_text) && names_us(name_text);
        let value = if ours { Pid::this().to_string().into() } else { value };
        let mut variable = name.into_vec();
        variable.push(b'=');
        variable.extend(value.into_vec());
        CString::new(variable).ok()
    };
    Some(std::env::vars_os().filter_map(put_right).collect())
}
