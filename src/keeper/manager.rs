//! The manager, as the keeper sees it: started again when it dies, told everything since, watched for
//! silence.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::books::End;
use super::roles::{Process, back_off_ns};
use super::{Keeper, Token, boot};
use crate::limits::{MANAGER_SILENCE_MS, MESSAGES_PER_TURN, SLOTS};
use crate::settings::Role;
use crate::sys::process::How;
use crate::wire::channel::Channel;
use crate::wire::fd;
use crate::wire::message::{Exited, KeeperToManager, ManagerToKeeper};
use crate::wire::run::{Ending, Fault, Instant, Usage};
use crate::wire::table::Phase;

/// One manager after the other, and what the present one has still to be told.
pub(super) struct Manager {
    process: Option<Process>,
    channel: Option<Channel>,
    listener: OwnedFd,
    pub(super) deaths: u32,
    deaths_unready: u32,
    ready: bool,
    not_before: Option<u64>,
    telling: Telling,
    /// The socket is full: epoll says when it is not.
    full: bool,
    /// Since when something that wants an answer has been without one.
    unanswered_since: Option<u64>,
    /// Slots that may be used again, with their tickets.
    pub(super) freed: VecDeque<(u16, u32)>,
    /// Slots whose start the snapshot showed under way, and that has succeeded since.
    pub(super) running: VecDeque<u16>,
    pub(super) stop: Option<StopRequest>,
    pub(super) spawner_gone: bool,
    pub(super) reload_wanted: bool,
    pub(super) state_wanted: bool,
    listener_renewed: bool,
}

/// How far a new manager has been told what there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Welcome,
    /// What is in the table, from this slot on.
    Known(u16),
    /// Exits that nobody has acknowledged.
    Exits,
    SnapshotEnd,
    /// Whatever happens.
    News,
}

/// Requests to stop, of which there may be several.
#[derive(Clone, Copy)]
pub(super) struct StopRequest {
    signal: i32,
    count: u32,
    told: u32,
}

/// The next thing to tell, and what to note once it is told.
enum Step {
    Advance(Telling),
    ExitTold,
    FreedTold,
    RunningTold,
    StopTold,
    SpawnerGoneTold,
    ReloadTold,
    StateTold,
    ListenerTold,
}

impl Manager {
    pub(super) fn new(listener: OwnedFd) -> Self {
        Self {
            process: None,
            channel: None,
            listener,
            deaths: 0,
            deaths_unready: 0,
            ready: false,
            not_before: None,
            telling: Telling::Welcome,
            full: false,
            unanswered_since: None,
            freed: VecDeque::with_capacity(SLOTS),
            running: VecDeque::with_capacity(SLOTS),
            stop: None,
            spawner_gone: false,
            reload_wanted: false,
            state_wanted: false,
            listener_renewed: false,
        }
    }

    pub(super) fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(|process| process.pid)
    }

    /// It has said that it is ready, and lives.
    pub(super) fn is_ready(&self) -> bool {
        self.ready && self.process.is_some()
    }

    /// When it is to be started again, or ended for its silence.
    pub(super) fn due(&self) -> Option<u64> {
        let silence = self.unanswered_since.map(|since| since + MANAGER_SILENCE_MS * 1_000_000);
        // A snapshot that waits for a spawner between its claim and its record looks again soon.
        let waiting = self.snapshot_waits().then(|| Instant::now().mono + 1_000_000);
        [self.not_before, silence, waiting].into_iter().flatten().min()
    }

    fn snapshot_waits(&self) -> bool {
        matches!(self.telling, Telling::Known(_)) && !self.full && self.channel.is_some()
    }

    pub(super) fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
    }
}

impl Keeper {
    /// Starts a manager, in a new epoch, with sockets that no other has seen.
    pub(super) fn start_manager(&mut self) {
        self.manager.not_before = None;
        self.manager.ready = false;
        // From here on no Spawn of the last manager can succeed.
        self.table.next_epoch();
        let started = || -> io::Result<(Process, Channel, OwnedFd)> {
            let (queue, spawners_end) = Channel::pair()?;
            let (channel, theirs) = Channel::pair()?;
            let fds = [
                (theirs.as_fd(), fd::CHANNEL),
                (queue.as_fd(), fd::QUEUE),
                (self.manager.listener.as_fd(), fd::LISTENER),
                (self.own_log.1.as_fd(), fd::OWN_LOG),
            ];
            let process = self.program.start(&self.settings, Role::Manager, &fds, None)?;
            self.watch(channel.as_fd(), Token::Manager, EpollFlags::EPOLLIN)?;
            if let Some(pidfd) = process.pidfd() {
                self.watch(pidfd, Token::ManagerEnded, EpollFlags::EPOLLIN)?;
            }
            Ok((process, channel, spawners_end.into()))
        };
        match started() {
            Ok((process, channel, queue)) => {
                self.manager.process = Some(process);
                self.manager.channel = Some(channel);
                self.manager.telling = Telling::Welcome;
                self.manager.full = false;
                self.manager.unanswered_since = None;
                self.manager.spawner_gone = false;
                // What its predecessor was to be told is in the snapshot.
                self.manager.freed.clear();
                self.manager.running.clear();
                if let Some(stop) = &mut self.manager.stop {
                    stop.told = 0;
                }
                self.books.forget_told();
                self.open_queue(queue);
                self.start_spawner(false);
            }
            Err(error) => {
                self.voice.error(format_args!("cannot start the manager: {error}"));
                self.back_off();
            }
        }
    }

    fn back_off(&mut self) {
        self.manager.deaths_unready += 1;
        let wait = back_off_ns(self.manager.deaths_unready);
        self.manager.not_before = Some(Instant::now().mono + wait);
    }

    /// The manager has ended.
    pub(super) fn on_manager_death(&mut self) {
        // What it managed to say comes first: an acknowledgement, or the order to end.
        for _ in 0..MESSAGES_PER_TURN {
            if !self.on_manager_messages() {
                break;
            }
        }
        if let Some(channel) = self.manager.channel.take() {
            self.unwatch(channel.as_fd());
        }
        if let Some(process) = self.manager.process.take()
            && let Some(pidfd) = process.pidfd()
        {
            self.unwatch(pidfd);
        }
        self.close_queue();
        self.manager.unanswered_since = None;
        self.manager.telling = Telling::Welcome;
        if self.halt.is_halting() {
            return;
        }
        self.manager.deaths += 1;
        if self.manager.ready {
            self.manager.deaths_unready = 0;
            self.voice.warn(format_args!("the manager has died; starting it again"));
            self.start_manager();
        } else {
            self.back_off();
            let seconds = back_off_ns(self.manager.deaths_unready) / 1_000_000_000;
            self.voice.error(format_args!(
                "the manager died before it was ready ({} in a row); next try in {seconds} s",
                self.manager.deaths_unready
            ));
        }
    }

    pub(super) fn manager_on_time(&mut self, now: u64) {
        if self.manager.not_before.is_some_and(|at| at <= now) && !self.halt.is_halting() {
            self.start_manager();
        }
        let patience = MANAGER_SILENCE_MS * 1_000_000;
        if self.manager.unanswered_since.is_some_and(|since| since + patience <= now) {
            self.voice
                .error(format_args!("the manager has been silent for {MANAGER_SILENCE_MS} ms; ending it"));
            self.manager.unanswered_since = None;
            self.manager.kill();
        }
    }

    /// Takes in what the manager has said. True: there may be more.
    pub(super) fn on_manager_messages(&mut self) -> bool {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(channel) = &self.manager.channel else { return false };
            let length = match channel.try_receive(&mut self.incoming) {
                Ok(received) if received.length > 0 => received.length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.try_manager_again();
                    return false;
                }
                // It is ending, and will be seen to have ended; should it not be, it is no use to us.
                Ok(_) | Err(_) => {
                    self.unwatch(channel.as_fd());
                    self.manager.kill();
                    return false;
                }
            };
            let incoming = std::mem::take(&mut self.incoming);
            match ManagerToKeeper::decode(incoming.get(..length).unwrap_or_default()) {
                Ok(message) => self.on_manager_message(message),
                Err(error) => self.voice.error(format_args!("ignoring a {error} from the manager")),
            }
            self.incoming = incoming;
            // Whatever it says, it is not hung; if exits wait for their commit, the time begins anew.
            self.manager.unanswered_since = self.books.unanswered().then(|| Instant::now().mono);
        }
        self.try_manager_again();
        true
    }

    /// An event of the socket may mean that it has room again.
    fn try_manager_again(&mut self) {
        if std::mem::take(&mut self.manager.full) {
            self.set_manager_interest();
        }
    }

    fn on_manager_message(&mut self, message: ManagerToKeeper<'_>) {
        match message {
            ManagerToKeeper::Ready => {
                self.manager.ready = true;
                self.manager.deaths_unready = 0;
            }
            ManagerToKeeper::Ack { seq } => self.on_acknowledged(seq),
            ManagerToKeeper::Signal { slot, run, signal, all } => {
                if usize::from(slot) < SLOTS {
                    self.on_signal_wanted(slot, run, signal, all);
                }
            }
            ManagerToKeeper::NeedSpawner => self.start_spawner(true),
            ManagerToKeeper::Logger(bytes) => self.relay_to_logger(bytes),
            ManagerToKeeper::End { code } => self.begin_halt(code),
            ManagerToKeeper::Alive => {}
        }
    }

    /// Tells the manager as much as its socket takes.
    pub(super) fn pump_manager(&mut self) {
        while let Some(step) = self.next_for_manager() {
            let Some(channel) = &self.manager.channel else { return };
            let listener = matches!(step, Step::ListenerTold).then(|| self.manager.listener.as_fd());
            match channel.try_send(&self.outgoing, listener.as_slice()) {
                Ok(()) => self.told(step),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.manager.full = true;
                    self.set_manager_interest();
                    return;
                }
                // It has closed its end, and will be seen to have ended.
                Err(_) => return,
            }
        }
    }

    /// Encodes the next thing to tell, if there is one and the socket is not known to be full.
    fn next_for_manager(&mut self) -> Option<Step> {
        if self.manager.channel.is_none() || self.manager.full {
            return None;
        }
        let out = &mut self.outgoing;
        match self.manager.telling {
            Telling::Welcome => {
                let message = KeeperToManager::Welcome {
                    epoch: self.table.epoch(),
                    pod_highest: self.pod_highest,
                    deaths: self.manager.deaths,
                    deaths_unready: self.manager.deaths_unready,
                    since: self.since,
                };
                message.encode(out);
                return Some(Step::Advance(Telling::Known(0)));
            }
            Telling::Known(from) => return self.next_known(from),
            Telling::Exits if self.books.next_exit().is_none() => self.manager.telling = Telling::SnapshotEnd,
            _ => {}
        }
        let out = &mut self.outgoing;
        if self.manager.telling == Telling::SnapshotEnd {
            KeeperToManager::SnapshotEnd.encode(out);
            return Some(Step::Advance(Telling::News));
        }
        if self.manager.telling == Telling::News {
            if let Some(stop) = self.manager.stop.filter(|stop| stop.told < stop.count) {
                KeeperToManager::StopRequest { signal: stop.signal, count: stop.count }.encode(out);
                return Some(Step::StopTold);
            }
            if self.manager.spawner_gone {
                KeeperToManager::SpawnerGone.encode(out);
                return Some(Step::SpawnerGoneTold);
            }
            if let Some(slot) = self.manager.running.front().copied() {
                let (run, pid) = (self.table.run(slot), self.table.pid(slot));
                KeeperToManager::Running { slot, run, pid, at: self.table.started(slot) }.encode(out);
                return Some(Step::RunningTold);
            }
        }
        if let Some((seq, slot)) = self.books.next_exit() {
            self.encode_exit(seq, slot);
            return Some(Step::ExitTold);
        }
        let out = &mut self.outgoing;
        if let Some((slot, ticket)) = self.manager.freed.front().copied() {
            KeeperToManager::Free { slot, ticket }.encode(out);
            return Some(Step::FreedTold);
        }
        if self.manager.reload_wanted {
            KeeperToManager::Reload.encode(out);
            return Some(Step::ReloadTold);
        }
        if self.manager.state_wanted {
            KeeperToManager::ShowState.encode(out);
            return Some(Step::StateTold);
        }
        if self.manager.listener_renewed {
            KeeperToManager::Listener.encode(out);
            return Some(Step::ListenerTold);
        }
        None
    }

    /// The next slot that is taken. `None`, for now: a spawner is between its claim and its record, which
    /// takes it microseconds.
    fn next_known(&mut self, from: u16) -> Option<Step> {
        let next = self.table.taken().find(|(slot, _)| *slot >= from);
        let Some((slot, state)) = next else {
            self.manager.telling = Telling::Exits;
            return self.next_for_manager();
        };
        let step = Step::Advance(Telling::Known(slot + 1));
        if state.phase == Phase::Starting && !self.table.described(slot) {
            return None;
        }
        let book = self.books.of(slot);
        if book.acknowledged {
            KeeperToManager::Busy { slot }.encode(&mut self.outgoing);
            return Some(step);
        }
        book.announced_unborn = !book.settled;
        let pid = if book.settled { self.table.pid(slot) } else { 0 };
        self.pod_highest = self.pod_highest.max(self.table.run(slot).pod);
        let label = self.table.label(slot);
        let message = KeeperToManager::Known {
            slot,
            run: self.table.run(slot),
            pid,
            started: if book.settled { self.table.started(slot) } else { Instant::default() },
            label: label.as_slice(),
        };
        message.encode(&mut self.outgoing);
        Some(step)
    }

    fn encode_exit(&mut self, seq: u64, slot: u16) {
        let fault = self.table.fault(slot);
        let nothing = End { how: None, pid: 0, usage: Usage::default(), at: Instant::default() };
        let end = self.books.of(slot).end.unwrap_or(nothing);
        let ending = match (&fault, end.how) {
            (Some((step, errno, detail)), _) => {
                Ending::NotStarted(Fault { step: *step, errno: *errno, detail: detail.as_slice() })
            }
            (None, Some(How::Exited(code))) => Ending::Exited(code),
            (None, Some(How::Signaled(signal, core))) => Ending::Signaled { signal, core },
            (None, None) => Ending::Unknown,
        };
        let message = KeeperToManager::Exited(Exited {
            seq,
            slot,
            run: self.table.run(slot),
            pid: end.pid,
            ending,
            usage: end.usage,
            started: if fault.is_none() { self.table.started(slot) } else { Instant::default() },
            at: end.at,
            limits_refused: self.table.limits_refused(slot),
        });
        message.encode(&mut self.outgoing);
    }

    /// Notes that something was told.
    fn told(&mut self, step: Step) {
        let manager = &mut self.manager;
        let wants_answer = matches!(step, Step::ExitTold | Step::StopTold);
        match step {
            Step::Advance(telling) => manager.telling = telling,
            Step::ExitTold => self.books.exit_told(),
            Step::FreedTold => {
                manager.freed.pop_front();
            }
            Step::RunningTold => {
                manager.running.pop_front();
            }
            Step::StopTold => {
                if let Some(stop) = &mut manager.stop {
                    stop.told = stop.count;
                }
            }
            Step::SpawnerGoneTold => manager.spawner_gone = false,
            Step::ReloadTold => manager.reload_wanted = false,
            Step::StateTold => manager.state_wanted = false,
            Step::ListenerTold => manager.listener_renewed = false,
        }
        if wants_answer {
            manager.unanswered_since.get_or_insert_with(|| Instant::now().mono);
        }
    }

    fn set_manager_interest(&self) {
        let Some(channel) = &self.manager.channel else { return };
        let writable = if self.manager.full { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
        let mut event = EpollEvent::new(EpollFlags::EPOLLIN | writable, Token::Manager.pack());
        let _ = self.epoll.modify(channel.as_fd(), &mut event);
    }

    /// TERM, INT, QUIT, PWR or 37.
    pub(super) fn on_stop_request(&mut self, signal: i32) {
        let count = self.manager.stop.map_or(0, |stop| stop.count).saturating_add(1);
        let told = self.manager.stop.map_or(0, |stop| stop.told);
        self.manager.stop = Some(StopRequest { signal, count, told });
        self.begin_stop();
    }

    /// USR1: the socket's file may have been removed.
    pub(super) fn renew_listener(&mut self) {
        match boot::listen(&self.settings) {
            Ok(listener) => {
                self.manager.listener = listener;
                self.manager.listener_renewed = true;
                self.voice.info(format_args!("the control socket was made anew"));
            }
            Err(error) => self.voice.error(format_args!("cannot make the control socket: {error}")),
        }
    }
}
