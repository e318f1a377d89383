//! The deadlines of the engine: one table, at most one entry a key.

use std::collections::{BTreeMap, BTreeSet};

use super::id::PodUid;
use super::time::Mono;
use crate::unit::name::UnitName;

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The process at this place of a pod may start again.
    Restart(PodUid, u16),
    /// One that was asked to end has had its grace: the signal if it has not had it, else KILL.
    Kill(PodUid, u16),
    /// A pod has been active for too long (PHS-009).
    PodDeadline(PodUid),
    /// The process at this place is not ready in time.
    StartDeadline(PodUid, u16),
    /// A job has been active for too long (JOB-060); the uid is the job's.
    JobDeadline(PodUid),
    /// A job may make pods again after a failure (JOB-043).
    JobBackoff(PodUid),
    /// A finished job has been kept for as long as its unit says (`ttl_after_finished`).
    JobTtl(PodUid),
    /// A slot of a cronjob.
    Slot(UnitName),
    /// The shutdown has taken all the time it had.
    Shutdown,
}

/// Deadlines, by key and by time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    at: BTreeMap<Timer, Mono>,
    order: BTreeSet<(Mono, Timer)>,
}

impl Timers {
    /// Sets, or moves, a deadline.
    pub(super) fn set(&mut self, timer: Timer, at: Mono) {
        if let Some(old) = self.at.insert(timer.clone(), at) {
            self.order.remove(&(old, timer.clone()));
        }
        self.order.insert((at, timer));
    }

    /// Takes a deadline back; fine if there is none.
    pub(super) fn clear(&mut self, timer: &Timer) {
        if let Some(at) = self.at.remove(timer) {
            self.order.remove(&(at, timer.clone()));
        }
    }

    /// The deadline of this key.
    pub(super) fn get(&self, timer: &Timer) -> Option<Mono> {
        self.at.get(timer).copied()
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Mono> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out the earliest deadline that has passed.
    pub(super) fn pop(&mut self, now: Mono) -> Option<Timer> {
        let (at, _) = self.order.first()?;
        if *at > now {
            return None;
        }
        let (_, timer) = self.order.pop_first()?;
        self.at.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_a_key_in_order_of_time() {
        let mut timers = Timers::default();
        timers.set(Timer::Kill(PodUid(1), 0), Mono(30));
        timers.set(Timer::Kill(PodUid(2), 0), Mono(20));
        timers.set(Timer::Kill(PodUid(1), 0), Mono(10));
        assert_eq!(timers.next(), Some(Mono(10)));
        assert_eq!(timers.pop(Mono(9)), None);
        assert_eq!(timers.pop(Mono(50)), Some(Timer::Kill(PodUid(1), 0)));
        timers.clear(&Timer::Kill(PodUid(2), 0));
        assert_eq!((timers.pop(Mono(50)), timers.next()), (None, None));
    }
}
