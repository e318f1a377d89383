//! The spawners: one that is always there, and stand-ins while it is stuck.

use std::os::fd::{AsFd, OwnedFd};

use nix::sys::epoll::EpollFlags;

use super::adopted::{identity_of, open_known};
use super::fault::wait_readable;
use super::heirloom::{Heir, Heirloom};
use super::roles::Process;
use super::{Keeper, Token};
use crate::limits::{MESSAGES_PER_TURN, SPAWNERS_MAX};
use crate::settings::Role;
use crate::wire::channel::Channel;
use crate::wire::fd;
use crate::wire::message::SpawnerToKeeper;
use crate::wire::run::Instant;

/// All that run, of this epoch and of earlier ones that are still stuck.
pub(super) struct Spawners {
    all: Vec<Spawner>,
    next_number: u8,
    /// Where spawners of this epoch find their work; the manager has the other end.
    queue: Option<OwnedFd>,
    /// When to try again after a start of a spawner failed.
    retry: Option<u64>,
}

struct Spawner {
    number: u8,
    epoch: u64,
    process: Process,
    /// Nothing for one that a keeper before us has started.
    channel: Option<Heir<Channel>>,
}

/// Spawners of all epochs: those of a manager that died may be stuck while the next one's get stuck too.
const SPAWNERS_OF_ALL_EPOCHS_MAX: usize = 2 * SPAWNERS_MAX;

impl Spawners {
    pub(super) fn new() -> Self {
        Self { all: Vec::with_capacity(SPAWNERS_OF_ALL_EPOCHS_MAX), next_number: 1, queue: None, retry: None }
    }

    fn free_number(&mut self) -> u8 {
        loop {
            let number = self.next_number;
            self.next_number = self.next_number.checked_add(1).unwrap_or(1);
            if self.all.iter().all(|spawner| spawner.number != number) {
                return number;
            }
        }
    }

    fn find(&self, number: u8) -> Option<usize> {
        self.all.iter().position(|spawner| spawner.number == number)
    }

    /// The spawner with this pid.
    pub(super) fn number_of(&self, pid: i32) -> Option<u8> {
        self.all.iter().find(|spawner| spawner.process.pid == pid).map(|spawner| spawner.number)
    }

    /// The pid of a spawner.
    pub(super) fn pid_of(&self, number: u8) -> Option<i32> {
        self.find(number).and_then(|index| self.all.get(index)).map(|spawner| spawner.process.pid)
    }

    /// Waits until it is dead, no longer than to this time: what hangs in the kernel says nothing more either.
    pub(super) fn wait_for_death(&self, number: u8, deadline: u64) {
        let spawner = self.find(number).and_then(|index| self.all.get(index));
        if let Some(pidfd) = spawner.and_then(|spawner| spawner.process.pidfd()) {
            wait_readable(pidfd, deadline);
        }
    }

    /// Ends the spawner with this number.
    pub(super) fn kill(&self, number: u8) {
        if let Some(spawner) = self.find(number).and_then(|index| self.all.get(index)) {
            spawner.process.kill();
        }
    }

    /// Whether this is a spawner that a keeper before us has started.
    pub(super) fn is_adopted(&self, pid: i32) -> bool {
        self.all.iter().any(|spawner| spawner.process.pid == pid && !spawner.process.is_ours())
    }

    pub(super) fn due(&self) -> Option<u64> {
        self.retry
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl Keeper {
    /// A new manager has a queue of its own; those that serve the old one end when it is empty.
    pub(super) fn open_queue(&mut self, queue: OwnedFd) {
        self.spawners.queue = Some(queue);
    }

    pub(super) fn close_queue(&mut self) {
        self.spawners.queue = None;
    }

    /// Starts a spawner for the current manager.
    pub(super) fn start_spawner(&mut self, stand_in: bool) {
        let epoch = self.table.epoch();
        let of_epoch = self.spawners.all.iter().filter(|spawner| spawner.epoch == epoch).count();
        if of_epoch >= SPAWNERS_MAX {
            self.voice.warn(format_args!("all {SPAWNERS_MAX} spawners are stuck; further starts wait"));
            return;
        }
        if self.spawners.all.len() >= SPAWNERS_OF_ALL_EPOCHS_MAX
            && let Some(oldest) = self.spawners.all.iter().min_by_key(|spawner| spawner.epoch)
        {
            oldest.process.kill();
        }
        let number = self.spawners.free_number();
        let started = || -> std::io::Result<Spawner> {
            let Some(queue) = &self.spawners.queue else {
                return Err(std::io::Error::other("there is no manager"));
            };
            let (channel, theirs) = Channel::pair()?;
            let fds = [
                (theirs.as_fd(), fd::CHANNEL),
                (queue.as_fd(), fd::QUEUE),
                (self.table_fd.as_fd(), fd::TABLE),
                (self.own_log.1.as_fd(), fd::OWN_LOG),
            ];
            let role = Role::Spawner { number, stand_in };
            let process = self.program.start(&self.settings, role, &fds, self.nofile)?;
            self.watch(channel.as_fd(), Token::Spawner(number), EpollFlags::EPOLLIN)?;
            if let Some(pidfd) = process.pidfd() {
                self.table.set_owner(number, process.pid, identity_of(process.pid, pidfd));
                self.watch(pidfd, Token::SpawnerEnded(number), EpollFlags::EPOLLIN)?;
            }
            let channel = Heir::new(Heirloom::SpawnerChannel { number }, channel);
            Ok(Spawner { number, epoch, process, channel: Some(channel) })
        };
        match started() {
            Ok(spawner) => self.spawners.all.push(spawner),
            Err(error) => {
                self.voice.error(format_args!("cannot start a spawner: {error}; next try in 1 s"));
                self.spawners.retry = Some(Instant::now().mono + 1_000_000_000);
            }
        }
    }

    /// Ends a spawner of a keeper before us, and waits for that: until then it may yet have a child.
    pub(super) fn adopt_spawner(&mut self, number: u8, pid: i32, pidfd: OwnedFd) {
        let process = Process::adopted(pid, pidfd);
        process.kill();
        let watched =
            process.pidfd().map(|pidfd| self.watch(pidfd, Token::SpawnerEnded(number), EpollFlags::EPOLLIN));
        if matches!(watched, Some(Ok(()))) {
            self.spawners.all.push(Spawner { number, epoch: 0, process, channel: None });
        }
    }

    /// Ends a spawner of the program before us, which is our child: what it has said is heard at its death.
    pub(super) fn inherit_spawner(&mut self, number: u8, channel: Heir<Channel>) {
        let (pid, identity) = self.table.owner(number);
        let Some(pidfd) = open_known(pid, identity) else { return };
        let process = Process::child(pid, pidfd);
        process.kill();
        if let Some(pidfd) = process.pidfd() {
            let _ = self.watch(pidfd, Token::SpawnerEnded(number), EpollFlags::EPOLLIN);
        }
        self.spawners.all.push(Spawner { number, epoch: 0, process, channel: Some(channel) });
    }

    /// Starts one where there is none, after a failure.
    pub(super) fn spawners_on_time(&mut self, now: u64) {
        if self.spawners.retry.is_none_or(|at| at > now) {
            return;
        }
        self.spawners.retry = None;
        let epoch = self.table.epoch();
        let wanted = self.spawners.queue.is_some() && !self.halt.is_halting();
        if wanted && !self.spawners.all.iter().any(|spawner| spawner.epoch == epoch) {
            self.start_spawner(false);
        }
    }

    /// Takes in what a spawner has said. True: there may be more.
    pub(super) fn on_spawner_messages(&mut self, number: u8) -> bool {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(spawner) = self.spawners.find(number).and_then(|index| self.spawners.all.get(index))
            else {
                return false;
            };
            let Some(channel) = &spawner.channel else { return false };
            let received = match channel.try_receive(&mut self.incoming) {
                Ok(received) if received.length > 0 => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
                // It is ending, and will be seen to have ended; should it not be, it is no use to us.
                Ok(_) | Err(_) => {
                    self.unwatch(channel.as_fd());
                    spawner.process.kill();
                    return false;
                }
            };
            let message = SpawnerToKeeper::decode(self.incoming.get(..received.length).unwrap_or_default());
            match message {
                Ok(SpawnerToKeeper::Pipes { slot, stdout, stderr, readiness }) if self.owns(number, slot) => {
                    if received.fds_lost {
                        self.voice.error(format_args!("no descriptor left: the output of a run is lost"));
                    }
                    let mut fds = received.fds;
                    if readiness {
                        let last = fds.get_mut(usize::from(stdout) + usize::from(stderr));
                        self.on_readiness_pipe(slot, last.and_then(Option::take));
                    }
                    if stdout || stderr {
                        self.on_pipes(slot, stdout, stderr, fds);
                    }
                }
                Ok(SpawnerToKeeper::Born { slot }) if self.owns(number, slot) => self.on_born(slot),
                Ok(SpawnerToKeeper::StillBorn { slot }) if self.owns(number, slot) => {
                    self.on_still_born(slot)
                }
                Ok(_) | Err(_) => self.voice.error(format_args!("ignoring a message of spawner {number}")),
            }
        }
        true
    }

    /// Whether a spawner holds a slot: it claimed it and has not let go of it.
    fn owns(&mut self, number: u8, slot: u16) -> bool {
        usize::from(slot) < crate::limits::SLOTS
            && self.table.state(slot).owner == number
            && !self.books.of(slot).settled
    }

    /// A spawner has ended. What it held is settled here, whatever it was doing.
    pub(super) fn on_spawner_death(&mut self, number: u8) {
        // What it managed to say comes first.
        for _ in 0..MESSAGES_PER_TURN {
            if !self.on_spawner_messages(number) {
                break;
            }
        }
        let Some(index) = self.spawners.find(number) else { return };
        let spawner = self.spawners.all.swap_remove(index);
        if let Some(channel) = &spawner.channel {
            self.unwatch(channel.as_fd());
        }
        if let Some(pidfd) = spawner.process.pidfd() {
            self.unwatch(pidfd);
        }
        self.settle_slots_of(number);
        let current = self.table.epoch();
        if self.halt.is_halting() || spawner.epoch != current || self.spawners.queue.is_none() {
            return;
        }
        // A Spawn that it had read and not claimed is lost with it.
        self.manager.spawner_gone = true;
        if self.spawners.all.iter().any(|other| other.epoch == current) {
            return;
        }
        if self.manager.has_left() {
            // Its queue is closed, and every spawner would end at once, until its death is seen: it may take a
            // while over its end, or be held by a tracer. It is not ended here: what it dies of by itself tells
            // the next manager whether what it had in hand is to blame, and a KILL of ours says that somebody
            // from outside is.
            self.spawners.retry = Some(Instant::now().mono + 1_000_000_000);
            return;
        }
        self.start_spawner(false);
    }

    pub(super) fn kill_spawners(&mut self) {
        self.close_queue();
        for spawner in &self.spawners.all {
            spawner.process.kill();
        }
    }
}
