//! The time that an end has, shared by those who take their turns in it.
//!
//! Units end against their order, so what one takes is lost to those that come after it: each gets its share of
//! what is left, by the number of turns that are still to come, the longest way down. Whoever is quick leaves
//! the rest to the others. Where all that still have their turn can have the whole of their grace, nobody is cut
//! short. So a unit that does not listen costs the units below it a part of their time, and never the signal.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Engine;
use super::pod::GRACE_MIN;
use super::pod::Pod;
use super::time::{Mono, Now};
use crate::unit::name::UnitName;

/// The shares of all units that have pods.
#[derive(Debug, Default)]
pub(super) struct Shares {
    of: BTreeMap<UnitName, Share>,
}

#[derive(Debug)]
struct Share {
    /// Turns that are still to come on the longest way down, its own included.
    turns: u32,
    /// What those below it need at most.
    below: Duration,
    /// When its time is over, once its turn has come.
    until: Option<Mono>,
}

impl Shares {
    /// When the time of this unit is over, where its turn has come.
    pub(super) fn until(&self, unit: &UnitName) -> Option<Mono> {
        self.of.get(unit)?.until
    }

    /// The turn of a unit has come.
    pub(super) fn begin(&mut self, unit: &UnitName, until: Mono) {
        if let Some(share) = self.of.get_mut(unit) {
            share.until.get_or_insert(until);
        }
    }

    /// What a unit gets of the time that is left; never less than `least`, as nobody can do anything with that.
    pub(super) fn of(&self, unit: &UnitName, left: Duration, least: Duration) -> Duration {
        // Nobody is known to wait for it.
        let Some(share) = self.of.get(unit) else { return left };
        (left / share.turns.max(1)).max(left.saturating_sub(share.below)).max(least).min(left)
    }

    /// There is less time now: turns that have begun last no longer than `most` says.
    pub(super) fn shorten(&mut self, most: impl Fn(&Self, &UnitName) -> Mono) {
        let begun = self.of.iter().filter_map(|(unit, share)| Some((unit.clone(), share.until?)));
        for (unit, until) in begun.collect::<Vec<_>>() {
            let until = until.min(most(self, &unit));
            if let Some(share) = self.of.get_mut(&unit) {
                share.until = Some(until);
            }
        }
    }
}

impl Engine {
    /// What all units that have pods need, and how they come one after another. Turns that have begun stay so.
    pub(super) fn plan_shares(&self) -> Shares {
        let mut needs: BTreeMap<&UnitName, Duration> = BTreeMap::new();
        for pod in self.pods.values() {
            let need = needs.entry(&pod.unit.name).or_default();
            *need = need_of(pod).max(*need);
        }
        // Down to each unit, itself included: turns, and what they need.
        let mut sums: BTreeMap<&UnitName, (u32, Duration)> = BTreeMap::new();
        let mut shares = Shares::default();
        for unit in self.graph.in_order() {
            let before = self.graph.before(unit).iter().filter_map(|unit| sums.get(unit));
            let (turns, below) = before.fold((0, Duration::ZERO), |most: (u32, Duration), sum| {
                (most.0.max(sum.0), most.1.max(sum.1))
            });
            let Some(need) = needs.get(unit) else {
                // It takes no time, and those below it wait all the same for those above it.
                sums.insert(unit, (turns, below));
                continue;
            };
            sums.insert(unit, (turns + 1, below.saturating_add(*need)));
            shares.of.insert(unit.clone(), Share { turns: turns + 1, below, until: None });
        }
        shares
    }

    /// When the time of a unit is over in the end of supd: its own share, or, where its turn has not come, what
    /// that would be from now on.
    pub(super) fn share_end(&self, now: Now, unit: &UnitName) -> Option<Mono> {
        let ending = self.ending.as_ref()?;
        Some(ending.shares.until(unit).unwrap_or_else(|| now.mono + ending.share_from(now, unit)))
    }
}

/// How long a pod may take to end, were there time enough: its grace, and where its own hook or its sidecars use
/// that up, the two seconds after the signal.
fn need_of(pod: &Pod) -> Duration {
    let template = pod.template();
    let outlasts = |process: &crate::unit::model::Process| process.stop.pre.is_some();
    let late = template.processes().count() > 1 || template.processes().any(outlasts);
    let grace = template.grace.max(GRACE_MIN);
    if late { grace.saturating_add(GRACE_MIN) } else { grace }
}
