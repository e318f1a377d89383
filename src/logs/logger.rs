//! The role that moves bytes: from the pods' pipes to files and, where asked, to our own output.
//!
//! One thread, one epoll, no waiting but there. It may be killed at any instant: the keeper holds copies of
//! all pipes and starts it again. It outlives the keeper for as long as a pod has something to say.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::limits::{CONSOLE_STUCK_MS, LOG_DRAIN_BYTES_MAX};
use crate::logs::console::Console;
use crate::logs::intake::{Found, Intake};
use crate::logs::line::Stream;
use crate::logs::outlet::Outlet;
use crate::logs::path::RunPath;
use crate::logs::relay::Relay;
use crate::wire::channel::Channel;
use crate::wire::message::{KeeperToLogger, LoggerToKeeper};

/// Epoll's names for what is no stream.
const KEEPER: u64 = u64::MAX;
const STDOUT: u64 = u64::MAX - 1;
const STDERR: u64 = u64::MAX - 2;

/// Longest message from the keeper: a path, a label and some numbers, with room to spare.
const MESSAGE_BYTES: usize = 4096;
/// Messages heard in one turn, so that a burst of starts does not hold up the pipes.
const MESSAGES_A_TURN: usize = 64;
/// Streams that one turn serves.
const EVENTS_A_TURN: usize = 64;

/// What the logger must know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the files are.
    pub log_dir: PathBuf,
    /// For people at a terminal: names are padded.
    pub terminal: bool,
    /// With colours.
    pub colour: bool,
}

/// The loop and what it watches.
pub(super) struct Logger {
    epoll: Epoll,
    keeper: Option<Channel>,
    intake: Intake,
    /// Slots whose `Drained` the keeper's socket had no room for.
    unsent: VecDeque<u16>,
    watching_stdout: bool,
    watching_stderr: bool,
}

/// Serves until the keeper and all pods are gone; the exit code. Signals that a terminal sends to all of its
/// processes are held back: when the logger ends is for the pods to say.
pub fn serve(options: Options, keeper: Channel) -> i32 {
    prepare();
    let outlets = Outlet::new(io::stdout().as_fd()).and_then(|out| Ok((out, Outlet::new(io::stderr().as_fd())?)));
    let logger = outlets.and_then(|(stdout, stderr)| Logger::new(options, keeper, stdout, stderr));
    let mut logger = match logger {
        Ok(logger) => logger,
        Err(error) => {
            eprintln!("logs: cannot start the logger: {error}");
            return 70;
        }
    };
    while !logger.is_done() {
        if let Err(errno) = logger.turn(EpollTimeout::NONE) {
            logger.intake.say(&format!("logs: cannot wait for output: {}; starting again", errno.desc()));
            logger.finish();
            return 70;
        }
    }
    logger.finish();
    0
}

/// Everything about the process itself. What the system refuses is done without.
fn prepare() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::sys::signal::{SigSet, Signal};
    let mut held = SigSet::empty();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGQUIT,
        Signal::SIGHUP,
        Signal::SIGPIPE,
        Signal::SIGTSTP,
        Signal::SIGTTOU,
    ] {
        held.add(signal);
    }
    let _ = held.thread_block();
    let _ = nix::sys::prctl::set_no_new_privs();
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o027));
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

impl Logger {
    pub(super) fn new(
        options: Options,
        keeper: Channel,
        stdout: Outlet,
        stderr: Outlet,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&keeper, EpollEvent::new(EpollFlags::EPOLLIN, KEEPER))?;
        let console = Console::new(options.terminal, options.colour);
        let intake = Intake::new(options.log_dir, console, stdout, stderr);
        let unsent = VecDeque::new();
        let (watching_stdout, watching_stderr) = (false, false);
        Ok(Self { epoll, keeper: Some(keeper), intake, unsent, watching_stdout, watching_stderr })
    }

    /// Waits for something to happen and does what it asks for.
    pub(super) fn turn(&mut self, timeout: EpollTimeout) -> nix::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS_A_TURN];
        let timeout = self.until_stuck().unwrap_or(timeout);
        let count = match self.epoll.wait(&mut events, timeout) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        self.intake.set_now(Instant::now());
        for event in &events[..count] {
            match event.data() {
                KEEPER => self.hear(),
                // Flushed below, as after every turn.
                STDOUT | STDERR => (),
                number => self.read(usize::try_from(number).unwrap_or(usize::MAX)),
            }
        }
        self.send_drained();
        self.serve_outlets();
        Ok(())
    }

    /// Whether there is nobody left to listen to.
    pub(super) fn is_done(&self) -> bool {
        self.keeper.is_none() && !self.intake.has_runs()
    }

    /// The last words: what waits in supd's own pipe and in the queues, as far as somebody takes it.
    pub(super) fn finish(&mut self) {
        for number in self.intake.own() {
            self.drain(number);
        }
        for number in 0.. {
            if self.intake.pipe(number).is_none() {
                break;
            }
            self.intake.spill(number);
        }
        let end = Instant::now() + Duration::from_millis(CONSOLE_STUCK_MS);
        let mut now = Instant::now();
        while now < end {
            self.intake.set_now(now);
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
        let mut buffer = [0; MESSAGE_BYTES];
        for _ in 0..MESSAGES_A_TURN {
            let Some(keeper) = &self.keeper else { return };
            let received = match keeper.try_receive(&mut buffer) {
                Ok(received) if received.length > 0 => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.intake.say("logs: ignoring a message that is too long");
                    continue;
                }
                _ => return self.lose_keeper(),
            };
            let [fd, ..] = received.fds;
            match KeeperToLogger::decode(&buffer[..received.length]) {
                Ok(message) => self.obey(message, fd),
                Err(malformed) => self.intake.say(&format!("logs: ignoring a {malformed}")),
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
                    self.intake.say("logs: a run has no proper log path; its output is not kept");
                }
                let stream = if stream == 2 { Stream::Stderr } else { Stream::Stdout };
                unblock(pipe.as_fd());
                let number = self.intake.add_run(pipe, (slot, run), (stream, both), path);
                self.watch(number);
            }
            (KeeperToLogger::OwnLog, Some(pipe)) => {
                for former in self.intake.own() {
                    self.close(former);
                }
                unblock(pipe.as_fd());
                let number = self.intake.add_own(pipe);
                self.watch(number);
            }
            (KeeperToLogger::Ended { slot }, _) => self.end(slot),
            (KeeperToLogger::Relay(bytes), _) => self.relay(bytes),
            (KeeperToLogger::Pipe { .. } | KeeperToLogger::OwnLog, None) => {
                self.intake.say("logs: too many open files; the output of a run waits in its pipe");
            }
        }
    }

    fn relay(&mut self, bytes: &[u8]) {
        match Relay::decode(bytes) {
            Some(Relay::Forget { dir }) => {
                if let Err(error) = self.intake.out.files.forget(&dir) {
                    self.intake.say(&format!("logs: cannot remove `{}`: {error}; it stays", dir.as_str()));
                }
            }
            None => self.intake.say("logs: ignoring an order that is not understood"),
        }
    }

    /// One turn of one stream.
    fn read(&mut self, number: usize) {
        if self.intake.must_wait(number) {
            self.unwatch(number);
            self.intake.set_paused(number, true);
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
            self.intake.say(&format!("logs: cannot watch a pipe: {}; ignoring it", errno.desc()));
            self.intake.end(number);
        }
    }

    fn unwatch(&mut self, number: usize) {
        if let Some(pipe) = self.intake.pipe(number) {
            let _ = self.epoll.delete(pipe);
        }
    }

    fn close(&mut self, number: usize) {
        if !self.intake.is_paused(number) {
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
        let Some(keeper) = &self.keeper else { return };
        let room = if self.unsent.is_empty() { EpollFlags::empty() } else { EpollFlags::EPOLLOUT };
        let _ = self.epoll.modify(keeper, &mut EpollEvent::new(EpollFlags::EPOLLIN | room, KEEPER));
    }

    fn lose_keeper(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            let _ = self.epoll.delete(&keeper);
        }
        self.unsent.clear();
    }

    /// Writes what waits, and wakes the streams that waited for that.
    fn serve_outlets(&mut self) {
        let now = Instant::now();
        self.intake.set_now(now);
        if let Some(warning) = self.intake.out.files.take_warning() {
            self.intake.say(&warning);
        }
        let out = &mut self.intake.out;
        out.stdout.flush(now);
        out.stderr.flush(now);
        rewatch(&self.epoll, &out.stdout, STDOUT, &mut self.watching_stdout);
        rewatch(&self.epoll, &out.stderr, STDERR, &mut self.watching_stderr);
        if !self.intake.out.stdout.is_full(now) {
            for number in self.intake.paused() {
                self.intake.set_paused(number, false);
                self.watch(number);
            }
        }
    }

    /// How long streams may wait for the console.
    fn until_stuck(&self) -> Option<EpollTimeout> {
        let waiting = !self.intake.paused().is_empty();
        let at = self.intake.out.stdout.stuck_at().filter(|_| waiting)?;
        // Rounded up: a timeout that ends before its time would come again at once.
        let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        EpollTimeout::try_from(left).ok()
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

/// The read end's flags are shared with the keeper, which never reads there, and with nobody else.
fn unblock(pipe: BorrowedFd<'_>) {
    if let Ok(bits) = fcntl(pipe, FcntlArg::F_GETFL) {
        let _ = fcntl(pipe, FcntlArg::F_SETFL(OFlag::from_bits_retain(bits) | OFlag::O_NONBLOCK));
    }
}

#[cfg(test)]
#[path = "logger_tests.rs"]
mod tests;
