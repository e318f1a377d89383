//! `wait NAME --for=CONDITION`: until something has come to pass.
//!
//! Our own words (`ready`, `complete`, `exited`) are about units, pods and jobs; kubectl's (`condition=`,
//! `jsonpath=`, `create`) are about the objects of the API, and are answered as kubectl answers.

mod objects;
mod until;

use std::time::Duration;

use self::objects::Awaited;
use self::until::Until;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::follow::{self, End, Wish};
use super::goal::{Goal, Verdict};
use super::listing;
use super::name::{Noun, Query, Reference};
use super::namespace::Namespace;
use super::progress::Progress;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use super::time_limit;
use crate::control::client::Selection;

/// Arguments of `wait`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl wait web --for=ready --timeout=60s\n  supctl wait job/import --for=condition=complete\n\nExit codes: 0 it has come to pass, 1 it can no longer come, 4 no such unit, 124 --timeout ran out, 130 interrupted"
)]
pub struct Options {
    #[command(flatten)]
    namespace: Namespace,
    /// Units, pods or jobs; NOUN/NAME..., NOUN NAME...
    #[arg(value_name = "NOUN|NAME", required = true)]
    words: Vec<String>,
    /// ready, active, inactive, complete, failed, exited, delete, create; condition=TYPE[=false]; jsonpath=PATH[=VALUE]
    #[arg(long = "for", value_name = "CONDITION", default_value = "ready")]
    condition: String,
    /// One of the names is enough
    #[arg(long)]
    any: bool,
    /// All objects of the noun
    #[arg(long)]
    all: bool,
    /// All objects of the noun with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
}

/// `supctl wait NAME... --for=CONDITION`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let until = Until::parse(&options.condition)?;
    let query = Query::parse(&options.words)?;
    let server = Server::connect(context, Asker::Question)?;
    let references = references(options, query, &server, context)?;
    match until {
        Until::Goal(goal) => for_goal(options, goal, &references, &server, context),
        _ => for_objects(options, &until, references, &server, context),
    }
}

/// Who is meant, each with its noun where one was written.
fn references(
    options: &Options,
    query: Query,
    server: &Server,
    context: &Context,
) -> Result<Vec<Reference>, Failure> {
    if options.all || options.selector.is_some() {
        if query.nouns.is_empty() || !query.names.is_empty() {
            return Err(Failure::usage(
                "`--all` and `--selector` are for a noun without names: supctl wait pods --all",
            ));
        }
        let selection = Selection { labels: options.selector.as_deref(), fields: None };
        let mut references = Vec::new();
        for noun in query.nouns {
            let items = listing::items(server, noun, selection, context.look())?;
            references.extend(items.into_iter().map(|item| Reference { noun: Some(noun), name: item.name }));
        }
        return Ok(references);
    }
    // A noun alone is no question: then it is the name of a unit.
    if query.names.is_empty() {
        return Reference::parse_all(&options.words);
    }
    let noun = query.nouns.first().copied();
    Ok(query.names.into_iter().map(|name| Reference { noun: name.noun.or(noun), ..name }).collect())
}

/// Waits for one of our own words.
fn for_goal(
    options: &Options,
    goal: Goal,
    references: &[Reference],
    server: &Server,
    context: &Context,
) -> Outcome {
    let written = |reference: &Reference| {
        let noun = reference.noun.map(|noun| format!("{}/", noun.singular())).unwrap_or_default();
        format!("{noun}{}", reference.name)
    };
    let names: Vec<String> = references.iter().map(written).collect();
    let resolve = if goal == Goal::Deleted { target::resolve_jobs } else { target::resolve };
    let found = resolve(server, &names, Asker::Question)?;
    // What is not there is deleted.
    let missing = if goal == Goal::Deleted { &[] } else { found.missing.as_slice() };
    for failure in missing {
        context.complain(failure);
    }
    match missing.first() {
        Some(failure) if !options.any || found.subjects.is_empty() => return Ok(failure.exit),
        _ if found.subjects.is_empty() => return Ok(Exit::DONE),
        _ => {}
    }
    let names: Vec<&str> = found.subjects.iter().map(Subject::name).collect();
    let progress = Progress::new(context, &names, context.look());
    let wish = Wish { goal, any: options.any, timeout: options.timeout };
    let report =
        follow::follow(context, server, &found.subjects, wish, &progress, |name, verdict| match verdict {
            Verdict::Reached(word) => context.say(&format!("{name}: {word}")),
            Verdict::Missed(cause) => {
                context.complain(&Failure::new(Exit::FAILED, format!("{name}: {cause}")));
                Ok(())
            }
            Verdict::Pending => Ok(()),
        })?;
    drop(progress);
    match report.end {
        End::Interrupted => Ok(Exit::INTERRUPTED),
        End::TimedOut => {
            Err(Failure::new(Exit::TIMED_OUT, format!("the time is up before `{}`", options.condition)))
        }
        End::Judged => Ok(judged(options, report.verdicts.iter().map(|(_, verdict)| verdict))),
    }
}

/// Waits for what objects of the API say of themselves.
fn for_objects(
    options: &Options,
    until: &Until,
    references: Vec<Reference>,
    server: &Server,
    context: &Context,
) -> Outcome {
    let mut awaited = Vec::new();
    let mut exit = Exit::DONE;
    for reference in references {
        // Who is still to come cannot be looked up.
        let noun = match reference.noun {
            Some(noun) => Ok(noun),
            None if *until == Until::Created => Ok(Noun::Unit),
            None => target::noun_of(server, &reference.name)?,
        };
        let noun = noun.map(|noun| if noun == Noun::Target { Noun::Unit } else { noun });
        let known = |noun| listing::items(server, noun, Selection::default(), context.look());
        match noun {
            Err(failure) => {
                context.complain(&failure);
                exit = exit.and(failure.exit);
            }
            Ok(noun)
                if *until != Until::Created
                    && !known(noun)?.iter().any(|item| item.name == reference.name) =>
            {
                let what = format!("there is no {} `{}`", noun.singular(), reference.name);
                context.complain(&Failure::new(Exit::NOT_FOUND, what));
                exit = exit.and(Exit::NOT_FOUND);
            }
            Ok(noun) => awaited.push(Awaited { noun, name: reference.name, verdict: Verdict::Pending }),
        }
    }
    if exit != Exit::DONE && (!options.any || awaited.is_empty()) {
        return Ok(exit);
    }
    let end = objects::wait(server, &mut awaited, until, options.any, options.timeout, |one| {
        let name = format!("{}/{}", one.noun.resource(), one.name);
        match &one.verdict {
            Verdict::Reached(words) => context.say(&format!("{name} {words}")),
            Verdict::Missed(cause) => {
                context.complain(&Failure::new(Exit::FAILED, format!("{name}: {cause}")));
                Ok(())
            }
            Verdict::Pending => Ok(()),
        }
    })?;
    match end {
        objects::End::Interrupted => Ok(Exit::INTERRUPTED),
        objects::End::TimedOut => {
            for one in awaited.iter().filter(|one| one.verdict == Verdict::Pending) {
                let (noun, name) = (one.noun.plural(), &one.name);
                let words = format!("timed out waiting for the condition on {noun}/{name}");
                context.complain(&Failure::new(Exit::TIMED_OUT, words));
            }
            Ok(Exit::TIMED_OUT)
        }
        objects::End::Judged => Ok(judged(options, awaited.iter().map(|one| &one.verdict))),
    }
}

fn judged<'v>(options: &Options, mut verdicts: impl Iterator<Item = &'v Verdict>) -> Exit {
    let reached = |verdict: &Verdict| matches!(verdict, Verdict::Reached(_));
    let enough = if options.any { verdicts.any(reached) } else { verdicts.all(reached) };
    if enough { Exit::DONE } else { Exit::FAILED }
}
