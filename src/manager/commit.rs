//! What is known is stored, and whatever depends on that is done then.
//!
//! ```text
//!   exits taken in ─┐                                       ┌─▶ exits acknowledged to the keeper
//!   wishes          ├─▶ engine, store ─▶ batch n ─▶ stored ─┼─▶ answers, changes for those who watch
//!   slots of crons  ┘      (collected for 5 ms, or until    ├─▶ slots of cronjobs, durable jobs started
//!                           somebody waits)                 └─▶ signals sent, preStop begun
//! ```
//!
//! Each of these waits for the number of the batch that holds all it rests upon, so that nobody has seen what
//! a manager's death could take back. Restarts, and the next pods of a job, wait for nothing.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Manager, fault};
use crate::control::request::Answer;
use crate::engine::action::Spawn;
use crate::engine::id::RunId;
use crate::engine::time::{Mono, Now};
use crate::limits::{
    COMMIT_END_PATIENCE_MS, COMMIT_PATIENCE_MS, COMMIT_RECORDS, COMMIT_STOP_PATIENCE_MS, COMMIT_WITHIN_MS,
};
use crate::runtime::clock;
use crate::store::{KeeperMark, Mark, News, Place};
use crate::unit::model::{HookKind, Unit};

/// What waits for the store.
#[derive(Default)]
pub(super) struct Commits {
    /// By the number of its batch, which grows.
    waiting: VecDeque<(u64, Waiting)>,
    /// Since when there has been something to hand over.
    since: Option<Mono>,
    /// Somebody waits for it.
    urgent: bool,
    /// Exits up to this number were taken in when the last batch was handed over.
    handed_exits: u64,
    /// Under which keeper all this is, and what goes with every batch.
    pub(super) mark: Mark,
    same_boot: bool,
    exits_before: u64,
}

enum Waiting {
    /// For a client; one that only looks does not wait for a slow disk.
    Answer { sender: oneshot::Sender<Answer>, answer: Answer, patience: Option<Mono> },
    /// A start that must not happen twice.
    Start(Box<Spawn>),
    /// Run, signal, to all: the next manager is to know why it ended.
    Stop { order: (RunId, i32, bool), patience: Mono },
    /// The same.
    PreStop { run: RunId, unit: Arc<Unit>, within: Duration, patience: Mono },
    /// The keeper may forget these exits.
    Acknowledge(u64),
    /// supd's own end.
    End { code: u8, patience: Mono },
}

impl Waiting {
    /// Whether it has waited for long enough.
    fn is_impatient(&self, now: Mono) -> bool {
        self.patience().is_some_and(|patience| patience <= now)
    }

    fn patience(&self) -> Option<Mono> {
        match self {
            Self::Answer { patience, .. } => *patience,
            Self::Stop { patience, .. } | Self::PreStop { patience, .. } | Self::End { patience, .. } => {
                Some(*patience)
            }
            Self::Start(_) | Self::Acknowledge(_) => None,
        }
    }
}

impl Commits {
    /// Under this keeper, after what another manager has stored.
    pub(super) fn begin(&mut self, keeper: KeeperMark, before: Option<Mark>) {
        let before = before.unwrap_or_default();
        self.same_boot = before.keeper.same_boot(&keeper);
        let goes_on = before.keeper == keeper;
        let unit_faults = if goes_on { before.unit_faults } else { Vec::new() };
        self.exits_before = if goes_on { before.exits } else { 0 };
        self.mark = Mark { keeper, unit_faults, ..Mark::default() };
    }

    /// Exits of this keeper up to this number were stored by another manager.
    pub(super) fn exits_before(&self) -> u64 {
        self.exits_before
    }

    /// Whether what was stored was stored in this boot of the machine.
    pub(super) fn same_boot(&self) -> bool {
        self.same_boot
    }
}

impl Manager {
    /// Answers once all that the answer rests upon is stored.
    pub(super) fn respond(&mut self, sender: oneshot::Sender<Answer>, answer: Answer, looks: bool) {
        let patience = looks.then(|| clock::mono() + Duration::from_millis(COMMIT_PATIENCE_MS));
        self.wait_for_store(Waiting::Answer { sender, answer, patience });
    }

    /// Starts a process once all that is known is stored.
    pub(super) fn start_durably(&mut self, spawn: Box<Spawn>) {
        self.wait_for_store(Waiting::Start(spawn));
    }

    /// Asks a run to end once the reason is stored.
    pub(super) fn stop_durably(&mut self, order: (RunId, i32, bool)) {
        let patience = clock::mono() + STOP_PATIENCE;
        self.wait_for_store(Waiting::Stop { order, patience });
    }

    /// Begins preStop once the reason is stored.
    pub(super) fn begin_pre_stop_durably(&mut self, run: RunId, unit: Arc<Unit>, within: Duration) {
        let patience = clock::mono() + STOP_PATIENCE;
        self.wait_for_store(Waiting::PreStop { run, unit, within, patience });
    }

    /// Ends supd once all that is known is stored, and that it ended in order.
    pub(super) fn end_durably(&mut self, code: u8) {
        self.commits.mark.ended = true;
        let patience = clock::mono() + Duration::from_millis(COMMIT_END_PATIENCE_MS);
        self.commits.waiting.push_back((self.store.open_batch(), Waiting::End { code, patience }));
        self.commits.urgent = true;
    }

    fn wait_for_store(&mut self, waiting: Waiting) {
        self.commits.urgent |= self.is_dirty();
        self.commits.waiting.push_back((self.batch_of_now(), waiting));
    }

    /// Whether anything has changed that was not handed over.
    fn is_dirty(&self) -> bool {
        self.engine.is_touched() || self.store.waiting() > 0
    }

    /// The number of the batch that holds, or will hold, all that is known now.
    pub(super) fn batch_of_now(&self) -> u64 {
        if self.is_dirty() { self.store.open_batch() } else { self.store.open_batch() - 1 }
    }

    /// Takes in what the writer has said, hands over what is due, and does what no longer has to wait.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        let now = clock::now();
        self.store.on_time(now);
        while let Some(news) = self.store.take_in(now) {
            match news {
                // A disk that took the state takes files, too: the root has become writable, for one.
                News::Stored(_) if *self.store.place() == Place::Disk => self.sources.look_again(),
                News::Stored(_) => {}
                News::Failed(why) => tracing::warn!("the state is not saved: {why}; it is kept in memory"),
            }
        }
        self.hand_over_if_due(now);
        self.release(now.mono)?;
        // A start that had to wait may have failed at once.
        self.settle()
    }

    fn hand_over_if_due(&mut self, now: Now) {
        if self.is_dirty() {
            self.commits.since.get_or_insert(now.mono);
        }
        let waited = self.commits.since.is_some_and(|since| now.mono.since(since) >= WITHIN);
        let due = waited
            || self.commits.urgent
            || self.store.waiting() >= COMMIT_RECORDS
            || self.store.wants_whole();
        if due && self.store.is_idle() {
            self.hand_over(now);
        }
    }

    /// Gives the writer everything that has changed.
    fn hand_over(&mut self, now: Now) {
        if self.store.wants_whole() {
            self.engine.touch_all();
            self.store.begin_whole();
        }
        let touched = self.engine.take_touched();
        for name in touched.units {
            self.store.put_unit(&name, self.engine.saved_unit(&name).as_ref());
        }
        for name in touched.jobs {
            self.store.put_job(&name, self.engine.saved_job(&name).as_ref());
        }
        for uid in touched.pods {
            self.store.put_pod(uid, self.engine.saved_pod(uid).as_ref());
        }
        let exits = self.keeper.last_exit();
        let commits = &mut self.commits;
        (commits.mark.exits, commits.mark.taken, commits.handed_exits) = (exits, now, exits);
        (commits.since, commits.urgent) = (None, false);
        fault::point("commit", "");
        let batch = self.store.hand_over(&commits.mark, now);
        commits.waiting.push_back((batch, Waiting::Acknowledge(exits)));
    }

    /// Does what no longer has to wait.
    fn release(&mut self, now: Mono) -> io::Result<()> {
        let stored = self.store.stored();
        self.watchers.release(stored);
        while self.commits.waiting.front().is_some_and(|(batch, _)| *batch <= stored) {
            if let Some((_, waiting)) = self.commits.waiting.pop_front() {
                self.go_on(waiting)?;
            }
        }
        if self.commits.waiting.iter().any(|(_, waiting)| waiting.is_impatient(now)) {
            for (batch, waiting) in std::mem::take(&mut self.commits.waiting) {
                match waiting.is_impatient(now) {
                    true => self.go_on(waiting)?,
                    false => self.commits.waiting.push_back((batch, waiting)),
                }
            }
        }
        // Ends that changed nothing (of probes, of runs that are no more) need not be stored.
        let exits = self.keeper.last_exit();
        let idle = !self.is_dirty() && self.store.stored() + 1 == self.store.open_batch();
        match idle && exits > self.commits.handed_exits {
            true => {
                self.commits.handed_exits = exits;
                self.keeper.acknowledge(exits)
            }
            false => Ok(()),
        }
    }

    fn go_on(&mut self, waiting: Waiting) -> io::Result<()> {
        match waiting {
            // Nobody listens any more if the client has gone.
            Waiting::Answer { sender, answer, .. } => _ = sender.send(answer),
            Waiting::Start(spawn) => self.start_noted(*spawn)?,
            Waiting::Stop { order: (run, signal, all), .. } => self.keeper.ask_to_end(run, signal, all)?,
            Waiting::PreStop { run, unit, within, .. } => {
                self.begin_hook(run, &unit, HookKind::PreStop, within);
            }
            Waiting::Acknowledge(exits) => {
                fault::point("before-ack", "");
                self.keeper.acknowledge(exits)?;
                fault::point("after-ack", "");
            }
            Waiting::End { code, .. } => self.keeper.end(code)?,
        }
        Ok(())
    }

    /// When [`Manager::commit`] has something to do, if the writer says nothing before.
    pub(super) fn next_commit(&self) -> Option<Mono> {
        let group = self.commits.since.filter(|_| self.store.is_idle()).map(|since| since + WITHIN);
        let patience = self.commits.waiting.iter().filter_map(|(_, waiting)| waiting.patience()).min();
        [group, patience, self.store.next_deadline()].into_iter().flatten().min()
    }
}

const WITHIN: Duration = Duration::from_millis(COMMIT_WITHIN_MS);
const STOP_PATIENCE: Duration = Duration::from_millis(COMMIT_STOP_PATIENCE_MS);
