//! What survives a manager: the keeper's table of runs and the store, as plainly as they can be written.
//!
//! For scenarios: a commit is one step here, and nothing is late (the simulator has a world without such
//! comfort). Exits are told again to every new manager until the commit that knows of them.

use std::time::Duration;

use supd::engine::Engine;
use supd::engine::action::Actions;
use supd::engine::event::{Adopted, Begin, Event, Exit, Label};
use supd::engine::id::RunId;
use supd::engine::saved::Continuity;
use supd::engine::time::{Mono, Now};

use super::store::{Batch, Stored};
use super::world::World;

/// What the keeper and the store know.
#[derive(Default)]
pub struct Outside {
    /// Runs that the keeper has not forgotten, in the order of their starts.
    runs: Vec<Run>,
    /// No run has said that it is ready.
    unready: bool,
    /// The number of the last exit.
    last_exit: u64,
    stored: Stored,
    /// supd was asked to end within this time: the keeper tells every new manager so.
    pub ending: Option<Duration>,
    /// Runs whose end was recorded since the last commit.
    pub recorded: Vec<RunId>,
}

struct Run {
    run: RunId,
    label: Label,
    started: Now,
    /// It had the signal by which it was asked to end.
    asked: bool,
    exit: Option<(u64, Exit)>,
}

impl Outside {
    pub fn started(&mut self, run: RunId, label: &Label, now: Now) {
        self.runs.push(Run { run, label: label.clone(), started: now, asked: false, exit: None });
    }

    pub fn asked_to_end(&mut self, run: RunId) {
        self.runs.iter_mut().filter(|known| known.run == run).for_each(|known| known.asked = true);
    }

    pub fn ended(&mut self, run: RunId, exit: Exit) {
        self.last_exit += 1;
        if let Some(known) = self.runs.iter_mut().find(|known| known.run == run) {
            known.exit = Some((self.last_exit, exit));
        }
    }

    /// What a new manager is told: all that lives, and ends that are not stored.
    fn snapshot(&self) -> Vec<Adopted> {
        let told = |run: &Run| Adopted {
            run: run.run,
            label: run.label.clone(),
            pid: Some(1000),
            started: run.started,
            exit: run.exit.as_ref().map(|(_, exit)| exit.clone()),
            ready: !self.unready,
            asked: run.asked,
        };
        self.runs.iter().map(told).collect()
    }
}

impl World {
    /// What has changed is stored; the keeper forgets the ends that are stored with it.
    pub fn store(&mut self) {
        let exits = self.outside.last_exit;
        self.outside.stored.apply(Batch::of(&mut self.engine, self.now, exits));
        self.outside.runs.retain(|run| run.exit.as_ref().is_none_or(|(seq, _)| *seq > exits));
        for run in std::mem::take(&mut self.outside.recorded) {
            *self.recorded.entry(run).or_default() += 1;
        }
    }

    /// As [`World::store`], in a scenario.
    pub fn stored(mut self) -> Self {
        self.store();
        self
    }

    /// The manager dies, with all that is not stored, and a new one comes up.
    pub fn manager_dies(mut self) -> Self {
        self.revive(Continuity::Manager);
        self
    }

    /// The same, and no run has ever said that it is ready.
    pub fn manager_dies_before_anyone_is_ready(mut self) -> Self {
        self.outside.unready = true;
        self.manager_dies()
    }

    /// supd dies and comes up again, and what it ran has lived on.
    pub fn supd_dies(mut self) -> Self {
        self.revive(Continuity::Supd);
        self
    }

    /// Nothing that ran is there any more; the machine comes up after this long.
    pub fn machine_dies(mut self, away: &str) -> Self {
        self.power_cut(super::world::duration(away));
        self
    }

    pub fn power_cut(&mut self, away: Duration) {
        self.running.clear();
        self.outside.runs.clear();
        self.now = Now { mono: Mono(1_000_000_000), wall: self.now.wall + away };
        self.revive(Continuity::Anew);
    }

    pub fn revive(&mut self, continuity: Continuity) {
        self.outside.recorded.clear();
        self.probed.clear();
        self.mute = false;
        if continuity == Continuity::Supd {
            // The keeper that knew of ends is gone.
            self.outside.runs.retain(|run| run.exit.is_none());
        }
        let saved = self.outside.stored.saved();
        let same_boot = continuity != Continuity::Anew;
        let begin = Begin {
            units: self.units.values().cloned().collect(),
            versions: self.versions.values().cloned().collect(),
            saved,
            continuity,
            same_boot,
            adopted: self.outside.snapshot(),
            uid_floor: self.highest_uid(),
            ..Begin::default()
        };
        self.engine = Engine::new(self.options);
        let mut actions = Actions::new();
        if let Some(within) = self.outside.ending.filter(|_| continuity == Continuity::Manager) {
            self.engine.take_in(self.now, Event::Shutdown { within }, &mut actions);
        }
        self.engine.handle(self.now, Event::Begin(Box::new(begin)), &mut actions);
        self.perform(actions);
    }

    /// As the keeper's table tells it.
    fn highest_uid(&self) -> u64 {
        let ended = self.ended.keys().map(|run| run.pod.0);
        ended.chain(self.running.keys().map(|run| run.pod.0)).max().unwrap_or(0)
    }
}
