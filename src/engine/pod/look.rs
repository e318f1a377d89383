//! What others ask of a pod: its owner, an operator's verb, a shutdown. Nothing here changes anything.

use super::{Pod, ProcessState, Why};
use crate::engine::id::{Class, RunId};
use crate::engine::time::{Mono, Now, Wall};
use crate::engine::view::{Phase, Terminated};

impl Pod {
    /// Whether a process is there, or on its way.
    pub(in crate::engine) fn is_up(&self) -> bool {
        self.processes.iter().any(|process| process.is_up())
    }

    /// Whether something of it is there, or on its way, that is more than a sidecar.
    pub(in crate::engine) fn works(&self) -> bool {
        self.processes.iter().any(|process| process.is_up() && process.class != Class::Sidecar)
    }

    /// The runs that are there, or on their way, by place.
    pub(in crate::engine) fn runs_up(&self) -> impl Iterator<Item = RunId> + '_ {
        (0..self.processes.len()).filter(|place| self.processes[*place].is_up()).map(|place| self.run(place))
    }

    /// The runs of which a person thinks by the pod's name: the application's; where none is there yet, the
    /// step's.
    pub(in crate::engine) fn foremost_runs(&self) -> Vec<RunId> {
        let of = |class: Class| self.runs_up().filter(move |run| run.class == class).collect::<Vec<_>>();
        [Class::Main, Class::Init, Class::Sidecar]
            .into_iter()
            .map(of)
            .find(|runs| !runs.is_empty())
            .unwrap_or_default()
    }

    /// Whether all of it is there and ready (PHS-010, CST-009).
    pub(in crate::engine) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether all of its application has ever been started (PHS-002); a start whose postStart is under way
    /// is none yet (HOK-001).
    pub(in crate::engine) fn main_has_started(&self) -> bool {
        let begun = |process: &super::Process| match process.state {
            ProcessState::Running { .. } => process.last.is_some() || process.stage != super::Stage::Hooking,
            ProcessState::Ended(_) => true,
            ProcessState::Waiting { .. } | ProcessState::Starting => process.last.is_some(),
        };
        self.application().iter().all(begun)
    }

    /// Kubernetes' phase (PHS-002, PHS-003).
    pub(in crate::engine) fn phase(&self) -> Phase {
        if self.main_has_started() { Phase::Running } else { Phase::Pending }
    }

    /// Restarts of all its processes, steps included (JOB-041).
    pub(in crate::engine) fn restarts(&self) -> u32 {
        self.processes.iter().map(|process| process.restarts).sum()
    }

    /// When its next start is due, if something of it waits in back-off: the earliest.
    pub(in crate::engine) fn backoff_until(&self) -> Option<Wall> {
        let due = self.processes.iter().filter_map(|process| match &process.state {
            ProcessState::Waiting { why: Why::Backoff(_) | Why::Exhausted(_), until } => *until,
            _ => None,
        });
        due.min()
    }

    /// Its processes that have ended badly and do not run again, by name: the application first, then steps
    /// and sidecars (PFP-004).
    pub(in crate::engine) fn failed_ends(&self) -> impl Iterator<Item = (&str, &Terminated)> {
        let main = self.main_place();
        let places = (main..self.processes.len()).chain(0..main);
        places.filter_map(|place| {
            let process = self.model(place);
            match &self.processes[place].state {
                ProcessState::Ended(end) if !end.exit.succeeded(&process.success_exit) => {
                    Some((process.name.as_str(), &**end))
                }
                _ => None,
            }
        })
    }

    /// How it ended: the first bad end of its application, else the latest one; where that never ran, the
    /// failed step's.
    pub(in crate::engine) fn last_end(&self) -> Option<&Terminated> {
        let main = self.main_place();
        let bad = |place: usize| {
            self.end_of(place).filter(|end| !end.exit.succeeded(&self.model(place).success_exit))
        };
        let application = main..self.processes.len();
        let latest =
            || application.clone().filter_map(|place| self.end_of(place)).max_by_key(|end| end.exit.at.mono);
        let step = || (0..main).filter(|place| self.processes[*place].class == Class::Init).find_map(bad);
        application.clone().find_map(bad).or_else(latest).or_else(step)
    }

    /// When it ended: the last process of its application, else the failed step; now, where none ever ran
    /// (JOB-047).
    pub(in crate::engine) fn ended_at(&self, now: Now) -> Mono {
        self.finished(now).mono
    }

    /// See [`Pod::ended_at`].
    pub(in crate::engine) fn finished(&self, now: Now) -> Now {
        let ends = (self.main_place()..self.processes.len()).filter_map(|place| self.end_of(place));
        let last = ends.max_by_key(|end| end.exit.at.mono).or_else(|| self.last_end());
        last.map_or(now, |end| end.exit.at)
    }

    fn end_of(&self, place: usize) -> Option<&Terminated> {
        match &self.processes[place].state {
            ProcessState::Ended(end) => Some(end),
            _ => None,
        }
    }
}
