//! An operator wants supd to go on as another program. The keeper tries that one, and does it; what is left of
//! this manager then is its end.

use std::io;

use tokio::sync::oneshot;

use crate::control::objects::{ReexecOptions, Status, StatusReason};
use crate::control::request::Answer;

use super::Manager;

impl Manager {
    /// Asks the keeper. The answer is a refusal, or the end of the connection.
    pub(super) fn reexec(
        &mut self,
        options: &ReexecOptions,
        answer: oneshot::Sender<Answer>,
    ) -> io::Result<()> {
        if self.reexec.is_some() {
            let message = "supd is being replaced already";
            // Nobody listens any more if the client has gone.
            let _ = answer.send(Err(Status::failure(StatusReason::Conflict, message)));
            return Ok(());
        }
        self.reexec = Some(answer);
        self.keeper.reexec(options.binary.as_deref().unwrap_or_default().as_bytes())
    }

    /// All goes on as before.
    pub(super) fn not_replaced(&mut self, reason: String) {
        tracing::warn!("not replaced: {reason}");
        if let Some(answer) = self.reexec.take() {
            let _ = answer.send(Err(Status::failure(StatusReason::Conflict, reason)));
        }
    }
}
