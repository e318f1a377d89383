//! `kill`: a signal to processes that run.

use nix::sys::signal::Signal;

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use crate::control::objects::{self, Pod, Unit};

/// Arguments of `kill`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl kill -s HUP web\n  supctl kill -s KILL --kill-whom=all web-0\n\nExit codes: 0 done, 2 no such signal, 5 no such unit or pod, 7 it is not running, 69 supd cannot be reached"
)]
pub struct Options {
    /// Units or pods
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// The signal: TERM, SIGHUP, 9
    #[arg(short, long, value_name = "SIGNAL", default_value = "TERM")]
    signal: String,
    /// main: the main process; all: everything that descends from it
    #[arg(long, value_name = "WHOM", default_value = "main", value_parser = ["main", "all"])]
    kill_whom: String,
}

/// `supctl kill NAME...`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let signal = parse_signal(&options.signal)?;
    let server = Server::connect(context, Asker::Action)?;
    let found = target::resolve(&server, &options.names, Asker::Action)?;
    let wish = objects::KillOptions { signal: Some(signal), all: options.kill_whom == "all" };
    let mut exit = Exit::DONE;
    for failure in &found.missing {
        context.complain(failure);
        exit = exit.and(failure.exit);
    }
    for subject in &found.subjects {
        match signal_one(&server, subject, &wish) {
            Ok(message) => context.say(&message)?,
            Err(failure) => {
                context.complain(&failure);
                exit = exit.and(failure.exit);
            }
        }
    }
    Ok(exit)
}

fn signal_one(server: &Server, subject: &Subject, wish: &objects::KillOptions) -> Result<String, Failure> {
    let name = subject.name();
    let idle = || Failure::new(Exit::NOT_RUNNING, format!("`{name}` is not running: {}", subject.word()));
    if !subject.has_processes() {
        return Err(idle());
    }
    let answer = match subject {
        Subject::Unit(_) => server.verb::<Unit>(name, "kill", wish),
        Subject::Pod(_) => server.verb::<Pod>(name, "kill", wish),
        Subject::Job(_) => Err(Failure::usage(format!("`kill` is for units and pods; `{name}` is a job"))
            .hint("see: supctl get pods -l job-name=NAME")),
    };
    // Between our look and the signal it may have ended: that is the same to the user.
    let answer = answer.map_err(|failure| if failure.exit == Exit::FAILED { idle() } else { failure })?;
    Ok(if answer.message.is_empty() { format!("{name}: signalled") } else { answer.message })
}

/// `HUP`, `SIGHUP`, `hup`, `1`.
fn parse_signal(text: &str) -> Result<i32, Failure> {
    const SIGNAL_MAX: i32 = 64;
    if let Ok(number) = text.parse::<i32>() {
        if (1..=SIGNAL_MAX).contains(&number) {
            return Ok(number);
        }
        return Err(Failure::usage(format!("there is no signal {number}")));
    }
    let upper = text.to_ascii_uppercase();
    let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    let signal: Signal = name.parse().map_err(|_| Failure::usage(format!("there is no signal `{text}`")))?;
    Ok(signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_in_every_spelling() {
        for text in ["HUP", "SIGHUP", "hup", "1"] {
            assert_eq!(parse_signal(text), Ok(1));
        }
        assert_eq!(parse_signal("37"), Ok(37));
        for text in ["NONE", "0", "65", "-1"] {
            assert!(parse_signal(text).is_err_and(|failure| failure.exit == Exit::USAGE), "{text}");
        }
    }
}
