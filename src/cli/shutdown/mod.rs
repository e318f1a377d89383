//! `shutdown` and `exit`: supd ends in order. [`machine`]: and the machine with it.

use std::time::{Duration, Instant};

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::server::Server;
use super::target::Asker;
use super::time_limit;
use crate::control::client::Client;
use crate::control::objects::ShutdownOptions;

pub mod kexec;
pub mod machine;
pub mod time;

/// Arguments of `shutdown`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl shutdown\n  supctl shutdown --timeout 5s\n\nExit codes: 0 done, 1 refused, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct Options {
    #[command(flatten)]
    end: End,
}

/// Arguments of `exit`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A container ends with this code, and so does a supd below another init. A machine's init cannot end:\nthere it is refused.\n\nExamples:\n  supctl exit\n  supctl exit 3\n\nExit codes: 0 done, 1 refused, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct ExitOptions {
    /// What supd ends with
    #[arg(value_name = "CODE", default_value_t = 0)]
    code: u8,
    #[command(flatten)]
    end: End,
}

/// What both know.
#[derive(clap::Args, Debug)]
struct End {
    /// How long units may take to stop
    #[arg(short, long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
    /// Do not wait for the end
    #[arg(long, alias = "no-wait")]
    no_block: bool,
}

/// How often to look whether supd is still there.
const LOOK: Duration = Duration::from_millis(50);
/// What its own limit is given beyond, before the wait is over: 5 seconds for its last steps.
const GRACE: Duration = Duration::from_secs(5);

/// `supctl shutdown`
pub fn run(options: &Options, context: &Context) -> Outcome {
    end(&options.end, ShutdownOptions::default(), context)
}

/// `supctl exit [CODE]`
pub fn exit(options: &ExitOptions, context: &Context) -> Outcome {
    end(
        &options.end,
        ShutdownOptions { exit_code: Some(options.code), ..ShutdownOptions::default() },
        context,
    )
}

fn end(options: &End, wish: ShutdownOptions, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    let wish = ShutdownOptions { timeout_seconds: options.timeout.map(|timeout| timeout.as_secs()), ..wish };
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
