//! Verbs that are known and not built yet: each names the nearest one that is.

use super::exit::{Exit, Failure};
use super::name::nearest;

/// The verb, and what to use meanwhile.
const NOT_YET: &[(&str, &str)] = &[
    ("info", "supctl status NAME"),
    ("show", "supctl get units NAME -o json"),
    ("why", "supctl status NAME"),
    ("reload", "supctl kill -s HUP NAME"),
    ("try-restart", "supctl restart NAME"),
    ("reload-or-restart", "supctl restart NAME"),
    ("try-reload-or-restart", "supctl restart NAME"),
    ("mask", "supctl disable --now NAME"),
    ("unmask", "supctl enable NAME"),
    ("pin", "supctl suspend NAME"),
    ("unpin", "supctl resume NAME"),
    ("freeze", "supctl kill -s STOP NAME"),
    ("thaw", "supctl kill -s CONT NAME"),
    ("is-enabled", "supctl status NAME"),
    ("journal", "supctl logs NAME"),
    ("journalctl", "supctl logs NAME"),
    ("flush", "supctl logs NAME"),
    ("top", "supctl status -w"),
    ("stats", "supctl status -w"),
    ("monit", "supctl status -w"),
    ("tree", "supctl status"),
    ("queue", "supctl run --job -- CMD"),
    ("fmt", "supctl validate"),
    ("cat", "supctl status NAME, which names the file"),
    ("edit", "supctl status NAME, which names the file; then supctl apply"),
    ("revert", "supctl apply"),
    ("set", "supctl apply"),
    ("set-property", "supctl apply"),
    ("schema", "supctl validate FILE"),
    ("graph", "supctl status NAME"),
    ("dot", "supctl status NAME"),
    ("analyze", "supctl calendar EXPR, supctl validate"),
    ("simulate", "supctl calendar EXPR"),
    ("attach", "supctl logs -f NAME"),
    ("shell", "supctl exec NAME -- sh"),
    ("orphans", "supctl ps -a"),
    ("emergency", "supctl rescue, or `emergency` on the kernel's command line"),
    ("setenv", "[env] in the unit file"),
    ("unsetenv", "[env] in the unit file"),
    ("showenv", "supctl status NAME"),
    ("set-environment", "[env] in the unit file"),
    ("unset-environment", "[env] in the unit file"),
    ("show-environment", "supctl status NAME"),
    ("tui", "supctl status -w"),
    ("ui", "supctl status -w"),
    ("dash", "supctl status -w"),
    ("list-sockets", "supctl get units"),
    ("list-dependencies", "supctl status NAME"),
];

/// What to say to a verb that no parser knew.
pub fn refuse(verb: &str, built: &[String]) -> Failure {
    if let Some((_, instead)) = NOT_YET.iter().find(|(known, _)| *known == verb) {
        return Failure::usage(format!("`supctl {verb}` is not built yet"))
            .hint(format!("nearest: {instead}"));
    }
    let failure = Failure::usage(format!("there is no verb `{verb}`"));
    match nearest(verb, built.iter().map(String::as_str)).as_slice() {
        [] => failure.hint("see: supctl --help"),
        names => failure.hint(format!("did you mean {}?", quoted(names))),
    }
}

/// What to say to a flag or value that is known and not built yet.
pub fn value(what: &str, instead: &str) -> Failure {
    Failure::new(Exit::USAGE, format!("{what} is not built yet")).hint(format!("nearest: {instead}"))
}

/// Names in backticks, with commas and `or`.
pub fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_verb_names_the_nearest_one() {
        let failure = refuse("graph", &[]);
        assert_eq!(failure.exit, Exit::USAGE);
        assert_eq!(failure.message, "`supctl graph` is not built yet");
        assert_eq!(failure.hints, ["nearest: supctl status NAME"]);
    }

    #[test]
    fn an_unknown_verb_is_guessed() {
        let built = ["start", "stop", "restart", "get"].map(str::to_owned);
        assert_eq!(refuse("strat", &built).hints, ["did you mean `start`?"]);
        assert_eq!(refuse("zzzzzz", &built).hints, ["see: supctl --help"]);
        assert_eq!(quoted(&["a".to_owned(), "b".to_owned(), "c".to_owned()]), "`a`, `b` or `c`");
    }
}
