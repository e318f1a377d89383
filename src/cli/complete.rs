//! Completion: the script for a shell, and what that script asks for names (`supctl __complete`).
//!
//! clap writes what follows from the grammar; names of units, pods and jobs are asked of supd at each try. A
//! supd that is not there has no names: completion never complains.

use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::explain;
use super::listing;
use super::name::Noun;
use super::server::Server;
use super::target::Asker;
use crate::control::client::Selection;

/// Arguments of `completion`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  source <(supctl completion bash)\n  supctl completion zsh > ~/.zfunc/_supctl\n\nExit codes: 0 done, 2 no such shell"
)]
pub struct Options {
    /// bash, zsh, fish, elvish or powershell; names of units, pods and jobs are completed by the first three
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `__complete`.
#[derive(clap::Args, Debug)]
pub struct Words {
    /// The words so far, the last one not finished
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Asks for names beside what clap's function has found.
const BASH: &str = r#"
_supctl_with_names() {
    _supctl "$@"
    local names
    names="$(supctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)"
    [ -z "$names" ] || COMPREPLY+=($names)
}
complete -F _supctl_with_names -o bashdefault -o default supctl
"#;

/// See [`BASH`].
const ZSH: &str = r#"
_supctl_with_names() {
    local -a names
    names=(${(f)"$(supctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    (( ${#names} )) && compadd -- $names
    _supctl "$@"
}
compdef _supctl_with_names supctl
"#;

/// See [`BASH`].
const FISH: &str = r#"
complete -c supctl -f -a "(supctl __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)"
"#;

/// `supctl completion SHELL`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "supctl", &mut script);
    let names = match options.shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
        _ => "",
    };
    context.print(&format!("{}{names}", String::from_utf8_lossy(&script)))?;
    Ok(Exit::DONE)
}

/// `supctl __complete WORDS...`
pub fn words(options: &Words, context: &Context) -> Outcome {
    let (current, before) = options.words.split_last().map_or(("", &[][..]), |(last, rest)| (last, rest));
    let wanted = wanted(before, current);
    let mut candidates: Vec<String> = wanted.fixed.iter().map(|word| (*word).to_owned()).collect();
    if !wanted.nouns.is_empty()
        && let Ok(server) = Server::connect(context, Asker::Question)
    {
        for noun in &wanted.nouns {
            // Whoever presses a key wants names, not errors.
            candidates.extend(
                names(&server, *noun, context)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|name| if wanted.with_noun { format!("{}/{name}", noun.singular()) } else { name }),
            );
        }
    }
    candidates.retain(|candidate| candidate.starts_with(current));
    candidates.sort_unstable();
    candidates.dedup();
    context.print(&candidates.iter().map(|candidate| format!("{candidate}\n")).collect::<String>())?;
    Ok(Exit::DONE)
}

fn names(server: &Server, noun: Noun, context: &Context) -> Result<Vec<String>, Failure> {
    let items = listing::items(server, noun, Selection::default(), context.look())?;
    Ok(items.into_iter().map(|item| item.name).collect())
}

/// What may stand at a place.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    fixed: Vec<String>,
    /// Names of these.
    nouns: Vec<Noun>,
    /// As `pod/web-0`.
    with_noun: bool,
}

/// Verbs that take nouns.
const WITH_NOUNS: [&str; 5] = ["get", "describe", "delete", "wait", "inspect"];
/// Verbs about units, pods and jobs.
const WITH_NAMES: [&str; 18] = [
    "status",
    "logs",
    "history",
    "start",
    "stop",
    "restart",
    "kill",
    "suspend",
    "resume",
    "enable",
    "disable",
    "scale",
    "exec",
    "is-active",
    "is-failed",
    "is-ready",
    "reset-failed",
    "rollout",
];
/// Flags whose value is a word of its own.
const WITH_VALUES: [&str; 8] = ["-o", "--output", "-l", "--selector", "--for", "--timeout", "-n", "--socket"];
const FORMATS: [&str; 8] =
    ["wide", "json", "jsonl", "yaml", "name", "jsonpath=", "custom-columns=", "custom-columns-file="];
const CONDITIONS: [&str; 9] = [
    "ready",
    "complete",
    "failed",
    "exited",
    "delete",
    "create",
    "condition=Ready",
    "condition=Complete",
    "jsonpath=",
];

fn wanted(before: &[String], current: &str) -> Wanted {
    let fixed = |words: &[&str]| Wanted {
        fixed: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Wanted::default()
    };
    let mut is_value = false;
    let mut plain = before.iter().map(String::as_str).filter(|word| {
        let value = std::mem::replace(&mut is_value, WITH_VALUES.contains(word));
        !value && !word.starts_with('-')
    });
    let Some(verb) = plain.next() else { return Wanted::default() };
    if current.starts_with('-') {
        return Wanted::default();
    }
    match before.last().map(String::as_str) {
        Some("-o" | "--output") => return fixed(&FORMATS),
        Some("--for") if verb == "wait" => return fixed(&CONDITIONS),
        Some("--types") => return fixed(&["Normal", "Warning"]),
        _ => {}
    }
    let names = vec![Noun::Unit, Noun::Pod, Noun::Job];
    if verb == "explain" {
        return Wanted { fixed: explain::paths(), ..Wanted::default() };
    }
    if WITH_NAMES.contains(&verb) {
        return Wanted { nouns: names, ..Wanted::default() };
    }
    if !WITH_NOUNS.contains(&verb) {
        return Wanted::default();
    }
    if let Some((noun, _)) = current.split_once('/') {
        return Wanted {
            nouns: Noun::parse(noun).into_iter().collect(),
            with_noun: true,
            ..Wanted::default()
        };
    }
    match plain.next().and_then(Noun::parse) {
        Some(noun) => Wanted { nouns: vec![noun], ..Wanted::default() },
        None => Wanted {
            fixed: Noun::ALL.iter().map(|noun| noun.plural().to_owned()).chain(["all".to_owned()]).collect(),
            nouns: names,
            with_noun: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Wanted {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (current, before) = words.split_last().unwrap();
        wanted(before, current)
    }

    #[test]
    fn what_may_stand_where() {
        assert_eq!(of("ge"), Wanted::default());
        assert_eq!(of("get pods -"), Wanted::default());
        assert_eq!(of("get pods "), Wanted { nouns: vec![Noun::Pod], ..Wanted::default() });
        assert_eq!(of("describe -o json cj b").nouns, [Noun::CronJob]);
        assert_eq!(of("describe cj b").nouns, [Noun::CronJob]);
        assert!(of("get p").fixed.contains(&"pods".to_owned()) && of("get p").nouns.len() == 3);
        assert_eq!(of("delete job/").nouns, [Noun::Job]);
        assert!(of("delete job/").with_noun);
        assert_eq!(of("logs -f w").nouns, [Noun::Unit, Noun::Pod, Noun::Job]);
        assert!(of("get pods -o ").fixed.contains(&"wide".to_owned()));
        assert!(of("wait web --for c").fixed.contains(&"complete".to_owned()));
        assert!(of("explain job.").fixed.contains(&"job.backoff_limit".to_owned()));
        assert_eq!(of("calendar x"), Wanted::default());
    }
}
