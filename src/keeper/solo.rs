//! `supd -- CMD ARGS`: the keeper alone, as the init of one command. Passes signals on, buries orphans, ends
//! with the command's code.
//!
//! The command must not be able to tell that we are there: it finds the descriptors that we were given and no
//! other, no signal held or ignored, the terminal if it was ours, and its own pid where ours was meant.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use crate::settings::{Invocation, Place, Solo, exit};
use crate::sys::command::Command;
use crate::sys::early::Arguments;
use crate::sys::process::{How, Which, become_subreaper, close_all_but, kill, set_name, wait};
use crate::sys::resident::FromFile;
use crate::sys::terminal::{Terminal, lead_group, our_group};
use crate::sys::{signal, write_once};

/// What a shell says about a command that is not there, and about one that cannot be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Variables with the pid of the process that they are meant for: sockets, and the watchdog.
const PID_VARIABLES: [&str; 2] = ["LISTEN_PID", "WATCHDOG_PID"];

/// The same by another number of the process. Not needed where the pid is right, wrong where it is another's.
const PIDFD_VARIABLE: &str = "LISTEN_PIDFDID";

/// Runs the command before there is a `main`, where the arguments begin as those of a command do. `None`: they are
/// something else, or wrong, and `main` sees to them.
pub fn early(arguments: Arguments) -> Option<u8> {
    let first = arguments.first()?.as_bytes();
    if !matches!(first, b"--" | b"-g" | b"--group") && !first.starts_with(b"--rewrite") {
        return None;
    }
    // A command does not depend on the place.
    let place =
        Place { variable: &|_| None, root: false, container: false, process_one: false, foreground: false };
    match Invocation::parse(arguments, &place) {
        Ok(Invocation::Solo(solo)) => Some(run(&solo)),
        _ => None,
    }
}

/// Runs the command; gives its exit code, or `128 + n` for signal n.
pub fn run(solo: &Solo) -> u8 {
    match try_run(solo) {
        Ok(code) => code,
        Err(error) => {
            say(&[b"supd: ", error.to_string().as_bytes(), b"\n"]);
            exit::INTERNAL
        }
    }
}

fn try_run(solo: &Solo) -> io::Result<u8> {
    let words: Result<Vec<CString>, _> =
        solo.command.iter().map(|word| CString::new(word.as_bytes())).collect();
    let command = Command::new(words?);
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
    // An environment is made in memory that is the child's own.
    let named = is_named(us).then_some(us);
    let command = command.start(named.is_none(), &|| become_command(&command, terminal.as_ref(), named))?;
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
        let program = FromFile::find();
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
            // While the command runs there is nothing to do, and next to nothing of us needs to be in memory.
            match program.wait_without()? {
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

/// The child's side, which gives a code if it could not be done. A process group of its own, which gets the
/// terminal: `^C` is for the command, once. Where no variable names us it has our memory, and changes nothing there.
fn become_command(command: &Command, terminal: Option<&Terminal>, named: Option<Pid>) -> u8 {
    let _ = lead_group(0);
    if let Some(terminal) = terminal {
        let _ = terminal.give_to(our_group());
    }
    signal::hold_none();
    let environment = named.map(environment);
    let errno = match command.execute(environment.as_deref()).raw_os_error() {
        Some(number) => Errno::from_raw(number),
        None => Errno::UnknownErrno,
    };
    say(&[b"supd: cannot execute `", command.name(), b"`: ", errno.desc().as_bytes(), b"\n"]);
    if errno == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE }
}

/// On standard error, without memory of its own. Nobody may be there to read it.
fn say(parts: &[&[u8]]) {
    for part in parts {
        let _ = write_once(libc::STDERR_FILENO, part);
    }
}

/// Whether a variable names our pid.
fn is_named(us: Pid) -> bool {
    PID_VARIABLES.into_iter().any(|name| names(us, std::env::var_os(name).as_deref()))
}

fn names(us: Pid, value: Option<&OsStr>) -> bool {
    value.and_then(OsStr::to_str).is_some_and(|pid| pid == us.to_string())
}

/// The environment with the command's pid where ours was named.
fn environment(us: Pid) -> Vec<CString> {
    let put_right = |(name, value): (OsString, OsString)| {
        let name_text = name.to_str().unwrap_or_default();
        if name_text == PIDFD_VARIABLE {
            return None;
        }
        let ours = PID_VARIABLES.contains(&name_text) && names(us, Some(&value));
        let value = if ours { Pid::this().to_string().into() } else { value };
        let mut variable = name.into_vec();
        variable.push(b'=');
        variable.extend(value.into_vec());
        CString::new(variable).ok()
    };
    std::env::vars_os().filter_map(put_right).collect()
}
