//! What the logger holds of each run: its pipes, their unended lines, its file, its name on the console.
//!
//! Knows how bytes go from a pipe to where they belong; when a pipe is read is the loop's affair.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Instant;

use nix::errno::Errno;
use nix::unistd::read;

use crate::engine::time::Wall;
use crate::limits::{LOG_BATCH_BYTES, LOG_LINE_BYTES_MAX, LOG_PENDING_BYTES_MAX, LOG_READ_BYTES};
use crate::logs::console::{Console, Label};
use crate::logs::files::{Files, RunFile};
use crate::logs::line::{HEADER_BYTES, Stream, Tag, write_header};
use crate::logs::outlet::Outlet;
use crate::logs::path::RunPath;
use crate::logs::split::Splitter;
use crate::logs::stamp::Stamper;
use crate::wire::run::Run;

/// A stream that also goes to the console is read in smaller pieces: names and escapes multiply its bytes.
const READ_BYTES_BOTH: usize = LOG_READ_BYTES / 4;

/// All streams, and where they go.
pub(super) struct Intake {
    streams: Vec<Option<Source>>,
    /// Places in `streams` that are free.
    free: Vec<usize>,
    /// Streams that are not watched, until the console has room again.
    paused: Vec<usize>,
    /// The stream of supd's own messages.
    own: Option<usize>,
    slots: HashMap<u16, Slot>,
    /// Bytes of unended lines in all streams.
    pending: usize,
    buffer: Box<[u8]>,
    pub(super) out: Out,
}

/// Where bytes go.
pub(super) struct Out {
    pub(super) files: Files,
    pub(super) stdout: Outlet,
    pub(super) stderr: Outlet,
    console: Console,
    stamper: Stamper,
    batch: Vec<u8>,
    now: Instant,
}

/// One pipe.
struct Source {
    pipe: OwnedFd,
    from: From,
    splitter: Splitter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// A run.
    Run { slot: u16, stream: Stream, both: bool },
    /// The other roles of supd.
    Own,
}

/// One run.
struct Slot {
    run: Run,
    file: Option<RunFile>,
    label: Label,
    /// Its open streams: two at most.
    streams: Vec<usize>,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This many bytes; perhaps there are more.
    Some(usize),
    /// Nothing at present.
    Nothing,
    /// The end: nobody holds the other side.
    End,
}

impl Intake {
    /// No streams yet.
    pub(super) fn new(dir: PathBuf, console: Console, stdout: Outlet, stderr: Outlet) -> Self {
        let out = Out {
            files: Files::new(dir),
            stdout,
            stderr,
            console,
            stamper: Stamper::new(),
            // A line may come on top when the bound is almost reached.
            batch: Vec::with_capacity(LOG_BATCH_BYTES + LOG_LINE_BYTES_MAX + HEADER_BYTES + 1),
            now: Instant::now(),
        };
        let buffer = vec![0; LOG_READ_BYTES].into_boxed_slice();
        let (streams, free, paused) = (Vec::new(), Vec::new(), Vec::new());
        Self { streams, free, paused, own: None, slots: HashMap::new(), pending: 0, buffer, out }
    }

    /// A run's stream begins. Returns its number.
    pub(super) fn add_run(
        &mut self,
        pipe: OwnedFd,
        (slot, run): (u16, Run),
        (stream, both): (Stream, bool),
        path: Option<RunPath>,
    ) -> usize {
        if self.slots.get(&slot).is_none_or(|known| known.run != run) {
            let label = match &path {
                Some(path) => self.out.console.label(path.pod(), path.process()),
                None => self.out.console.label(&format!("{:08x}", run.pod & 0xffff_ffff), "main"),
            };
            self.slots.insert(slot, Slot { run, file: path.map(RunFile::new), label, streams: Vec::new() });
        }
        let number = self.add(pipe, From::Run { slot, stream, both });
        if let Some(known) = self.slots.get_mut(&slot) {
            known.streams.push(number);
        }
        number
    }

    /// The pipe of supd's own messages. Returns its number.
    pub(super) fn add_own(&mut self, pipe: OwnedFd) -> usize {
        let number = self.add(pipe, From::Own);
        self.own = Some(number);
        number
    }

    fn add(&mut self, pipe: OwnedFd, from: From) -> usize {
        let source = Source { pipe, from, splitter: Splitter::default() };
        match self.free.pop() {
            Some(place) => {
                self.streams[place] = Some(source);
                place
            }
            None => {
                self.streams.push(Some(source));
                self.streams.len() - 1
            }
        }
    }

    /// The pipe of a stream, if there still is one of this number.
    pub(super) fn pipe(&self, number: usize) -> Option<BorrowedFd<'_>> {
        self.source(number).map(|source| source.pipe.as_fd())
    }

    /// The streams of a slot.
    pub(super) fn streams_of(&self, slot: u16) -> Vec<usize> {
        self.slots.get(&slot).map(|slot| slot.streams.clone()).unwrap_or_default()
    }

    /// The streams of another run than `run` that sit in its slot: nobody waits for them any more.
    pub(super) fn strangers_in(&self, slot: u16, run: Run) -> Vec<usize> {
        match self.slots.get(&slot) {
            Some(known) if known.run != run => known.streams.clone(),
            _ => Vec::new(),
        }
    }

    /// The stream of supd's own messages.
    pub(super) fn own(&self) -> Option<usize> {
        self.own
    }

    /// Whether any run's pipe is open.
    pub(super) fn has_runs(&self) -> bool {
        self.streams.len() - self.free.len() > usize::from(self.own.is_some())
    }

    /// Whether the stream should wait, because the console does.
    pub(super) fn must_wait(&self, number: usize) -> bool {
        let both = |source: &Source| matches!(source.from, From::Run { both: true, .. });
        self.source(number).is_some_and(both) && self.out.stdout.is_full(self.out.now)
    }

    /// Notes that a stream is not watched.
    pub(super) fn pause(&mut self, number: usize) {
        self.paused.push(number);
    }

    /// Whether a stream is not watched at present; notes that it will not be missed.
    pub(super) fn forget_pause(&mut self, number: usize) -> bool {
        let place = self.paused.iter().position(|paused| *paused == number);
        place.map(|place| self.paused.swap_remove(place)).is_some()
    }

    /// Whether any stream is not watched at present.
    pub(super) fn has_paused(&self) -> bool {
        !self.paused.is_empty()
    }

    /// The streams that are to be watched again.
    pub(super) fn take_paused(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.paused)
    }

    /// Clocks, read once a turn for all that does not need to be exact.
    pub(super) fn set_now(&mut self, now: Instant) {
        self.out.now = now;
    }

    /// Reads once, and passes on what came.
    pub(super) fn read(&mut self, number: usize) -> Found {
        let Some(source) = self.streams.get_mut(number).and_then(Option::as_mut) else {
            return Found::Nothing;
        };
        let both = matches!(source.from, From::Run { both: true, .. });
        let limit = if both { READ_BYTES_BOTH } else { LOG_READ_BYTES };
        let count = loop {
            match read(&source.pipe, &mut self.buffer[..limit]) {
                Ok(0) => return Found::End,
                Ok(count) => break count,
                Err(Errno::EINTR) => (),
                Err(Errno::EAGAIN) => return Found::Nothing,
                Err(_) => return Found::End,
            }
        };
        self.out.stamper.set(wall_now());
        let waiting = source.splitter.waiting();
        let mut lane = self.out.lane(source.from, &mut self.slots);
        source.splitter.feed(&self.buffer[..count], |tag, text, more| lane.line(tag, text, more));
        let pending = self.pending - waiting + source.splitter.waiting();
        if pending > LOG_PENDING_BYTES_MAX {
            source.splitter.spill(|tag, text, more| lane.line(tag, text, more));
        }
        lane.flush();
        self.pending = self.pending - waiting + source.splitter.waiting();
        Found::Some(count)
    }

    /// The stream has ended: its last line is passed on, newline or not, and the pipe closed. It must no
    /// longer be in an epoll: the keeper's copy would keep it there for ever.
    pub(super) fn end(&mut self, number: usize) {
        self.settle(number, true);
        let Some(Some(source)) = self.streams.get_mut(number).map(Option::take) else { return };
        self.free.push(number);
        match source.from {
            From::Own => self.own = None,
            From::Run { slot, .. } => {
                if let Some(slot) = self.slots.get_mut(&slot) {
                    slot.streams.retain(|other| *other != number);
                }
            }
        }
    }

    /// This process ends before the streams do: what waits is passed on in parts.
    pub(super) fn spill(&mut self) {
        for number in 0..self.streams.len() {
            self.settle(number, false);
        }
    }

    fn settle(&mut self, number: usize, ended: bool) {
        let Some(source) = self.streams.get_mut(number).and_then(Option::as_mut) else { return };
        self.out.stamper.set(wall_now());
        self.pending -= source.splitter.waiting();
        let mut lane = self.out.lane(source.from, &mut self.slots);
        if ended {
            source.splitter.finish(|tag, text, more| lane.line(tag, text, more));
        } else {
            source.splitter.spill(|tag, text, more| lane.line(tag, text, more));
        }
        lane.flush();
    }

    /// The run of a slot is over, its streams have ended: closes its file.
    pub(super) fn forget_slot(&mut self, slot: u16) {
        if let Some(Slot { file: Some(file), .. }) = self.slots.remove(&slot) {
            self.out.files.close(&file);
        }
    }

    fn source(&self, number: usize) -> Option<&Source> {
        self.streams.get(number).and_then(Option::as_ref)
    }
}

/// The way of one stream's lines to where they belong.
struct Lane<'a> {
    out: &'a mut Out,
    from: From,
    slot: Option<&'a mut Slot>,
    lines: u64,
}

impl Out {
    fn lane<'a>(&'a mut self, from: From, slots: &'a mut HashMap<u16, Slot>) -> Lane<'a> {
        let slot = match from {
            From::Run { slot, .. } => slots.get_mut(&slot),
            From::Own => None,
        };
        Lane { out: self, from, slot, lines: 0 }
    }
}

impl Lane<'_> {
    fn line(&mut self, tag: Tag, text: &[u8], more: &[u8]) {
        let out = &mut *self.out;
        let From::Run { stream, both, .. } = self.from else {
            out.stderr.push(out.console.own(text, more), out.now);
            return;
        };
        let Some(slot) = &self.slot else { return };
        if both {
            out.stdout.push(out.console.show(&slot.label, text, more), out.now);
        }
        write_header(&mut out.batch, out.stamper.next(), stream, tag);
        out.batch.extend_from_slice(text);
        out.batch.extend_from_slice(more);
        out.batch.push(b'\n');
        self.lines += 1;
        if out.batch.len() >= LOG_BATCH_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Out { files, batch, stamper, .. } = &mut *self.out;
        if let Some(file) = self.slot.as_mut().and_then(|slot| slot.file.as_mut())
            && !batch.is_empty()
        {
            files.append(file, batch, self.lines, stamper);
        }
        batch.clear();
        self.lines = 0;
    }
}

/// The wall clock.
fn wall_now() -> Wall {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Wall(since_1970.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}
