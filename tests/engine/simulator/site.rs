//! A manager with its engine, its keeper, its store and its disk; each of them may be late, and the manager,
//! supd or the machine may be gone in the next instant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use supd::engine::action::{Accepted, Action, Actions, Record, Refused, RunRecord};
use supd::engine::event::{Begin, Command, Event, OpId, Outcome};
use supd::engine::id::{PodUid, RunId};
use supd::engine::saved::Continuity;
use supd::engine::time::{Mono, Now, Wall};
use supd::engine::view::View;
use supd::engine::{Engine, EngineOptions};
use supd::unit::model::{HookKind, Unit};
use supd::unit::name::UnitName;

use super::keeper::{Keeper, Stage};
use super::ledger::{Ledger, Wish};
use super::random::Random;
use crate::store::{Batch, Stored};

/// How long the end of supd may take.
pub const SHUTDOWN: Duration = Duration::from_secs(60);
const KILL: i32 = 9;
const CONT: i32 = 18;

/// How a manager ends, and what ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Death {
    Manager,
    Supd,
    /// supd was ended in order.
    Ended,
    /// And the machine is away for this long.
    Machine(Duration),
}

pub struct Site {
    pub random: Random,
    pub now: Now,
    pub manager: Option<Manager>,
    /// The worst that has happened since the last commit: what was stored tells by the names of boot and
    /// keeper in it how far it can be relied on.
    pub death: Death,
    pub keeper: Keeper,
    pub stored: Stored,
    /// Final pods whose records are stored.
    pub final_pods: BTreeMap<PodUid, Option<String>>,
    pub disk: BTreeMap<UnitName, Arc<Unit>>,
    /// Every version of a unit that there ever was.
    versions: BTreeMap<u64, Arc<Unit>>,
    pub ledger: Ledger,
    /// The manager dies after so many actions.
    pub fuse: Option<u64>,
    /// supd is to end: every manager is told so.
    pub stopping: bool,
    pub over: bool,
    /// Uids up to here may have been used: written down in advance, as blocks.
    uids: u64,
    last_op: u64,
    asked: BTreeMap<OpId, Command>,
    pub deaths: u32,
    loud: bool,
}

pub struct Manager {
    pub engine: Engine,
    /// Orders that wait for the next commit.
    held: Vec<Action>,
    fresh: Fresh,
    /// A commit that is under way, and what follows it.
    writing: Option<(Batch, Fresh, Vec<Action>)>,
    /// The last end that was taken in; and the last whose commit is done.
    heard: u64,
    covered: u64,
}

/// What goes with a commit, beside the facts.
#[derive(Default)]
struct Fresh {
    runs: Vec<RunRecord>,
    pods: Vec<(PodUid, Option<String>)>,
    forgotten: Vec<PodUid>,
    replies: Vec<(OpId, Result<Accepted, Refused>)>,
}

impl Manager {
    fn new(heard: u64) -> Self {
        Self {
            engine: Engine::new(EngineOptions::default()),
            held: Vec::new(),
            fresh: Fresh::default(),
            writing: None,
            heard,
            covered: 0,
        }
    }
}

impl Site {
    pub fn new(seed: u64, loud: bool) -> Self {
        Self {
            random: Random(seed),
            now: Now { mono: Mono(3_600_000_000_000), wall: Wall::from_seconds(1_795_424_400) },
            manager: None,
            death: Death::Ended,
            keeper: Keeper::default(),
            stored: Stored::default(),
            final_pods: BTreeMap::new(),
            disk: BTreeMap::new(),
            versions: BTreeMap::new(),
            ledger: Ledger::default(),
            fuse: None,
            stopping: false,
            over: false,
            uids: 0,
            last_op: 0,
            asked: BTreeMap::new(),
            deaths: 0,
            loud,
        }
    }

    pub fn say(&self, words: impl FnOnce() -> String) {
        if self.loud {
            let seconds = (self.now.mono.0 % 1_000_000_000_000) as f64 / 1e9;
            println!("{seconds:9.3} {}", words());
        }
    }

    /// A file is written; what supd is to make of it is another matter.
    pub fn write_unit(&mut self, unit: Arc<Unit>) {
        self.ledger.revoke(&unit.name, &[Wish::Scaled]);
        self.versions.insert(unit.hash, Arc::clone(&unit));
        self.disk.insert(unit.name.clone(), unit);
    }

    pub fn remove_unit(&mut self, name: &UnitName) {
        self.ledger.revoke_all(name);
        self.disk.remove(name);
    }

    /// A unit that has no file.
    pub fn know_version(&mut self, unit: &Arc<Unit>) {
        self.versions.insert(unit.hash, Arc::clone(unit));
    }

    /// The files are read.
    pub fn load(&mut self, apply: bool) {
        self.asked.clear();
        self.ledger.intents.retain(|(_, wish), _| *wish != Wish::Scaled);
        let units = self.disk.values().cloned().collect();
        self.feed(Event::Loaded { units, apply });
    }

    // ---- the manager hears

    /// Takes in what has happened, then judges; as one turn of the manager.
    pub fn turn(&mut self, events: Vec<(Event, u64)>) {
        let fails = |(event, _): &(Event, u64)| match event {
            Event::Probed { good, .. } => !good,
            Event::Exited { run, .. } => !self.ledger.signalled.contains(run),
            _ => false,
        };
        let excused = events.iter().any(fails);
        self.ledger.excused |= excused;
        let Some(manager) = &mut self.manager else { return };
        let mut actions = Actions::new();
        for (event, exit) in &events {
            manager.heard = manager.heard.max(*exit);
            manager.engine.take_in(self.now, event.clone(), &mut actions);
        }
        manager.engine.settle(self.now, &mut actions);
        self.say(|| format!("heard {:?}", events.iter().map(|(event, _)| brief(event)).collect::<Vec<_>>()));
        self.after(actions);
    }

    fn after(&mut self, actions: Actions) {
        if let Some(manager) = &self.manager {
            let next = manager.engine.next_deadline();
            assert!(
                next.is_none_or(|at| at > self.now.mono),
                "a deadline has passed, and nothing came of it"
            );
        }
        let quiet = actions.is_empty();
        self.perform(actions);
        if let Some(manager) = self.manager.as_ref().filter(|_| !quiet) {
            self.ledger.check(&manager.engine.view(), self.now);
        }
    }

    pub fn feed(&mut self, event: Event) {
        self.turn(vec![(event, 0)]);
    }

    /// A version of a unit, as the store would give it back.
    pub fn version(&self, hash: u64) -> Arc<Unit> {
        Arc::clone(&self.versions[&hash])
    }

    pub fn command(&mut self, command: Command) {
        self.last_op += 1;
        let op = OpId(self.last_op);
        self.ledger.on_asked(&command);
        // Nobody relies on an earlier wish whose answer is still to come.
        self.asked = BTreeMap::from([(op, command.clone())]);
        self.feed(Event::Command { op, command });
    }

    /// Something that was said before is said again: nothing comes of it.
    pub fn repeat(&mut self) {
        let Some(manager) = &mut self.manager else { return };
        let Some(event) = self.keeper.repeat(&mut self.random) else { return };
        let before = manager.engine.stale_events();
        let mut actions = Actions::new();
        manager.engine.handle(self.now, event.clone(), &mut actions);
        assert!(actions.is_empty(), "{event:?} was said twice, and this came of it: {actions:?}");
        assert_eq!(manager.engine.stale_events(), before + 1, "{event:?} was not counted as stale");
        self.say(|| format!("repeated {}", brief(&event)));
    }

    fn perform(&mut self, actions: Actions) {
        for action in actions {
            match &mut self.fuse {
                Some(0) => return self.die(Death::Manager),
                Some(left) => *left -= 1,
                None => {}
            }
            self.perform_one(action);
        }
    }

    fn perform_one(&mut self, action: Action) {
        if let Action::Spawn(spawn) = &action {
            assert!(!self.stopping, "{} is started, and supd ends", spawn.label.pod);
            self.ledger.on_order(spawn);
            self.uids = self.uids.max(spawn.run.pod.0);
        }
        if let Action::Signal { run, stop: true, .. } = &action {
            self.ledger.condemned.insert(*run);
        }
        match (&mut self.manager, waits_for_store(&action)) {
            (Some(manager), true) => manager.held.push(action),
            _ => self.carry_out(action),
        }
    }

    fn carry_out(&mut self, action: Action) {
        let Some(manager) = &mut self.manager else { return };
        match action {
            Action::Spawn(spawn) => self.keeper.orders.push_back(*spawn),
            Action::Signal { run, signal, stop, .. } => {
                self.say(|| format!("signal {signal} to {run}"));
                self.signal(run, signal, stop);
            }
            Action::Probe { run, probe, .. } => {
                if let Some(run) = self.keeper.runs.get_mut(&run) {
                    run.asked.insert(probe);
                }
            }
            Action::Hook { run, hook, .. } => {
                if let Some(run) = self.keeper.runs.get_mut(&run) {
                    run.hooks.insert(hook);
                }
            }
            Action::Record(Record::Run(record)) => manager.fresh.runs.push(*record),
            Action::Record(Record::Pod(pod)) => manager.fresh.pods.push((pod.uid, pod.job)),
            Action::Record(Record::Decision(_)) | Action::Changed(_) | Action::Gone(_) => {}
            Action::ForgetPod { uid, .. } => manager.fresh.forgotten.push(uid),
            Action::Report(report) => self.say(|| format!("  {} {}", report.about.name, report.message)),
            Action::Reply { op, result } => manager.fresh.replies.push((op, result)),
            Action::End { .. } => {
                let left = self.keeper.those(|run| !matches!(run.stage, Stage::Ended(..)));
                assert!(left.is_empty() && self.keeper.orders.is_empty(), "ended with {left:?}");
                assert!(self.stopping, "it ends, and nobody asked for it");
                self.over = true;
            }
        }
    }

    fn signal(&mut self, run: RunId, signal: i32, stop: bool) {
        if signal != CONT {
            self.ledger.signalled.insert(run);
        }
        let Some(known) = self.keeper.runs.get_mut(&run) else { return };
        known.asked_to_end |= stop && matches!(known.stage, Stage::Alive);
        match known.stage {
            Stage::Alive if signal == KILL => self.end(run, Outcome::Signaled { signal: 9, core: false }),
            Stage::Alive if signal != CONT => known.obeys |= !known.stubborn,
            // The spawner that has it in hand is killed.
            Stage::Claimed if signal == KILL => {
                let message = "its spawner was killed".to_owned();
                self.end(run, Outcome::NotStarted { message, exhausted: false });
            }
            _ => {}
        }
    }

    // ---- the keeper and its runs

    pub fn claim(&mut self) {
        if let Some((run, label)) = self.keeper.claim(&mut self.random) {
            self.say(|| format!("{run} ({}) is taken in hand", label.pod));
            self.ledger.on_claim(run, label);
        }
    }

    pub fn born(&mut self, run: RunId) {
        self.say(|| format!("{run} begins"));
        self.ledger.on_born(run);
        self.keeper.born(run, self.now);
    }

    pub fn end(&mut self, run: RunId, outcome: Outcome) {
        self.say(|| format!("{run} ends: {outcome:?}"));
        self.ledger.on_end(run, outcome.clone());
        self.keeper.ended(run, outcome, self.now);
    }

    // ---- the store

    pub fn begin_commit(&mut self) {
        let Some(manager) = self.manager.as_mut().filter(|manager| manager.writing.is_none()) else { return };
        let batch = Batch::of(&mut manager.engine, self.now, manager.heard);
        manager.writing =
            Some((batch, std::mem::take(&mut manager.fresh), std::mem::take(&mut manager.held)));
    }

    /// The commit that is under way is done. What waited for it follows, unless the manager has died.
    pub fn end_commit(&mut self) {
        let Some((batch, fresh, held)) = self.manager.as_mut().and_then(|manager| manager.writing.take())
        else {
            return;
        };
        let replies = self.apply(batch, fresh);
        let Some(manager) = &mut self.manager else { return };
        manager.covered = self.stored.exits;
        held.into_iter().for_each(|action| self.carry_out(action));
        for (op, result) in replies {
            if let (Some(command), true) = (self.asked.remove(&op), result.is_ok()) {
                self.ledger.on_answered(&command);
            }
        }
        // A wish that was answered about a unit that has gone meanwhile binds nobody.
        if let Some(manager) = &self.manager {
            self.ledger.check(&manager.engine.view(), self.now);
        }
        self.say(|| "committed".to_owned());
    }

    fn apply(&mut self, batch: Batch, fresh: Fresh) -> Vec<(OpId, Result<Accepted, Refused>)> {
        self.stored.apply(batch);
        self.death = Death::Manager;
        fresh.runs.iter().for_each(|record| self.ledger.on_stored(record));
        self.final_pods.extend(fresh.pods);
        fresh.forgotten.iter().for_each(|uid| _ = self.final_pods.remove(uid));
        fresh.replies
    }

    pub fn acknowledge(&mut self) {
        if let Some(manager) = &self.manager {
            self.keeper.acknowledge(manager.covered);
        }
    }

    /// Everything up to now is stored and acknowledged.
    pub fn commit_all(&mut self) {
        self.end_commit();
        self.begin_commit();
        self.end_commit();
        self.acknowledge();
    }

    // ---- deaths

    pub fn die(&mut self, death: Death) {
        if self.manager.is_none() && death == Death::Manager {
            return;
        }
        self.say(|| format!("---- {death:?}"));
        self.deaths += 1;
        self.fuse = None;
        // What was being written may have reached the disk.
        let lands = self.random.one_in(2);
        if let Some((batch, fresh, _)) =
            self.manager.as_mut().and_then(|manager| manager.writing.take()).filter(|_| lands)
        {
            self.apply(batch, fresh);
        }
        self.manager = None;
        self.keeper.manager_died();
        self.asked.clear();
        if death != Death::Manager {
            self.lose(death);
        }
        self.death = self.death.max(death);
        if let Death::Machine(away) = death {
            let mono = Mono(1_000_000_000 + i64::try_from(self.random.below(30_000_000_000)).expect("fits"));
            self.now = Now { mono, wall: self.now.wall + away };
        }
    }

    /// What dies with the keeper.
    fn lose(&mut self, death: Death) {
        let all: Vec<RunId> = self.keeper.runs.keys().copied().collect();
        for run in all {
            let stage = self.keeper.runs[&run].stage.clone();
            let survives = death == Death::Supd
                && match stage {
                    Stage::Alive => true,
                    Stage::Claimed => self.random.one_in(2),
                    Stage::Ended(..) => false,
                };
            match stage {
                Stage::Claimed if survives => self.born(run),
                _ if survives => {}
                _ => {
                    self.ledger.on_cut(run);
                    self.keeper.runs.remove(&run);
                }
            }
        }
        self.keeper.died();
        self.stored.exits = 0;
    }

    /// A new manager goes on.
    pub fn revive(&mut self) {
        if self.manager.is_some() || self.over {
            return;
        }
        let begin = self.begin();
        if begin.continuity != Continuity::Manager {
            // An edit of the file counts now that the file is read (as in `load`).
            let edited = |unit: &&Arc<Unit>| {
                begin.saved.units.iter().any(|saved| saved.name == unit.name && saved.hash != unit.hash)
            };
            let edited = begin.units.iter().filter(edited);
            edited.for_each(|unit| self.ledger.revoke(&unit.name, &[Wish::Scaled]));
        }
        // What has failed meanwhile, nobody has told yet.
        self.ledger.excused = true;
        self.say(|| {
            let found =
                begin.adopted.iter().map(|a| format!("{}{}", a.run, if a.exit.is_some() { "†" } else { "" }));
            format!("---- a manager begins, finds {:?}", found.collect::<Vec<_>>())
        });
        let mut manager = Manager::new(self.keeper.exits);
        let mut actions = Actions::new();
        if self.stopping {
            manager.engine.take_in(self.now, Event::Shutdown { within: SHUTDOWN }, &mut actions);
        }
        manager.engine.handle(self.now, Event::Begin(Box::new(begin)), &mut actions);
        self.manager = Some(manager);
        self.after(actions);
    }

    fn begin(&mut self) -> Begin {
        let (continuity, same_boot) = match self.death {
            Death::Manager => (Continuity::Manager, true),
            Death::Supd => (Continuity::Supd, true),
            Death::Machine(_) => (Continuity::Anew, false),
            Death::Ended => (Continuity::Anew, true),
        };
        let saved = self.stored.saved();
        let (mut units, mut pending) = (BTreeMap::new(), Vec::new());
        let anew = saved.taken == Now::default() || continuity != Continuity::Manager;
        if anew {
            units.extend(self.disk.clone());
        }
        for known in &saved.units {
            if !anew || (known.transient && continuity == Continuity::Supd) {
                let version = Arc::clone(&self.versions[&known.hash]);
                units.entry(known.name.clone()).or_insert(version);
                pending.extend(known.pending.map(|hash| Arc::clone(&self.versions[&hash])).filter(|_| !anew));
            }
        }
        Begin {
            units: units.into_values().collect(),
            pending,
            versions: self.versions.values().cloned().collect(),
            saved,
            continuity,
            same_boot,
            adopted: self.keeper.snapshot(self.stored.exits, &mut self.random),
            uid_floor: self.uids,
            quarantined: Vec::new(),
        }
    }

    // ---- what a death must not change

    /// Where all is told and stored, a new manager would know what this one knows, and do nothing.
    pub fn compare_with_a_new_manager(&mut self) {
        let quiet = self.keeper.orders.is_empty() && self.keeper.is_silent() && self.fuse.is_none();
        if !quiet || self.stopping || self.manager.as_ref().is_none_or(|m| !m.held.is_empty()) {
            return;
        }
        // A new manager looks at every calendar; so the old one does, too.
        self.feed(Event::ClockStepped);
        self.commit_all();
        if !self.keeper.orders.is_empty() || !self.keeper.is_silent() {
            return;
        }
        let death = std::mem::replace(&mut self.death, Death::Manager);
        let (begin, again) = (self.begin(), self.begin());
        self.death = death;
        let Some(manager) = &self.manager else { return };
        let (first, actions) = revived(self.now, begin);
        for action in &actions {
            let harmless = matches!(
                action,
                // KILL once more, for one whose grace is over, changes nothing.
                Action::Changed(_)
                    | Action::Probe { .. }
                    // HOK-007
                    | Action::Hook { .. }
                    | Action::Report(_)
                    | Action::Signal { signal: KILL, .. }
            );
            assert!(harmless, "a new manager would do this at once: {action:?}");
        }
        let (mut stored, mut engine) = (self.stored.clone(), first);
        same(&manager.engine, &engine, "the death of a manager");
        stored.apply(Batch::of(&mut engine, self.now, stored.exits));
        let (second, _) = revived(self.now, Begin { saved: stored.saved(), ..again });
        same(&engine, &second, "a second death");
    }
}

fn waits_for_store(action: &Action) -> bool {
    match action {
        Action::Spawn(spawn) => spawn.durable,
        Action::Signal { stop: true, .. } | Action::Hook { hook: HookKind::PreStop, .. } => true,
        _ => false,
    }
}

fn revived(now: Now, begin: Begin) -> (Engine, Actions) {
    let (mut engine, mut actions) = (Engine::new(EngineOptions::default()), Actions::new());
    engine.handle(now, Event::Begin(Box::new(begin)), &mut actions);
    (engine, actions)
}

fn same(old: &Engine, new: &Engine, what: &str) {
    let (old, new) = (shown(old), shown(new));
    for (old, new) in old.iter().zip(&new) {
        let differ = |(old, new): &(&str, &str)| old != new;
        let lines: Vec<(&str, &str)> = old.lines().zip(new.lines()).filter(differ).collect();
        let name = old.lines().take(3).collect::<Vec<_>>().join(" ");
        assert!(lines.is_empty(), "{what} changes what is shown of {name}: {lines:#?}");
    }
    assert_eq!(old.len(), new.len(), "{what} makes or loses something");
}

fn shown(engine: &Engine) -> Vec<String> {
    let View { units, jobs, mut pods } = engine.view();
    for pod in pods.iter_mut().filter(|pod| pod.job.is_none()) {
        // Nothing is stored of a service's pod in its first run: the keeper says when that was started, and
        // whether it is ready.
        if !pod.terminating && pod.processes.iter().all(|process| process.attempt == 0) {
            pod.created = pod.started.unwrap_or_default();
            pod.ready_since = pod.ready_since.and(pod.started);
            pod.ready_message.clear();
        }
    }
    let units = units.iter().map(|unit| format!("{unit:#?}"));
    let jobs = jobs.iter().map(|job| format!("{job:#?}"));
    units.chain(jobs).chain(pods.iter().map(|pod| format!("{pod:#?}"))).collect()
}

pub fn brief_command(command: &Command) -> String {
    match command {
        Command::Undo { unit, to, .. } => format!("Undo {unit} to {to:?}"),
        Command::Run(unit) => format!("Run {}", unit.name),
        other => format!("{other:?}"),
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Command { command, .. } => brief_command(command),
        Event::Started { run, .. } => format!("Started {run}"),
        Event::Exited { run, exit } => format!("Exited {run} {:?}", exit.outcome),
        Event::Probed { run, good: ready, .. } => format!("Readiness {run} {ready}"),
        Event::Loaded { apply, .. } => format!("Loaded apply={apply}"),
        other => format!("{other:?}"),
    }
}
