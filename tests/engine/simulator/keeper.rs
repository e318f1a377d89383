//! The keeper, the spawners and the wires between them and the manager, as plainly as they can be written.
//!
//! An order is read late, or never, if its manager dies before. A run is told of late, its start before its
//! end, ends in their order; and whoever has not heard of it is told by the next snapshot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use supd::engine::action::Spawn;
use supd::engine::event::{Adopted, Event, Exit, Label, Outcome, Usage};
use supd::engine::id::RunId;
use supd::engine::time::Now;
use supd::unit::model::{HookKind, ProbeKind};

use super::random::Random;

pub const PID: u32 = 1000;

#[derive(Default)]
pub struct Keeper {
    /// The table: runs whose order was read and whose end is not acknowledged.
    pub runs: BTreeMap<RunId, Run>,
    /// Orders that no spawner has read yet.
    pub orders: VecDeque<Spawn>,
    /// Starts and ends that the manager has not heard of.
    starts: Vec<RunId>,
    ends: VecDeque<RunId>,
    /// The number of the last end.
    pub exits: u64,
    /// What was told once, and may be told again.
    said: Vec<Event>,
}

pub struct Run {
    pub label: Label,
    pub stage: Stage,
    pub started: Now,
    /// It has said to this or an earlier manager that it is ready.
    pub ready: bool,
    /// What this manager asks it.
    pub asked: BTreeSet<ProbeKind>,
    /// Hooks of it that this manager has ordered, and that are not done.
    pub hooks: BTreeSet<HookKind>,
    /// It had the signal by which it was asked to end.
    pub asked_to_end: bool,
    /// TERM means nothing to it.
    pub stubborn: bool,
    /// It was told to end, and will.
    pub obeys: bool,
}

#[derive(Clone)]
pub enum Stage {
    /// A spawner has read the order; there is no process yet.
    Claimed,
    Alive,
    Ended(u64, Exit),
}

impl Keeper {
    /// A spawner reads the oldest order.
    pub fn claim(&mut self, random: &mut Random) -> Option<(RunId, Label)> {
        let spawn = self.orders.pop_front()?;
        let run = Run {
            label: spawn.label.clone(),
            stage: Stage::Claimed,
            started: Now::default(),
            ready: false,
            asked: BTreeSet::new(),
            hooks: BTreeSet::new(),
            asked_to_end: false,
            stubborn: random.one_in(6),
            obeys: false,
        };
        assert!(self.runs.insert(spawn.run, run).is_none(), "{} is ordered twice", spawn.run);
        Some((spawn.run, spawn.label))
    }

    /// exec has succeeded.
    pub fn born(&mut self, run: RunId, now: Now) {
        let Some(known) = self.runs.get_mut(&run) else { return };
        (known.stage, known.started) = (Stage::Alive, now);
        self.starts.push(run);
    }

    /// A run is over, or could not be started.
    pub fn ended(&mut self, run: RunId, outcome: Outcome, now: Now) {
        self.exits += 1;
        let exit = Exit { outcome, usage: Usage::default(), at: now };
        let Some(known) = self.runs.get_mut(&run) else { return };
        known.stage = Stage::Ended(self.exits, exit);
        self.ends.push_back(run);
    }

    pub fn claimed(&self) -> Vec<RunId> {
        self.those(|run| matches!(run.stage, Stage::Claimed))
    }

    pub fn alive(&self) -> Vec<RunId> {
        self.those(|run| matches!(run.stage, Stage::Alive))
    }

    pub fn those(&self, test: impl Fn(&Run) -> bool) -> Vec<RunId> {
        self.runs.iter().filter(|(_, run)| test(run)).map(|(run, _)| *run).collect()
    }

    /// Whether the manager has heard of everything.
    pub fn is_silent(&self) -> bool {
        self.starts.is_empty() && self.ends.is_empty()
    }

    /// The next thing that the manager hears, and the number of the end that it is.
    pub fn tell(&mut self, random: &mut Random) -> Vec<(Event, u64)> {
        let mut told = Vec::new();
        let of_starts = !self.starts.is_empty() && (self.ends.is_empty() || random.one_in(2));
        if of_starts {
            let run = self.starts.swap_remove(random.index(self.starts.len()));
            told.push((self.start(run), 0));
        } else if let Some(run) = self.ends.pop_front() {
            if let Some(at) = self.starts.iter().position(|waiting| *waiting == run) {
                self.starts.swap_remove(at);
                told.push((self.start(run), 0));
            }
            if let Some(Run { stage: Stage::Ended(seq, exit), .. }) = self.runs.get(&run) {
                told.push((Event::Exited { run, exit: exit.clone() }, *seq));
            }
        }
        self.said.extend(told.iter().map(|(event, _)| event.clone()));
        told
    }

    /// Something is told once more.
    pub fn repeat(&mut self, random: &mut Random) -> Option<Event> {
        (!self.said.is_empty()).then(|| self.said.swap_remove(random.index(self.said.len())))
    }

    fn start(&self, run: RunId) -> Event {
        Event::Started { run, pid: PID, at: self.runs[&run].started }
    }

    /// Ends up to this number are stored: their runs are forgotten.
    pub fn acknowledge(&mut self, exits: u64) {
        self.runs.retain(|_, run| !matches!(run.stage, Stage::Ended(seq, _) if seq <= exits));
    }

    /// The manager has died: what it ordered and nobody has read is dropped, what it was told is forgotten.
    pub fn manager_died(&mut self) {
        self.orders.clear();
        self.starts.clear();
        self.ends.clear();
        for run in self.runs.values_mut() {
            run.asked.clear();
            run.hooks.clear();
        }
    }

    /// The keeper has died, with all that it had to say.
    pub fn died(&mut self) {
        self.manager_died();
        self.said.clear();
        self.exits = 0;
    }

    /// What a new manager is told, in any order; ends up to `stored` are known to the store.
    pub fn snapshot(&mut self, stored: u64, random: &mut Random) -> Vec<Adopted> {
        self.starts.clear();
        self.ends.clear();
        let mut told: Vec<Adopted> = Vec::new();
        for (run, known) in &self.runs {
            let (born, exit) = match &known.stage {
                Stage::Claimed => (false, None),
                Stage::Alive => (true, None),
                Stage::Ended(seq, _) if *seq <= stored => continue,
                Stage::Ended(_, exit) => (known.started != Now::default(), Some(exit.clone())),
            };
            told.push(Adopted {
                run: *run,
                label: known.label.clone(),
                pid: born.then_some(PID),
                started: known.started,
                exit,
                ready: known.ready,
                asked: known.asked_to_end,
            });
        }
        random.shuffle(&mut told);
        told
    }
}
