//! Questions for logs that wait until the logs are complete.
//!
//! A run is known to have ended before the logger has its last lines. Whoever asks for logs then waits for
//! the keeper's word that all of what had ended by then is written; but not for ever, since a logger may be
//! stuck on its disk.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::control::request::{Answer, Reply};
use crate::engine::id::PodUid;
use crate::engine::time::Mono;
use crate::limits::LOG_COMPLETE_WAIT_MS;
use crate::runtime::clock;

use super::Manager;

/// Those who wait, in the order in which they came. Bounded by the connections that there may be.
#[derive(Default)]
pub(super) struct Held(VecDeque<Question>);

struct Question {
    about: About,
    /// Which end was heard of last when it was asked.
    last_end: u64,
    deadline: Mono,
    answer: oneshot::Sender<Answer>,
}

/// Whose logs.
#[derive(Clone, Debug)]
pub(super) enum About {
    /// Everybody's.
    All,
    /// A pod's, by its name, and which one that was when it was asked.
    Pod(String, PodUid),
}

impl Held {
    /// When the first of them has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.0.front().map(|question| question.deadline)
    }
}

impl Manager {
    /// Answers a question for logs, now or when they are complete.
    pub(super) fn hold(&mut self, about: About, answer: oneshot::Sender<Answer>) {
        let deadline = clock::mono() + Duration::from_millis(LOG_COMPLETE_WAIT_MS);
        let last_end = self.keeper.last_end();
        self.held.0.push_back(Question { about, last_end, deadline, answer });
        self.answer_held();
    }

    /// Answers those who need not wait any longer.
    pub(super) fn answer_held(&mut self) {
        if self.held.0.is_empty() {
            return;
        }
        let now = clock::mono();
        for question in std::mem::take(&mut self.held.0) {
            let pod = match &question.about {
                About::All => None,
                About::Pod(_, uid) => Some(*uid),
            };
            if question.answer.is_closed() {
                continue;
            }
            if question.deadline > now && !self.keeper.is_drained(question.last_end, pod) {
                self.held.0.push_back(question);
                continue;
            }
            let told = match &question.about {
                About::All => Ok(Reply::Object(self.info())),
                About::Pod(name, _) => self.log_location(name).map(Reply::Object),
            };
            self.respond(question.answer, told, true);
        }
    }
}
