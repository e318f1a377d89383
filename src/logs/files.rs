//! The log files that are written: opened at their first byte, a bounded number at a time, rotated by size.
//!
//! A disk that takes no more is no reason to stop: lines are dropped and counted, each write is tried anew,
//! and when the disk takes lines again, the first one says how many are missing. One warning a minute.
//!
//! Before a batch is written, the place where it begins is given to `mark`. Whoever finds such a place, and
//! formats the same batch again, has [`Files::append`] write what is missing of it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::sys::uio::pread;
use nix::unistd::{ftruncate, write};

use crate::limits::{LOG_FILE_BYTES_MAX, LOG_OPEN_FILES_MAX, LOG_WARNING_INTERVAL_S};
use crate::logs::beneath::LogDir;
use crate::logs::line::{Stream, Tag, write_header};
use crate::logs::path::{PodDir, RunPath};
use crate::logs::rotate;
use crate::logs::stamp::Stamper;
use crate::wire::journal::Place;

/// How often a file that is written to is compared with what is at its path.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The file of one run, open or not.
pub(super) struct RunFile {
    path: RunPath,
    /// Where it was among the open ones, the last time.
    hint: usize,
    /// Lines that were not written since the last that was.
    dropped: u64,
}

/// Lines that are written with one call, where they can be.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    /// Whole lines.
    pub(super) bytes: &'a [u8],
    /// How many.
    pub(super) lines: u64,
    /// Where another logger began to write this very batch.
    pub(super) begun: Option<Place>,
}

/// All files of the logger.
pub(super) struct Files {
    dir: LogDir,
    open: Vec<OpenFile>,
    uses: u64,
    trouble: Trouble,
}

struct OpenFile {
    path: RunPath,
    file: OwnedFd,
    device: u64,
    inode: u64,
    size: u64,
    /// It ends in the middle of a line: a full disk, or the death of a logger, came between.
    torn: bool,
    looked: Instant,
    used: u64,
}

/// What may be said about a disk that takes no logs.
#[derive(Default)]
struct Trouble {
    dropped: u64,
    warned: Option<Instant>,
    warning: Option<String>,
}

impl RunFile {
    /// Makes nothing on disk.
    pub(super) fn new(path: RunPath) -> Self {
        Self { path, hint: 0, dropped: 0 }
    }

    /// Below the log directory.
    pub(super) fn path(&self) -> &RunPath {
        &self.path
    }
}

impl Files {
    /// Touches nothing yet.
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir: LogDir::new(dir), open: Vec::new(), uses: 0, trouble: Trouble::default() }
    }

    /// Writes in this directory from here on.
    pub(super) fn write_in(&mut self, dir: LogDir) {
        self.dir = dir;
    }

    /// Whether the directory is gone, and nothing can be written any more.
    pub(super) fn is_lost(&self) -> bool {
        self.dir.is_lost()
    }

    /// Appends a batch, and says before where it begins. Never fails: what the disk does not take is counted.
    pub(super) fn append(
        &mut self,
        run: &mut RunFile,
        batch: Batch<'_>,
        stamper: &mut Stamper,
        mark: &dyn Fn(Place),
    ) {
        let now = Instant::now();
        let written = self.try_append(run, batch, now, stamper, mark);
        let Err((errno, written)) = written else { return };
        let kept =
            batch.bytes[..written.min(batch.bytes.len())].iter().filter(|byte| **byte == b'\n').count();
        let lost = batch.lines.saturating_sub(kept as u64);
        run.dropped = run.dropped.saturating_add(lost);
        self.trouble.report(&self.dir, &run.path, errno, lost, now);
    }

    /// A warning that is due, for supd's own log.
    pub(super) fn take_warning(&mut self) -> Option<String> {
        self.trouble.warning.take()
    }

    /// The run will write no more.
    pub(super) fn close(&mut self, run: &RunFile) {
        self.open.retain(|file| file.path != run.path);
    }

    /// Removes the logs of a pod.
    pub(super) fn forget(&mut self, dir: &PodDir) -> std::io::Result<()> {
        self.open.retain(|file| file.path.pod_dir() != *dir);
        self.dir.remove(dir)
    }

    /// On an error says how much of the batch was written before it.
    fn try_append(
        &mut self,
        run: &mut RunFile,
        batch: Batch<'_>,
        now: Instant,
        stamper: &mut Stamper,
        mark: &dyn Fn(Place),
    ) -> Result<(), (Errno, usize)> {
        let nothing = |errno| (errno, 0);
        let bytes = batch.bytes;
        let mut index = self.find_or_open(run, now).map_err(nothing)?;
        if let Some(begun) = batch.begun {
            let there = self.open[index].have_of(bytes, begun).map_err(nothing)?;
            if there > 0 {
                return self.open[index]
                    .write(&bytes[there..])
                    .map_err(|(errno, more)| (errno, there + more));
            }
            // What was behind the place is cut off: all is looked at anew.
            self.open.swap_remove(index);
            index = self.find_or_open(run, now).map_err(nothing)?;
        }
        let file = &self.open[index];
        if file.size > 0 && file.size + bytes.len() as u64 > LOG_FILE_BYTES_MAX {
            self.rotate(index).map_err(nothing)?;
            index = self.find_or_open(run, now).map_err(nothing)?;
        }
        let file = &mut self.open[index];
        if file.torn || run.dropped > 0 {
            mark(file.end());
            let note = repair(file.torn, run.dropped, stamper);
            file.write(&note).map_err(|(errno, _)| (errno, 0))?;
            run.dropped = 0;
        }
        mark(file.end());
        file.write(bytes)
    }

    fn find_or_open(&mut self, run: &mut RunFile, now: Instant) -> nix::Result<usize> {
        self.uses += 1;
        if let Some(index) = self.find(run) {
            run.hint = index;
            self.open[index].used = self.uses;
            if now.duration_since(self.open[index].looked) < LOOK_INTERVAL || self.look(index, now) {
                return Ok(index);
            }
            self.open.swap_remove(index);
        }
        if self.open.len() >= LOG_OPEN_FILES_MAX {
            let idle = self.open.iter().enumerate().min_by_key(|(_, file)| file.used).map(|(index, _)| index);
            idle.map(|index| self.open.swap_remove(index));
        }
        let file = OpenFile::open(&mut self.dir, &run.path, self.uses, now)?;
        run.hint = self.open.len();
        self.open.push(file);
        Ok(run.hint)
    }

    fn find(&self, run: &RunFile) -> Option<usize> {
        let is_it = |file: &OpenFile| file.path == run.path;
        let hinted = self.open.get(run.hint).is_some_and(is_it);
        if hinted { Some(run.hint) } else { self.open.iter().position(is_it) }
    }

    /// Whether the file is still the one at its path. Somebody may have moved, removed or cut it.
    fn look(&mut self, index: usize, now: Instant) -> bool {
        self.dir.refresh();
        let file = &mut self.open[index];
        file.looked = now;
        match (self.dir.stat_file(&file.path), fstat(&file.file)) {
            (Ok(there), Ok(held)) => {
                file.size = u64::try_from(held.st_size).unwrap_or_default();
                (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)
            }
            _ => false,
        }
    }

    fn rotate(&mut self, index: usize) -> nix::Result<()> {
        let file = &self.open[index];
        let parent = self.dir.open_parent(&file.path)?;
        rotate::rotate(parent.as_fd(), file.path.file_name())?;
        self.open.swap_remove(index);
        Ok(())
    }
}

impl OpenFile {
    fn open(dir: &mut LogDir, path: &RunPath, used: u64, now: Instant) -> nix::Result<Self> {
        let file = dir.open_file(path)?;
        let stat = fstat(&file)?;
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let mut last = *b"\n";
        if size > 0 {
            pread(&file, &mut last, i64::try_from(size - 1).unwrap_or_default())?;
        } else if let Ok(parent) = dir.open_parent(path) {
            rotate::forget_old_attempts(parent.as_fd(), &dir.path().join(path.parent()), path.attempt());
        }
        let (device, inode) = (stat.st_dev, stat.st_ino);
        Ok(Self { path: path.clone(), file, device, inode, size, torn: last != *b"\n", looked: now, used })
    }

    /// Where the next byte goes.
    fn end(&self) -> Place {
        Place { device: self.device, inode: self.inode, offset: self.size }
    }

    /// How much of a batch is there that was begun at a place. What is there and does not belong to it (a note
    /// about lines that were dropped, a file that another build wrote) is cut off, since it is written again.
    fn have_of(&mut self, bytes: &[u8], begun: Place) -> nix::Result<usize> {
        let ours = (self.device, self.inode) == (begun.device, begun.inode);
        let Some(length) = self.size.checked_sub(begun.offset).filter(|length| ours && *length > 0) else {
            return Ok(0);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut there = vec![0; length.min(bytes.len())];
        let offset = i64::try_from(begun.offset).unwrap_or(i64::MAX);
        let same = pread(&self.file, &mut there, offset)? == length && bytes.starts_with(&there);
        if same {
            return Ok(length);
        }
        ftruncate(&self.file, offset)?;
        Ok(0)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), (Errno, usize)> {
        let mut written = 0;
        while written < bytes.len() {
            match write(&self.file, &bytes[written..]) {
                Ok(0) => return Err((Errno::ENOSPC, written)),
                Ok(count) => {
                    written += count;
                    self.size += count as u64;
                    self.torn = bytes[written - 1] != b'\n';
                }
                Err(Errno::EINTR) => (),
                Err(errno) => return Err((errno, written)),
            }
        }
        Ok(())
    }
}

/// What must stand before the next line: the end of a torn one, and how many are missing.
fn repair(torn: bool, dropped: u64, stamper: &mut Stamper) -> Vec<u8> {
    let mut note = Vec::new();
    if torn {
        note.push(b'\n');
    }
    if dropped > 0 {
        write_header(&mut note, stamper.next(), Stream::Stderr, Tag::Full);
        note.extend_from_slice(format!("supd: {} dropped\n", lines(dropped)).as_bytes());
    }
    note
}

impl Trouble {
    fn report(&mut self, dir: &LogDir, path: &RunPath, errno: Errno, lost: u64, now: Instant) {
        self.dropped = self.dropped.saturating_add(lost);
        let interval = Duration::from_secs(LOG_WARNING_INTERVAL_S);
        if self.warned.is_some_and(|warned| now.duration_since(warned) < interval) {
            return;
        }
        self.warned = Some(now);
        self.warning = Some(format!(
            "cannot write `{}`: {} ({errno:?}); {} dropped so far, writing is tried again with each line",
            dir.path().join(path.as_str()).display(),
            errno.desc(),
            lines(self.dropped),
        ));
    }
}

fn lines(count: u64) -> String {
    if count == 1 { "1 line".into() } else { format!("{count} lines") }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
