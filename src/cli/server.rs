//! supd, as verbs see it: what it is asked, and its refusals as failures with exit codes.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::rows::Tabular;
use super::socket;
use super::style::printable_lines;
use super::target::Asker;
use crate::control::client::{Client, ClientError, Selection};
use crate::control::objects::{Cause, Info, LogLocation, Noun, Status, StatusReason};

/// A supd that answers.
pub struct Server {
    client: Client,
    socket: PathBuf,
    asker: Asker,
}

impl Server {
    /// The one that this account means, or that was named.
    pub fn connect(context: &Context, asker: Asker) -> Result<Self, Failure> {
        let socket = socket::path(context)?;
        let client = Client::connect(&socket).map_err(|error| failure(&error, asker))?;
        Ok(Self { client, socket, asker })
    }

    /// Another connection, for a thread of its own.
    pub fn socket(&self) -> &PathBuf {
        &self.socket
    }

    /// Whatever it is asked, the answer must be there by then.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.client.set_deadline(deadline);
    }

    /// The client itself.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// supd itself.
    pub fn info(&self) -> Result<Info, Failure> {
        self.checked(self.client.info())
    }

    /// supd itself, once the logs of all runs that have ended are complete.
    pub fn logs(&self) -> Result<Info, Failure> {
        self.checked(self.client.logs())
    }

    /// All objects of a kind.
    pub fn list<T: Tabular>(&self) -> Result<Vec<T>, Failure> {
        self.select(Selection::default())
    }

    /// The objects of a kind that are selected.
    pub fn select<T: Tabular>(&self, selection: Selection<'_>) -> Result<Vec<T>, Failure> {
        Ok(self.checked(self.client.list::<T>(selection))?.items)
    }

    /// One object, if there is one of this name.
    pub fn find<T: Tabular>(&self, name: &str) -> Result<Option<T>, Failure> {
        match self.client.get::<T>(name) {
            Ok(object) => Ok(Some(object)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failure(&error, self.asker)),
        }
    }

    /// Where a pod's logs are; nothing where there is no such pod.
    pub fn log(&self, pod: &str) -> Result<Option<LogLocation>, Failure> {
        match self.client.log(pod) {
            Ok(location) => Ok(Some(location)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failure(&error, self.asker)),
        }
    }

    /// A verb of a unit or a pod.
    pub fn verb<T: Noun>(&self, name: &str, verb: &str, options: &impl Serialize) -> Result<Status, Failure> {
        self.checked(self.client.verb::<T>(name, verb, options))
    }

    /// A verb of supd itself: `reload`, `apply`, `shutdown`, `run`.
    pub fn command(&self, verb: &str, options: &impl Serialize) -> Result<Status, Failure> {
        self.checked(self.client.post(&format!("/apis/supd/v1/{verb}"), options))
    }

    /// Whatever the client was asked.
    pub fn checked<T>(&self, answer: Result<T, ClientError>) -> Result<T, Failure> {
        answer.map_err(|error| failure(&error, self.asker))
    }
}

fn is_absent(error: &ClientError) -> bool {
    error.status().is_some_and(|status| status.reason == Some(StatusReason::NotFound))
}

/// A refusal in words, with the exit code that its kind has for this sort of verb.
pub fn failure(error: &ClientError, asker: Asker) -> Failure {
    match error {
        ClientError::Unreachable { cause, .. } => {
            let denied = cause.kind() == io::ErrorKind::PermissionDenied && asker == Asker::Action;
            let exit = if denied { Exit::NOT_FOUND } else { Exit::UNREACHABLE };
            let failure = Failure::new(exit, error.to_string());
            match cause.kind() {
                io::ErrorKind::PermissionDenied => failure,
                _ => failure
                    .hint("to start one: supd --units DIR")
                    .hint("to name another: supctl --socket PATH"),
            }
        }
        ClientError::Refused(status) => refused(status, asker),
        ClientError::TimedOut => Failure::new(Exit::TIMED_OUT, error.to_string()),
        ClientError::Lost(_) | ClientError::Garbled(_) => Failure::new(Exit::UNREACHABLE, error.to_string()),
    }
}

fn refused(status: &Status, asker: Asker) -> Failure {
    let exit = match (status.reason, asker) {
        (Some(StatusReason::NotFound), Asker::Question) => Exit::NOT_FOUND,
        (Some(StatusReason::NotFound), Asker::Action) => Exit::NO_UNIT,
        (Some(StatusReason::Forbidden), _) => Exit::NOT_FOUND,
        (Some(StatusReason::ServiceUnavailable | StatusReason::TooManyRequests), _) => Exit::UNREACHABLE,
        (Some(StatusReason::BadRequest), _) => Exit::USAGE,
        _ => Exit::FAILED,
    };
    let mut failure = Failure::new(exit, printable_lines(&status.message));
    for cause in &status.details.causes {
        // Lines below the first stand as deep as a hint does.
        let words = printable_lines(&words_of(cause));
        failure = failure.hint(words.lines().collect::<Vec<_>>().join("\n  "));
    }
    failure
}

/// One cause in words. A fault of a file tells its place itself, beside the line that is meant.
pub(super) fn words_of(cause: &Cause) -> String {
    let Cause { field, message, .. } = cause;
    match field.is_empty() || message.contains(&format!("--> {field}")) {
        true => message.clone(),
        false => format!("{field}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_of_refusals() {
        let code = |reason, asker| {
            let status = Status::failure(reason, "no");
            failure(&ClientError::Refused(Box::new(status)), asker).exit
        };
        assert_eq!(code(StatusReason::NotFound, Asker::Question), Exit::NOT_FOUND);
        assert_eq!(code(StatusReason::NotFound, Asker::Action), Exit::NO_UNIT);
        assert_eq!(code(StatusReason::Forbidden, Asker::Action), Exit::NOT_FOUND);
        assert_eq!(code(StatusReason::Conflict, Asker::Action), Exit::FAILED);
        assert_eq!(code(StatusReason::ServiceUnavailable, Asker::Question), Exit::UNREACHABLE);
    }

    #[test]
    fn who_cannot_be_reached_is_named() {
        let unreachable = |kind: io::ErrorKind, asker| {
            let cause = io::Error::from(kind);
            failure(&ClientError::Unreachable { socket: "/run/supd/control.sock".into(), cause }, asker)
        };
        let absent = unreachable(io::ErrorKind::NotFound, Asker::Question);
        assert_eq!(absent.exit, Exit::UNREACHABLE);
        assert!(absent.message.contains("/run/supd/control.sock"));
        assert_eq!(absent.hints[0], "to start one: supd --units DIR");
        assert_eq!(unreachable(io::ErrorKind::PermissionDenied, Asker::Action).exit, Exit::NOT_FOUND);
    }
}
