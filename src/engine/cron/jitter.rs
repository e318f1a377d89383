//! The random delay of a slot: drawn once, stored, and kept whatever happens.
//!
//! A delay is shorter than the distance of two slots (the unit was refused otherwise), so that at most one
//! slot is waiting; the one before it may still be held back, and the next is planned ahead of its time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::restart::fraction;
use crate::engine::time::{Now, Wall};
use crate::unit::name::UnitName;

/// The slots whose delays are remembered: the latest that has passed, and the next.
const KEPT: usize = 2;

/// The delays that were drawn: slot and due time, in the order of the slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Drawn(Vec<(Wall, Wall)>);

impl Drawn {
    /// When a slot is due. One for which none was drawn is not delayed: it was missed and is made up for.
    pub(super) fn due(&self, slot: Wall) -> Wall {
        self.0.iter().find(|(known, _)| *known == slot).map_or(slot, |(_, due)| *due)
    }

    /// Draws the delay of the next slot, unless that was done; slots up to `reference` are over.
    pub(super) fn plan(
        &mut self,
        now: Now,
        unit: &UnitName,
        (reference, next): (Wall, Option<Wall>),
        jitter: Duration,
    ) {
        let Some(next) = next.filter(|_| !jitter.is_zero()) else {
            self.0.clear();
            return;
        };
        self.0.retain(|(slot, _)| *slot > reference && *slot <= next);
        if !self.0.iter().any(|(slot, _)| *slot == next) {
            let delay = jitter.mul_f64(fraction(seed(now, unit, next)));
            self.0.push((next, next + delay.min(jitter.saturating_sub(Duration::from_nanos(1)))));
        }
        let surplus = self.0.len().saturating_sub(KEPT);
        self.0.drain(..surplus);
    }
}

/// Another number for each unit, each slot and each machine: the clock tells machines apart that were set up
/// alike.
fn seed(now: Now, unit: &UnitName, slot: Wall) -> u64 {
    let text = unit.as_str().bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let (now, slot) = (now.wall.0.cast_unsigned(), slot.0.cast_unsigned());
    text.rotate_left(40) ^ slot.rotate_left(20) ^ now
}
