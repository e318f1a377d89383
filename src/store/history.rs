//! Every run that ended, and every decision not to run: `supctl history`, `get runs`.
//!
//! Bounded twice: a unit that runs all the time takes its own oldest entries' room first, so that a chatty
//! one cannot push out what a nightly one did.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::engine::action::{Decision, RunRecord};
use crate::limits::{HISTORY_KEPT, HISTORY_KEPT_EACH};
use crate::unit::name::UnitName;

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// A run has ended.
    Run(Box<RunRecord>),
    /// Nothing was started, or something was ended for it.
    Decision(Box<Decision>),
}

/// An entry with its place in the order of what happened.
#[derive(Clone, Copy, Debug)]
pub struct Numbered<'a> {
    /// Grows from entry to entry; never used again.
    pub sequence: u64,
    /// What happened.
    pub entry: &'a Entry,
}

/// All entries that are kept.
#[derive(Default)]
pub struct History {
    entries: BTreeMap<u64, Entry>,
    of_unit: HashMap<UnitName, VecDeque<u64>>,
    last: u64,
}

impl Entry {
    /// Whose.
    pub fn unit(&self) -> &UnitName {
        match self {
            Self::Run(run) => &run.unit,
            Self::Decision(decision) => &decision.unit,
        }
    }

    /// The run, if it is one.
    pub fn run(&self) -> Option<&RunRecord> {
        match self {
            Self::Run(run) => Some(run),
            Self::Decision(_) => None,
        }
    }
}

impl History {
    /// The number of the newest entry, also when it has gone.
    pub fn last_sequence(&self) -> u64 {
        self.last
    }

    /// Takes in an entry. Returns its number, and that of an entry that made room for it.
    pub fn add(&mut self, entry: Entry) -> (u64, Option<u64>) {
        let sequence = self.last + 1;
        self.put(sequence, entry);
        (sequence, self.make_room(sequence))
    }

    /// Takes in an entry that was stored, with the number that it has.
    pub(super) fn put(&mut self, sequence: u64, entry: Entry) {
        self.last = self.last.max(sequence);
        self.of_unit.entry(entry.unit().clone()).or_default().push_back(sequence);
        self.entries.insert(sequence, entry);
    }

    /// Lets go of the oldest entry of a unit that has too many, or of all.
    fn make_room(&mut self, newest: u64) -> Option<u64> {
        let unit = self.entries.get(&newest)?.unit();
        let own = self.of_unit.get(unit)?;
        let out = match own.front() {
            Some(oldest) if own.len() > HISTORY_KEPT_EACH => *oldest,
            _ if self.entries.len() > HISTORY_KEPT => *self.entries.first_key_value()?.0,
            _ => return None,
        };
        let gone = self.entries.remove(&out)?;
        let own = self.of_unit.get_mut(gone.unit())?;
        // Entries go from the oldest, so it stands in front.
        own.retain(|sequence| *sequence != out);
        if own.is_empty() {
            self.of_unit.remove(gone.unit());
        }
        Some(out)
    }

    /// Everything, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Numbered<'_>> {
        self.entries.iter().map(|(sequence, entry)| Numbered { sequence: *sequence, entry })
    }

    /// The entry of a number, if it is kept.
    pub fn get(&self, sequence: u64) -> Option<Numbered<'_>> {
        self.entries.get(&sequence).map(|entry| Numbered { sequence, entry })
    }

    /// The newest entry.
    pub fn newest(&self) -> Option<Numbered<'_>> {
        self.entries.last_key_value().map(|(sequence, entry)| Numbered { sequence: *sequence, entry })
    }

    /// Runs, oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &RunRecord> {
        self.entries.values().filter_map(Entry::run)
    }

    /// Runs of a unit, oldest first.
    pub fn runs_of(&self, unit: &UnitName) -> impl Iterator<Item = &RunRecord> {
        let own = self.of_unit.get(unit).into_iter().flatten();
        own.filter_map(|sequence| self.entries.get(sequence)?.run())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::action::DecisionKind;
    use crate::engine::time::{Now, Wall};

    fn missed(unit: &str) -> Entry {
        Entry::Decision(Box::new(Decision {
            unit: UnitName::parse(unit).unwrap(),
            kind: DecisionKind::Missed,
            slot: Wall(0),
            count: 1,
            at: Now::default(),
            reason: String::new(),
        }))
    }

    #[test]
    fn a_chatty_unit_makes_room_for_itself() {
        let mut history = History::default();
        history.add(missed("nightly"));
        let mut gone = Vec::new();
        for _ in 0..HISTORY_KEPT_EACH + 3 {
            gone.extend(history.add(missed("chatty")).1);
        }
        assert_eq!(gone, [2, 3, 4]);
        assert_eq!(history.all().next().map(|first| first.sequence), Some(1));
    }

    #[test]
    fn all_together_are_bounded() {
        let mut history = History::default();
        for number in 0..HISTORY_KEPT + 2 {
            history.add(missed(&format!("u{}", number % 40)));
        }
        assert_eq!(history.all().count(), HISTORY_KEPT);
        assert_eq!(history.all().next().map(|first| first.sequence), Some(3));
        assert_eq!(history.of_unit.values().map(VecDeque::len).sum::<usize>(), HISTORY_KEPT);
    }

    #[test]
    fn numbers_go_on_after_what_was_stored() {
        let mut history = History::default();
        history.put(41, missed("a"));
        assert_eq!(history.add(missed("a")), (42, None));
    }
}
