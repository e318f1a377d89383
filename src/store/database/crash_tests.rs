//! Death and power cuts at every write: what was committed is there, and what was on its way came whole or
//! not at all.

use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use super::super::stored::{Stored, read};
use super::*;

#[derive(Clone, Debug)]
enum Done {
    Wrote(u64, Vec<u8>),
    Length(u64),
    Synced,
    /// Not of the file: so many commits had returned.
    Committed(usize),
}

/// A file that remembers what was done to it.
#[derive(Debug)]
struct Recorded(File, Arc<Mutex<Vec<Done>>>);

impl Recorded {
    fn note(&self, done: Done) {
        self.1.lock().unwrap().push(done);
    }
}

impl Medium for Recorded {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.note(Done::Wrote(offset, data.to_vec()));
        self.0.write(offset, data)
    }
    fn set_length(&self, length: u64) -> io::Result<()> {
        self.note(Done::Length(length));
        self.0.set_length(length)
    }
    fn sync(&self) -> io::Result<()> {
        self.note(Done::Synced);
        Ok(())
    }
}

/// Commits some batches; says all that was done to the file, and the content after each commit.
fn history() -> (Vec<Done>, Vec<Content>) {
    let done = Arc::new(Mutex::new(Vec::new()));
    let medium = Recorded(tempfile::tempfile().unwrap(), Arc::clone(&done));
    let mut content = Content::new();
    let mut contents = vec![content.clone()];
    let mut stored = Stored::create(medium, &Batch::default()).unwrap();
    done.lock().unwrap().push(Done::Committed(0));
    for round in 1..=12_usize {
        // The sizes make pages split, merge, and take more than one block; the file grows.
        let writes = (0..30).map(|index: usize| Write {
            table: Table::ALL[index % 3],
            key: vec![(index * 31 + round * 7) as u8],
            value: (!(index + round).is_multiple_of(4)).then(|| vec![round as u8; index * round * 9]),
        });
        let batch = Batch { number: 0, whole: round % 5 == 0, writes: writes.collect() };
        if batch.whole {
            content.clear();
        }
        for write in &batch.writes {
            let key = (write.table, write.key.clone());
            match &write.value {
                Some(value) => content.insert(key, value.clone()),
                None => content.remove(&key),
            };
        }
        contents.push(content.clone());
        stored.write(&batch).unwrap();
        done.lock().unwrap().push(Done::Committed(round));
    }
    drop(stored);
    let all = done.lock().unwrap().clone();
    (all, contents)
}

/// The file after these, of which the ones not `kept` were lost.
fn replay(file: &File, done: &[Done], kept: impl Fn(usize) -> bool) {
    file.set_len(0).unwrap();
    for (number, done) in done.iter().enumerate() {
        match done {
            Done::Wrote(offset, data) if kept(number) => {
                // What a lost change of the length would have cut off is there as well: a write makes room.
                file.write_all_at(data, *offset).unwrap();
            }
            Done::Length(length) if kept(number) => file.set_len(*length).unwrap(),
            _ => {}
        }
    }
}

fn check(file: &File, done: &[Done], contents: &[Content], what: &str) {
    let committed = done.iter().rev().find_map(|done| match done {
        Done::Committed(number) => Some(*number),
        _ => None,
    });
    let read = match (read(file.try_clone().unwrap()), committed) {
        (Ok(read), _) => read,
        (Err(_), None) => return,
        (Err(error), Some(number)) => panic!("{what}: commit {number} is lost: {error:?}"),
    };
    assert!(read.damaged.is_empty(), "{what}: {:?}", read.damaged);
    let mut records = read.records;
    let mut content = Content::new();
    for table in Table::ALL {
        content.extend(records.take(table).into_iter().map(|(key, value)| ((table, key), value)));
    }
    let first = committed.unwrap_or(0);
    let expected = &contents[first..(first + 2).min(contents.len())];
    assert!(expected.contains(&content), "{what}: neither commit {first} nor the one after it");
}

#[test]
fn a_death_at_any_write_leaves_the_last_commit_or_the_next() {
    let (done, contents) = history();
    let file = tempfile::tempfile_in("/dev/shm").unwrap();
    for died in 0..=done.len() {
        replay(&file, &done[..died], |_| true);
        check(&file, &done[..died], &contents, &format!("died after {died} of {}", done.len()));
    }
}

#[test]
fn a_power_cut_that_loses_any_of_what_was_not_synced_leaves_the_last_commit_or_the_next() {
    let (done, contents) = history();
    let file = tempfile::tempfile_in("/dev/shm").unwrap();
    let mut seed = 17_u64;
    for died in 0..=done.len() {
        let done = &done[..died];
        let synced = done.iter().rposition(|done| matches!(done, Done::Synced)).unwrap_or(0);
        for round in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (mask, odds) = (seed >> 7, round % 4 + 1);
            let lost = |number: usize| (mask >> (number % 53)) % 5 < odds;
            replay(&file, done, |number| number < synced || !lost(number));
            check(&file, done, &contents, &format!("cut after {died}, round {round}"));
        }
    }
}
