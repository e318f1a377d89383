//! What a scenario expects of its world.

use std::time::Duration;

use supd::engine::view::{Phase, ProcessState, ProcessView, UnitState};

use super::{World, duration, is};

impl World {
    /// Exactly these pods have a process.
    #[track_caller]
    pub fn runs(self, pods: &[&str]) -> Self {
        let mut running: Vec<&str> = self.running.values().map(|label| label.pod.as_str()).collect();
        running.sort_unstable();
        assert_eq!(running, pods, "{}", self.title);
        self
    }

    /// Exactly these processes are there.
    #[track_caller]
    pub fn processes(self, called: &[&str]) -> Self {
        let mut running: Vec<String> = self.running.keys().map(|run| self.called(*run)).collect();
        running.sort_unstable();
        assert_eq!(running, called, "{}", self.title);
        self
    }

    /// Exactly this was ordered beside the runs since it was last asked.
    #[track_caller]
    pub fn asked(mut self, orders: &[&str]) -> Self {
        assert_eq!(std::mem::take(&mut self.beside), orders, "{}", self.title);
        self
    }

    /// A process of a pod: (class, ready, started, state or reason, restarts).
    #[track_caller]
    pub fn shows(self, process: &str, shown: (bool, bool, &str, u32)) -> Self {
        let view = self.process(process);
        let state = match &view.state {
            ProcessState::Waiting { reason, .. } => reason.as_str(),
            ProcessState::Running { .. } => "Running",
            ProcessState::Terminated(end) => end.reason.as_str(),
        };
        assert_eq!((view.ready, view.started, state, view.restarts), shown, "{}: {process}", self.title);
        self
    }

    #[track_caller]
    pub fn process(&self, called: &str) -> ProcessView {
        let (pod, process) = called.split_once('/').unwrap();
        let found = self.pod(pod).processes.into_iter().find(|view| view.name == process);
        found.unwrap_or_else(|| panic!("{}: no process {called}", self.title))
    }

    #[track_caller]
    pub fn phase(self, pod: &str, phase: Phase) -> Self {
        assert_eq!(self.pod(pod).phase, phase, "{}: {pod}", self.title);
        self
    }

    #[track_caller]
    pub fn not_reported(self, reason: &str) -> Self {
        let found = self.reports.iter().find(|(r, _)| r == reason);
        assert_eq!(found, None, "{}", self.title);
        self
    }

    /// This pod waits in back-off for this long from now.
    #[track_caller]
    pub fn waits(self, pod: &str, delay: &str) -> Self {
        let view = self.pod(pod);
        let waiting = view.processes.iter().find_map(|process| match &process.state {
            ProcessState::Waiting { reason, until: Some(until), .. } => Some((reason.clone(), *until)),
            _ => None,
        });
        let (reason, until) =
            waiting.unwrap_or_else(|| panic!("{}: {pod} does not wait: {view:?}", self.title));
        assert_eq!(reason, "CrashLoopBackOff", "{}", self.title);
        let left = Duration::from_nanos((until.0 - self.now.wall.0).unsigned_abs());
        assert_eq!(left, duration(delay), "{}: {pod}", self.title);
        self
    }

    #[track_caller]
    pub fn state(self, unit: &str, state: UnitState) -> Self {
        assert_eq!(self.unit_view(unit).state, state, "{}: {unit}", self.title);
        self
    }

    #[track_caller]
    pub fn restarts(self, pod: &str, count: u32) -> Self {
        let view = self.pod(pod);
        let sum: u32 = view.processes.iter().map(|process| process.restarts).sum();
        assert_eq!(sum, count, "{}: {pod}", self.title);
        self
    }

    #[track_caller]
    pub fn final_phase(self, pod: &str, phase: Phase) -> Self {
        let view = self.finished.values().rfind(|view| view.name == pod);
        assert_eq!(view.map(|view| view.phase), Some(phase), "{}: {pod}", self.title);
        self
    }

    #[track_caller]
    pub fn signalled(self, pod: &str, signals: &[i32]) -> Self {
        let sent: Vec<i32> =
            self.signals.iter().filter(|(to, _)| is(to, pod)).map(|(_, signal)| *signal).collect();
        assert_eq!(sent, signals, "{}: {pod}", self.title);
        self
    }

    #[track_caller]
    pub fn probes(self, pods: &[&str]) -> Self {
        assert_eq!(self.probed, pods, "{}", self.title);
        self
    }

    #[track_caller]
    pub fn spawned(self, count: usize) -> Self {
        assert_eq!(self.spawns, count, "{}: spawns", self.title);
        self
    }

    pub fn spawns(&self) -> usize {
        self.spawns
    }

    /// Of nobody was this told twice.
    #[track_caller]
    pub fn told_once(self, reason: &str) -> Self {
        let mut told: Vec<&str> =
            self.reports.iter().filter(|(r, _)| r == reason).map(|(_, w)| &**w).collect();
        let who = |words: &&str| words.split(": ").next().map(str::to_owned);
        told.sort_by_key(who);
        let twice = told.windows(2).find(|pair| who(&pair[0]) == who(&pair[1]));
        assert_eq!(twice, None, "{}", self.title);
        self
    }

    #[track_caller]
    pub fn accepted(self, message: &str) -> Self {
        match &self.last_reply {
            Some(Ok(accepted)) => assert_eq!(accepted.message, message, "{}", self.title),
            other => panic!("{}: {other:?}", self.title),
        }
        self
    }

    #[track_caller]
    pub fn refused(self, message: &str) -> Self {
        match &self.last_reply {
            Some(Err(refused)) => assert_eq!(refused.message, message, "{}", self.title),
            other => panic!("{}: {other:?}", self.title),
        }
        self
    }

    #[track_caller]
    pub fn reported(self, reason: &str, words: &str) -> Self {
        let found = self.reports.iter().any(|(r, w)| r == reason && w == words);
        assert!(found, "{}: no {reason} {words:?} in {:#?}", self.title, self.reports);
        self
    }

    #[track_caller]
    pub fn ends(self, code: Option<u8>) -> Self {
        assert_eq!(self.end, code, "{}", self.title);
        self
    }

    /// Looks at a job: (active, succeeded, failed).
    #[track_caller]
    pub fn counts(self, job: &str, counts: (u32, u32, u32)) -> Self {
        let view = self.job(job);
        assert_eq!((view.active, view.succeeded, view.failed), counts, "{}: {job}", self.title);
        self
    }

    /// The conditions of a job that are True, in order, with their reasons.
    #[track_caller]
    pub fn conditions(self, job: &str, conditions: &[(&str, &str)]) -> Self {
        let view = self.job(job);
        let held: Vec<(&str, &str)> = view
            .conditions
            .iter()
            .filter(|condition| condition.status)
            .map(|condition| (condition.kind.as_str(), condition.reason.as_str()))
            .collect();
        assert_eq!(held, conditions, "{}: {job}", self.title);
        self
    }

    #[track_caller]
    pub fn check(self, test: impl FnOnce(&Self)) -> Self {
        test(&self);
        self
    }
}
