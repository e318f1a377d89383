//! Order among units: who waits for whom, at start and at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::entry::{Entry, KindState};
use super::places::Place;
use super::pod::Pod;
use super::view::{UnitState, Waiting};
use crate::unit::model::{Condition, Kind};
use crate::unit::name::UnitName;

/// The relations of all units, in both directions.
#[derive(Debug, Default)]
pub(super) struct Graph {
    edges: BTreeMap<UnitName, Edges>,
}

#[derive(Debug, Default)]
struct Edges {
    /// What this unit comes after.
    before: Vec<UnitName>,
    /// What comes after this unit.
    after: Vec<UnitName>,
}

impl Graph {
    /// The units that this one comes after.
    pub(super) fn before(&self, name: &UnitName) -> &[UnitName] {
        self.edges.get(name).map_or(&[], |edges| &edges.before)
    }

    /// The units that come after this one.
    pub(super) fn after(&self, name: &UnitName) -> &[UnitName] {
        self.edges.get(name).map_or(&[], |edges| &edges.after)
    }

    /// Units that stand in some order, each after all that it comes after. Those of a circle, which only units of
    /// different ages can make, are left out.
    pub(super) fn in_order(&self) -> Vec<&UnitName> {
        let mut missing: BTreeMap<&UnitName, usize> =
            self.edges.iter().map(|(name, edges)| (name, edges.before.len())).collect();
        let mut found: Vec<&UnitName> =
            missing.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
        let mut at = 0;
        while let Some(name) = found.get(at).copied() {
            at += 1;
            for later in self.after(name) {
                if let Some(count) = missing.get_mut(later) {
                    *count -= 1;
                    if *count == 0 {
                        found.push(later);
                    }
                }
            }
        }
        found
    }

    fn add(&mut self, first: &UnitName, second: &UnitName) {
        let before = &mut self.edges.entry(second.clone()).or_default().before;
        if before.contains(first) {
            return;
        }
        before.push(first.clone());
        self.edges.entry(first.clone()).or_default().after.push(second.clone());
    }
}

/// How strong a relation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// Waited for as long as it takes.
    Requires,
    /// Waited for while it may still come.
    Wants,
    /// The same, if it is to be started at all.
    After,
}

impl Engine {
    /// Reads the relations of all units anew.
    pub(super) fn rebuild_graph(&mut self) {
        let mut graph = Graph::default();
        for (name, entry) in self.units.iter() {
            let relations = &entry.unit.relations;
            for relation in relations.requires.iter().chain(&relations.wants).chain(&relations.after) {
                graph.add(&relation.unit, name);
            }
            for relation in &relations.before {
                graph.add(name, &relation.unit);
            }
        }
        self.graph = graph;
    }

    /// A unit with all that it requires or wants, itself first.
    pub(super) fn closure(&self, name: &UnitName) -> Vec<UnitName> {
        let mut found = vec![name.clone()];
        let mut at = 0;
        while let Some(name) = found.get(at).cloned() {
            at += 1;
            let Some(entry) = self.units.get(&name) else { continue };
            let relations = &entry.unit.relations;
            for relation in relations.requires.iter().chain(&relations.wants) {
                if self.units.contains_key(&relation.unit) && !found.contains(&relation.unit) {
                    found.push(relation.unit.clone());
                }
            }
        }
        found
    }

    /// Whether, in a shutdown, nobody who came after this unit is still there.
    pub(super) fn may_stop(&self, name: &UnitName) -> bool {
        let Some(ending) = &self.ending else { return true };
        ending.called || self.walk(name, Graph::after, |_, is_there| !is_there)
    }

    /// Whom, in a shutdown, a unit may have kept from stopping.
    pub(super) fn kept_by(&self, name: &UnitName) -> Vec<UnitName> {
        let mut kept = Vec::new();
        self.walk(name, Graph::before, |before, _| {
            kept.push(before.clone());
            true
        });
        kept
    }

    /// Goes from a unit to its neighbours on one side, and beyond those of which nothing is there: a target, or a
    /// job that is done, holds its place in the order all the same. Until `visit` says false; whether it never did.
    fn walk<'a>(
        &'a self,
        from: &'a UnitName,
        side: for<'g> fn(&'g Graph, &UnitName) -> &'g [UnitName],
        mut visit: impl FnMut(&'a UnitName, bool) -> bool,
    ) -> bool {
        let mut found = vec![from];
        let mut seen = BTreeSet::from([from]);
        let mut at = 0;
        while let Some(name) = found.get(at).copied() {
            at += 1;
            for next in side(&self.graph, name) {
                if !seen.insert(next) {
                    continue;
                }
                let is_there = self.is_there(next);
                if !visit(next, is_there) {
                    return false;
                }
                if !is_there {
                    found.push(next);
                }
            }
        }
        true
    }

    /// Whether something of a unit runs that may still end: nobody waits for what KILL has not ended.
    fn is_there(&self, name: &UnitName) -> bool {
        let ends = |pod: &Pod| pod.processes.iter().any(|process| process.is_up() && process.left.is_none());
        match self.units.get(name).map(|entry| &entry.kind) {
            Some(KindState::Target) => false,
            Some(KindState::Service(replicas)) => {
                replicas.places.live().filter_map(|uid| self.pods.get(&uid)).any(|pod| ends(pod))
            }
            _ => self.pods.values().any(|pod| &pod.unit.name == name && ends(pod)),
        }
    }

    /// Who requires or wants this unit.
    pub(super) fn wanted_by(&self, name: &UnitName) -> Vec<UnitName> {
        let asks = |later: &&UnitName| {
            self.units.get(*later).is_some_and(|entry| {
                let relations = &entry.unit.relations;
                relations.requires.iter().chain(&relations.wants).any(|relation| &relation.unit == name)
            })
        };
        self.graph.after(name).iter().filter(asks).cloned().collect()
    }

    /// Whether a unit has reached a condition.
    fn has_reached(&self, entry: &Entry, condition: Condition) -> bool {
        match &entry.kind {
            KindState::Target => entry.state == UnitState::Running,
            KindState::CronJob(calendar) => match condition {
                Condition::Started | Condition::Ready => entry.wanted,
                Condition::Completed | Condition::Succeeded => calendar.last_success.is_some(),
            },
            // The one that is there is of before the boot, or of before an operator's word.
            KindState::Job { again: true } => false,
            KindState::Job { again: false } => {
                let Some(job) = self.jobs.get(entry.unit.name.as_str()) else { return false };
                match condition {
                    Condition::Started => job.has_started(),
                    Condition::Ready => job.is_complete() || self.ready_pods(job) > 0,
                    Condition::Completed => job.is_finished(),
                    Condition::Succeeded => job.is_complete(),
                }
            }
            KindState::Service(replicas) => {
                let desired = self.desired(entry) as usize;
                // In a rollout there may be more than are wanted for a while.
                let all = |test: &dyn Fn(&Place) -> bool| {
                    desired > 0 && replicas.places.all().filter(|place| test(place)).count() >= desired
                };
                match condition {
                    Condition::Started => all(&|place| match place {
                        Place::Live(uid) => self.pods.get(uid).is_some_and(|pod| pod.main_has_started()),
                        Place::Done(_) => true,
                    }),
                    Condition::Ready => all(&|place| match place {
                        Place::Live(uid) => self.pods.get(uid).is_some_and(|pod| pod.is_ready()),
                        Place::Done(done) => done.succeeded,
                    }),
                    Condition::Completed => all(&|place| matches!(place, Place::Done(_))),
                    Condition::Succeeded => {
                        all(&|place| matches!(place, Place::Done(done) if done.succeeded))
                    }
                }
            }
        }
    }
}

/// What a unit waits for.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// What is required and not there, and what is wanted and may still come.
    pub(super) waiting: Vec<Waiting>,
    /// The first of them that is required and has failed: it will not come by itself.
    pub(super) lost: Option<Waiting>,
}

/// What a unit waits for.
pub(super) fn waits_of(engine: &Engine, name: &UnitName) -> Waits {
    let Some(entry) = engine.units.get(name) else { return Waits::default() };
    let relations = &entry.unit.relations;
    let with = |strength| move |relation| (strength, relation);
    let direct = relations
        .requires
        .iter()
        .map(with(Strength::Requires))
        .chain(relations.wants.iter().map(with(Strength::Wants)))
        .chain(relations.after.iter().map(with(Strength::After)));
    let mut waits = Waits::default();
    for (strength, relation) in direct {
        note(engine, &relation.unit, relation.condition, strength, &mut waits);
    }
    // The other side may have written the order: `before = ["this"]`.
    for earlier in engine.graph.before(name) {
        let wrote = engine
            .units
            .get(earlier)
            .is_some_and(|e| e.unit.relations.before.iter().any(|r| &r.unit == name));
        if wrote {
            note(engine, earlier, None, Strength::After, &mut waits);
        }
    }
    waits
}

fn note(
    engine: &Engine,
    unit: &UnitName,
    condition: Option<Condition>,
    strength: Strength,
    waits: &mut Waits,
) {
    let entry = engine.units.get(unit);
    let kind = entry.map_or(Kind::Service, |entry| entry.unit.kind());
    let condition = condition.unwrap_or(kind.default_condition());
    let reached = entry.is_some_and(|entry| engine.has_reached(entry, condition));
    let comes_again = |entry: &Entry| matches!(entry.kind, KindState::Job { again: true });
    let hopeless = entry.is_none_or(|entry| {
        let at_rest = matches!(entry.state, UnitState::Failed | UnitState::Complete | UnitState::Suspended);
        !entry.wanted || (at_rest && !comes_again(entry))
    });
    if reached
        || (strength != Strength::Requires && hopeless)
        || waits.waiting.iter().any(|w| &w.unit == unit)
    {
        return;
    }
    let waiting = Waiting { unit: unit.clone(), condition };
    // What an operator has stopped, or suspended, an operator may bring back; what is set aside may live.
    let failed = entry.is_some_and(|entry| {
        entry.wanted && entry.state == UnitState::Failed && !comes_again(entry) && entry.quarantined.is_none()
    });
    if failed && strength == Strength::Requires {
        waits.lost.get_or_insert_with(|| waiting.clone());
    }
    waits.waiting.push(waiting);
}
