//! What is known of pods whose processes were started: names, and who runs.

use std::sync::Arc;

use crate::engine::event::Label;
use crate::engine::id::{Class, RunId};
use crate::engine::time::Mono;
use crate::unit::model::{Handler, ProbeKind, Process, Unit};

/// What is known of a pod that has, or had, a process.
pub(super) struct PodFacts {
    pub(super) unit: Arc<Unit>,
    pub(super) label: Label,
    /// Processes that run.
    pub(super) running: Vec<Running>,
}

/// A process that runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) run: RunId,
    pub(super) pid: u32,
    pub(super) started: Mono,
    /// It was started for a manager before this one.
    pub(super) adopted: bool,
    /// It has said that it is ready.
    pub(super) said_ready: bool,
}

impl PodFacts {
    /// Nothing runs yet.
    pub(super) fn new(unit: Arc<Unit>, label: Label) -> Self {
        Self { unit, label, running: Vec::new() }
    }

    /// A run that lives.
    pub(super) fn find(&self, run: RunId) -> Option<&Running> {
        self.running.iter().find(|running| running.run == run)
    }

    /// The process that a run is one of.
    pub(super) fn process(&self, run: RunId) -> Option<&Process> {
        process_of(&self.unit, run)
    }

    /// The run of the process of this name; main's where there is none.
    pub(super) fn named(&self, process: Option<&str>) -> Option<RunId> {
        let pod = self.unit.pod()?;
        let is_meant = |running: &&Running| match process {
            Some(name) => pod.process(usize::from(running.run.process)).name == name,
            None => running.run.class == Class::Main && usize::from(running.run.process) == pod.main_place(),
        };
        self.running.iter().find(is_meant).map(|running| running.run)
    }

    /// One more runs.
    pub(super) fn add(&mut self, running: Running) {
        self.remove(running.run);
        // Most pods have one process, and there may be thousands of pods.
        self.running.reserve_exact(1);
        self.running.push(running);
    }

    /// It has ended.
    pub(super) fn remove(&mut self, run: RunId) {
        self.running.retain(|running| running.run != run);
    }
}

/// The process that a run is one of; nothing for probes, hooks and execs.
pub(super) fn process_of(unit: &Unit, run: RunId) -> Option<&Process> {
    let pod = unit.pod().filter(|_| run.class.is_process())?;
    Some(pod.process(usize::from(run.process)))
}

/// Whether a process is to speak on a notify socket.
pub(super) fn speaks(process: &Process) -> bool {
    let kinds = [ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness];
    let handlers = kinds.into_iter().filter_map(|kind| process.probe(kind));
    let speaks = |handler: &Handler| matches!(handler, Handler::Notify | Handler::Watchdog(_));
    handlers.into_iter().any(|probe| speaks(&probe.handler))
}

/// The probes of a process that are answered by its own word: on a notify socket, or by a newline.
pub(super) fn told_probes(process: &Process) -> impl Iterator<Item = (ProbeKind, &Handler)> {
    let kinds = [ProbeKind::Startup, ProbeKind::Readiness].into_iter();
    let handlers = kinds.filter_map(|kind| process.probe(kind).map(|probe| (kind, &probe.handler)));
    handlers.filter(|(_, handler)| matches!(handler, Handler::Notify | Handler::Fd(_)))
}
