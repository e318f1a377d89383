//! `rollout`: how a changed template comes to the pods of a service, in kubectl's words.

use std::time::{Duration, Instant};

use super::act::{self, Act};
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::follow::again;
use super::name::services;
use super::namespace::Namespace;
use super::server::{self, Server};
use super::style::{Tone, printable, printable_lines};
use super::subject::Subject;
use super::table::Table;
use super::target::{self, Asker};
use super::time_limit;
use crate::control::client::{Client, ClientError, Selection};
use crate::control::objects::{Change, Deployment, NoOptions, Noun, RevisionList, UndoOptions, Unit};
use crate::unit::model::Kind;

/// Arguments of `rollout`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl rollout status web --timeout 5m\n  supctl rollout undo web --to-revision 2\n\nExit codes: 0 done, 1 it failed (status: the rollout has exceeded its progress deadline), 4 or 5 no such service, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

/// What is asked of a rollout.
#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Wait until a rollout is done, and say how far it is
    Status {
        #[command(flatten)]
        names: Names,
        /// Say how far it is once, and do not wait
        #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
        watch: bool,
        /// How long to wait
        #[arg(long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
        timeout: Option<Duration>,
    },
    /// Which templates a service has had
    History {
        #[command(flatten)]
        names: Names,
        /// The unit as it was then
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        revision: u32,
    },
    /// Go back to an older template; the file stays as it is
    Undo {
        #[command(flatten)]
        names: Names,
        /// To this one; else to the one before
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        to_revision: u32,
    },
    /// Hold changed templates back; scaling goes on
    Pause {
        #[command(flatten)]
        names: Names,
    },
    /// Let what was held back come to the pods
    Resume {
        #[command(flatten)]
        names: Names,
    },
    /// Replace all pods, as `supctl restart` does
    Restart(act::Options),
}

/// Whom it is about.
#[derive(clap::Args, Clone, Debug)]
struct Names {
    #[command(flatten)]
    namespace: Namespace,
    /// Services: web, deployment/web
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// `supctl rollout VERB NAME...`
pub fn run(options: &Options, context: &Context) -> Outcome {
    match &options.verb {
        Verb::Status { names, watch, timeout } => each(context, names, Asker::Question, |server, name| {
            status(context, server, name, *watch, *timeout)
        }),
        Verb::History { names, revision: 0 } => {
            each(context, names, Asker::Question, |server, name| history(context, server, name))
        }
        Verb::History { names, revision } => {
            each(context, names, Asker::Question, |server, name| show(context, server, name, *revision))
        }
        Verb::Undo { names, to_revision } => {
            // kubectl's 0 is the one before.
            let to_revision = Some(*to_revision).filter(|number| *number > 0);
            each(context, names, Asker::Action, |server, name| {
                let answer = server.verb::<Unit>(name, "undo", &UndoOptions { to_revision })?;
                context.say(&answer.message).map(|()| Exit::DONE)
            })
        }
        Verb::Pause { names } => each(context, names, Asker::Action, |server, name| {
            let answer = server.verb::<Unit>(name, "pause", &NoOptions {})?;
            context.say(&answer.message).map(|()| Exit::DONE)
        }),
        Verb::Resume { names } => each(context, names, Asker::Action, |server, name| {
            let answer = server.verb::<Unit>(name, "unpause", &NoOptions {})?;
            context.say(&answer.message).map(|()| Exit::DONE)
        }),
        Verb::Restart(options) => act::run(Act::Restart, &options.of_services(), context),
    }
}

/// Does it to each of the services. One failure does not stop the others.
fn each(
    context: &Context,
    names: &Names,
    asker: Asker,
    mut act: impl FnMut(&Server, &str) -> Outcome,
) -> Outcome {
    let server = Server::connect(context, asker)?;
    let found = target::resolve(&server, &services(&names.names), asker)?;
    let mut exit = Exit::DONE;
    for failure in &found.missing {
        context.complain(failure);
        exit = exit.and(failure.exit);
    }
    for subject in &found.subjects {
        let outcome = match subject {
            Subject::Unit(unit) if unit.status.kind == Kind::Service => {
                service(&server, subject.name()).and_then(|()| act(&server, subject.name()))
            }
            _ => {
                let name = subject.name();
                Err(Failure::usage(format!("`rollout` is for services; `{name}` is none")))
            }
        };
        exit = exit.and(outcome.unwrap_or_else(|failure| {
            context.complain(&failure);
            failure.exit
        }));
    }
    Ok(exit)
}

/// A manifest's Pod runs as a service does, but no Deployment rolls it.
fn service(server: &Server, name: &str) -> Result<(), Failure> {
    match server.find::<Deployment>(name)? {
        Some(_) => Ok(()),
        None => Err(Failure::usage(format!("`rollout` is for services; `{name}` is a Pod"))
            .hint("to change it: supctl apply -f FILE")),
    }
}

// ---- status

/// How far a rollout is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Going(String),
    Done(String),
    Failed(String),
}

/// Says how far a rollout is, each time it is farther, until it is done.
fn status(context: &Context, server: &Server, name: &str, watch: bool, timeout: Option<Duration>) -> Outcome {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut told = Step::Going(String::new());
    let mut unprinted = None;
    let ended = again(|| {
        let mut client = Client::connect(server.socket())?;
        client.set_deadline(deadline);
        // First the watch, then the object: so nothing can happen between them unseen.
        let fields = format!("metadata.name={name}");
        let selection = Selection { fields: Some(&fields), ..Selection::default() };
        let changes = client.watch::<Deployment>(selection)?;
        let mut step = judge(&client.get::<Deployment>(name)?);
        let mut changes = changes.into_iter();
        loop {
            if step != told {
                told = step;
                if let Step::Going(line) | Step::Done(line) = &told
                    && let Err(failure) = context.say(line)
                {
                    unprinted = Some(failure);
                    return Ok(true);
                }
            }
            if !watch || !matches!(told, Step::Going(_)) {
                return Ok(true);
            }
            step = match changes.next().transpose()? {
                None => return Ok(false),
                Some(event) if event.change == Change::Deleted => {
                    Step::Failed(format!("`{name}` was deleted"))
                }
                Some(event) => judge(&event.object),
            };
        }
    });
    if let Some(failure) = unprinted {
        return Err(failure);
    }
    match (ended, told) {
        (Err(ClientError::TimedOut), _) => {
            let message = format!("the time is up; the rollout of {name} is not done yet");
            Err(Failure::new(Exit::TIMED_OUT, message)
                .hint(format!("it goes on: supctl rollout status {name}")))
        }
        (Err(error), _) => Err(server::failure(&error, Asker::Question)),
        (Ok(()), Step::Failed(message)) => Err(Failure::new(Exit::FAILED, message)),
        (Ok(()), _) => Ok(Exit::DONE),
    }
}

/// kubectl's judgement, in its words.
fn judge(deployment: &Deployment) -> Step {
    let (spec, status) = (&deployment.spec, &deployment.status);
    let name = printable(&deployment.metadata.name);
    let progressing = deployment.condition("Progressing");
    if progressing.is_some_and(|condition| condition.reason == "ProgressDeadlineExceeded") {
        return Step::Failed(format!("deployment \"{name}\" exceeded its progress deadline"));
    }
    let waiting =
        |what: String| Step::Going(format!("Waiting for deployment \"{name}\" rollout to finish: {what}..."));
    // Bare pods at their end are what was wished of them.
    let (finished, updated) = (status.finished_replicas, status.updated_replicas);
    if updated + finished < spec.replicas {
        let wanted = spec.replicas;
        return waiting(format!("{updated} out of {wanted} new replicas have been updated"));
    }
    if status.replicas > updated {
        let old = status.replicas - updated;
        return waiting(format!("{old} old replicas are pending termination"));
    }
    if status.available_replicas < updated {
        let available = status.available_replicas;
        return waiting(format!("{available} of {updated} updated replicas are available"));
    }
    Step::Done(format!("deployment \"{name}\" successfully rolled out"))
}

// ---- history

fn revisions(server: &Server, name: &str, number: Option<u32>) -> Result<RevisionList, Failure> {
    // A unit's name is safe in a path but for its `@`.
    let mut path = format!("{}/{}/revisions", Unit::PATH, name.replace('@', "%40"));
    if let Some(number) = number {
        path += &format!("/{number}");
    }
    server.checked(server.client().fetch(&path))
}

fn history(context: &Context, server: &Server, name: &str) -> Outcome {
    let known = revisions(server, name, None)?;
    let mut table = Table::new(&["REVISION", "CHANGE"]);
    for revision in &known.items {
        table.push(
            if revision.present { Tone::Well } else { Tone::Plain },
            vec![revision.revision.to_string().into(), printable(&revision.change).into_owned().into()],
        );
    }
    context.print(&format!("deployment.apps/{name}\n{}", table.render(context.screen)))?;
    Ok(Exit::DONE)
}

fn show(context: &Context, server: &Server, name: &str, number: u32) -> Outcome {
    let known = revisions(server, name, Some(number))?;
    let Some(revision) = known.items.first() else {
        return Err(Failure::new(Exit::NOT_FOUND, format!("`{name}` has no revision {number}")));
    };
    if revision.text.is_empty() {
        let message = format!("the text of revision {number} of `{name}` is not kept any more");
        return Err(Failure::new(Exit::FAILED, message));
    }
    let head = format!("# {name}, revision {number}: {}\n", printable(&revision.change));
    context.print(&format!("{head}{}\n", printable_lines(revision.text.trim_end())))?;
    Ok(Exit::DONE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(wanted: u32, numbers: [u32; 3], reason: &str) -> Deployment {
        let [replicas, updated, available] = numbers;
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": wanted, "strategy": {"type": "Recreate"}, "revisionHistoryLimit": 10},
            "status": {"replicas": replicas, "updatedReplicas": updated, "readyReplicas": available,
                "availableReplicas": available, "unavailableReplicas": 0, "unit": "web",
                "conditions": [{"type": "Progressing", "status": "True", "reason": reason,
                    "lastTransitionTime": "2026-11-23T09:14:23Z"}]}});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn the_words_are_kubectls() {
        let step = |wanted, numbers| judge(&deployment(wanted, numbers, "ReplicaSetUpdated"));
        let waiting =
            |what| Step::Going(format!("Waiting for deployment \"web\" rollout to finish: {what}..."));
        assert_eq!(step(3, [3, 1, 3]), waiting("1 out of 3 new replicas have been updated"));
        assert_eq!(step(3, [4, 3, 3]), waiting("1 old replicas are pending termination"));
        assert_eq!(step(3, [3, 3, 1]), waiting("1 of 3 updated replicas are available"));
        assert_eq!(step(3, [3, 3, 3]), Step::Done("deployment \"web\" successfully rolled out".into()));
        assert_eq!(
            judge(&deployment(3, [3, 1, 3], "ProgressDeadlineExceeded")),
            Step::Failed("deployment \"web\" exceeded its progress deadline".into())
        );
    }
}
