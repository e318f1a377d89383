//! A fault of the keeper: it goes on as the same program, from the start, with its children and descriptors.
//!
//! 1. SEGV or its like, a panic, or a loop that cannot wait any more: the fault is counted in the will, and the
//!    process executes itself. All that takes is ready from the start (see [`crate::sys::fault`]).
//! 2. The next program reads the will and the slot table, and takes over as from a keeper that died, but that
//!    what runs is its own child, its pipes are there, and so is the control socket with those who wait there.
//! 3. Manager, logger and spawners of before are ended and come again, as after a death of theirs; what they
//!    had said and nobody had heard is heard first.
//!
//! A fault that comes again at once would come without end: the second within some seconds leads to the policy
//! that an operator has chosen ([`super::fallen`]), in a program of its own.

use std::io;
use std::os::fd::{AsFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::EpollFlags;

use super::adopted::open_known;
use super::heirloom::{Heir, Heirloom};
use super::roles::{Process, Program};
use super::will::{self, Fact};
use super::{Keeper, Token};
use crate::limits::{FAULT_AGAIN_MS, SPAWNER_DEATH_MS};
use crate::settings::{Before, OnFault, Role, Settings, exit};
use crate::sys::fault::{self, Arms, Deed, Resort};
use crate::sys::process::{Image, Which, wait};
use crate::wire::channel::Channel;
use crate::wire::message::Cause;
use crate::wire::run::Instant;

/// What this process can become.
struct Next {
    /// After a fault.
    keeper: Image,
    /// After the next one in a row.
    fallen: Image,
    /// How long two are in a row.
    again_ns: u64,
}

/// From the start, and the same once all is known that a keeper finds out at its start.
static FIRST: OnceLock<Next> = OnceLock::new();
static SETTLED: OnceLock<Next> = OnceLock::new();

/// Signals that came and were not looked at. Set once handlers are there.
static CAME: OnceLock<Vec<(i32, &'static AtomicBool)>> = OnceLock::new();

/// From here on the process goes on after a fault. Before anything else that a keeper does.
pub(super) fn arm(settings: &Settings, before: Before) -> io::Result<()> {
    let will = match before {
        Before::Faulted(number) => will::take_up(number).map(|()| number),
        _ => will::begin().map_err(super::without_memory),
    };
    let will = match (will, before) {
        // Whoever wrote it is gone, and nobody else knows.
        (Err(error), Before::Faulted(_)) => {
            arm_last(settings)?;
            give_up(format!("its will cannot be read: {error}"));
        }
        (will, _) => will?,
    };
    FIRST.set(Next::new(settings, will)?).map_err(|_| io::Error::other("armed twice"))?;
    fault::arm(Arms { heed, heirlooms: will::each_number, came: &[], resort: resort(settings) })?;
    std::panic::set_hook(Box::new(|panic| {
        // A child that has yet to become something.
        if !fault::is_ours() {
            eprintln!("supd: {panic}");
            return;
        }
        will::note_text(panic.to_string().as_bytes());
        fault::go_on(note(Cause::Panic));
    }));
    Ok(())
}

/// The settings are what they will be from here on, and what comes next gets them.
pub(super) fn settle(settings: &Settings) -> io::Result<()> {
    let Some(will) = will::number() else { return Ok(()) };
    let next = Next::new(settings, will)?;
    SETTLED.set(next).map_err(|_| io::Error::other("settled twice"))
}

impl Next {
    fn new(settings: &Settings, will: RawFd) -> io::Result<Self> {
        let program = Program::open()?;
        // Without /proc only the path leads the next program to its file.
        let by_path = std::fs::symlink_metadata("/proc/self/exe").is_err();
        let image = |role| {
            let image = program.image(settings, role)?;
            Ok::<_, io::Error>(if by_path { image.by_path() } else { image })
        };
        Ok(Self {
            keeper: image(Role::Keeper { before: Before::Faulted(will) })?,
            fallen: image(Role::Fallen { will })?,
            again_ns: again_ms() * 1_000_000,
        })
    }
}

/// The same as [`arm`], with signals that have come.
pub(super) fn arm_signals(settings: &Settings, came: Vec<(i32, &'static AtomicBool)>) -> io::Result<()> {
    let came = CAME.get_or_init(|| came);
    fault::arm(Arms { heed, heirlooms: will::each_number, came, resort: resort(settings) })
}

/// For a program that has none to go on as.
pub(super) fn arm_last(settings: &Settings) -> io::Result<()> {
    let resort = resort(settings);
    std::panic::set_hook(Box::new(|_| {
        if fault::is_ours() {
            fault::go_on(None);
        }
    }));
    fault::arm(Arms { heed: |_| None, heirlooms: |_| {}, came: &[], resort })
}

/// How long after a fault the next one is the second in a row. A test has less time, in a build for tests.
fn again_ms() -> u64 {
    match cfg!(debug_assertions) {
        true => std::env::var("SUPD_FAULT_AGAIN_MS").ok().and_then(|text| text.parse().ok()),
        false => None,
    }
    .unwrap_or(FAULT_AGAIN_MS)
}

/// What is done where nothing can be put together any more.
fn resort(settings: &Settings) -> Resort {
    let machine = settings.is_machine();
    let (message, deed) = match settings.on_fault {
        OnFault::Freeze if machine => return Resort::MACHINE_STANDS,
        OnFault::Freeze => {
            ("supd: a fault of supd (SIGSEGV or its like); PID 1 stands still\n", Deed::Stand { machine })
        }
        OnFault::Reboot => (
            "\r\nsupd: a fault of supd (SIGSEGV or its like); the machine is being restarted\r\n",
            Deed::Reboot,
        ),
        OnFault::PowerOff => (
            "\r\nsupd: a fault of supd (SIGSEGV or its like); the machine is being switched off\r\n",
            Deed::PowerOff,
        ),
        OnFault::Exit => {
            ("supd: a fault of supd (SIGSEGV or its like); exit code 70\n", Deed::Exit(exit::INTERNAL))
        }
    };
    Resort { message, deed }
}

fn heed(signal: i32) -> Option<&'static Image> {
    // What an earlier panic has said is not about this.
    will::set(Fact::FaultTextBytes, 0);
    note(Cause::Signal(u8::try_from(signal).unwrap_or(0)))
}

/// Counts a fault; what comes next. A handler may call it.
fn note(cause: Cause) -> Option<&'static Image> {
    let next = SETTLED.get().or_else(|| FIRST.get())?;
    let (before, now) = (will::faults(), Instant::now());
    will::note_fault(cause, now);
    let last = (before.count > 0).then_some(before.at.mono);
    Some(if is_in_a_row(last, now.mono, next.again_ns) { &next.fallen } else { &next.keeper })
}

/// Whether a fault is the second one in a row.
fn is_in_a_row(last: Option<u64>, now: u64, again_ns: u64) -> bool {
    // A time to come was never written by us.
    last.is_some_and(|last| now.saturating_sub(last) < again_ns)
}

/// The loop cannot go on, or the next program cannot begin: that is a fault as well.
pub(super) fn give_up(why: String) -> ! {
    will::note_text(why.as_bytes());
    fault::go_on(note(Cause::Broken))
}

impl Keeper {
    /// What goes along beside descriptors, once in each turn of the loop.
    pub(super) fn note_turn(&self) {
        will::set(Fact::ManagerDeaths, self.manager.deaths.total.into());
        will::set(Fact::LoggerDeaths, self.logger.deaths.into());
        will::set(Fact::Strangers, self.reaping.strangers);
        will::set(Fact::Replaced, self.reexec.replaced.into());
        self.note_listener();
        self.note_halt();
    }

    /// What never changes.
    pub(super) fn note_beginning(&self) {
        will::set(Fact::SinceMono, self.since.mono);
        will::set(Fact::SinceWall, self.since.wall.cast_unsigned());
        will::set(Fact::Nofile, self.nofile.map_or(0, |limit| limit.saturating_add(1)));
        self.note_turn();
    }

    fn note_listener(&self) {
        let (device, inode, mode) = self.manager.listener.file().unwrap_or_default();
        let there = self.manager.listener.file().is_some();
        will::set(Fact::ListenerDevice, device);
        will::set(Fact::ListenerInode, inode);
        will::set(Fact::ListenerMode, if there { 1 << 32 | u64::from(mode) } else { 0 });
    }

    /// Says what has happened.
    pub(super) fn report_fault(&mut self, found: usize) {
        let faults = will::faults();
        let living = (0..self.books.len()).filter(|slot| self.table.pid(*slot) > 0);
        let living = living.filter(|slot| !self.books.has_ended(*slot)).count();
        self.voice.error(format_args!(
            "the keeper went on after a fault: {}; of {found} runs that it knew {living} still run, and go on \
             (faults so far: {})",
            words(faults.last),
            faults.count,
        ));
    }

    /// The roles of the program before us are ended, and what they have said is heard. Before the table is
    /// looked at: a spawner may have sent the pipes of a run that lives.
    pub(super) fn end_roles_of_before(&mut self, heirlooms: &mut Vec<(Heirloom, Heir)>) {
        let mut channel = |wanted: Heirloom| {
            let place = heirlooms.iter().position(|(heirloom, _)| *heirloom == wanted)?;
            let number = heirlooms.swap_remove(place).1;
            // Its line in the will is written anew: a copy has another number.
            let fd = number.try_clone().ok()?;
            Some(Heir::new(wanted, Channel::from(fd)))
        };
        let manager = process_of(Fact::ManagerPid, Fact::ManagerIdentity);
        let logger = process_of(Fact::LoggerPid, Fact::LoggerIdentity);
        let mut spawners = Vec::new();
        for number in 1..=u8::MAX {
            if let Some(channel) = channel(Heirloom::SpawnerChannel { number }) {
                spawners.push((number, channel));
            }
        }
        let (to_manager, to_logger) = (channel(Heirloom::ManagerChannel), channel(Heirloom::LoggerChannel));
        if let Some(process) = manager {
            process.kill();
            if let Some(pidfd) = process.pidfd() {
                let _ = self.watch(pidfd, Token::ManagerEnded, EpollFlags::EPOLLIN);
            }
            self.manager.inherit(process, to_manager);
        }
        if let Some(process) = logger {
            process.kill();
            if let Some(pidfd) = process.pidfd() {
                let _ = self.watch(pidfd, Token::LoggerEnded, EpollFlags::EPOLLIN);
            }
            self.logger.inherit(process, to_logger);
        }
        let numbers: Vec<u8> = spawners.iter().map(|(number, _)| *number).collect();
        for (number, channel) in spawners {
            self.inherit_spawner(number, channel);
        }
        // One that is still in the middle of a start would say something after we have listened.
        let deadline = Instant::now().mono + SPAWNER_DEATH_MS * 1_000_000;
        for number in &numbers {
            self.spawners.wait_for_death(*number, deadline);
        }
        for number in numbers {
            while self.on_spawner_messages(number) {}
        }
    }
}

/// A fault in words: `SIGSEGV`, `panicked at …`.
pub(super) fn words(cause: Cause) -> String {
    let text = will::text();
    match cause {
        Cause::Signal(number) => signal_name(number),
        _ if text.is_empty() => "panic".to_owned(),
        _ => text,
    }
}

fn signal_name(number: u8) -> String {
    match nix::sys::signal::Signal::try_from(i32::from(number)) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("signal {number}"),
    }
}

/// A role of the program before us, which is our child.
fn process_of(pid: Fact, identity: Fact) -> Option<Process> {
    let pid = i32::try_from(will::get(pid)).ok().filter(|pid| *pid > 0)?;
    // Whoever is not our child is not ours to end.
    wait(Which::Pid(pid), false).ok()?;
    open_known(pid, will::get(identity)).map(|pidfd| Process::child(pid, pidfd))
}

/// Waits until a descriptor can be read, no longer than to this time.
pub(super) fn wait_readable(fd: impl AsFd, deadline: u64) {
    let left = deadline.saturating_sub(Instant::now().mono).div_ceil(1_000_000);
    let patience = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    let _ = poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], patience);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_faults_are_in_a_row_within_the_time_for_that() {
        assert!(!is_in_a_row(None, 5, 10), "the first");
        assert!(is_in_a_row(Some(100), 100, 10));
        assert!(is_in_a_row(Some(100), 109, 10));
        assert!(!is_in_a_row(Some(100), 110, 10));
        assert!(is_in_a_row(Some(100), 90, 10), "a time to come is no reason to go on without end");
    }
}
