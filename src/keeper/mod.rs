//! The keeper: the part that must not die.
//!
//! PID 1, or a child subreaper elsewhere. Parent of every run and of the other roles. It reaps, holds
//! descriptors, starts the other roles again when they end, and takes the whole down. It reads no unit file
//! and touches no path that a unit names; memory is reserved at the start, every queue is bounded, and it is
//! woken by events alone: an idle supd sleeps.
//!
//! One loop over epoll. Level-triggered throughout: what is to be told is kept as state (an exit that is not
//! acknowledged, a signal that was not passed on), and `pump_*` tells as much of it as a socket takes.

mod above;
mod adopted;
mod books;
pub mod boot;
pub mod claim;
mod deaths;
pub mod fallen;
mod fault;
mod halt;
mod handover;
mod heirloom;
mod kept;
mod lingering;
mod logger;
mod manager;
mod memory;
pub mod place;
mod reap;
pub mod reexec;
mod roles;
mod runs;
mod signals;
pub mod solo;
mod spawners;
mod takeover;
mod telling;
pub mod tree;
mod trouble;
mod watchdog;
mod will;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::limits::{EVENTS_PER_TURN, MESSAGE_BYTES_MAX, SLOTS};
use crate::settings::{Before, Settings};
use crate::sys;
use crate::wire::after::After;
use crate::wire::cgroup::Tree;
use crate::wire::own_log::{self, OwnLog};
use crate::wire::run::Instant;
use crate::wire::table::Table;
use crate::wire::voice::Voice;
use heirloom::{Heir, Heirloom};

/// Everything the keeper has.
struct Keeper {
    settings: Settings,
    voice: Voice,
    since: Instant,
    epoll: Epoll,
    signals: signals::Signals,
    program: roles::Program,
    /// The soft limit of descriptors that we were started with, which runs get back.
    nofile: Option<u64>,
    table: Table,
    table_fd: Heir,
    books: books::Books,
    spawners: spawners::Spawners,
    manager: manager::Manager,
    memory: memory::Memory,
    kept: kept::Keepsakes,
    logger: logger::Logger,
    own_log: (Heir, Heir),
    reaping: reap::Reaping,
    halt: halt::Halt,
    /// The cgroups of runs, where there are any.
    tree: Option<Tree>,
    lingering: lingering::Lingering,
    /// One message at a time is read and written.
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    reexec: reexec::Reexec,
    watchdog: watchdog::Watchdog,
    above: above::Above,
    /// Held for the life of the process.
    _lock: Heir,
}

/// What a keeper begins with.
struct Parts {
    signals: signals::Signals,
    since: Instant,
    nofile: Option<u64>,
    table: Table,
    table_fd: Heir,
    listener: boot::Listener,
    own_log: (Heir, Heir),
    memory: memory::Memory,
    effects: logger::Effects,
    lock: Heir,
}

/// Whose descriptor is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Signals,
    Manager,
    ManagerEnded,
    Logger,
    LoggerEnded,
    OwnLog,
    TrialEnded,
    Spawner(u8),
    SpawnerEnded(u8),
    Run(u16),
    Group(u16),
}

impl Token {
    fn pack(self) -> u64 {
        match self {
            Self::Signals => 0,
            Self::Manager => 1,
            Self::ManagerEnded => 2,
            Self::Logger => 3,
            Self::LoggerEnded => 4,
            Self::OwnLog => 5,
            Self::TrialEnded => 6,
            Self::Spawner(number) => 1 << 16 | u64::from(number),
            Self::SpawnerEnded(number) => 2 << 16 | u64::from(number),
            Self::Run(slot) => 3 << 16 | u64::from(slot),
            Self::Group(slot) => 4 << 16 | u64::from(slot),
        }
    }

    fn unpack(word: u64) -> Self {
        match (word >> 16, word as u16) {
            (1, number) => Self::Spawner(number as u8),
            (2, number) => Self::SpawnerEnded(number as u8),
            (3, slot) => Self::Run(slot),
            (4, slot) => Self::Group(slot),
            (_, 1) => Self::Manager,
            (_, 2) => Self::ManagerEnded,
            (_, 3) => Self::Logger,
            (_, 4) => Self::LoggerEnded,
            (_, 5) => Self::OwnLog,
            (_, 6) => Self::TrialEnded,
            _ => Self::Signals,
        }
    }
}

/// How a keeper has ended.
pub enum Over {
    /// It never began: why, in words, and the exit code.
    NotBegun(String, u8),
    /// All has ended, in order or not.
    Done {
        /// supd's exit code.
        code: u8,
        /// What becomes of the machine, where we are its init.
        after: After,
    },
}

impl Over {
    /// Says it to whoever started us, and gives the exit code. Not for the init of a machine, which does not
    /// exit.
    pub fn report(self) -> u8 {
        use std::io::Write;
        match self {
            Self::Done { code, .. } => code,
            Self::NotBegun(why, code) => {
                // Standard error may be closed: there is nobody to tell then.
                let _ = writeln!(io::stderr(), "supd: {why}");
                code
            }
        }
    }
}

/// Runs the role. `before`: which program this process was.
pub fn run(settings: Settings, before: Before) -> Over {
    sys::process::set_name(c"supd-keeper");
    if let Err(error) = fault::arm(&settings, before) {
        return boot::Refusal::internal(format!("cannot begin: {error}")).into_over();
    }
    let failed = |error: io::Error| boot::Refusal::internal(format!("cannot begin: {error}"));
    let begun = match before {
        Before::Nothing => {
            boot::claimed_lock(&settings).and_then(|lock| Keeper::new(settings, lock).map_err(failed))
        }
        Before::Replaced(number) => Keeper::resume(settings, number).map_err(failed),
        Before::Faulted(_) => Keeper::resume_after_fault(settings)
            .map_err(|error| fault::give_up(format!("it cannot go on after a fault: {error}"))),
    };
    let mut keeper = match begun {
        Ok(keeper) => keeper,
        Err(refusal) => return refusal.into_over(),
    };
    keeper.note_beginning();
    if keeper.manager.pid().is_none() && !keeper.halt.is_halting() {
        keeper.start_manager();
    }
    // Whoever was our child before we were, and whose signal went to the program that we were then.
    keeper.reaping.request(Instant::now().mono);
    match keeper.serve() {
        Ok(code) => {
            keeper.note_halt();
            telling::last_words(keeper.own_log.0.as_fd());
            Over::Done { code, after: keeper.halt.after() }
        }
        Err(error) => {
            keeper.voice.error(format_args!("cannot go on: {error}; beginning anew"));
            fault::give_up(format!("the loop cannot go on: {error}"))
        }
    }
}

impl Keeper {
    /// The first of its process. What a keeper before it has left is taken over.
    fn new(mut settings: Settings, lock: Heir) -> io::Result<Self> {
        // Handlers before anything else: from here on no signal is lost.
        let signals = signals::Signals::listen(&settings)?;
        let (reader, writer) = own_log::pipe()?;
        let own_log = (Heir::new(Heirloom::OwnLogReader, reader), Heir::new(Heirloom::OwnLogWriter, writer));
        let voice = Voice::new(OwnLog::to(own_log::forever(own_log.1.as_fd())), "keeper", &settings);
        settings.tree = tree::set_up(&settings, &voice);
        let (table_fd, table) = takeover::table(&settings, &voice).map_err(without_memory)?;
        let parts = Parts {
            signals,
            since: Instant::now(),
            nofile: sys::process::raise_nofile().ok(),
            table,
            table_fd: Heir::new(Heirloom::Table, table_fd),
            listener: boot::listen(&settings)?,
            own_log,
            memory: memory::Memory::create().map_err(without_memory)?,
            effects: logger::Effects::create().map_err(without_memory)?,
            lock,
        };
        let mut keeper = Self::assemble(settings, voice, parts)?;
        keeper.greet();
        keeper.take_over_pipes();
        let found = keeper.take_over();
        keeper.report_taken_over(found);
        Ok(keeper)
    }

    /// The next program of the same process.
    fn resume(settings: Settings, number: i32) -> io::Result<Self> {
        // Signals were blocked until here.
        let signals = signals::Signals::listen(&settings)?;
        let mut legacy = reexec::Legacy::claim(number)?;
        let parts = legacy.parts(signals)?;
        let voice = Voice::new(OwnLog::to(own_log::forever(parts.own_log.1.as_fd())), "keeper", &settings);
        let mut keeper = Self::assemble(settings, voice, parts)?;
        keeper.remember(legacy);
        Ok(keeper)
    }

    /// The same program of the same process, after a fault.
    fn resume_after_fault(settings: Settings) -> io::Result<Self> {
        let signals = signals::Signals::listen(&settings)?;
        trouble::point("resume");
        let mut legacy = reexec::Legacy::of_will();
        let parts = legacy.parts(signals)?;
        let voice = Voice::new(OwnLog::to(own_log::forever(parts.own_log.1.as_fd())), "keeper", &settings);
        let mut keeper = Self::assemble(settings, voice, parts)?;
        keeper.remember_after_fault(legacy);
        Ok(keeper)
    }

    fn assemble(settings: Settings, voice: Voice, parts: Parts) -> io::Result<Self> {
        if !settings.process_one {
            sys::process::become_subreaper()
                .map_err(|error| named("prctl(PR_SET_CHILD_SUBREAPER)", error))?;
        }
        fault::settle(&settings)?;
        sys::process::note_nofile(parts.nofile);
        let keeper = Self {
            voice,
            since: parts.since,
            signals: parts.signals,
            program: roles::Program::open()?,
            nofile: parts.nofile,
            table: parts.table,
            table_fd: parts.table_fd,
            books: books::Books::reserve(),
            spawners: spawners::Spawners::new(),
            manager: manager::Manager::new(parts.listener),
            memory: parts.memory,
            kept: kept::Keepsakes::reserve(),
            logger: logger::Logger::new(parts.effects)?,
            own_log: parts.own_log,
            reaping: reap::Reaping::default(),
            halt: halt::Halt::default(),
            tree: settings.tree.as_ref().and_then(|top| Tree::open(top).ok()),
            lingering: lingering::Lingering::default(),
            incoming: vec![0; MESSAGE_BYTES_MAX],
            outgoing: Vec::with_capacity(MESSAGE_BYTES_MAX),
            reexec: reexec::Reexec::default(),
            watchdog: watchdog::Watchdog::new(&settings),
            above: above::Above::of_environment(),
            _lock: parts.lock,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            settings,
        };
        fault::arm_signals(&keeper.settings, keeper.signals.flags())?;
        keeper.watch(keeper.signals.as_fd(), Token::Signals, EpollFlags::EPOLLIN)?;
        keeper.watch(keeper.own_log.0.as_fd(), Token::OwnLog, EpollFlags::EPOLLIN)?;
        Ok(keeper)
    }

    fn greet(&self) {
        let place = place::in_words(&self.settings);
        let version = env!("CARGO_PKG_VERSION");
        match self.settings.foreground {
            // The manager's greeting says what a person wants to know.
            true => self.voice.debug(format_args!("supd {version} runs as {place}")),
            false => self.voice.info(format_args!("supd {version} runs as {place}")),
        }
    }

    /// The loop.
    fn serve(&mut self) -> io::Result<u8> {
        let mut events = [EpollEvent::empty(); EVENTS_PER_TURN];
        loop {
            let count = match self.epoll.wait(&mut events, self.patience()) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            // What has ended is taken in before anything is decided on, and before any deadline is judged.
            for event in events.iter().take(count) {
                self.on_event(Token::unpack(event.data()));
            }
            self.on_time(Instant::now().mono);
            self.reexec_step();
            if self.halt.is_halting() {
                self.above.is_stopping();
            }
            if let Some(code) = self.halt_step() {
                return Ok(code);
            }
            self.note_turn();
            self.pump_manager();
            self.pump_logger();
        }
    }

    fn on_event(&mut self, token: Token) {
        match token {
            Token::Run(slot) => self.on_run_readable(slot),
            Token::Group(slot) => self.on_group_changed(slot),
            // What is left after a turn's share makes the descriptor ready again.
            Token::Spawner(number) => _ = self.on_spawner_messages(number),
            Token::Manager => _ = self.on_manager_messages(),
            Token::Logger => _ = self.on_logger_messages(),
            Token::Signals => self.on_signals(),
            Token::OwnLog => self.on_own_log(),
            Token::ManagerEnded | Token::LoggerEnded | Token::TrialEnded | Token::SpawnerEnded(_) => {
                self.on_role_readable(token);
            }
        }
    }

    /// Everything that happens because time has passed.
    fn on_time(&mut self, now: u64) {
        if self.reaping.is_due(now) {
            self.sweep(now);
        }
        self.manager_on_time(now);
        self.spawners_on_time(now);
        self.logger_on_time(now);
        self.reexec_on_time(now);
        self.lingering_on_time(now);
        self.halt_on_time(now);
        self.watchdog_on_time(now);
    }

    /// Until the nearest deadline; without one, until something happens.
    fn patience(&self) -> EpollTimeout {
        // While the roles end, none of them is due to be started.
        let draining = self.reexec.is_draining();
        let deadlines = [
            self.reaping.due(),
            self.manager.due().filter(|_| !draining),
            self.spawners.due(),
            self.logger.due().filter(|_| !draining),
            self.reexec.due(),
            self.lingering.due(),
            self.halt.due(),
            self.watchdog.due(),
        ];
        let Some(nearest) = deadlines.into_iter().flatten().min() else { return EpollTimeout::NONE };
        let left = nearest.saturating_sub(Instant::now().mono);
        // Rounded up: a wait that ends too early is a turn of the loop for nothing.
        let milliseconds = left.div_ceil(1_000_000).min(60_000);
        EpollTimeout::try_from(milliseconds).unwrap_or(EpollTimeout::ZERO)
    }

    fn on_signals(&mut self) {
        self.signals.rest();
        let mut index = 0;
        while let Some((signal, came)) = self.signals.take(index) {
            index += 1;
            if !came {
                continue;
            }
            match signal {
                libc::SIGCHLD => self.reaping.request(Instant::now().mono),
                libc::SIGHUP => self.manager.reload_wanted = true,
                libc::SIGUSR1 => self.renew_listener(),
                // WINCH is a keyboard request: whoever is at the console wants to know how things are.
                libc::SIGUSR2 | libc::SIGWINCH => {
                    self.show_state();
                    trouble::point("usr2");
                }
                _ => self.on_stop_request(signal),
            }
        }
    }

    fn watch(&self, fd: BorrowedFd<'_>, token: Token, flags: EpollFlags) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(flags, token.pack()))?)
    }

    /// Takes a descriptor out before it is closed: a copy in a process that is just being started would keep
    /// its entry alive.
    fn unwatch(&self, fd: impl AsFd) {
        let _ = self.epoll.delete(fd);
    }

    fn show_state(&mut self) {
        let slots = self.table.taken().count();
        self.voice.info(format_args!(
            "{slots} of {SLOTS} slots taken, {} strangers reaped, manager died {} times, logger {} times",
            self.reaping.strangers, self.manager.deaths.total, self.logger.deaths,
        ));
        self.manager.state_wanted = true;
    }
}

/// What cannot be had without memory that the roles share.
fn without_memory(error: io::Error) -> io::Error {
    named("memfd_create", error)
}

/// What a filter of system calls refuses is known by the call's name alone.
fn named(call: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{call}: {error}; `supctl doctor` tells what this place allows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back() {
        for token in [
            Token::Signals,
            Token::Manager,
            Token::ManagerEnded,
            Token::Logger,
            Token::LoggerEnded,
            Token::OwnLog,
            Token::TrialEnded,
            Token::Spawner(255),
            Token::SpawnerEnded(0),
            Token::Run(0),
            Token::Run(u16::MAX),
            Token::Group(7),
        ] {
            assert_eq!(Token::unpack(token.pack()), token);
        }
    }
}
