//! `create job --from=cronjob/NAME`: a cronjob's job, now; its schedule is left alone.

use std::time::Duration;

use super::age;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::job_end;
use super::name::{Noun, Reference};
use super::not_yet;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use super::time_limit;
use crate::control::objects::{Job, JobRequest, Noun as _};
use crate::limits::UNIT_NAME_BYTES_MAX;
use crate::unit::name::UnitName;

/// Arguments of `create`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl create job --from=cronjob/backup\n  supctl create job before-upgrade --from=cronjob/backup --wait\n\nExit codes: 0 done, 5 no such cronjob, 124 --timeout ran out; with --wait: the code of the job's program"
)]
pub struct Options {
    /// `job`
    #[arg(value_name = "NOUN")]
    noun: String,
    /// The new job's name; made up where there is none
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Whose template
    #[arg(long, value_name = "cronjob/NAME", required = true)]
    from: String,
    /// Wait for its end, and end with its program's code
    #[arg(short, long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
}

/// `supctl create job [NAME] --from=cronjob/X`
pub fn run(options: &Options, context: &Context) -> Outcome {
    if Noun::parse(&options.noun) != Some(Noun::Job) {
        return Err(not_yet::value(&format!("`create {}`", options.noun), "supctl apply -f FILE"));
    }
    let from = Reference::parse(&options.from)?;
    if from.noun.is_some_and(|noun| noun != Noun::CronJob) {
        return Err(Failure::usage(format!(
            "--from: `{}` is no cronjob; write --from=cronjob/NAME",
            options.from
        )));
    }
    let server = Server::connect(context, Asker::Action)?;
    let from = format!("cronjob/{}", from.name);
    let found = target::resolve(&server, &[from], Asker::Action)?;
    if let Some(failure) = found.missing.into_iter().next() {
        return Err(failure);
    }
    let cronjob = found.subjects.first().map(Subject::name).unwrap_or_default();
    let cronjob = UnitName::parse(cronjob).map_err(|error| Failure::usage(format!("--from: {error}")))?;
    let name = options.name.clone().unwrap_or_else(|| made_up(cronjob.as_str(), age::now().0));
    let request = JobRequest::from_cronjob(&name, &cronjob);
    server.checked(server.client().post::<serde_json::Value>(Job::PATH, &request))?;
    context.say(&format!("{name}: started"))?;
    if !options.wait {
        return Ok(Exit::DONE);
    }
    let Some(job) = server.find::<Job>(&name)? else {
        return Err(Failure::new(Exit::FAILED, format!("`{name}` is gone already")));
    };
    job_end::wait(context, &server, Subject::Job(Box::new(job)), options.timeout)
}

/// A name that no scheduled job has: these end in minutes or seconds, not in a word and seconds.
fn made_up(cronjob: &str, now: i64) -> String {
    let stem: String =
        cronjob.replace('@', "-").chars().take(UNIT_NAME_BYTES_MAX - "-manual".len()).collect();
    format!("{}-manual-{:03}", stem.trim_end_matches('-'), now.rem_euclid(1000))
}
