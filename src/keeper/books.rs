//! What the keeper knows of each slot beside the table: descriptors, and how far its run's end has got.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use super::heirloom::Heir;
use super::will;
use crate::limits::{LOST_STARTS_MAX, SLOTS};
use crate::wire::table::end::End;

/// The book of one slot.
#[derive(Default)]
pub(super) struct Book {
    /// Watched until its end.
    pub(super) pidfd: Option<OwnedFd>,
    /// Read ends of standard output and error; kept, so that a logger's death loses nothing.
    pub(super) pipes: [Option<Heir>; 2],
    /// The spawner touches the slot no more.
    pub(super) settled: bool,
    /// The process has been reaped, or there is none.
    pub(super) end: Option<End>,
    /// Its exit's number; 0: it has none yet.
    pub(super) seq: u64,
    /// The exit is safe with the manager.
    pub(super) acknowledged: bool,
    /// Its process is not our child: it began under a keeper that has died.
    pub(super) adopted: bool,
    /// A snapshot showed it as being started.
    pub(super) announced_unborn: bool,
    /// What the logger was told.
    pub(super) told: Told,
    /// How many spawners have died with this start in their hands.
    pub(super) lost_starts: u8,
    /// Its start was called off: it is not begun again.
    pub(super) given_up: bool,
    /// Its process has ended, and something of it is still in its cgroup: what says when that is over.
    pub(super) group_events: Option<OwnedFd>,
    /// All that was in its cgroup has had KILL at once.
    pub(super) group_killed: bool,
    /// It has had KILL, or what it left has, and it was looked at after that for the first time.
    pub(super) lingers: bool,
}

/// What the logger knows of a slot.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    /// The slot stands in the queue of what is to be told.
    pub(super) queued: bool,
    /// Which of the pipes it has.
    pub(super) pipes: [bool; 2],
    /// That the run has ended.
    pub(super) ended: bool,
}

/// All books, and the order in which exits are told.
pub(super) struct Books {
    /// Only as long as the highest slot that was used: managers take low numbers first.
    books: Vec<Book>,
    /// (number, slot) of exits that are not acknowledged, oldest first. A slot is here once at most.
    exits: VecDeque<(u64, u16)>,
    /// How many of them, from the front, this manager has been told.
    exits_told: usize,
    last_seq: u64,
}

impl Books {
    /// Reserves all that will ever be needed; pages are used as they are touched.
    pub(super) fn reserve() -> Self {
        Self {
            books: Vec::with_capacity(SLOTS),
            exits: VecDeque::with_capacity(SLOTS),
            exits_told: 0,
            last_seq: 0,
        }
    }

    /// The book of a slot. Numbers beyond the table share its last: the callers have checked theirs.
    pub(super) fn of(&mut self, slot: u16) -> &mut Book {
        let index = usize::from(slot).min(SLOTS - 1);
        while self.books.len() <= index {
            self.books.push(Book::default());
        }
        &mut self.books[index]
    }

    /// Looks into a book without making one.
    pub(super) fn settled(&self, slot: u16) -> bool {
        self.books.get(usize::from(slot)).is_some_and(|book| book.settled)
    }

    /// Looks into a book without making one.
    pub(super) fn has_ended(&self, slot: u16) -> bool {
        self.books.get(usize::from(slot)).is_some_and(|book| book.end.is_some())
    }

    /// Whether a run has ended, and something of it is still in its cgroup.
    pub(super) fn lingers_in_group(&self, slot: u16) -> bool {
        self.books.get(usize::from(slot)).is_some_and(|book| book.group_events.is_some())
    }

    /// How many slots have a book.
    pub(super) fn len(&self) -> u16 {
        u16::try_from(self.books.len()).unwrap_or(u16::MAX)
    }

    /// The exits that are not acknowledged, and the last number that was given: for the program that goes on
    /// with them.
    pub(super) fn numbered(&self) -> (Vec<(u64, u16)>, u64) {
        (self.exits.iter().copied().collect(), self.last_seq)
    }

    /// Goes on with the numbers of the program before us. The manager may have stored some of them.
    pub(super) fn go_on_with(&mut self, exits: &[(u64, u16)], last_seq: u64) {
        for (seq, slot) in exits {
            self.of(*slot).seq = *seq;
            self.exits.push_back((*seq, *slot));
            will::note_exit(*slot, *seq);
        }
        self.last_seq = last_seq;
        will::set(will::Fact::LastSeq, last_seq);
    }

    /// Numbers an exit, which is told from now on until it is acknowledged.
    pub(super) fn number(&mut self, slot: u16) {
        self.last_seq += 1;
        let seq = self.last_seq;
        self.of(slot).seq = seq;
        self.exits.push_back((seq, slot));
        will::note_exit(slot, seq);
    }

    /// The next exit to tell.
    pub(super) fn next_exit(&self) -> Option<(u64, u16)> {
        self.exits.get(self.exits_told).copied()
    }

    /// It was told.
    pub(super) fn exit_told(&mut self) {
        self.exits_told += 1;
    }

    /// A new manager has been told nothing.
    pub(super) fn forget_told(&mut self) {
        self.exits_told = 0;
    }

    /// Whether the manager has yet to acknowledge what it was told.
    pub(super) fn unanswered(&self) -> bool {
        self.exits_told > 0
    }

    /// Takes the oldest exit that is acknowledged by this number, if it was told at all.
    pub(super) fn acknowledge(&mut self, seq: u64) -> Option<u16> {
        let (number, slot) = *self.exits.front()?;
        if number > seq || self.exits_told == 0 {
            return None;
        }
        self.exits.pop_front();
        self.exits_told -= 1;
        self.of(slot).acknowledged = true;
        Some(slot)
    }
}

impl Book {
    /// Whether a start that a spawner took with it is begun again: not one that is deadly to spawners.
    pub(super) fn may_start_again(&self) -> bool {
        !self.given_up && self.lost_starts < LOST_STARTS_MAX
    }

    /// Whether nobody needs the slot any more.
    pub(super) fn is_done(&self) -> bool {
        self.acknowledged && self.settled && self.end.is_some() && self.pipes.iter().all(Option::is_none)
    }

    /// Whether it is logged.
    pub(super) fn has_pipes(&self) -> bool {
        self.pipes.iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_are_told_in_order_until_they_are_acknowledged() {
        let mut books = Books::reserve();
        for slot in [5, 3, 9] {
            books.number(slot);
        }
        assert_eq!(books.acknowledge(u64::MAX), None, "nobody can acknowledge what was not told");
        assert_eq!(books.next_exit(), Some((1, 5)));
        books.exit_told();
        assert_eq!(books.next_exit(), Some((2, 3)));
        books.exit_told();
        assert_eq!(books.acknowledge(1), Some(5));
        assert_eq!(books.acknowledge(1), None);
        books.forget_told();
        assert_eq!(
            books.next_exit(),
            Some((2, 3)),
            "the next manager hears what this one did not acknowledge"
        );
        books.exit_told();
        books.exit_told();
        assert_eq!(books.acknowledge(3), Some(3));
        assert_eq!(books.acknowledge(3), Some(9));
        assert!(!books.unanswered());
        assert_eq!(books.len(), 10);
    }
}
