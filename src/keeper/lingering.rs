//! What a run leaves in its cgroup, and what KILL does not end.
//!
//! A run is over when its cgroup is empty: what main has left there (a daemon that has left its process group and
//! its session) is ended with it. That takes the kernel a moment, for which nobody waits; where it takes longer,
//! something is in a state in which it hears no signal, and the manager is told of it: nothing is started in its
//! place, and nothing else is held up.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::epoll::EpollFlags;

use super::adopted::state_of;
use super::{Keeper, Token};
use crate::limits::LINGER_MS;
use crate::wire::cgroup::State;
use crate::wire::run::{Instant, Run};

/// As a group: all that is below it.
pub(super) const EVERYTHING: &str = ".";

/// When to look whether something has ended.
#[derive(Default)]
pub(super) struct Lingering {
    /// Always the same time after what was done, so oldest first.
    due: VecDeque<(u64, u16, Run)>,
    /// Runs of which the manager is to be told.
    pub(super) to_tell: VecDeque<(u16, Run)>,
}

impl Lingering {
    pub(super) fn due(&self) -> Option<u64> {
        self.due.front().map(|(at, ..)| *at)
    }
}

impl Keeper {
    /// Whether a run that has ended has left others in its cgroup. They are ended, and it is waited for that.
    pub(super) fn left_in_group(&mut self, slot: u16) -> bool {
        let Some(tree) = &self.tree else { return false };
        let group = self.table.group(slot);
        let Ok(group) = str::from_utf8(group.as_slice()) else { return false };
        // Its spawner may not have made it, and another keeper may have removed it.
        if group.is_empty() {
            return false;
        }
        match tree.state(group) {
            Ok(State { populated: true, .. }) => {}
            Ok(State { frozen, .. }) => {
                if frozen {
                    tree.thaw(group);
                }
                self.renew_killed_group(slot);
                return false;
            }
            Err(_) => return false,
        }
        let _ = tree.kill(group);
        self.books.of(slot).group_killed = true;
        // Opened and read after that, so that no change is missed between the look and the wait.
        let Ok(events) = tree.events(group).map(OwnedFd::from) else { return false };
        if !is_populated(&events)
            || self.watch(events.as_fd(), Token::Group(slot), EpollFlags::EPOLLPRI).is_err()
        {
            return false;
        }
        self.books.of(slot).group_events = Some(events);
        self.expect_end(slot);
        true
    }

    /// The cgroup of a run that has ended is not what it was.
    pub(super) fn on_group_changed(&mut self, slot: u16) {
        let Some(events) = &self.books.of(slot).group_events else { return };
        if is_populated(events) {
            return;
        }
        if let Some(events) = self.books.of(slot).group_events.take() {
            self.unwatch(events.as_fd());
        }
        self.finish(slot);
    }

    /// Newer kernels (seen with 6.18) kill what is born in a cgroup that was ever killed as a whole, since they compare how often
    /// that was with another cgroup's number: such a one is not used again, and the next run makes it anew.
    fn renew_killed_group(&mut self, slot: u16) {
        let book = self.books.of(slot);
        // Whether a keeper before us has killed it nobody knows.
        if book.group_killed || book.adopted {
            let group = self.table.group(slot);
            let group = str::from_utf8(group.as_slice()).unwrap_or_default();
            if let Some(tree) = &self.tree {
                tree.renew(group);
            }
        }
    }

    /// KILL to all that is in a run's cgroup.
    pub(super) fn kill_group(&mut self, slot: u16) {
        let group = self.table.group(slot);
        let group = str::from_utf8(group.as_slice()).unwrap_or_default();
        if let Some(tree) = self.tree.as_ref().filter(|_| !group.is_empty()) {
            let _ = tree.kill(group);
            self.books.of(slot).group_killed = true;
        }
    }

    /// It should be gone in a moment: if it is not, that is told.
    pub(super) fn expect_end(&mut self, slot: u16) {
        if !std::mem::replace(&mut self.books.of(slot).lingers, true) {
            let at = Instant::now().mono + LINGER_MS * 1_000_000;
            self.lingering.due.push_back((at, slot, self.table.run(slot)));
        }
    }

    pub(super) fn lingering_on_time(&mut self, now: u64) {
        while let Some((_, slot, run)) = self.lingering.due.front().filter(|(at, ..)| *at <= now).copied() {
            self.lingering.due.pop_front();
            if self.still_lingers(slot, run) && self.books.of(slot).group_events.is_some() {
                // A guest may have been born there since, and a word of the kernel's may have been lost.
                self.kill_group(slot);
                self.on_group_changed(slot);
            }
            if self.still_lingers(slot, run) {
                self.lingering.to_tell.push_back((slot, run));
            }
        }
    }

    /// A new manager is told of all that is still there.
    pub(super) fn tell_lingering_again(&mut self) {
        self.lingering.to_tell.clear();
        for slot in 0..self.books.len() {
            let run = self.table.run(slot);
            let waits = self.lingering.due.iter().any(|(_, other, _)| *other == slot);
            if self.still_lingers(slot, run) && !waits {
                self.lingering.to_tell.push_back((slot, run));
            }
        }
    }

    pub(super) fn still_lingers(&mut self, slot: u16, run: Run) -> bool {
        let book = self.books.of(slot);
        let is_there = book.group_events.is_some() || book.end.is_none();
        book.lingers && is_there && self.table.run(slot) == run
    }

    /// Whether the kernel has ended processes of a run's cgroup since it was there, for want of memory.
    pub(super) fn ran_out_of_memory(&self, slot: u16) -> bool {
        let group = self.table.group(slot);
        let group = str::from_utf8(group.as_slice()).unwrap_or_default();
        let tree = self.tree.as_ref().filter(|_| !group.is_empty());
        tree.and_then(|tree| tree.oom_kills(group)).is_some_and(|count| count > self.table.oom_before(slot))
    }

    /// How many processes are left of a run, one of them, and its state.
    pub(super) fn left_of(&self, slot: u16) -> (u32, i32, u8) {
        let group = self.table.group(slot);
        let group = str::from_utf8(group.as_slice()).unwrap_or_default();
        let tree = self.tree.as_ref().filter(|_| !group.is_empty());
        let mut left = tree.and_then(|tree| tree.processes(group).ok()).unwrap_or_default();
        left.retain(|pid| *pid > 0);
        if left.is_empty() {
            left.extend(Some(self.table.pid(slot)).filter(|pid| *pid > 0));
        }
        let count = u32::try_from(left.len()).unwrap_or(u32::MAX);
        let pid = left.first().copied().unwrap_or(0);
        (count, pid, state_of(pid).unwrap_or(0))
    }
}

/// What the kernel says now, read from the start.
fn is_populated(events: &OwnedFd) -> bool {
    let mut bytes = [0; 128];
    let length = nix::sys::uio::pread(events, &mut bytes, 0).unwrap_or(0);
    let text = str::from_utf8(bytes.get(..length).unwrap_or_default()).unwrap_or_default();
    crate::wire::cgroup::field(text, "populated").is_some_and(|populated| populated != 0)
}
