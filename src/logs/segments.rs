//! The files of one run: the one that is written to, and those that were rotated away.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::engine::time::Wall;
use crate::limits::LOG_FILES_MAX;
use crate::logs::line::{Line, TIME_BYTES, parse_time};
use crate::logs::path::{RunPath, rotated_name};

/// An open file of a run.
pub(super) struct Segment {
    pub(super) file: File,
    /// Device and inode: the same file under whatever name, as long as it is open.
    pub(super) id: (u64, u64),
    /// Its length when it was opened.
    pub(super) length: u64,
    /// When it was last written to, by a clock that may be some milliseconds behind.
    pub(super) modified: Wall,
}

impl Segment {
    /// Opens a file, if it is one: no link, no FIFO.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) => {
                let absent = error.kind() == io::ErrorKind::NotFound
                    || error.raw_os_error() == Some(nix::libc::ELOOP)
                    || error.raw_os_error() == Some(nix::libc::ENXIO);
                return if absent { Ok(None) } else { Err(error) };
            }
        };
        let meta = file.metadata()?;
        let modified = Wall(Wall::from_seconds(meta.mtime()).0.saturating_add(meta.mtime_nsec()));
        let segment = Self { id: (meta.dev(), meta.ino()), length: meta.len(), modified, file };
        Ok(meta.is_file().then_some(segment))
    }

    /// Its length now.
    pub(super) fn length_now(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Whether its first line is later than `time`.
    pub(super) fn begins_after(&self, time: Wall) -> bool {
        let mut head = [0; TIME_BYTES];
        let read = self.file.read_exact_at(&mut head, 0);
        read.is_ok() && parse_time(&head).is_some_and(|first| first > time)
    }
}

/// The files of a run, newest first, until one is `known` (or there are no more); says whether that was met.
///
/// Rotation goes on meanwhile, but only ever moves a file to a higher number, and this looks from low to
/// high: it may meet a file twice, which is noticed, and misses none.
pub(super) fn newer_than(
    root: &Path,
    run: &RunPath,
    known: Option<(u64, u64)>,
) -> io::Result<(Vec<Segment>, bool)> {
    let parent = root.join(run.parent());
    let mut found: Vec<Segment> = Vec::new();
    for age in 0..LOG_FILES_MAX {
        let Some(segment) = Segment::open(&parent.join(rotated_name(run.file_name(), age)))? else {
            continue;
        };
        if Some(segment.id) == known {
            return Ok((found, true));
        }
        if found.iter().all(|other| other.id != segment.id) {
            found.push(segment);
        }
    }
    Ok((found, false))
}

/// Calls `visit` with the lines of a file from the last one to the first, each with the place where it
/// begins, until that says that it is enough. Says whether it did.
pub(super) fn backward(
    segment: &Segment,
    block_bytes: usize,
    mut visit: impl FnMut(u64, Option<Line<'_>>) -> bool,
) -> io::Result<bool> {
    let mut end = segment.length;
    // The beginning of what was read before, the end of a line that begins further ahead.
    let mut rest: Vec<u8> = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(block_bytes as u64);
        let mut block = vec![0; usize::try_from(end - begin).unwrap_or_default()];
        match segment.file.read_exact_at(&mut block, begin) {
            // Somebody cut it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            other => other?,
        }
        block.append(&mut rest);
        let mut line_end = block.len();
        while let Some(newline) = block[..line_end].iter().rposition(|byte| *byte == b'\n') {
            let line = &block[newline + 1..line_end];
            if !line.is_empty() && visit(begin + newline as u64 + 1, Line::parse(line)) {
                return Ok(true);
            }
            line_end = newline;
        }
        block.truncate(line_end);
        if begin == 0 && !block.is_empty() && visit(0, Line::parse(&block)) {
            return Ok(true);
        }
        rest = block;
        end = begin;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backward_is_forward_reversed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("0.log");
        let line = |text: &str| format!("2026-11-23T16:27:00.123456789Z stdout F {text}\n");
        let text = [line("one"), line(""), "torn\n\n".into(), line("two and more"), line("three")].concat();
        for (text, count) in [(text.as_str(), 5), (text.trim_end(), 5), ("x", 1), ("\n", 0), ("", 0)] {
            std::fs::write(&path, text).unwrap();
            let segment = Segment::open(&path).unwrap().unwrap();
            for block_bytes in [1, 2, 7, 40, 41, 4096] {
                let mut seen = Vec::new();
                let stopped = backward(&segment, block_bytes, |at, line| {
                    let at = at as usize;
                    let want = text[at..].lines().next().unwrap();
                    assert_eq!(line, Line::parse(want.as_bytes()));
                    seen.push(at);
                    false
                });
                assert!(!stopped.unwrap());
                assert_eq!(seen.len(), count);
                assert!(seen.is_sorted_by(|a, b| a > b));
            }
        }
    }

    #[test]
    fn only_plain_files_are_opened() {
        let temp = tempfile::tempdir().unwrap();
        let run = RunPath::parse("web_web-0_0000002a/main/0.log").unwrap();
        let dir = temp.path().join(run.parent());
        std::fs::create_dir_all(&dir).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.join("0.log")).unwrap();
        nix::unistd::mkfifo(&dir.join("0.log.1"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::write(dir.join("0.log.3"), "old").unwrap();
        std::fs::hard_link(dir.join("0.log.3"), dir.join("0.log.4")).unwrap();
        let (found, met) = newer_than(temp.path(), &run, None).unwrap();
        assert_eq!((found.len(), met), (1, false));
        assert_eq!(found[0].length, 3);
        let (found, met) = newer_than(temp.path(), &run, Some(found[0].id)).unwrap();
        assert!(found.is_empty() && met);
    }
}
