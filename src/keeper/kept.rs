//! Descriptors that the keeper holds for pods: notify sockets and readiness pipes.
//!
//! A service says that it is ready once, and perhaps just when there is no manager. What it says waits in
//! the socket or pipe, which exist for as long as somebody holds them: the keeper does. It never reads them.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::Keeper;
use super::heirloom::{Heir, Heirloom};
use crate::limits::KEPT_MAX;
use crate::wire::message::Kept;
use crate::wire::run::Run;

/// All of them, ordered by their keys; and those that this manager has yet to be given.
pub(super) struct Keepsakes {
    all: Vec<(Key, Run, Heir)>,
    untold: VecDeque<Key>,
}

/// There is one of each kind for a pod.
type Key = (u64, Kept);

impl Keepsakes {
    pub(super) fn reserve() -> Self {
        Self { all: Vec::with_capacity(KEPT_MAX), untold: VecDeque::with_capacity(KEPT_MAX) }
    }

    /// Keeps one, in the place of the one before it. False: there are too many.
    pub(super) fn keep(&mut self, kind: Kept, run: Run, fd: OwnedFd) -> bool {
        self.keep_heir(kind, run, Heir::new(Heirloom::Kept { kind, run }, fd))
    }

    /// The same for one that the program before us has kept.
    pub(super) fn keep_heir(&mut self, kind: Kept, run: Run, fd: Heir) -> bool {
        let key = (run.pod, kind);
        match self.find(key) {
            Ok(place) => self.all[place] = (key, run, fd),
            Err(_) if self.all.len() >= KEPT_MAX => return false,
            Err(place) => self.all.insert(place, (key, run, fd)),
        }
        true
    }

    pub(super) fn let_go(&mut self, kind: Kept, run: Run) {
        let Ok(place) = self.find((run.pod, kind)) else { return };
        // The pipe of a later run of the pod stays.
        if kind == Kept::NotifySocket || self.all[place].1 == run {
            self.all.remove(place);
        }
    }

    /// A new manager has been given nothing.
    pub(super) fn forget_told(&mut self) {
        self.untold.clear();
        self.untold.extend(self.all.iter().map(|(key, ..)| *key));
    }

    /// This one came for a manager that is no more.
    fn tell(&mut self, kind: Kept, run: Run) {
        if self.untold.len() < KEPT_MAX {
            self.untold.push_back((run.pod, kind));
        }
    }

    /// The next one to give.
    pub(super) fn next(&mut self) -> Option<(Kept, Run)> {
        while let Some(key) = self.untold.front().copied() {
            if let Ok(place) = self.find(key) {
                return Some((key.1, self.all[place].1));
            }
            // It was let go meanwhile.
            self.untold.pop_front();
        }
        None
    }

    /// The descriptor of the next one.
    pub(super) fn next_fd(&self) -> Option<BorrowedFd<'_>> {
        let place = self.find(*self.untold.front()?).ok()?;
        self.all.get(place).map(|(_, _, fd)| fd.as_fd())
    }

    /// It was given.
    pub(super) fn told(&mut self) {
        self.untold.pop_front();
    }

    fn find(&self, key: Key) -> Result<usize, usize> {
        self.all.binary_search_by_key(&key, |(key, ..)| *key)
    }
}

impl Keeper {
    /// The manager has made something that must outlive it.
    pub(super) fn keep(&mut self, kind: Kept, run: Run, fd: Option<OwnedFd>) {
        if !fd.is_some_and(|fd| self.kept.keep(kind, run, fd)) {
            self.voice.error(format_args!(
                "no descriptor left: should the manager die, what a pod says of its readiness is lost"
            ));
        }
    }

    /// A spawner has made a run's readiness pipe, before it makes the run. The present manager gets its own
    /// copy when the run has started; one that came since the Spawn was sent gets it from here.
    pub(super) fn on_readiness_pipe(&mut self, slot: u16, fd: Option<OwnedFd>) {
        let run = self.table.run(slot);
        let late = self.table.state(slot).epoch != self.table.epoch();
        self.keep(Kept::Readiness, run, fd);
        if late {
            self.kept.tell(Kept::Readiness, run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pod: u64, attempt: u32) -> Run {
        Run { pod, class: 1, process: 0, attempt }
    }

    fn fd() -> OwnedFd {
        nix::unistd::pipe().unwrap().0
    }

    #[test]
    fn each_manager_is_given_all_that_is_kept_once() {
        let mut kept = Keepsakes::reserve();
        for (pod, kind) in [(3, Kept::NotifySocket), (1, Kept::Readiness), (2, Kept::NotifySocket)] {
            assert!(kept.keep(kind, run(pod, 0), fd()));
        }
        assert!(kept.next().is_none(), "who had it kept has it");
        for _ in 0..2 {
            kept.forget_told();
            kept.let_go(Kept::NotifySocket, run(3, 7));
            let mut given = Vec::new();
            while let Some((kind, run)) = kept.next() {
                assert!(kept.next_fd().is_some());
                given.push((run.pod, kind));
                kept.told();
            }
            assert_eq!(given, [(1, Kept::Readiness), (2, Kept::NotifySocket)]);
        }
    }

    #[test]
    fn the_pipe_of_a_later_run_stays_when_an_earlier_one_is_let_go() {
        let mut kept = Keepsakes::reserve();
        kept.keep(Kept::Readiness, run(1, 0), fd());
        kept.keep(Kept::Readiness, run(1, 1), fd());
        kept.let_go(Kept::Readiness, run(1, 0));
        assert!(kept.next_fd().is_none());
        kept.forget_told();
        assert_eq!(kept.next(), Some((Kept::Readiness, run(1, 1))));
        kept.let_go(Kept::Readiness, run(1, 1));
        assert_eq!(kept.next(), None);
    }
}
