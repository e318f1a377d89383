//! `exec NAME -- CMD`: a command in the context of a unit.

use std::io::Write;

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::not_yet;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use crate::control::objects::{ExecFrame, ExecRequest};

/// Arguments of `exec`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl exec web -- env\n  supctl exec web-0 -c proxy -- sh -c 'ls -l'\n\nExit codes: 0 done, 5 no such unit or pod, 7 it is not running; else the program's own code"
)]
pub struct Options {
    /// A unit or pod
    #[arg(value_name = "NAME")]
    name: String,
    /// Pass standard input on
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    tty: bool,
    /// In the environment of this process of the pod, and as its user; else of main
    #[arg(short, long, value_name = "PROCESS")]
    container: Option<String>,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

/// `supctl exec NAME -- CMD`
pub fn run(options: &Options, context: &Context) -> Outcome {
    if options.tty && options.stdin {
        return Err(not_yet::value("`exec -it`", "supctl exec NAME -- CMD, without a terminal"));
    }
    let server = Server::connect(context, Asker::Action)?;
    let found = target::resolve(&server, std::slice::from_ref(&options.name), Asker::Action)?;
    if let Some(failure) = found.missing.into_iter().next() {
        return Err(failure);
    }
    let [subject] = found.subjects.as_slice() else {
        return Err(Failure::usage(format!("`{}` is more than one", options.name)));
    };
    let name = pod_of(subject, options.container.is_none())?;
    let container = options.container.clone();
    let request = ExecRequest { name, container, command: options.command.clone() };
    for frame in server.checked(server.client().exec(&request))? {
        match server.checked(frame)? {
            ExecFrame::Stdout(bytes) => write(&mut std::io::stdout().lock(), &bytes)?,
            ExecFrame::Stderr(bytes) => write(&mut std::io::stderr().lock(), &bytes)?,
            ExecFrame::End(end) => {
                if !end.message.is_empty() {
                    context.complain(&Failure::new(Exit(end.exit_code), end.message));
                }
                return Ok(Exit(end.exit_code));
            }
        }
    }
    Err(Failure::new(Exit::UNREACHABLE, "supd ended before the command did"))
}

/// The pod to run in: a unit's first that runs. Whether a process other than main does, supd knows.
fn pod_of(subject: &Subject, in_main: bool) -> Result<String, Failure> {
    let name = subject.name();
    let idle = || Failure::new(Exit::NOT_RUNNING, format!("`{name}` is not running: {}", subject.word()));
    match subject {
        Subject::Pod(pod) if pod.status.pid.is_some() || !in_main => Ok(name.to_owned()),
        Subject::Unit(unit) => {
            let pod = unit.status.pods.iter().find(|pod| (pod.pid.is_some() || !in_main) && !pod.terminating);
            pod.map(|pod| pod.name.clone()).ok_or_else(idle)
        }
        Subject::Pod(_) => Err(idle()),
        Subject::Job(_) => Err(Failure::usage(format!("`exec` is for units and pods; `{name}` is a job"))),
    }
}

/// A command's bytes go through as they are: what it prints is meant for whoever called it.
fn write(to: &mut impl Write, bytes: &[u8]) -> Result<(), Failure> {
    to.write_all(bytes)?;
    to.flush()?;
    Ok(())
}
