//! Every message between the roles. Read this file to know how supd holds together.
//!
//! Bytes are borrowed from the buffer they came in, so that the keeper copies and allocates nothing.
//!
//! The life of a run, seen from here:
//!
//! 1. manager → spawner [`ToSpawner::Spawn`]; the spawner claims the slot, or answers [`FromSpawner::Refused`];
//! 2. spawner → keeper [`SpawnerToKeeper::Pipes`], before there is a child, so that no line can be lost;
//! 3. the child exists: the kernel has written its pid into the slot before its first instruction;
//! 4. exec has succeeded: spawner → manager [`FromSpawner::Started`], spawner → keeper
//!    [`SpawnerToKeeper::Born`]; or there never was a child: [`SpawnerToKeeper::StillBorn`];
//! 5. the end, whatever it was: keeper → manager [`KeeperToManager::Exited`], exactly one for each run that
//!    was not refused, told again to every new manager until
//! 6. manager → keeper [`ManagerToKeeper::Ack`].
//!
//! `Started` and `Exited` travel on different sockets: the end of a short run may arrive first.

use super::codec::{Malformed, Reader, Writer};
use super::run::{Ending, Instant, Run, Usage};

/// Manager → spawner, on the spawn queue. Whichever spawner is free takes the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToSpawner<'a> {
    /// Start a run.
    Spawn(Spawn<'a>),
}

/// Start a run. Descriptors: the plan's memfd if it is attached, then those that the plan calls given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spawn<'a> {
    /// As told by [`KeeperToManager::Welcome`]; an older one is refused.
    pub epoch: u64,
    /// A free slot of the table; the manager keeps account of them, and takes low numbers first.
    pub slot: u16,
    /// The slot's ticket: 0 until [`KeeperToManager::Free`] told another one. It makes a Spawn that was sent
    /// twice harmless, however late the second is read.
    pub ticket: u32,
    /// Who it is.
    pub run: Run,
    /// What makes the run known to a manager whose store never saw it; opaque here.
    pub label: &'a [u8],
    /// File of its log, below the log directory; empty: not logged.
    pub log_path: &'a [u8],
    /// What to do.
    pub plan: PlanAt<'a>,
}

/// Where a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanAt<'a> {
    /// In the message: [`super::plan::Plan::decode`].
    Inline(&'a [u8]),
    /// In a sealed memfd, the message's first descriptor.
    Attached,
}

/// Spawner → manager, on the spawn queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromSpawner {
    /// exec has succeeded. Descriptors: the read end of the readiness pipe, then that of the capture pipe,
    /// where the plan asked for them.
    Started {
        /// Where.
        slot: u16,
        /// Who.
        run: Run,
        /// Its pid, for people.
        pid: i32,
        /// When.
        at: Instant,
        /// Whether the first descriptor is the readiness pipe.
        readiness: bool,
        /// Whether the last descriptor is the capture pipe.
        capture: bool,
    },
    /// Nothing was done: the epoch is over, the slot is not free, or the ticket is used. For a Spawn that was
    /// sent twice that is the expected answer to one of the two; the other is answered on its own.
    Refused {
        /// Where.
        slot: u16,
        /// Who.
        run: Run,
    },
}

/// Spawner → keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnerToKeeper {
    /// A claimed slot's output. Descriptors: the read ends, standard output first.
    Pipes {
        /// Where.
        slot: u16,
        /// Whether standard output is among them.
        stdout: bool,
        /// Whether standard error is.
        stderr: bool,
    },
    /// The clone is over: the slot has a pid, and the spawner touches it no more.
    Born {
        /// Where.
        slot: u16,
    },
    /// There is no child, and the slot says why; the spawner touches it no more.
    StillBorn {
        /// Where.
        slot: u16,
    },
}

/// Manager → keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagerToKeeper<'a> {
    /// The first reconcile is done: from now on a death of the manager restarts it at once.
    Ready,
    /// All exits up to this number are safe; once for each commit of the store.
    Ack {
        /// Inclusive.
        seq: u64,
    },
    /// Send a signal to a run; nothing happens if it has ended or the slot is another's by now. KILL ends
    /// a run that is still being started, too, with its spawner if need be.
    Signal {
        /// Where.
        slot: u16,
        /// Who.
        run: Run,
        /// Which signal.
        signal: i32,
        /// To its whole process group.
        all: bool,
    },
    /// A start is stuck: another spawner, please.
    NeedSpawner,
    /// For the logger, as it is.
    Logger(&'a [u8]),
    /// All is done: take supd down with this exit code.
    End {
        /// The code.
        code: u8,
    },
    /// Nothing to say: an answer to what was sent, for the watchdog.
    Alive,
}

/// Keeper → manager. After a start of the manager: `Welcome`, then for everything in the table `Known`
/// (or `Busy`) and, if it has ended, `Exited`, then `SnapshotEnd`; then whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeeperToManager<'a> {
    /// The first message.
    Welcome {
        /// For every Spawn of this manager.
        epoch: u64,
        /// The highest pod uid that any run had since the keeper began.
        pod_highest: u64,
        /// Managers that died before this one.
        deaths: u32,
        /// Of those, the ones in a row just before it that died before they were `Ready`.
        deaths_unready: u32,
        /// When the keeper began.
        since: Instant,
    },
    /// A slot that is taken.
    Known {
        /// Where.
        slot: u16,
        /// Who.
        run: Run,
        /// Its pid; 0 while it is being started.
        pid: i32,
        /// When it was started; zeros while it is being started.
        started: Instant,
        /// As given with its Spawn.
        label: &'a [u8],
    },
    /// All of the table has been told.
    SnapshotEnd,
    /// A run that the snapshot showed as being started has been.
    Running {
        /// Where.
        slot: u16,
        /// Who.
        run: Run,
        /// Its pid.
        pid: i32,
        /// When.
        at: Instant,
    },
    /// A run has ended. The slot is free again some time after it was acknowledged: [`Self::Free`].
    Exited(Exited<'a>),
    /// A slot of the snapshot that holds nothing to tell, only bytes that the logger has still to write: it
    /// is taken until `Free`.
    Busy {
        /// Which.
        slot: u16,
    },
    /// A slot may be used again.
    Free {
        /// Which.
        slot: u16,
        /// For the next Spawn in it.
        ticket: u32,
    },
    /// A spawner has died, and a Spawn that it had just read may be lost with it: send every Spawn again that
    /// was answered neither by `Started` nor by `Exited`, unchanged. What had begun is refused then, and ends
    /// or goes on by itself.
    SpawnerGone,
    /// TERM, INT, QUIT, PWR or 37: end everything in order.
    StopRequest {
        /// Which.
        signal: i32,
        /// How many there were, this one included.
        count: u32,
    },
    /// HUP: load the units again.
    Reload,
    /// USR2: write the state to the log.
    ShowState,
    /// USR1: the control socket was made anew. One descriptor: its listener.
    Listener,
}

/// A run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exited<'a> {
    /// Its number; larger than any before.
    pub seq: u64,
    /// Where.
    pub slot: u16,
    /// Who.
    pub run: Run,
    /// Its pid, 0 if it never had one.
    pub pid: i32,
    /// How.
    pub ending: Ending<'a>,
    /// What it used.
    pub usage: Usage,
    /// When it was started; zeros if it never was.
    pub started: Instant,
    /// When it was reaped.
    pub at: Instant,
    /// Resource limits that could not be raised, a bit for each RLIMIT_* number: a warning.
    pub limits_refused: u32,
}

/// Keeper → logger. After a death of the logger everything is said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeeperToLogger<'a> {
    /// One stream of a run. One descriptor: the pipe's read end. The keeper holds another copy, so remove
    /// it from an epoll before closing it.
    Pipe {
        /// Where.
        slot: u16,
        /// 1 standard output, 2 standard error.
        stream: u8,
        /// The lines go to the terminal, too.
        both: bool,
        /// The run's pid may not be known yet.
        run: Run,
        /// Below the log directory.
        log_path: &'a [u8],
        /// What the manager wrote about the run; opaque to keeper and spawner.
        label: &'a [u8],
    },
    /// The run has ended: read until the pipe is empty (not: closed), then say `Drained`.
    Ended {
        /// Where.
        slot: u16,
    },
    /// The pipe that carries supd's own messages. One descriptor.
    OwnLog,
    /// From the manager, as it is.
    Relay(&'a [u8]),
}

/// Logger → keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggerToKeeper {
    /// Everything that the run wrote is in its file, and the logger's descriptors of it are closed.
    Drained {
        /// Where.
        slot: u16,
    },
}

impl<'a> ToSpawner<'a> {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        let Self::Spawn(spawn) = self;
        to.u8(1).u64(spawn.epoch).u16(spawn.slot).u32(spawn.ticket);
        spawn.run.put(&mut to);
        to.bytes(spawn.label).bytes(spawn.log_path);
        match spawn.plan {
            PlanAt::Inline(plan) => to.u8(0).bytes(plan),
            PlanAt::Attached => to.u8(1),
        };
    }

    /// Reads it.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let 1 = from.u8()? else { return Err(Malformed) };
        let spawn = Spawn {
            epoch: from.u64()?,
            slot: from.u16()?,
            ticket: from.u32()?,
            run: Run::get(&mut from)?,
            label: from.bytes()?,
            log_path: from.bytes()?,
            plan: match from.u8()? {
                0 => PlanAt::Inline(from.bytes()?),
                1 => PlanAt::Attached,
                _ => return Err(Malformed),
            },
        };
        from.end()?;
        Ok(Self::Spawn(spawn))
    }
}

impl FromSpawner {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Started { slot, run, pid, at, readiness, capture } => {
                to.u8(1).u16(*slot);
                run.put(&mut to);
                to.i32(*pid);
                at.put(&mut to);
                to.bool(*readiness).bool(*capture);
            }
            Self::Refused { slot, run } => {
                to.u8(2).u16(*slot);
                run.put(&mut to);
            }
        }
    }

    /// Reads it.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Started {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                pid: from.i32()?,
                at: Instant::get(&mut from)?,
                readiness: from.bool()?,
                capture: from.bool()?,
            },
            2 => Self::Refused { slot: from.u16()?, run: Run::get(&mut from)? },
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl SpawnerToKeeper {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Pipes { slot, stdout, stderr } => to.u8(1).u16(*slot).bool(*stdout).bool(*stderr),
            Self::Born { slot } => to.u8(2).u16(*slot),
            Self::StillBorn { slot } => to.u8(3).u16(*slot),
        };
    }

    /// Reads it.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Pipes { slot: from.u16()?, stdout: from.bool()?, stderr: from.bool()? },
            2 => Self::Born { slot: from.u16()? },
            3 => Self::StillBorn { slot: from.u16()? },
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl<'a> ManagerToKeeper<'a> {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Ready => to.u8(1),
            Self::Ack { seq } => to.u8(2).u64(*seq),
            Self::Signal { slot, run, signal, all } => {
                to.u8(3).u16(*slot);
                run.put(&mut to);
                to.i32(*signal).bool(*all)
            }
            Self::NeedSpawner => to.u8(4),
            Self::Logger(bytes) => to.u8(5).bytes(bytes),
            Self::End { code } => to.u8(6).u8(*code),
            Self::Alive => to.u8(7),
        };
    }

    /// Reads it.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Ready,
            2 => Self::Ack { seq: from.u64()? },
            3 => Self::Signal {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                signal: from.i32()?,
                all: from.bool()?,
            },
            4 => Self::NeedSpawner,
            5 => Self::Logger(from.bytes()?),
            6 => Self::End { code: from.u8()? },
            7 => Self::Alive,
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl<'a> KeeperToManager<'a> {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Welcome { epoch, pod_highest, deaths, deaths_unready, since } => {
                to.u8(1).u64(*epoch).u64(*pod_highest).u32(*deaths).u32(*deaths_unready);
                since.put(&mut to);
            }
            Self::Known { slot, run, pid, started, label } => {
                to.u8(2).u16(*slot);
                run.put(&mut to);
                to.i32(*pid);
                started.put(&mut to);
                to.bytes(label);
            }
            Self::SnapshotEnd => {
                to.u8(3);
            }
            Self::Running { slot, run, pid, at } => {
                to.u8(4).u16(*slot);
                run.put(&mut to);
                to.i32(*pid);
                at.put(&mut to);
            }
            Self::Exited(exited) => exited.put(to.u8(5)),
            Self::Free { slot, ticket } => {
                to.u8(6).u16(*slot).u32(*ticket);
            }
            Self::StopRequest { signal, count } => {
                to.u8(7).i32(*signal).u32(*count);
            }
            Self::Reload => {
                to.u8(8);
            }
            Self::ShowState => {
                to.u8(9);
            }
            Self::Listener => {
                to.u8(10);
            }
            Self::Busy { slot } => {
                to.u8(11).u16(*slot);
            }
            Self::SpawnerGone => {
                to.u8(12);
            }
        }
    }

    /// Reads it.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Welcome {
                epoch: from.u64()?,
                pod_highest: from.u64()?,
                deaths: from.u32()?,
                deaths_unready: from.u32()?,
                since: Instant::get(&mut from)?,
            },
            2 => Self::Known {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                pid: from.i32()?,
                started: Instant::get(&mut from)?,
                label: from.bytes()?,
            },
            3 => Self::SnapshotEnd,
            4 => Self::Running {
                slot: from.u16()?,
                run: Run::get(&mut from)?,
                pid: from.i32()?,
                at: Instant::get(&mut from)?,
            },
            5 => Self::Exited(Exited::get(&mut from)?),
            6 => Self::Free { slot: from.u16()?, ticket: from.u32()? },
            7 => Self::StopRequest { signal: from.i32()?, count: from.u32()? },
            8 => Self::Reload,
            9 => Self::ShowState,
            10 => Self::Listener,
            11 => Self::Busy { slot: from.u16()? },
            12 => Self::SpawnerGone,
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl<'a> Exited<'a> {
    fn put(&self, to: &mut Writer<'_>) {
        to.u64(self.seq).u16(self.slot);
        self.run.put(to);
        to.i32(self.pid);
        self.ending.put(to);
        self.usage.put(to);
        self.started.put(to);
        self.at.put(to);
        to.u32(self.limits_refused);
    }

    fn get(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            seq: from.u64()?,
            slot: from.u16()?,
            run: Run::get(from)?,
            pid: from.i32()?,
            ending: Ending::get(from)?,
            usage: Usage::get(from)?,
            started: Instant::get(from)?,
            at: Instant::get(from)?,
            limits_refused: from.u32()?,
        })
    }
}

impl<'a> KeeperToLogger<'a> {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        match self {
            Self::Pipe { slot, stream, both, run, log_path, label } => {
                to.u8(1).u16(*slot).u8(*stream).bool(*both);
                run.put(&mut to);
                to.bytes(log_path).bytes(label)
            }
            Self::Ended { slot } => to.u8(2).u16(*slot),
            Self::OwnLog => to.u8(3),
            Self::Relay(bytes) => to.u8(4).bytes(bytes),
        };
    }

    /// Reads it.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let decoded = match from.u8()? {
            1 => Self::Pipe {
                slot: from.u16()?,
                stream: from.u8()?,
                both: from.bool()?,
                run: Run::get(&mut from)?,
                log_path: from.bytes()?,
                label: from.bytes()?,
            },
            2 => Self::Ended { slot: from.u16()? },
            3 => Self::OwnLog,
            4 => Self::Relay(from.bytes()?),
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(decoded)
    }
}

impl LoggerToKeeper {
    /// Writes it into `out`, replacing what is there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Self::Drained { slot } = self;
        Writer::begin(out).u8(1).u16(*slot);
    }

    /// Reads it.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(message);
        let 1 = from.u8()? else { return Err(Malformed) };
        let decoded = Self::Drained { slot: from.u16()? };
        from.end()?;
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::{Fault, Step};
    use super::*;

    const RUN: Run = Run { pod: u64::MAX, class: 3, process: 7, attempt: 9 };
    const AT: Instant = Instant { mono: 1 << 60, wall: -5 };

    /// Encodes, decodes and compares; then every shorter message and one longer must be refused.
    macro_rules! both_ways {
        ($type:ident, $($message:expr),+ $(,)?) => {{
            let mut out = Vec::new();
            $(
                let message = $message;
                message.encode(&mut out);
                assert_eq!($type::decode(&out), Ok(message));
                for length in 0..out.len() {
                    assert_eq!($type::decode(&out[..length]), Err(Malformed), "cut at {length}");
                }
                out.push(0);
                assert_eq!($type::decode(&out), Err(Malformed));
            )+
        }};
    }

    #[test]
    fn all_messages_read_back() {
        let spawn =
            |plan| Spawn { epoch: 2, slot: 16_383, ticket: 8, run: RUN, label: b"l", log_path: b"", plan };
        both_ways!(
            ToSpawner,
            ToSpawner::Spawn(spawn(PlanAt::Inline(b"plan"))),
            ToSpawner::Spawn(spawn(PlanAt::Attached)),
        );
        both_ways!(
            FromSpawner,
            FromSpawner::Started {
                slot: 1,
                run: RUN,
                pid: 4_194_304,
                at: AT,
                readiness: true,
                capture: false
            },
            FromSpawner::Refused { slot: 1, run: RUN },
        );
        both_ways!(
            SpawnerToKeeper,
            SpawnerToKeeper::Pipes { slot: 5, stdout: true, stderr: false },
            SpawnerToKeeper::Born { slot: 6 },
            SpawnerToKeeper::StillBorn { slot: 7 },
        );
        both_ways!(
            ManagerToKeeper,
            ManagerToKeeper::Ready,
            ManagerToKeeper::Ack { seq: 77 },
            ManagerToKeeper::Signal { slot: 3, run: RUN, signal: 15, all: true },
            ManagerToKeeper::NeedSpawner,
            ManagerToKeeper::Logger(b"opaque"),
            ManagerToKeeper::End { code: 137 },
            ManagerToKeeper::Alive,
        );
        let exited = |ending| {
            KeeperToManager::Exited(Exited {
                seq: 1,
                slot: 2,
                run: RUN,
                pid: 3,
                ending,
                usage: Usage { user_us: 4, system_us: 5, max_rss_bytes: 6 },
                started: AT,
                at: AT,
                limits_refused: 1 << 7,
            })
        };
        both_ways!(
            KeeperToManager,
            KeeperToManager::Welcome { epoch: 1, pod_highest: 2, deaths: 3, deaths_unready: 1, since: AT },
            KeeperToManager::Known { slot: 1, run: RUN, pid: 2, started: AT, label: b"unit=web" },
            KeeperToManager::SnapshotEnd,
            KeeperToManager::Running { slot: 1, run: RUN, pid: 2, at: AT },
            exited(Ending::Exited(255)),
            exited(Ending::Signaled { signal: 9, core: true }),
            exited(Ending::NotStarted(Fault { step: Step::Exec, errno: 2, detail: b"/usr/bin/web" })),
            exited(Ending::Unknown),
            KeeperToManager::Free { slot: 9, ticket: 10 },
            KeeperToManager::StopRequest { signal: 37, count: 2 },
            KeeperToManager::Reload,
            KeeperToManager::ShowState,
            KeeperToManager::Listener,
            KeeperToManager::Busy { slot: 8 },
            KeeperToManager::SpawnerGone,
        );
        both_ways!(
            KeeperToLogger,
            KeeperToLogger::Pipe { slot: 1, stream: 2, both: true, run: RUN, log_path: b"a/b", label: b"l" },
            KeeperToLogger::Ended { slot: 1 },
            KeeperToLogger::OwnLog,
            KeeperToLogger::Relay(b"forget"),
        );
        both_ways!(LoggerToKeeper, LoggerToKeeper::Drained { slot: 4 });
    }

    #[test]
    fn every_step_has_a_number_of_its_own() {
        for step in Step::ALL {
            assert_eq!(Step::from_wire(step as u8), Some(step));
        }
        assert_eq!(Step::from_wire(0), None);
    }
}
