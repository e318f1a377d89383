//! The store as its owner sees it: on good disks and on bad ones.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::stored::tests::{put, remove};
use super::*;
use crate::engine::time::Wall;

#[path = "crash_tests.rs"]
mod crash;
#[path = "damage_tests.rs"]
mod damage;
#[path = "faults_tests.rs"]
mod faults;

type Content = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// An owner: has everything, and hands it over when it is wanted.
struct Owner {
    database: Database,
    content: Content,
    findings: Vec<String>,
    number: u64,
    now: Now,
}

impl Owner {
    fn open(directory: &Path, memory: Option<&OwnedFd>) -> Self {
        Self::open_on(directory, memory, |file: File| file)
    }

    fn open_on<M: Medium>(
        directory: &Path,
        memory: Option<&OwnedFd>,
        medium: impl Fn(File) -> M + Send + 'static,
    ) -> Self {
        let memory = memory.map(|memory| memory.try_clone().unwrap());
        let opening = Opening { state_dir: directory.to_owned(), memory, now: at(0) };
        let Opened { database, mut records, findings } = opening::open(opening, medium).unwrap();
        let mut content = Content::new();
        for table in Table::ALL {
            content.extend(records.take(table).into_iter().map(|(key, value)| ((table, key), value)));
        }
        Self { database, content, findings, number: 0, now: at(0) }
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now.mono = self.now.mono + Duration::from_millis(milliseconds);
        self.database.on_time(self.now);
    }

    /// Hands over these writes, or all there is if that is wanted.
    fn write(&mut self, writes: Vec<Write>) {
        for write in &writes {
            let key = (write.table, write.key.clone());
            match &write.value {
                Some(value) => self.content.insert(key, value.clone()),
                None => self.content.remove(&key),
            };
        }
        self.number += 1;
        let whole = self.database.wants_whole();
        let all = |((table, key), value): (&(Table, Vec<u8>), &Vec<u8>)| Write {
            table: *table,
            key: key.clone(),
            value: Some(value.clone()),
        };
        let writes = if whole { self.content.iter().map(all).collect() } else { writes };
        self.database.write(self.now, Batch { number: self.number, whole, writes });
    }

    /// Waits for the writer to say something.
    fn said(&mut self) -> Said {
        loop {
            if let Some(said) = self.database.take_in(self.now) {
                return said;
            }
            self.wait_for_bell();
        }
    }

    fn wait_for_bell(&self) {
        let mut wanted = [PollFd::new(self.database.bell.as_fd(), PollFlags::POLLIN)];
        poll(&mut wanted, PollTimeout::NONE).unwrap();
        self.database.bell.hush().unwrap();
    }

    fn committed(&mut self, writes: Vec<Write>) {
        self.write(writes);
        assert_eq!(self.said(), Said::Committed { number: self.number });
        assert!(self.database.is_idle());
    }

    fn failed(&mut self, writes: Vec<Write>) -> String {
        self.write(writes);
        match self.said() {
            Said::Failed { number, why } if number == self.number => why,
            said => panic!("{said:?}"),
        }
    }

    /// Tries the disk until it is asked for everything.
    fn wants_whole_after_a_trial(&mut self) {
        self.pass(STATE_TRIAL_INTERVAL_MS);
        self.disk_answers();
        assert!(self.database.wants_whole(), "{}", self.why());
    }

    /// Waits for what the disk says to anything but a batch.
    fn disk_answers(&mut self) {
        loop {
            assert_eq!(self.database.take_in(self.now), None);
            if !self.database.disk.as_ref().unwrap().is_waiting() {
                return;
            }
            self.wait_for_bell();
        }
    }

    fn close(self) {
        assert!(self.database.close(Duration::from_secs(60)));
    }

    /// As if the manager had been killed: nothing is put away in order.
    fn die(self) {
        std::mem::forget(self);
    }

    fn why(&self) -> &str {
        match self.database.place() {
            Place::Disk => "on disk",
            Place::Memory { why, .. } => why,
        }
    }

    fn kept(&self) -> bool {
        matches!(self.database.place(), Place::Memory { kept: true, .. })
    }
}

fn at(milliseconds: i64) -> Now {
    let mono = Mono(milliseconds * 1_000_000);
    Now { mono, wall: Wall::from_seconds(1_700_000_000) }
}

fn memfd() -> OwnedFd {
    memfd_create(c"state", MFdFlags::MFD_CLOEXEC).unwrap()
}

fn length(memory: &OwnedFd) -> u64 {
    File::from(memory.try_clone().unwrap()).metadata().unwrap().len()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// What a start finds on disk, with no memory.
fn on_disk(directory: &Path) -> Content {
    let owner = Owner::open(directory, None);
    assert_eq!(owner.findings, [""; 0]);
    let content = owner.content.clone();
    owner.close();
    content
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn state(directory: &Path) -> PathBuf {
    directory.join("state.redb")
}

#[test]
fn what_was_committed_is_there_again() {
    let folder = folder();
    let directory = folder.path().join("made/on/the/way");
    let mut owner = Owner::open(&directory, None);
    assert!(owner.findings.is_empty() && owner.content.is_empty());
    owner.committed(vec![put(Table::Job, "import", "1"), put(Table::Pod, "web-0", "x")]);
    owner.committed(vec![put(Table::Job, "import", "2"), remove(Table::Pod, "web-0")]);
    owner.committed(vec![]);
    let content = owner.content.clone();
    owner.close();
    assert_eq!(on_disk(&directory), content);
    assert_eq!(names(&directory), ["state.redb"]);
    assert_eq!(fs::metadata(state(&directory)).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn it_goes_on_with_the_file_that_is_there() {
    let folder = folder();
    for round in 0..3 {
        let mut owner = Owner::open(folder.path(), None);
        assert_eq!(owner.content.len(), round);
        assert_eq!(owner.database.wants_whole(), round == 0, "nothing to write anew");
        owner.committed(vec![put(Table::History, &round.to_string(), "x")]);
        owner.die();
    }
    assert_eq!(on_disk(folder.path()).len(), 3);
}

#[test]
fn a_batch_must_be_whole_where_one_is_wanted() {
    let folder = folder();
    let mut owner = Owner::open(folder.path(), None);
    owner.database.write(at(0), Batch { number: 7, whole: false, writes: vec![] });
    assert!(matches!(owner.said(), Said::Failed { number: 7, .. }));
    assert!(owner.database.wants_whole());
}

#[test]
fn a_loop_is_woken_when_the_writer_has_spoken() {
    let folder = folder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut owner = Owner::open(folder.path(), None);
    owner.write(vec![put(Table::Meta, "a", "b")]);
    runtime.block_on(async {
        let said = loop {
            owner.database.ready().await.unwrap();
            if let Some(said) = owner.database.take_in(at(0)) {
                break said;
            }
        };
        assert_eq!(said, Said::Committed { number: 1 });
    });
    owner.close();
}

#[test]
fn no_deadline_stands_while_all_is_well() {
    let folder = folder();
    let mut owner = Owner::open(folder.path(), Some(&memfd()));
    assert_eq!(owner.database.next_deadline(), None);
    owner.committed(vec![put(Table::Meta, "a", "b")]);
    assert_eq!(owner.database.next_deadline(), None);
    assert!(owner.database.memory.is_none(), "no second thread");
    assert_eq!(*owner.database.place(), Place::Disk);
}
