//! What the kernel's command line says to us. Pure: text in, wishes out.
//!
//! Our own words, and those that every init knows. The rest is somebody else's: the kernel's, its modules', the
//! programs'.

use std::ffi::OsString;

use crate::settings::read_watchdog;

/// What somebody typed into the boot loader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// `supd.units=DIR`, in their order.
    pub units: Vec<String>,
    /// `supd.log-level=LEVEL`, or `debug`; the last one holds.
    pub log_level: Option<String>,
    /// `quiet`: only errors of our own on the console.
    pub quiet: bool,
    /// `supd.on-fault=DEED`: what follows two faults of supd in a row; the last one holds.
    pub on_fault: Option<String>,
    /// A shell before units start.
    pub shell: Shell,
    /// `supd.watchdog=TIME`, or `off`; the last one holds.
    pub watchdog: Option<String>,
    /// `supd.break`: a shell in the initramfs, before the root is looked for.
    pub breaks: bool,
    /// Words that begin with `supd.` and mean nothing, to be told.
    pub unknown: Vec<String>,
}

/// Whether a shell comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// No.
    #[default]
    None,
    /// `single`, `rescue`, `s`, `S`, `1`: once the machine's file systems of the kernel are there.
    Rescue,
    /// `emergency`, `-b`: before anything is mounted but what a shell needs.
    Emergency,
}

/// Reads the line. What stands behind ` -- ` is for init, and comes as arguments.
pub fn parse(line: &str) -> Words {
    let mut words = Words::default();
    for word in split(line).take_while(|word| word != "--") {
        match word.split_once('=') {
            Some(("supd.units", directory)) if directory.starts_with('/') => {
                words.units.push(directory.to_owned());
            }
            Some(("supd.log-level", level @ ("error" | "warn" | "info" | "debug"))) => {
                words.log_level = Some(level.to_owned());
            }
            Some(("supd.on-fault", deed @ ("freeze" | "reboot" | "poweroff"))) => {
                words.on_fault = Some(deed.to_owned());
            }
            Some(("supd.watchdog", time)) if read_watchdog(time).is_some() => {
                words.watchdog = Some(time.to_owned());
            }
            _ => match word.as_str() {
                "quiet" => words.quiet = true,
                "debug" => words.log_level = Some("debug".to_owned()),
                "single" | "rescue" | "s" | "S" | "1" => words.shell = words.shell.or(Shell::Rescue),
                "emergency" | "-b" => words.shell = Shell::Emergency,
                "supd.break" => words.breaks = true,
                _ if word.starts_with("supd.") => words.unknown.push(word),
                _ => {}
            },
        }
    }
    words
}

impl Shell {
    fn or(self, other: Self) -> Self {
        if self == Self::None { other } else { self }
    }
}

impl Words {
    /// The same as options of the command line.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        for directory in &self.units {
            arguments.extend(["--units".into(), directory.into()]);
        }
        if let Some(time) = &self.watchdog {
            arguments.extend(["--watchdog".into(), time.into()]);
        }
        if let Some(level) = &self.log_level {
            arguments.extend(["--log-level".into(), level.into()]);
        }
        if let Some(deed) = &self.on_fault {
            arguments.extend(["--on-fault".into(), deed.into()]);
        }
        if self.quiet && self.log_level.is_none() {
            arguments.push("--quiet".into());
        }
        arguments
    }
}

/// The kernel gives init each word that it does not know itself (`single`, `nosplash`), and options after `--`.
/// Only what is written as an option is meant for us as one.
pub fn options_of(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let is_option =
        |word: &OsString| word.as_encoded_bytes().starts_with(b"--") && word.len() > 2 || word == "-q";
    arguments.into_iter().skip_while(|word| !is_option(word)).collect()
}

/// Words, of which quotes may hold spaces as the kernel reads them.
pub(super) fn split(line: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            _ if character.is_whitespace() && !quoted => words.push(String::new()),
            _ => words.last_mut().into_iter().for_each(|word| word.push(character)),
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_line_says_nothing_to_us() {
        let line = "BOOT_IMAGE=/vmlinuz root=UUID=1 ro console=ttyS0,115200 init=/sbin/supd systemd.unit=x panic=1\n";
        assert_eq!(parse(line), Words::default());
        assert_eq!(parse(""), Words::default());
    }

    #[test]
    fn our_words_become_options() {
        let words = parse("ro supd.units=/a supd.log-level=warn \"supd.units=/with space\"");
        let expected = ["--units", "/a", "--units", "/with space", "--log-level", "warn"];
        assert_eq!(words.to_args(), expected.map(OsString::from));
        let expected = ["--on-fault", "reboot"].map(OsString::from);
        assert_eq!(parse("supd.on-fault=freeze supd.on-fault=reboot").to_args(), expected);
        assert_eq!(parse("supd.watchdog=1m").to_args(), ["--watchdog", "1m"].map(OsString::from));
        assert_eq!(parse("quiet").to_args(), ["--quiet"].map(OsString::from));
        assert_eq!(parse("debug").to_args(), ["--log-level", "debug"].map(OsString::from));
        // Who asks for more wants to see it.
        assert_eq!(parse("quiet debug").to_args(), ["--log-level", "debug"].map(OsString::from));
    }

    #[test]
    fn the_words_that_every_init_knows_ask_for_a_shell() {
        for word in ["single", "rescue", "s", "S", "1"] {
            assert_eq!(parse(&format!("quiet {word} ro")).shell, Shell::Rescue, "{word}");
        }
        assert_eq!(parse("emergency single").shell, Shell::Emergency);
        assert_eq!(parse("single emergency").shell, Shell::Emergency);
        assert_eq!(parse("root=single rescue=1 singles").shell, Shell::None);
    }

    #[test]
    fn what_is_written_wrongly_is_told_and_not_taken() {
        let words = parse(
            "supd.units=relative supd.log-level=loud supd.frobnicate supd.units= supd.on-fault=exit supd.watchdog=soon",
        );
        let unknown = [
            "supd.units=relative",
            "supd.log-level=loud",
            "supd.frobnicate",
            "supd.units=",
            "supd.on-fault=exit",
            "supd.watchdog=soon",
        ];
        assert_eq!(words, Words { unknown: unknown.map(str::to_owned).to_vec(), ..Words::default() });
    }

    #[test]
    fn the_words_of_the_programs_are_not_ours() {
        assert_eq!(parse("ro -- single --log-level debug"), Words::default());
    }

    #[test]
    fn only_options_among_the_arguments_are_meant_for_us() {
        let of = |words: &[&str]| options_of(words.iter().map(OsString::from));
        assert_eq!(of(&["single", "nosplash"]), Vec::<OsString>::new());
        assert_eq!(of(&["auto", "--log-level", "debug"]), ["--log-level", "debug"].map(OsString::from));
        assert_eq!(of(&["-b", "--"]), Vec::<OsString>::new());
    }
}
