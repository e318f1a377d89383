//! What was stored, as a new manager finds it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::database::{Records, Table};
use super::{Entry, MARK, Mark, Store, Version};
use crate::engine::saved::Saved;
use crate::engine::view::PodView;

/// All that was read, beside what the store keeps to itself.
#[derive(Debug, Default)]
pub struct Recalled {
    /// Who wrote it; nothing where nothing was stored.
    pub mark: Option<Mark>,
    /// Facts for the engine.
    pub saved: Saved,
    /// Texts of units, by the hash of what they load as.
    pub versions: BTreeMap<u64, Version>,
    /// What could not be read, in words.
    pub findings: Vec<String>,
}

impl Store {
    /// Takes in what was read.
    pub(super) fn recall(&mut self, mut records: Records, findings: Vec<String>) -> Recalled {
        let mut recalled = Recalled { findings, ..Recalled::default() };
        let mut bad = 0;
        let meta = self.read::<Mark>(&mut records, Table::Meta, &mut bad);
        recalled.mark = meta.into_iter().find(|(key, _)| key == MARK).map(|(_, mark)| mark);
        let mark = recalled.mark.clone().unwrap_or_default();
        (self.uids, recalled.saved.taken) = (mark.uids, mark.taken);
        recalled.saved.units = values(self.read(&mut records, Table::Unit, &mut bad));
        recalled.saved.jobs = values(self.read(&mut records, Table::Job, &mut bad));
        recalled.saved.pods = values(self.read(&mut records, Table::Pod, &mut bad));
        for pod in values(self.read::<PodView>(&mut records, Table::Ended, &mut bad)) {
            self.pods.insert(pod.uid, pod);
        }
        for (key, entry) in self.read::<Entry>(&mut records, Table::History, &mut bad) {
            self.history.put(as_number(&key), entry);
        }
        for (key, version) in self.read::<Version>(&mut records, Table::Text, &mut bad) {
            let text = serde_json::to_vec(&version).unwrap_or_default();
            self.versions.insert(as_number(&key), text.into());
            recalled.versions.insert(as_number(&key), version);
        }
        if bad > 0 {
            recalled
                .findings
                .push(format!("{bad} records of the state cannot be read; they are passed over"));
        }
        recalled
    }

    /// The records of a table. One that cannot be read is removed with the next batch.
    fn read<T: DeserializeOwned>(
        &mut self,
        records: &mut Records,
        table: Table,
        bad: &mut u32,
    ) -> Vec<(Vec<u8>, T)> {
        let rewritten = matches!(table, Table::Unit | Table::Job | Table::Pod);
        let mut read = Vec::new();
        for (key, value) in records.take(table) {
            match serde_json::from_slice(&value) {
                Ok(record) => {
                    if rewritten {
                        self.collecting.known(table, &key, &value);
                    }
                    read.push((key, record));
                }
                Err(_) => {
                    *bad += 1;
                    self.collecting.remove(table, key);
                }
            }
        }
        read
    }
}

fn values<T>(records: Vec<(Vec<u8>, T)>) -> Vec<T> {
    records.into_iter().map(|(_, record)| record).collect()
}

fn as_number(key: &[u8]) -> u64 {
    key.try_into().map_or(0, u64::from_be_bytes)
}
