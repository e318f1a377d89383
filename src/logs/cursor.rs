//! A place in the log of one run: gives out entry after entry, over rotations, and can go on later.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::time::Wall;
use crate::limits::{LOG_ENTRY_BYTES_MAX, LOG_READER_BYTES};
use crate::logs::line::{Line, Stream, Tag};
use crate::logs::path::RunPath;
use crate::logs::segments::{Segment, backward, newer_than};

/// Something that a process printed: a line, its parts joined. One of more than
/// [`LOG_ENTRY_BYTES_MAX`] bytes comes in several entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it ended.
    pub time: Wall,
    /// Where it was written.
    pub stream: Stream,
    /// The bytes as they came, without the newline.
    pub text: Vec<u8>,
    /// Who wrote it.
    pub run: Arc<RunPath>,
}

/// A place in the log of one run.
pub(super) struct Cursor {
    root: PathBuf,
    run: Arc<RunPath>,
    current: Option<Segment>,
    /// How much of `current` has been read.
    read: u64,
    /// Where to stop in the newest file, while only what was there at the beginning is wanted.
    stop: Option<u64>,
    /// Files that follow, oldest first.
    ahead: VecDeque<Segment>,
    /// What was read and not given out, from `taken` on.
    buffer: Vec<u8>,
    taken: usize,
    /// Parts of a line whose end has not come yet, for each stream.
    parts: [Vec<u8>; 2],
    /// The time of the last line.
    last: Wall,
    /// Something may have happened to the files since they were looked at.
    stale: bool,
}

impl Cursor {
    /// At the beginning of a run's log as it is now; files that end before `since` are left out. With `tail`, at a place from which at least that many
    /// entries follow, if there are as many; `counts` says which streams count.
    pub(super) fn open(
        root: &Path,
        run: RunPath,
        since: Option<Wall>,
        tail: Option<usize>,
        counts: impl Fn(Stream) -> bool,
    ) -> io::Result<Self> {
        let (mut found, _) = newer_than(root, &run, None)?;
        // The newest stays, as the place from which to go on. Files are dated by a clock that ticks coarsely.
        let since = since.map(|since| since - Duration::from_secs(1));
        while found.len() > 1 && found.last().is_some_and(|oldest| since > Some(oldest.modified)) {
            found.pop();
        }
        let stop = found.first().map(|newest| newest.length);
        let mut start = 0;
        if let Some(tail) = tail {
            let mut counter = Counter::new(tail, counts);
            for index in 0..found.len() {
                let mut after_stop = found[index].length;
                let enough = backward(&found[index], LOG_READER_BYTES, |at, line| {
                    let enough = counter.visit(line);
                    after_stop = if enough { after_stop } else { at };
                    enough
                })?;
                if enough {
                    start = after_stop;
                    found.truncate(index + 1);
                    break;
                }
            }
        }
        let mut ahead: VecDeque<_> = found.into_iter().rev().collect();
        let current = ahead.pop_front();
        Ok(Self {
            root: root.to_owned(),
            run: Arc::new(run),
            current,
            read: start,
            stop,
            ahead,
            buffer: Vec::new(),
            taken: 0,
            parts: [Vec::new(), Vec::new()],
            last: Wall(i64::MIN),
            stale: false,
        })
    }

    /// Whose log it is.
    pub(super) fn run(&self) -> &RunPath {
        &self.run
    }

    /// The next entry; nothing, if there is no more at present.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            while let Some(line) = self.take_line() {
                if let Some(entry) = self.join(&line) {
                    return Ok(Some(entry));
                }
            }
            if self.fill()? {
                continue;
            }
            // An empty read after the next file was seen: nobody writes to this one any more.
            let Some(next) = self.ahead.pop_front() else {
                if !std::mem::take(&mut self.stale) {
                    return Ok(None);
                }
                self.look()?;
                continue;
            };
            self.current = Some(next);
            self.read = 0;
            if let Some(entry) = self.take_torn().and_then(|line| self.join(&line)) {
                return Ok(Some(entry));
            }
        }
    }

    /// Something may have happened to the files; and from now on, whatever comes is wanted.
    pub(super) fn wake(&mut self) {
        self.stale = true;
        self.stop = None;
    }

    /// Looks for rotation, and for what others may have done.
    fn look(&mut self) -> io::Result<()> {
        let known = self.current.as_ref().map(|current| current.id);
        let (mut newer, met) = newer_than(&self.root, &self.run, known)?;
        if known.is_some() && !met {
            // Ours was moved elsewhere or removed: the others may be older than it. Only their lines tell.
            newer.retain(|segment| segment.begins_after(self.last));
        }
        self.ahead.extend(newer.into_iter().rev());
        if let Some(current) = &self.current
            && current.length_now()? < self.read
        {
            // Somebody cut it.
            self.read = 0;
            self.buffer.clear();
            self.taken = 0;
        }
        Ok(())
    }

    /// What has no end and will get none: the last words of a run that is not followed.
    pub(super) fn finish(&mut self) -> Option<Entry> {
        if let Some(entry) = self.take_torn().and_then(|line| self.join(&line)) {
            return Some(entry);
        }
        let streams = [Stream::Stdout, Stream::Stderr];
        let stream = streams.into_iter().find(|stream| !self.parts[*stream as usize].is_empty())?;
        let text = std::mem::take(&mut self.parts[stream as usize]);
        Some(Entry { time: self.last, stream, text, run: self.run.clone() })
    }

    /// Bytes still to be read of what was there at the beginning.
    #[cfg(test)]
    pub(super) fn unread(&self) -> u64 {
        let ahead: u64 = self.ahead.iter().map(|segment| segment.length).sum();
        self.current.as_ref().map_or(0, |current| current.length - self.read) + ahead
    }

    /// Reads more; says whether there was any.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(current) = &self.current else { return Ok(false) };
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let mut wanted = LOG_READER_BYTES as u64;
        if self.ahead.is_empty()
            && let Some(stop) = self.stop
        {
            wanted = wanted.min(stop.saturating_sub(self.read));
        }
        let before = self.buffer.len();
        self.buffer.resize(before + usize::try_from(wanted).unwrap_or_default(), 0);
        let count = loop {
            match current.file.read_at(&mut self.buffer[before..], self.read) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                other => break other,
            }
        };
        self.buffer.truncate(before + count.as_ref().copied().unwrap_or_default());
        let count = count?;
        self.read += count as u64;
        if self.buffer.is_empty() {
            // Most runs are quiet: they keep no memory.
            self.buffer = Vec::new();
        }
        Ok(count > 0)
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let rest = &self.buffer[self.taken..];
        let (line, passed) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&rest[..end], end + 1),
            // Nothing of ours: lines are much shorter.
            None if rest.len() > LOG_ENTRY_BYTES_MAX => (rest, rest.len()),
            None => return None,
        };
        let line = line.to_vec();
        self.taken += passed;
        Some(line)
    }

    /// The end of a file that nobody writes to, if it is no whole line.
    fn take_torn(&mut self) -> Option<Vec<u8>> {
        let line = self.buffer[self.taken..].to_vec();
        self.buffer = Vec::new();
        self.taken = 0;
        (!line.is_empty()).then_some(line)
    }

    fn join(&mut self, line: &[u8]) -> Option<Entry> {
        if line.is_empty() {
            return None;
        }
        let Some(line) = Line::parse(line) else {
            // No line of ours, but somebody wrote it: better shown than hidden.
            let run = self.run.clone();
            return Some(Entry { time: self.last, stream: Stream::Stdout, text: line.to_vec(), run });
        };
        self.last = line.time;
        let parts = &mut self.parts[line.stream as usize];
        parts.extend_from_slice(line.text);
        if line.tag == Tag::Part && parts.len() < LOG_ENTRY_BYTES_MAX {
            return None;
        }
        let text = std::mem::take(parts);
        Some(Entry { time: line.time, stream: line.stream, text, run: self.run.clone() })
    }
}

/// Finds, going backward, from where on the last entries can be read whole.
struct Counter<F> {
    missing: usize,
    counts: F,
    /// For each stream: an end of a line before the wanted ones was met, so no wanted one begins earlier.
    closed: [bool; 2],
    /// How much further to look for that.
    patience: usize,
}

impl<F: Fn(Stream) -> bool> Counter<F> {
    fn new(missing: usize, counts: F) -> Self {
        let closed = [!counts(Stream::Stdout), !counts(Stream::Stderr)];
        Self { missing, counts, closed, patience: LOG_ENTRY_BYTES_MAX }
    }

    /// Whether this line, and all before it, are not needed.
    fn visit(&mut self, line: Option<Line<'_>>) -> bool {
        if self.missing == 0 {
            self.patience = self.patience.saturating_sub(line.map_or(1, |line| line.text.len() + 1));
        }
        if let Some(Line { stream, tag: Tag::Full, .. }) = line
            && (self.counts)(stream)
        {
            match self.missing {
                0 => self.closed[stream as usize] = true,
                _ => self.missing -= 1,
            }
        }
        self.missing == 0 && (self.closed == [true; 2] || self.patience == 0)
    }
}
