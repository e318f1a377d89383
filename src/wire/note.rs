//! What a manager has in hand, written where the next one can read it: the keeper holds the memory.
//!
//! A manager that dies takes its reason along. So it notes each event before it takes it in, and each
//! order before it carries it out, and strikes both out when the turn is over; that costs some stores to
//! memory and no system call. The next manager finds what was in hand, and keeps here what it made of it:
//! the suspects (what was in hand at a death) and the units that are set aside. What that means is decided
//! in the manager; here is only the layout.
//!
//! All values are plain words. Nothing found here is trusted: a text is cut to its room, a count to its list.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::{IN_HAND_MAX, QUARANTINED_MAX, SUSPECTS_MAX};
use crate::sys::memory::SharedMemory;

/// The mapped note.
pub struct Note {
    memory: SharedMemory,
}

/// Something in hand, with names for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InHand {
    /// What makes it the same as the last time; never 0.
    pub fingerprint: u64,
    /// The unit that it belongs to; empty: none.
    pub unit: String,
    /// In words: `exit of web-0`.
    pub what: String,
}

/// A unit that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Its name.
    pub unit: String,
    /// Why.
    pub reason: String,
}

/// A text in the memory: its length, then so many words.
#[derive(Clone, Copy)]
struct Text {
    at: usize,
    words: usize,
}

/// Numbers in the memory: how many were ever added, then the last so many of them.
#[derive(Clone, Copy)]
struct Ring {
    at: usize,
    room: usize,
}

const UNIT_WORDS: usize = 8;
const WHAT_WORDS: usize = 32;
const REASON_WORDS: usize = 64;

const ACT: usize = 0;
const ACT_UNIT: Text = Text { at: 1, words: UNIT_WORDS };
const ACT_WHAT: Text = Text { at: ACT_UNIT.end(), words: WHAT_WORDS };
const EVENT_UNIT: Text = Text { at: ACT_WHAT.end(), words: UNIT_WORDS };
const EVENT_WHAT: Text = Text { at: EVENT_UNIT.end(), words: WHAT_WORDS };
const PANIC: Text = Text { at: EVENT_WHAT.end(), words: REASON_WORDS };
const EVENTS: Ring = Ring { at: PANIC.end(), room: IN_HAND_MAX };
const SUSPECTS: Ring = Ring { at: EVENTS.end(), room: SUSPECTS_MAX };
const ASIDE: usize = SUSPECTS.end();
const ASIDE_EACH: usize = 2 + UNIT_WORDS + REASON_WORDS;
const WORDS: usize = ASIDE + 1 + QUARANTINED_MAX * ASIDE_EACH;

impl Text {
    const fn end(self) -> usize {
        self.at + 1 + self.words
    }
}

impl Ring {
    const fn end(self) -> usize {
        self.at + 1 + self.room
    }
}

/// The memory, for the keeper to hold.
pub fn create() -> io::Result<OwnedFd> {
    Ok(SharedMemory::create(c"supd-note", WORDS, 0)?.0)
}

impl Note {
    /// Maps what the keeper holds.
    pub fn open(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { memory: SharedMemory::map(fd, WORDS, 0)? })
    }

    /// An event is about to be taken in, beside those that this turn has taken in already.
    pub fn add_event(&self, fingerprint: u64, unit: &str, what: [&str; 2]) {
        self.write(EVENT_UNIT, [unit, ""]);
        self.write(EVENT_WHAT, what);
        // Last: what is counted is there.
        self.push(EVENTS, fingerprint);
    }

    /// An order is about to be carried out.
    pub fn begin_act(&self, fingerprint: u64, unit: &str, what: [&str; 2]) {
        self.write(ACT_UNIT, [unit, ""]);
        self.write(ACT_WHAT, what);
        self.set(ACT, fingerprint);
    }

    /// It is carried out.
    pub fn end_act(&self) {
        self.set(ACT, 0);
    }

    /// The turn is over: nothing is in hand.
    pub fn clear(&self) {
        self.set(ACT, 0);
        self.set(EVENTS.at, 0);
    }

    /// The order in hand.
    pub fn act(&self) -> Option<InHand> {
        let fingerprint = self.get(ACT);
        let (unit, what) = (self.read(ACT_UNIT), self.read(ACT_WHAT));
        (fingerprint != 0).then_some(InHand { fingerprint, unit, what })
    }

    /// The fingerprints of the events in hand; if there are very many, of the last of them.
    pub fn events(&self) -> Vec<u64> {
        self.list(EVENTS)
    }

    /// The last event in hand.
    pub fn last_event(&self) -> Option<InHand> {
        let fingerprint = *self.events().last()?;
        Some(InHand { fingerprint, unit: self.read(EVENT_UNIT), what: self.read(EVENT_WHAT) })
    }

    /// The manager panics, with this message.
    pub fn set_panic(&self, message: &str) {
        self.write(PANIC, [message, ""]);
    }

    /// The message of the panic that a manager died of, if it did; it is struck out.
    pub fn take_panic(&self) -> String {
        let message = self.read(PANIC);
        self.set(PANIC.at, 0);
        message
    }

    /// What was in hand at a death and has not gone well since.
    pub fn suspects(&self) -> Vec<u64> {
        self.list(SUSPECTS)
    }

    /// Replaces them; of very many the last are kept.
    pub fn set_suspects(&self, suspects: impl IntoIterator<Item = u64>) {
        self.set(SUSPECTS.at, 0);
        for suspect in suspects {
            self.push(SUSPECTS, suspect);
        }
    }

    /// The units that are set aside.
    pub fn aside(&self) -> Vec<Aside> {
        let count = usize::try_from(self.get(ASIDE)).unwrap_or(0).min(QUARANTINED_MAX);
        let read = |index| {
            let (unit, reason) = aside_at(index);
            Aside { unit: self.read(unit), reason: self.read(reason) }
        };
        (0..count).map(read).collect()
    }

    /// Replaces them; of very many the last are kept.
    pub fn set_aside(&self, all: &[Aside]) {
        self.set(ASIDE, 0);
        let kept = all.get(all.len().saturating_sub(QUARANTINED_MAX)..).unwrap_or_default();
        for (index, aside) in kept.iter().enumerate() {
            let (unit, reason) = aside_at(index);
            self.write(unit, [&aside.unit, ""]);
            self.write(reason, [&aside.reason, ""]);
        }
        self.set(ASIDE, kept.len() as u64);
    }

    fn word(&self, at: usize) -> Option<&AtomicU64> {
        self.memory.words().get(at)
    }

    fn get(&self, at: usize) -> u64 {
        self.word(at).map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn set(&self, at: usize, value: u64) {
        if let Some(word) = self.word(at) {
            word.store(value, Ordering::Release);
        }
    }

    fn push(&self, ring: Ring, value: u64) {
        let count = self.get(ring.at);
        self.set(ring.at + 1 + usize::try_from(count).unwrap_or(0) % ring.room, value);
        self.set(ring.at, count.wrapping_add(1));
    }

    /// The last of a ring, oldest first.
    fn list(&self, ring: Ring) -> Vec<u64> {
        let count = usize::try_from(self.get(ring.at)).unwrap_or(0);
        (count.saturating_sub(ring.room)..count).map(|n| self.get(ring.at + 1 + n % ring.room)).collect()
    }

    /// Writes what fits of a text in two parts.
    fn write(&self, text: Text, parts: [&str; 2]) {
        let mut bytes = [0u8; 8 * REASON_WORDS];
        let room = bytes.get_mut(..8 * text.words).unwrap_or_default();
        let mut length = 0;
        for (place, byte) in room.iter_mut().zip(parts.into_iter().flat_map(str::bytes)) {
            *place = byte;
            length += 1;
        }
        self.set(text.at, 0);
        for (index, chunk) in bytes.chunks_exact(8).take(usize::div_ceil(length, 8)).enumerate() {
            self.set(text.at + 1 + index, u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
        }
        self.set(text.at, length as u64);
    }

    fn read(&self, text: Text) -> String {
        let length = usize::try_from(self.get(text.at)).unwrap_or(0).min(8 * text.words);
        let words = (0..length.div_ceil(8)).map(|index| self.get(text.at + 1 + index));
        let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        bytes.truncate(length);
        // A text that was cut may end within a character.
        String::from_utf8_lossy(&bytes).trim_end_matches('\u{fffd}').to_owned()
    }
}

fn aside_at(index: usize) -> (Text, Text) {
    let unit = Text { at: ASIDE + 1 + index * ASIDE_EACH, words: UNIT_WORDS };
    (unit, Text { at: unit.end(), words: REASON_WORDS })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn two_managers() -> (Note, Note) {
        let fd = create().unwrap();
        (Note::open(fd.as_fd()).unwrap(), Note::open(fd.as_fd()).unwrap())
    }

    #[test]
    fn what_is_in_hand_is_found_by_the_next_manager() {
        let (one, next) = two_managers();
        assert!(next.act().is_none() && next.last_event().is_none() && next.take_panic().is_empty());
        one.add_event(7, "web", ["exit of ", "web-0"]);
        one.add_event(8, "db", ["start of ", "db-0"]);
        one.begin_act(9, "db", ["the start of ", "db-1"]);
        one.set_panic("index out of bounds");
        assert_eq!(next.events(), [7, 8]);
        assert_eq!(
            next.last_event(),
            Some(InHand { fingerprint: 8, unit: "db".into(), what: "start of db-0".into() })
        );
        assert_eq!(next.act().map(|act| (act.fingerprint, act.what)), Some((9, "the start of db-1".into())));
        assert_eq!((next.take_panic().as_str(), next.take_panic().as_str()), ("index out of bounds", ""));
        one.end_act();
        assert!(next.act().is_none());
        one.clear();
        assert!(next.events().is_empty());
    }

    #[test]
    fn lists_keep_their_last_and_texts_their_beginning() {
        let (one, next) = two_managers();
        one.set_suspects(0..SUSPECTS_MAX as u64 + 3);
        assert_eq!(next.suspects().len(), SUSPECTS_MAX);
        assert_eq!((next.suspects()[0], next.suspects().last()), (3, Some(&(SUSPECTS_MAX as u64 + 2))));
        let aside = |n: usize| Aside { unit: format!("u{n}"), reason: "é".repeat(n * 100) };
        let all: Vec<Aside> = (0..=QUARANTINED_MAX).map(aside).collect();
        one.set_aside(&all);
        let found = next.aside();
        assert_eq!((found.len(), found[0].unit.as_str()), (QUARANTINED_MAX, "u1"));
        assert_eq!(found[0].reason, "é".repeat(100));
        assert_eq!(found.last().unwrap().reason.chars().count(), 8 * REASON_WORDS / 2);
        one.set_aside(&[]);
        assert!(next.aside().is_empty());
    }
}
