//! A process that must say again and again that it lives: `WATCHDOG=1` on its notify socket, as
//! sd_watchdog_enabled(3) has it. It is asked nothing; it has failed when it was silent for too long.
//!
//! Time begins when the probe does, and anew with each manager: none is blamed for words that nobody read.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::Note;
use crate::engine::id::RunId;

/// A watchdog that is armed; no longer, when this is dropped.
#[derive(Debug)]
pub struct Watchdog {
    task: AbortHandle,
    heard: watch::Sender<Instant>,
    every: Duration,
}

impl Watchdog {
    /// Arms it.
    pub fn begin(run: RunId, every: Duration, notes: mpsc::Sender<Note>) -> Self {
        let (heard, last) = watch::channel(Instant::now());
        let task = tokio::spawn(wait(run, every, last, notes)).abort_handle();
        Self { task, heard, every }
    }

    /// The process has spoken.
    pub fn heard(&self) {
        let _ = self.heard.send(Instant::now());
    }

    /// How long the process may be silent.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// Whether it has been silent for too long, by what was heard until now.
    pub fn is_silent(&self) -> bool {
        self.heard.borrow().elapsed() >= self.every
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Says so when the time is over; again after each word, should that have come too late.
async fn wait(run: RunId, every: Duration, mut last: watch::Receiver<Instant>, notes: mpsc::Sender<Note>) {
    loop {
        let due = *last.borrow_and_update() + every;
        sleep_until(due).await;
        if last.has_changed().unwrap_or(false) {
            continue;
        }
        if notes.send(Note::Silent { run }).await.is_err() || last.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::{Class, PodUid};

    #[test]
    fn a_word_in_time_keeps_it_quiet_and_silence_is_told_once() {
        const RUN: RunId = RunId { pod: PodUid(1), class: Class::Main, process: 0, attempt: 0 };
        let every = Duration::from_millis(20);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (send, mut notes) = mpsc::channel(8);
            let watchdog = Watchdog::begin(RUN, every, send);
            assert!(matches!(notes.recv().await, Some(Note::Silent { run: RUN })));
            assert!(watchdog.is_silent());
            // A word that came while the loop was busy: judged by the loop, it is not silent any more.
            watchdog.heard();
            assert!(!watchdog.is_silent());
            assert!(matches!(notes.recv().await, Some(Note::Silent { run: RUN })));
            assert!(notes.try_recv().is_err());
        });
    }
}
