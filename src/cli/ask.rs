//! `is-active`, `is-failed`, `is-ready`, `is-system-running`: answers by exit code.

use super::context::Context;
use super::exit::{Exit, Outcome};
use super::server::Server;
use super::subject::{Active, Subject};
use super::target::{self, Asker};
use crate::control::objects::SystemState;

/// Arguments of the questions.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl is-active web\n  supctl is-failed -q mailer && supctl logs mailer\n\nExit codes: 0 yes, for at least one; is-active and is-ready: 3 no; is-failed: 1 no; 4 no such unit, 69 supd cannot be reached"
)]
pub struct Options {
    /// Units, pods or jobs
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// It must hold for every name
    #[arg(long)]
    all_of: bool,
}

/// One of the questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `is-active`
    Active,
    /// `is-failed`
    Failed,
    /// `is-ready`
    Ready,
}

impl Question {
    /// The word that is printed, and whether the answer is yes.
    fn answer(self, subject: &Subject) -> (&'static str, bool) {
        let active = subject.active();
        match self {
            Self::Active => (active.as_str(), active == Active::Active),
            Self::Failed => (active.as_str(), active == Active::Failed),
            Self::Ready if subject.is_ready() => ("ready", true),
            Self::Ready => ("not-ready", false),
        }
    }

    /// The code of no.
    fn no(self) -> Exit {
        match self {
            Self::Active | Self::Ready => Exit::NOT_ACTIVE,
            Self::Failed => Exit::FAILED,
        }
    }
}

/// `supctl is-active NAME...` and its like.
pub fn run(question: Question, options: &Options, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Question)?;
    let found = target::resolve(&server, &options.names, Asker::Question)?;
    let mut answers = Vec::new();
    for subject in &found.subjects {
        let (word, yes) = question.answer(subject);
        context.say(word)?;
        answers.push(yes);
    }
    for failure in &found.missing {
        context.complain(failure);
    }
    let yes = if options.all_of {
        found.missing.is_empty() && answers.iter().all(|yes| *yes)
    } else {
        answers.contains(&true)
    };
    Ok(match found.missing.first() {
        _ if yes => Exit::DONE,
        Some(failure) => failure.exit,
        None => question.no(),
    })
}

/// Arguments of `is-system-running`: none.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl is-system-running\n  supctl is-system-running -q && echo all is well\n\nIt prints starting, running, degraded, stopping or safe mode.\n\nExit codes: 0 running, 1 anything else, 69 supd cannot be reached"
)]
pub struct SystemOptions {}

/// `supctl is-system-running`
pub fn system(SystemOptions {}: &SystemOptions, context: &Context) -> Outcome {
    let state = Server::connect(context, Asker::Question)?.info()?.status.state;
    context.say(state.as_str())?;
    Ok(if state == SystemState::Running { Exit::DONE } else { Exit::FAILED })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::unit;
    use super::*;

    #[test]
    fn answers_are_systemctls() {
        let table = [
            ("Running", "active", "ready"),
            ("Degraded", "active", "not-ready"),
            ("Waiting", "activating", "not-ready"),
            ("Stopping", "deactivating", "not-ready"),
            ("Stopped", "inactive", "not-ready"),
            ("CrashLoopBackOff", "failed", "not-ready"),
            ("Failed", "failed", "not-ready"),
        ];
        for (state, active, ready) in table {
            let subject = Subject::Unit(Box::new(unit("a", 60, json!({"state": state}))));
            assert_eq!(Question::Active.answer(&subject), (active, active == "active"), "{state}");
            assert_eq!(Question::Failed.answer(&subject), (active, active == "failed"), "{state}");
            assert_eq!(Question::Ready.answer(&subject), (ready, ready == "ready"), "{state}");
        }
        assert_eq!((Question::Active.no(), Question::Failed.no()), (Exit::NOT_ACTIVE, Exit::FAILED));
    }
}
