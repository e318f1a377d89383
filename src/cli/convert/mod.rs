//! `convert FILE…`: crontabs as units; no supd is needed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nix::unistd::User;

use self::crontab::{Columns, Fault, When};
use self::unit_text::{Source, unit_text};
use super::context::Context;
use super::exit::{Exit, Failure, Outcome, os_words};
use crate::limits::{CRONTAB_LINES_MAX, UNIT_FILE_BYTES_MAX, UNIT_NAME_BYTES_MAX};
use crate::unit::calendar::{Dst, Schedule};

mod crontab;
mod unit_text;

/// What `--help` says first.
pub const ABOUT: &str = "\
Crontabs as units: each line becomes a cronjob, @reboot a job; no supd is needed

What is printed is a bundle (supd.toml); with --to there is a file for each line. Where cron would have sent mail,
`supctl logs NAME` has what was printed. /etc/crontab and the files of /etc/cron.d have a column for the user; a
crontab in /var/spool/cron/crontabs is that of the user whose name it has. A line that cannot be read is told, and
the others are written.";

/// Arguments of `convert`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl convert crontab > units/supd.toml\n  supctl convert --to /etc/supd/units /etc/cron.d/backup\n\nExit codes: 0 done, 2 usage, 78 lines cannot be read: the others are written"
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
}

/// A unit that came of a line.
struct Converted {
    entry: crontab::Entry,
    file: PathBuf,
    user: Option<String>,
}

/// `supctl convert FILE…`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let mut units: BTreeMap<String, Converted> = BTreeMap::new();
    let mut exit = Exit::DONE;
    for file in &options.files {
        let (entries, mut faults) = crontab::parse(&read(file)?, columns(options.from.as_deref(), file));
        let several = entries.len() > 1;
        let mut mails = false;
        for (index, entry) in entries.into_iter().enumerate() {
            let line = entry.line;
            if let Some(message) = fault_of(&entry.when) {
                faults.push(Fault { line, message });
                continue;
            }
            mails |= entry.variables.iter().any(|(name, value)| name == "MAILTO" && !value.is_empty());
            let user = entry.user.clone().or_else(|| options.owner.clone()).or_else(|| owner(file));
            let name = name(&stem(file), several.then_some(index + 1));
            match units.entry(name) {
                Entry::Vacant(place) => drop(place.insert(Converted { entry, file: file.clone(), user })),
                Entry::Occupied(place) => {
                    let (name, other) = (place.key(), place.get());
                    let other = format!("{}:{}", other.file.display(), other.entry.line);
                    let message = format!("`{name}` is also the name for {other}: convert them one by one");
                    faults.push(Fault { line, message });
                }
            }
        }
        faults.sort_by_key(|fault| fault.line);
        for Fault { line, message } in faults {
            let message = format!("{}:{line}: {message}", file.display());
            context.complain(&Failure::new(Exit::CONFIGURATION, message));
            exit = Exit::CONFIGURATION;
        }
        if mails {
            let words =
                "no mail is sent: `supctl logs NAME` has what is printed, `supctl history` how it went";
            context.note(&format!("{}: MAILTO: {words}", file.display()));
        }
    }
    match &options.to {
        Some(directory) => write_files(&units, directory, context)?,
        None => context
            .print(&units.iter().map(|(name, unit)| unit.text(Some(name))).collect::<Vec<_>>().join("\n"))?,
    }
    Ok(exit)
}

/// What is wrong with a schedule that has the right number of fields.
fn fault_of(when: &When) -> Option<String> {
    let When::Times(schedule) = when else { return None };
    let error = Schedule::parse(schedule, None, Dst::Once).err()?;
    Some(format!("`{schedule}`: {}", error.message))
}

impl Converted {
    fn text(&self, bundled_as: Option<&str>) -> String {
        let account = self.user.as_deref().and_then(|name| User::from_name(name).ok().flatten());
        let home = account.as_ref().filter(|account| account.dir.is_dir());
        let home = home.and_then(|account| account.dir.to_str());
        unit_text(&self.entry, &Source { file: &self.file, user: self.user.as_deref(), home, bundled_as })
    }
}

/// Those that are there already are left alone where they say the same.
fn write_files(
    units: &BTreeMap<String, Converted>,
    directory: &Path,
    context: &Context,
) -> Result<(), Failure> {
    for (name, unit) in units {
        let (path, new) =
            (directory.join(format!("{name}.toml")), directory.join(format!(".{name}.toml.new")));
        let text = unit.text(None);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            context.say(name)?;
            continue;
        }
        let written = fs::write(&new, &text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|error| {
            Failure::new(Exit::FAILED, format!("cannot write {}: {}", path.display(), os_words(&error)))
        })?;
        context.say(name)?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    let limit = UNIT_FILE_BYTES_MAX + 1;
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => io::stdin().take(limit).read_to_string(&mut text),
        false => fs::File::open(file).and_then(|file| file.take(limit).read_to_string(&mut text)),
    };
    match read {
        Ok(bytes) if bytes as u64 > UNIT_FILE_BYTES_MAX => {
            Err(Failure::new(Exit::CONFIGURATION, format!("{}: it is too large", file.display())))
        }
        Ok(_) if text.lines().count() > CRONTAB_LINES_MAX => {
            let message = format!("{}: it has more than {CRONTAB_LINES_MAX} lines", file.display());
            Err(Failure::new(Exit::CONFIGURATION, message))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::new(
            Exit::CONFIGURATION,
            format!("cannot read {}: {}", file.display(), os_words(&error)),
        )),
    }
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
    let name = if file == Path::new("-") { None } else { file.file_stem() };
    let name = name.map_or_else(|| "crontab".to_owned(), |name| name.to_string_lossy().into_owned());
    let of_directory = file.parent().is_some_and(|parent| parent.ends_with("etc/cron.d"));
    match (of_directory, is_in_spool(file)) {
        (true, _) => format!("cron-d-{name}"),
        (_, true) => format!("crontab-{name}"),
        _ => name,
    }
}

/// A unit's name: lower-case letters, digits and `-`.
fn name(stem: &str, number: Option<usize>) -> String {
    let number = number.map(|number| format!("-{number}")).unwrap_or_default();
    let legal = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let letters = stem.chars().map(|letter| letter.to_ascii_lowercase());
    let mut name: String = letters.map(|letter| if legal(letter) { letter } else { '-' }).collect();
    name.truncate(UNIT_NAME_BYTES_MAX.saturating_sub(number.len()));
    match name.trim_matches('-') {
        "" => format!("crontab{number}"),
        name => format!("{name}{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::name::UnitName;

    #[test]
    fn every_name_is_one_of_a_unit() {
        let long = "a".repeat(80);
        for (file, number, expected) in [
            ("/etc/crontab", Some(2), "crontab-2"),
            ("/etc/cron.d/e2scrub_all", None, "cron-d-e2scrub-all"),
            ("/var/spool/cron/crontabs/Ann", Some(1), "crontab-ann-1"),
            ("app/nightly.crontab", None, "nightly"),
            ("-", None, "crontab"),
            ("ä/..ü", Some(3), "crontab-3"),
            (&long, Some(12), &format!("{}-12", &long[..49])),
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
