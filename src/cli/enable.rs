//! `enable`, `disable`, `reset-failed`: what supd remembers of a unit.

use super::act::{Blocking, wait_for};
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::goal::Goal;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use crate::control::objects::{self, NoOptions, Unit};

/// Arguments of `enable` and `disable`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl enable --now web\n  supctl disable web\n\nExit codes: 0 done, 1 it failed, 5 no such unit, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct Options {
    /// Units
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Start or stop them, too
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    blocking: Blocking,
}

/// Arguments of `reset-failed`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl reset-failed\n  supctl reset-failed mailer\n\nExit codes: 0 done, 5 no such unit, 69 supd cannot be reached"
)]
pub struct ResetOptions {
    /// Units; without any, all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// `supctl enable NAME...`, `supctl disable NAME...`
pub fn run(options: &Options, enabled: bool, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    let verb = if enabled { "enable" } else { "disable" };
    let wish = objects::EnableOptions { now: options.now };
    let (done, exit) = each_unit(context, &server, &options.names, verb, |name| {
        let answer = server.verb::<Unit>(name, verb, &wish)?;
        Ok(if answer.message.is_empty() { format!("{name}: {verb}d") } else { answer.message })
    })?;
    if !options.now || !options.blocking.waits() {
        return Ok(exit);
    }
    let goal = if enabled { Goal::Up } else { Goal::Down };
    Ok(exit.and(wait_for(context, &server, &done, goal, &options.blocking)?))
}

/// `supctl reset-failed [NAME...]`
pub fn reset(options: &ResetOptions, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    if options.names.is_empty() {
        server.command("reset-failed", &NoOptions {})?;
        return Ok(Exit::DONE);
    }
    let (_, exit) = each_unit(context, &server, &options.names, "reset-failed", |name| {
        let answer = server.verb::<Unit>(name, "reset-failed", &NoOptions {})?;
        Ok(if answer.message.is_empty() { format!("{name}: reset") } else { answer.message })
    })?;
    Ok(exit)
}

/// Does something to each unit; one failure does not stop the others.
fn each_unit(
    context: &Context,
    server: &Server,
    names: &[String],
    verb: &str,
    mut act: impl FnMut(&str) -> Result<String, Failure>,
) -> Result<(Vec<Subject>, Exit), Failure> {
    let found = target::resolve(server, names, Asker::Action)?;
    let mut failures = found.missing;
    let mut done = Vec::new();
    for subject in found.subjects {
        let acted = match &subject {
            Subject::Unit(_) => act(subject.name()),
            Subject::Job(_) | Subject::Pod(_) => Err(Failure::usage(format!(
                "`{verb}` is for units; `{}` is a {}",
                subject.name(),
                subject.noun().singular()
            ))),
        };
        match acted {
            Ok(message) => {
                context.say(&message)?;
                done.push(subject);
            }
            Err(failure) => failures.push(failure),
        }
    }
    let mut exit = Exit::DONE;
    for failure in &failures {
        context.complain(failure);
        exit = exit.and(failure.exit);
    }
    Ok((done, exit))
}
