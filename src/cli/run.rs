//! `run -- CMD`: a unit without a file.

use std::time::Duration;

use super::act::{Blocking, wait_for};
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::goal::Goal;
use super::job_end;
use super::server::Server;
use super::subject::Subject;
use super::target::Asker;
use super::time_limit;
use crate::control::objects::{RunRequest, Unit};
use crate::unit::name::UnitName;

/// Arguments of `run`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl run --job --wait -- make -C /srv all\n  supctl run --name tunnel -- ssh -N host\n\nExit codes: 0 done, 1 it failed to start, 69 supd cannot be reached, 124 --timeout ran out;\nwith --wait: the program's own code, 128 + n for signal n, 126 or 127 where it could not be started"
)]
pub struct Options {
    /// Its name; made from the program's where there is none
    #[arg(long, visible_alias = "unit", value_name = "NAME")]
    name: Option<String>,
    /// A job that ends, instead of a service that is kept
    #[arg(long)]
    job: bool,
    /// Wait for its end, and end with its code; means --job
    #[arg(short, long)]
    wait: bool,
    /// How often a job may fail before it is given up
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
    /// Do not wait until it has started
    #[arg(long, alias = "no-wait", conflicts_with = "wait")]
    no_block: bool,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

/// `supctl run -- CMD`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let job = options.job || options.wait;
    let name = options.name.as_deref().map(UnitName::parse).transpose();
    let name = name.map_err(|error| Failure::usage(format!("--name: {error}")))?;
    let request = RunRequest {
        name,
        exec: options.command.clone(),
        job,
        restart_policy: job.then(|| "Never".to_owned()),
        backoff_limit: job.then_some(options.retries),
        ..RunRequest::default()
    };
    let server = Server::connect(context, Asker::Action)?;
    let answer = server.command("run", &request)?;
    let Some(name) = answer.details.unit.or_else(|| options.name.clone()) else {
        return Err(Failure::new(Exit::FAILED, "supd does not say which unit it has made"));
    };
    if job && !options.wait {
        context.say(&format!("{name}: started"))?;
        return Ok(Exit::DONE);
    }
    let blocking = Blocking { no_block: options.no_block, timeout: options.timeout };
    let Some(unit) = server.find::<Unit>(&name)? else {
        return Err(Failure::new(Exit::FAILED, format!("`{name}` is gone already")));
    };
    let unit = Subject::Unit(Box::new(unit));
    if options.wait {
        return job_end::wait(context, &server, unit, options.timeout);
    }
    if !blocking.waits() {
        context.say(&format!("{name}: starting"))?;
        return Ok(Exit::DONE);
    }
    wait_for(context, &server, &[unit], Goal::Up, &blocking)
}
