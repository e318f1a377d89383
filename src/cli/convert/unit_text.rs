//! A cronjob's unit file, from a line of a crontab.

use std::fmt::Write;
use std::path::Path;

use super::crontab::{Entry, When};
use crate::unit::transient::quoted;

/// What the unit file of an entry is made from, beside it.
pub(super) struct Source<'s> {
    /// Where the entry was read.
    pub(super) file: &'s Path,
    /// Whose it is, where that is known.
    pub(super) user: Option<&'s str>,
    /// Where that one is at home, if there is such a place.
    pub(super) home: Option<&'s str>,
    /// Its tables stand below `[unit.NAME]`, as in a bundle.
    pub(super) bundled_as: Option<&'s str>,
}

/// How cron names what it has a word of its own for.
const SHELL: &str = "SHELL";
/// Variables that are for cron itself, or say what is so anyway.
const FOR_CRON: [&str; 9] =
    [SHELL, "HOME", "LOGNAME", "USER", "MAILTO", "MAILFROM", "CRON_TZ", "RANDOM_DELAY", "CONTENT_TYPE"];

/// How every unit file begins that came from this one: the number of a line follows.
pub(super) fn origin(file: &Path) -> String {
    format!("# {}, line ", printable(&file.display().to_string()))
}

/// The text, as somebody might have written it.
pub(super) fn unit_text(entry: &Entry, source: &Source<'_>) -> String {
    let variable = |name: &str| {
        let found = entry.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let (mut text, mut table) = (String::new(), String::new());
    let _ = writeln!(text, "{}{}:\n#   {}", origin(source.file), entry.line, printable(&entry.text));
    if let Some(name) = source.bundled_as {
        let _ = writeln!(text, "[unit.{name}]");
        table = format!("unit.{name}.");
    }
    let mut set = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    set("description", quoted(&shortened(&entry.command)));
    let command = match &entry.input {
        Some(input) => {
            format!("printf %s '{}' | {{ {}\n}}", input.replace('\'', "'\\''"), entry.command)
        }
        None => entry.command.clone(),
    };
    match variable(SHELL) {
        None | Some("/bin/sh") => set("shell", quoted(&command)),
        Some(shell) => set("exec", format!("[{}, \"-c\", {}]", literal(shell), literal(&command))),
    }
    if let Some(user) = source.user {
        set("user", quoted(user));
    }
    if let Some(home) = variable("HOME").or(source.home) {
        set("working_dir", literal(home));
    }
    let for_it = |pair: &&(String, String)| !FOR_CRON.contains(&pair.0.as_str());
    let mut env: Vec<String> = entry
        .variables
        .iter()
        .filter(for_it)
        .map(|(name, value)| format!("{name} = {}", literal(value)))
        .collect();
    // What runs commands for a daemon's account must not find the shell that keeps people out.
    for (name, value) in [("HOME", variable("HOME")), (SHELL, Some(variable(SHELL).unwrap_or("/bin/sh")))] {
        env.extend(value.map(|value| format!("{name} = {}", literal(value))));
    }
    set("env", format!("{{ {} }}", env.join(", ")));

    match &entry.when {
        When::Boot => {
            let _ = writeln!(text, "\n[{table}job]\nat_boot = \"again\"\nbackoff_limit = 0");
        }
        When::Times(schedule) => {
            let _ = writeln!(text, "\n[{table}cron]\nschedule = {}", quoted(schedule));
            if let Some(zone) = variable("CRON_TZ") {
                let _ = writeln!(text, "time_zone = {}", quoted(zone));
            }
            // Minutes, as cronie has it.
            if let Some(minutes) = variable("RANDOM_DELAY").and_then(|text| text.parse::<u32>().ok()) {
                let _ = writeln!(text, "jitter = \"{minutes}m\"");
            }
            // cron makes up for nothing, and tries nothing again.
            let _ = writeln!(text, "catch_up = \"none\"");
            let _ = writeln!(text, "\n[{table}job]\nbackoff_limit = 0");
        }
    }
    text
}

/// The same for keys in which `$` begins a variable of supd's.
fn literal(text: &str) -> String {
    quoted(&text.replace('$', "$$"))
}

/// For a comment, which ends with its line.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

const DESCRIPTION_LETTERS: usize = 60;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(DESCRIPTION_LETTERS) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::crontab::{Columns, parse};
    use super::*;

    fn text(crontab: &str, bundled_as: Option<&str>) -> String {
        let (entries, faults) = parse(crontab, Columns::Command);
        assert!(faults.is_empty(), "{faults:?}");
        let source =
            Source { file: Path::new("crontab"), user: Some("ann"), home: Some("/home/ann"), bundled_as };
        unit_text(entries.last().unwrap(), &source)
    }

    #[test]
    fn what_cron_does_stands_in_the_unit() {
        let crontab =
            "PATH=/bin\nMAILTO=ann\nCRON_TZ=Europe/Berlin\nRANDOM_DELAY=6\n30 2 * * * echo \"a\\\\b\"\n";
        let expected = r#"# crontab, line 5:
#   30 2 * * * echo "a\\b"
description = "echo \"a\\b\""
shell = "echo \"a\\b\""
user = "ann"
working_dir = "/home/ann"
env = { PATH = "/bin", SHELL = "/bin/sh" }

[cron]
schedule = "30 2 * * *"
time_zone = "Europe/Berlin"
jitter = "6m"
catch_up = "none"

[job]
backoff_limit = 0
"#;
        assert_eq!(text(crontab, None), expected);
    }

    #[test]
    fn another_shell_another_home_and_a_bundle() {
        let expected = r#"# crontab, line 4:
#   @reboot cat $0%it's
[unit.warm]
description = "cat $0"
exec = ["/bin/bash", "-c", "printf %s 'it'\\''s\n' | { cat $$0\n}"]
user = "ann"
working_dir = "/srv"
env = { PRICE = "$$5", HOME = "/srv", SHELL = "/bin/bash" }

[unit.warm.job]
at_boot = "again"
backoff_limit = 0
"#;
        assert_eq!(
            text("SHELL=/bin/bash\nHOME=/srv\nPRICE=$5\n@reboot cat $0%it's\n", Some("warm")),
            expected
        );
    }

    #[test]
    fn no_text_ends_its_line_or_its_quotes() {
        let nasty = "a\"b\\c\td\u{1b}e\u{7f}f\u{85}g";
        let table: toml::Table = format!("text = {}", quoted(nasty)).parse().unwrap();
        assert_eq!(table["text"].as_str(), Some(nasty));
        assert_eq!(printable("a\tb\u{1b}"), "a b ");
        assert_eq!(shortened(&"ä ".repeat(40)).chars().count(), DESCRIPTION_LETTERS);
    }
}
