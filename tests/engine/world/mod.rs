//! A world for the engine: processes that start at once, end when told, and obey TERM unless told not to.
//!
//! A scenario is one expression. `advance` moves the clock from deadline to deadline, as the manager does.

mod carry_out;
mod expect;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use supd::engine::action::{Accepted, Refused};
use supd::engine::event::{Adopted, Begin, Command, Event, Label, OpId, Outcome};
use supd::engine::id::{PodUid, RunId};
use supd::engine::time::{Mono, Now, Wall};
use supd::engine::view::{JobView, PodView, UnitView};
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
    /// Pods that not even KILL ends.
    unkillable: BTreeSet<String>,
    /// This manager dies before it sends any signal.
    pub mute: bool,
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
        unkillable: BTreeSet::new(),
        mute: false,
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
            asked: false,
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

    /// It waits for a device.
    pub fn unkillable(mut self, pod: &str) -> Self {
        self.unkillable.insert(pod.to_owned());
        self
    }

    /// The order to start this pod waits where no spawner has read it.
    pub fn unread(mut self, pod: &str) -> Self {
        self.unread.insert(pod.to_owned());
        self.hanging(pod)
    }

    /// From now on this manager stores why a run is to end, and dies before it sends the signal.
    pub fn mute(mut self) -> Self {
        self.mute = true;
        self
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

    // ---- what can be seen

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
