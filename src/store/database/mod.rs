//! A durable store of bytes: batches of records that are on disk when they are said to be committed.
//!
//! ```text
//!   owner ── Batch ──▶ Database ──▶ disk:   <state>/state.redb, by a thread that may hang with the disk
//!         ◀─ Said ──            └─▶ memory: the keeper's memfd, by another, while the disk takes nothing
//! ```
//!
//! One batch is on its way at a time, and nothing of it is kept here afterwards: what the records say is known
//! to their owner. When the disk fails (full, read-only, broken, hung, gone) the batch is reported failed, and
//! the owner hands over all it has, once, as a *whole* batch. That goes to the memfd, which outlives the
//! manager. From then on the disk is tried every two seconds, and gets a whole batch when it can take one, in
//! a new file: a file whose sync has failed is never trusted again.
//!
//! Which one is the truth? A memfd that is not empty: it is emptied only after the disk has everything. Else
//! the file. Where neither can be read the start goes on without, and says so; what could not be read is kept
//! under another name.
//!
//! Knows nothing of what the records mean, and makes no decision but where they lie.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::engine::time::{Mono, Now};
use crate::limits::{STATE_BYTES_PER_SECOND_MIN, STATE_STUCK_MS, STATE_TRIAL_INTERVAL_MS};

mod checksum;
mod directory;
mod disk;
mod link;
mod medium;
mod memory;
mod opening;
mod place;
mod record;
mod stored;

pub use medium::Medium;
pub use opening::{Opened, Opening};
pub use place::Place;
pub use record::{Batch, Record, Records, Table, Write};

use link::{Bell, Link};
use memory::Memory;

/// Where batches go.
pub struct Database {
    bell: Arc<Bell>,
    /// The bell as the loop sees it; made when it is first waited for.
    watched: OnceCell<AsyncFd<Watched>>,
    disk: Option<DiskLink>,
    /// When the disk is taken for hung, while an answer of it is due.
    disk_late: Option<Mono>,
    /// The disk was late; its next answer is of no use.
    disk_left: bool,
    /// The memfd.
    memory_file: Option<File>,
    /// Its thread, while the memfd is not empty.
    memory: Option<MemoryLink>,
    place: Place,
    /// What the next batch must be, and where it goes.
    wants: Option<Target>,
    /// Under what kind of name the disk's file is kept when a new one takes its place.
    aside: Option<&'static str>,
    flight: Option<Flight>,
    /// When the disk is tried again.
    trial: Option<Mono>,
    /// Bytes of the last whole batch: what the disk must have room for.
    whole_bytes: u64,
    said: VecDeque<Said>,
}

/// What has become of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is safe, in the present place.
    Committed {
        /// The batch's number.
        number: u64,
    },
    /// It is not, or nobody knows: the next batch must be a whole one.
    Failed {
        /// The batch's number.
        number: u64,
        /// In words.
        why: String,
    },
}

type DiskLink = Link<disk::Order, disk::Answer>;
type MemoryLink = Link<memory::Order, Result<(), String>>;

/// For a batch that must be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// A new file; if that fails, memory.
    Disk,
    Memory,
}

/// A batch on its way.
struct Flight {
    batch: Arc<Batch>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To the file that is open.
    Disk,
    /// To a new file.
    Anew,
    /// To the memfd.
    Memory,
    /// It is on disk, and the memfd is being emptied.
    Emptying,
}

impl Database {
    /// Opens what there is, and waits for a hung disk only so long: what cannot be used is set aside or left,
    /// and named in the findings. No state or disk makes it fail; only a system does that gives no descriptor
    /// or no thread.
    pub fn open(opening: Opening) -> io::Result<Opened> {
        opening::open(opening, |file: File| file)
    }

    /// No batch is on its way.
    pub fn is_idle(&self) -> bool {
        self.flight.is_none()
    }

    /// The next batch must be a whole one, and is wanted even if nothing has changed.
    pub fn wants_whole(&self) -> bool {
        self.wants.is_some()
    }

    /// Where the state lies.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Sends a batch on its way. Only while idle, and only a whole one if one is wanted: anything else is
    /// reported failed.
    pub fn write(&mut self, now: Now, batch: Batch) {
        let number = batch.number;
        if self.flight.is_some() || (self.wants.is_some() && !batch.whole) {
            let why = if self.flight.is_some() { "another is on its way" } else { "a whole one is wanted" };
            return self.say(Said::Failed { number, why: why.into() });
        }
        if batch.whole {
            self.whole_bytes = batch.bytes();
        }
        let batch = Arc::new(batch);
        match (self.wants.take(), &self.place) {
            (Some(Target::Disk), _) => self.write_anew(now, batch),
            (None, Place::Disk) => {
                let order = disk::Order::Write(Arc::clone(&batch));
                self.flight = Some(Flight { batch, stage: Stage::Disk });
                if !self.order_disk(now, order) {
                    self.disk_failed(now, GONE.into(), false);
                }
            }
            (Some(Target::Memory), _) | (None, Place::Memory { .. }) => self.write_memory(batch),
        }
    }

    /// Waits until there is something to take in.
    pub async fn ready(&self) -> io::Result<()> {
        let watched = match self.watched.get() {
            Some(watched) => watched,
            None => {
                let made = watch(Arc::clone(&self.bell))?;
                self.watched.get_or_init(|| made)
            }
        };
        loop {
            let mut guard = watched.readable().await?;
            if guard.try_io(|watched| watched.get_ref().0.hush()).is_ok() {
                return Ok(());
            }
        }
    }

    /// What has become of the batch, if that is known by now. To be called until nothing comes.
    pub fn take_in(&mut self, now: Now) -> Option<Said> {
        self.take_in_disk(now);
        self.take_in_memory(now);
        self.said.pop_front()
    }

    /// When [`Self::on_time`] is due.
    pub fn next_deadline(&self) -> Option<Mono> {
        let late = self.disk_late.filter(|_| !self.disk_left);
        let trial = self.trial.filter(|_| self.may_try());
        late.into_iter().chain(trial).min()
    }

    /// Time has passed: has the disk hung, is it to be tried again?
    pub fn on_time(&mut self, now: Now) {
        // An answer that has come counts, however late it is seen.
        self.take_in_disk(now);
        if self.disk_late.is_some_and(|late| late <= now.mono) && !self.disk_left {
            self.disk_left = true;
            let why = format!("the disk has not answered for {} s", STATE_STUCK_MS / 1000);
            match &self.flight {
                Some(Flight { stage: Stage::Disk | Stage::Anew, .. }) => self.disk_failed(now, why, false),
                _ => self.set_memory(now, why),
            }
        }
        if self.may_try() && self.trial.is_some_and(|trial| trial <= now.mono) {
            self.trial = Some(now.mono + Duration::from_millis(STATE_TRIAL_INTERVAL_MS));
            self.order_disk(now, disk::Order::Probe(self.whole_bytes.saturating_mul(2)));
        }
    }

    /// Ends: lets a batch that is on its way come to its end, and puts the database away. Waits for that, so
    /// long at most for the disk, and says whether it has come to it.
    pub fn close(mut self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let memory = self.memory.as_mut().is_none_or(|memory| memory.end(until));
        let disk = self.disk.as_mut().is_none_or(|disk| disk.end(until));
        memory && disk
    }

    /// The disk may be tried: the state lies in memory, and nothing is asked of the disk.
    fn may_try(&self) -> bool {
        let asked = self.disk.as_ref().is_none_or(Link::is_waiting);
        self.place != Place::Disk && !asked && self.wants != Some(Target::Disk)
    }

    fn write_anew(&mut self, now: Now, batch: Arc<Batch>) {
        let order = disk::Order::WriteAnew { batch: Arc::clone(&batch), aside: self.aside };
        self.flight = Some(Flight { batch, stage: Stage::Anew });
        if !self.order_disk(now, order) {
            self.disk_failed(now, GONE.into(), false);
        }
    }

    fn write_memory(&mut self, batch: Arc<Batch>) {
        let number = batch.number;
        let kept = matches!(self.place, Place::Memory { kept: true, .. }) || batch.whole;
        let order = memory::Order::Write(Arc::clone(&batch));
        if kept && self.order_memory(order) {
            self.flight = Some(Flight { batch, stage: Stage::Memory });
        } else {
            // Nothing can keep it but the owner, who has it anyway.
            self.flight = None;
            self.set_kept(false);
            self.say(Said::Committed { number });
        }
    }

    fn order_disk(&mut self, now: Now, order: disk::Order) -> bool {
        // A large state takes its time on a slow disk that is well.
        let bytes = self.flight.as_ref().map_or(0, |flight| flight.batch.bytes());
        let within = Duration::from_millis(STATE_STUCK_MS + bytes * 1000 / STATE_BYTES_PER_SECOND_MIN);
        let taken = self.disk.as_mut().is_some_and(|disk| !disk.is_waiting() && disk.order(order));
        self.disk_late = taken.then(|| now.mono + within);
        taken
    }

    fn order_memory(&mut self, order: memory::Order) -> bool {
        if self.memory.is_none() {
            let file = self.memory_file.as_ref().and_then(|file| file.try_clone().ok());
            self.memory = file.and_then(|file| start_memory(&self.bell, file).ok());
        }
        self.memory.as_mut().is_some_and(|memory| memory.order(order))
    }

    fn take_in_disk(&mut self, now: Now) {
        let Some(disk) = &mut self.disk else { return };
        let answer = match disk.answer() {
            Ok(None) => return,
            Ok(Some(answer)) => answer,
            Err(link::Ended) => {
                self.disk = None;
                self.disk_late = None;
                if matches!(&self.flight, Some(Flight { stage: Stage::Disk | Stage::Anew, .. })) {
                    self.disk_failed(now, GONE.into(), false);
                }
                return;
            }
        };
        self.disk_late = None;
        if std::mem::take(&mut self.disk_left) {
            // Whatever it says, the truth is elsewhere by now. But it answers again.
            self.trial = Some(now.mono);
            return;
        }
        match answer {
            disk::Answer::Opened(_) => {}
            disk::Answer::Wrote(Ok(kept)) => self.disk_wrote(kept),
            disk::Answer::Wrote(Err(trouble)) => self.disk_failed(now, trouble.why, trouble.lost),
            disk::Answer::Probed(Ok(())) => self.wants = Some(Target::Disk),
            disk::Answer::Probed(Err(why)) => {
                self.set_memory(now, why);
                let lost = matches!(self.place, Place::Memory { kept: false, .. });
                if lost && self.memory_file.is_some() {
                    self.wants = Some(Target::Memory);
                }
            }
        }
    }

    /// A batch is on disk.
    fn disk_wrote(&mut self, kept: Option<String>) {
        let Some(flight) = &mut self.flight else { return };
        let number = flight.batch.number;
        if flight.stage == Stage::Anew {
            self.aside = None;
            if let Some(name) = kept {
                tracing::warn!("the state that was there before is kept as `{name}`");
            }
            // A memfd that is not empty would be the truth at the next start.
            if self.memory.as_mut().is_some_and(|memory| memory.order(memory::Order::Empty)) {
                flight.stage = Stage::Emptying;
                return;
            }
            self.set_disk();
        }
        self.flight = None;
        self.say(Said::Committed { number });
    }

    /// A batch is not on disk, or nobody knows. `lost`: the disk may take it anew at once.
    fn disk_failed(&mut self, now: Now, why: String, lost: bool) {
        self.set_memory(now, why.clone());
        let Some(flight) = self.flight.take() else { return };
        if flight.batch.whole {
            return self.write_memory(flight.batch);
        }
        self.wants = Some(if lost { Target::Disk } else { Target::Memory });
        self.say(Said::Failed { number: flight.batch.number, why });
    }

    fn take_in_memory(&mut self, now: Now) {
        let Some(memory) = &mut self.memory else { return };
        let done = match memory.answer() {
            Ok(None) => return,
            Ok(Some(done)) => done,
            Err(link::Ended) => {
                self.memory = None;
                Err("the writer to memory has ended".into())
            }
        };
        let Some(flight) = self.flight.take() else { return };
        let number = flight.batch.number;
        match (flight.stage, done) {
            (Stage::Emptying, Ok(())) => {
                self.memory = None;
                self.set_disk();
            }
            // The memfd would be the truth at the next start, so it must stay the newest.
            (Stage::Emptying, Err(why)) => {
                self.set_memory(now, why.clone());
                self.wants = Some(Target::Memory);
                return self.say(Said::Failed { number, why });
            }
            (_, Ok(())) => self.set_kept(true),
            (_, Err(why)) => {
                tracing::warn!("the state cannot be kept in memory: {why}");
                self.set_kept(false);
                if !flight.batch.whole {
                    self.wants = Some(Target::Memory);
                    return self.say(Said::Failed { number, why });
                }
            }
        }
        self.say(Said::Committed { number });
    }

    fn set_disk(&mut self) {
        self.place = Place::Disk;
        self.trial = None;
    }

    /// The disk is left, or stays so, for this reason.
    fn set_memory(&mut self, now: Now, reason: String) {
        match &mut self.place {
            Place::Memory { why, .. } => *why = reason,
            place @ Place::Disk => *place = Place::Memory { since: now.wall, why: reason, kept: false },
        }
        self.trial = Some(now.mono + Duration::from_millis(STATE_TRIAL_INTERVAL_MS));
    }

    fn set_kept(&mut self, now_kept: bool) {
        if let Place::Memory { kept, .. } = &mut self.place {
            *kept = now_kept;
        }
    }

    fn say(&mut self, said: Said) {
        self.said.push_back(said);
        self.bell.ring();
    }
}

fn start_memory(bell: &Arc<Bell>, file: File) -> io::Result<MemoryLink> {
    Link::start("supd-memory", Arc::clone(bell), move || {
        let mut memory = Memory::new(file);
        move |order| memory.work(order)
    })
}

/// The bell's descriptor, as tokio wants to see it.
struct Watched(Arc<Bell>);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

// The successor of this call is `unsafe` and asks for what holds here: the descriptor is owned by the bell,
// stays open as long as it, and is always the same one.
#[expect(deprecated, reason = "the owned descriptor upholds what its successor asks for")]
fn watch(bell: Arc<Bell>) -> io::Result<AsyncFd<Watched>> {
    AsyncFd::with_interest(Watched(bell), Interest::READABLE)
}

const GONE: &str = "the writer has ended";

#[cfg(test)]
mod tests;
