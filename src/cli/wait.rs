//! `wait NAME --for=CONDITION`: until something has come to pass.

use std::time::Duration;

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::follow::{self, End, Wish};
use super::goal::{Goal, Verdict};
use super::progress::Progress;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use super::time_limit;

/// Arguments of `wait`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl wait web --for=ready --timeout=60s\n  supctl wait job/import --for=condition=complete\n\nExit codes: 0 it has come to pass, 1 it can no longer come, 4 no such unit, 124 --timeout ran out, 130 interrupted"
)]
pub struct Options {
    /// Units, pods or jobs
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// ready, active, inactive, complete, failed, exited, deleted; condition=complete and its like
    #[arg(long = "for", value_name = "CONDITION", default_value = "ready")]
    condition: String,
    /// One of the names is enough
    #[arg(long)]
    any: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
}

/// `supctl wait NAME... --for=CONDITION`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let goal = Goal::parse(&options.condition)?;
    let server = Server::connect(context, Asker::Question)?;
    let resolve = if goal == Goal::Deleted { target::resolve_jobs } else { target::resolve };
    let found = resolve(&server, &options.names, Asker::Question)?;
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
        follow::follow(context, &server, &found.subjects, wish, &progress, |name, verdict| match verdict {
            Verdict::Reached(word) => context.say(&format!("{name}: {word}")),
            Verdict::Missed(cause) => {
                context.complain(&Failure::new(Exit::FAILED, format!("{name}: {cause}")));
                Ok(())
            }
            Verdict::Pending => Ok(()),
        })?;
    drop(progress);
    let reached = |(_, verdict): &(String, Verdict)| matches!(verdict, Verdict::Reached(_));
    Ok(match report.end {
        End::Interrupted => Exit::INTERRUPTED,
        End::TimedOut => {
            return Err(Failure::new(
                Exit::TIMED_OUT,
                format!("the time is up before `{}`", options.condition),
            ));
        }
        End::Judged if options.any && report.verdicts.iter().any(reached) => Exit::DONE,
        End::Judged if report.verdicts.iter().all(reached) => Exit::DONE,
        End::Judged => Exit::FAILED,
    })
}
