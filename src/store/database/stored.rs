//! Records in a redb database: read once, then only written.
//!
//! A batch is one transaction, safe when `write` returns. After any failure the database is given up, and
//! nothing more reaches what it lies on: a file whose sync has failed is never trusted again.

use std::fmt;

use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

use super::medium::{Looked, Medium, Valve, Written};
use super::record::{Batch, Records, Table, seal, unseal};
use crate::limits::STATE_CACHE_BYTES;

/// A database that takes batches.
pub(super) struct Stored {
    database: Database,
    valve: Valve,
}

/// What was read of a database, and what of it had to be left out.
pub(super) struct Read {
    pub(super) records: Records,
    /// Words for people on what is damaged.
    pub(super) damaged: Vec<String>,
}

/// Why a database cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Another version of supd wrote it, with a format that came later.
    Newer(u32),
    /// It holds no state: never written to the end, or not ours.
    Empty,
    /// Anything else, in words.
    Damaged(String),
}

impl Stored {
    /// Makes a database with these writes on a medium that is empty. It is safe when this returns.
    pub(super) fn create(medium: impl Medium, batch: &Batch) -> Result<Self, String> {
        let mut stored = Self::open(medium)?;
        stored.write_all(batch, true)?;
        Ok(stored)
    }

    /// Opens a database that [`read`] has found in order, or that is empty and will be created.
    pub(super) fn open(medium: impl Medium) -> Result<Self, String> {
        let valve = Valve::default();
        let database = Builder::new()
            .set_cache_size(STATE_CACHE_BYTES)
            .create_with_backend(Written::new(medium, valve.clone()))
            .map_err(words)?;
        Ok(Self { database, valve })
    }

    /// Writes a batch. After a failure this must be dropped; what it lies on says nothing sure any more.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), String> {
        self.write_all(batch, batch.whole)
    }

    /// Drops it so that nothing is written on the way.
    pub(super) fn give_up(self) {
        self.valve.shut();
    }

    fn write_all(&mut self, batch: &Batch, whole: bool) -> Result<(), String> {
        let done = self.transact(batch, whole);
        if done.is_err() {
            self.valve.shut();
        }
        done
    }

    fn transact(&self, batch: &Batch, whole: bool) -> Result<(), String> {
        let mut transaction = self.database.begin_write().map_err(words)?;
        transaction.set_durability(Durability::Immediate).map_err(words)?;
        if whole {
            for table in Table::ALL {
                transaction.delete_table(definition(table)).map_err(words)?;
            }
            transaction
                .open_table(FORMAT)
                .map_err(words)?
                .insert(FORMAT_KEY, FORMAT_VERSION)
                .map_err(words)?;
        }
        for table in Table::ALL {
            write_table(&transaction, table, batch)?;
        }
        transaction.commit().map_err(words)
    }
}

fn write_table(transaction: &WriteTransaction, name: Table, batch: &Batch) -> Result<(), String> {
    let mut writes = batch.writes.iter().filter(|write| write.table == name).peekable();
    if writes.peek().is_none() {
        return Ok(());
    }
    let mut table = transaction.open_table(definition(name)).map_err(words)?;
    let mut sealed = Vec::new();
    for write in writes {
        match &write.value {
            Some(value) => {
                seal(name, &write.key, value, &mut sealed);
                table.insert(write.key.as_slice(), sealed.as_slice()).map_err(words)?;
            }
            None => {
                table.remove(write.key.as_slice()).map_err(words)?;
            }
        }
    }
    Ok(())
}

/// Reads all there is, and changes nothing. Every page is checked before it is trusted, then every record.
pub(super) fn read(medium: impl Medium) -> Result<Read, Unreadable> {
    let looked = Looked::new(medium).map_err(damaged)?;
    let database = Builder::new()
        .set_cache_size(STATE_CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .create_with_backend(looked)
        .map_err(damaged)?;
    let transaction = database.begin_read().map_err(damaged)?;
    match transaction.open_table(FORMAT) {
        Ok(table) => match table.get(FORMAT_KEY).map_err(damaged)?.map(|version| version.value()) {
            Some(FORMAT_VERSION) => {}
            Some(newer) if newer > FORMAT_VERSION => return Err(Unreadable::Newer(newer)),
            // An older format would be brought up to date from here on; there has been none yet.
            _ => return Err(Unreadable::Damaged("its format is not known".into())),
        },
        Err(redb::TableError::TableDoesNotExist(_)) => return Err(Unreadable::Empty),
        Err(error) => return Err(damaged(error)),
    }
    let mut read = Read { records: Records::default(), damaged: Vec::new() };
    for name in Table::ALL {
        match transaction.open_table(definition(name)) {
            Ok(table) => read_table(&table, name, &mut read),
            Err(redb::TableError::TableDoesNotExist(_)) => {}
            Err(error) => read.damaged.push(format!("table {} is damaged: {}", name.name(), words(error))),
        }
    }
    Ok(read)
}

fn read_table(table: &impl ReadableTable<&'static [u8], &'static [u8]>, name: Table, read: &mut Read) {
    let mut bad = 0_u64;
    let mut end = None;
    match table.iter() {
        Err(error) => end = Some(words(error)),
        Ok(records) => {
            for record in records {
                let (key, sealed) = match record {
                    Ok(record) => record,
                    Err(error) => {
                        end = Some(words(error));
                        break;
                    }
                };
                match unseal(name, key.value(), sealed.value()) {
                    Some(value) => read.records.add(name, key.value(), value),
                    None => bad += 1,
                }
            }
        }
    }
    if bad > 0 {
        read.damaged.push(format!("{bad} records of table {} are damaged and were left out", name.name()));
    }
    if let Some(why) = end {
        read.damaged.push(format!("table {} cannot be read to its end: {why}", name.name()));
    }
}

fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

fn damaged(error: impl fmt::Display) -> Unreadable {
    Unreadable::Damaged(words(error))
}

/// In one line.
fn words(error: impl fmt::Display) -> String {
    error.to_string().replace('\n', " ")
}

/// Of the file as a whole. Written with the first, whole batch: a file without it was never finished.
const FORMAT: TableDefinition<'static, &'static str, u32> = TableDefinition::new("format");
const FORMAT_KEY: &str = "version";
const FORMAT_VERSION: u32 = 1;

#[cfg(test)]
#[path = "stored_tests.rs"]
pub(super) mod tests;
