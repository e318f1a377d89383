//! supctl under the names that other inits have for it: `poweroff`, `reboot`, `halt`, `shutdown`, `telinit`, `init`.
//!
//! Links to supctl, told apart by the name they are called by. What they were always called with becomes one
//! of our verbs; what would do something else than is meant is refused.

use std::ffi::CString;

use super::exit::{Exit, Failure};

/// Arguments as supctl's own, where the program's name is one of those.
pub(super) fn translate(words: Vec<String>) -> Result<Vec<String>, Failure> {
    let name = words.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
    let rest = words.get(1..).unwrap_or_default();
    let ours = match name.as_str() {
        "poweroff" | "reboot" | "halt" => short(&name, rest)?,
        "shutdown" => shutdown(rest)?,
        "telinit" | "init" => vec![telinit(&name, rest)?.to_owned()],
        "runlevel" => {
            let failure = Failure::new(Exit::FAILED, "unknown: supd has units and targets, and no runlevels");
            return Err(failure.hint("supctl status"));
        }
        _ => return Ok(words),
    };
    Ok(std::iter::once("supctl".to_owned()).chain(ours).collect())
}

/// Names that the package supd-init has kept the commands of before under another name for.
const DIVERTED: [&str; 6] = ["init", "poweroff", "reboot", "halt", "shutdown", "telinit"];

/// Becomes the command of before where the machine's init is still that one: between the installation of supd-init and the
/// next boot. Comes back where there is none, or where it is ours to do.
pub(super) fn give_way(words: &[String]) {
    let Some(name) = words.first().and_then(|path| path.rsplit('/').next()) else { return };
    let of_supd = std::fs::read_to_string("/proc/1/comm").is_ok_and(|init| init.starts_with("supd"));
    if of_supd || !DIVERTED.contains(&name) {
        return;
    }
    let words: Result<Vec<CString>, _> = words.iter().map(|word| CString::new(word.as_str())).collect();
    let Ok(words) = words else { return };
    for directory in ["/sbin", "/usr/sbin"] {
        let program = CString::new(format!("{directory}/{name}.distrib")).unwrap_or_default();
        // Comes back only if it is not there.
        let _ = nix::unistd::execv(&program, &words);
    }
}

/// `halt [-p|-f|--reboot…]`, with the same options under all three names.
fn short(name: &str, rest: &[String]) -> Result<Vec<String>, Failure> {
    let mut verb = name.to_owned();
    let mut more = Vec::new();
    for word in rest {
        match word.as_str() {
            "-p" | "--poweroff" => "poweroff".clone_into(&mut verb),
            "--reboot" => "reboot".clone_into(&mut verb),
            "--halt" => "halt".clone_into(&mut verb),
            "-f" | "-ff" | "--force" | "--no-wall" => more.push(word.clone()),
            "-w" | "--wtmp-only" => return Err(refused(name, word, "there is no wtmp record to write")),
            // It leaves out a record that there is none of.
            "-d" | "--no-wtmp" => {}
            _ if name == "reboot" && !word.starts_with('-') => more.push(word.clone()),
            _ => return Err(refused(name, word, "it is not known")),
        }
    }
    more.insert(0, verb);
    Ok(more)
}

/// `shutdown [-hPrHkc] [TIME] [MESSAGE…]`. Without a time in a minute, as everywhere: there is time to think again.
fn shutdown(rest: &[String]) -> Result<Vec<String>, Failure> {
    let (mut verb, mut warn_only, mut cancel) = ("poweroff", false, false);
    let (mut more, mut texts): (Vec<String>, Vec<&str>) = (Vec::new(), Vec::new());
    // Options may stand together: `shutdown -hk now`.
    let letters = |word: &str| match word.strip_prefix('-') {
        Some(letters) if !letters.starts_with('-') => letters.chars().map(|one| format!("-{one}")).collect(),
        _ => vec![word.to_owned()],
    };
    for word in rest.iter().flat_map(|word| letters(word)) {
        match word.as_str() {
            "-h" | "-P" | "--poweroff" => verb = "poweroff",
            "-r" | "--reboot" => verb = "reboot",
            "-H" | "--halt" => verb = "halt",
            "-k" => warn_only = true,
            "-c" => cancel = true,
            "--no-wall" => more.push(word),
            "--show" => return Ok(vec![verb.to_owned(), "--when=show".to_owned()]),
            _ if word.starts_with('-') && word != "-" => {
                return Err(refused("shutdown", &word, "it is not known"));
            }
            _ => {}
        }
    }
    texts.extend(rest.iter().map(String::as_str).filter(|word| !word.starts_with('-')));
    let time = match (cancel, texts.split_first()) {
        (true, _) => "cancel",
        (false, None) => "+1",
        (false, Some((time, message))) => {
            let time = *time;
            texts = message.to_vec();
            time
        }
    };
    more.extend([format!("--when={time}"), format!("--message={}", texts.join(" "))]);
    if warn_only {
        more.push("--warn-only".to_owned());
    }
    more.insert(0, verb.to_owned());
    Ok(more)
}

/// `telinit LEVEL`, and `init LEVEL` where init is asked by somebody.
fn telinit(name: &str, rest: &[String]) -> Result<&'static str, Failure> {
    match rest {
        [level] if level == "0" => Ok("poweroff"),
        [level] if level == "6" => Ok("reboot"),
        [level] if ["1", "s", "S"].contains(&level.as_str()) => Ok("rescue"),
        [level] if level == "q" || level == "Q" => Ok("daemon-reload"),
        [level] if level == "u" || level == "U" => Ok("reexec"),
        _ => Err(Failure::usage(format!(
            "`{name}` knows 0 (switch off), 6 (restart), 1 (a shell on the console), q (load units) and u (re-execute)"
        ))
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
            ("reboot bootloader", "reboot bootloader"),
            ("reboot -f", "reboot -f"),
            ("reboot -ff", "reboot -ff"),
            ("halt", "halt"),
            ("halt -p", "poweroff"),
            ("/usr/sbin/poweroff --reboot", "reboot"),
            ("shutdown", "poweroff --when=+1 --message="),
            ("shutdown -h now", "poweroff --when=now --message="),
            ("shutdown -h +5", "poweroff --when=+5 --message="),
            ("shutdown -r now", "reboot --when=now --message="),
            ("shutdown -H +0", "halt --when=+0 --message="),
            ("shutdown -P 23:00 back at 7", "poweroff --when=23:00 --message=back at 7"),
            ("shutdown now going down", "poweroff --when=now --message=going down"),
            ("shutdown -rk +5 only a test", "reboot --when=+5 --message=only a test --warn-only"),
            ("shutdown -c", "poweroff --when=cancel --message="),
            ("shutdown -c not today", "poweroff --when=cancel --message=not today"),
            ("shutdown --show", "poweroff --when=show"),
            ("telinit 0", "poweroff"),
            ("telinit 6", "reboot"),
            ("init 6", "reboot"),
            ("telinit 1", "rescue"),
            ("telinit q", "daemon-reload"),
        ] {
            assert_eq!(verb(line), Ok(format!("supctl {expected}")), "{line}");
        }
        assert_eq!(verb("/usr/bin/supctl shutdown -t 5s"), Ok("/usr/bin/supctl shutdown -t 5s".to_owned()));
    }

    #[test]
    fn what_would_be_something_else_is_refused() {
        for line in [
            "shutdown -t 5 now",
            "shutdown -F now",
            "shutdown --reboots now",
            "halt -w",
            "halt now",
            "poweroff -h",
            "telinit",
            "telinit 3",
            "init",
            "runlevel",
        ] {
            assert!(verb(line).is_err(), "{line}: {:?}", verb(line));
        }
    }
}
