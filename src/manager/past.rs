//! What has happened: entries of the history, as whoever asks wants to see them.

use crate::control::objects::{HistoryEntry, Object};
use crate::control::past::Mention;
use crate::control::request::{Collection, Filter};
use crate::control::watch::WatchStream;
use crate::store::Entry;
use crate::store::history::Numbered;

use super::Manager;

impl Manager {
    /// Entries, oldest first; of those that are wanted the newest so many.
    pub(super) fn history_objects(&self, filter: &Filter) -> Vec<Object> {
        let past = &filter.past;
        let wanted = |one: &Numbered<'_>| past.includes(mention(one));
        let newest_first = self.store.history.all().rev().filter(wanted).map(|one| entry(one).into());
        let matching = newest_first.filter(|object| filter.matches(object));
        let mut objects: Vec<Object> = matching.take(past.tail.unwrap_or(usize::MAX)).collect();
        objects.reverse();
        objects
    }

    /// The entry of this name, which is its number.
    pub(super) fn history_object(&self, name: &str) -> Option<Object> {
        let found = self.store.history.get(name.parse().ok()?)?;
        Some(entry(found).into()).filter(|object: &Object| object.metadata().is_some_and(|m| m.name == name))
    }

    /// Begins a watch. Who says up to where they know it, and knows more than there is, knows another
    /// history: its state was lost, and numbers began anew.
    pub(super) fn watch_history(&mut self, mut filter: Filter) -> WatchStream {
        filter.past.after = filter.past.after.filter(|after| *after <= self.store.history.last_sequence());
        let present = self.history_objects(&filter);
        self.watchers.subscribe(Collection::History, filter, present)
    }
}

/// An entry as an object.
pub(super) fn entry(numbered: Numbered<'_>) -> HistoryEntry {
    match numbered.entry {
        Entry::Run(run) => HistoryEntry::of_run(numbered.sequence, run),
        Entry::Decision(decision) => HistoryEntry::of_decision(numbered.sequence, decision),
    }
}

/// What decides whether an entry is wanted, before it is made an object.
fn mention<'a>(numbered: &Numbered<'a>) -> Mention<'a> {
    let sequence = numbered.sequence;
    match numbered.entry {
        Entry::Run(run) => Mention {
            sequence,
            time: run.exit.at.into(),
            unit: run.unit.as_str(),
            job: run.job.as_deref(),
            pod: Some(&run.pod),
        },
        Entry::Decision(decision) => {
            Mention { sequence, time: decision.at.into(), unit: decision.unit.as_str(), job: None, pod: None }
        }
    }
}
