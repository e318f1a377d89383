//! The places of a service's replicas, by replica number.
//!
//! A sorted vector: most services have one replica, and a node of a tree map would cost ten times its entry.

use std::ops::RangeFrom;

use serde::{Deserialize, Serialize};

use super::id::PodUid;

/// The place of one replica.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A pod that is not final.
    Live(PodUid),
    /// A bare pod (policy OnFailure or Never) that is: shown, and not replaced.
    Done(Box<Done>),
}

/// A bare pod that is final.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) uid: PodUid,
    pub(super) name: String,
    pub(super) succeeded: bool,
    /// How often it was restarted before.
    pub(super) restarts: u32,
}

/// Places, by replica number.
#[derive(Debug, Default)]
pub(super) struct Places {
    sorted: Vec<(u32, Place)>,
}

impl Places {
    /// How many places are taken.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether none is.
    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Whether this one is.
    pub(super) fn has(&self, ordinal: u32) -> bool {
        self.find(ordinal).is_ok()
    }

    /// Takes a place, or gives it to another.
    pub(super) fn set(&mut self, ordinal: u32, place: Place) {
        match self.find(ordinal) {
            Ok(at) => self.sorted[at].1 = place,
            Err(at) => self.sorted.insert(at, (ordinal, place)),
        }
    }

    /// Frees a place.
    pub(super) fn free(&mut self, ordinal: u32) {
        if let Ok(at) = self.find(ordinal) {
            self.sorted.remove(at);
        }
    }

    /// All places, from the lowest.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Place> + '_ {
        self.sorted.iter().map(|(_, place)| place)
    }

    /// Pods that are not final, from the lowest.
    pub(super) fn live(&self) -> impl DoubleEndedIterator<Item = PodUid> + '_ {
        self.all().filter_map(|place| match place {
            Place::Live(uid) => Some(*uid),
            Place::Done(_) => None,
        })
    }

    /// The places of bare pods that are final, from the lowest.
    pub(super) fn done_places(&self) -> impl Iterator<Item = (u32, &Done)> + '_ {
        self.sorted.iter().filter_map(|(ordinal, place)| match place {
            Place::Live(_) => None,
            Place::Done(done) => Some((*ordinal, &**done)),
        })
    }

    /// Bare pods that are final, from the lowest.
    pub(super) fn done(&self) -> impl DoubleEndedIterator<Item = &Done> + '_ {
        self.all().filter_map(|place| match place {
            Place::Live(_) => None,
            Place::Done(done) => Some(&**done),
        })
    }

    /// Takes out the bare pods that are final, from this number on.
    pub(super) fn take_done(&mut self, range: RangeFrom<u32>) -> Vec<Done> {
        let mut taken = Vec::new();
        self.sorted.retain(|(ordinal, place)| match place {
            Place::Done(done) if *ordinal >= range.start => {
                taken.push(Done::clone(done));
                false
            }
            _ => true,
        });
        taken
    }

    fn find(&self, ordinal: u32) -> Result<usize, usize> {
        self.sorted.binary_search_by_key(&ordinal, |(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_number_and_kept_in_order() {
        let mut places = Places::default();
        for ordinal in [2, 0, 1] {
            places.set(ordinal, Place::Live(PodUid(u64::from(ordinal))));
        }
        let done = Done { uid: PodUid(9), name: "web-1".into(), succeeded: true, restarts: 0 };
        places.set(1, Place::Done(Box::new(done)));
        assert_eq!(places.live().collect::<Vec<_>>(), [PodUid(0), PodUid(2)]);
        assert_eq!(places.take_done(0..).len(), 1);
        assert!(!places.has(1) && places.has(2));
        places.free(2);
        assert_eq!(places.len(), 1);
    }
}
