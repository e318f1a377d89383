//! Reading logs: several runs as one stream of entries, in the order of their times.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::time::Wall;
use crate::limits::LOG_RUNS_READ_MAX;
use crate::logs::cursor::Cursor;
pub use crate::logs::cursor::Entry;
use crate::logs::line::Stream;
use crate::logs::path::RunPath;

/// Which entries of the chosen runs are wanted.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Only the last so many, counted over all runs together, of those that the rest of this wants.
    pub tail: Option<usize>,
    /// `tail` counts the entries of each run by itself.
    pub tail_of_each: bool,
    /// Not those before.
    pub since: Option<Wall>,
    /// Not those after.
    pub until: Option<Wall>,
    /// Only those of this stream.
    pub stream: Option<Stream>,
    /// Only those with this in them.
    pub contains: Option<String>,
}

/// Entries of several runs, in the order of their times; those of one run in the order they were written,
/// whatever the clock did.
pub struct Entries {
    root: PathBuf,
    query: LogQuery,
    /// More may come; else lines without an end are given out at last.
    follow: bool,
    cursors: Vec<Option<Cursor>>,
    /// The next entry of each run that has one: the time, the number of the cursor.
    heads: BinaryHeap<Reverse<(Wall, usize)>>,
    waiting: Vec<Option<Entry>>,
    /// Those that `tail` has kept.
    kept: VecDeque<Entry>,
}

impl LogQuery {
    /// Whether an entry is wanted, `tail` apart.
    fn wants(&self, entry: &Entry) -> bool {
        let contains = |wanted: &String| {
            let wanted = wanted.as_bytes();
            wanted.is_empty() || entry.text.windows(wanted.len()).any(|window| window == wanted)
        };
        self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time <= until)
            && self.stream.is_none_or(|stream| entry.stream == stream)
            && self.contains.as_ref().is_none_or(contains)
    }

    /// Whether counting ends of lines tells where the last entries begin.
    fn is_countable(&self) -> bool {
        self.until.is_none() && self.contains.is_none()
    }
}

/// Reads what is there now. The directory may be given as `/proc/self/fd/N` by who holds a descriptor of it.
pub fn read(
    root: &Path,
    runs: Vec<RunPath>,
    query: LogQuery,
) -> io::Result<impl Iterator<Item = io::Result<Entry>>> {
    let mut entries = Entries::open(root, runs, query, false)?;
    Ok(std::iter::from_fn(move || entries.next().transpose()))
}

impl Entries {
    /// Opens the files of all runs, as they are now.
    pub(super) fn open(root: &Path, runs: Vec<RunPath>, query: LogQuery, follow: bool) -> io::Result<Self> {
        let tail = query.tail.filter(|_| query.is_countable());
        let mut entries = Self {
            root: root.to_owned(),
            query,
            follow,
            cursors: Vec::new(),
            heads: BinaryHeap::new(),
            waiting: Vec::new(),
            kept: VecDeque::new(),
        };
        for run in runs {
            entries.add_from(run, tail)?;
        }
        entries.apply_tail()?;
        Ok(entries)
    }

    /// One more run, from its beginning. Returns its number.
    pub(super) fn add(&mut self, run: RunPath) -> io::Result<usize> {
        self.add_from(run, None)
    }

    fn add_from(&mut self, run: RunPath, tail: Option<usize>) -> io::Result<usize> {
        if self.cursors.iter().flatten().count() >= LOG_RUNS_READ_MAX {
            let message = format!("more than {LOG_RUNS_READ_MAX} runs at once; name fewer units or pods");
            return Err(io::Error::other(message));
        }
        let wanted = self.query.stream;
        let counts = |stream| wanted.is_none_or(|only| only == stream);
        let cursor = Cursor::open(&self.root, run, self.query.since, tail, counts)?;
        let number = self.cursors.iter().position(Option::is_none).unwrap_or(self.cursors.len());
        if number == self.cursors.len() {
            self.cursors.push(None);
            self.waiting.push(None);
        }
        self.cursors[number] = Some(cursor);
        self.advance(number)?;
        Ok(number)
    }

    /// The next entry; nothing, if there is no more at present.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        match self.kept.pop_front() {
            Some(entry) => Ok(Some(entry)),
            None => self.merge(),
        }
    }

    /// Something may have happened to a run's files.
    pub(super) fn wake(&mut self, number: usize) -> io::Result<()> {
        let Some(Some(cursor)) = self.cursors.get_mut(number) else { return Ok(()) };
        cursor.wake();
        if self.waiting[number].is_none() { self.advance(number) } else { Ok(()) }
    }

    /// The numbers of all runs.
    pub(super) fn runs(&self) -> impl Iterator<Item = (usize, &RunPath)> {
        let numbered = self.cursors.iter().enumerate();
        numbered.filter_map(|(number, cursor)| Some((number, cursor.as_ref()?.run())))
    }

    /// A run whose files are gone, and that has nothing more to say.
    pub(super) fn remove(&mut self, number: usize) {
        if self.waiting.get(number).is_some_and(Option::is_none) {
            self.cursors[number] = None;
        }
    }

    /// Keeps the last entries of what is there now, if the query says so.
    fn apply_tail(&mut self) -> io::Result<()> {
        let Some(tail) = self.query.tail else { return Ok(()) };
        if self.query.tail_of_each {
            return self.apply_tail_to_each(tail);
        }
        while let Some(entry) = self.merge()? {
            self.kept.push_back(entry);
            if self.kept.len() > tail {
                self.kept.pop_front();
            }
        }
        Ok(())
    }

    /// As that, but of each run; never holds more than it gives out.
    fn apply_tail_to_each(&mut self, tail: usize) -> io::Result<()> {
        let mut kept: BTreeMap<u64, Entry> = BTreeMap::new();
        let mut of_run: HashMap<Arc<RunPath>, VecDeque<u64>> = HashMap::new();
        let mut number = 0;
        while let Some(entry) = self.merge()? {
            let own = of_run.entry(Arc::clone(&entry.run)).or_default();
            own.push_back(number);
            kept.insert(number, entry);
            if own.len() > tail
                && let Some(oldest) = own.pop_front()
            {
                kept.remove(&oldest);
            }
            number += 1;
        }
        self.kept = kept.into_values().collect();
        Ok(())
    }

    fn merge(&mut self) -> io::Result<Option<Entry>> {
        while let Some(Reverse((_, number))) = self.heads.pop() {
            let entry = self.waiting[number].take();
            self.advance(number)?;
            if let Some(entry) = entry.filter(|entry| self.query.wants(entry)) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Fetches the next entry of a run.
    fn advance(&mut self, number: usize) -> io::Result<()> {
        let Some(Some(cursor)) = self.cursors.get_mut(number) else { return Ok(()) };
        let mut entry = cursor.next()?;
        if entry.is_none() && !self.follow {
            entry = cursor.finish();
        }
        if let Some(entry) = entry {
            self.heads.push(Reverse((entry.time, number)));
            self.waiting[number] = Some(entry);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
