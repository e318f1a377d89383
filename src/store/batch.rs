//! What has changed since the last batch went to the writer: each record once, as it is last.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

use super::database::{Table, Write};

/// A batch that is being collected.
#[derive(Default)]
pub(super) struct Collecting {
    writes: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
    /// Of records that are rewritten as a whole with every change: what was written last, by the hash of
    /// its place. Both hashes of two different records cannot be the same by more than a wasted write, since
    /// each record names what it is about.
    written: HashMap<u64, u64>,
}

impl Collecting {
    /// A record that is written once. Returns it as it is written.
    pub(super) fn add(&mut self, table: Table, key: Vec<u8>, value: &impl Serialize) -> Vec<u8> {
        let text = json(value);
        self.add_written(table, key, text.clone());
        text
    }

    /// The same, of a record that is text already.
    pub(super) fn add_written(&mut self, table: Table, key: Vec<u8>, text: Vec<u8>) {
        self.writes.insert((table, key), Some(text));
    }

    /// A record goes.
    pub(super) fn remove(&mut self, table: Table, key: Vec<u8>) {
        self.written.remove(&hash(&(table, &key)));
        self.writes.insert((table, key), None);
    }

    /// A record may have changed; nothing is written where it has not.
    pub(super) fn update(&mut self, table: Table, key: Vec<u8>, value: Option<&impl Serialize>) {
        let place = hash(&(table, &key));
        match value.map(json) {
            Some(text) => {
                let content = hash(&text);
                if self.written.insert(place, content) != Some(content) {
                    self.writes.insert((table, key), Some(text));
                }
            }
            None if self.written.remove(&place).is_some() => _ = self.writes.insert((table, key), None),
            // It was never stored.
            None => {}
        }
    }

    /// A record that stands in the database as it was read.
    pub(super) fn known(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.written.insert(hash(&(table, key)), hash(&value));
    }

    /// Everything is to be written anew: nothing counts as written.
    pub(super) fn forget_written(&mut self) {
        self.written.clear();
        self.writes.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Takes the batch.
    pub(super) fn take(&mut self) -> Vec<Write> {
        let writes = std::mem::take(&mut self.writes);
        writes.into_iter().map(|((table, key), value)| Write { table, key, value }).collect()
    }
}

/// Facts have text keys and finite numbers only, so that writing them cannot fail; if it does, it is an
/// empty record, which is passed over when it is read.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_when_it_has_changed() {
        let mut batch = Collecting::default();
        let key = || b"web".to_vec();
        batch.update(Table::Unit, key(), Some(&1));
        batch.update(Table::Unit, key(), Some(&2));
        assert_eq!(batch.take().len(), 1);
        batch.update(Table::Unit, key(), Some(&2));
        assert_eq!(batch.len(), 0);
        batch.update(Table::Unit, key(), Some(&3));
        batch.update(Table::Unit, key(), None::<&u8>);
        let writes = batch.take();
        assert_eq!((writes.len(), writes[0].value.clone()), (1, None));
        batch.update(Table::Unit, key(), None::<&u8>);
        assert_eq!(batch.len(), 0);
        batch.known(Table::Unit, b"web", b"3");
        batch.update(Table::Unit, key(), Some(&3));
        assert_eq!(batch.len(), 0);
        batch.forget_written();
        batch.update(Table::Unit, key(), Some(&3));
        assert_eq!(batch.len(), 1);
    }
}
