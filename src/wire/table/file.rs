//! The table as a file of the runtime directory, so that it outlives the keeper.
//!
//! A file can be full where memory cannot: writing to a page that finds no room is SIGBUS. So room is taken
//! before it is needed: for the arrays at once, for the records a piece at a time, by the spawner that is the
//! first to need it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::{HEADER_WORDS, MAGIC, Table, WORDS, field, header};
use crate::limits::{SLOTS, SLOTS_RESERVED_AT_ONCE};
use crate::sys::memory::{SharedMemory, allocate};

/// The name of the file in the runtime directory.
const NAME: &str = "table";
/// Its name until it is whole.
const UNBORN: &str = "table.new";

/// Where and when a table is true: pids mean nothing after a boot, or in another PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    boot: [u64; 2],
    namespace: [u64; 2],
}

/// Why a table that was left is not used.
#[derive(Debug)]
pub enum Unfit {
    /// There is none.
    Absent,
    /// It cannot be read, or is not what a keeper leaves.
    Damaged(io::Error),
    /// A supd with another layout wrote it.
    OtherLayout,
    /// It is of another boot, or another PID namespace.
    OtherOrigin,
}

impl Origin {
    /// Here and now. `None` without /proc: then nothing that is found can be believed.
    pub fn here() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let boot = u128::from_str_radix(&digits, 16).ok()?;
        let namespace = std::fs::metadata("/proc/self/ns/pid").ok()?;
        Some(Self { boot: [(boot >> 64) as u64, boot as u64], namespace: [namespace.dev(), namespace.ino()] })
    }

    /// Its words, and one that none of them may change without.
    fn words(self) -> [u64; 5] {
        let [first, second] = self.boot;
        let [third, fourth] = self.namespace;
        let words = [first, second, third, fourth];
        let sum = words.iter().fold(MAGIC, |sum, word| sum.rotate_left(7).wrapping_mul(0x9e37_79b9) ^ word);
        [first, second, third, fourth, sum]
    }
}

/// Where a runtime directory has its table.
pub fn path(runtime_dir: &Path) -> PathBuf {
    runtime_dir.join(NAME)
}

impl Table {
    /// Makes the table as a file, all slots free in epoch 0. It replaces the one that is there.
    pub fn create_file(runtime_dir: &Path, origin: Origin) -> io::Result<(OwnedFd, Self)> {
        let unborn = runtime_dir.join(UNBORN);
        match std::fs::remove_file(&unborn) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&unborn)?;
        SharedMemory::shape(file.as_fd(), WORDS, SLOTS)?;
        let records = (HEADER_WORDS + SLOTS) * 8;
        allocate(file.as_fd(), 0, records)?;
        allocate(file.as_fd(), WORDS * 8, SLOTS * 4)?;
        let table = Self { memory: SharedMemory::map(file.as_fd(), WORDS, SLOTS)? };
        for (index, word) in origin.words().into_iter().enumerate() {
            table.word(header::ORIGIN + index).store(word, Ordering::Release);
        }
        table.word(header::MAGIC).store(MAGIC, Ordering::Release);
        std::fs::rename(&unborn, path(runtime_dir))?;
        Ok((file.into(), table))
    }

    /// Maps the table that a keeper left here.
    pub fn open_file(runtime_dir: &Path, origin: Origin) -> Result<(OwnedFd, Self), Unfit> {
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path(runtime_dir));
        let file: File = file.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unfit::Absent,
            _ => Unfit::Damaged(error),
        })?;
        let meta = file.metadata().map_err(Unfit::Damaged)?;
        if !meta.is_file() {
            return Err(Unfit::Damaged(io::Error::other("it is no file")));
        }
        // The length is looked at first: what is shorter than its records must not be touched behind its end.
        let memory = match SharedMemory::map(file.as_fd(), WORDS, SLOTS) {
            Ok(memory) => memory,
            Err(error) if meta.len() > 8 && is_ours(&file) => {
                return Err(if layout_of(&file) == Some(MAGIC) {
                    Unfit::Damaged(error)
                } else {
                    Unfit::OtherLayout
                });
            }
            Err(error) => return Err(Unfit::Damaged(error)),
        };
        let table = Self { memory };
        let magic = table.word(header::MAGIC).load(Ordering::Acquire);
        if magic != MAGIC {
            return Err(match magic >> 32 == MAGIC >> 32 {
                true => Unfit::OtherLayout,
                false => Unfit::Damaged(io::Error::other("it is not a slot table")),
            });
        }
        let found: [u64; 5] =
            std::array::from_fn(|index| table.word(header::ORIGIN + index).load(Ordering::Acquire));
        let [first, second, third, fourth, _] = found;
        if (Origin { boot: [first, second], namespace: [third, fourth] }).words() != found {
            return Err(Unfit::Damaged(io::Error::other("its head was changed")));
        }
        if found != origin.words() {
            return Err(Unfit::OtherOrigin);
        }
        Ok((file.into(), table))
    }

    /// Sees to it that there is room for the record of a slot. A spawner, before it claims.
    pub fn reserve(&self, slot: u16, file: BorrowedFd<'_>) -> io::Result<()> {
        let wanted = usize::from(slot) + 1;
        let reserved = self.word(header::RESERVED);
        if wanted as u64 <= reserved.load(Ordering::Acquire) {
            return Ok(());
        }
        let wanted = wanted.next_multiple_of(SLOTS_RESERVED_AT_ONCE).min(SLOTS);
        let record = field::WORDS * 8;
        // From the first one on: what is there already stays, and no gap is left whoever was faster.
        allocate(file, (HEADER_WORDS + SLOTS) * 8, wanted * record)?;
        reserved.fetch_max(wanted as u64, Ordering::AcqRel);
        Ok(())
    }
}

/// The first word of a file, whatever its length.
fn layout_of(file: &File) -> Option<u64> {
    use std::os::unix::fs::FileExt;
    let mut word = [0; 8];
    file.read_exact_at(&mut word, 0).ok()?;
    Some(u64::from_le_bytes(word))
}

fn is_ours(file: &File) -> bool {
    layout_of(file).is_some_and(|word| word >> 32 == MAGIC >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::run::Run;
    use crate::wire::table::{Description, Phase, Sinks};

    fn origin() -> Origin {
        Origin { boot: [1, 2], namespace: [3, 4] }
    }

    #[test]
    fn what_one_keeper_wrote_the_next_one_finds() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Table::open_file(dir.path(), origin()), Err(Unfit::Absent)));
        let (fd, table) = Table::create_file(dir.path(), origin()).unwrap();
        let epoch = table.next_epoch();
        table.reserve(300, fd.as_fd()).unwrap();
        assert!(table.claim(300, epoch, 0, 1));
        let run = Run { pod: 9, class: 0, process: 0, attempt: 2 };
        table.describe(300, &Description { run, label: b"l", log_path: b"p", sinks: Sinks(0), group: b"" });
        table.note_pod(9);
        drop((fd, table));
        let (_fd, found) = Table::open_file(dir.path(), origin()).unwrap();
        assert_eq!((found.epoch(), found.pod_highest(), found.run(300)), (epoch, 9, run));
        assert_eq!(found.state(300).phase, Phase::Starting);
    }

    #[test]
    fn what_is_of_another_place_or_damaged_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let open = |origin| Table::open_file(dir.path(), origin).map(|_| ());
        drop(Table::create_file(dir.path(), origin()).unwrap());
        let elsewhere = Origin { namespace: [3, 5], ..origin() };
        let reboot = Origin { boot: [1, 3], ..origin() };
        assert!(matches!(open(elsewhere), Err(Unfit::OtherOrigin)));
        assert!(matches!(open(reboot), Err(Unfit::OtherOrigin)));
        let whole = std::fs::read(path(dir.path())).unwrap();
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = whole.clone();
            change(&mut bytes);
            std::fs::write(path(dir.path()), bytes).unwrap();
            open(origin())
        };
        assert!(with(&|_| {}).is_ok());
        assert!(matches!(with(&|bytes| bytes.truncate(4096)), Err(Unfit::Damaged(_))));
        assert!(matches!(with(&|bytes| bytes.clear()), Err(Unfit::Damaged(_))));
        assert!(matches!(with(&|bytes| bytes[4] ^= 1), Err(Unfit::Damaged(_))), "another magic");
        assert!(matches!(with(&|bytes| bytes[0] ^= 1), Err(Unfit::OtherLayout)));
        assert!(matches!(with(&|bytes| bytes[header::ORIGIN * 8 + 3] ^= 1), Err(Unfit::Damaged(_))));
        std::fs::remove_file(path(dir.path())).unwrap();
        std::os::unix::fs::symlink("/dev/null", path(dir.path())).unwrap();
        assert!(matches!(open(origin()), Err(Unfit::Damaged(_))), "no path leads out of the directory");
    }
}
