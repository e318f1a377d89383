//! The keeper goes on as another program: same pid, same children, same descriptors.
//!
//! 1. *Trial*: the other program is run beside us and says whether it could ([`trial`]). If not, nothing has
//!    happened.
//! 2. *Drain*: the manager is ended as if it had died; spawners finish what they have begun; the logger writes
//!    down what it has read. All of them come again from the other program.
//! 3. *Exec*: with all signals blocked, since one that came meanwhile would be lost, or end us. What the table
//!    does not hold goes along in a memfd ([`state`]); the other program takes over as after a keeper's death,
//!    but that what runs is still its own child.
//!
//! Until the last call it can be given up, and is when somebody wants supd to end.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::EpollFlags;

use super::heirloom::{Heir, Heirloom};
use super::logger::Effects;
use super::memory::Memory;
use super::roles::{Process, image_of};
use super::will::{self, Fact};
use super::{Keeper, Token, boot};
use crate::limits::{REEXEC_DRAIN_MS, REEXEC_TRIAL_MS, REEXEC_WORDS_BYTES_MAX, SLOTS};
use crate::settings::{Before, Role};
use crate::sys::process::{How, adopt, close_on_exec, kill};
use crate::sys::signal;
use crate::wire::channel::Channel;
use crate::wire::fd;
use crate::wire::run::Instant;
use crate::wire::table::Table;
use state::{LAYOUTS, State, is_older};

mod state;
pub mod trial;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How far it has come.
#[derive(Default)]
pub(super) struct Reexec {
    stage: Stage,
    /// When the present stage has taken too long.
    deadline: Option<u64>,
    /// Why all goes on as before; the manager is to be told.
    pub(super) refusal: Option<String>,
    /// How often we have gone on as another program.
    pub(super) replaced: u32,
}

#[derive(Default)]
enum Stage {
    /// Nobody wants it.
    #[default]
    None,
    /// The other program is tried.
    Trial(Trial),
    /// It is fit; the other roles end. Patience is over at the second deadline.
    Drain { binary: OwnedFd, killed: bool },
}

struct Trial {
    process: Process,
    channel: Channel,
    /// What it prints.
    words: OwnedFd,
    overdue: bool,
}

impl Reexec {
    pub(super) fn due(&self) -> Option<u64> {
        self.deadline
    }

    /// No role is started, and their ends are meant.
    pub(super) fn is_draining(&self) -> bool {
        matches!(self.stage, Stage::Drain { .. })
    }

    pub(super) fn trial_pid(&self) -> Option<i32> {
        match &self.stage {
            Stage::Trial(trial) => Some(trial.process.pid),
            _ => None,
        }
    }

    fn enter(&mut self, stage: Stage, within_ms: u64) {
        self.stage = stage;
        self.deadline = Some(Instant::now().mono + within_ms * 1_000_000);
    }

    fn leave(&mut self) {
        self.stage = Stage::None;
        self.deadline = None;
    }
}

impl Keeper {
    /// The manager asks for it. An empty path: where our own program was.
    pub(super) fn on_reexec_wanted(&mut self, path: &[u8]) {
        if !matches!(self.reexec.stage, Stage::None) {
            self.refuse_reexec("supd is being replaced already".into());
        } else if self.halt.is_requested() {
            self.refuse_reexec("supd is ending".into());
        } else if let Err(error) = self.begin_trial(path) {
            self.refuse_reexec(format!("it cannot be tried: {error}"));
        }
    }

    /// All goes on as before.
    fn refuse_reexec(&mut self, reason: String) {
        self.reexec.refusal = Some(reason);
    }

    fn begin_trial(&mut self, path: &[u8]) -> io::Result<()> {
        let state = self.state().write()?;
        let (channel, theirs) = Channel::pair()?;
        let (words, printed) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&words, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let path = if path.is_empty() { self.program.path() } else { path };
        channel.try_send(path, &[])?;
        let fds = [
            (theirs.as_fd(), fd::CHANNEL),
            (state.as_fd(), fd::LEGACY),
            (printed.as_fd(), libc::STDOUT_FILENO),
            (printed.as_fd(), libc::STDERR_FILENO),
        ];
        let process = self.program.start(&self.settings, Role::Trial { opens: true }, &fds, None)?;
        let Some(pidfd) = process.pidfd() else {
            process.kill();
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        };
        self.watch(pidfd, Token::TrialEnded, EpollFlags::EPOLLIN)?;
        let trial = Trial { process, channel, words, overdue: false };
        self.reexec.enter(Stage::Trial(trial), REEXEC_TRIAL_MS);
        Ok(())
    }

    /// The trial has ended, and says by that whether the program is fit.
    pub(super) fn on_trial_end(&mut self, how: How) {
        let Stage::Trial(trial) = std::mem::take(&mut self.reexec.stage) else { return };
        self.reexec.leave();
        if let Some(pidfd) = trial.process.pidfd() {
            self.unwatch(pidfd);
        }
        match verdict(&trial.channel, &trial.words, trial.overdue, how) {
            Ok(_) if self.halt.is_requested() => self.refuse_reexec("supd is ending".into()),
            Ok(binary) => self.begin_drain(binary),
            Err(reason) => self.refuse_reexec(reason),
        }
    }

    /// From here on no start begins; what has begun is finished by its spawner.
    fn begin_drain(&mut self, binary: OwnedFd) {
        self.voice.info(format_args!("supd {VERSION} goes on as another program"));
        self.reexec.enter(Stage::Drain { binary, killed: false }, REEXEC_DRAIN_MS);
        self.table.next_epoch();
        self.close_queue();
        self.manager.kill();
    }

    /// Once nothing is left that would miss us: become the other program.
    pub(super) fn reexec_step(&mut self) {
        if !self.reexec.is_draining() || self.manager.pid().is_some() || !self.spawners.is_empty() {
            return;
        }
        if self.halt.is_requested() {
            // The manager's last word was that supd is to end.
            return self.reexec.leave();
        }
        if self.logger_runs() {
            // It is told all that it has not heard before it hears that it should end.
            return self.send_logger_away();
        }
        // What comes from here on waits for the other program; what has come is heard now, and may end this.
        signal::hold_all();
        self.on_signals();
        if let Stage::Drain { binary, .. } = std::mem::take(&mut self.reexec.stage) {
            self.reexec.leave();
            let error = self.execute(binary);
            self.resume_roles(format!("it cannot be executed: {error}"));
        }
        signal::hold_none();
    }

    pub(super) fn reexec_on_time(&mut self, now: u64) {
        if self.reexec.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        match &mut self.reexec.stage {
            Stage::None => self.reexec.deadline = None,
            Stage::Trial(trial) => {
                trial.overdue = true;
                // Its end is its verdict.
                let _ = kill(-trial.process.pid, libc::SIGKILL);
                trial.process.kill();
                self.reexec.deadline = None;
            }
            Stage::Drain { killed: true, .. } => {
                self.reexec.leave();
                self.resume_roles("a part of supd cannot be ended: it hangs on a disk".into());
            }
            Stage::Drain { killed, .. } => {
                *killed = true;
                self.reexec.deadline = Some(now + REEXEC_DRAIN_MS * 1_000_000);
                self.kill_spawners();
                self.logger.kill();
            }
        }
    }

    /// Somebody wants supd to end: that comes first.
    pub(super) fn give_up_reexec(&mut self) {
        if self.reexec.is_draining() {
            self.reexec.leave();
            self.resume_roles("supd was asked to end".into());
        }
    }

    /// The roles that were ended come again from our own program.
    fn resume_roles(&mut self, reason: String) {
        self.voice.error(format_args!("not replaced: {reason}"));
        if self.manager.pid().is_none() {
            self.start_manager();
        }
    }

    /// What the table does not hold.
    fn state(&mut self) -> State {
        State {
            version: VERSION.into(),
            layouts: LAYOUTS,
            since: self.since,
            nofile: self.nofile,
            // The manager's end counts, so that the next one knows that it is not the first.
            deaths: (self.manager.deaths.total.saturating_add(1), self.logger.deaths),
            strangers: self.reaping.strangers,
            replaced: self.reexec.replaced + 1,
            listener_file: self.manager.listener.file(),
            exits: self.books.numbered(),
            heirlooms: heirlooms(),
        }
    }

    /// Comes back only with an error.
    fn execute(&mut self, binary: OwnedFd) -> io::Error {
        let state = match self.state().write() {
            Ok(state) => state,
            Err(error) => return error,
        };
        let role = Role::Keeper { before: Before::Replaced(state.as_raw_fd()) };
        let image = image_of(binary, &self.settings, role);
        let error = match close_heirlooms_on_exec(&state, false) {
            Ok(()) => image.execute(),
            Err(error) => error,
        };
        let _ = close_heirlooms_on_exec(&state, true);
        error
    }
}

/// Every descriptor that goes along, under its number.
fn heirlooms() -> Vec<(Heirloom, RawFd)> {
    let mut all = will::heirlooms();
    all.retain(|(heirloom, _)| heirloom.outlives_roles());
    all
}

/// Says of everything that goes along whether it is closed when we execute.
fn close_heirlooms_on_exec(state: &OwnedFd, close: bool) -> io::Result<()> {
    let all = heirlooms().into_iter().map(|(_, number)| number).chain([state.as_raw_fd()]);
    all.into_iter().try_for_each(|number| close_on_exec(number, close))
}

/// The program's file if it is fit, else why not.
fn verdict(channel: &Channel, words: &OwnedFd, overdue: bool, how: How) -> Result<OwnedFd, String> {
    let (mut binary, mut version) = (None, None);
    let mut buffer = [0; 256];
    while let Ok(received) = channel.try_receive(&mut buffer)
        && received.length > 0
    {
        let message = buffer.get(..received.length).unwrap_or_default();
        if message == trial::OPENED {
            binary = received.fds.into_iter().flatten().next();
        } else if let Some(found) = message.strip_prefix(trial::FIT) {
            version = Some(String::from_utf8_lossy(found).into_owned());
        }
    }
    if overdue {
        return Err(format!("it did not say within {} s that it can take over", REEXEC_TRIAL_MS / 1_000));
    }
    match (how, version, binary) {
        (How::Exited(0), Some(version), Some(_)) if is_older(&version, VERSION) => {
            Err(format!("it is supd {version}, and older than supd {VERSION}, which runs"))
        }
        (How::Exited(0), Some(_), Some(binary)) => Ok(binary),
        (how, ..) => Err(last_line(words).unwrap_or_else(|| match how {
            How::Exited(code) => format!("it ended with code {code} and did not say that it can take over"),
            How::Signaled(signal, _) => format!("it was ended by signal {signal} in its trial"),
        })),
    }
}

/// The last thing that was printed, fit to be shown.
fn last_line(words: &OwnedFd) -> Option<String> {
    let mut buffer = [0; REEXEC_WORDS_BYTES_MAX];
    let length = nix::unistd::read(words, &mut buffer).ok()?;
    let text = String::from_utf8_lossy(buffer.get(..length)?).into_owned();
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).collect())
}

/// What the program before us has left to us.
pub(super) struct Legacy {
    state: State,
    heirlooms: Vec<(Heirloom, Heir)>,
}

impl Legacy {
    /// Takes it from the descriptor that was named in the arguments.
    pub(super) fn claim(number: i32) -> io::Result<Self> {
        let memfd = adopt(number).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
        let state = State::read(memfd)?;
        if state.layouts != LAYOUTS {
            return Err(io::Error::other("shared memory has another layout"));
        }
        // All of them, those of no use, too: what is not taken is closed with this.
        let own =
            |(heirloom, number): &(Heirloom, i32)| Some((*heirloom, Heir::new(*heirloom, adopt(*number)?)));
        let heirlooms = state.heirlooms.iter().filter_map(own).collect();
        Ok(Self { state, heirlooms })
    }

    /// Takes what the program before us has left, which ended by a fault.
    pub(super) fn of_will() -> Self {
        let listener_mode = will::get(Fact::ListenerMode);
        let count = |fact| u32::try_from(will::get(fact)).unwrap_or(u32::MAX);
        let state = State {
            version: VERSION.into(),
            layouts: LAYOUTS,
            since: Instant {
                mono: will::get(Fact::SinceMono),
                wall: will::get(Fact::SinceWall).cast_signed(),
            },
            nofile: will::get(Fact::Nofile).checked_sub(1),
            deaths: (count(Fact::ManagerDeaths), count(Fact::LoggerDeaths)),
            strangers: will::get(Fact::Strangers),
            replaced: count(Fact::Replaced),
            listener_file: (listener_mode != 0).then(|| {
                (will::get(Fact::ListenerDevice), will::get(Fact::ListenerInode), listener_mode as u32)
            }),
            exits: (will::exits(), will::get(Fact::LastSeq)),
            heirlooms: Vec::new(),
        };
        Self { state, heirlooms: will::claim() }
    }

    /// Takes one that must be there.
    fn take(&mut self, wanted: Heirloom) -> io::Result<Heir> {
        let place = self.heirlooms.iter().position(|(heirloom, _)| *heirloom == wanted);
        let place = place.ok_or_else(|| io::Error::other(format!("{wanted:?} was not left to us")))?;
        Ok(self.heirlooms.swap_remove(place).1)
    }

    /// What every keeper begins with.
    pub(super) fn parts(&mut self, signals: super::signals::Signals) -> io::Result<super::Parts> {
        let table_fd = self.take(Heirloom::Table)?;
        let listener = self.take(Heirloom::Listener)?;
        Ok(super::Parts {
            signals,
            since: self.state.since,
            nofile: self.state.nofile,
            table: Table::map(table_fd.as_fd())?,
            table_fd,
            listener: boot::Listener::of(listener, self.state.listener_file),
            own_log: (self.take(Heirloom::OwnLogReader)?, self.take(Heirloom::OwnLogWriter)?),
            lock: self.take(Heirloom::Lock)?,
            memory: Memory {
                state: self.take(Heirloom::ManagerState)?,
                note: self.take(Heirloom::ManagerNote)?,
            },
            effects: Effects {
                journal: self.take(Heirloom::Journal)?,
                hand: (self.take(Heirloom::HandReader)?, self.take(Heirloom::HandWriter)?),
                handover: self.take(Heirloom::Handover).ok(),
            },
        })
    }
}

impl Keeper {
    /// Goes on where the program before us has stopped.
    pub(super) fn remember(&mut self, legacy: Legacy) {
        let before = legacy.state.version.clone();
        self.remember_state(legacy);
        self.take_over();
        self.voice.info(format_args!("supd {before} went on as supd {VERSION}"));
    }

    /// Goes on where a fault has stopped the program before us.
    pub(super) fn remember_after_fault(&mut self, mut legacy: Legacy) {
        // A number is of use only while its exit waits to be acknowledged.
        let waits = |slot: u16| self.table.end(slot).is_some() && !self.table.acknowledged(slot);
        legacy.state.exits.0.retain(|(_, slot)| waits(*slot));
        let mut heirlooms = std::mem::take(&mut legacy.heirlooms);
        self.remember_state(Legacy { state: legacy.state, heirlooms: Vec::new() });
        // Before our own next epoch: what spawners of before still say is about slots of theirs.
        self.end_roles_of_before(&mut heirlooms);
        self.remember_heirlooms(heirlooms);
        let found = self.take_over();
        self.go_on_halting();
        self.report_fault(found);
    }

    fn remember_state(&mut self, legacy: Legacy) {
        let Legacy { state, heirlooms } = legacy;
        self.manager.deaths.total = state.deaths.0;
        self.logger.deaths = state.deaths.1;
        self.reaping.strangers = state.strangers;
        self.reexec.replaced = state.replaced;
        self.books.go_on_with(&state.exits.0, state.exits.1);
        self.remember_heirlooms(heirlooms);
    }

    fn remember_heirlooms(&mut self, heirlooms: Vec<(Heirloom, Heir)>) {
        for (heirloom, fd) in heirlooms {
            match heirloom {
                Heirloom::Pipe { slot, stderr } if usize::from(slot) < SLOTS => {
                    self.books.of(slot).pipes[usize::from(stderr)] = Some(fd);
                    self.queue_for_logger(slot);
                }
                Heirloom::Kept { kind, run } => _ = self.kept.keep_heir(kind, run, fd),
                Heirloom::HardwareWatchdog => super::watchdog::go_on_feeding(&fd),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of a program that says and prints this, and ends with this code.
    fn judged(says: &[u8], prints: &[u8], code: u8) -> Result<(), String> {
        let (channel, theirs) = Channel::pair().unwrap();
        let (words, printed) = nix::unistd::pipe2(OFlag::O_NONBLOCK).unwrap();
        theirs.send(trial::OPENED, &[printed.as_fd()]).unwrap();
        if !says.is_empty() {
            theirs.send(says, &[]).unwrap();
        }
        if !prints.is_empty() {
            nix::unistd::write(&printed, prints).unwrap();
        }
        verdict(&channel, &words, false, How::Exited(code)).map(|_| ())
    }

    #[test]
    fn only_who_says_so_and_is_not_older_is_fit() {
        let fit = |version: &str| [trial::FIT, version.as_bytes()].concat();
        assert_eq!(judged(&fit(VERSION), b"", 0), Ok(()));
        assert_eq!(judged(&fit("999.0.0"), b"a warning", 0), Ok(()));
        assert!(judged(&fit("0.0.1"), b"", 0).unwrap_err().contains("older"));
        assert!(judged(&fit("of sorts"), b"", 0).unwrap_err().contains("older"));
        assert_eq!(judged(&fit(VERSION), b"first\nthe\x1b reason\n\n", 1), Err("the reason".into()));
        assert!(judged(b"", b"", 0).unwrap_err().contains("did not say"));
        assert!(judged(b"hello", b"", 3).unwrap_err().contains("code 3"));
    }
}
