//! Which run holds which slot, which slots are free, and which starts are still unanswered.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::engine::id::{PodUid, RunId};
use crate::engine::time::Mono;
use crate::limits::{SLOTS, SPAWN_STUCK_MS, SPAWNERS_MAX};

/// The manager's account of the slot table.
pub(super) struct Slots {
    /// Those that were ever used; grows up to [`SLOTS`].
    slots: Vec<Slot>,
    by_run: HashMap<RunId, u16>,
    /// Slots that were used and are free again, lowest first: the keeper looks through the low ones. Then
    /// those from `fresh` on, which never were.
    freed: BinaryHeap<Reverse<u16>>,
    fresh: u16,
    starts: Starts,
    /// Runs that have ended and whose output may not be in their logs yet, by the order of their ends.
    undrained: BTreeMap<u64, Option<PodUid>>,
    ends: u64,
}

/// What is known of a slot.
#[derive(Default)]
struct Slot {
    /// Which use of the slot comes next, as the keeper told.
    ticket: u32,
    holder: Option<Holder>,
}

/// Who holds a slot.
struct Holder {
    /// Nobody, where it is only waited for.
    run: Option<RunId>,
    stage: Stage,
    /// While the start is unanswered.
    order: Option<Box<Order>>,
    /// The number of its end, once that was told.
    end: Option<u64>,
}

/// A start that was ordered, for the case that it must be sent again: its spawner may die with it.
pub(super) struct Order {
    /// The message.
    pub(super) message: Vec<u8>,
    /// Descriptors that go along.
    pub(super) fds: Vec<OwnedFd>,
    /// Answers that are still to come.
    pub(super) sent: u32,
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
            slots: Vec::new(),
            by_run: HashMap::new(),
            freed: BinaryHeap::new(),
            fresh: 0,
            starts: Starts::default(),
            undrained: BTreeMap::new(),
            ends: 0,
        }
    }

    /// The account of a slot, made when it is first needed; nothing beyond the table.
    fn slot_mut(&mut self, number: u16) -> Option<&mut Slot> {
        let index = usize::from(number);
        if index >= self.slots.len() && index < SLOTS {
            self.slots.resize_with(index + 1, Slot::default);
        }
        self.slots.get_mut(index)
    }

    /// Takes the lowest free slot for a run that is to be started: its number and its ticket.
    pub(super) fn take(&mut self, run: RunId, now: Mono) -> Option<(u16, u32)> {
        let number = self.lowest_free()?;
        self.hold(number, Some(run), Stage::Asked);
        self.starts.sent(number, run, now);
        Some((number, self.slots[usize::from(number)].ticket))
    }

    fn lowest_free(&mut self) -> Option<u16> {
        if let Some(Reverse(number)) = self.freed.pop() {
            return Some(number);
        }
        while usize::from(self.fresh) < SLOTS {
            self.fresh += 1;
            // Runs of the manager before hold some of those that this one never used.
            let number = self.fresh - 1;
            if self.slot_mut(number).is_some_and(|slot| slot.holder.is_none()) {
                return Some(number);
            }
        }
        None
    }

    /// A slot is taken: by this run, or (as the snapshot says) by nobody who matters any more.
    pub(super) fn hold(&mut self, number: u16, run: Option<RunId>, stage: Stage) {
        if let Some(slot) = self.slot_mut(number) {
            slot.holder = Some(Holder { run, stage, order: None, end: None });
            self.by_run.extend(run.map(|run| (run, number)));
        }
    }

    /// What was ordered for the run that holds the slot.
    pub(super) fn set_order(&mut self, number: u16, message: Vec<u8>, fds: Vec<OwnedFd>) {
        if let Some(holder) = self.holder_mut(number) {
            holder.order = Some(Box::new(Order { message, fds, sent: 1 }));
        }
    }

    /// The orders that are unanswered.
    pub(super) fn unanswered(&mut self) -> impl Iterator<Item = &mut Order> {
        let asked = |holder: &&mut Holder| holder.stage == Stage::Asked;
        let holders = self.slots.iter_mut().filter_map(|slot| slot.holder.as_mut());
        holders.filter(asked).filter_map(|holder| holder.order.as_deref_mut())
    }

    /// One of the sent orders was refused. True: no other answer will come.
    pub(super) fn refused(&mut self, number: u16, run: RunId) -> bool {
        if self.stage(number, run) != Some(Stage::Asked) {
            return false;
        }
        let Some(order) = self.holder_mut(number).and_then(|holder| holder.order.as_mut()) else {
            return false;
        };
        order.sent = order.sent.saturating_sub(1);
        order.sent == 0
    }

    /// Where a run is, unless it has ended.
    pub(super) fn slot_of(&self, run: RunId) -> Option<u16> {
        self.by_run.get(&run).copied()
    }

    /// How far the run in this slot has come; nothing where the slot is another's.
    pub(super) fn stage(&self, number: u16, run: RunId) -> Option<Stage> {
        let holder = self.slots.get(usize::from(number))?.holder.as_ref()?;
        (holder.run == Some(run)).then_some(holder.stage)
    }

    /// The run has come as far as this.
    pub(super) fn set_stage(&mut self, number: u16, stage: Stage) {
        let Some(holder) = self.holder_mut(number) else { return };
        let answered = holder.stage == Stage::Asked;
        holder.stage = stage;
        holder.order = None;
        if let (Stage::Ended, Some(run)) = (stage, holder.run) {
            self.by_run.remove(&run);
        }
        self.starts.answered += u64::from(answered);
    }

    /// The run has ended. The slot is freed when that is acknowledged and its output is in its log.
    pub(super) fn end(&mut self, number: u16) {
        self.set_stage(number, Stage::Ended);
        let next = self.ends + 1;
        let Some(holder) = self.holder_mut(number).filter(|holder| holder.end.is_none()) else { return };
        holder.end = Some(next);
        let pod = holder.run.map(|run| run.pod);
        self.ends = next;
        self.undrained.insert(next, pod);
    }

    /// The number of the last end.
    pub(super) fn last_end(&self) -> u64 {
        self.ends
    }

    /// Whether all output of the runs that ended no later than this is in their logs: of this pod, or of
    /// all. What a manager before this one knew of may be any pod's.
    pub(super) fn is_drained(&self, last_end: u64, pod: Option<PodUid>) -> bool {
        let concerns = |of: &Option<PodUid>| pod.is_none() || of.is_none() || *of == pod;
        !self.undrained.range(..=last_end).any(|(_, of)| concerns(of))
    }

    /// The keeper has freed the slot.
    pub(super) fn free(&mut self, number: u16, ticket: u32) {
        let Some(slot) = self.slot_mut(number) else { return };
        slot.ticket = ticket;
        if let Some(holder) = slot.holder.take() {
            holder.end.map(|end| self.undrained.remove(&end));
            if let Some(run) = holder.run.filter(|run| self.by_run.get(run) == Some(&number)) {
                self.by_run.remove(&run);
            }
            // One that was held from before this manager, and lies above, comes up by itself.
            if number < self.fresh {
                self.freed.push(Reverse(number));
            }
        }
    }

    /// Lets go of memory that a burst of starts took.
    pub(super) fn shrink(&mut self) {
        self.starts.sent.shrink_to_fit();
    }

    /// When a stuck start should be looked for; nothing while none is unanswered.
    pub(super) fn next_check(&self) -> Option<Mono> {
        self.starts.check_at
    }

    /// Looks for stuck starts. True: another spawner should be asked for.
    pub(super) fn check(&mut self, now: Mono) -> bool {
        let slots = &self.slots;
        self.starts.check(now, |number, run| {
            let holder = slots.get(usize::from(number)).and_then(|slot| slot.holder.as_ref());
            holder.is_some_and(|holder| holder.run == Some(run) && holder.stage == Stage::Asked)
        })
    }

    fn holder_mut(&mut self, number: u16) -> Option<&mut Holder> {
        self.slots.get_mut(usize::from(number))?.holder.as_mut()
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
    /// Starts that were answered, ever, and at the last look. A spawner that gets on with a long queue is
    /// not stuck, however old its first entry.
    answered: u64,
    answered_then: u64,
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
        let gets_on = self.answered != std::mem::replace(&mut self.answered_then, self.answered);
        if gets_on && !self.sent.is_empty() {
            self.check_at = Some(now + STUCK_AFTER);
            return false;
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

    fn at(ms: i64) -> Mono {
        Mono(ms * 1_000_000)
    }

    #[test]
    fn a_slot_is_one_run_s_until_it_is_freed() {
        let mut slots = Slots::new();
        slots.hold(0, Some(run(9)), Stage::Started);
        assert_eq!(slots.take(run(1), at(0)), Some((1, 0)), "0 is held by a run from before");
        assert_eq!(slots.stage(1, run(1)), Some(Stage::Asked));
        assert_eq!(slots.stage(1, run(2)), None);
        slots.set_stage(1, Stage::Ended);
        assert_eq!(slots.slot_of(run(1)), None, "what has ended gets no signal");
        assert_eq!(slots.take(run(2), at(0)), Some((2, 0)), "an ended run holds its slot");
        slots.free(1, 5);
        slots.free(1, 5);
        slots.free(0, 7);
        assert_eq!(slots.take(run(3), at(0)), Some((0, 7)), "the lowest first, with its ticket");
        assert_eq!(slots.take(run(4), at(0)), Some((1, 5)));
        assert_eq!(slots.take(run(5), at(0)), Some((3, 0)), "a slot freed twice is free once");
    }

    #[test]
    fn a_slot_from_before_that_is_freed_is_used_once() {
        let mut slots = Slots::new();
        slots.hold(1, None, Stage::Ended);
        slots.free(1, 4);
        let taken: Vec<_> = (0..3).filter_map(|pod| slots.take(run(pod), at(0))).collect();
        assert_eq!(taken, [(0, 0), (1, 4), (2, 0)]);
    }

    #[test]
    fn what_has_ended_is_drained_when_its_slot_is_free() {
        let mut slots = Slots::new();
        for pod in [7, 8] {
            slots.take(run(pod), at(0)).unwrap();
        }
        let (seven, eight) = (Some(PodUid(7)), Some(PodUid(8)));
        slots.end(0);
        slots.end(0);
        let asked = slots.last_end();
        slots.end(1);
        assert!(!slots.is_drained(asked, seven) && !slots.is_drained(asked, None));
        assert!(slots.is_drained(asked, eight), "it ended after the question");
        slots.free(0, 1);
        assert!(slots.is_drained(asked, None) && !slots.is_drained(slots.last_end(), None));
        slots.hold(2, None, Stage::Ended);
        slots.end(2);
        assert!(!slots.is_drained(slots.last_end(), seven), "it may be any pod's");
    }

    #[test]
    fn a_full_table_says_so() {
        let mut slots = Slots::new();
        for pod in 0..SLOTS as u64 {
            assert!(slots.take(run(pod), at(0)).is_some());
        }
        assert_eq!(slots.take(run(u64::MAX), at(0)), None);
        slots.free(77, 1);
        assert_eq!(slots.take(run(u64::MAX), at(0)), Some((77, 1)));
    }

    #[test]
    fn an_order_that_was_sent_twice_is_refused_for_good_when_both_are() {
        let mut slots = Slots::new();
        slots.take(run(1), at(0)).unwrap();
        slots.set_order(0, b"start".to_vec(), Vec::new());
        for order in slots.unanswered() {
            order.sent += 1;
        }
        assert!(!slots.refused(0, run(1)) && !slots.refused(0, run(2)));
        assert!(slots.refused(0, run(1)));
        slots.set_stage(0, Stage::Started);
        assert!(!slots.refused(0, run(1)), "it has begun");
        assert_eq!(slots.unanswered().count(), 0);
    }

    #[test]
    fn an_answered_start_asks_for_nobody_and_disarms_the_timer() {
        let mut slots = Slots::new();
        assert_eq!(slots.next_check(), None);
        let (slot, _) = slots.take(run(1), at(0)).unwrap();
        assert_eq!(slots.next_check(), Some(at(100)));
        slots.set_stage(slot, Stage::Started);
        assert!(!slots.check(at(100)));
        assert_eq!(slots.next_check(), None);
    }

    #[test]
    fn a_long_queue_that_moves_is_not_stuck() {
        let mut slots = Slots::new();
        for pod in 0..10 {
            slots.take(run(pod), at(0)).unwrap();
        }
        for number in 0..9 {
            slots.set_stage(number, Stage::Started);
            assert!(!slots.check(at(100 + 100 * i64::from(number))));
        }
        assert!(slots.check(at(1100)), "the last one is stuck");
    }

    #[test]
    fn each_stuck_start_gets_one_stand_in() {
        let mut slots = Slots::new();
        let (stuck, _) = slots.take(run(1), at(0)).unwrap();
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
