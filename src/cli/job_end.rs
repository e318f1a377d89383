//! How a job's program ended, for verbs that end with its code.

use std::time::Duration;

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::follow::{self, End, Wish};
use super::goal::{Goal, Verdict};
use super::progress::Progress;
use super::rows::ending;
use super::server::Server;
use super::subject::Subject;
use crate::control::objects::{Run, Time};

/// Waits for the end of a job, and ends with its program's code.
pub fn wait(context: &Context, server: &Server, job: Subject, timeout: Option<Duration>) -> Outcome {
    let name = job.name().to_owned();
    let progress = Progress::new(context, &[&name], context.look());
    let wish = Wish { goal: Goal::Exited, any: false, timeout };
    let report = follow::follow(context, server, &[job], wish, &progress, |_, _| Ok(()))?;
    drop(progress);
    match report.end {
        End::Interrupted => return Ok(Exit::INTERRUPTED),
        End::TimedOut => {
            return Err(Failure::new(Exit::TIMED_OUT, format!("the time is up; `{name}` goes on"))
                .hint(format!("see: supctl status {name}")));
        }
        End::Judged => {}
    }
    match report.verdicts.into_iter().next() {
        Some((_, Verdict::Reached(word))) if word == "complete" => {
            context.say(&format!("{name}: complete"))?;
            Ok(Exit::DONE)
        }
        Some((_, Verdict::Missed(cause))) => Err(Failure::new(Exit::FAILED, format!("{name} {cause}"))),
        _ => of_failed(context, server, &name),
    }
}

/// The code of the run that failed last; 1 where none of a failed job's runs is known.
fn of_failed(context: &Context, server: &Server, name: &str) -> Result<Exit, Failure> {
    let runs: Vec<Run> = server.list()?;
    let of_job = |run: &&Run| run.status.job.as_deref() == Some(name) || run.status.unit.as_str() == name;
    let last = runs.iter().filter(of_job).filter(|run| run.status.exit_code != 0);
    let last = last.max_by_key(|run| (run.status.finished_at, Time(i64::from(run.status.attempt))));
    let exit = last.map_or(Exit::FAILED, exit_of);
    let cause = match last.map(|run| &run.status) {
        None => "failed".to_owned(),
        Some(run) if run.reason == "StartError" => run.message.clone(),
        Some(run) => ending(run.exit_code, run.signal),
    };
    context
        .complain(&Failure::new(exit, format!("{name}: {cause}")).hint(format!("see: supctl logs {name}")));
    Ok(exit)
}

/// docker's codes for what could not be started: 127 where there is no such program, 126 where it may not
/// be executed, 125 for all else.
fn exit_of(run: &Run) -> Exit {
    let message = run.status.message.as_str();
    match run.status.reason.as_str() {
        "StartError" if message.contains("ENOENT") || message.contains("not in PATH") => Exit(127),
        "StartError" if message.contains("EACCES") || message.contains("ENOEXEC") => Exit(126),
        "StartError" => Exit(125),
        _ => Exit(run.status.exit_code),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::*;

    #[test]
    fn codes_of_what_could_not_be_started() {
        let run = |reason: &str, message: &str, code: u8| {
            exit_of(&fixture::read(json!({"apiVersion": "supd/v1", "kind": "Run", "metadata": {"name": "a"},
                "status": {"unit": "a", "pod": "a-0", "process": "main", "attempt": 0, "exitCode": code,
                    "reason": reason, "message": message, "finishedAt": fixture::ago(0),
                    "usage": {"userCpuSeconds": 0.0, "systemCpuSeconds": 0.0, "maxRssBytes": 0}}})))
        };
        assert_eq!(run("Error", "", 7), Exit(7));
        assert_eq!(run("Error", "", 137), Exit(137));
        assert_eq!(run("StartError", "exec /x: no such file (ENOENT)", 128), Exit(127));
        assert_eq!(run("StartError", "exec x: not in PATH", 128), Exit(127));
        assert_eq!(run("StartError", "exec /x: permission denied (EACCES)", 128), Exit(126));
        assert_eq!(run("StartError", "user nobody2: not found", 128), Exit(125));
    }
}
