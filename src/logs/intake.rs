//! What the logger holds of each run: its pipes, its file, its name on the console.
//!
//! Knows how bytes go from a pipe to where they belong; when a pipe is read is the loop's affair. Each chunk
//! goes through the [`Hand`]: whoever comes after a logger that was killed carries on with its chunk, and makes
//! the same lines of it. In files each line is there once. On our own output, which tells nobody how far it
//! got, the lines of a batch may be there twice after a kill, and those that waited for a slow reader not at
//! all.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Instant;

use nix::errno::Errno;

use crate::engine::time::Wall;
use crate::limits::{LOG_BATCH_BYTES, LOG_LINE_BYTES_MAX, LOG_READ_BYTES};
use crate::logs::console::{Console, Label};
use crate::logs::files::{Batch, Files, RunFile};
use crate::logs::hand::{self, Hand};
use crate::logs::line::{HEADER_BYTES, Stream, Tag, write_header};
use crate::logs::outlet::Outlet;
use crate::logs::path::RunPath;
use crate::logs::split::{Rest, Unended};
use crate::logs::stamp::Stamper;
use crate::wire::handover::Handed;
use crate::wire::journal::{Claim, Journal, Place, Source, Work};
use crate::wire::run::Run;

/// A stream that also goes to the console is read in smaller pieces: names and escapes multiply its bytes.
const READ_BYTES_BOTH: usize = LOG_READ_BYTES / 4;

/// All streams, and where they go.
pub(super) struct Intake {
    streams: Vec<Option<Pipe>>,
    /// Places in `streams` that are free.
    free: Vec<usize>,
    /// Streams that are not watched, until the console has room again.
    paused: Vec<usize>,
    /// The stream of supd's own messages.
    own: Option<usize>,
    slots: HashMap<u16, Slot>,
    hand: Hand,
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
struct Pipe {
    fd: OwnedFd,
    source: Source,
    run: Run,
    /// The lines go to the console, too.
    both: bool,
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
    pub(super) fn new(hand: Hand, dir: PathBuf, console: Console, stdout: Outlet, stderr: Outlet) -> Self {
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
        let (streams, free, paused) = (Vec::new(), Vec::new(), Vec::new());
        Self { streams, free, paused, own: None, slots: HashMap::new(), hand, out }
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
            let known = self.out.slot(run, path);
            self.slots.insert(slot, known);
        }
        let source = Source::Run { slot, stderr: stream == Stream::Stderr };
        let number = self.add(Pipe { fd: pipe, source, run, both });
        if let Some(known) = self.slots.get_mut(&slot) {
            known.streams.push(number);
        }
        number
    }

    /// The pipe of supd's own messages. Returns its number.
    pub(super) fn add_own(&mut self, pipe: OwnedFd) -> usize {
        let (source, run) = (Source::Own, Run::default());
        let number = self.add(Pipe { fd: pipe, source, run, both: false });
        self.own = Some(number);
        number
    }

    fn add(&mut self, pipe: Pipe) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.streams[place] = Some(pipe);
                place
            }
            None => {
                self.streams.push(Some(pipe));
                self.streams.len() - 1
            }
        }
    }

    /// The pipe of a stream, if there still is one of this number.
    pub(super) fn pipe(&self, number: usize) -> Option<BorrowedFd<'_>> {
        self.stream(number).map(|pipe| pipe.fd.as_fd())
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
        self.stream(number).is_some_and(|pipe| pipe.both) && self.out.stdout.is_full(self.out.now)
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

    /// Carries on what a logger that died had in hand. Before anything else is done: a second chunk has no
    /// place. Gives what is to be said about it.
    pub(super) fn recover(&mut self) -> Option<String> {
        let stamper = &mut self.out.stamper;
        let (claim, deadly) = match self.hand.recover(|| stamp_now(stamper)) {
            hand::Found::Nothing => return None,
            hand::Found::Chunk(claim) => (claim, false),
            hand::Found::Deadly(claim) => (claim, true),
        };
        let journal = self.hand.journal();
        let path = str::from_utf8(journal.path()).ok().and_then(RunPath::parse);
        if deadly {
            let lost = Rest { kept: false, from: journal.length(), promised: false };
            let of = path.map_or_else(|| "supd itself".to_owned(), |path| path.to_string());
            let warning = format!("giving up {} bytes of {of}: loggers die over them", lost.from);
            self.hand.put_away(claim.source, lost);
            return Some(warning);
        }
        self.out.stamper.go_on_behind(Wall(journal.stamp()));
        let mut slot = self.out.slot(claim.run, path);
        self.out.carry(&mut self.hand, claim, Some(&mut slot));
        None
    }

    /// Reads once, and passes on what came.
    pub(super) fn read(&mut self, number: usize) -> Found {
        let Some(pipe) = self.streams.get(number).and_then(Option::as_ref) else {
            return Found::Nothing;
        };
        let claim = pipe.claim(Work::Read);
        let limit = if pipe.both { READ_BYTES_BOTH } else { LOG_READ_BYTES };
        let slot = slot_of(&mut self.slots, claim.source);
        let path = slot.as_ref().map_or(&b""[..], |slot| slot.path());
        let stamper = &mut self.out.stamper;
        let count = loop {
            match self.hand.take(pipe.fd.as_fd(), (&claim, path), limit, || stamp_now(stamper)) {
                Ok(0) => return Found::End,
                Ok(count) => break count,
                Err(Errno::EINTR) => (),
                Err(Errno::EAGAIN) => return Found::Nothing,
                Err(_) => return Found::End,
            }
        };
        self.out.carry(&mut self.hand, claim, slot);
        Found::Some(count)
    }

    /// The stream has ended: its last line is passed on, newline or not, and the pipe closed. It must no
    /// longer be in an epoll: the keeper's copy would keep it there for ever.
    pub(super) fn end(&mut self, number: usize) {
        self.settle(number, Work::Finish);
        let Some(Some(pipe)) = self.streams.get_mut(number).map(Option::take) else { return };
        self.free.push(number);
        match pipe.source {
            Source::Own => self.own = None,
            Source::Run { slot, .. } => {
                if let Some(slot) = self.slots.get_mut(&slot) {
                    slot.streams.retain(|other| *other != number);
                }
            }
        }
    }

    /// Gives a run's stream as another process needs it to read on: what waits is in the file, as a part.
    pub(super) fn give(&mut self, number: usize) -> Option<(Handed, BorrowedFd<'_>)> {
        self.settle(number, Work::Spill);
        let pipe = self.streams.get(number).and_then(Option::as_ref)?;
        let Source::Run { slot, stderr } = pipe.source else { return None };
        let continued = self.hand.unended(pipe.source).promised;
        let handed = Handed { run: pipe.run, slot, stderr, continued };
        Some((handed, pipe.fd.as_fd()))
    }

    /// The streams of all runs.
    pub(super) fn run_streams(&self) -> Vec<usize> {
        self.slots.values().flat_map(|slot| slot.streams.iter().copied()).collect()
    }

    /// Others read on: lets go of a stream without a word.
    pub(super) fn let_go(&mut self, number: usize) {
        let Some(pipe) = self.streams.get_mut(number).and_then(Option::take) else { return };
        self.free.push(number);
        if let Source::Run { slot, .. } = pipe.source
            && let Some(slot) = self.slots.get_mut(&slot)
        {
            slot.streams.retain(|other| *other != number);
        }
    }

    /// Says that this logger gets on: its death would be no reason to wait with the next.
    pub(super) fn count_progress(&self) {
        self.hand.journal().count_progress();
    }

    fn settle(&mut self, number: usize, work: Work) {
        let Some(pipe) = self.streams.get(number).and_then(Option::as_ref) else { return };
        let claim = pipe.claim(work);
        if self.hand.is_clean(claim.source) {
            return;
        }
        let slot = slot_of(&mut self.slots, claim.source);
        let path = slot.as_ref().map_or(&b""[..], |slot| slot.path());
        self.hand.begin(&claim, path, stamp_now(&mut self.out.stamper));
        self.out.carry(&mut self.hand, claim, slot);
    }

    /// The run of a slot is over, its streams have ended: closes its file.
    pub(super) fn forget_slot(&mut self, slot: u16) {
        if let Some(Slot { file: Some(file), .. }) = self.slots.remove(&slot) {
            self.out.files.close(&file);
        }
    }

    fn stream(&self, number: usize) -> Option<&Pipe> {
        self.streams.get(number).and_then(Option::as_ref)
    }
}

impl Pipe {
    fn claim(&self, work: Work) -> Claim {
        Claim { work, source: self.source, both: self.both, run: self.run }
    }
}

impl Slot {
    fn path(&self) -> &[u8] {
        self.file.as_ref().map_or(b"", |file| file.path().as_str().as_bytes())
    }
}

fn slot_of(slots: &mut HashMap<u16, Slot>, source: Source) -> Option<&mut Slot> {
    match source {
        Source::Run { slot, .. } => slots.get_mut(&slot),
        Source::Own => None,
    }
}

/// The way of one chunk's lines to where they belong.
struct Lane<'a> {
    out: &'a mut Out,
    journal: &'a Journal,
    claim: Claim,
    slot: Option<&'a mut Slot>,
    lines: u64,
    /// Batches that another logger wrote.
    behind: u32,
    /// Where it began the next one.
    begun: Option<Place>,
}

impl Out {
    fn slot(&mut self, run: Run, path: Option<RunPath>) -> Slot {
        let label = match &path {
            Some(path) => self.console.label(path.pod(), path.process()),
            None => self.console.label(&format!("{:08x}", run.pod & 0xffff_ffff), "main"),
        };
        Slot { run, file: path.map(RunFile::new), label, streams: Vec::new() }
    }

    /// Makes lines of what is in hand, and writes those that are not written yet. The same chunk makes the same
    /// lines and batches whenever it is carried, so that it is known how much of them is there.
    fn carry(&mut self, hand: &mut Hand, claim: Claim, slot: Option<&mut Slot>) {
        let journal = hand.journal();
        let (chunk, unended) = (journal.chunk(), hand.unended(claim.source));
        let (behind, begun) = (journal.batches(), journal.place());
        let mut lane = Lane { out: self, journal, claim, slot, lines: 0, behind, begun };
        let mut rest = match claim.work {
            Work::Read => unended.feed(chunk, |tag, text, more| lane.line(tag, text, more)),
            Work::Finish => unended.finish(|tag, text, more| lane.line(tag, text, more)),
            Work::Spill => unended.spill(chunk, |tag, text, more| lane.line(tag, text, more)),
        };
        if rest.from < chunk.len() && !hand.has_room(claim.source) {
            let unended = Unended { promised: rest.promised, ..Unended::default() };
            let left = unended.spill(&chunk[rest.from..], |tag, text, more| lane.line(tag, text, more));
            rest = Rest { from: chunk.len(), ..left };
        }
        lane.flush();
        hand.put_away(claim.source, rest);
    }
}

impl Lane<'_> {
    fn line(&mut self, tag: Tag, text: &[u8], more: &[u8]) {
        let out = &mut *self.out;
        self.lines += 1;
        let Source::Run { stderr, .. } = self.claim.source else {
            if self.behind == 0 {
                out.stderr.push(out.console.own(text, more), out.now);
            }
            return;
        };
        let Some(slot) = &self.slot else { return };
        if self.claim.both && self.behind == 0 {
            out.stdout.push(out.console.show(&slot.label, text, more), out.now);
        }
        let stream = if stderr { Stream::Stderr } else { Stream::Stdout };
        write_header(&mut out.batch, out.stamper.next(), stream, tag);
        out.batch.extend_from_slice(text);
        out.batch.extend_from_slice(more);
        out.batch.push(b'\n');
        if out.batch.len() >= LOG_BATCH_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.lines == 0 {
            return;
        }
        match self.behind.checked_sub(1) {
            Some(behind) => self.behind = behind,
            None => self.write(),
        }
        self.out.batch.clear();
        self.lines = 0;
    }

    fn write(&mut self) {
        let Out { files, batch, stamper, stdout, stderr, now, .. } = &mut *self.out;
        // Shown before it is noted as written: what nobody holds up is shown twice rather than not at all.
        if self.claim.both {
            stdout.flush(*now);
        } else if self.claim.source == Source::Own {
            stderr.flush(*now);
        }
        if let Some(file) = self.slot.as_mut().and_then(|slot| slot.file.as_mut())
            && !batch.is_empty()
        {
            let batch = Batch { bytes: batch, lines: self.lines, begun: self.begun.take() };
            files.append(file, batch, stamper, &|place| self.journal.mark(place));
        }
        self.journal.written();
    }
}

/// Stamps go on from the present time; gives the one behind which they do.
fn stamp_now(stamper: &mut Stamper) -> i64 {
    stamper.set(wall_now());
    stamper.last().0
}

/// The wall clock.
fn wall_now() -> Wall {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Wall(since_1970.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}
