//! The role that moves bytes: from the pods' pipes to files and, where asked, to our own output.
//!
//! One thread, one epoll, no waiting but there. It may be killed at any instant: the keeper holds copies of
//! all pipes, and what is in hand, and starts it again. It outlives the keeper for as long as a pod has something
//! to say, or until the next keeper asks for the pipes.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::limits::{CONSOLE_STUCK_MS, LOG_DRAIN_BYTES_MAX};
use crate::logs::confine::confine;
use crate::logs::console::Console;
use crate::logs::hand::Hand;
use crate::logs::intake::{Found, Intake};
use crate::logs::line::Stream;
use crate::logs::orphan;
use crate::logs::outlet::Outlet;
use crate::logs::path::RunPath;
use crate::logs::relay::Relay;
use crate::settings::{Settings, exit};
use crate::sys::process::{adopt, set_name};
use crate::sys::signal;
use crate::wire::channel::Channel;
use crate::wire::fd;
use crate::wire::message::{KeeperToLogger, LoggerToKeeper};
use crate::wire::own_log::OwnLog;
use crate::wire::voice::Voice;

/// Epoll's names for what is no stream.
const KEEPER: u64 = u64::MAX;
const STDOUT: u64 = u64::MAX - 1;
const STDERR: u64 = u64::MAX - 2;
const HANDOVER: u64 = u64::MAX - 3;

/// Longest message from the keeper: a path, a label and some numbers, with room to spare.
const MESSAGE_BYTES: usize = 4096;
/// Messages heard in one turn, so that a burst of starts does not hold up the pipes.
const MESSAGES_A_TURN: usize = 64;
/// Streams that one turn serves.
const EVENTS_A_TURN: usize = 64;

/// The loop and what it watches.
pub(super) struct Logger {
    epoll: Epoll,
    keeper: Option<Channel>,
    /// The keeper says no more, or is dead: it may still hear.
    deaf: bool,
    /// Where another keeper asks for the pipes, when this one is dead.
    handover: Option<OwnedFd>,
    voice: Voice,
    quiet: bool,
    intake: Intake,
    /// Slots whose `Drained` the keeper's socket had no room for.
    unsent: VecDeque<u16>,
    watching_room: bool,
    watching_stdout: bool,
    watching_stderr: bool,
    /// Another logger comes after this one, and goes on where it stops.
    leaving: bool,
}

/// The role: finds its channel where the keeper left it. The exit code.
pub fn run(settings: Settings) -> i32 {
    let (Some(channel), Ok(hand)) = (adopt(fd::CHANNEL), Hand::of_role()) else {
        eprintln!("supd: the logger is a role of supd, and is started by its keeper only");
        return i32::from(exit::USAGE);
    };
    serve(&settings, Channel::from(channel), hand)
}

/// Serves until the keeper and all pods are gone; the exit code.
fn serve(settings: &Settings, keeper: Channel, hand: Hand) -> i32 {
    prepare();
    let voice = Voice::new(OwnLog::of_role(), "logger", settings);
    let outlets =
        Outlet::new(io::stdout().as_fd()).and_then(|out| Ok((out, Outlet::new(io::stderr().as_fd())?)));
    let logger = outlets.and_then(|outlets| Logger::new(settings, voice.clone(), keeper, hand, outlets));
    let mut logger = match logger {
        Ok(logger) => logger,
        Err(error) => {
            voice.error(format_args!("cannot start: {error}; the keeper tries again"));
            return i32::from(exit::INTERNAL);
        }
    };
    if let Some(dir) = confine(&settings.log_dir, &voice) {
        logger.intake.out.files.write_in(dir);
    }
    logger.handover = adopt(fd::HANDOVER);
    if let Some(warning) = logger.intake.recover() {
        voice.error(format_args!("{warning}"));
    }
    logger.intake.count_progress();
    while !logger.is_done() {
        if logger.is_useless() {
            voice.warn(format_args!("`{}` was taken away; starting again", settings.log_dir.display()));
            logger.finish();
            return 0;
        }
        if let Err(errno) = logger.turn(None) {
            voice.error(format_args!("cannot wait for output: {}; starting again", errno.desc()));
            logger.finish();
            return i32::from(exit::INTERNAL);
        }
    }
    logger.finish();
    0
}

/// Everything about the process itself. When the logger ends is for the keeper and the pods to say. What the system
/// refuses is done without.
fn prepare() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::sys::signal::{SigSet, Signal};
    set_name(c"supd-logger");
    signal::leave_to_keeper();
    let _ = SigSet::from(Signal::SIGPIPE).thread_block();
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o027));
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

impl Logger {
    pub(super) fn new(
        settings: &Settings,
        voice: Voice,
        keeper: Channel,
        hand: Hand,
        (stdout, stderr): (Outlet, Outlet),
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&keeper, EpollEvent::new(EpollFlags::EPOLLIN, KEEPER))?;
        let colour = settings.foreground && wants_colour();
        let console = Console::new(settings.foreground, colour, colour && io::stderr().is_terminal());
        Ok(Self {
            epoll,
            keeper: Some(keeper),
            deaf: false,
            handover: None,
            voice,
            quiet: settings.quiet,
            intake: Intake::new(hand, settings.log_dir.clone(), console, stdout, stderr),
            unsent: VecDeque::new(),
            watching_room: false,
            watching_stdout: false,
            watching_stderr: false,
            leaving: false,
        })
    }

    /// Waits for something to happen, no longer than `patience`, and does what it asks for.
    pub(super) fn turn(&mut self, patience: Option<Duration>) -> nix::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS_A_TURN];
        let patience = patience.into_iter().chain(self.until_stuck()).min();
        let timeout = patience.map(EpollTimeout::try_from);
        let count =
            match self.epoll.wait(&mut events, timeout.and_then(Result::ok).unwrap_or(EpollTimeout::NONE)) {
                Err(Errno::EINTR) => 0,
                other => other?,
            };
        self.intake.set_now(Instant::now());
        for event in &events[..count] {
            match event.data() {
                KEEPER => self.hear(),
                // Flushed below, as after every turn.
                STDOUT | STDERR => (),
                HANDOVER => self.hand_over(),
                number => self.read(usize::try_from(number).unwrap_or(usize::MAX)),
            }
        }
        self.send_drained();
        self.serve_outlets();
        Ok(())
    }

    /// Whether there is nobody left to listen to.
    pub(super) fn is_done(&self) -> bool {
        self.leaving || self.deaf && self.unsent.is_empty() && !self.intake.has_runs()
    }

    /// Whether the next logger could write what this one cannot.
    fn is_useless(&self) -> bool {
        !self.deaf && self.intake.out.files.is_lost()
    }

    /// The last words: what waits in supd's own pipe and in the queues, as far as somebody takes it.
    pub(super) fn finish(&mut self) {
        if self.leaving {
            // Who comes next may be of another version, and read no journal of ours.
            for number in self.intake.run_streams() {
                let _ = self.intake.give(number);
            }
        }
        if let Some(number) = self.intake.own() {
            self.drain(number);
        }
        let mut now = Instant::now();
        let end = now + Duration::from_millis(CONSOLE_STUCK_MS);
        while now < end {
            self.serve_outlets();
            if self.intake.out.stdout.waiting() + self.intake.out.stderr.waiting() == 0 {
                return;
            }
            let left = EpollTimeout::try_from(end - now).unwrap_or(EpollTimeout::ZERO);
            let _ = self.epoll.wait(&mut [EpollEvent::empty()], left);
            now = Instant::now();
        }
    }

    fn hear(&mut self) {
        if self.deaf {
            return;
        }
        let mut buffer = [0; MESSAGE_BYTES];
        for _ in 0..MESSAGES_A_TURN {
            let Some(keeper) = &self.keeper else { return };
            let received = match keeper.try_receive(&mut buffer) {
                Ok(received) if received.length > 0 => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.voice.warn(format_args!("ignoring a message that is too long"));
                    continue;
                }
                _ => return self.hear_no_more(),
            };
            let [fd, ..] = received.fds;
            match KeeperToLogger::decode(&buffer[..received.length]) {
                Ok(message) => self.obey(message, fd),
                Err(malformed) => self.voice.warn(format_args!("ignoring a {malformed}")),
            }
        }
    }

    fn obey(&mut self, message: KeeperToLogger<'_>, fd: Option<OwnedFd>) {
        match (message, fd) {
            (KeeperToLogger::Pipe { slot, stream, both, run, log_path, .. }, Some(pipe)) => {
                for stranger in self.intake.strangers_in(slot, run) {
                    self.close(stranger);
                }
                let path = str::from_utf8(log_path).ok().and_then(RunPath::parse);
                if path.is_none() {
                    self.voice.warn(format_args!("a run has no proper log path; its output is not kept"));
                }
                let stream = if stream == 2 { Stream::Stderr } else { Stream::Stdout };
                unblock(pipe.as_fd());
                let both = both && !self.quiet;
                let number = self.intake.add_run(pipe, (slot, run), (stream, both), path);
                self.watch(number);
            }
            (KeeperToLogger::OwnLog, Some(pipe)) => {
                if let Some(former) = self.intake.own() {
                    self.close(former);
                }
                unblock(pipe.as_fd());
                let number = self.intake.add_own(pipe);
                self.watch(number);
            }
            (KeeperToLogger::Ended { slot }, _) => self.end(slot),
            (KeeperToLogger::Relay(bytes), _) => self.relay(bytes),
            (KeeperToLogger::Leave, _) => self.leaving = true,
            (KeeperToLogger::Pipe { .. } | KeeperToLogger::OwnLog, None) => {
                self.voice.warn(format_args!("too many open files; the output of a run waits in its pipe"));
            }
        }
    }

    fn relay(&mut self, bytes: &[u8]) {
        match Relay::decode(bytes) {
            Some(Relay::Forget { dir }) => {
                if let Err(error) = self.intake.out.files.forget(&dir) {
                    self.voice.warn(format_args!("cannot remove `{}`: {error}; it stays", dir.as_str()));
                }
            }
            None => self.voice.warn(format_args!("ignoring an order that is not understood")),
        }
    }

    /// One turn of one stream.
    fn read(&mut self, number: usize) {
        if self.intake.must_wait(number) {
            self.unwatch(number);
            self.intake.pause(number);
        } else if self.intake.read(number) == Found::End {
            self.close(number);
        }
    }

    /// A run has ended: takes what its pipes hold, and no more than that, for a process that it left behind
    /// may go on writing.
    fn end(&mut self, slot: u16) {
        for number in self.intake.streams_of(slot) {
            self.drain(number);
            self.close(number);
        }
        self.intake.forget_slot(slot);
        self.unsent.push_back(slot);
    }

    fn drain(&mut self, number: usize) {
        let mut taken = 0;
        while taken < LOG_DRAIN_BYTES_MAX {
            match self.intake.read(number) {
                Found::Some(count) => taken += count,
                Found::Nothing | Found::End => return,
            }
        }
    }

    fn watch(&mut self, number: usize) {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, number as u64);
        let added = self.intake.pipe(number).map(|pipe| self.epoll.add(pipe, event));
        if let Some(Err(errno)) = added {
            self.voice.warn(format_args!("cannot watch a pipe: {}; ignoring it", errno.desc()));
            self.intake.end(number);
        }
    }

    fn unwatch(&mut self, number: usize) {
        if let Some(pipe) = self.intake.pipe(number) {
            let _ = self.epoll.delete(pipe);
        }
    }

    fn close(&mut self, number: usize) {
        if !self.intake.forget_pause(number) {
            self.unwatch(number);
        }
        self.intake.end(number);
    }

    fn send_drained(&mut self) {
        let mut message = Vec::new();
        while let (Some(slot), Some(keeper)) = (self.unsent.front(), &self.keeper) {
            LoggerToKeeper::Drained { slot: *slot }.encode(&mut message);
            match keeper.try_send(&message, &[]) {
                Ok(()) => self.unsent.pop_front(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return self.lose_keeper(),
            };
        }
        if self.watching_room == self.unsent.is_empty()
            && let Some(keeper) = &self.keeper
        {
            self.watching_room = !self.watching_room;
            let ears = if self.deaf { EpollFlags::empty() } else { EpollFlags::EPOLLIN };
            let room = if self.watching_room { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
            let mut event = EpollEvent::new(ears | room, KEEPER);
            // A channel without ears is watched for room only: that it has ended would be told for ever.
            let _ = match (self.deaf, self.watching_room) {
                (false, _) => self.epoll.modify(keeper, &mut event),
                (true, true) => self.epoll.add(keeper, event),
                (true, false) => self.epoll.delete(keeper),
            };
        }
    }

    /// All is said that this keeper will ever say; there may be another one.
    fn hear_no_more(&mut self) {
        if std::mem::replace(&mut self.deaf, true) {
            return;
        }
        if let Some(keeper) = &self.keeper {
            let _ = self.epoll.delete(keeper);
            self.watching_room = false;
        }
        if let Some(listener) = &self.handover
            && let Err(errno) = self.epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, HANDOVER))
        {
            self.voice.warn(format_args!("cannot listen for another keeper: {}", errno.desc()));
        }
    }

    fn lose_keeper(&mut self) {
        self.hear_no_more();
        self.unsent.clear();
        if let Some(keeper) = self.keeper.take()
            && std::mem::take(&mut self.watching_room)
        {
            let _ = self.epoll.delete(&keeper);
        }
    }

    fn hand_over(&mut self) {
        let Some(keeper) = self.handover.as_ref().and_then(|listener| orphan::accept(listener.as_fd()))
        else {
            return;
        };
        if orphan::hand_over(&mut self.intake, &keeper) {
            for number in self.intake.run_streams() {
                if !self.intake.forget_pause(number) {
                    self.unwatch(number);
                }
                self.intake.let_go(number);
            }
        }
    }

    /// Writes what waits, and wakes the streams that waited for that.
    fn serve_outlets(&mut self) {
        let now = Instant::now();
        self.intake.set_now(now);
        if let Some(warning) = self.intake.out.files.take_warning() {
            self.voice.warn(format_args!("{warning}"));
        }
        let out = &mut self.intake.out;
        out.stdout.flush(now);
        out.stderr.flush(now);
        rewatch(&self.epoll, &out.stdout, STDOUT, &mut self.watching_stdout);
        rewatch(&self.epoll, &out.stderr, STDERR, &mut self.watching_stderr);
        if !self.intake.out.stdout.is_full(now) {
            for number in self.intake.take_paused() {
                self.watch(number);
            }
        }
    }

    /// How long streams may wait for the console.
    fn until_stuck(&self) -> Option<Duration> {
        let at = self.intake.out.stdout.stuck_at().filter(|_| self.intake.has_paused())?;
        // Rounded up: a timeout that ends before its time would come again at once.
        Some(at.saturating_duration_since(Instant::now()) + Duration::from_millis(1))
    }
}

/// Watches an outlet while something waits for it. A file cannot be watched, and need not be.
fn rewatch(epoll: &Epoll, outlet: &Outlet, name: u64, watching: &mut bool) {
    match (outlet.waiting() > 0, *watching) {
        (true, false) => {
            *watching = epoll.add(outlet.as_fd(), EpollEvent::new(EpollFlags::EPOLLOUT, name)).is_ok();
        }
        (false, true) => *watching = epoll.delete(outlet.as_fd()).is_err(),
        _ => (),
    }
}

/// <https://no-color.org>, and terminals that have none.
fn wants_colour() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb")
}

/// The read end's flags are shared with the keeper, which never reads there, and with nobody else.
fn unblock(pipe: BorrowedFd<'_>) {
    if let Ok(bits) = fcntl(pipe, FcntlArg::F_GETFL) {
        let _ = fcntl(pipe, FcntlArg::F_SETFL(OFlag::from_bits_retain(bits) | OFlag::O_NONBLOCK));
    }
}

#[cfg(test)]
#[path = "logger_tests.rs"]
mod tests;
