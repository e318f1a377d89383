//! Help: the overview that fits a terminal, and topics.

use clap::CommandFactory;

use super::arguments::Arguments;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome, TABLE};

/// What `supctl -h` prints: 80 columns, 40 lines, verbs grouped by what people come for.
pub const OVERVIEW: &str = "\
Control supd: services, jobs and cronjobs with the semantics of Kubernetes.

Usage: supctl [VERB] [NOUN] [NAME]... [FLAGS]        without a verb: status

Look
  status [NAME]         how all units are; one unit with its last log lines
  get NOUN [NAME]       pods, jobs, cronjobs, services, units, targets, events,
                        runs, all; -o wide|json|yaml|name|jsonpath=, -w, -l k=v
  describe NOUN NAME    all that is known of it      events [--for NAME] [-w]
  ps [-a]               pods as docker shows containers
  logs NAME             -f to follow, -n LINES, -p for the run before
  history [NAME]        how runs ended, and why others were not started; -n, -f
  is-active, is-ready, is-failed NAME, is-system-running   answer by exit code
Act
  start, stop, restart NAME    wait until it is done; --no-block, --timeout 30s
  kill -s SIGNAL NAME   scale NAME N|+N|-N   suspend, resume NAME
  rollout status|history|undo|pause|resume|restart NAME
  enable, disable [--now] NAME   reset-failed [NAME]   delete NAME
  exec NAME -- CMD      run a command in the context of a unit
  run [--job] -- CMD    a transient service or job; --wait for its exit code
  create job --from=cronjob/NAME          run a cronjob's job now
  wait NAME --for=ready|complete|failed   until it has come to pass
Configure
  validate [FILE]       check unit files and manifests; needs no supd
  apply [-f FILE]       load unit files or Kubernetes manifests, and change what
                        differs; diff: what that would be; delete -f
  daemon-reload         load unit files only
  export [NAME]         units as manifests;   convert FILE   crontabs as units
  calendar EXPR         a schedule in words, and its next times; needs no supd
More
  explain KEY|CODE      what it means         doctor   what this place allows
  shutdown, exit [CODE]   poweroff, reboot, halt, kexec, soft-reboot, rescue
  reexec, switch-root, version, api-resources, completion SHELL, help [TOPIC]

Flags of every verb
  -h, --help            help on a verb, with examples and exit codes
  -q, --quiet           no progress, no words
      --socket PATH     the socket of supd (SUPD_SOCKET)
      --color WHEN      auto, always, never (NO_COLOR)
      --utc             times in UTC
";

/// Arguments of `help`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl help restart\n  supctl help exit-codes\n\nExit codes: 0 done, 2 no such topic"
)]
pub struct Options {
    /// A verb, or `exit-codes`
    #[arg(value_name = "VERB|TOPIC")]
    topic: Option<String>,
}

/// `supctl help [VERB|TOPIC]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let text = match options.topic.as_deref() {
        None => OVERVIEW.to_owned(),
        Some("exit-codes") => exit_codes(),
        Some(verb) => help_on(verb)?,
    };
    context.print(&text)?;
    Ok(Exit::DONE)
}

/// The verbs that are built, for suggestions.
pub fn verbs() -> Vec<String> {
    Arguments::command()
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(|verb| verb.get_name().to_owned())
        .collect()
}

fn help_on(verb: &str) -> Result<String, Failure> {
    let mut command = Arguments::command();
    command.build();
    let known = command.find_subcommand_mut(verb).map(|found| found.render_long_help().to_string());
    known.ok_or_else(|| super::not_yet::refuse(verb, &verbs()).hint("topics: exit-codes"))
}

fn exit_codes() -> String {
    let lines = TABLE.iter().map(|(code, meaning)| format!("{code:<7}{meaning}\n"));
    format!("CODE   MEANING\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn the_overview_fits_a_terminal_and_names_every_verb() {
        assert!(OVERVIEW.lines().count() <= 40, "{} lines", OVERVIEW.lines().count());
        for line in OVERVIEW.lines() {
            assert!(line.width() <= 80, "{line}");
        }
        for verb in verbs() {
            assert!(OVERVIEW.contains(verb.as_str()), "{verb} is not in the overview");
        }
    }

    #[test]
    fn every_verb_ends_with_examples_and_exit_codes() {
        for verb in verbs() {
            let help = help_on(&verb).unwrap();
            let (_, examples) =
                help.split_once("Examples:\n").unwrap_or_else(|| panic!("{verb} has no examples"));
            assert_eq!(examples.lines().take_while(|line| line.starts_with("  ")).count(), 2, "{verb}");
            assert!(examples.contains("\nExit codes: 0"), "{verb} has no exit codes");
        }
    }

    #[test]
    fn exit_codes_fit_a_terminal() {
        assert!(exit_codes().lines().all(|line| line.width() <= 80));
    }
}
