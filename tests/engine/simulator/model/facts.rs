//! What is known outside of the engine: which pods were made, what they were told, how they ended, and what
//! operators did; step by step.

use std::collections::{BTreeMap, BTreeSet};

use supd::engine::event::Outcome;
use supd::engine::id::{PodUid, RunId};
use supd::engine::time::Mono;

use crate::world::World;

/// What began a step.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A pod's program ended by itself, or in the end did what it was told.
    End(PodUid),
    Suspend(bool),
    /// An operator deletes a pod.
    Delete(PodUid),
    Parallelism(u32),
    /// Nothing but time.
    Time,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Suspended(bool),
    Deleted(PodUid),
    Parallelism(u32),
    /// A pod came to be, with its completion index.
    Made(PodUid, Option<u32>),
    /// Its program was started again.
    Restarted(PodUid),
    /// It was asked to end, or told so with KILL.
    Asked(PodUid),
    /// Its program ended with this code.
    Ended(PodUid, u8),
    /// It is over, though nothing of it ran: while it waited it was asked to end.
    Dropped(PodUid),
    /// Nothing but time has passed.
    Nothing,
    /// Nothing more came of the step.
    Rest,
}

/// All that happened, in order, with its time.
#[derive(Default)]
pub struct Facts {
    pub all: Vec<(Mono, Fact)>,
    runs: BTreeSet<RunId>,
    ended: BTreeSet<RunId>,
    names: BTreeMap<String, PodUid>,
    made: BTreeSet<PodUid>,
    asked: BTreeSet<PodUid>,
    over: BTreeSet<PodUid>,
    signals: usize,
    step: usize,
}

impl Facts {
    /// Looks at what has come of a step: first its cause, then restarts, wishes to end, ends, new pods.
    pub fn note(&mut self, cause: Cause, world: &World) {
        self.step = self.all.len();
        let now = world.now.mono;
        let ends = self.new_ends(world);
        let first = match &cause {
            Cause::End(pod) => {
                let code = ends.iter().find(|(run, _)| run.pod == *pod).map(|(_, code)| *code);
                Fact::Ended(*pod, code.expect("it has ended"))
            }
            Cause::Suspend(suspend) => Fact::Suspended(*suspend),
            Cause::Delete(pod) => Fact::Deleted(*pod),
            Cause::Parallelism(pods) => Fact::Parallelism(*pods),
            Cause::Time => Fact::Nothing,
        };
        let mut facts = vec![first.clone()];
        // A deleted pod that obeys at once, and one whose grace is over, has ended before anything comes of that.
        let deleted = |pod: PodUid| matches!(cause, Cause::Delete(deleted) if deleted == pod);
        let early = ends.iter().filter(|(run, _)| deleted(run.pod) || self.asked.contains(&run.pod));
        let early: Vec<Fact> = early.map(|(run, code)| Fact::Ended(run.pod, *code)).collect();
        facts.extend(early.into_iter().filter(|fact| *fact != first));
        let begun = self.new_runs(world);
        facts.extend(
            begun
                .iter()
                .filter(|(run, _)| self.made.contains(&run.pod))
                .map(|(run, _)| Fact::Restarted(run.pod)),
        );
        let signalled = &world.signals[self.signals..];
        for pod in signalled.iter().filter_map(|(process, _)| self.names.get(process.split('/').next()?)) {
            if self.asked.insert(*pod) && !deleted(*pod) {
                facts.push(Fact::Asked(*pod));
            }
        }
        self.signals = world.signals.len();
        let others = ends.iter().map(|(run, code)| Fact::Ended(run.pod, *code));
        let others: Vec<Fact> = others.filter(|fact| !facts.contains(fact)).collect();
        facts.extend(others);
        self.ended.extend(ends.iter().map(|(run, _)| *run));
        for (run, index) in &begun {
            if self.made.insert(run.pod) {
                facts.push(Fact::Made(run.pod, *index));
            }
        }
        for uid in world.finished.keys().filter(|uid| self.made.contains(*uid) && !self.over.contains(*uid)) {
            if !ends.iter().any(|(run, _)| run.pod == *uid) {
                facts.push(Fact::Dropped(*uid));
            }
        }
        self.over.extend(world.finished.keys());
        facts.push(Fact::Rest);
        self.all.extend(facts.into_iter().map(|fact| (now, fact)));
    }

    /// Pods that are there, and were not asked to end.
    pub fn unasked(&self) -> Vec<PodUid> {
        let gone = |pod: &&PodUid| !self.asked.contains(*pod) && !self.over.contains(*pod);
        self.made.iter().filter(gone).copied().collect()
    }

    /// The last step, for people.
    pub fn last_words(&self) -> String {
        let words =
            self.all[self.step..].iter().map(|(at, fact)| format!("{:9.3} {fact:?}", at.0 as f64 / 1e9));
        words.collect::<Vec<_>>().join("\n")
    }

    fn new_ends(&self, world: &World) -> Vec<(RunId, u8)> {
        let new = world.ended.iter().filter(|(run, _)| !self.ended.contains(run));
        new.map(|(run, (_, outcome))| (*run, code(outcome))).collect()
    }

    fn new_runs(&mut self, world: &World) -> Vec<(RunId, Option<u32>)> {
        let ended = world.ended.iter().map(|(run, (label, _))| (run, label));
        let all = world.running.iter().chain(ended);
        let mut new: Vec<_> = all.filter(|(run, _)| !self.runs.contains(run)).collect();
        new.sort_by_key(|(run, _)| **run);
        for (run, label) in &new {
            self.runs.insert(**run);
            self.names.insert(label.pod.clone(), run.pod);
        }
        new.into_iter().map(|(run, label)| (*run, label.ordinal)).collect()
    }
}

fn code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Exited(code) => *code,
        Outcome::Signaled { signal, .. } => 128 + signal,
        Outcome::NotStarted { .. } | Outcome::OutOfMemory | Outcome::Unknown => {
            panic!("nothing of this kind happens here")
        }
    }
}
