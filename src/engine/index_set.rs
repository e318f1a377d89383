//! Sets of completion indexes, kept as intervals and written as Kubernetes writes them (IDX-004).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of numbers. Costs one entry for each gap, not for each number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u32, u32)>", into = "Vec<(u32, u32)>")]
pub(super) struct IndexSet {
    /// First → last of each run; runs neither touch nor overlap.
    runs: BTreeMap<u32, u32>,
}

impl IndexSet {
    /// Adds a number. Whether it was new.
    pub(super) fn insert(&mut self, index: u32) -> bool {
        if self.contains(index) {
            return false;
        }
        let before = self.runs.range(..=index).next_back().map(|(first, last)| (*first, *last));
        let after = index.checked_add(1).and_then(|next| self.runs.get(&next).map(|last| (next, *last)));
        let first = match before {
            Some((first, last)) if last.checked_add(1) == Some(index) => first,
            _ => index,
        };
        let last = match after {
            Some((next, last)) => {
                self.runs.remove(&next);
                last
            }
            None => index,
        };
        self.runs.insert(first, last);
        true
    }

    /// Whether the number is in it.
    pub(super) fn contains(&self, index: u32) -> bool {
        self.runs.range(..=index).next_back().is_some_and(|(_, last)| *last >= index)
    }

    /// How many numbers are in it.
    pub(super) fn len(&self) -> u32 {
        self.runs.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// How many of the numbers from `first` to `last` are in it.
    pub(super) fn count_within(&self, first: u32, last: u32) -> u32 {
        // The run that begins before may reach into it; the others begin within.
        let before = self.runs.range(..first).next_back().filter(|(_, end)| **end >= first);
        let within = self.runs.range(first..=last.max(first));
        let overlap = |(from, to): (&u32, &u32)| {
            (*to).min(last).checked_sub((*from).max(first)).map_or(0, |more| more.saturating_add(1))
        };
        before.into_iter().chain(within).map(overlap).sum()
    }

    /// Numbers from 0 that are not in it, in order.
    pub(super) fn missing(&self) -> impl Iterator<Item = u32> + '_ {
        let mut runs = self.runs.iter().peekable();
        let mut next = Some(0u32);
        std::iter::from_fn(move || {
            while let (Some(at), Some((first, last))) = (next, runs.peek()) {
                if at < **first {
                    break;
                }
                next = last.checked_add(1).map(|after| after.max(at));
                runs.next();
            }
            let at = next?;
            next = at.checked_add(1);
            Some(at)
        })
    }

    /// Drops the numbers from `end` on (IDX-007).
    pub(super) fn truncate(&mut self, end: u32) {
        self.runs.retain(|first, _| *first < end);
        if let Some((_, last)) = self.runs.iter_mut().next_back() {
            *last = (*last).min(end.saturating_sub(1));
        }
    }
}

/// As it is stored: first and last of each run.
impl From<IndexSet> for Vec<(u32, u32)> {
    fn from(set: IndexSet) -> Self {
        set.runs.into_iter().collect()
    }
}

/// Runs that touch or overlap, as no `IndexSet` ever wrote them, are joined: numbers, not runs, are what
/// counts.
impl From<Vec<(u32, u32)>> for IndexSet {
    fn from(mut runs: Vec<(u32, u32)>) -> Self {
        runs.retain(|(first, last)| first <= last);
        runs.sort_unstable();
        let mut set = Self::default();
        for (first, last) in runs {
            match set.runs.last_entry() {
                Some(mut end) if end.get().saturating_add(1) >= first => {
                    *end.get_mut() = last.max(*end.get())
                }
                _ => _ = set.runs.insert(first, last),
            }
        }
        set
    }
}

impl fmt::Display for IndexSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (first, last) in &self.runs {
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
            comma = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(numbers: &[u32]) -> IndexSet {
        let mut set = IndexSet::default();
        for number in numbers {
            set.insert(*number);
        }
        set
    }

    #[test]
    fn idx_004_notation() {
        assert_eq!(set(&[2, 4, 5, 7, 8, 9]).to_string(), "2,4,5,7-9");
        assert_eq!(set(&[1, 0]).to_string(), "0,1");
        assert_eq!(set(&[0, 2, 1]).to_string(), "0-2");
        assert_eq!(set(&[]).to_string(), "");
        assert_eq!(set(&[u32::MAX, u32::MAX - 1]).to_string(), "4294967294,4294967295");
    }

    #[test]
    fn runs_that_overlap_are_joined() {
        let runs = vec![(5, 7), (0, 1), (2, 2), (6, 9), (9, 3)];
        assert_eq!(IndexSet::from(runs).to_string(), "0-2,5-9");
    }

    proptest! {
        #[test]
        fn is_a_set(numbers in prop::collection::vec(0u32..60, 0..80), end in 0u32..60) {
            let mut ours = set(&numbers);
            let mut plain: BTreeSet<u32> = numbers.into_iter().collect();
            prop_assert_eq!(ours.len() as usize, plain.len());
            let missing: Vec<u32> = (0..70).filter(|n| !plain.contains(n)).take(10).collect();
            prop_assert_eq!(ours.missing().take(10).collect::<Vec<_>>(), missing);
            let within = |first: u32, last: u32| plain.range(first..=last).count() as u32;
            prop_assert_eq!(ours.count_within(end, end + 10), within(end, end + 10));
            prop_assert_eq!(ours.count_within(0, end), within(0, end));
            ours.truncate(end);
            plain.retain(|n| *n < end);
            prop_assert!((0..70).all(|n| ours.contains(n) == plain.contains(&n)));
            let stored: Vec<(u32, u32)> = ours.clone().into();
            prop_assert_eq!(IndexSet::from(stored), ours);
        }
    }
}
