//! The manager, as the keeper sees it: started again when it dies, told everything since, watched for
//! silence.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::adopted::identity_of;
use super::deaths::{Deaths, Next};
use super::heirloom::{Heir, Heirloom};
use super::roles::{Process, back_off_ns};
use super::telling::Telling;
use super::will::{self, Fact};
use super::{Keeper, Token, boot};
use crate::limits::{MANAGER_SILENCE_MS, MESSAGES_PER_TURN, SLOTS};
use crate::settings::Role;
use crate::sys::process::How;
use crate::wire::channel::{Channel, FDS_MAX};
use crate::wire::fd;
use crate::wire::message::ManagerToKeeper;
use crate::wire::run::Instant;

/// One manager after the other, and what the present one has still to be told.
pub(super) struct Manager {
    process: Option<Process>,
    pub(super) channel: Option<Heir<Channel>>,
    /// It is of the program before us, and is being ended: it is told nothing.
    pub(super) of_before: bool,
    pub(super) listener: boot::Listener,
    pub(super) deaths: Deaths,
    /// How long it may be silent.
    patience_ns: u64,
    ready: bool,
    not_before: Option<u64>,
    pub(super) telling: Telling,
    /// The socket is full: epoll says when it is not.
    pub(super) full: bool,
    /// Since when the snapshot has waited for a spawner between its claim and its record.
    pub(super) snapshot_waits_since: Option<u64>,
    /// Since when something that wants an answer has been without one.
    pub(super) unanswered_since: Option<u64>,
    /// Slots that may be used again, with their tickets.
    pub(super) freed: VecDeque<(u16, u32)>,
    /// Slots whose start the snapshot showed under way, and that has succeeded since.
    pub(super) running: VecDeque<u16>,
    pub(super) stop: Option<StopRequest>,
    pub(super) spawner_gone: bool,
    pub(super) reload_wanted: bool,
    pub(super) state_wanted: bool,
    pub(super) listener_renewed: bool,
}

/// Requests to stop, of which there may be several.
#[derive(Clone, Copy)]
pub(super) struct StopRequest {
    pub(super) signal: i32,
    pub(super) count: u32,
    pub(super) told: u32,
}

impl Manager {
    pub(super) fn new(listener: boot::Listener) -> Self {
        Self {
            process: None,
            channel: None,
            of_before: false,
            listener,
            deaths: Deaths::default(),
            patience_ns: patience_ms() * 1_000_000,
            ready: false,
            not_before: None,
            telling: Telling::Welcome,
            full: false,
            snapshot_waits_since: None,
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

    /// One that the program before us has started, and that is being ended.
    pub(super) fn inherit(&mut self, process: Process, channel: Option<Heir<Channel>>) {
        self.process = Some(process);
        self.channel = channel;
        self.of_before = true;
    }

    /// It has said that it is ready, and lives.
    pub(super) fn is_ready(&self) -> bool {
        self.ready && self.process.is_some()
    }

    /// When it is to be started again, or ended for its silence.
    pub(super) fn due(&self) -> Option<u64> {
        let silence = self.unanswered_since.map(|since| since + self.patience_ns);
        // A snapshot that waits looks again soon.
        let waiting = self.snapshot_waits_since.map(|_| Instant::now().mono + 1_000_000);
        [self.not_before, silence, waiting].into_iter().flatten().min()
    }

    /// It has closed its end of the channel, whether or not its process is seen to have ended.
    pub(super) fn has_left(&self) -> bool {
        let Some(channel) = &self.channel else { return true };
        let mut fds = [PollFd::new(channel.as_fd(), PollFlags::empty())];
        let hung_up =
            |fd: &PollFd<'_>| fd.revents().is_some_and(|events| events.contains(PollFlags::POLLHUP));
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1)) && fds.iter().any(hung_up)
    }

    pub(super) fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
    }
}

/// How long a manager may be silent. A test has less patience, in a build for tests.
fn patience_ms() -> u64 {
    match cfg!(debug_assertions) {
        true => std::env::var("SUPD_SILENCE_MS").ok().and_then(|text| text.parse().ok()),
        false => None,
    }
    .unwrap_or(MANAGER_SILENCE_MS)
}

impl Keeper {
    /// Starts a manager, in a new epoch, with sockets that no other has seen.
    pub(super) fn start_manager(&mut self) {
        self.manager.not_before = None;
        self.manager.ready = false;
        // From here on no Spawn of the last manager can succeed.
        self.table.next_epoch();
        let started = || -> io::Result<(Process, Heir<Channel>, OwnedFd)> {
            let (queue, spawners_end) = Channel::pair()?;
            let (channel, theirs) = Channel::pair()?;
            let fds = [
                (theirs.as_fd(), fd::CHANNEL),
                (queue.as_fd(), fd::QUEUE),
                (self.manager.listener.fd.as_fd(), fd::LISTENER),
                (self.own_log.1.as_fd(), fd::OWN_LOG),
                (self.memory.state.as_fd(), fd::STATE),
                (self.memory.note.as_fd(), fd::NOTE),
            ];
            let role = Role::Manager { safe: self.manager.deaths.safe };
            let process = self.program.start(&self.settings, role, &fds, None)?;
            self.watch(channel.as_fd(), Token::Manager, EpollFlags::EPOLLIN)?;
            if let Some(pidfd) = process.pidfd() {
                will::note_process(
                    Fact::ManagerPid,
                    Fact::ManagerIdentity,
                    (process.pid, identity_of(process.pid, pidfd)),
                );
                self.watch(pidfd, Token::ManagerEnded, EpollFlags::EPOLLIN)?;
            }
            Ok((process, Heir::new(Heirloom::ManagerChannel, channel), spawners_end.into()))
        };
        match started() {
            Ok((process, channel, queue)) => {
                self.manager.process = Some(process);
                self.manager.channel = Some(channel);
                self.manager.telling = Telling::Welcome;
                self.manager.full = false;
                self.manager.unanswered_since = None;
                self.manager.snapshot_waits_since = None;
                self.manager.spawner_gone = false;
                // What its predecessor was to be told is in the snapshot.
                self.manager.freed.clear();
                self.manager.running.clear();
                if let Some(stop) = &mut self.manager.stop {
                    stop.told = 0;
                }
                self.books.forget_told();
                self.tell_lingering_again();
                self.kept.forget_told();
                self.open_queue(queue);
                self.start_spawner(false);
            }
            Err(error) => {
                self.voice.error(format_args!("cannot start the manager: {error}"));
                let now = Instant::now().mono;
                let wait = match self.manager.deaths.count_unready(now) {
                    Next::After(wait) => wait,
                    _ => back_off_ns(self.manager.deaths.unready),
                };
                self.manager.not_before = Some(now + wait);
            }
        }
    }

    /// The manager has ended.
    pub(super) fn on_manager_death(&mut self, how: How) {
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
        will::note_process(Fact::ManagerPid, Fact::ManagerIdentity, (0, 0));
        self.close_queue();
        self.manager.unanswered_since = None;
        self.manager.snapshot_waits_since = None;
        self.manager.telling = Telling::Welcome;
        let of_before = std::mem::take(&mut self.manager.of_before);
        if self.halt.is_halting() || self.reexec.is_draining() {
            return;
        }
        if of_before {
            // We have ended it ourselves; the next one knows that it is not the first.
            self.manager.deaths.total = self.manager.deaths.total.saturating_add(1);
            return self.start_manager();
        }
        let now = Instant::now().mono;
        let next = self.manager.deaths.count(how, self.manager.ready, now);
        let in_a_row = self.manager.deaths.unready;
        match next {
            Next::AtOnce => self.voice.warn(format_args!("the manager has died; starting it again")),
            Next::Again => self.voice.info(format_args!("leaving safe mode, as asked")),
            Next::Safe => {
                self.voice.error(format_args!(
                    "the manager died before it was ready ({in_a_row} in a row): the next one is in safe mode, \
                     where nothing is started or stopped"
                ));
                self.above.is_in_safe_mode();
            }
            Next::After(wait) => {
                let seconds = wait / 1_000_000_000;
                self.voice.error(format_args!(
                    "the manager died before it was ready ({in_a_row} in a row); next try in {seconds} s"
                ));
                self.manager.not_before = Some(now + wait);
                return;
            }
        }
        // Who was asked to stop does it alone where no manager can help.
        match next == Next::AtOnce || self.manager.stop.is_none() {
            true => self.start_manager(),
            false => self.manager.not_before = Some(now + back_off_ns(in_a_row)),
        }
    }

    pub(super) fn manager_on_time(&mut self, now: u64) {
        let wanted = !self.halt.is_halting() && !self.reexec.is_draining();
        if self.manager.not_before.is_some_and(|at| at <= now) && wanted {
            self.start_manager();
        }
        let patience = self.manager.patience_ns;
        if self.manager.unanswered_since.is_some_and(|since| since + patience <= now) {
            let patience_ms = patience / 1_000_000;
            self.voice.error(format_args!("the manager has been silent for {patience_ms} ms; ending it"));
            self.manager.unanswered_since = None;
            self.manager.deaths.silenced = true;
            self.manager.kill();
        }
    }

    /// Takes in what the manager has said. True: there may be more.
    pub(super) fn on_manager_messages(&mut self) -> bool {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(channel) = &self.manager.channel else { return false };
            let received = match channel.try_receive(&mut self.incoming) {
                Ok(received) if received.length > 0 => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.try_manager_again();
                    return false;
                }
                // It is ending, and will be seen to have ended. It may still be writing what must survive, so
                // it has the time that a silent one has.
                Ok(_) | Err(_) => {
                    self.unwatch(channel.as_fd());
                    self.manager.unanswered_since.get_or_insert_with(|| Instant::now().mono);
                    return false;
                }
            };
            let incoming = std::mem::take(&mut self.incoming);
            match ManagerToKeeper::decode(incoming.get(..received.length).unwrap_or_default()) {
                Ok(message) => self.on_manager_message(message, received.fds),
                Err(error) => self.voice.error(format_args!("ignoring a {error} from the manager")),
            }
            self.incoming = incoming;
            // Whatever it says, it is not hung; if exits wait for their commit, the time begins anew.
            let waits = self.books.unanswered() && !self.manager.deaths.safe;
            self.manager.unanswered_since = waits.then(|| Instant::now().mono);
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

    fn on_manager_message(&mut self, message: ManagerToKeeper<'_>, fds: [Option<OwnedFd>; FDS_MAX]) {
        match message {
            ManagerToKeeper::Ready => {
                self.manager.ready = true;
                self.manager.deaths.ready();
                self.above.is_ready();
            }
            ManagerToKeeper::Ack { seq } => self.on_acknowledged(seq),
            ManagerToKeeper::Signal { slot, run, signal, all, stop } => {
                if usize::from(slot) < SLOTS {
                    self.on_signal_wanted(slot, run, (signal, all, stop));
                }
            }
            ManagerToKeeper::NeedSpawner => self.start_spawner(true),
            ManagerToKeeper::Logger(bytes) => self.relay_to_logger(bytes),
            ManagerToKeeper::End { code } => self.begin_halt(code),
            ManagerToKeeper::Ending { after, within_ms } => self.on_ending(after, within_ms),
            ManagerToKeeper::Tell { text } => self.tell_terminals(text),
            ManagerToKeeper::Alive => {}
            ManagerToKeeper::Reexec { path } => self.on_reexec_wanted(path),
            ManagerToKeeper::Keep { kind, run } => self.keep(kind, run, fds.into_iter().flatten().next()),
            ManagerToKeeper::LetGo { kind, run } => self.kept.let_go(kind, run),
        }
    }

    pub(super) fn set_manager_interest(&self) {
        let Some(channel) = &self.manager.channel else { return };
        let writable = if self.manager.full { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
        let mut event = EpollEvent::new(EpollFlags::EPOLLIN | writable, Token::Manager.pack());
        let _ = self.epoll.modify(channel.as_fd(), &mut event);
    }

    /// USR1: the socket's file may have been removed.
    pub(super) fn renew_listener(&mut self) {
        if self.manager.listener.is_in_place(&self.settings) {
            return;
        }
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
