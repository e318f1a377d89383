//! Files that are not what was written: the start goes on, with a part of what was there or with none of it,
//! and never with something that never was.

use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::stored::{Stored, Unreadable, read};
use super::*;

/// States of one database, oldest first, and the file as it was after the last: put away in order, or left
/// by a death.
struct Sample {
    file: Vec<u8>,
    states: Vec<Content>,
}

impl Sample {
    fn make(orderly: bool) -> Self {
        let file = tempfile::tempfile().unwrap();
        let mut content = Content::new();
        let mut states = vec![content.clone()];
        let mut stored = Stored::create(file.try_clone().unwrap(), &Batch::default()).unwrap();
        for round in 0..6_u32 {
            let mut writes = Vec::new();
            for index in 0..40_u32 {
                let table = Table::ALL[(index % 7) as usize];
                let key = format!("key-{}", (index * 7 + round) % 97);
                let value = (index % 5 != 4).then(|| vec![round as u8; (index * 11 % 300) as usize]);
                writes.push(Write { table, key: key.into_bytes(), value });
            }
            for write in &writes {
                let key = (write.table, write.key.clone());
                match &write.value {
                    Some(value) => content.insert(key, value.clone()),
                    None => content.remove(&key),
                };
            }
            states.push(content.clone());
            stored.write(&Batch { number: 0, whole: false, writes }).unwrap();
        }
        if orderly {
            drop(stored)
        } else {
            stored.give_up()
        }
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        Self { file: bytes, states }
    }

    /// Reads a damaged copy; says how many records came of it, if it could be read.
    fn check(&self, file: &File, damaged: &[u8], what: &dyn Fn() -> String) -> Option<usize> {
        file.set_len(0).unwrap();
        file.write_all_at(damaged, 0).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(file.try_clone().unwrap())));
        let outcome = outcome.unwrap_or_else(|_| panic!("{}: reading panicked", what()));
        let mut read = match outcome {
            Ok(read) => read,
            Err(Unreadable::Damaged(_) | Unreadable::Empty) => return None,
            Err(Unreadable::Newer(version)) => panic!("{}: version {version}", what()),
        };
        let mut content = Content::new();
        for table in Table::ALL {
            content.extend(read.records.take(table).into_iter().map(|(key, value)| ((table, key), value)));
        }
        let is_part = |state: &&Content| content.iter().all(|(key, value)| state.get(key) == Some(value));
        let state = self.states.iter().rev().find(is_part);
        let state = state.unwrap_or_else(|| panic!("{}: records that never were together", what()));
        if read.damaged.is_empty() {
            assert!(self.states.contains(&content), "{}: records are missing unsaid", what());
        }
        assert!(content.len() <= state.len());
        if read.damaged.is_empty() {
            // In order, so it is opened to be written.
            let opened = catch_unwind(AssertUnwindSafe(|| {
                let mut stored = Stored::open(file.try_clone().unwrap()).unwrap();
                stored.write(&Batch { number: 0, whole: false, writes: vec![put(Table::Meta, "new", "x")] })
            }));
            opened.unwrap_or_else(|_| panic!("{}: writing panicked", what())).unwrap();
        }
        Some(content.len())
    }
}

/// Numbers that are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

fn both(mut check: impl FnMut(&Sample, &File)) {
    for orderly in [true, false] {
        check(&Sample::make(orderly), &tempfile::tempfile_in("/dev/shm").unwrap());
    }
}

#[test]
fn cut_at_every_byte_of_the_header_every_edge_of_a_page_and_many_others() {
    both(|sample, file| {
        let length = sample.file.len();
        let mut random = Seeded(11);
        let pages = (0..=length / 512)
            .flat_map(|page| [page * 512 - usize::from(page > 0), page * 512, page * 512 + 1]);
        let cuts: Vec<usize> = (0..4096)
            .chain(pages)
            .chain((0..SAMPLES).map(|_| random.below(length)))
            .filter(|cut| *cut < length)
            .collect();
        for cut in cuts {
            sample.check(file, &sample.file[..cut], &|| format!("cut at {cut}"));
            let mut zero = sample.file.clone();
            zero[cut..].fill(0);
            if cut % 7 == 0 {
                sample.check(file, &zero, &|| format!("zeros from {cut}"));
            }
        }
    });
}

#[test]
fn every_bit_of_the_header_and_many_others_flipped() {
    both(|sample, file| {
        let mut random = Seeded(12);
        let flips: Vec<usize> =
            (0..HEADER * 8).chain((0..2 * SAMPLES).map(|_| random.below(sample.file.len() * 8))).collect();
        for bit in flips {
            let mut flipped = sample.file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            sample.check(file, &flipped, &|| format!("bit {bit} flipped"));
        }
    });
}

#[test]
fn pages_zeroed_swapped_repeated_and_filled_with_noise() {
    both(|sample, file| {
        let mut random = Seeded(13);
        let pages = sample.file.len() / 4096;
        for round in 0..SAMPLES {
            let mut damaged = sample.file.clone();
            for _ in 0..=round % 3 {
                let (one, other) = (random.below(pages) * 4096, random.below(pages) * 4096);
                match random.below(4) {
                    0 => damaged[one..one + 4096].fill(0),
                    1 => damaged.copy_within(other..other + 4096, one),
                    2 => damaged[one..one + 4096].fill_with(|| random.below(256) as u8),
                    _ => {
                        let from = random.below(4096);
                        let length = random.below(4096 - from) + 1;
                        damaged[one + from..one + from + length].fill_with(|| random.below(256) as u8);
                    }
                }
            }
            sample.check(file, &damaged, &|| format!("round {round}"));
        }
    });
}

#[test]
fn what_is_no_state_is_set_aside_and_named() {
    type Make = fn(&Path);
    let cases: [(&str, Make, &str, &str); 6] = [
        (
            "text",
            |path| fs::write(path, "hello\n".repeat(1000)).unwrap(),
            "damaged",
            "damaged and cannot be read",
        ),
        ("zeros", |path| File::create(path).unwrap().set_len(1 << 20).unwrap(), "damaged", "cannot be read"),
        (
            "2 GiB",
            |path| File::create(path).unwrap().set_len(2 << 30).unwrap(),
            "foreign",
            "is larger than 1024 MiB",
        ),
        ("a directory", |path| fs::create_dir(path).unwrap(), "foreign", "is not a file"),
        (
            "a pipe",
            |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRUSR).unwrap(),
            "foreign",
            "is not a file",
        ),
        ("a link", |path| symlink("/etc/passwd", path).unwrap(), "foreign", "cannot be opened"),
    ];
    for (what, make, kind, words) in cases {
        let folder = folder();
        make(&state(folder.path()));
        let mut owner = Owner::open(folder.path(), None);
        assert_eq!(owner.findings.len(), 1, "{what}");
        assert!(owner.findings[0].contains(words), "{what}: {}", owner.findings[0]);
        owner.committed(vec![put(Table::Meta, "a", "b")]);
        assert_eq!(*owner.database.place(), Place::Disk, "{what}");
        owner.close();
        assert_eq!(names(folder.path()), ["state.redb".into(), format!("state.redb.{kind}-1")], "{what}");
        assert_eq!(on_disk(folder.path()).len(), 1);
    }
}

#[test]
fn an_empty_file_is_no_state_and_no_fault() {
    let folder = folder();
    File::create(state(folder.path())).unwrap();
    let mut owner = Owner::open(folder.path(), None);
    assert_eq!(owner.findings, [""; 0]);
    owner.committed(vec![put(Table::Meta, "a", "b")]);
    owner.close();
    assert_eq!(on_disk(folder.path()).len(), 1);
}

#[test]
fn a_file_of_another_user_is_not_trusted() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let folder = folder();
    let mut owner = Owner::open(folder.path(), None);
    owner.committed(vec![put(Table::Meta, "a", "b")]);
    owner.close();
    std::os::unix::fs::chown(state(folder.path()), Some(65_534), None).unwrap();
    let owner = Owner::open(folder.path(), None);
    assert!(owner.findings[0].contains("belongs to user 65534"), "{:?}", owner.findings);
    assert!(owner.content.is_empty() && owner.database.wants_whole());
}

#[test]
fn what_is_left_of_a_damaged_file_is_still_there_until_it_was_written_anew() {
    let folder = folder();
    fs::write(state(folder.path()), "hello").unwrap();
    for _ in 0..2 {
        let owner = Owner::open(folder.path(), None);
        assert_eq!(owner.findings.len(), 1, "found again by the next start");
        owner.close();
        assert_eq!(names(folder.path()), ["state.redb"]);
    }
}

#[test]
fn only_the_last_few_files_are_kept_aside() {
    let folder = folder();
    fs::write(folder.path().join("state.redb.mine-7"), "not ours to remove").unwrap();
    for round in 0..5 {
        fs::write(state(folder.path()), format!("round {round}")).unwrap();
        let mut owner = Owner::open(folder.path(), None);
        owner.committed(vec![]);
        owner.close();
    }
    let expected = [
        "state.redb",
        "state.redb.damaged-3",
        "state.redb.damaged-4",
        "state.redb.damaged-5",
        "state.redb.mine-7",
    ];
    assert_eq!(names(folder.path()), expected);
    assert_eq!(fs::read_to_string(folder.path().join("state.redb.damaged-5")).unwrap(), "round 4");
}

/// Bytes of the file's header.
const HEADER: usize = 320;
/// Places drawn, beside those that are all looked at.
const SAMPLES: usize = 2_000;
