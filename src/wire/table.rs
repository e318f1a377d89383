//! The slot table: one slot for each run, in memory that the keeper and all spawners share.
//!
//! It is what makes "each run is started once, each exit counted once" true without a protocol of
//! confirmations:
//!
//! - A spawner begins a start by a compare-and-swap of the slot's state from `Free` *of its epoch and ticket*
//!   to `Starting`. A second Spawn of a slot in use is refused by that alone, and one that comes later still,
//!   when the slot has been freed again, by its ticket: each time a slot becomes free it has a new one.
//! - The manager of a new epoch must know that no Spawn of its predecessor can still succeed. The keeper
//!   raises the epoch and rewrites every `Free(E)` to `Free(E+1)`: whatever a spawner has read from the old
//!   queue fails its swap, and what had swapped before is in the snapshot. Nobody needs to be asked.
//! - The kernel writes the child's pid into the slot (CLONE_PARENT_SETTID) before the child's first
//!   instruction: there is no instant at which a child exists and is unknown, whoever dies.
//!
//! Who writes what: the spawner that holds a `Starting` slot writes its record and its pid, until it has said
//! `Born` or `StillBorn` or is dead; then the keeper alone. The table is a struct of arrays, so that the scan
//! for a pid reads 64 KiB in a row. It is memory of other processes, too: every value is checked when read.
//!
//! Where it can be, the table is a [`file`], which outlives the keeper: the next one finds there what still
//! runs, and every [`end`] that nobody has acknowledged.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use super::run::{Instant, Run, Step};
use crate::limits::{GROUP_BYTES_MAX, LABEL_BYTES_MAX, LOG_PATH_BYTES_MAX, SLOTS};
use crate::sys::memory::SharedMemory;

pub mod end;
pub mod file;
pub mod group;

/// The mapped table.
pub struct Table {
    memory: SharedMemory,
}

/// What a slot's state word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The epoch in which it became free, or in which its run was started.
    pub epoch: u64,
    /// How often it has become free in this epoch.
    pub ticket: u32,
    /// The spawner that holds it, by the number the keeper gave it.
    pub owner: u8,
    /// What is going on.
    pub phase: Phase,
}

/// What is going on in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing. Next: `Starting`, by a spawner.
    Free,
    /// A spawner holds it. Next: `Running` by the spawner or the keeper, or `Ended` by the keeper.
    Starting,
    /// The program was executed. Next: `Ended` by the keeper.
    Running,
    /// It was reaped, or never was. Next: `Free` by the keeper, once that is acknowledged.
    Ended,
}

/// What a spawner writes about a run before it clones.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// Who.
    pub run: Run,
    /// Opaque.
    pub label: &'a [u8],
    /// Below the log directory; empty: not logged.
    pub log_path: &'a [u8],
    /// Which streams are logged, and which of them are copied to the terminal.
    pub sinks: Sinks,
    /// The cgroup that is its own; empty: none.
    pub group: &'a [u8],
}

/// Which streams of a run go to the logger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sinks(pub u8);

impl Sinks {
    /// Standard output is logged.
    pub const STDOUT: u8 = 1;
    /// Standard error is logged.
    pub const STDERR: u8 = 2;
    /// Standard output is copied to the terminal.
    pub const STDOUT_BOTH: u8 = 4;
    /// Standard error is copied to the terminal.
    pub const STDERR_BOTH: u8 = 8;

    /// Whether any stream is logged.
    pub fn logged(self) -> bool {
        self.0 & (Self::STDOUT | Self::STDERR) != 0
    }

    /// Whether all of these bits are set.
    pub fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }
}

/// A short text copied out of the table.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    length: usize,
    bytes: [u8; TEXT_BYTES_MAX],
}

impl Bytes {
    /// The text.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// What the first word says; its low half numbers the layout. Another layout, another number.
pub const MAGIC: u64 = 0x7375_7064_0000_0004;
/// Tickets have 24 bits: a Spawn would have to be read sixteen million starts late to find its own again.
const TICKET_MASK: u32 = 0xff_ffff;
const HEADER_WORDS: usize = 16 + 2 * OWNERS;
/// Numbers that a spawner may have.
const OWNERS: usize = 256;
const TEXT_BYTES_MAX: usize = 256;
/// Bytes of the detail of a fault.
pub const DETAIL_BYTES_MAX: usize = TEXT_BYTES_MAX;

/// Beside the sinks of a slot: see [`Table::set_asked`].
const ASKED: u64 = 1 << 32;

/// Header words.
mod header {
    pub(super) const MAGIC: usize = 0;
    pub(super) const EPOCH: usize = 1;
    /// Whose file it is: see `file::Origin`; four words and their sum.
    pub(super) const ORIGIN: usize = 2;
    /// The highest pod uid that any run had.
    pub(super) const POD_HIGHEST: usize = 7;
    /// Records from the first on for which there is room.
    pub(super) const RESERVED: usize = 8;
    /// The pid of each spawner, by its number, then the identity of each.
    pub(super) const OWNER_PIDS: usize = 16;
    pub(super) const OWNER_IDENTITIES: usize = OWNER_PIDS + super::OWNERS;
}

/// Words of a record.
mod field {
    use super::{LABEL_BYTES_MAX, LOG_PATH_BYTES_MAX, TEXT_BYTES_MAX};

    pub(super) const POD: usize = 0;
    pub(super) const PROCESS: usize = 1;
    pub(super) const STARTED_MONO: usize = 2;
    pub(super) const STARTED_WALL: usize = 3;
    pub(super) const FAULT: usize = 4;
    pub(super) const SINKS: usize = 5;
    pub(super) const LIMITS_REFUSED: usize = 6;
    pub(super) const LENGTHS: usize = 7;
    pub(super) const DESCRIBED: usize = 8;
    pub(super) const LABEL: usize = 9;
    pub(super) const LOG_PATH: usize = LABEL + LABEL_BYTES_MAX / 8;
    pub(super) const DETAIL: usize = LOG_PATH + LOG_PATH_BYTES_MAX / 8;
    /// Which process it is, by a number that no other has.
    pub(super) const IDENTITY: usize = DETAIL + TEXT_BYTES_MAX / 8;
    pub(super) const ACKNOWLEDGED: usize = IDENTITY + 1;
    /// Its cgroup, and what that had counted before it.
    pub(super) const GROUP: usize = ACKNOWLEDGED + 1;
    pub(super) const OOM_BEFORE: usize = GROUP + crate::limits::GROUP_BYTES_MAX / 8;
    /// See `end`.
    pub(super) const END: usize = OOM_BEFORE + 1;
    pub(super) const WORDS: usize = END + super::end::WORDS;
}

const _: () = assert!(LABEL_BYTES_MAX <= TEXT_BYTES_MAX && LOG_PATH_BYTES_MAX <= TEXT_BYTES_MAX);
const _: () = assert!(GROUP_BYTES_MAX <= TEXT_BYTES_MAX && GROUP_BYTES_MAX.is_multiple_of(8));
const _: () = assert!(LABEL_BYTES_MAX.is_multiple_of(8) && LOG_PATH_BYTES_MAX.is_multiple_of(8));
const WORDS: usize = HEADER_WORDS + SLOTS + SLOTS * field::WORDS;

impl Table {
    /// Makes the table, all slots free in epoch 0. Pages are reserved as they are touched.
    pub fn create() -> io::Result<(OwnedFd, Self)> {
        let (fd, memory) = SharedMemory::create(c"supd-slots", WORDS, SLOTS)?;
        let table = Self { memory };
        // A memfd takes its room from memory, which does not end before we do.
        table.word(header::RESERVED).store(SLOTS as u64, Ordering::Release);
        table.word(header::MAGIC).store(MAGIC, Ordering::Release);
        Ok((fd, table))
    }

    /// Maps the table that a keeper made.
    pub fn map(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let table = Self { memory: SharedMemory::map(fd, WORDS, SLOTS)? };
        if table.word(header::MAGIC).load(Ordering::Acquire) != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a slot table of this build"));
        }
        Ok(table)
    }

    /// The current epoch.
    pub fn epoch(&self) -> u64 {
        self.word(header::EPOCH).load(Ordering::Acquire)
    }

    /// Begins the next epoch: from here on no Spawn of an older one can claim a slot. The keeper only.
    pub fn next_epoch(&self) -> u64 {
        let epoch = self.epoch() + 1;
        self.word(header::EPOCH).store(epoch, Ordering::Release);
        for state in self.states() {
            let old = state.load(Ordering::Acquire);
            if State::unpack(old).phase == Phase::Free {
                let new = State { epoch, ticket: 0, owner: 0, phase: Phase::Free }.pack();
                // Lost to a spawner that has just claimed it: that run is in the snapshot then.
                let _ = state.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
            }
        }
        epoch
    }

    /// Claims a free slot of this epoch for a start. The spawner only.
    pub fn claim(&self, slot: u16, epoch: u64, ticket: u32, owner: u8) -> bool {
        let from = State { epoch, ticket, owner: 0, phase: Phase::Free };
        self.swap(slot, from, State { owner, phase: Phase::Starting, ..from })
    }

    /// Whether the record is that of the run which holds the slot: false in the instant after the claim.
    pub fn described(&self, slot: u16) -> bool {
        let state = State { phase: Phase::Starting, ..self.state(slot) };
        self.load(slot, field::DESCRIBED) == state.pack()
    }

    /// Takes a claim back whose spawner died before it wrote anything: the same ticket is good again. The
    /// keeper only.
    pub fn unclaim(&self, slot: u16) {
        let state = State { owner: 0, phase: Phase::Free, ..self.state(slot) };
        let state = if state.epoch == self.epoch() {
            state
        } else {
            State { epoch: self.epoch(), ticket: 0, ..state }
        };
        self.state_cell(slot).store(state.pack(), Ordering::Release);
    }

    /// The start has succeeded. False: it has ended already.
    pub fn set_running(&self, slot: u16) -> bool {
        let state = self.state(slot);
        state.phase == Phase::Starting && self.swap(slot, state, State { phase: Phase::Running, ..state })
    }

    /// The run is over, or never was. The keeper only.
    pub fn set_ended(&self, slot: u16) {
        loop {
            let state = self.state(slot);
            if state.phase == Phase::Ended || self.swap(slot, state, State { phase: Phase::Ended, ..state }) {
                return;
            }
        }
    }

    /// The slot may be claimed again, in the current epoch and with the ticket that is returned. The keeper
    /// only, when nobody else writes it.
    pub fn set_free(&self, slot: u16) -> u32 {
        self.pid_cell(slot).store(0, Ordering::Release);
        let (old, epoch) = (self.state(slot), self.epoch());
        let ticket = if old.epoch == epoch { (old.ticket + 1) & TICKET_MASK } else { 0 };
        let state = State { epoch, ticket, owner: 0, phase: Phase::Free };
        self.state_cell(slot).store(state.pack(), Ordering::Release);
        ticket
    }

    /// What a slot is.
    pub fn state(&self, slot: u16) -> State {
        State::unpack(self.state_cell(slot).load(Ordering::Acquire))
    }

    /// All slots that are not free.
    pub fn taken(&self) -> impl Iterator<Item = (u16, State)> + '_ {
        self.states()
            .iter()
            .map(|state| State::unpack(state.load(Ordering::Acquire)))
            .enumerate()
            .filter(|(_, state)| state.phase != Phase::Free)
            .map(|(index, state)| (u16::try_from(index).unwrap_or(u16::MAX), state))
    }

    /// The slot whose process has this pid.
    pub fn slot_of(&self, pid: i32) -> Option<u16> {
        let cells = self.memory.halves();
        let index = cells.iter().position(|cell| cell.load(Ordering::Relaxed) == pid)?;
        if pid > 0 { u16::try_from(index).ok() } else { None }
    }

    /// The pid of a slot's process; 0: none yet.
    pub fn pid(&self, slot: u16) -> i32 {
        self.pid_cell(slot).load(Ordering::Acquire)
    }

    /// Where the kernel writes the pid.
    pub fn pid_cell(&self, slot: u16) -> &AtomicI32 {
        &self.memory.halves()[usize::from(slot) % SLOTS]
    }

    /// Writes who a claimed slot is for. Texts that are too long are cut: the caller has checked them.
    pub fn describe(&self, slot: u16, about: &Description<'_>) {
        let run = about.run;
        let process = u64::from(run.class) << 48 | u64::from(run.process) << 32 | u64::from(run.attempt);
        self.store(slot, field::POD, run.pod);
        self.store(slot, field::PROCESS, process);
        self.store(slot, field::SINKS, u64::from(about.sinks.0));
        for cleared in [
            field::STARTED_MONO,
            field::STARTED_WALL,
            field::FAULT,
            field::LIMITS_REFUSED,
            field::IDENTITY,
            field::ACKNOWLEDGED,
            field::OOM_BEFORE,
            field::END,
        ] {
            self.store(slot, cleared, 0);
        }
        let label = self.write_text(slot, field::LABEL, about.label, LABEL_BYTES_MAX);
        let path = self.write_text(slot, field::LOG_PATH, about.log_path, LOG_PATH_BYTES_MAX);
        let group = self.write_text(slot, field::GROUP, about.group, GROUP_BYTES_MAX);
        self.store(slot, field::LENGTHS, label | path << 16 | group << 48);
        self.store(slot, field::DESCRIBED, self.state(slot).pack());
    }

    /// Who a slot is for.
    pub fn run(&self, slot: u16) -> Run {
        let process = self.load(slot, field::PROCESS);
        Run {
            pod: self.load(slot, field::POD),
            class: (process >> 48) as u8,
            process: (process >> 32) as u16,
            attempt: process as u32,
        }
    }

    /// The label.
    pub fn label(&self, slot: u16) -> Bytes {
        self.read_text(slot, field::LABEL, self.load(slot, field::LENGTHS), LABEL_BYTES_MAX)
    }

    /// The path of its log.
    pub fn log_path(&self, slot: u16) -> Bytes {
        self.read_text(slot, field::LOG_PATH, self.load(slot, field::LENGTHS) >> 16, LOG_PATH_BYTES_MAX)
    }

    /// Which streams are logged.
    pub fn sinks(&self, slot: u16) -> Sinks {
        Sinks(self.load(slot, field::SINKS) as u8)
    }

    /// Its process had the signal by which it was asked to end. The keeper only, when the spawner is through.
    pub fn set_asked(&self, slot: u16) {
        let sinks = self.load(slot, field::SINKS);
        self.store(slot, field::SINKS, sinks | ASKED);
    }

    /// Whether it had that.
    pub fn asked(&self, slot: u16) -> bool {
        self.load(slot, field::SINKS) & ASKED != 0
    }

    /// When it was started; zeros: not yet.
    pub fn started(&self, slot: u16) -> Instant {
        let wall = self.load(slot, field::STARTED_WALL).cast_signed();
        Instant { mono: self.load(slot, field::STARTED_MONO), wall }
    }

    /// Writes when it was started.
    pub fn set_started(&self, slot: u16, at: Instant) {
        self.store(slot, field::STARTED_WALL, at.wall.cast_unsigned());
        self.store(slot, field::STARTED_MONO, at.mono);
    }

    /// The word in which a child reports the step that failed; see [`pack_fault`].
    pub fn fault_cell(&self, slot: u16) -> &AtomicU64 {
        self.cell(slot, field::FAULT)
    }

    /// The word in which a child counts the limits that it could not raise.
    pub fn limits_cell(&self, slot: u16) -> &AtomicU64 {
        self.cell(slot, field::LIMITS_REFUSED)
    }

    /// Writes why there is no run.
    pub fn set_fault(&self, slot: u16, step: Step, errno: i32, detail: &[u8]) {
        self.set_fault_detail(slot, detail);
        self.fault_cell(slot).store(pack_fault(step, errno), Ordering::Release);
    }

    /// Writes what the fault is about.
    pub fn set_fault_detail(&self, slot: u16, detail: &[u8]) {
        let lengths = self.load(slot, field::LENGTHS) & 0xffff_0000_ffff_ffff;
        let detail = self.write_text(slot, field::DETAIL, detail, DETAIL_BYTES_MAX);
        self.store(slot, field::LENGTHS, lengths | detail << 32);
    }

    /// Why there is no run, if so: step, errno, detail.
    pub fn fault(&self, slot: u16) -> Option<(Step, i32, Bytes)> {
        let fault = self.load(slot, field::FAULT);
        let step = Step::from_wire((fault >> 32) as u8)?;
        let lengths = self.load(slot, field::LENGTHS);
        let detail = self.read_text(slot, field::DETAIL, lengths >> 32, DETAIL_BYTES_MAX);
        Some((step, fault as u32 as i32, detail))
    }

    /// Resource limits that could not be raised, a bit for each number.
    pub fn limits_refused(&self, slot: u16) -> u32 {
        self.load(slot, field::LIMITS_REFUSED) as u32
    }

    fn swap(&self, slot: u16, from: State, to: State) -> bool {
        let cell = self.state_cell(slot);
        cell.compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Copies a text into words; gives how many bytes were taken.
    fn write_text(&self, slot: u16, place: usize, text: &[u8], room: usize) -> u64 {
        let text = text.get(..room).unwrap_or(text);
        for (index, chunk) in text.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.store(slot, place + index, u64::from_le_bytes(word));
        }
        text.len() as u64
    }

    fn read_text(&self, slot: u16, place: usize, length: u64, room: usize) -> Bytes {
        let length = usize::from(length as u16).min(room);
        let mut text = Bytes { length, bytes: [0; TEXT_BYTES_MAX] };
        for (index, chunk) in text.bytes[..length.next_multiple_of(8)].chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&self.load(slot, place + index).to_le_bytes());
        }
        text
    }

    fn load(&self, slot: u16, field: usize) -> u64 {
        self.cell(slot, field).load(Ordering::Acquire)
    }

    fn store(&self, slot: u16, field: usize, value: u64) {
        self.cell(slot, field).store(value, Ordering::Release);
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.memory.words()[index]
    }

    fn states(&self) -> &[AtomicU64] {
        &self.memory.words()[HEADER_WORDS..HEADER_WORDS + SLOTS]
    }

    fn state_cell(&self, slot: u16) -> &AtomicU64 {
        &self.states()[usize::from(slot) % SLOTS]
    }

    fn cell(&self, slot: u16, field: usize) -> &AtomicU64 {
        let record = usize::from(slot) % SLOTS * field::WORDS;
        &self.memory.words()[HEADER_WORDS + SLOTS + record + field]
    }
}

/// A step and an errno in one word, so that a child reports both by one store. 0 is "no fault".
pub const fn pack_fault(step: Step, errno: i32) -> u64 {
    (step as u64) << 32 | errno.cast_unsigned() as u64
}

impl State {
    fn pack(self) -> u64 {
        let ticket = u64::from(self.ticket & TICKET_MASK);
        self.epoch << 40 | ticket << 16 | u64::from(self.owner) << 8 | self.phase as u64
    }

    fn unpack(word: u64) -> Self {
        let phase = match word & 0xff {
            0 => Phase::Free,
            1 => Phase::Starting,
            2 => Phase::Running,
            _ => Phase::Ended,
        };
        Self { epoch: word >> 40, ticket: (word >> 16) as u32 & TICKET_MASK, owner: (word >> 8) as u8, phase }
    }
}

#[cfg(test)]
mod tests;
