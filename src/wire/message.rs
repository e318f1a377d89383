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

use super::after::After;
use super::run::{Ending, Instant, Run, Usage};

mod encoding;

/// Manager → spawner, on the spawn queue. Whichever spawner is free takes the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToSpawner<'a> {
    /// Start a run.
    Spawn(Spawn<'a>),
    /// A pod is final: what was made for it below the runtime directory goes.
    Discard {
        /// Its uid.
        pod: u64,
    },
    /// Nobody is to be born in a cgroup any more: it goes, with what is empty above it.
    Leave {
        /// Below those of all units.
        group: &'a [u8],
    },
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
    /// A claimed slot's pipes. Descriptors: the read ends, standard output first, readiness last.
    Pipes {
        /// Where.
        slot: u16,
        /// Whether standard output is among them.
        stdout: bool,
        /// Whether standard error is.
        stderr: bool,
        /// Whether the pipe is on which the run says that it is ready; the manager gets it, too.
        readiness: bool,
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
        /// It is asked to end by this, which the managers to come must know.
        stop: bool,
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
    /// Somebody wants all to end, and says what comes after; the first who does is heard. `End` follows in
    /// time, or the keeper ends what is left.
    Ending {
        /// What becomes of the machine, or of supd.
        after: After,
        /// Bound of the stop of all units, in milliseconds.
        within_ms: u64,
    },
    /// Nothing to say: an answer to what was sent, for the watchdog.
    Alive,
    /// Tell this to everybody who sits at a terminal: a helper does, which nobody waits for.
    Tell {
        /// Lines.
        text: &'a [u8],
    },
    /// Go on as the program at this path, or as what is now where ours was, if that is empty. Answered by
    /// [`KeeperToManager::NotReplaced`], or by the end of this manager.
    Reexec {
        /// An operator's: absolute, and never touched by the keeper itself.
        path: &'a [u8],
    },
    /// Keep a descriptor for the managers to come; one of the same kind and pod is replaced. One descriptor.
    Keep {
        /// What it is.
        kind: Kept,
        /// Whose.
        run: Run,
    },
    /// Nobody needs it any more. Readiness pipes go by themselves when their run's end is acknowledged, too.
    LetGo {
        /// What it is.
        kind: Kept,
        /// Whose.
        run: Run,
    },
}

/// A descriptor that the keeper holds for a pod, so that what a process says while there is no manager waits
/// there. One of each kind for a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// The pod's notify socket.
    NotifySocket,
    /// The read end of the pipe on which a run says that it is ready.
    Readiness,
}

/// Keeper → manager. After a start of the manager: `Welcome`, then for everything in the table `Known`
/// (or `Busy`) and, if it has ended, `Exited`, then what is `Kept`, `StopRequest` if all is to end, `SnapshotEnd`; then
/// whatever happens.
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
        /// How the last of them died.
        last_death: Death,
        /// When the keeper began.
        since: Instant,
        /// How often the keeper has gone on as another program since.
        replaced: u32,
        /// Faults of its own that it has gone on after.
        faults: Faults,
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
        /// It had the signal by which it was asked to end.
        asked: bool,
        /// As given with its Spawn.
        label: &'a [u8],
        /// The cgroup that is its own; empty: none.
        group: &'a [u8],
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
    /// A run has had KILL, or has left others in its cgroup that have, and something of it is still there.
    Lingers {
        /// Where.
        slot: u16,
        /// Who.
        run: Run,
        /// How many processes; 0: nobody can say.
        left: u32,
        /// One of them, and its state as ps(1) shows it; 0: nobody can say.
        pid: i32,
        /// `D`: it waits for a device and hears no signal.
        state: u8,
    },
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
    /// The program that was to take over does not, and all goes on as before.
    NotReplaced {
        /// In words.
        reason: &'a [u8],
    },
    /// A descriptor that a manager before this one had, or was to have. One descriptor.
    Kept {
        /// What it is.
        kind: Kept,
        /// Whose.
        run: Run,
    },
}

/// How a manager died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Death {
    /// None has died.
    #[default]
    None,
    /// It ended with this code.
    Exited(u8),
    /// A signal ended it, and not one of ours.
    Signaled(u8),
    /// It answered nothing for so long that we ended it.
    Silent,
}

/// Faults of the keeper that it has gone on after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many, since supd was started or replaced.
    pub count: u32,
    /// What the last one was.
    pub last: Cause,
    /// When.
    pub at: Instant,
}

/// What kind of a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// A check that failed.
    #[default]
    Panic,
    /// The kernel's word for it.
    Signal(u8),
    /// Something without which it cannot go on.
    Broken,
}

impl Cause {
    /// As one byte.
    pub fn to_wire(self) -> u8 {
        match self {
            Self::Signal(number) => number & 0x7f,
            Self::Panic => 0x80,
            Self::Broken => 0x81,
        }
    }

    /// What is none is a panic.
    pub fn from_wire(byte: u8) -> Self {
        match byte {
            0x81 => Self::Broken,
            0x80.. => Self::Panic,
            number => Self::Signal(number),
        }
    }
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
    /// The kernel has ended processes of its cgroup for want of memory.
    pub out_of_memory: bool,
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
    /// End, after all that was said before: the next logger reads on where this one stopped.
    Leave,
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
