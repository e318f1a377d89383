//! The life of a run, as the keeper sees it: pipes, birth, end, acknowledgement, and the slot is free again.

use std::os::fd::{AsFd, OwnedFd};

use nix::sys::epoll::EpollFlags;

use super::adopted::identity_of;
use super::books::{Book, Told};
use super::heirloom::{Heir, Heirloom};
use super::lingering::EVERYTHING;
use super::{Keeper, Token, trouble, will};
use crate::limits::SLOTS;
use crate::sys::process::{self, Ended, pidfd_open};
use crate::wire::channel::FDS_MAX;
use crate::wire::message::Kept;
use crate::wire::run::{Instant, Run, Step, Usage};
use crate::wire::table::end::End;
use crate::wire::table::{Phase, State};

impl Keeper {
    /// The read ends of a run's output, before it exists.
    pub(super) fn on_pipes(
        &mut self,
        slot: u16,
        stdout: bool,
        stderr: bool,
        fds: [Option<OwnedFd>; FDS_MAX],
    ) {
        let mut fds = fds.into_iter().flatten();
        let mut pipe = |stderr: bool| Some(Heir::new(Heirloom::Pipe { slot, stderr }, fds.next()?));
        let book = self.books.of(slot);
        book.pipes = [stdout.then(|| pipe(false)).flatten(), stderr.then(|| pipe(true)).flatten()];
        book.told = Told::default();
        self.queue_for_logger(slot);
    }

    /// A run has a pid, and its spawner is through with it.
    pub(super) fn on_born(&mut self, slot: u16) {
        self.note_pod(slot);
        let book = self.books.of(slot);
        book.settled = true;
        if book.end.is_some() {
            // A sweep was faster.
            return self.finish(slot);
        }
        if book.adopted {
            self.recall_run(slot);
        } else {
            // It is our child and was not reaped, so the pid is its own.
            match pidfd_open(self.table.pid(slot)) {
                Ok(pidfd) => self.keep_run(slot, pidfd),
                // Without a descriptor the sweep after SIGCHLD finds its end, a little later; it may have come.
                Err(_) => self.reaping.request(Instant::now().mono),
            }
        }
        if std::mem::take(&mut self.books.of(slot).announced_unborn) {
            self.manager.running.push_back(slot);
        }
    }

    /// Watches a run until its end. The table learns who it is, for a keeper that comes after us.
    pub(super) fn keep_run(&mut self, slot: u16, pidfd: OwnedFd) {
        self.table.set_identity(slot, identity_of(self.table.pid(slot), pidfd.as_fd()));
        if self.watch(pidfd.as_fd(), Token::Run(slot), EpollFlags::EPOLLIN).is_ok() {
            self.books.of(slot).pidfd = Some(pidfd);
        }
    }

    /// There is no child, and the slot says why.
    pub(super) fn on_still_born(&mut self, slot: u16) {
        self.note_pod(slot);
        let book = self.books.of(slot);
        book.settled = true;
        if book.end.is_none() {
            let end = End { how: None, pid: 0, usage: Usage::default(), at: Instant::now() };
            book.end = Some(end);
            self.table.set_end(slot, &end);
        }
        self.finish(slot);
    }

    /// The pidfd of a run says that it has ended.
    pub(super) fn on_run_readable(&mut self, slot: u16) {
        if self.books.of(slot).adopted {
            return self.on_adopted_readable(slot);
        }
        let pid = self.table.pid(slot);
        let Some(pidfd) = &self.books.of(slot).pidfd else { return };
        let which = process::Which::Pidfd(pidfd.as_fd());
        // While the leader is a zombie nobody else can have its process group's number: what is left in it
        // is its own.
        if pid > 0 {
            let _ = process::kill(-pid, libc::SIGKILL);
        }
        // Looked at, written down, and only then reaped: whenever we die, somebody can still tell how it ended.
        match process::wait(which, false) {
            Ok(Some(ended)) => {
                self.on_ended(slot, ended);
                trouble::point("ended");
                let _ = process::wait(process::Which::Pid(ended.pid), true);
                trouble::point("reaped");
            }
            Ok(None) => {}
            // Its parent is a spawner without CLONE_PARENT that has not ended yet, or a sweep was faster.
            Err(_) => {
                if let Some(pidfd) = self.books.of(slot).pidfd.take() {
                    self.unwatch(pidfd.as_fd());
                }
            }
        }
    }

    /// A run has ended, and is about to be reaped.
    pub(super) fn on_ended(&mut self, slot: u16, ended: Ended) {
        let usage = ended.used.into();
        self.end_run(slot, End { how: Some(ended.how), pid: ended.pid, usage, at: Instant::now() });
    }

    /// A run is over.
    pub(super) fn end_run(&mut self, slot: u16, end: End) {
        let book = self.books.of(slot);
        if book.end.is_some() {
            return;
        }
        book.end = Some(end);
        // Before the pid goes: a keeper that comes after us finds one or the other.
        self.table.set_end(slot, &end);
        if let Some(pidfd) = book.pidfd.take() {
            self.unwatch(pidfd.as_fd());
        }
        // Its number may be another's from now on.
        self.table.pid_cell(slot).store(0, std::sync::atomic::Ordering::Release);
        if self.books.of(slot).settled {
            self.finish(slot);
        }
        // Else its spawner is still looking at why it failed, and will say so; or it dies, and we know.
    }

    /// Both the process and its spawner are through: the manager hears of it.
    pub(super) fn finish(&mut self, slot: u16) {
        // Of one that was through before a keeper's end the cgroup may be another run's by now.
        let is_through = self.table.state(slot).phase == Phase::Ended;
        if !is_through && (self.books.of(slot).group_events.is_some() || self.left_in_group(slot)) {
            // It is over when its cgroup is empty.
            return;
        }
        self.table.set_ended(slot);
        if self.books.of(slot).seq == 0 {
            self.books.number(slot);
        }
        if self.books.of(slot).has_pipes() {
            self.queue_for_logger(slot);
        }
    }

    /// The manager has all exits up to this one.
    pub(super) fn on_acknowledged(&mut self, seq: u64) {
        while let Some(slot) = self.books.acknowledge(seq) {
            self.kept.let_go(Kept::Readiness, self.table.run(slot));
            self.table.set_acknowledged(slot);
            will::forget_exit(slot);
            self.free_if_done(slot);
        }
    }

    /// The logger has all that a run wrote.
    pub(super) fn on_drained(&mut self, slot: u16) {
        let book = self.books.of(slot);
        if book.end.is_none() || !book.told.ended {
            return;
        }
        book.pipes = [None, None];
        self.free_if_done(slot);
    }

    pub(super) fn free_if_done(&mut self, slot: u16) {
        if !self.books.of(slot).is_done() {
            return;
        }
        let queued = self.books.of(slot).told.queued;
        *self.books.of(slot) = Book::default();
        // It may still stand in the logger's queue, where it says nothing then.
        self.books.of(slot).told.queued = queued;
        let ticket = self.table.set_free(slot);
        self.manager.freed.push_back((slot, ticket));
    }

    /// A spawner died: each slot that it held is as if it had said what it could not.
    pub(super) fn settle_slots_of(&mut self, number: u8) {
        for index in 0..SLOTS {
            let slot = u16::try_from(index).unwrap_or(u16::MAX);
            let State { owner, phase, .. } = self.table.state(slot);
            if phase == Phase::Free || phase == Phase::Ended || owner != number {
                continue;
            }
            if !self.books.settled(slot) {
                self.settle_slot(slot);
            }
            // Its last word may have been for us, and none for the manager.
            self.tell_running(slot);
        }
    }

    /// The spawner that holds this slot is dead: it is as if that had said what it could not.
    pub(super) fn settle_slot(&mut self, slot: u16) {
        if !self.table.described(slot) {
            // It had claimed the slot and nothing else; the Spawn will be sent again.
            *self.books.of(slot) = Book::default();
            return self.table.unclaim(slot);
        }
        if self.books.of(slot).end.is_none() {
            self.books.of(slot).end = self.table.end(slot);
        }
        if self.table.pid(slot) != 0 || self.books.of(slot).end.is_some() {
            if self.table.fault(slot).is_none() {
                self.table.set_running(slot);
            }
            self.on_born(slot);
        } else if self.table.fault(slot).is_none() && self.books.of(slot).may_start_again() {
            // There is no child: the kernel would have written its pid. The Spawn will be sent again.
            let lost_starts = self.books.of(slot).lost_starts + 1;
            *self.books.of(slot) = Book { lost_starts, ..Book::default() };
            self.table.unclaim(slot);
        } else {
            if self.table.fault(slot).is_none() {
                self.table.set_fault(slot, Step::SpawnerDied, 0, b"");
            }
            self.on_still_born(slot);
        }
    }

    /// Tells the manager of a run that lives, which it may know: of one that has ended it hears with the end.
    fn tell_running(&mut self, slot: u16) {
        let lives = self.table.state(slot).phase == Phase::Running && self.books.of(slot).end.is_none();
        if lives && self.table.fault(slot).is_none() {
            self.manager.running.push_back(slot);
        }
    }

    /// Passes a signal on. KILL ends a start that is stuck, too, and what a run has left in its cgroup.
    pub(super) fn on_signal_wanted(&mut self, slot: u16, run: Run, (signal, all, stop): (i32, bool, bool)) {
        let State { phase, owner, .. } = self.table.state(slot);
        if !matches!(phase, Phase::Starting | Phase::Running) || self.table.run(slot) != run {
            return;
        }
        if self.table.pid(slot) > 0 && self.books.of(slot).end.is_none() {
            if stop {
                self.table.set_asked(slot);
            }
            self.signal_run(slot, signal, all);
            if signal == libc::SIGKILL {
                self.kill_group(slot);
                self.expect_end(slot);
            }
        } else if signal == libc::SIGKILL && self.books.of(slot).group_events.is_some() {
            self.kill_group(slot);
        } else if signal == libc::SIGKILL && !self.books.of(slot).settled {
            // No child yet, or none any more and a spawner that does not come back: its death settles it.
            self.books.of(slot).given_up = true;
            self.spawners.kill(owner);
        }
    }

    /// Ends all runs at once.
    pub(super) fn signal_all_runs(&mut self, signal: i32) {
        for slot in 0..self.books.len() {
            self.signal_run(slot, signal, true);
        }
        if signal == libc::SIGKILL
            && let Some(tree) = &self.tree
        {
            let _ = tree.kill(EVERYTHING);
        }
    }

    /// Whether any run lives, or is being started.
    pub(super) fn any_run_lives(&self) -> bool {
        let lives = |slot| {
            self.table.pid(slot) > 0 && !self.books.has_ended(slot) || self.books.lingers_in_group(slot)
        };
        (0..self.books.len()).any(lives)
    }

    fn note_pod(&mut self, slot: u16) {
        self.table.note_pod(self.table.run(slot).pod);
    }
}
