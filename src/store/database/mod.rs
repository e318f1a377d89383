//! Stand-in.
#![allow(missing_docs, dead_code)]
use crate::engine::time::{Mono, Now, Wall};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Meta,
    Unit,
    Job,
    Pod,
    Ended,
    History,
    Text,
}
pub struct Write {
    pub table: Table,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}
pub struct Batch {
    pub number: u64,
    pub whole: bool,
    pub writes: Vec<Write>,
}
#[derive(Default)]
pub struct Records(BTreeMap<Table, Vec<(Vec<u8>, Vec<u8>)>>);
impl Records {
    pub fn take(&mut self, t: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0.remove(&t).unwrap_or_default()
    }
}
pub struct Opening {
    pub state_dir: PathBuf,
    pub memory: Option<OwnedFd>,
    pub now: Now,
}
pub struct Opened {
    pub database: Database,
    pub records: Records,
    pub findings: Vec<String>,
}
pub enum Place {
    Disk,
    Memory { since: Wall, why: String, kept: bool },
}
pub enum Said {
    Committed { number: u64 },
    Failed { number: u64, why: String },
}
pub struct Database {
    said: RefCell<Vec<Said>>,
    place: Place,
    dir: PathBuf,
    all: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}
impl Database {
    pub fn open(o: Opening) -> io::Result<Opened> {
        let _ = o.memory;
        let mut records = Records::default();
        let mut all = BTreeMap::new();
        if let Ok(text) = std::fs::read(o.state_dir.join("stub.json")) {
            let list: Vec<(u8, Vec<u8>, Vec<u8>)> = serde_json::from_slice(&text).unwrap_or_default();
            for (t, k, v) in list {
                let t = [
                    Table::Meta,
                    Table::Unit,
                    Table::Job,
                    Table::Pod,
                    Table::Ended,
                    Table::History,
                    Table::Text,
                ][t as usize];
                records.0.entry(t).or_default().push((k.clone(), v.clone()));
                all.insert((t, k), v);
            }
        }
        Ok(Opened {
            database: Database { said: RefCell::default(), place: Place::Disk, dir: o.state_dir, all },
            records,
            findings: vec![],
        })
    }
    pub fn is_idle(&self) -> bool {
        self.said.borrow().is_empty()
    }
    pub fn write(&mut self, b: Batch) {
        for w in b.writes {
            match w.value {
                Some(v) => {
                    self.all.insert((w.table, w.key), v);
                }
                None => {
                    self.all.remove(&(w.table, w.key));
                }
            }
        }
        let list: Vec<(u8, &Vec<u8>, &Vec<u8>)> =
            self.all.iter().map(|((t, k), v)| (*t as u8, k, v)).collect();
        let _ = std::fs::write(self.dir.join("stub.new"), serde_json::to_vec(&list).unwrap_or_default());
        let _ = std::fs::rename(self.dir.join("stub.new"), self.dir.join("stub.json"));
        self.said.borrow_mut().push(Said::Committed { number: b.number });
    }
    pub async fn ready(&self) -> io::Result<()> {
        if self.said.borrow().is_empty() {
            std::future::pending::<()>().await
        }
        Ok(())
    }
    pub fn take_in(&mut self) -> Option<Said> {
        self.said.borrow_mut().pop()
    }
    pub fn wants_whole(&self) -> bool {
        false
    }
    pub fn next_deadline(&self) -> Option<Mono> {
        None
    }
    pub fn on_time(&mut self, _: Now) {}
    pub fn place(&self) -> &Place {
        &self.place
    }
    pub fn close(&mut self, _: Duration) -> bool {
        true
    }
}
