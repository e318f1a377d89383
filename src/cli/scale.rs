//! `scale`: the number of pods of a service.

use super::act::{Blocking, wait_for};
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::goal::Goal;
use super::name::services;
use super::namespace::Namespace;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use crate::control::objects::{Deployment, Noun, ScaleRequest};
use crate::unit::model::Kind;

/// Arguments of `scale`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl scale web --replicas=5\n  supctl scale web +2\n\nExit codes: 0 done, 1 it failed, 5 no such service, 69 supd cannot be reached, 124 --timeout ran out, 130 interrupted"
)]
pub struct Options {
    #[command(flatten)]
    namespace: Namespace,
    /// Services; the last word may be N, +N or -N
    #[arg(value_name = "NAME", required = true, allow_negative_numbers = true)]
    names: Vec<String>,
    /// How many
    #[arg(long, value_name = "N|+N|-N", allow_hyphen_values = true)]
    replicas: Option<String>,
    #[command(flatten)]
    blocking: Blocking,
}

/// How many pods are wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    Exactly(u32),
    More(u32),
    Fewer(u32),
}

/// `supctl scale NAME... N`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let (names, amount) = split(options)?;
    let server = Server::connect(context, Asker::Action)?;
    let found = target::resolve(&server, &names, Asker::Action)?;
    let mut exit = Exit::DONE;
    let mut scaled = Vec::new();
    let mut failures = found.missing;
    for subject in found.subjects {
        match scale(&server, &subject, amount) {
            Ok(replicas) => {
                context.say(&format!("{}: scaled to {replicas}", subject.name()))?;
                scaled.push(subject);
            }
            Err(failure) => failures.push(failure),
        }
    }
    for failure in &failures {
        context.complain(failure);
        exit = exit.and(failure.exit);
    }
    if !options.blocking.waits() {
        return Ok(exit);
    }
    Ok(exit.and(wait_for(context, &server, &scaled, Goal::Up, &options.blocking)?))
}

fn scale(server: &Server, subject: &Subject, amount: Amount) -> Result<u32, Failure> {
    let name = subject.name();
    match subject {
        Subject::Unit(unit) if unit.status.kind == Kind::Service => {}
        Subject::Pod(_) => return Err(Failure::usage(format!("cannot scale a Pod, and `{name}` is one"))),
        _ => return Err(Failure::usage(format!("`scale` is for services; `{name}` is none"))),
    }
    let replicas = match amount {
        Amount::Exactly(replicas) => replicas,
        Amount::More(_) | Amount::Fewer(_) => {
            let service: Option<Deployment> = server.find(name)?;
            let present = service.map_or(0, |service| service.spec.replicas);
            match amount {
                Amount::More(more) => present.saturating_add(more),
                Amount::Fewer(fewer) => present.saturating_sub(fewer),
                Amount::Exactly(replicas) => replicas,
            }
        }
    };
    // A unit's name is safe in a path but for its `@`.
    let path = format!("{}/{}/scale", Deployment::PATH, name.replace('@', "%40"));
    let answer = server.client().patch::<serde_json::Value>(&path, &ScaleRequest::new(replicas));
    server.checked(answer).map(|_| replicas)
}

/// Names and amount: `web db --replicas=3`, `web 3`, `web +2`.
fn split(options: &Options) -> Result<(Vec<String>, Amount), Failure> {
    let mut names = options.names.clone();
    let amount = match &options.replicas {
        Some(replicas) => parse_amount(replicas),
        None => names.pop().and_then(|last| parse_amount(&last)),
    };
    let amount = amount
        .ok_or_else(|| Failure::usage("how many? write --replicas=N, or N, +N or -N behind the name"))?;
    if names.is_empty() {
        return Err(Failure::usage("which service? write supctl scale NAME N"));
    }
    Ok((services(&names), amount))
}

fn parse_amount(text: &str) -> Option<Amount> {
    // Rust reads `+2` as a number, too; a second sign is none of ours.
    let number = |digits: &str| {
        digits.starts_with(|c: char| c.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    Some(match text.split_at_checked(1)? {
        ("+", more) => Amount::More(number(more)?),
        ("-", fewer) => Amount::Fewer(number(fewer)?),
        _ => Amount::Exactly(number(text)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        assert_eq!(parse_amount("5"), Some(Amount::Exactly(5)));
        assert_eq!(parse_amount("+2"), Some(Amount::More(2)));
        assert_eq!(parse_amount("-2"), Some(Amount::Fewer(2)));
        for text in ["", "+", "x", "++2", "4294967296"] {
            assert_eq!(parse_amount(text), None, "{text}");
        }
    }
}
