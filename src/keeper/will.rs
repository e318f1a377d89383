//! The keeper's will: all that the next program of the same process needs, should this one end by a fault, beside
//! what the slot table says. Kept up to date as things change, since after a fault nobody can write it.
//!
//! It is a memfd of plain words, and it is global: the handler of a fault must find it. Every fact is one word, so
//! that a fault in the middle of a change leaves the old or the new one. What takes several is made valid by one
//! that is written last, and taken away first. The process was at fault and may have written anywhere, so whoever
//! reads believes nothing: numbers are bounded, and a descriptor is who it was only if its inode says so.
//!
//! Descriptors are noted by their number: the kernel gives low ones first, so the list is short and never moves.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::heirloom::{Heir, Heirloom};
use crate::limits::{FAULT_TEXT_BYTES_MAX, SLOTS, WILL_DESCRIPTORS_MAX};
use crate::sys::memory::SharedMemory;
use crate::sys::process::adopt;
use crate::wire::message::{Cause, Faults};
use crate::wire::run::Instant;

/// One number of the keeper.
#[derive(Clone, Copy)]
pub(super) enum Fact {
    /// Of the layout.
    Magic,
    /// Faults so far, when the last one was on both clocks, and what.
    Faults,
    FaultMono,
    FaultWall,
    FaultCause,
    FaultTextBytes,
    /// When the keeper began.
    SinceMono,
    SinceWall,
    /// The soft limit of descriptors that runs get back, and one more; 0: none.
    Nofile,
    ManagerDeaths,
    LoggerDeaths,
    Strangers,
    Replaced,
    /// Of the control socket's file; the mode and a bit above it, or 0: none.
    ListenerDevice,
    ListenerInode,
    ListenerMode,
    /// The last number that an exit was given.
    LastSeq,
    /// The roles' processes: a pid, and who that is.
    ManagerPid,
    ManagerIdentity,
    LoggerPid,
    LoggerIdentity,
    /// The end of supd, as far as it has come: see `halt::after_fault`.
    HaltStage,
    HaltDeadline,
    HaltLatest,
    HaltCode,
    HaltAfter,
    HaltByClient,
    /// The request to stop: signal, and how often.
    StopSignal,
    StopCount,
    /// One more than the highest descriptor that was ever noted.
    DescriptorsEnd,
    Count,
}

const MAGIC: u64 = 0x7375_7064_7769_6c01;
const TEXT: usize = Fact::Count as usize;
const TEXT_WORDS: usize = FAULT_TEXT_BYTES_MAX / 8;
/// The number of each slot's exit that is not acknowledged; 0: there is none.
const SEQS: usize = TEXT + TEXT_WORDS;
const DESCRIPTORS: usize = SEQS + SLOTS;
const WORDS: usize = DESCRIPTORS + WILL_DESCRIPTORS_MAX * entry::WORDS;

/// Words of a descriptor.
mod entry {
    /// What it is, and a bit above; 0: nothing. Written last.
    pub(super) const WHAT: usize = 0;
    /// Which kind of file, and its inode.
    pub(super) const FILE: usize = 1;
    pub(super) const DETAIL: usize = 2;
    pub(super) const WORDS: usize = 4;
}

const _: () = assert!(FAULT_TEXT_BYTES_MAX.is_multiple_of(8));

/// A will, and its descriptor.
struct Will {
    memory: SharedMemory,
    fd: OwnedFd,
}

static WILL: OnceLock<Will> = OnceLock::new();

/// Begins an empty one; gives its descriptor's number. Once in a process.
pub(super) fn begin() -> io::Result<RawFd> {
    let (fd, memory) = SharedMemory::create(c"supd-will", WORDS, 0)?;
    let number = hold(Will { memory, fd })?;
    set(Fact::Magic, MAGIC);
    Ok(number)
}

/// Takes up the one that the program before us has left, and goes on with it. Once in a process.
pub(super) fn take_up(number: RawFd) -> io::Result<()> {
    let fd = adopt(number).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    let memory = SharedMemory::map(fd.as_fd(), WORDS, 0)?;
    hold(Will { memory, fd })?;
    match get(Fact::Magic) {
        MAGIC => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a will of this version")),
    }
}

/// The number of its descriptor.
pub(super) fn number() -> Option<RawFd> {
    WILL.get().map(|will| will.fd.as_raw_fd())
}

fn hold(will: Will) -> io::Result<RawFd> {
    let number = will.fd.as_raw_fd();
    WILL.set(will).map_err(|_| io::Error::other("there is a will already"))?;
    Ok(number)
}

/// Without a will, as in tests of parts, nothing is noted.
fn word(index: usize) -> Option<&'static AtomicU64> {
    WILL.get()?.memory.words().get(index)
}

fn load(index: usize) -> u64 {
    word(index).map_or(0, |word| word.load(Ordering::Acquire))
}

fn store(index: usize, value: u64) {
    if let Some(word) = word(index) {
        word.store(value, Ordering::Release);
    }
}

/// What a fact is.
pub(super) fn get(fact: Fact) -> u64 {
    load(fact as usize)
}

/// Notes it.
pub(super) fn set(fact: Fact, value: u64) {
    store(fact as usize, value);
}

/// An exit has a number.
pub(super) fn note_exit(slot: u16, seq: u64) {
    set(Fact::LastSeq, seq);
    store(SEQS + usize::from(slot) % SLOTS, seq);
}

/// The exit is acknowledged.
pub(super) fn forget_exit(slot: u16) {
    store(SEQS + usize::from(slot) % SLOTS, 0);
}

/// Exits that have a number, by it.
pub(super) fn exits() -> Vec<(u64, u16)> {
    let slots = (0..SLOTS).filter_map(|slot| u16::try_from(slot).ok());
    let numbered = slots.map(|slot| (load(SEQS + usize::from(slot)), slot));
    let mut exits: Vec<_> = numbered.filter(|(seq, _)| *seq != 0).collect();
    exits.sort_unstable();
    exits
}

/// A role runs, or (pid 0) does not. The pid is valid with its identity alone.
pub(super) fn note_process(pid: Fact, identity: Fact, process: (i32, u64)) {
    set(pid, 0);
    set(identity, process.1);
    set(pid, u64::try_from(process.0).unwrap_or(0));
}

/// Notes a descriptor that goes along.
pub(super) fn note_heirloom(fd: BorrowedFd<'_>, heirloom: Heirloom) {
    let Some(base) = entry_of(fd.as_raw_fd()).filter(|_| WILL.get().is_some()) else { return };
    let (tag, detail) = heirloom.pack();
    store(base + entry::WHAT, 0);
    store(base + entry::FILE, file_of(fd));
    store(base + entry::DETAIL, detail[0]);
    store(base + entry::DETAIL + 1, detail[1]);
    store(base + entry::WHAT, 1 << 8 | u64::from(tag));
    let end = fd.as_raw_fd().unsigned_abs().into();
    if get(Fact::DescriptorsEnd) <= end {
        set(Fact::DescriptorsEnd, end + 1);
    }
}

/// It is about to be closed.
pub(super) fn strike_out(number: RawFd) {
    if let Some(base) = entry_of(number) {
        store(base + entry::WHAT, 0);
    }
}

/// Where a number's words are. Standard input, output and error are nobody's to give.
fn entry_of(number: RawFd) -> Option<usize> {
    let number = usize::try_from(number).ok().filter(|number| (3..WILL_DESCRIPTORS_MAX).contains(number))?;
    Some(DESCRIPTORS + number * entry::WORDS)
}

/// Which file it is, among those that are open now; 0: nobody can say.
fn file_of(fd: BorrowedFd<'_>) -> u64 {
    nix::sys::stat::fstat(fd).map_or(0, |stat| stat.st_ino << 4 | u64::from(stat.st_mode >> 12 & 0xf))
}

/// All that are noted.
fn entries() -> impl Iterator<Item = (RawFd, usize)> {
    let end = get(Fact::DescriptorsEnd).min(WILL_DESCRIPTORS_MAX as u64);
    let numbers = (3..end).filter_map(|number| RawFd::try_from(number).ok());
    let noted = numbers.filter_map(|number| Some((number, entry_of(number)?)));
    noted.filter(|(_, base)| load(base + entry::WHAT) != 0)
}

/// Names each descriptor that goes along, the will's own first. A handler may call it.
pub(super) fn each_number(name: &mut dyn FnMut(RawFd)) {
    if let Some(will) = WILL.get() {
        name(will.fd.as_raw_fd());
        entries().for_each(|(number, _)| name(number));
    }
}

/// What goes along, and under which number.
pub(super) fn heirlooms() -> Vec<(Heirloom, RawFd)> {
    let what = |base| {
        let detail = [load(base + entry::DETAIL), load(base + entry::DETAIL + 1)];
        Heirloom::unpack(load(base + entry::WHAT) as u8, detail)
    };
    entries().filter_map(|(number, base)| Some((what(base)?, number))).collect()
}

/// Takes what the program before us has left. What is not what it was noted as is closed.
pub(super) fn claim() -> Vec<(Heirloom, Heir)> {
    let mut claimed = Vec::new();
    let left: Vec<_> = heirlooms();
    let known: Vec<RawFd> = left.iter().map(|(_, number)| *number).collect();
    for (heirloom, number) in left {
        let Some((fd, base)) = adopt(number).zip(entry_of(number)) else {
            strike_out(number);
            continue;
        };
        match load(base + entry::FILE) == file_of(fd.as_fd()) {
            true => claimed.push((heirloom, Heir::new(heirloom, fd))),
            false => strike_out(number),
        }
    }
    // Numbers that nothing can be made of were left open all the same.
    let unknown: Vec<RawFd> =
        entries().map(|(number, _)| number).filter(|number| !known.contains(number)).collect();
    for number in unknown {
        drop(adopt(number));
        strike_out(number);
    }
    claimed
}

/// Counts a fault. A handler may call it.
pub(super) fn note_fault(cause: Cause, at: Instant) {
    set(Fact::FaultCause, u64::from(cause.to_wire()));
    set(Fact::FaultMono, at.mono);
    set(Fact::FaultWall, at.wall.cast_unsigned());
    set(Fact::Faults, get(Fact::Faults).saturating_add(1));
}

/// What the will says of faults.
pub(super) fn faults() -> Faults {
    Faults {
        count: u32::try_from(get(Fact::Faults)).unwrap_or(u32::MAX),
        last: Cause::from_wire(get(Fact::FaultCause) as u8),
        at: Instant { mono: get(Fact::FaultMono), wall: get(Fact::FaultWall).cast_signed() },
    }
}

/// Notes what there is to say of the fault that comes next; cut where it is too long.
pub(super) fn note_text(text: &[u8]) {
    let text = text.get(..FAULT_TEXT_BYTES_MAX).unwrap_or(text);
    for (index, bytes) in text.chunks(8).enumerate() {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        store(TEXT + index, u64::from_le_bytes(word));
    }
    set(Fact::FaultTextBytes, text.len() as u64);
}

/// What was said of it, fit to be shown.
pub(super) fn text() -> String {
    let length = usize::try_from(get(Fact::FaultTextBytes)).unwrap_or(0).min(FAULT_TEXT_BYTES_MAX);
    let mut bytes: Vec<u8> =
        (0..length.div_ceil(8)).flat_map(|index| load(TEXT + index).to_le_bytes()).collect();
    bytes.truncate(length);
    let words = |c: char| if c.is_control() { ' ' } else { c };
    String::from_utf8_lossy(&bytes).chars().map(words).collect()
}

#[cfg(test)]
mod tests;
