//! Places for connections: who may have how many, and who must go when all are taken.
//!
//! A newcomer takes the place of the longest-idle connection of its own user. Long answers (watches,
//! commands) may not take all places, so that there is always an idle one, or one that is soon idle: the
//! owner can always get in.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::task::AbortHandle;

use crate::limits::{CONNECTIONS_EACH_MAX, CONNECTIONS_STRANGERS_MAX, STREAMS_EACH_MAX};

/// Who is at the other end, as far as places and rights go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    /// User 0.
    Root,
    /// The user whom supd runs as, where that is not root.
    Owner,
    /// Anybody else, who may ask nothing.
    Stranger,
}

/// All places.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: RefCell<BTreeMap<u64, Taken>>,
    next: Cell<u64>,
}

/// One connection, in the table.
#[derive(Debug)]
struct Taken {
    party: Party,
    use_: Rc<Cell<Use>>,
    task: Option<AbortHandle>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Waits for a request.
    Idle,
    /// Has a request that is short.
    Request,
    /// Watches, or runs a command.
    Stream,
}

/// A place, as its connection holds it; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Rc<Places>,
    number: u64,
    party: Party,
    use_: Rc<Cell<Use>>,
}

/// A request is being answered; over when dropped.
#[derive(Debug)]
pub(super) struct Busy {
    use_: Rc<Cell<Use>>,
}

impl Party {
    /// Who `uid` is, where `root` and `owner` are these users.
    pub(super) fn of(uid: u32, root: u32, owner: u32) -> Self {
        match uid {
            uid if uid == root => Self::Root,
            uid if uid == owner => Self::Owner,
            _ => Self::Stranger,
        }
    }

    fn places_max(self) -> usize {
        match self {
            Self::Root | Self::Owner => CONNECTIONS_EACH_MAX,
            Self::Stranger => CONNECTIONS_STRANGERS_MAX,
        }
    }
}

impl Places {
    /// A place; if there is none, an idle connection of the same party ends for it.
    pub(super) fn take(self: &Rc<Self>, party: Party) -> Option<Place> {
        if self.count(party) >= party.places_max() {
            self.evict(party)?;
        }
        let number = self.next.replace(self.next.get().wrapping_add(1));
        let use_ = Rc::new(Cell::new(Use::Idle));
        self.taken.borrow_mut().insert(number, Taken { party, use_: use_.clone(), task: None });
        Some(Place { places: self.clone(), number, party, use_ })
    }

    /// Which task ends if the place is needed.
    pub(super) fn occupy(&self, number: u64, task: AbortHandle) {
        if let Some(taken) = self.taken.borrow_mut().get_mut(&number) {
            taken.task = Some(task);
        }
    }

    fn count(&self, party: Party) -> usize {
        self.taken.borrow().values().filter(|taken| taken.party == party).count()
    }

    fn streams(&self, party: Party) -> usize {
        let taken = self.taken.borrow();
        taken.values().filter(|taken| taken.party == party && taken.use_.get() == Use::Stream).count()
    }

    /// Ends the connection that came first of those that idle.
    fn evict(&self, party: Party) -> Option<()> {
        let mut taken = self.taken.borrow_mut();
        let idle = |(_, taken): &(&u64, &Taken)| taken.party == party && taken.use_.get() == Use::Idle;
        let number = *taken.iter().find(idle)?.0;
        // The task's own Place finds nothing to give back then.
        taken.remove(&number)?.task?.abort();
        Some(())
    }
}

impl Place {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn party(&self) -> Party {
        self.party
    }

    /// A request has begun.
    pub(super) fn begin(&self) -> Busy {
        self.use_.set(Use::Request);
        Busy { use_: self.use_.clone() }
    }

    /// The request turns out to have a long answer; false where there are too many of those.
    pub(super) fn begin_stream(&self) -> bool {
        if self.places.streams(self.party) >= STREAMS_EACH_MAX {
            return false;
        }
        self.use_.set(Use::Stream);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.borrow_mut().remove(&self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.use_.set(Use::Idle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn the_longest_idle_goes_and_the_busy_stay() {
        let places = Rc::new(Places::default());
        let mut held: Vec<Place> = (0..CONNECTIONS_EACH_MAX)
            .map(|_| {
                let place = places.take(Party::Owner).unwrap();
                places.occupy(place.number(), tokio::spawn(std::future::pending::<()>()).abort_handle());
                place
            })
            .collect();
        let first_is_busy = held[0].begin();
        let newcomer = places.take(Party::Owner).unwrap();
        let taken = |number| places.taken.borrow().contains_key(&number);
        assert!(taken(held[0].number()) && !taken(held[1].number()) && taken(newcomer.number()));
        assert_eq!(places.count(Party::Owner), CONNECTIONS_EACH_MAX);
        assert!(places.take(Party::Root).is_some(), "another party has its own places");

        let _all_busy: Vec<Busy> = held.iter().skip(2).chain([&newcomer]).map(Place::begin).collect();
        assert!(places.take(Party::Owner).is_none());
        drop(first_is_busy);
        assert!(places.take(Party::Owner).is_some());
        held.clear();
        drop(newcomer);
        assert!(places.taken.borrow().is_empty());
    }

    #[test]
    fn streams_leave_places_for_short_requests() {
        let places = Rc::new(Places::default());
        let held: Vec<Place> = (0..=STREAMS_EACH_MAX).map(|_| places.take(Party::Root).unwrap()).collect();
        let began = held.iter().filter(|place| place.begin_stream()).count();
        assert_eq!(began, STREAMS_EACH_MAX);
        assert!(places.take(Party::Root).is_some());
    }

    #[test]
    fn parties() {
        assert_eq!(Party::of(0, 0, 0), Party::Root);
        assert_eq!(Party::of(0, 0, 1000), Party::Root);
        assert_eq!(Party::of(1000, 0, 1000), Party::Owner);
        assert_eq!(Party::of(1001, 0, 1000), Party::Stranger);
        assert_eq!(Party::of(1001, 0, 0), Party::Stranger);
    }
}
