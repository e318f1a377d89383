//! supctl under the names that other inits have for it: `poweroff`, `reboot`, `halt`, `shutdown`, `telinit`.
//!
//! Links to supctl, told apart by the name they are called by. What they were always called with becomes one
//! of our verbs; what would do something else than is meant is refused.

use super::exit::Failure;

/// Arguments as supctl's own, where the program's name is one of those.
pub(super) fn translate(words: Vec<String>) -> Result<Vec<String>, Failure> {
    let name = words.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
    let rest = words.get(1..).unwrap_or_default();
    let verb = match name.as_str() {
        "poweroff" | "reboot" | "halt" => short(&name, rest)?,
        "shutdown" => shutdown(rest)?,
        "telinit" => telinit(rest)?,
        _ => return Ok(words),
    };
    Ok(vec!["supctl".to_owned(), verb.to_owned()])
}

/// `halt [-p|--reboot…]`, with the same options under all three names.
fn short(name: &str, rest: &[String]) -> Result<&'static str, Failure> {
    let mut verb = match name {
        "reboot" => "reboot",
        "halt" => "halt",
        _ => "poweroff",
    };
    for word in rest {
        verb = match word.as_str() {
            "-p" | "--poweroff" => "poweroff",
            "--reboot" => "reboot",
            "--halt" => "halt",
            // They leave out a record or a message that there is none of.
            "-w" | "--wtmp-only" => return Err(refused(name, word, "there is no wtmp record to write")),
            "-d" | "--no-wtmp" | "--no-wall" => verb,
            "-f" | "--force" => return Err(refused(name, word, "it would lose what is not stored")),
            _ => return Err(refused(name, word, "it is not known")),
        };
    }
    Ok(verb)
}

/// `shutdown [-hPrH] [now]`.
fn shutdown(rest: &[String]) -> Result<&'static str, Failure> {
    let mut verb = "poweroff";
    let mut at = None;
    for word in rest {
        match word.as_str() {
            "-h" | "-P" | "--poweroff" => verb = "poweroff",
            "-r" | "--reboot" => verb = "reboot",
            "-H" | "--halt" => verb = "halt",
            "--no-wall" => {}
            _ if word.starts_with('-') => return Err(refused("shutdown", word, "it is not built yet")),
            // What stands behind the time is a message to whoever is logged in.
            _ => _ = at.get_or_insert(word.as_str()),
        }
    }
    match at {
        Some("now" | "+0") => Ok(verb),
        Some(at) => Err(refused("shutdown", at, "only `now` is built yet")),
        // Elsewhere that means in a minute: whoever types it expects time to think again.
        None => Err(Failure::usage("`shutdown` without a time is not built yet").hint("shutdown now")),
    }
}

/// `telinit LEVEL`.
fn telinit(rest: &[String]) -> Result<&'static str, Failure> {
    match rest {
        [level] if level == "0" => Ok("poweroff"),
        [level] if level == "6" => Ok("reboot"),
        [level] if level == "q" || level == "Q" => Ok("daemon-reload"),
        [level] if level == "u" || level == "U" => Ok("reexec"),
        _ => Err(Failure::usage(
            "`telinit` knows 0 (switch off), 6 (restart), q (load units) and u (re-execute)",
        )
        .hint("supctl --help")),
    }
}

fn refused(name: &str, word: &str, why: &str) -> Failure {
    Failure::usage(format!("`{name} {word}`: {why}")).hint("supctl poweroff --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(line: &str) -> Result<String, String> {
        let words = translate(line.split(' ').map(str::to_owned).collect());
        words.map(|words| words.join(" ")).map_err(|failure| failure.message)
    }

    #[test]
    fn traditional_names_are_verbs() {
        for (line, expected) in [
            ("/sbin/poweroff", "poweroff"),
            ("reboot", "reboot"),
            ("halt", "halt"),
            ("halt -p", "poweroff"),
            ("/usr/sbin/poweroff --reboot", "reboot"),
            ("shutdown -h now", "poweroff"),
            ("shutdown -r now", "reboot"),
            ("shutdown -H +0", "halt"),
            ("shutdown now going down", "poweroff"),
            ("telinit 0", "poweroff"),
            ("telinit 6", "reboot"),
            ("telinit q", "daemon-reload"),
        ] {
            assert_eq!(verb(line), Ok(format!("supctl {expected}")), "{line}");
        }
        assert_eq!(verb("/usr/bin/supctl shutdown -t 5s"), Ok("/usr/bin/supctl shutdown -t 5s".to_owned()));
    }

    #[test]
    fn what_would_be_something_else_is_refused() {
        for line in [
            "shutdown",
            "shutdown +5",
            "shutdown -c",
            "shutdown -k now",
            "shutdown 23:00",
            "reboot -f",
            "halt -w",
            "poweroff -h",
            "telinit",
            "telinit 3",
        ] {
            assert!(verb(line).is_err(), "{line}: {:?}", verb(line));
        }
    }
}
