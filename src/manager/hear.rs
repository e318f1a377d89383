//! What processes tell of themselves, over the deaths of managers: sockets and pipes that the keeper holds.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::engine::event::Event;
use crate::engine::id::{Class, PodUid, RunId};
use crate::limits::NOTIFY_READY_SOURCES_MAX;
use crate::store::ReadyMarks;
use crate::wire::message::Kept;

use super::Manager;

impl Manager {
    /// Hears what was said since the last turn.
    pub(super) fn hear(&mut self) -> io::Result<()> {
        let mut told = Vec::new();
        self.tellers.read(&mut told, &|run| note_ready(self.marks.as_ref(), run));
        self.take_in_told(told);
        for run in self.tellers.take_done() {
            self.keeper.let_go(Kept::Readiness, run)?;
        }
        Ok(())
    }

    /// Hears all that was said while there was no manager.
    pub(super) fn hear_all(&mut self) -> io::Result<()> {
        for _ in 0..=self.tellers.pods().len() / NOTIFY_READY_SOURCES_MAX {
            self.hear()?;
        }
        Ok(())
    }

    /// The last words of a run that has ended.
    pub(super) fn hear_last(&mut self, run: RunId) -> Vec<Event> {
        let mut told = Vec::new();
        self.tellers.ended(run, &mut told, &|run| note_ready(self.marks.as_ref(), run));
        told
    }

    /// The notify socket of a pod. A new one is the keeper's before anybody can speak to it: the order goes
    /// out ahead of that to start the run.
    pub(super) fn notify_socket(&mut self, pod: PodUid) -> io::Result<PathBuf> {
        let (path, new) = self.tellers.open(pod)?;
        if let Some(fd) = new {
            let run = RunId { pod, class: Class::Main, process: 0, attempt: 0 };
            self.keeper.keep(Kept::NotifySocket, run, fd)?;
        }
        Ok(path)
    }

    /// Takes over what the keeper holds.
    pub(super) fn take_kept(&mut self, kind: Kept, run: RunId, fd: OwnedFd) -> io::Result<()> {
        match kind {
            Kept::NotifySocket => self.tellers.take_socket(run.pod, fd),
            // It has said that it is ready: of what came behind that nobody knows.
            Kept::Readiness if self.was_ready(run) => return self.keeper.let_go(kind, run),
            Kept::Readiness => {
                self.tellers.take_pipe(run, fd);
                // Its start may have been heard of before.
                if let Some((main, pid, _)) = self.pods.get(&run.pod).and_then(|facts| facts.main)
                    && main == run
                {
                    self.tellers.started(run, pid)?;
                }
            }
        }
        Ok(())
    }

    /// After the first reconcile: what was kept for pods that are no more.
    pub(super) fn let_go_of_gone(&mut self) -> io::Result<()> {
        for pod in self.tellers.pods() {
            if self.engine.pod_view(pod).is_none() && !self.hand.holds(pod) {
                self.hush(pod)?;
            }
        }
        Ok(())
    }

    /// Nobody will speak in this pod any more.
    pub(super) fn hush(&mut self, pod: PodUid) -> io::Result<()> {
        if self.tellers.close(pod) {
            let run = RunId { pod, class: Class::Main, process: 0, attempt: 0 };
            self.keeper.let_go(Kept::NotifySocket, run)?;
        }
        Ok(())
    }

    /// Whether a run was ready when it was last heard of.
    pub(super) fn was_ready(&self, run: RunId) -> bool {
        self.marks.as_ref().is_some_and(|marks| marks.contains(run))
    }
}

/// Before the word of a run is taken out of its socket: who dies behind this line leaves the mark.
fn note_ready(marks: Option<&ReadyMarks>, run: RunId) {
    if let Some(Err(error)) = marks.map(|marks| marks.set(run, true)) {
        tracing::warn!(%run, "that it is ready cannot be noted: {error}; ignoring");
    }
}
