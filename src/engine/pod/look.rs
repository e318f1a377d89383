//! What others ask of a pod: its owner, an operator's verb, a shutdown. Nothing here changes anything.

use super::{Pod, ProcessState, Why};
use crate::engine::time::{Mono, Now, Wall};
use crate::engine::view::{Phase, Terminated};

impl Pod {
    /// Whether a process is there, or on its way.
    pub(in crate::engine) fn is_up(&self) -> bool {
        matches!(self.present().state, ProcessState::Starting | ProcessState::Running { .. })
    }

    /// Whether all of it is there and ready (PHS-010, CST-009).
    pub(in crate::engine) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether main has ever been started.
    pub(in crate::engine) fn main_has_started(&self) -> bool {
        let main = &self.processes[self.main_place()];
        self.current == self.main_place()
            && (main.last.is_some()
                || matches!(main.state, ProcessState::Running { .. } | ProcessState::Ended(_)))
    }

    /// Kubernetes' phase (PHS-002, PHS-003).
    pub(in crate::engine) fn phase(&self) -> Phase {
        if self.main_has_started() { Phase::Running } else { Phase::Pending }
    }

    /// Restarts of all its processes, steps included (JOB-041).
    pub(in crate::engine) fn restarts(&self) -> u32 {
        self.processes.iter().map(|process| process.restarts).sum()
    }

    /// When its next start is due, if it waits in back-off.
    pub(in crate::engine) fn backoff_until(&self) -> Option<Wall> {
        match &self.present().state {
            ProcessState::Waiting { why: Why::Backoff(_) | Why::Exhausted(_), until } => *until,
            _ => None,
        }
    }

    /// Its processes that have ended badly and do not run again, by name: the application first, then the
    /// steps (PFP-004).
    pub(in crate::engine) fn failed_ends(&self) -> impl Iterator<Item = (&str, &Terminated)> {
        let main = self.main_place();
        let places = (main..self.processes.len()).chain(0..main);
        places.filter_map(|place| {
            let process = self.template().process(place);
            match &self.processes[place].state {
                ProcessState::Ended(end) if !end.exit.succeeded(&process.success_exit) => {
                    Some((process.name.as_str(), &**end))
                }
                _ => None,
            }
        })
    }

    /// How the last process of it that has ended, ended: the application's, where that has.
    pub(in crate::engine) fn last_end(&self) -> Option<&Terminated> {
        match &self.present().state {
            ProcessState::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// When the last process of a final pod ended; now, where none ever ran (JOB-047).
    pub(in crate::engine) fn ended_at(&self, now: Now) -> Mono {
        self.last_end().map_or(now.mono, |end| end.exit.at.mono)
    }
}
