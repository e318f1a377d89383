//! Records: bytes under a key, and how they are sealed before they are written.

use super::checksum;

/// A namespace of records. Names and numbers are part of the file's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Of the store as a whole: counters, the boot.
    Meta = 0,
    /// One for each unit.
    Unit = 1,
    /// One for each job.
    Job = 2,
    /// One for each pod that lives.
    Pod = 3,
    /// One for each pod that has ended.
    Ended = 4,
    /// What happened, in order.
    History = 5,
    /// Texts of units.
    Text = 6,
}

/// How many tables there are.
const TABLES: usize = 7;

impl Table {
    /// Every table, in the order of their numbers.
    pub const ALL: [Self; TABLES] =
        [Self::Meta, Self::Unit, Self::Job, Self::Pod, Self::Ended, Self::History, Self::Text];

    /// In the file, and in text for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Unit => "unit",
            Self::Job => "job",
            Self::Pod => "pod",
            Self::Ended => "ended",
            Self::History => "history",
            Self::Text => "text",
        }
    }
}

/// One record put, or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub table: Table,
    /// Under which key.
    pub key: Vec<u8>,
    /// What it says from now on; nothing: the record is removed.
    pub value: Option<Vec<u8>>,
}

/// Writes that come to be together, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// By which the owner knows it again.
    pub number: u64,
    /// These writes are all there is: they take the place of everything written before.
    pub whole: bool,
    /// In this order, where two have the same key.
    pub writes: Vec<Write>,
}

impl Batch {
    /// Bytes of keys and values, for a guess at the space that the batch takes as a file.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = |write: &Write| write.key.len() + write.value.as_ref().map_or(0, Vec::len) + SEAL_BYTES;
        self.writes.iter().map(bytes).fold(0, |sum, bytes| sum.saturating_add(bytes as u64))
    }
}

/// A key and what it says.
pub type Record = (Vec<u8>, Vec<u8>);

/// All that was read at the start.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Records([Vec<Record>; TABLES]);

impl Records {
    /// The records of a table, in the order of their keys. They are gone from here afterwards.
    pub fn take(&mut self, table: Table) -> Vec<Record> {
        std::mem::take(&mut self.0[table as usize])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in a record; in a table, keys must come in order.
    pub(super) fn add(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.0[table as usize].push((key.to_vec(), value.to_vec()));
    }
}

/// The form in which a value is written: a version, the value, a checksum of all that it is.
pub(super) fn seal(table: Table, key: &[u8], value: &[u8], sealed: &mut Vec<u8>) {
    sealed.clear();
    sealed.push(SEAL_VERSION);
    sealed.extend_from_slice(value);
    sealed.extend_from_slice(&sum(table, key, SEAL_VERSION, value).to_le_bytes());
}

/// The value, if it is what was written under this key. An older version would be brought up to date here.
pub(super) fn unseal<'a>(table: Table, key: &[u8], sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (version, rest) = sealed.split_first()?;
    let (value, found) = rest.split_last_chunk::<4>()?;
    match *version {
        SEAL_VERSION => (sum(table, key, *version, value) == u32::from_le_bytes(*found)).then_some(value),
        _ => None,
    }
}

fn sum(table: Table, key: &[u8], version: u8, value: &[u8]) -> u32 {
    // The length of the key: without it, the end of a key could pass for the beginning of a value.
    let length = (key.len() as u64).to_le_bytes();
    checksum::of(&[&[version, table as u8], &length, key, value])
}

const SEAL_VERSION: u8 = 1;
const SEAL_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_under_its_own_key_and_unchanged() {
        let mut sealed = Vec::new();
        seal(Table::Job, b"import", b"three of five", &mut sealed);
        assert_eq!(unseal(Table::Job, b"import", &sealed), Some(&b"three of five"[..]));
        assert_eq!(unseal(Table::Pod, b"import", &sealed), None);
        assert_eq!(unseal(Table::Job, b"export", &sealed), None);
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal(Table::Job, b"import", &damaged), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(unseal(Table::Job, b"import", &sealed[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn an_empty_value_is_a_value() {
        let mut sealed = Vec::new();
        seal(Table::Meta, b"", b"", &mut sealed);
        assert_eq!(unseal(Table::Meta, b"", &sealed), Some(&b""[..]));
    }

    #[test]
    fn each_table_has_its_own_place_and_name() {
        for (place, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, place);
        }
        let names: std::collections::BTreeSet<_> = Table::ALL.into_iter().map(Table::name).collect();
        assert_eq!(names.len(), TABLES);
    }
}
