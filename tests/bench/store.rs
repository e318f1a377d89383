//! The store alone, measured: commits, the memory that it adds, and how large its file becomes.
//!
//! ```text
//! cargo run --release --example store -- DIRECTORY
//! ```
//!
//! First batches of 1, 16 and 256 records of 300 bytes, one after another; then the life of a busy host:
//! 100,000 times a record of history comes, the oldest of 2,000 goes, and a job's record changes, in batches
//! of 30. `STORE_ENDS` makes that longer.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use supd::engine::time::Now;
use supd::store::database::{Batch, Database, Opened, Opening, Said, Table, Write};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = PathBuf::from(std::env::args().nth(1).expect("a directory is named"));
    println!("memory before: {}", pss());
    for size in [1, 16, 256] {
        runtime.block_on(commits(&directory.join(size.to_string()), size));
    }
    runtime.block_on(life(&directory.join("life")));
}

async fn commits(directory: &Path, size: u32) {
    let mut store = Store::open(directory);
    store.commit(vec![]).await;
    println!("memory with an open store: {}", pss());
    let mut micros: Vec<u128> = Vec::new();
    let begin = Instant::now();
    let mut key = 0_u32;
    while begin.elapsed() < Duration::from_secs(3) {
        let writes = (0..size).map(|_| {
            key += 1;
            put(Table::Ended, key % 20_000, 300)
        });
        let writes = writes.collect();
        let one = Instant::now();
        store.commit(writes).await;
        micros.push(one.elapsed().as_micros());
    }
    let rate = micros.len() as f64 / begin.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |part: usize| micros[micros.len() * part / 100];
    let size_now = store.size();
    println!(
        "{size} records: {rate:.0} commits/s, p50 {} us, p99 {} us, file {size_now} KiB",
        at(50),
        at(99)
    );
    assert!(store.database.close(Duration::from_secs(10)));
}

async fn life(directory: &Path) {
    let ends: u32 = std::env::var("STORE_ENDS").map_or(100_000, |ends| ends.parse().unwrap());
    let mut store = Store::open(directory);
    let begin = Instant::now();
    for first in (0..ends).step_by(30) {
        let mut writes = Vec::new();
        for end in first..first + 30 {
            writes.push(put(Table::History, end, 400));
            if let Some(old) = end.checked_sub(2_000) {
                writes.push(Write { table: Table::History, key: key(old), value: None });
            }
            writes.push(put(Table::Job, end % 50, 500));
        }
        store.commit(writes).await;
        if first % (ends / 10) < 30 {
            println!("after {first} ends: file {} KiB", store.size());
        }
    }
    println!("{ends} ends in {:.1} s; memory {}", begin.elapsed().as_secs_f64(), pss());
    assert!(store.database.close(Duration::from_secs(10)));
    let begin = Instant::now();
    let store = Store::open(directory);
    println!("opened in {:.1} ms, file {} KiB", begin.elapsed().as_secs_f64() * 1e3, store.size());
    std::mem::forget(store);
}

struct Store {
    database: Database,
    file: PathBuf,
    number: u64,
}

impl Store {
    fn open(directory: &Path) -> Self {
        let opening = Opening { state_dir: directory.to_owned(), memory: None, now: Now::default() };
        let Opened { database, findings, .. } = Database::open(opening).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        Self { database, file: directory.join("state.redb"), number: 0 }
    }

    async fn commit(&mut self, writes: Vec<Write>) {
        self.number += 1;
        let batch = Batch { number: self.number, whole: self.database.wants_whole(), writes };
        self.database.write(Now::default(), batch);
        loop {
            match self.database.take_in(Now::default()) {
                Some(Said::Committed { .. }) => return,
                Some(failed) => panic!("{failed:?}"),
                None => self.database.ready().await.unwrap(),
            }
        }
    }

    fn size(&self) -> u64 {
        std::fs::metadata(&self.file).unwrap().len() / 1024
    }
}

fn put(table: Table, number: u32, bytes: usize) -> Write {
    Write { table, key: key(number), value: Some(vec![number as u8; bytes]) }
}

fn key(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn pss() -> String {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    rollup.lines().find(|line| line.starts_with("Pss:")).unwrap().to_owned()
}
