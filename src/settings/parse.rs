//! Arguments to settings.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use super::solo::parse_rewrite;
use super::{
    Before, Invocation, LogFormat, LogLevel, OnFault, Place, RUNTIME_DIR, Role, STATE_DIR, Settings,
    SettingsError, Solo, exit,
};
use crate::limits::SOCKET_PATH_BYTES_MAX;

/// Where root's units are, strongest first, and whether only the init of a machine reads them there: the same host may
/// boot under another init, which has its own ways to udev and to logins.
const SHARED_UNITS: [(&str, bool); 6] = [
    ("/etc/supd/units", false),
    ("/etc/supd/machine", true),
    ("/run/supd/units", false),
    ("/usr/local/lib/supd/units", false),
    ("/usr/lib/supd/units", false),
    ("/usr/lib/supd/machine", true),
];

const FOR_SOLO: &str = "`--group` and `--rewrite` are for `supd -- CMD`";

/// What `supd --help` prints; fits 80 columns and 40 lines.
pub const HELP: &str = "\
supd runs native processes as pods, with the workload semantics of Kubernetes.

Usage: supd [OPTIONS]                run the units of this machine or container
       supd [OPTIONS] -- CMD [ARG]   be the init of one command: pass signals
                                     on, reap orphans, end with its code

Directories:
      --units DIR              read unit files here, and nowhere else; may be
                               given again, the first is the strongest
      --runtime-dir DIR        control socket and lock
      --state-dir DIR          what must survive a restart
      --log-dir DIR            what pods print

Behaviour:
      --exit-when-done         end when no service and no cronjob is left and
                               all jobs have finished (always so in a container)
      --shutdown-timeout TIME  bound of the whole shutdown, as `9s` or `1m30s`
                               [default: 9s in a container, 90s elsewhere]
      --on-fault DEED          after two faults of supd in 10 s: exit, freeze,
                               reboot or poweroff
      --watchdog TIME          arm the machine's hardware watchdog, or `off`
      --strict                 refuse to run with what is otherwise a warning

With a command:
  -g, --group                  signals go to its whole process group
      --rewrite FROM:TO        pass another signal on, as `TERM:QUIT`, or none,
                               as `HUP:0`; may be given again

Messages:
      --log-level LEVEL        error, warn, info or debug [default: info]
      --log-format FORMAT      text or json [default: text]
  -q, --quiet                  errors only, and no lines of pods on the terminal

  -h, --help                   print this
  -V, --version                print the version

Exit codes: 0; that of the essential unit; 64 usage, 69 another supd is running
here, 70 internal, 77 a right is missing, 78 configuration.
`supctl status` shows what is running.
";

impl Invocation {
    /// Reads the arguments, the program's own name left out.
    pub fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        place: &Place<'_>,
    ) -> Result<Self, SettingsError> {
        let mut arguments = arguments.into_iter().peekable();
        let role = arguments.peek().and_then(|word| RoleName::parse(word));
        if role.is_some() {
            arguments.next();
        }
        let mut options = Options::default();
        let mut of_units = None;
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                let command: Vec<OsString> = arguments.collect();
                return match (role, command.is_empty(), of_units) {
                    (Some(_), ..) => Err(usage("a role takes no command".into())),
                    (None, true, _) => {
                        Err(usage("`--` is followed by a command, as in `supd -- nginx`".into()))
                    }
                    (None, false, Some(name)) => {
                        Err(usage(format!("`{name}` is for units, and `supd -- CMD` has none")))
                    }
                    (None, false, None) => Ok(Self::Solo(Solo { command, ..options.solo })),
                };
            }
            let (name, value) = split(&argument);
            match name.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "-V" | "--version" => return Ok(Self::Version),
                _ => {}
            }
            let mut value = || match &value {
                Some(value) => Ok(value.clone()),
                None => arguments.next().ok_or_else(|| usage(format!("`{name}` needs a value"))),
            };
            options.take(&name, role.is_some(), &mut value)?;
            if !matches!(name.as_str(), "-q" | "--quiet" | "-g" | "--group" | "--rewrite") {
                of_units.get_or_insert(name);
            }
        }
        if options.solo != Solo::default() {
            return Err(usage(FOR_SOLO.into()));
        }
        let Some(role) = role else { return options.settle(place).map(Self::Start) };
        let number = options.number.unwrap_or(0);
        let role = match role {
            RoleName::Keeper => Role::Keeper {
                before: match (options.resume, options.will) {
                    (Some(number), _) => Before::Replaced(number),
                    (None, Some(number)) => Before::Faulted(number),
                    (None, None) => Before::Nothing,
                },
            },
            RoleName::Fallen => match options.will {
                Some(will) => Role::Fallen { will },
                None => {
                    return Err(usage(
                        "`fallen` is a part of supd, started by it; run `supd` instead".into(),
                    ));
                }
            },
            RoleName::Trial => Role::Trial { opens: options.opens },
            RoleName::Spawner => Role::Spawner { number, stand_in: options.stand_in },
            RoleName::Manager => Role::Manager { safe: options.safe },
            RoleName::Logger => Role::Logger,
        };
        let place = Place {
            container: options.container,
            process_one: options.process_one,
            foreground: options.foreground,
            ..*place
        };
        options.settle(&place).map(|settings| Self::Role(role, settings))
    }
}

impl Settings {
    /// Of the init of a machine, which has to start whatever somebody has typed: what cannot be understood is left out,
    /// and said in words.
    pub fn of_init(
        arguments: impl IntoIterator<Item = OsString>,
        place: &Place<'_>,
    ) -> (Result<Self, SettingsError>, Vec<String>) {
        let mut arguments = arguments.into_iter();
        let (mut options, mut left_out) = (Options::default(), Vec::new());
        while let Some(argument) = arguments.next() {
            let (name, value) = split(&argument);
            if let "--" | "-h" | "--help" | "-V" | "--version" = name.as_str() {
                left_out.push(format!("`{name}` asks for something else than an init"));
                // Behind the first of them is a command.
                if name == "--" { break } else { continue }
            }
            let mut value = || match &value {
                Some(value) => Ok(value.clone()),
                None => arguments.next().ok_or_else(|| usage(format!("`{name}` needs a value"))),
            };
            if let Err(error) = options.take(&name, false, &mut value) {
                left_out.push(error.message);
            }
        }
        if options.solo != Solo::default() {
            left_out.push(FOR_SOLO.into());
        }
        if let Some((deed, why)) = options.on_fault.and_then(|deed| Some((deed, deed.misplaced(place)?))) {
            left_out.push(format!("`--on-fault {}`: {why}", deed.name()));
            options.on_fault = None;
        }
        let settings = options.clone().settle(place).or_else(|error| {
            left_out.push(error.message);
            Options { runtime_dir: None, ..options }.settle(place)
        });
        (settings, left_out)
    }
}

#[derive(Clone, Copy)]
enum RoleName {
    Keeper,
    Fallen,
    Spawner,
    Manager,
    Logger,
    Trial,
}

/// Whether it is the name of a role.
pub(super) fn is_role(word: &OsStr) -> bool {
    RoleName::parse(word).is_some()
}

impl RoleName {
    fn parse(word: &OsStr) -> Option<Self> {
        Some(match word.as_bytes() {
            b"keeper" => Self::Keeper,
            b"fallen" => Self::Fallen,
            b"spawner" => Self::Spawner,
            b"manager" => Self::Manager,
            b"logger" => Self::Logger,
            b"trial" => Self::Trial,
            _ => return None,
        })
    }
}

/// Options before the place has filled the gaps.
#[derive(Clone, Default)]
struct Options {
    units: Vec<PathBuf>,
    runtime_dir: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    log_dir: Option<PathBuf>,
    exit_when_done: bool,
    shutdown_timeout: Option<Duration>,
    on_fault: Option<OnFault>,
    strict: bool,
    log_level: Option<LogLevel>,
    log_format: Option<LogFormat>,
    quiet: bool,
    solo: Solo,
    container: bool,
    foreground: bool,
    process_one: bool,
    tree: Option<PathBuf>,
    number: Option<u8>,
    stand_in: bool,
    safe: bool,
    resume: Option<i32>,
    will: Option<i32>,
    opens: bool,
    watchdog: Option<Duration>,
}

impl Options {
    /// Takes one option. Those that only a role gets are not in the help.
    fn take(
        &mut self,
        name: &str,
        role: bool,
        value: &mut dyn FnMut() -> Result<OsString, SettingsError>,
    ) -> Result<(), SettingsError> {
        let mut directory = || -> Result<PathBuf, SettingsError> {
            let path = PathBuf::from(value()?);
            if path.as_os_str().is_empty() {
                return Err(usage(format!("`{name}` needs the path of a directory")));
            }
            std::path::absolute(&path).map_err(|error| usage(format!("`{name}`: {error}")))
        };
        match name {
            "--units" => self.units.push(directory()?),
            "--runtime-dir" => self.runtime_dir = Some(directory()?),
            "--state-dir" => self.state_dir = Some(directory()?),
            "--tree" if role => self.tree = Some(directory()?),
            "--log-dir" => self.log_dir = Some(directory()?),
            "--exit-when-done" => self.exit_when_done = true,
            "--shutdown-timeout" => self.shutdown_timeout = Some(duration(name, &value()?)?),
            "--on-fault" => self.on_fault = Some(choice(name, &value()?, OnFault::parse)?),
            "--strict" => self.strict = true,
            "--watchdog" => {
                let text = value()?.to_string_lossy().into_owned();
                let wrong = || usage(format!("`{name} {text}`: it is a time of a second or more, or `off`"));
                self.watchdog = read_watchdog(&text).ok_or_else(wrong)?;
            }
            "--log-level" => self.log_level = Some(choice(name, &value()?, LogLevel::parse)?),
            "--log-format" => self.log_format = Some(choice(name, &value()?, LogFormat::parse)?),
            "-q" | "--quiet" => self.quiet = true,
            "-g" | "--group" if !role => self.solo.group = true,
            "--rewrite" if !role => {
                let text = value()?.to_string_lossy().into_owned();
                let rule = parse_rewrite(&text).map_err(|why| usage(format!("`{name} {text}`: {why}")))?;
                self.solo.rewrites.push(rule);
            }
            "--container" if role => self.container = true,
            "--foreground" if role => self.foreground = true,
            "--process-one" if role => self.process_one = true,
            "--stand-in" if role => self.stand_in = true,
            "--safe" if role => self.safe = true,
            "--opens" if role => self.opens = true,
            "--resume" if role => {
                let number = value()?.to_str().and_then(|text| text.parse().ok());
                self.resume = Some(number.ok_or_else(|| usage("`--resume` takes a descriptor".into()))?);
            }
            "--will" if role => {
                let number = value()?.to_str().and_then(|text| text.parse().ok());
                self.will = Some(number.ok_or_else(|| usage("`--will` takes a descriptor".into()))?);
            }
            "--number" if role => {
                let number = value()?.to_str().and_then(|text| text.parse().ok());
                self.number = Some(number.ok_or_else(|| usage("`--number` takes 0 to 255".into()))?);
            }
            _ if name.starts_with('-') => {
                return Err(usage(format!("unknown option `{name}`; `supd --help` lists them")));
            }
            _ => {
                let hint = "units are controlled by `supctl`, a command to run comes after `--`";
                return Err(usage(format!("unexpected argument `{name}`; {hint}")));
            }
        }
        Ok(())
    }

    /// Fills what was not said from the place.
    fn settle(self, place: &Place<'_>) -> Result<Settings, SettingsError> {
        // Whatever account a container runs as, its image has one place for everything.
        let shared = place.root || place.container;
        let state_dir = match self.state_dir {
            Some(path) => path,
            None if shared => STATE_DIR.into(),
            None => place.xdg("XDG_STATE_HOME", ".local/state", "--state-dir")?.join("supd"),
        };
        let runtime_dir = match self.runtime_dir {
            Some(path) => path,
            None if shared => RUNTIME_DIR.into(),
            None => match place.absolute("XDG_RUNTIME_DIR") {
                Some(path) => path.join("supd"),
                None => state_dir.join("run"),
            },
        };
        let log_dir = match self.log_dir {
            Some(path) => path,
            None if shared => "/var/log/supd/pods".into(),
            None => state_dir.join("log"),
        };
        let units = if !self.units.is_empty() {
            self.units
        } else if shared {
            let is_machine = place.process_one && !place.container;
            let directories = SHARED_UNITS.iter().filter(|(_, of_a_machine)| is_machine || !of_a_machine);
            directories.map(|(path, _)| PathBuf::from(path)).collect()
        } else {
            vec![place.xdg("XDG_CONFIG_HOME", ".config", "--units")?.join("supd/units")]
        };
        let on_fault = self.on_fault.unwrap_or_else(|| OnFault::of(place));
        if let Some(why) = on_fault.misplaced(place) {
            return Err(usage(format!("`--on-fault {}`: {why}", on_fault.name())));
        }
        if self.watchdog.is_some() && (place.container || !place.process_one) {
            return Err(usage("`--watchdog` is for the init of a machine".into()));
        }
        let settings = Settings {
            units,
            runtime_dir,
            state_dir,
            log_dir,
            exit_when_done: self.exit_when_done,
            shutdown_timeout: self.shutdown_timeout.unwrap_or(Duration::from_secs(if place.container {
                9
            } else {
                90
            })),
            on_fault,
            strict: self.strict,
            log_level: self.log_level.unwrap_or(LogLevel::Info),
            log_format: self.log_format.unwrap_or(LogFormat::Text),
            quiet: self.quiet,
            container: place.container,
            foreground: place.foreground,
            process_one: place.process_one,
            tree: self.tree,
            watchdog: self.watchdog,
        };
        let socket = settings.control_socket();
        let length = socket.as_os_str().len();
        if length > SOCKET_PATH_BYTES_MAX {
            let message = format!(
                "the control socket's path is {length} bytes long, and the kernel takes {SOCKET_PATH_BYTES_MAX}: \
                 {}; choose a shorter `--runtime-dir`",
                socket.display()
            );
            return Err(SettingsError { message, code: exit::CONFIGURATION });
        }
        Ok(settings)
    }
}

impl Place<'_> {
    /// A directory of the XDG specification, or its default below the home directory.
    fn xdg(&self, variable: &str, default: &str, option: &str) -> Result<PathBuf, SettingsError> {
        self.absolute(variable).or_else(|| self.absolute("HOME").map(|home| home.join(default))).ok_or_else(
            || {
                let message =
                    format!("neither `{variable}` nor `HOME` is set; `{option} DIR` names the directory");
                SettingsError { message, code: exit::CONFIGURATION }
            },
        )
    }

    /// A relative path is to be ignored, says the XDG specification.
    fn absolute(&self, variable: &str) -> Option<PathBuf> {
        (self.variable)(variable).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

/// `--name=value` and `--name`.
fn split(argument: &OsStr) -> (String, Option<OsString>) {
    let bytes = argument.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) if bytes.starts_with(b"--") => {
            let value = OsString::from_vec(bytes[at + 1..].to_vec());
            (String::from_utf8_lossy(&bytes[..at]).into_owned(), Some(value))
        }
        _ => (argument.to_string_lossy().into_owned(), None),
    }
}

fn usage(message: String) -> SettingsError {
    SettingsError { message, code: exit::USAGE }
}

fn choice<T>(
    name: &str,
    value: &OsStr,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<T, SettingsError> {
    let text = value.to_string_lossy();
    parse(&text).map_err(|choices| usage(format!("`{name} {text}`: it is {choices}")))
}

/// `9s`, `1m30s`, `250ms`, `2h`; a bare number is seconds.
fn duration(name: &str, value: &OsStr) -> Result<Duration, SettingsError> {
    let text = value.to_string_lossy();
    read_duration(&text)
        .ok_or_else(|| usage(format!("`{name} {text}`: a time is written as in `9s`, `1m30s` or `500ms`")))
}

/// How long a hardware watchdog is to wait, if it is to; `None`: it was written wrongly.
pub fn read_watchdog(text: &str) -> Option<Option<Duration>> {
    match text {
        "off" => Some(None),
        _ => read_duration(text).filter(|timeout| timeout.as_secs() > 0).map(Some),
    }
}

fn read_duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor_ms = match rest.get(..unit)? {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(factor_ms)?))?;
        rest = rest.get(unit..)?;
    }
    if text.is_empty() { None } else { Some(total) }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
