//! The logger, as the keeper sees it: started when there is something to write, given every pipe again when
//! it had died. What it had in hand is in its journal, which we hold and do not read: only that it gets on.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::adopted::identity_of;
use super::heirloom::{Heir, Heirloom};
use super::roles::Process;
use super::will::{self, Fact};
use super::{Keeper, Token, handover};
use crate::limits::{
    LOGGER_BACK_OFF_MS_MAX, LOGGER_BACK_OFF_MS_MIN, MESSAGES_PER_TURN, RELAY_BYTES_MAX, SLOTS,
};
use crate::settings::Role;
use crate::wire::channel::Channel;
use crate::wire::fd;
use crate::wire::journal::{Journal, Phase, Source, Tail};
use crate::wire::message::{KeeperToLogger, LoggerToKeeper};
use crate::wire::run::Instant;
use crate::wire::table::Sinks;

/// One logger after the other, and what the present one has still to be told.
pub(super) struct Logger {
    process: Option<Process>,
    channel: Option<Heir<Channel>>,
    /// It is of the program before us, and is being ended: it is told nothing.
    of_before: bool,
    /// Slots with something to tell; each stands here once at most.
    queue: VecDeque<u16>,
    /// Messages of the manager, each behind its length.
    relay: VecDeque<u8>,
    own_log_given: bool,
    /// supd's own messages wait for a logger.
    own_log_waits: bool,
    full: bool,
    /// It was told that nothing more will be said.
    dismissed: bool,
    /// It wrote everything, and ended.
    pub(super) finished: bool,
    pub(super) deaths: u32,
    /// Of those, the last in a row that came before anything was done.
    vain_deaths: u32,
    /// The journal's progress when this one was started.
    progress: u64,
    not_before: u64,
    journal: Journal,
    journal_fd: Heir,
    /// Where it is read, where it is filled.
    hand: (Heir, Heir),
    /// `None`: a next keeper finds nobody.
    handover: Option<Heir>,
    leave: Leave,
}

/// What outlives every logger.
pub(super) struct Effects {
    pub(super) journal: Heir,
    pub(super) hand: (Heir, Heir),
    pub(super) handover: Option<Heir>,
}

/// Another program takes over: is the logger to leave?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    No,
    Wanted,
    Told,
}

impl Effects {
    /// Those of the first logger. Word is left for the next keeper ([`Logger::leave_word`]) when this one has
    /// asked for what was left to it.
    pub(super) fn create() -> io::Result<Self> {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Self {
            journal: Heir::new(Heirloom::Journal, Journal::create()?.0),
            hand: (Heir::new(Heirloom::HandReader, reader), Heir::new(Heirloom::HandWriter, writer)),
            handover: None,
        })
    }
}

impl Logger {
    pub(super) fn new(effects: Effects) -> io::Result<Self> {
        let Effects { journal: journal_fd, hand, handover } = effects;
        let (journal_fd, journal) = match Journal::map(journal_fd.as_fd()) {
            Ok(journal) => (journal_fd, journal),
            // Of another version of supd, whose logger has left nothing in it.
            Err(_) => {
                let (fd, journal) = Journal::create()?;
                (Heir::new(Heirloom::Journal, fd), journal)
            }
        };
        Ok(Self {
            process: None,
            channel: None,
            of_before: false,
            queue: VecDeque::with_capacity(SLOTS),
            relay: VecDeque::with_capacity(RELAY_BYTES_MAX),
            own_log_given: false,
            own_log_waits: false,
            full: false,
            dismissed: false,
            finished: false,
            deaths: 0,
            vain_deaths: 0,
            progress: 0,
            not_before: 0,
            journal,
            journal_fd,
            hand,
            handover,
            leave: Leave::No,
        })
    }

    pub(super) fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(|process| process.pid)
    }

    /// From here on a keeper that comes after us finds the logger of then.
    pub(super) fn leave_word(&mut self, path: &Path) -> io::Result<()> {
        self.handover = Some(Heir::new(Heirloom::Handover, handover::listen(path)?));
        Ok(())
    }

    /// A pipe comes from elsewhere: whether its first bytes go on with a line of which a part is written.
    pub(super) fn expect(&self, slot: u16, stderr: bool, continued: bool) {
        self.journal.set_tail(Source::Run { slot, stderr }, Tail { promised: continued, ..Tail::default() });
    }

    /// How much loggers have done so far.
    pub(super) fn progress(&self) -> u64 {
        self.journal.progress()
    }

    /// One that the program before us has started, and that is being ended.
    pub(super) fn inherit(&mut self, process: Process, channel: Option<Heir<Channel>>) {
        self.process = Some(process);
        self.channel = channel;
        self.of_before = true;
    }

    fn is_needed(&self) -> bool {
        self.own_log_waits || !self.queue.is_empty() || !self.relay.is_empty()
    }

    /// When it is to be started again.
    pub(super) fn due(&self) -> Option<u64> {
        (self.process.is_none() && self.is_needed()).then_some(self.not_before)
    }

    pub(super) fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
    }
}

impl Keeper {
    /// A role has written a message, and there is no logger: `logger_on_time` starts one. Until then there is
    /// nothing more to hear.
    pub(super) fn on_own_log(&mut self) {
        self.logger.own_log_waits = true;
        self.set_own_log_interest(EpollFlags::empty());
    }

    fn set_own_log_interest(&self, flags: EpollFlags) {
        let mut event = EpollEvent::new(flags, Token::OwnLog.pack());
        let _ = self.epoll.modify(self.own_log.0.as_fd(), &mut event);
    }

    pub(super) fn logger_on_time(&mut self, now: u64) {
        let due = self.logger.due();
        if due.is_some_and(|at| at <= now) && !self.refuses_loggers() && !self.reexec.is_draining() {
            self.start_logger(now);
        }
    }

    fn start_logger(&mut self, now: u64) {
        self.logger.progress = self.logger.progress();
        let started = || -> io::Result<(Process, Heir<Channel>)> {
            let (channel, theirs) = Channel::pair()?;
            let logger = &self.logger;
            let fds = [
                (theirs.as_fd(), fd::CHANNEL),
                (self.own_log.1.as_fd(), fd::OWN_LOG),
                (logger.journal_fd.as_fd(), fd::JOURNAL),
                (logger.hand.0.as_fd(), fd::HAND.0),
                (logger.hand.1.as_fd(), fd::HAND.1),
                (logger.handover.as_ref().map_or(theirs.as_fd(), AsFd::as_fd), fd::HANDOVER),
            ];
            let count = fds.len() - usize::from(logger.handover.is_none());
            let process = self.program.start(&self.settings, Role::Logger, &fds[..count], None)?;
            self.watch(channel.as_fd(), Token::Logger, EpollFlags::EPOLLIN)?;
            if let Some(pidfd) = process.pidfd() {
                will::note_process(
                    Fact::LoggerPid,
                    Fact::LoggerIdentity,
                    (process.pid, identity_of(process.pid, pidfd)),
                );
                self.watch(pidfd, Token::LoggerEnded, EpollFlags::EPOLLIN)?;
            }
            Ok((process, Heir::new(Heirloom::LoggerChannel, channel)))
        };
        match started() {
            Ok((process, channel)) => {
                self.logger.process = Some(process);
                self.logger.channel = Some(channel);
                self.logger.own_log_given = false;
                self.logger.own_log_waits = false;
                self.logger.full = false;
                self.logger.dismissed = false;
                self.set_own_log_interest(EpollFlags::empty());
            }
            Err(error) => {
                self.voice.error(format_args!("cannot start the logger: {error}"));
                self.logger_back_off(now);
            }
        }
    }

    /// Whoever gets something done is followed at once, however it ends; who dies before that is waited for, or
    /// a logger that cannot begin would take all the time there is.
    fn logger_back_off(&mut self, now: u64) {
        let logger = &mut self.logger;
        logger.deaths += 1;
        let vain = logger.progress() == logger.progress;
        logger.vain_deaths = if vain { logger.vain_deaths + 1 } else { 0 };
        let doublings = logger.vain_deaths.saturating_sub(2).min(16);
        let wait = match logger.vain_deaths {
            0 | 1 => 0,
            _ => (LOGGER_BACK_OFF_MS_MIN << doublings).min(LOGGER_BACK_OFF_MS_MAX) * 1_000_000,
        };
        logger.not_before = if self.halt.ends_loggers() { now } else { now + wait };
    }

    pub(super) fn on_logger_death(&mut self) {
        for _ in 0..MESSAGES_PER_TURN {
            if !self.on_logger_messages() {
                break;
            }
        }
        if let Some(channel) = self.logger.channel.take() {
            self.unwatch(channel.as_fd());
        }
        if let Some(process) = self.logger.process.take()
            && let Some(pidfd) = process.pidfd()
        {
            self.unwatch(pidfd);
        }
        will::note_process(Fact::LoggerPid, Fact::LoggerIdentity, (0, 0));
        if self.logger.dismissed && self.logger.journal.phase() == Phase::Idle && !self.any_pipes() {
            self.logger.finished = true;
        }
        if self.refuses_loggers() {
            return;
        }
        let left = std::mem::replace(&mut self.logger.leave, Leave::No) == Leave::Told;
        let meant = std::mem::take(&mut self.logger.of_before) || left;
        if !meant {
            self.logger_back_off(Instant::now().mono);
        }
        // Whatever this one knew, the next does not.
        for slot in 0..self.books.len() {
            let book = self.books.of(slot);
            book.told.pipes = [false; 2];
            book.told.ended = false;
            if book.has_pipes() {
                self.queue_for_logger(slot);
            }
        }
        if !meant {
            self.voice.warn(format_args!("the logger has died; its pipes are kept for the next"));
        }
        self.set_own_log_interest(EpollFlags::EPOLLIN);
    }

    /// Something about a slot is to be told.
    pub(super) fn queue_for_logger(&mut self, slot: u16) {
        let book = self.books.of(slot);
        if !book.told.queued {
            book.told.queued = true;
            self.logger.queue.push_back(slot);
        }
    }

    /// From the manager, as it is.
    pub(super) fn relay_to_logger(&mut self, bytes: &[u8]) {
        let Ok(length) = u16::try_from(bytes.len()) else { return };
        if self.logger.relay.len() + 2 + bytes.len() > RELAY_BYTES_MAX {
            self.voice.warn(format_args!("the logger is too far behind: a message to it is dropped"));
            return;
        }
        self.logger.relay.extend(length.to_le_bytes());
        self.logger.relay.extend(bytes);
    }

    /// Takes in what the logger has said. True: there may be more.
    pub(super) fn on_logger_messages(&mut self) -> bool {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(channel) = &self.logger.channel else { return false };
            let length = match channel.try_receive(&mut self.incoming) {
                Ok(received) if received.length > 0 => received.length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.try_logger_again();
                    return false;
                }
                Ok(_) | Err(_) => {
                    self.unwatch(channel.as_fd());
                    // It has heard our last word, and ends by itself; else it is no use without a channel.
                    if !self.logger.dismissed {
                        self.logger.kill();
                    }
                    return false;
                }
            };
            match LoggerToKeeper::decode(self.incoming.get(..length).unwrap_or_default()) {
                Ok(LoggerToKeeper::Drained { slot }) if usize::from(slot) < SLOTS => self.on_drained(slot),
                Ok(_) | Err(_) => self.voice.error(format_args!("ignoring a message of the logger")),
            }
        }
        self.try_logger_again();
        true
    }

    /// An event of the socket may mean that it has room again.
    fn try_logger_again(&mut self) {
        if std::mem::take(&mut self.logger.full) {
            self.set_logger_interest();
        }
    }

    /// Tells the logger as much as its socket takes.
    pub(super) fn pump_logger(&mut self) {
        while self.logger.channel.is_some()
            && !self.logger.full
            && !self.logger.dismissed
            && !self.logger.of_before
        {
            match self.tell_logger() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.logger.full = true;
                    self.set_logger_interest();
                }
                // It has closed its end, and will be seen to have ended.
                Err(_) => return,
            }
        }
    }

    /// Tells the next thing. False: there is none.
    fn tell_logger(&mut self) -> io::Result<bool> {
        if !self.logger.own_log_given {
            KeeperToLogger::OwnLog.encode(&mut self.outgoing);
            self.send_to_logger(&[self.own_log.0.as_fd()])?;
            self.logger.own_log_given = true;
        } else if let Some(slot) = self.logger.queue.front().copied() {
            self.tell_about(slot)?;
        } else if let Some(length) = self.relay_front() {
            self.send_to_logger(&[])?;
            self.logger.relay.drain(..length);
        } else if self.logger.leave == Leave::Wanted {
            KeeperToLogger::Leave.encode(&mut self.outgoing);
            self.send_to_logger(&[])?;
            self.logger.leave = Leave::Told;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn send_to_logger(&self, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        match &self.logger.channel {
            Some(channel) => channel.try_send(&self.outgoing, fds),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Tells the next thing about a slot; takes it off the queue when there is no more.
    fn tell_about(&mut self, slot: u16) -> io::Result<()> {
        let Some(channel) = &self.logger.channel else { return Ok(()) };
        let sinks = self.table.sinks(slot);
        let book = self.books.of(slot);
        for index in [0, 1] {
            let Some(pipe) = book.pipes.get(index).and_then(Option::as_ref) else { continue };
            if book.told.pipes[index] {
                continue;
            }
            let (stream, both) = if index == 0 { (1, Sinks::STDOUT_BOTH) } else { (2, Sinks::STDERR_BOTH) };
            let (log_path, label) = (self.table.log_path(slot), self.table.label(slot));
            let message = KeeperToLogger::Pipe {
                slot,
                stream,
                both: sinks.has(both),
                run: self.table.run(slot),
                log_path: log_path.as_slice(),
                label: label.as_slice(),
            };
            message.encode(&mut self.outgoing);
            channel.try_send(&self.outgoing, &[pipe.as_fd()])?;
            book.told.pipes[index] = true;
            return Ok(());
        }
        if book.has_pipes() && (book.seq != 0 || book.acknowledged) && !book.told.ended {
            KeeperToLogger::Ended { slot }.encode(&mut self.outgoing);
            channel.try_send(&self.outgoing, &[])?;
            book.told.ended = true;
            return Ok(());
        }
        book.told.queued = false;
        self.logger.queue.pop_front();
        Ok(())
    }

    /// Encodes the oldest message of the manager; gives how many bytes of the ring it is.
    fn relay_front(&mut self) -> Option<usize> {
        let relay = &self.logger.relay;
        let length = usize::from(u16::from_le_bytes([*relay.front()?, *relay.get(1)?]));
        let bytes = self.incoming.get_mut(..length)?;
        for (to, from) in bytes.iter_mut().zip(relay.iter().skip(2)) {
            *to = *from;
        }
        KeeperToLogger::Relay(bytes).encode(&mut self.outgoing);
        Some(2 + length)
    }

    fn set_logger_interest(&self) {
        let Some(channel) = &self.logger.channel else { return };
        let writable = if self.logger.full { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
        let mut event = EpollEvent::new(EpollFlags::EPOLLIN | writable, Token::Logger.pack());
        let _ = self.epoll.modify(channel.as_fd(), &mut event);
    }

    /// Another one will come: this one is to end once it knows all.
    pub(super) fn send_logger_away(&mut self) {
        if self.logger.leave == Leave::No {
            self.logger.leave = Leave::Wanted;
        }
    }

    /// Says the last word to the logger, as soon as it was told all the rest: it writes what is left
    /// everywhere, and ends. What it still says is heard.
    pub(super) fn dismiss_logger(&mut self) {
        self.pump_logger();
        if self.logger.dismissed || !self.logger_knows_all() {
            return;
        }
        if let Some(channel) = &self.logger.channel {
            channel.say_no_more();
            self.logger.dismissed = true;
        }
    }

    fn any_pipes(&mut self) -> bool {
        (0..self.books.len()).any(|slot| self.books.of(slot).has_pipes())
    }

    fn refuses_loggers(&self) -> bool {
        self.logger.finished || self.halt.refuses_loggers()
    }

    /// Whether nothing is left for a logger to do.
    pub(super) fn logger_has_finished(&self) -> bool {
        !self.logger_runs() && (self.logger.finished || !self.logger.is_needed())
    }

    /// Whether nothing waits to be told to a logger.
    pub(super) fn logger_knows_all(&self) -> bool {
        match self.logger_runs() {
            true => self.logger.queue.is_empty() && self.logger.relay.is_empty() && self.logger.own_log_given,
            false => !self.logger.is_needed(),
        }
    }

    /// What is left is written now, however often a logger has died.
    pub(super) fn hurry_logger(&mut self) {
        self.logger.not_before = 0;
    }

    pub(super) fn logger_runs(&self) -> bool {
        self.logger.process.is_some()
    }
}
