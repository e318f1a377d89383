//! Pods: what every pod of a unit is made from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::process::Process;
use super::restart::{Backoff, RestartPolicy};
use super::volume::Volume;

/// What every pod of a unit is made from.
#[derive(Clone, Debug)]
pub struct PodTemplate {
    /// See [`RestartPolicy`].
    pub restart_policy: RestartPolicy,
    /// The pod fails with `DeadlineExceeded` after this time (PHS-009).
    pub active_deadline: Option<Duration>,
    /// Steps before, and sidecars, in the order of their start (INI-001, SID-001).
    pub init: Vec<Process>,
    /// The application.
    pub main: Process,
    /// Further processes of the application (`[[process]]`), started and stopped with main.
    pub beside: Vec<Process>,
    /// Delays of restarts in place (RST-006ff).
    pub backoff: Backoff,
    /// From the wish to stop a pod to KILL, hooks included (TRM-001).
    pub grace: Duration,
    /// Where its output goes.
    pub logs: Logs,
    /// Files and directories that its processes may mount; made with the pod, gone with it.
    pub volumes: Box<[Volume]>,
}

impl PodTemplate {
    /// The process with this place in the pod: init steps and sidecars in order, then main, then those
    /// beside it.
    pub fn process(&self, place: usize) -> &Process {
        match place.checked_sub(self.init.len()) {
            None => &self.init[place],
            Some(0) => &self.main,
            Some(beside) => self.beside.get(beside - 1).unwrap_or(&self.main),
        }
    }

    /// All of them, in the order of their places.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.init.iter().chain(std::iter::once(&self.main)).chain(&self.beside)
    }

    /// The place of main.
    pub fn main_place(&self) -> usize {
        self.init.len()
    }
}

/// What a process is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The application: main, or a `[[process]]` beside it. The pod is done when all of them are.
    Application,
    /// A step before: the next one starts when it has succeeded.
    Init,
    /// Started at its place among the steps, and there for as long as the application is (SID-001ff).
    Sidecar,
}

/// Where output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Standard output.
    pub stdout: Sink,
    /// Standard error.
    pub stderr: Sink,
}

/// Where one stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Not written: `both` in a container and in the foreground, else `log`.
    Default,
    /// To the log files.
    Log,
    /// To supd's own standard output or error, with no copying.
    Inherit,
    /// To the log files and to supd's standard output.
    Both,
    /// Nowhere.
    Null,
}
