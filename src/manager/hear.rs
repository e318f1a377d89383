//! What processes tell of themselves, over the deaths of managers: sockets and pipes that the keeper holds.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::engine::event::Event;
use crate::engine::id::{Class, PodUid, RunId};
use crate::limits::NOTIFY_READY_SOURCES_MAX;
use crate::runtime::notify::Told;
use crate::store::ReadyMarks;
use crate::unit::model::ProbeKind;
use crate::wire::message::Kept;

use super::Manager;
use super::facts::{PodFacts, told_probes};

impl Manager {
    /// Hears what was said since the last turn.
    pub(super) fn hear(&mut self) -> io::Result<()> {
        let mut told = Vec::new();
        self.tellers.read(&mut told, &|run| note_ready(self.marks.as_ref(), &self.pods, run));
        self.take_in_told(told);
        for run in self.tellers.take_done() {
            self.keeper.let_go(Kept::Readiness, run)?;
        }
        Ok(())
    }

    /// What notify sockets and readiness pipes have told.
    fn take_in_told(&mut self, told: Vec<Told>) {
        for word in told {
            match word {
                Told::Ready(run) => self.take_in_word(run, false, true, "READY=1"),
                Told::Newline { run, ready, message } => self.take_in_word(run, true, ready, message),
                Told::Status(run, text) => self.take_in(Event::StatusText { run, text }),
                Told::Alive(run) => self.heard_alive(run),
                Told::Trouble(run) => self.heard_trouble(run),
            }
        }
    }

    /// Hears all that was said while there was no manager.
    pub(super) fn hear_all(&mut self) -> io::Result<()> {
        for _ in 0..=self.tellers.pods().len() / NOTIFY_READY_SOURCES_MAX {
            self.hear()?;
        }
        Ok(())
    }

    /// The last words of a run that has ended.
    pub(super) fn hear_last(&mut self, run: RunId) {
        let mut told = Vec::new();
        self.tellers.ended(run, &mut told, &|run| note_ready(self.marks.as_ref(), &self.pods, run));
        self.take_in_told(told);
    }

    /// The notify socket of the pod of a run that is to speak there. A new one is the keeper's before anybody
    /// can speak to it: the order goes out ahead of that to start the run.
    pub(super) fn notify_socket(&mut self, run: RunId) -> io::Result<PathBuf> {
        let (path, new) = self.tellers.open(run)?;
        if let Some(fd) = new {
            self.keeper.keep(Kept::NotifySocket, of_pod(run.pod), fd)?;
        }
        Ok(path)
    }

    /// Takes over what the keeper holds.
    pub(super) fn take_kept(&mut self, kind: Kept, run: RunId, fd: OwnedFd) -> io::Result<()> {
        match kind {
            Kept::NotifySocket => self.tellers.take_socket(run.pod, fd),
            // It has said that it is ready: of what came behind that nobody knows.
            Kept::Readiness if self.has_said(run) => return self.keeper.let_go(kind, run),
            Kept::Readiness => {
                self.tellers.take_pipe(run, fd);
                // Its start may have been heard of before.
                if let Some(running) = self.pods.get(&run.pod).and_then(|facts| facts.find(run)) {
                    self.tellers.started(run, running.pid)?;
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
            self.keeper.let_go(Kept::NotifySocket, of_pod(pod))?;
        }
        Ok(())
    }

    /// Whether a run was ready, or had started, when it was last heard of.
    pub(super) fn was_good(&self, run: RunId, probe: ProbeKind) -> bool {
        self.marks.as_ref().is_some_and(|marks| marks.contains(run, probe))
    }

    /// Whether a run has said its newline, under the manager before this one.
    fn has_said(&self, run: RunId) -> bool {
        let process = self.pods.get(&run.pod).and_then(|facts| facts.process(run));
        process.is_some_and(|process| told_probes(process).all(|(kind, _)| self.was_good(run, kind)))
    }

    /// A manager that comes after this one is not to wait for what was said once. Only where there is such a
    /// probe, and only for the run that is.
    pub(super) fn mark(&self, run: RunId, probe: ProbeKind, good: bool) {
        let Some(marks) = &self.marks else { return };
        let process = self.pods.get(&run.pod).and_then(|facts| facts.process(run));
        if process.is_none_or(|process| process.probe(probe).is_none()) {
            return;
        }
        if let Err(error) = marks.set(run, probe, good) {
            tracing::warn!(%run, "that it is ready cannot be noted: {error}; ignoring");
        }
    }
}

/// Under which name the keeper has what belongs to a pod as a whole.
fn of_pod(pod: PodUid) -> RunId {
    RunId { pod, class: Class::Main, process: 0, attempt: 0 }
}

/// Before the word of a run is taken out of its socket: who dies behind this line leaves the mark.
fn note_ready(marks: Option<&ReadyMarks>, pods: &HashMap<PodUid, Box<PodFacts>>, run: RunId) {
    let process = pods.get(&run.pod).and_then(|facts| facts.process(run));
    let (Some(marks), Some(process)) = (marks, process) else { return };
    for (kind, _) in told_probes(process) {
        if let Err(error) = marks.set(run, kind, true) {
            tracing::warn!(%run, "that it is ready cannot be noted: {error}; ignoring");
        }
    }
}
