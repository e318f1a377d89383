//! Which run holds which slot, which slots are free, and which starts are still unanswered.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::engine::id::RunId;
use crate::engine::time::Mono;
use crate::limits::{SLOTS, SPAWN_STUCK_MS, SPAWNERS_MAX};

/// The manager's account of the slot table.
pub(super) struct Slots {
    holders: Vec<Option<Holder>>,
    by_run: HashMap<RunId, u16>,
    /// Slots that were used and are free again; then those from `fresh` on, which never were.
    freed: Vec<u16>,
    fresh: u16,
    starts: Starts,
}

/// Who holds a slot.
#[derive(Clone, Copy, Debug)]
struct Holder {
    run: RunId,
    stage: Stage,
}

/// How far a run has come, as this manager was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A Spawn was sent. Next: any of the others.
    Asked,
    /// It runs. Next: `Ended`.
    Started,
    /// It has ended; the slot is not free yet.
    Ended,
}

impl Slots {
    /// All slots free.
    pub(super) fn new() -> Self {
        Self {
            holders: vec![None; SLOTS],
            by_run: HashMap::new(),
            freed: Vec::new(),
            fresh: 0,
            starts: Starts::default(),
        }
    }

    /// Takes a free slot for a run that is to be started.
    pub(super) fn take(&mut self, run: RunId, now: Mono) -> Option<u16> {
        let slot = loop {
            match self.freed.pop() {
                Some(slot) => break slot,
                None if usize::from(self.fresh) < SLOTS => {
                    self.fresh += 1;
                    let slot = self.fresh - 1;
                    // A run of the manager before holds it.
                    if self.holders[usize::from(slot)].is_none() {
                        break slot;
                    }
                }
                None => return None,
            }
        };
        self.hold(slot, run, Stage::Asked);
        self.starts.sent(slot, run, now);
        Some(slot)
    }

    /// A slot that a run holds already, as the snapshot says.
    pub(super) fn hold(&mut self, slot: u16, run: RunId, stage: Stage) {
        if let Some(place) = self.holders.get_mut(usize::from(slot)) {
            *place = Some(Holder { run, stage });
            self.by_run.insert(run, slot);
        }
    }

    /// Where a run is, unless it has ended.
    pub(super) fn slot_of(&self, run: RunId) -> Option<u16> {
        self.by_run.get(&run).copied()
    }

    /// How far the run in this slot has come; nothing where the slot is another's.
    pub(super) fn stage(&self, slot: u16, run: RunId) -> Option<Stage> {
        let holder = self.holders.get(usize::from(slot))?.as_ref()?;
        (holder.run == run).then_some(holder.stage)
    }

    /// The run has come as far as this.
    pub(super) fn set_stage(&mut self, slot: u16, stage: Stage) {
        let Some(Some(holder)) = self.holders.get_mut(usize::from(slot)) else { return };
        holder.stage = stage;
        if stage == Stage::Ended {
            self.by_run.remove(&holder.run);
        }
    }

    /// The keeper has freed the slot.
    pub(super) fn free(&mut self, slot: u16) {
        let Some(place) = self.holders.get_mut(usize::from(slot)) else { return };
        if let Some(holder) = place.take() {
            if self.by_run.get(&holder.run) == Some(&slot) {
                self.by_run.remove(&holder.run);
            }
            self.freed.push(slot);
        }
    }

    /// When a stuck start should be looked for; nothing while none is unanswered.
    pub(super) fn next_check(&self) -> Option<Mono> {
        self.starts.check_at
    }

    /// Looks for stuck starts. True: another spawner should be asked for.
    pub(super) fn check(&mut self, now: Mono) -> bool {
        let holders = &self.holders;
        self.starts.check(now, |slot, run| {
            let holder = holders[usize::from(slot)];
            holder.is_some_and(|holder| holder.run == run && holder.stage == Stage::Asked)
        })
    }
}

/// Starts that were sent, in that order, and what was done about stuck ones.
///
/// A spawner holds one start at a time. So as many old unanswered starts as there are spawners mean that
/// all of them may be stuck, and only then another one helps.
#[derive(Default)]
struct Starts {
    sent: VecDeque<(Mono, u16, RunId)>,
    /// Spawners asked for since the last time that every start was answered.
    stand_ins: usize,
    /// When to look next. Not moved by every start, so that a busy manager does not set a timer for each.
    check_at: Option<Mono>,
}

const STUCK_AFTER: Duration = Duration::from_millis(SPAWN_STUCK_MS);

impl Starts {
    fn sent(&mut self, slot: u16, run: RunId, now: Mono) {
        self.sent.push_back((now, slot, run));
        self.check_at.get_or_insert(now + STUCK_AFTER);
    }

    fn check(&mut self, now: Mono, unanswered: impl Fn(u16, RunId) -> bool) -> bool {
        if self.check_at.is_none_or(|at| at > now) {
            return false;
        }
        self.sent.retain(|(_, slot, run)| unanswered(*slot, *run));
        if self.sent.is_empty() {
            self.stand_ins = 0;
        }
        // The first start for which no spawner of its own is known to be there.
        let candidate = self.sent.get(self.stand_ins).map(|(at, ..)| *at + STUCK_AFTER);
        let stuck = candidate.is_some_and(|due| due <= now) && self.stand_ins + 1 < SPAWNERS_MAX;
        if stuck {
            self.stand_ins += 1;
        }
        // With all spawners there are, or nothing to ask for now, it is looked again after a while, so that
        // the list is cleaned and the stand-ins are forgotten.
        self.check_at = match candidate {
            _ if self.sent.is_empty() => None,
            Some(due) if due > now => Some(due),
            _ => Some(now + STUCK_AFTER),
        };
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::{Class, PodUid};

    fn run(pod: u64) -> RunId {
        RunId { pod: PodUid(pod), class: Class::Main, process: 0, attempt: 0 }
    }

    fn at(ms: u64) -> Mono {
        Mono(ms * 1_000_000)
    }

    #[test]
    fn a_slot_is_one_run_s_until_it_is_freed() {
        let mut slots = Slots::new();
        slots.hold(0, run(9), Stage::Started);
        assert_eq!(slots.take(run(1), at(0)), Some(1), "0 is held by a run from before");
        assert_eq!(slots.stage(1, run(1)), Some(Stage::Asked));
        assert_eq!(slots.stage(1, run(2)), None);
        slots.set_stage(1, Stage::Ended);
        assert_eq!(slots.slot_of(run(1)), None, "what has ended gets no signal");
        assert_eq!(slots.take(run(2), at(0)), Some(2), "an ended run holds its slot");
        slots.free(1);
        slots.free(1);
        assert_eq!(slots.take(run(3), at(0)), Some(1));
        assert_eq!(slots.take(run(4), at(0)), Some(3), "a slot freed twice is free once");
    }

    #[test]
    fn a_full_table_says_so() {
        let mut slots = Slots::new();
        for pod in 0..SLOTS as u64 {
            assert!(slots.take(run(pod), at(0)).is_some());
        }
        assert_eq!(slots.take(run(u64::MAX), at(0)), None);
        slots.free(77);
        assert_eq!(slots.take(run(u64::MAX), at(0)), Some(77));
    }

    #[test]
    fn an_answered_start_asks_for_nobody_and_disarms_the_timer() {
        let mut slots = Slots::new();
        assert_eq!(slots.next_check(), None);
        let slot = slots.take(run(1), at(0)).unwrap();
        assert_eq!(slots.next_check(), Some(at(100)));
        slots.set_stage(slot, Stage::Started);
        assert!(!slots.check(at(100)));
        assert_eq!(slots.next_check(), None);
    }

    #[test]
    fn each_stuck_start_gets_one_stand_in() {
        let mut slots = Slots::new();
        let stuck = slots.take(run(1), at(0)).unwrap();
        assert!(slots.check(at(100)), "the first one is stuck");
        assert!(!slots.check(at(1000)), "the stand-in is there, and nobody waits");
        slots.take(run(2), at(1000)).unwrap();
        assert!(!slots.check(at(1050)), "it may yet be answered");
        assert!(slots.check(at(1200)), "the stand-in is stuck, too");
        assert!(!slots.check(at(1300)));
        slots.set_stage(stuck, Stage::Ended);
        slots.set_stage(1, Stage::Started);
        slots.check(at(5000));
        assert_eq!(slots.next_check(), None);
        slots.take(run(3), at(6000)).unwrap();
        assert!(slots.check(at(6100)), "all is forgotten once every start was answered");
    }
}
