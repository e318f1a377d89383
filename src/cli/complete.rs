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

/// See [`BASH`]. Where there are names, what clap's function would add is every file and every command of the
/// host. Works sourced and as a file of `fpath`, whose body is the function at its first call.
const ZSH: &str = r#"_supctl_with_names() {
    local -a names
    names=(${(f)"$(supctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#names} )); then
        compadd -- $names
    else
        _supctl "$@"
    fi
}
compdef _supctl_with_names supctl
if [ "$funcstack[1]" = "_supctl" ]; then
    _supctl_with_names "$@"
fi
"#;

/// The end of clap's script for zsh, in whose place ours stands.
const ZSH_END: &str = r#"if [ "$funcstack[1]" = "_supctl" ]"#;

/// See [`BASH`]. Files are offered only where a verb takes them. The value of a flag is asked for, too.
const FISH: &str = r#"
function __supctl_names
    supctl __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c supctl -n "not __fish_seen_subcommand_from validate run exec" -f -a "(__supctl_names)"
complete -c supctl -n "__fish_seen_subcommand_from exec" -a "(__supctl_names)"
complete -c supctl -n "not __fish_seen_subcommand_from export" -s o -l output -x -a "(__supctl_names)"
complete -c supctl -l for -x -a "(__supctl_names)"
complete -c supctl -l types -x -a "(__supctl_names)"
"#;

/// `supctl completion SHELL`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "supctl", &mut script);
    let script = String::from_utf8_lossy(&script);
    let text = match options.shell {
        Shell::Bash => format!("{script}{BASH}"),
        Shell::Zsh => format!("{}{ZSH}", script.split(ZSH_END).next().unwrap_or_default()),
        Shell::Fish => format!("{script}{FISH}"),
        _ => script.into_owned(),
    };
    context.print(&text)?;
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
const LOG_FORMATS: [&str; 4] = ["text", "short", "json", "jsonl"];
const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];
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
        Some("-o" | "--output") if verb == "logs" => return fixed(&LOG_FORMATS),
        Some("-o" | "--output") => return fixed(&FORMATS),
        Some("--for") if verb == "wait" => return fixed(&CONDITIONS),
        Some("--types") => return fixed(&["Normal", "Warning"]),
        _ => {}
    }
    let names = vec![Noun::Unit, Noun::Pod, Noun::Job];
    if verb == "completion" {
        return fixed(&SHELLS);
    }
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

    /// Else names are asked for nowhere, and nobody sees it.
    #[test]
    fn claps_script_for_zsh_ends_as_ours_begins() {
        let mut script = Vec::new();
        clap_complete::generate(Shell::Zsh, &mut Arguments::command(), "supctl", &mut script);
        let parts = String::from_utf8(script).unwrap().split(ZSH_END).count();
        assert_eq!(parts, 2);
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
        assert_eq!(of("completion z").fixed, SHELLS);
        assert_eq!(of("logs web -o ").fixed, LOG_FORMATS);
        assert_eq!(of("calendar x"), Wanted::default());
    }
}
