//! `convert FILE…`: crontabs as units; no supd is needed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nix::unistd::User;

use self::crontab::{Columns, Fault, When};
use self::unit_text::{Source, origin, unit_text};
use super::context::Context;
use super::exit::{Exit, Failure, Outcome, os_words};
use crate::limits::{CRONTAB_LINES_MAX, UNIT_FILE_BYTES_MAX, UNIT_NAME_BYTES_MAX};
use crate::unit::calendar::{Dst, Schedule};
use crate::unit::hash;
use crate::unit::name::UnitName;
use crate::unit::transient::read_transient;

mod crontab;
mod unit_text;

/// What `--help` says first.
pub const ABOUT: &str = "\
Crontabs as units: each line becomes a cronjob, @reboot a job; no supd is needed

What is printed is a bundle (supd.toml); with --to there is a file for each line. /etc/crontab and the files of \
/etc/cron.d have a column for the user; a crontab in /var/spool/cron/crontabs is that of the user whose name it has. \
A line that cannot be read, or means something else to cron, is told, and the others are written.

Lines run as Debian's cron runs them: by /bin/sh or SHELL, at home, with what stands behind % as input, never made up \
for, one beside the other. But no mail is sent: `supctl logs NAME` has what was printed. PATH is supd's where none is \
set. CRON_TZ and RANDOM_DELAY are what cronie makes of them.";

/// Arguments of `convert`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl convert crontab > units/supd.toml\n  supctl convert --to /etc/supd/units /etc/cron.d/backup\n\nExit codes: 0 done, 2 usage, 78 lines or files cannot be read: the others are written"
)]
pub struct Options {
    /// Crontabs; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What the files are, where their paths do not say it: crontab, or system-crontab with a column for the user
    #[arg(long, value_name = "KIND", value_parser = ["crontab", "system-crontab"])]
    from: Option<String>,
    /// A directory for the unit files, whose names are printed
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Whose crontabs they are
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// Names that stay with their lines wherever those stand, instead of numbers
    #[arg(long)]
    stable_names: bool,
}

/// A unit that came of a line.
struct Converted {
    line: usize,
    file: PathBuf,
    text: String,
}

/// `supctl convert FILE…`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let mut units: BTreeMap<String, Converted> = BTreeMap::new();
    let mut exit = Exit::DONE;
    for file in &options.files {
        match read(file) {
            Ok(text) => {
                for Fault { line, message } in convert(file, &text, options, &mut units, context) {
                    let message = format!("{}:{line}: {message}", file.display());
                    context.complain(&Failure::new(Exit::CONFIGURATION, message));
                    exit = Exit::CONFIGURATION;
                }
            }
            Err(failure) => {
                context.complain(&failure);
                exit = failure.exit;
            }
        }
    }
    match &options.to {
        Some(directory) => write_files(&units, directory, context)?,
        None => {
            let texts: Vec<&str> = units.values().map(|unit| unit.text.as_str()).collect();
            context.print(&texts.join("\n"))?;
        }
    }
    Ok(exit)
}

/// Makes units of a crontab's lines; gives what is wrong with others.
fn convert(
    file: &Path,
    text: &str,
    options: &Options,
    units: &mut BTreeMap<String, Converted>,
    context: &Context,
) -> Vec<Fault> {
    let place = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let (entries, mut faults) = crontab::parse(text, columns(options.from.as_deref(), &place));
    let several = entries.len() > 1;
    let mut mails = false;
    for (index, entry) in entries.into_iter().enumerate() {
        let line = entry.line;
        let mark = match options.stable_names {
            true => {
                Some(format!("{:06x}", hash::of_text(&format!("{}\n{}", place.display(), entry.text)) >> 40))
            }
            false => several.then(|| (index + 1).to_string()),
        };
        let name = name(&stem(&place), mark.as_deref());
        let user = entry.user.clone().or_else(|| options.owner.clone()).or_else(|| owner(&place));
        let account = user.as_deref().and_then(|name| User::from_name(name).ok().flatten());
        let home = account.as_ref().filter(|account| account.dir.is_dir());
        let home = home.and_then(|account| account.dir.to_str());
        let bundled =
            |bundled_as| unit_text(&entry, &Source { file, user: user.as_deref(), home, bundled_as });
        if let Some(message) = fault_of(&entry.when).or_else(|| fault_in(&name, &bundled(None))) {
            faults.push(Fault { line, message });
            continue;
        }
        mails |= entry.variables.iter().any(|(name, value)| name == "MAILTO" && !value.is_empty());
        let text = bundled(options.to.is_none().then_some(name.as_str()));
        match units.entry(name) {
            Entry::Vacant(place) => drop(place.insert(Converted { line, file: file.to_owned(), text })),
            Entry::Occupied(place) => {
                let (name, other) = (place.key(), place.get());
                let message =
                    format!("`{name}` is also the name for {}:{}", other.file.display(), other.line);
                faults.push(Fault { line, message });
            }
        }
    }
    if mails {
        let words = "no mail is sent: `supctl logs NAME` has what is printed, `supctl history` how it went";
        context.note(&format!("{}: MAILTO: {words}", file.display()));
    }
    faults.sort_by_key(|fault| fault.line);
    faults
}

/// What is wrong with a schedule that has the right number of fields.
fn fault_of(when: &When) -> Option<String> {
    let When::Times(schedule) = when else { return None };
    let error = Schedule::parse(schedule, None, Dst::Once).err()?;
    Some(format!("`{schedule}`: {}", error.message))
}

/// Why supd would not load the unit: a variable's value may be one that no unit can have.
fn fault_in(name: &str, text: &str) -> Option<String> {
    let name = UnitName::parse(name).ok()?;
    let faults = read_transient(&name, text, &|_| None).err()?;
    Some(faults.first().map_or_else(|| "it makes no unit".to_owned(), |fault| fault.message.clone()))
}

/// Those that are there already are left alone where they say the same; one that came of another file is not replaced.
fn write_files(
    units: &BTreeMap<String, Converted>,
    directory: &Path,
    context: &Context,
) -> Result<(), Failure> {
    for (name, unit) in units {
        let (path, new) =
            (directory.join(format!("{name}.toml")), directory.join(format!(".{name}.toml.new")));
        match fs::read_to_string(&path) {
            Ok(there) if there == unit.text => {}
            Ok(there) if !there.starts_with(&origin(&unit.file)) => {
                let message =
                    format!("{}: it is there, and not from {}", path.display(), unit.file.display());
                return Err(Failure::new(Exit::FAILED, message).hint("other names: --stable-names"));
            }
            _ => {
                let written = fs::write(&new, &unit.text).and_then(|()| fs::rename(&new, &path));
                written.map_err(|error| {
                    let message = format!("cannot write {}: {}", path.display(), os_words(&error));
                    Failure::new(Exit::FAILED, message)
                })?;
            }
        }
        context.say(name)?;
    }
    Ok(())
}

/// What is not UTF-8 in it shows where a line is read.
fn read(file: &Path) -> Result<String, Failure> {
    let limit = UNIT_FILE_BYTES_MAX + 1;
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().take(limit).read_to_end(&mut bytes),
        false => fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    let failure = |message: String| Failure::new(Exit::CONFIGURATION, message);
    let length =
        read.map_err(|error| failure(format!("cannot read {}: {}", file.display(), os_words(&error))))?;
    if length as u64 > UNIT_FILE_BYTES_MAX {
        return Err(failure(format!("{}: it is too large", file.display())));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.lines().count() > CRONTAB_LINES_MAX {
        return Err(failure(format!("{}: it has more than {CRONTAB_LINES_MAX} lines", file.display())));
    }
    Ok(text)
}

fn columns(from: Option<&str>, file: &Path) -> Columns {
    let of_system =
        file.ends_with("etc/crontab") || file.parent().is_some_and(|parent| parent.ends_with("etc/cron.d"));
    match from {
        Some("system-crontab") => Columns::UserAndCommand,
        None if of_system => Columns::UserAndCommand,
        _ => Columns::Command,
    }
}

/// Where crontab(1) keeps them.
fn is_in_spool(file: &Path) -> bool {
    file.parent().is_some_and(|parent| parent.ends_with("cron/crontabs"))
}

fn owner(file: &Path) -> Option<String> {
    file.file_name().filter(|_| is_in_spool(file)).and_then(|name| name.to_str()).map(str::to_owned)
}

/// What the names of a file's units begin with.
fn stem(file: &Path) -> String {
    let of_directory = file.parent().is_some_and(|parent| parent.ends_with("etc/cron.d"));
    let name = if of_directory || is_in_spool(file) { file.file_name() } else { file.file_stem() };
    let name = name.filter(|name| *name != "-");
    let name = name.map_or_else(|| "crontab".to_owned(), |name| name.to_string_lossy().into_owned());
    match (of_directory, is_in_spool(file)) {
        (true, _) => format!("cron-d-{name}"),
        (_, true) => format!("crontab-{name}"),
        _ => name,
    }
}

/// A unit's name: lower-case letters, digits and `-`. `mark`: what tells it from others of its file.
fn name(stem: &str, mark: Option<&str>) -> String {
    let mark = mark.map(|mark| format!("-{mark}")).unwrap_or_default();
    let legal = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let letters = stem.chars().map(|letter| letter.to_ascii_lowercase());
    let mut name: String = letters.map(|letter| if legal(letter) { letter } else { '-' }).collect();
    name.truncate(UNIT_NAME_BYTES_MAX.saturating_sub(mark.len()));
    match name.trim_matches('-') {
        "" => format!("crontab{mark}"),
        name => format!("{name}{mark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_of_a_unit() {
        let long = "a".repeat(80);
        for (file, number, expected) in [
            ("/etc/crontab", Some("2"), "crontab-2"),
            ("/etc/cron.d/e2scrub_all", None, "cron-d-e2scrub-all"),
            ("/var/spool/cron/crontabs/Ann", Some("1"), "crontab-ann-1"),
            ("/var/spool/cron/crontabs/john.doe", Some("3f2a1c"), "crontab-john-doe-3f2a1c"),
            ("app/nightly.crontab", None, "nightly"),
            ("-", None, "crontab"),
            ("ä/..ü", Some("3"), "crontab-3"),
            (&long, Some("12"), &format!("{}-12", &long[..49])),
        ] {
            let name = name(&stem(Path::new(file)), number);
            assert_eq!(name, expected, "{file}");
            assert!(UnitName::parse(&name).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_path_says_whose_crontab_it_is() {
        let system = ["/etc/crontab", "/target/etc/crontab", "/etc/cron.d/backup"];
        assert!(system.iter().all(|file| columns(None, Path::new(file)) == Columns::UserAndCommand));
        assert_eq!(columns(None, Path::new("crontab")), Columns::Command);
        assert_eq!(columns(Some("crontab"), Path::new("/etc/crontab")), Columns::Command);
        assert_eq!(columns(Some("system-crontab"), Path::new("-")), Columns::UserAndCommand);
        assert_eq!(owner(Path::new("/var/spool/cron/crontabs/ann")).as_deref(), Some("ann"));
        assert_eq!(owner(Path::new("/etc/cron.d/ann")), None);
    }
}
