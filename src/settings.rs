//! What supd was told at its start: by its arguments, its environment and the place it runs in.
//!
//! The front (`supd [OPTIONS]`) works everything out once; each role gets the result as explicit arguments
//! ([`Settings::to_args`]), so that `ps` shows what a role believes. Parsed by hand: fewer than twenty flags
//! are no reason to have an argument parser in PID 1.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use parse::{HELP, read_watchdog};
pub use solo::Solo;

mod parse;
mod solo;

/// What is to be done, from the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// Become the keeper: prepare the directories, then execute ourselves as one.
    Start(Settings),
    /// `supd -- CMD ARGS`: be the init of one command.
    Solo(Solo),
    /// Started by the keeper, or the keeper itself.
    Role(Role, Settings),
}

/// A role of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The part that must not die.
    Keeper {
        /// Which program the process was before.
        before: Before,
    },
    /// What a keeper becomes that cannot go on.
    Fallen {
        /// The descriptor of what it has left.
        will: i32,
    },
    /// The part that starts runs.
    Spawner {
        /// By which the slot table knows it.
        number: u8,
        /// It helps out while another is stuck, and ends when it is idle.
        stand_in: bool,
    },
    /// The part that decides.
    Manager {
        /// Managers before it died at their start: it touches nothing, and says why.
        safe: bool,
    },
    /// The part that moves bytes.
    Logger,
    /// Whether a program could take over from the keeper.
    Trial {
        /// The first of two programs: it opens the second one.
        opens: bool,
    },
}

/// Which program the process of a keeper was before, and the descriptor of what it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// None that was a keeper.
    Nothing,
    /// One that ended in order: its state.
    Replaced(i32),
    /// One that ended by a fault: its will.
    Faulted(i32),
}

/// What becomes of supd after a second fault of its keeper in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// It stands still, and what runs goes on without it.
    Freeze,
    /// The machine is restarted.
    Reboot,
    /// The machine is switched off.
    PowerOff,
    /// It exits.
    Exit,
}

/// What supd was told at its start. Complete: no field is to be defaulted later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where unit files are, strongest first. `<state_dir>/units` (what `supctl apply` keeps) is not among them.
    pub units: Vec<PathBuf>,
    /// Sockets and the lock; private to the owner.
    pub runtime_dir: PathBuf,
    /// What survives.
    pub state_dir: PathBuf,
    /// What pods print.
    pub log_dir: PathBuf,
    /// End when nothing is left to do, also where supd is no container's PID 1.
    pub exit_when_done: bool,
    /// Bound of the whole shutdown.
    pub shutdown_timeout: Duration,
    /// What follows a second fault of the keeper in a row.
    pub on_fault: OnFault,
    /// What is a warning elsewhere is an error.
    pub strict: bool,
    /// Which of supd's own messages are written.
    pub log_level: LogLevel,
    /// How they are written.
    pub log_format: LogFormat,
    /// No lines of pods on the terminal, and of supd's own only errors.
    pub quiet: bool,
    /// We are the main process of a container, as PID 1 or beside another; a bare PID namespace counts as one.
    pub container: bool,
    /// Standard output is a terminal.
    pub foreground: bool,
    /// We are PID 1: of a container, or of the machine. Else we are a subreaper.
    pub process_one: bool,
    /// The cgroup below which supd has its own and those of all pods; the keeper finds it.
    pub tree: Option<PathBuf>,
    /// The machine's hardware watchdog resets it when supd is silent for so long.
    pub watchdog: Option<Duration>,
}

/// Which of supd's own messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What somebody must look at.
    Error,
    /// What somebody may want to look at.
    Warn,
    /// What happens.
    Info,
    /// Why it happens.
    Debug,
}

/// How supd's own messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The place we run in, as far as settings depend on it.
pub struct Place<'a> {
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The effective user is root.
    pub root: bool,
    /// See [`Settings::container`].
    pub container: bool,
    /// See [`Settings::process_one`].
    pub process_one: bool,
    /// See [`Settings::foreground`].
    pub foreground: bool,
}

/// Arguments that are wrong (exit 64), or a place without directories for us (exit 78).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// In words.
    pub message: String,
    /// The exit code.
    pub code: u8,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SettingsError {}

/// The exit codes of supd itself.
pub mod exit {
    /// Wrong arguments.
    pub const USAGE: u8 = 64;
    /// Another supd owns the directories.
    pub const UNAVAILABLE: u8 = 69;
    /// Something that should not have happened.
    pub const INTERNAL: u8 = 70;
    /// Of a manager in safe mode: the next one is to be an ordinary one.
    pub const AGAIN: u8 = 75;
    /// A right is missing.
    pub const PRIVILEGE: u8 = 77;
    /// Directories or units that cannot be used.
    pub const CONFIGURATION: u8 = 78;
}

/// Runtime directory of root, and of everybody in a container: its image has no accounts.
pub const RUNTIME_DIR: &str = "/run/supd";

/// State directory of the same.
pub const STATE_DIR: &str = "/var/lib/supd";

/// Where whoever asks PID 1 for another root says which: the directory, and behind a NUL its init if one is meant.
pub const NEXT_ROOT_FILE: &str = "/run/supd.next-root";

/// The one instead of [`RUNTIME_DIR`], in a container whose root can only be read: what every container manager
/// mounts there, so whoever uses it must look whose it is.
pub fn substitute_runtime_dir(uid: u32) -> PathBuf {
    PathBuf::from(format!("/dev/shm/supd-{uid}"))
}

impl Settings {
    /// We are the init of a machine: what happens when we end happens to the machine.
    pub fn is_machine(&self) -> bool {
        self.process_one && !self.container
    }

    /// Where supctl finds us.
    pub fn control_socket(&self) -> PathBuf {
        self.runtime_dir.join("control.sock")
    }

    /// Where the next keeper finds the logger of one that died.
    pub fn logger_socket(&self) -> PathBuf {
        self.runtime_dir.join("logger.sock")
    }

    /// The arguments of a role, its name first; [`Invocation::parse`] reads them back.
    pub fn to_args(&self, role: Role) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![role.name().into()];
        if let Role::Spawner { number, stand_in } = role {
            arguments.extend(["--number".into(), number.to_string().into()]);
            if stand_in {
                arguments.push("--stand-in".into());
            }
        }
        if role == (Role::Manager { safe: true }) {
            arguments.push("--safe".into());
        }
        let left = match role {
            Role::Keeper { before: Before::Replaced(number) } => Some(("--resume", number)),
            Role::Keeper { before: Before::Faulted(number) } => Some(("--will", number)),
            Role::Fallen { will } => Some(("--will", will)),
            _ => None,
        };
        if let Some((name, number)) = left {
            arguments.extend([name.into(), number.to_string().into()]);
        }
        for (set, name) in [
            (role == Role::Trial { opens: true }, "--opens"),
            (self.process_one, "--process-one"),
            (self.container, "--container"),
            (self.foreground, "--foreground"),
            (self.exit_when_done, "--exit-when-done"),
            (self.strict, "--strict"),
            (self.quiet, "--quiet"),
        ] {
            if set {
                arguments.push(name.into());
            }
        }
        let mut pair = |name: &str, value: &OsStr| arguments.extend([name.into(), value.to_owned()]);
        for directory in &self.units {
            pair("--units", directory.as_os_str());
        }
        let path = Path::as_os_str;
        pair("--runtime-dir", path(&self.runtime_dir));
        pair("--state-dir", path(&self.state_dir));
        pair("--log-dir", path(&self.log_dir));
        if let Some(tree) = &self.tree {
            pair("--tree", path(tree));
        }
        pair("--shutdown-timeout", format!("{}ms", self.shutdown_timeout.as_millis()).as_ref());
        pair("--on-fault", self.on_fault.name().as_ref());
        if let Some(timeout) = self.watchdog {
            pair("--watchdog", format!("{}ms", timeout.as_millis()).as_ref());
        }
        pair("--log-level", self.log_level.name().as_ref());
        pair("--log-format", self.log_format.name().as_ref());
        arguments
    }
}

impl LogLevel {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let all = [Self::Error, Self::Warn, Self::Info, Self::Debug];
        all.into_iter().find(|level| level.name() == text).ok_or("error, warn, info or debug")
    }
}

impl OnFault {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Reboot => "reboot",
            Self::PowerOff => "poweroff",
            Self::Exit => "exit",
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let all = [Self::Freeze, Self::Reboot, Self::PowerOff, Self::Exit];
        all.into_iter().find(|deed| deed.name() == text).ok_or("freeze, reboot, poweroff or exit")
    }

    /// What follows where nothing was said: a machine's init cannot exit, and everybody else does.
    fn of(place: &Place<'_>) -> Self {
        if place.process_one && !place.container { Self::Freeze } else { Self::Exit }
    }

    /// Why it cannot follow in this place.
    fn misplaced(self, place: &Place<'_>) -> Option<&'static str> {
        let machine = place.process_one && !place.container;
        match self {
            Self::Exit if machine => {
                Some("the init of a machine cannot exit; `freeze`, `reboot` or `poweroff`")
            }
            Self::Freeze if !place.process_one => Some("only PID 1 stands still; `exit`"),
            Self::Reboot | Self::PowerOff if !machine => {
                Some("that is for the init of a machine; `exit`, or in a container `freeze`")
            }
            _ => None,
        }
    }
}

impl LogFormat {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        [Self::Text, Self::Json].into_iter().find(|format| format.name() == text).ok_or("text or json")
    }
}

impl Role {
    /// Whether the arguments, the program's own name left out, are those of a role.
    pub fn is_named(arguments: &[OsString]) -> bool {
        arguments.first().is_some_and(|word| parse::is_role(word))
    }

    /// The word that `ps` shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keeper { .. } => "keeper",
            Self::Fallen { .. } => "fallen",
            Self::Trial { .. } => "trial",
            Self::Spawner { .. } => "spawner",
            Self::Manager { .. } => "manager",
            Self::Logger => "logger",
        }
    }
}
