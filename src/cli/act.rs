//! Verbs that change something, and wait until it has changed.

use std::time::Duration;

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::follow::{self, End, Wish};
use super::goal::{Goal, Verdict};
use super::name::services;
use super::progress::Progress;
use super::server::Server;
use super::subject::Subject;
use super::target::{self, Asker};
use super::time_limit;
use crate::control::objects::{Job, NoOptions, Noun, Pod, SuspendRequest, SuspendWish, Unit};
use crate::unit::name::UnitName;

/// Arguments of `start`, `stop`, `restart`, `suspend`, `resume`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl restart web\n  supctl stop web db --timeout 30s\n\nExit codes: 0 done, 1 it failed, 5 no such unit, 6 its file is invalid, 69 supd cannot be reached, 124 --timeout ran out, 130 interrupted: what was asked for goes on"
)]
pub struct Options {
    /// Units; stop and restart take pods, suspend and resume take jobs, too
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    blocking: Blocking,
}

impl Options {
    /// With kubectl's second form of names: `rollout restart deployment web`.
    pub fn of_services(&self) -> Self {
        Self { names: services(&self.names), blocking: self.blocking }
    }
}

/// Whether and how long to wait.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Blocking {
    /// Do not wait until it is done
    #[arg(long, alias = "no-wait")]
    pub no_block: bool,
    /// How long to wait; 0 does not
    #[arg(short, long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    pub timeout: Option<Duration>,
}

/// One of the verbs of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// `start`
    Start,
    /// `stop`
    Stop,
    /// `restart`
    Restart,
    /// `suspend`
    Suspend,
    /// `resume`
    Resume,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
        }
    }

    /// What is waited for; nothing where the answer is the end of it.
    fn goal(self) -> Option<Goal> {
        match self {
            Self::Start | Self::Restart => Some(Goal::Up),
            Self::Stop => Some(Goal::Down),
            Self::Suspend | Self::Resume => None,
        }
    }
}

impl Blocking {
    /// Whether to wait at all; a limit of 0 does not.
    pub fn waits(&self) -> bool {
        !self.no_block && self.timeout != Some(Duration::ZERO)
    }
}

/// `supctl start NAME...` and its like. One failure does not stop the others.
pub fn run(act: Act, options: &Options, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    if matches!(act, Act::Start | Act::Restart) {
        make_instances(&server, &options.names)?;
    }
    let found = target::resolve(&server, &options.names, Asker::Action)?;
    let mut exit = Exit::DONE;
    for failure in &found.missing {
        context.complain(failure);
        exit = exit.and(failure.exit);
    }
    let goal = act.goal().filter(|_| options.blocking.waits());
    let mut begun = Vec::new();
    for subject in found.subjects {
        match ask(&server, act, &subject) {
            Ok(message) => {
                if goal.is_none() {
                    context.say(&message)?;
                }
                begun.push(subject);
            }
            Err(failure) => {
                context.complain(&failure);
                exit = exit.and(failure.exit);
            }
        }
    }
    let Some(goal) = goal else { return Ok(exit) };
    let (pods, objects): (Vec<_>, Vec<_>) = begun.into_iter().partition(|s| matches!(s, Subject::Pod(_)));
    // A pod is never started anew: it goes, and its unit makes another.
    let exit = exit.and(wait_for(context, &server, &pods, Goal::Down, &options.blocking)?);
    Ok(exit.and(wait_for(context, &server, &objects, goal, &options.blocking)?))
}

/// An instance of a template that nobody has asked for before is not among supd's units until it is started.
fn make_instances(server: &Server, names: &[String]) -> Result<(), Failure> {
    let is_instance = |name: &&String| UnitName::parse(name).is_ok_and(|name| name.instance().is_some());
    for name in names.iter().filter(is_instance) {
        if server.find::<Unit>(name)?.is_some() {
            continue;
        }
        match server.verb::<Unit>(name, Act::Start.word(), &NoOptions {}) {
            // Without a template it is said below that there is none.
            Err(failure) if failure.exit != Exit::NO_UNIT => return Err(failure),
            _ => {}
        }
    }
    Ok(())
}

/// Sends one wish. The answer is a line for people.
fn ask(server: &Server, act: Act, subject: &Subject) -> Result<String, Failure> {
    let name = subject.name();
    let unfit = |hint: String| {
        let noun = subject.noun().singular();
        Err(Failure::usage(format!("`{}` is not for a {noun}, and `{name}` is one", act.word())).hint(hint))
    };
    let answer = match (subject, act) {
        (Subject::Unit(_), _) => server.verb::<Unit>(name, act.word(), &NoOptions {})?,
        (Subject::Pod(_), Act::Stop | Act::Restart) => server.verb::<Pod>(name, act.word(), &NoOptions {})?,
        (Subject::Pod(pod), _) => {
            return unfit(format!("its unit: supctl {} {}", act.word(), pod.status.unit));
        }
        (Subject::Job(_), Act::Suspend | Act::Resume) => {
            let wish = SuspendRequest { spec: SuspendWish { suspend: act == Act::Suspend } };
            let path = format!("{}/{name}", Job::PATH);
            server.checked(server.client().patch::<serde_json::Value>(&path, &wish))?;
            return Ok(format!("{name}: {}", if act == Act::Suspend { "suspended" } else { "resumed" }));
        }
        (Subject::Job(_), _) => return unfit(format!("to end it: supctl delete job/{name}")),
    };
    Ok(if answer.message.is_empty() { format!("{name}: {}", act.word()) } else { answer.message })
}

/// Waits, and prints one line for each object as it is done.
pub fn wait_for(
    context: &Context,
    server: &Server,
    subjects: &[Subject],
    goal: Goal,
    blocking: &Blocking,
) -> Outcome {
    let line = |name: &str, word: &str| format!("{name}: {word}");
    wait_saying(context, server, subjects, (goal, blocking), line)
}

/// As [`wait_for`], with lines of another form.
pub(super) fn wait_saying(
    context: &Context,
    server: &Server,
    subjects: &[Subject],
    (goal, blocking): (Goal, &Blocking),
    line: impl Fn(&str, &str) -> String,
) -> Outcome {
    if subjects.is_empty() {
        return Ok(Exit::DONE);
    }
    let names: Vec<&str> = subjects.iter().map(Subject::name).collect();
    let progress = Progress::new(context, &names, context.look());
    let wish = Wish { goal, any: false, timeout: blocking.timeout };
    let report = follow::follow(context, server, subjects, wish, &progress, |name, verdict| match verdict {
        Verdict::Reached(word) => context.say(&line(name, word)),
        Verdict::Missed(cause) => {
            context.complain(
                &Failure::new(Exit::FAILED, format!("{name}: {cause}"))
                    .hint(format!("see: supctl logs {name}")),
            );
            Ok(())
        }
        Verdict::Pending => Ok(()),
    })?;
    drop(progress);
    match report.end {
        End::Interrupted => Ok(Exit::INTERRUPTED),
        End::TimedOut => {
            let pending = report.verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Pending);
            let pending: Vec<&str> = pending.map(|(name, _)| name.as_str()).collect();
            Err(Failure::new(
                Exit::TIMED_OUT,
                format!("the time is up; not done yet: {}", pending.join(", ")),
            )
            .hint(format!("it goes on: supctl status {}", pending.join(" "))))
        }
        End::Judged if report.verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::Missed(_))) => {
            Ok(Exit::FAILED)
        }
        End::Judged => Ok(Exit::DONE),
    }
}
