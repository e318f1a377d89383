//! What hands already know: spellings of other tools that mean exactly one of our verbs.
//!
//! Works on the arguments before they are parsed: flags before the verb move behind it, an alias becomes
//! what it stands for, and no verb at all is `status`.

/// Flags before the verb that take a value of their own.
const VALUED: &[&str] = &[
    "-o",
    "--output",
    "--socket",
    "--color",
    "--timeout",
    "-n",
    "--lines",
    "-l",
    "--selector",
    "-H",
    "--host",
    "--context",
    "--root",
];

/// Other tools' words, and ours for the same. Where arguments change places, see [`reorder`].
const ALIASES: &[(&str, &[&str])] = &[
    ("list", &["get"]),
    ("ls", &["get"]),
    ("list-units", &["get", "units"]),
    ("list-unit-files", &["get", "units", "--all"]),
    ("list-timers", &["get", "cronjobs"]),
    ("list-jobs", &["get", "jobs"]),
    ("inspect", &["get", "--json"]),
    ("log", &["logs"]),
    ("event", &["events"]),
    ("catlog", &["logs"]),
    ("tail", &["logs"]),
    ("update", &["apply"]),
    ("replan", &["apply"]),
    ("reread", &["daemon-reload"]),
    ("reload-daemon", &["daemon-reload"]),
    ("daemon-reexec", &["reexec"]),
    ("check", &["validate"]),
    ("verify", &["validate"]),
    ("lint", &["validate"]),
    ("cron", &["calendar"]),
    ("is-running", &["is-active"]),
    ("up", &["start"]),
    ("down", &["stop"]),
    ("rm", &["delete"]),
];

/// Arguments as they are parsed: program, verb, flags, the rest.
pub fn normalise(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().unwrap_or_else(|| "supctl".to_owned());
    let mut rest: Vec<String> = arguments.collect();
    let at = verb_position(&rest);
    let asks_for_itself = |flag: &String| matches!(flag.as_str(), "-h" | "--help" | "-V" | "--version");
    let Some(at) = at else {
        if !rest.iter().any(asks_for_itself) {
            rest.insert(0, "status".to_owned());
        }
        rest.insert(0, program);
        return rest;
    };
    let behind = rest.split_off(at + 1);
    let verb = rest.pop().unwrap_or_default();
    let leading = rest;
    let mut words = vec![program];
    match expand(&verb, behind) {
        Ok((ours, behind)) => {
            words.extend(ours.iter().map(|word| (*word).to_owned()));
            words.extend(leading);
            words.extend(behind);
        }
        Err(behind) => {
            words.push(verb);
            words.extend(leading);
            words.extend(behind);
        }
    }
    words
}

/// Where the verb stands: the first word that is no flag and no flag's value.
fn verb_position(words: &[String]) -> Option<usize> {
    let mut value_next = false;
    words.iter().position(|word| {
        let is_value = std::mem::replace(&mut value_next, VALUED.contains(&word.as_str()));
        !is_value && !word.starts_with('-')
    })
}

/// Our words for a verb, with the arguments in our order; the arguments as they came where it is no alias.
fn expand(
    verb: &str,
    mut behind: Vec<String>,
) -> Result<(&'static [&'static str], Vec<String>), Vec<String>> {
    if let Some((_, ours)) = ALIASES.iter().find(|(theirs, _)| *theirs == verb) {
        return Ok((ours, behind));
    }
    if verb == "kill" {
        behind = signals_by_hand(behind);
    }
    match (verb, behind.first().map(String::as_str)) {
        ("signal", Some(_)) => {
            behind.insert(0, "--signal".to_owned());
            Ok((&["kill"], behind))
        }
        ("trigger", Some(name)) if !name.starts_with('-') => {
            let name = behind.remove(0);
            behind.insert(0, format!("--from=cronjob/{}", name.trim_start_matches("cronjob/")));
            Ok((&["create", "job"], behind))
        }
        ("analyze", Some("calendar")) => {
            behind.remove(0);
            Ok((&["calendar"], behind))
        }
        _ => Err(behind),
    }
}

/// kill(1)'s `-9` and `-HUP` become `--signal=9` and `--signal=HUP`; flags of ours have one small letter.
fn signals_by_hand(words: Vec<String>) -> Vec<String> {
    let is_signal = |word: &str| {
        let digits = word.chars().all(|c| c.is_ascii_digit());
        let name = word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        !word.is_empty() && (digits || name)
    };
    let one = |word: String| match word.strip_prefix('-').filter(|signal| is_signal(signal)) {
        Some(signal) => format!("--signal={signal}"),
        None => word,
    };
    words.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(line: &str) -> String {
        normalise(line.split_whitespace().map(str::to_owned)).join(" ")
    }

    #[test]
    fn other_tools_words_become_ours() {
        let table = [
            ("supctl", "supctl status"),
            ("supctl -o json", "supctl status -o json"),
            ("supctl --help", "supctl --help"),
            ("supctl list-timers", "supctl get cronjobs"),
            ("supctl -o json --socket /x ls pods", "supctl get -o json --socket /x pods"),
            ("supctl tail -f web", "supctl logs -f web"),
            ("supctl update", "supctl apply"),
            ("supctl trigger backup --wait", "supctl create job --from=cronjob/backup --wait"),
            ("supctl signal HUP web", "supctl kill --signal HUP web"),
            ("supctl kill -9 web", "supctl kill --signal=9 web"),
            ("supctl kill web -USR1 -q", "supctl kill web --signal=USR1 -q"),
            ("supctl kill -s HUP web", "supctl kill -s HUP web"),
            ("supctl rollout undo web", "supctl rollout undo web"),
            ("supctl analyze calendar @daily", "supctl calendar @daily"),
            ("supctl exec web -- ls -l", "supctl exec web -- ls -l"),
        ];
        for (theirs, ours) in table {
            assert_eq!(normal(theirs), ours);
        }
    }
}
