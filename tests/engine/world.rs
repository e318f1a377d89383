//! A world for the engine: processes that start at once, end when told, and obey TERM unless told not to.
//!
//! A scenario is one expression. `advance` moves the clock from deadline to deadline, as the manager does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use supd::engine::action::{Accepted, Action, Actions, Record, Refused};
use supd::engine::event::{Adopted, Begin, Command, Event, Exit, Label, OpId, Outcome, Usage};
use supd::engine::id::{ObjectRef, PodUid, RunId};
use supd::engine::time::{Mono, Now, Wall};
use supd::engine::view::{JobView, Phase, PodView, ProcessState, ProcessView, UnitState, UnitView};
use supd::engine::{Engine, EngineOptions};
use supd::unit::model::{Body, HookKind, PodTemplate, ProbeKind, Unit};
use supd::unit::name::UnitName;

use crate::outside::Outside;

const TERM: i32 = 15;
const KILL: i32 = 9;
const CONT: i32 = 18;

/// More turns than this without a rest, and the engine is going round in circles.
const TURNS_MAX: usize = 100_000;

pub struct World {
    pub(crate) title: &'static str,
    pub(crate) engine: Engine,
    pub(crate) options: EngineOptions,
    pub(crate) now: Now,
    pub(crate) units: BTreeMap<UnitName, Arc<Unit>>,
    /// Every version that there ever was.
    pub(crate) versions: BTreeMap<u64, Arc<Unit>>,
    quarantined: Vec<(UnitName, String)>,
    /// Runs that live, with their pods' names.
    pub(crate) running: BTreeMap<RunId, Label>,
    /// What runs are called: `web-0/main`.
    names: BTreeMap<RunId, String>,
    /// What was ordered beside runs, oldest first: `web-0/main PostStart`, `web-0/main Liveness`.
    beside: Vec<String>,
    /// Pods that do not obey TERM.
    stubborn: BTreeSet<String>,
    /// Pods whose starts are not answered.
    hanging: BTreeSet<String>,
    /// Pods that no signal reaches: their order is not read yet.
    unread: BTreeSet<String>,
    /// Pods that were started only after what is known was stored.
    pub durable: Vec<String>,
    pub(crate) signals: Vec<(String, i32)>,
    pub(crate) probed: Vec<String>,
    pub(crate) finished: BTreeMap<PodUid, PodView>,
    spawns: usize,
    pub(crate) reports: Vec<(String, String)>,
    last_reply: Option<Result<Accepted, Refused>>,
    pub end: Option<u8>,
    pub forgotten: Vec<String>,
    /// Decisions not to run, in words.
    pub decisions: Vec<String>,
    /// What the keeper and the store know.
    pub(crate) outside: Outside,
    /// How often each run was stored as ended, and the runs that did end.
    pub recorded: BTreeMap<RunId, u32>,
    pub ended: BTreeMap<RunId, (Label, Outcome)>,
}

pub fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}

pub fn duration(text: &str) -> Duration {
    let text = text.trim();
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap();
    let number: f64 = text[..digits].parse().unwrap();
    let unit = match &text[digits..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        other => panic!("{other} is no unit of time"),
    };
    Duration::from_secs_f64(number * unit)
}

/// Whether a process, as `web-0/main`, is the one meant, or one of the pod meant.
fn is(called: &str, meant: &str) -> bool {
    called == meant || called.split('/').next() == Some(meant)
}

/// A world with nothing in it, on 2026-11-23 09:00:00 UTC, an hour after the machine came up.
pub fn world(title: &'static str) -> World {
    world_with(title, EngineOptions::default())
}

pub fn world_with(title: &'static str, options: EngineOptions) -> World {
    World {
        title,
        engine: Engine::new(options),
        options,
        now: Now { mono: Mono(3_600_000_000_000), wall: Wall::from_seconds(1_795_424_400) },
        units: BTreeMap::new(),
        versions: BTreeMap::new(),
        quarantined: Vec::new(),
        running: BTreeMap::new(),
        names: BTreeMap::new(),
        beside: Vec::new(),
        stubborn: BTreeSet::new(),
        hanging: BTreeSet::new(),
        unread: BTreeSet::new(),
        durable: Vec::new(),
        signals: Vec::new(),
        probed: Vec::new(),
        finished: BTreeMap::new(),
        spawns: 0,
        reports: Vec::new(),
        last_reply: None,
        end: None,
        forgotten: Vec::new(),
        decisions: Vec::new(),
        outside: Outside::default(),
        recorded: BTreeMap::new(),
        ended: BTreeMap::new(),
    }
}

impl World {
    // ---- what there is

    pub fn unit(mut self, unit: &str, text: &str) -> Self {
        self.put(crate::parse(unit, text));
        self
    }

    /// A unit whose pods are made from something that its text cannot say yet.
    pub fn unit_with(mut self, unit: &str, text: &str, change: impl FnOnce(&mut PodTemplate)) -> Self {
        let mut parsed = Unit::clone(&crate::parse(unit, text));
        match &mut parsed.body {
            Body::Service(service) => change(&mut service.pod),
            Body::Job(job) => change(&mut job.pod),
            Body::CronJob(_) | Body::Target => panic!("{unit} has no pods of its own"),
        }
        self.put(Arc::new(parsed));
        self
    }

    /// A unit, as a manifest would make it.
    pub fn unit_as(mut self, unit: &str, text: &str, change: impl FnOnce(&mut Unit)) -> Self {
        let mut made = Unit::clone(&crate::parse(unit, text));
        change(&mut made);
        self.put(Arc::new(made));
        self
    }

    fn put(&mut self, unit: Arc<Unit>) {
        self.versions.insert(unit.hash, Arc::clone(&unit));
        self.units.insert(unit.name.clone(), unit);
    }

    pub fn without(mut self, unit: &str) -> Self {
        self.units.remove(&name(unit));
        self
    }

    /// supd comes up.
    pub fn begin(self) -> Self {
        self.begin_with(Vec::new())
    }

    pub fn begin_with(mut self, adopted: Vec<Adopted>) -> Self {
        for found in adopted.iter().filter(|found| found.exit.is_none()) {
            self.running.insert(found.run, found.label.clone());
        }
        let units = self.units.values().cloned().collect();
        let quarantined = self.quarantined.clone();
        self.event(Event::Begin(Box::new(Begin { units, adopted, quarantined, ..Begin::default() })))
    }

    /// The manager died of this unit.
    pub fn quarantined(mut self, unit: &str, reason: &str) -> Self {
        self.quarantined.push((name(unit), reason.to_owned()));
        self
    }

    /// What lives now, as a new manager would be told.
    pub fn snapshot(&self) -> Vec<Adopted> {
        let runs = self.running.iter();
        runs.map(|(run, label)| Adopted {
            run: *run,
            label: label.clone(),
            pid: Some(1),
            started: self.now,
            ready: true,
            exit: None,
        })
        .collect()
    }

    pub fn reload(self, apply: bool) -> Self {
        let units = self.units.values().cloned().collect();
        self.event(Event::Loaded { units, apply })
    }

    pub fn stubborn(mut self, pod: &str) -> Self {
        self.stubborn.insert(pod.to_owned());
        self
    }

    pub fn hanging(mut self, pod: &str) -> Self {
        self.hanging.insert(pod.to_owned());
        self
    }

    /// The order to start this pod waits where no spawner has read it.
    pub fn unread(mut self, pod: &str) -> Self {
        self.unread.insert(pod.to_owned());
        self.hanging(pod)
    }

    // ---- what happens

    /// A spawner reads the order; the manager does not hear of it.
    pub fn read(mut self, pod: &str) -> Self {
        self.unread.remove(pod);
        self.hanging.remove(pod);
        self
    }

    /// The manager hears that this pod's process was started.
    pub fn started(mut self, pod: &str) -> Self {
        self = self.read(pod);
        let run = self.run_of(pod);
        let at = self.now;
        self.event(Event::Started { run, pid: 1000, at })
    }

    /// Time passes, and nobody is there to see it.
    pub fn unseen(mut self, by: &str) -> Self {
        self.move_to(self.now.mono + duration(by));
        self
    }

    pub fn event(mut self, event: Event) -> Self {
        self.feed(event);
        self
    }

    pub fn feed(&mut self, event: Event) {
        let mut actions = Actions::new();
        self.engine.handle(self.now, event, &mut actions);
        self.perform(actions);
    }

    pub(crate) fn perform(&mut self, actions: Actions) {
        let mut queue: std::collections::VecDeque<Action> = actions.into();
        let mut turns = 0;
        while let Some(action) = queue.pop_front() {
            turns += 1;
            assert!(turns < TURNS_MAX, "{}: the engine does not come to rest", self.title);
            for event in self.carry_out(action) {
                let mut more = Actions::new();
                self.engine.handle(self.now, event, &mut more);
                queue.extend(more);
            }
        }
    }

    /// Carries out one action; returns what happens at once because of it.
    fn carry_out(&mut self, action: Action) -> Vec<Event> {
        match action {
            Action::Spawn(spawn) => {
                let same = |run: &RunId| run.pod == spawn.run.pod && run.process == spawn.run.process;
                let process = &spawn.unit.pod().unwrap().process(usize::from(spawn.run.process)).name;
                let called = format!("{}/{process}", spawn.label.pod);
                assert!(!self.running.keys().any(same), "{}: two runs of {called}", self.title);
                let hangs = self.is_one_of(&self.hanging, &called);
                self.names.insert(spawn.run, called);
                if spawn.durable {
                    self.durable.push(spawn.label.pod.clone());
                    self.store();
                }
                self.spawns += 1;
                self.outside.started(spawn.run, &spawn.label, self.now);
                self.running.insert(spawn.run, spawn.label);
                if hangs {
                    return Vec::new();
                }
                vec![Event::Started { run: spawn.run, pid: 1000, at: self.now }]
            }
            Action::Signal { run, signal, .. } => {
                if !self.running.contains_key(&run) {
                    return Vec::new();
                }
                let called = self.called(run);
                if self.is_one_of(&self.unread, &called) {
                    return Vec::new();
                }
                let obeys = signal == KILL || (signal == TERM && !self.is_one_of(&self.stubborn, &called));
                let hangs = self.is_one_of(&self.hanging, &called);
                if signal != CONT {
                    self.signals.push((called, signal));
                }
                if !obeys || hangs && signal != KILL {
                    return Vec::new();
                }
                vec![self.ended(run, Outcome::Signaled { signal: signal as u8, core: false })]
            }
            Action::Probe { run, probe, .. } => {
                self.beside.push(format!("{} {probe:?}", self.called(run)));
                if let Some(label) = self.running.get(&run) {
                    self.probed.push(label.pod.clone());
                }
                Vec::new()
            }
            Action::Hook { run, hook, .. } => {
                self.beside.push(format!("{} {hook:?}", self.called(run)));
                Vec::new()
            }
            Action::Record(Record::Pod(pod)) => {
                self.finished.insert(pod.uid, *pod);
                Vec::new()
            }
            Action::ForgetPod { uid, name, .. } => {
                self.finished.remove(&uid);
                self.forgotten.push(name);
                Vec::new()
            }
            Action::Gone(ObjectRef::Pod(_)) => Vec::new(),
            Action::Report(report) => {
                self.reports
                    .push((report.reason.to_owned(), format!("{}: {}", report.about.name, report.message)));
                Vec::new()
            }
            Action::Reply { result, .. } => {
                self.last_reply = Some(result);
                Vec::new()
            }
            Action::End { code, .. } => {
                assert!(self.running.is_empty(), "{}: ended with processes left", self.title);
                self.end = Some(code);
                Vec::new()
            }
            Action::Record(Record::Run(record)) => {
                self.outside.recorded.push(record.run);
                Vec::new()
            }
            Action::Record(Record::Decision(decision)) => {
                self.decisions.push(format!(
                    "{} {}: {}",
                    decision.unit,
                    decision.kind.as_str(),
                    decision.reason
                ));
                Vec::new()
            }
            Action::Changed(_) | Action::Gone(_) => Vec::new(),
        }
    }

    fn ended(&mut self, run: RunId, outcome: Outcome) -> Event {
        let exit = Exit { outcome, usage: Usage::default(), at: self.now };
        if let Some(label) = self.running.remove(&run) {
            self.ended.insert(run, (label, exit.outcome.clone()));
            self.outside.ended(run, exit.clone());
        }
        Event::Exited { run, exit }
    }

    /// `web-0`: its main, or the step that runs; `web-0/proxy`: this process of it.
    pub fn run_of(&self, pod: &str) -> RunId {
        let found = self.running.keys().find(|run| is(&self.called(**run), pod));
        found.copied().unwrap_or_else(|| panic!("{}: {pod} does not run", self.title))
    }

    fn called(&self, run: RunId) -> String {
        let label = self.running.get(&run).map(|label| label.pod.clone());
        self.names.get(&run).cloned().or(label).unwrap_or_default()
    }

    fn is_one_of(&self, pods: &BTreeSet<String>, called: &str) -> bool {
        pods.iter().any(|pod| is(called, pod))
    }

    /// The process of this pod ends with this code.
    pub fn exit(self, pod: &str, code: u8) -> Self {
        self.outcome(pod, Outcome::Exited(code))
    }

    pub fn outcome(mut self, pod: &str, outcome: Outcome) -> Self {
        let run = self.run_of(pod);
        let event = self.ended(run, outcome);
        self.feed(event);
        self
    }

    pub fn ready(mut self, pod: &str, ready: bool) -> Self {
        let run = self.run_of(pod);
        self.feed(Event::Probed { run, probe: ProbeKind::Readiness, good: ready, message: "told so".into() });
        self
    }

    /// What a probe found out.
    pub fn probed(mut self, process: &str, probe: ProbeKind, good: bool) -> Self {
        let run = self.run_of(process);
        self.feed(Event::Probed { run, probe, good, message: "told so".into() });
        self
    }

    /// A hook is done; why it has failed, if it has.
    pub fn hooked(mut self, process: &str, hook: HookKind, failure: Option<&str>) -> Self {
        let run = self.run_of(process);
        self.feed(Event::Hooked { run, hook, failure: failure.map(str::to_owned) });
        self
    }

    pub fn command(self, command: Command) -> Self {
        self.event(Event::Command { op: OpId(1), command })
    }

    pub fn start(self, unit: &str) -> Self {
        self.command(Command::Start(name(unit)))
    }

    pub fn stop(self, unit: &str) -> Self {
        self.command(Command::Stop(name(unit)))
    }

    pub fn restart(self, unit: &str) -> Self {
        self.command(Command::Restart(name(unit)))
    }

    /// Time passes, deadline by deadline.
    pub fn advance(mut self, by: &str) -> Self {
        self.pass(duration(by));
        self
    }

    pub fn pass(&mut self, by: Duration) {
        let end = self.now.mono + by;
        let mut turns = 0;
        while let Some(next) = self.engine.next_deadline().filter(|next| *next <= end) {
            turns += 1;
            assert!(turns < TURNS_MAX, "{}: deadlines without end", self.title);
            self.move_to(next.max(self.now.mono));
            self.feed(Event::Deadline);
        }
        self.move_to(end);
        self.feed(Event::Deadline);
    }

    fn move_to(&mut self, mono: Mono) {
        let by = mono.since(self.now.mono);
        self.now = Now { mono, wall: self.now.wall + by };
    }

    /// Somebody sets the wall clock.
    pub fn step_clock(mut self, seconds: i64) -> Self {
        self.now.wall = Wall(self.now.wall.0 + seconds * 1_000_000_000);
        self.event(Event::ClockStepped)
    }

    // ---- what is expected

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

    #[track_caller]
    pub fn unit_view(&self, unit: &str) -> UnitView {
        self.engine.unit_view(&name(unit)).unwrap_or_else(|| panic!("{}: no unit {unit}", self.title))
    }

    #[track_caller]
    pub fn job(&self, job: &str) -> JobView {
        self.engine.job_view(job).unwrap_or_else(|| panic!("{}: no job {job}", self.title))
    }

    /// The jobs there are.
    pub fn jobs(&self) -> Vec<String> {
        self.engine.view().jobs.into_iter().map(|job| job.name).collect()
    }

    #[track_caller]
    pub fn pod(&self, pod: &str) -> PodView {
        let view = self.engine.view().pods.into_iter().find(|view| view.name == pod);
        view.unwrap_or_else(|| panic!("{}: no pod {pod}", self.title))
    }

    /// Runs that live.
    pub fn running(&self) -> Vec<(RunId, Label)> {
        self.running.iter().map(|(run, label)| (*run, label.clone())).collect()
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
