//! `shutdown`: supd ends in order.

use std::time::{Duration, Instant};

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::server::Server;
use super::target::Asker;
use super::time_limit;
use crate::control::client::Client;
use crate::control::objects::{MachineEnd, ShutdownOptions};

/// Arguments of `shutdown`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl shutdown\n  supctl shutdown --timeout 5s\n\nExit codes: 0 done, 1 refused, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct Options {
    /// How long units may take to stop
    #[arg(short, long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
    /// Do not wait for the end
    #[arg(long, alias = "no-wait")]
    no_block: bool,
}

/// Arguments of `poweroff`, `reboot` and `halt`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "All units are stopped in their order, then everything else is ended, file systems are unmounted, and the\nmachine goes down. Only where supd is the machine's init; the first request stands.\n\nExamples:\n  supctl poweroff\n  supctl reboot --timeout 30s\n\nExit codes: 0 it has begun, 1 refused, 69 supd cannot be reached"
)]
pub struct MachineOptions {
    /// How long units may take to stop
    #[arg(short, long, value_name = "DURATION", value_parser = time_limit::parse)]
    timeout: Option<Duration>,
    /// Accepted for hands that know it: it never waits
    #[arg(long, hide = true)]
    no_block: bool,
}

/// How often to look whether supd is still there.
const LOOK: Duration = Duration::from_millis(50);
/// What its own limit is given beyond, before the wait is over: 5 seconds for its last steps.
const GRACE: Duration = Duration::from_secs(5);

/// `supctl poweroff`, `reboot` and `halt`. It does not wait: whoever asked is ended, too.
pub fn machine(end: MachineEnd, options: &MachineOptions, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    let timeout_seconds = options.timeout.map(|timeout| timeout.as_secs());
    let answer = server.command("shutdown", &ShutdownOptions { timeout_seconds, machine: Some(end) })?;
    context.say(&answer.message)?;
    Ok(Exit::DONE)
}

/// `supctl shutdown`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    let wish =
        ShutdownOptions { timeout_seconds: options.timeout.map(|timeout| timeout.as_secs()), machine: None };
    let answer = server.command("shutdown", &wish)?;
    if options.no_block {
        context.say(if answer.message.is_empty() { "supd is ending" } else { &answer.message })?;
        return Ok(Exit::DONE);
    }
    let begun = Instant::now();
    // The socket's listener is the last thing that goes.
    while Client::connect(server.socket()).is_ok() {
        if options.timeout.is_some_and(|timeout| begun.elapsed() > timeout + GRACE) {
            return Err(Failure::new(Exit::TIMED_OUT, "the time is up; supd is still ending"));
        }
        std::thread::sleep(LOOK);
    }
    context.say("supd has ended")?;
    Ok(Exit::DONE)
}
