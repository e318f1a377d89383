//! What survives a manager: the keeper's table of runs and the store, as plainly as they can be written.
//!
//! A commit writes down what the engine says has changed, as text, so that reading it back is tested, too.
//! Exits are told again to every new manager until the commit that knows of them.

use std::collections::BTreeMap;

use supd::engine::Engine;
use supd::engine::action::Actions;
use supd::engine::event::{Adopted, Begin, Event, Exit, Label};
use supd::engine::id::{PodUid, RunId};
use supd::engine::saved::{Continuity, Saved};
use supd::engine::time::{Mono, Now};
use supd::unit::name::UnitName;

use super::world::World;

/// What the keeper and the store know.
#[derive(Default)]
pub struct Outside {
    /// Runs that the keeper has not forgotten, in the order of their starts.
    runs: Vec<Run>,
    /// The number of the last exit.
    last_exit: u64,
    stored: Stored,
    /// Runs whose end was recorded since the last commit.
    pub recorded: Vec<RunId>,
}

struct Run {
    run: RunId,
    label: Label,
    started: Now,
    exit: Option<(u64, Exit)>,
}

#[derive(Clone, Default)]
struct Stored {
    units: BTreeMap<UnitName, String>,
    jobs: BTreeMap<String, String>,
    pods: BTreeMap<PodUid, String>,
    taken: Now,
    exits: u64,
}

impl Outside {
    pub fn started(&mut self, run: RunId, label: &Label, now: Now) {
        self.runs.push(Run { run, label: label.clone(), started: now, exit: None });
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
            ready: true,
        };
        self.runs.iter().map(told).collect()
    }
}

impl World {
    /// What has changed is stored; the keeper forgets the ends that are stored with it.
    pub fn store(&mut self) {
        let touched = self.engine.take_touched();
        let stored = &mut self.outside.stored;
        for unit in touched.units {
            put(&mut stored.units, unit.clone(), self.engine.saved_unit(&unit).map(|saved| text(&saved)));
        }
        for job in touched.jobs {
            put(&mut stored.jobs, job.clone(), self.engine.saved_job(&job).map(|saved| text(&saved)));
        }
        for pod in touched.pods {
            put(&mut stored.pods, pod, self.engine.saved_pod(pod).map(|saved| text(&saved)));
        }
        stored.taken = self.now;
        stored.exits = self.outside.last_exit;
        let exits = stored.exits;
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

    pub fn power_cut(&mut self, away: std::time::Duration) {
        self.running.clear();
        self.outside.runs.clear();
        self.now = Now { mono: Mono(1_000_000_000), wall: self.now.wall + away };
        self.revive(Continuity::Anew);
    }

    pub fn revive(&mut self, continuity: Continuity) {
        self.outside.recorded.clear();
        self.probed.clear();
        if continuity == Continuity::Supd {
            // The keeper that knew of ends is gone.
            self.outside.runs.retain(|run| run.exit.is_none());
        }
        let stored = self.outside.stored.clone();
        let read = "what was stored can be read";
        let saved = Saved {
            units: stored.units.values().map(|text| serde_json::from_str(text).expect(read)).collect(),
            jobs: stored.jobs.values().map(|text| serde_json::from_str(text).expect(read)).collect(),
            pods: stored.pods.values().map(|text| serde_json::from_str(text).expect(read)).collect(),
            taken: stored.taken,
        };
        let same_boot = continuity != Continuity::Anew;
        let begin = Begin {
            units: self.units.values().cloned().collect(),
            saved,
            continuity,
            same_boot,
            adopted: self.outside.snapshot(),
            uid_floor: self.highest_uid(),
            ..Begin::default()
        };
        self.engine = Engine::new(self.options);
        let mut actions = Actions::new();
        self.engine.handle(self.now, Event::Begin(Box::new(begin)), &mut actions);
        self.perform(actions);
    }

    /// As the keeper's table tells it.
    fn highest_uid(&self) -> u64 {
        let ended = self.ended.keys().map(|run| run.pod.0);
        ended.chain(self.running.keys().map(|run| run.pod.0)).max().unwrap_or(0)
    }
}

fn put<K: Ord>(map: &mut BTreeMap<K, String>, key: K, value: Option<String>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("facts have names for keys")
}
