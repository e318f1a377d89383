//! What happened, for `get events`: a bounded list in which the same event again counts up, as in
//! Kubernetes.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::engine::action::Report;
use crate::engine::time::Wall;
use crate::limits::EVENTS_KEPT;

/// The last events, each with a number that grows.
#[derive(Default)]
pub struct Events {
    kept: BTreeMap<u64, StoredEvent>,
    /// Where an event with this content stands, by the hash of the content. Two contents with one hash
    /// would be told apart by comparison, and then not counted up.
    latest: HashMap<u64, u64>,
    last: u64,
}

/// An event, and how often it happened.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Names it for ever, as the name of a Kubernetes Event does: the number of its first happening.
    pub id: u64,
    /// Grows with every happening: the order of the list, and where a watch goes on.
    pub sequence: u64,
    /// How often.
    pub count: u32,
    /// When first.
    pub first: Wall,
    /// When last.
    pub last: Wall,
    /// What.
    pub report: Report,
}

impl Events {
    /// Takes in an event. The same reason, object and words as an event that is kept counts that one up
    /// and moves it to the end.
    pub fn add(&mut self, at: Wall, report: Report) -> &StoredEvent {
        self.last += 1;
        let sequence = self.last;
        let hash = content_hash(&report);
        let event = match self.take_same(hash, &report) {
            Some(event) => StoredEvent { sequence, count: event.count.saturating_add(1), last: at, ..event },
            None => StoredEvent { id: sequence, sequence, count: 1, first: at, last: at, report },
        };
        self.latest.insert(hash, sequence);
        if self.kept.len() >= EVENTS_KEPT {
            self.drop_oldest();
        }
        self.kept.entry(sequence).or_insert(event)
    }

    /// Events that happened, or happened again, after this number; oldest first.
    pub fn since(&self, sequence: u64) -> impl DoubleEndedIterator<Item = &StoredEvent> {
        self.kept.range(sequence.saturating_add(1)..).map(|(_, event)| event)
    }

    /// The number of the last event.
    pub fn last_sequence(&self) -> u64 {
        self.last
    }

    fn take_same(&mut self, hash: u64, report: &Report) -> Option<StoredEvent> {
        let at = *self.latest.get(&hash)?;
        let same = self.kept.get(&at).is_some_and(|kept| {
            kept.report.reason == report.reason
                && kept.report.about == report.about
                && kept.report.message == report.message
                && kept.report.lead == report.lead
        });
        same.then(|| self.kept.remove(&at)).flatten()
    }

    fn drop_oldest(&mut self) {
        let Some((sequence, oldest)) = self.kept.pop_first() else { return };
        let hash = content_hash(&oldest.report);
        if self.latest.get(&hash) == Some(&sequence) {
            self.latest.remove(&hash);
        }
    }
}

fn content_hash(report: &Report) -> u64 {
    let mut hasher = DefaultHasher::new();
    (report.reason, report.about.kind, &report.about.name, &report.message, &report.lead).hash(&mut hasher);
    hasher.finish()
}
