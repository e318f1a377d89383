//! What the keeper and its spawners tell, in the engine's words.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use crate::engine::event::{Adopted, Exit, Left};
use crate::engine::id::RunId;
use crate::engine::time::Now;
use crate::wire::message::{Death, Faults, Kept};

/// What the keeper told at the start.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Processes of pods that live, or ended unacknowledged.
    pub adopted: Vec<Adopted>,
    /// Runs that nobody waits for any more: probes and execs of the manager before, and what has a label
    /// that cannot be read. They were sent KILL.
    pub orphans: Vec<RunId>,
    /// The highest pod uid that any run had.
    pub pod_highest: u64,
    /// The numbers of the exits of those that have ended.
    pub exits: HashMap<RunId, u64>,
    /// Managers that died before this one.
    pub deaths: u32,
    /// Of those, the ones in a row just before this one that died before they were ready.
    pub deaths_unready: u32,
    /// How the last of them died.
    pub last_death: Death,
    /// When the keeper began.
    pub since: Now,
    /// How often the keeper has gone on as another program since.
    pub replaced: u32,
    /// The cgroups of runs.
    pub groups: Vec<(RunId, String)>,
    /// Faults of its own that it has gone on after.
    pub faults: Faults,
    /// It wants all to end: the requests so far.
    pub stop: Option<u32>,
    /// What it holds for pods.
    pub kept: Vec<(Kept, RunId, OwnedFd)>,
}

/// Something that the keeper or a spawner told.
#[derive(Debug)]
pub enum News {
    /// A run has started.
    Started {
        /// Which.
        run: RunId,
        /// Its pid.
        pid: u32,
        /// When.
        at: Now,
        /// Read end of the readiness pipe, where the plan asked for one.
        readiness: Option<OwnedFd>,
    },
    /// A run has ended, or never was.
    Exited {
        /// Which.
        run: RunId,
        /// How.
        exit: Exit,
        /// Resource limits that could not be raised: a bit for each number.
        limits_refused: u32,
    },
    /// A run does not end though it should have, or has left what does not.
    Lingers {
        /// Which.
        run: RunId,
        /// What is there.
        left: Left,
    },
    /// Stop; how often that was said.
    StopRequest(u32),
    /// Load the units again.
    Reload,
    /// Write the state to the log.
    ShowState,
    /// A new listener for the control socket.
    Listener(OwnedFd),
    /// The program that was to take over does not, for this reason.
    NotReplaced(String),
    /// A descriptor of a run that was started for the manager before this one.
    Kept(Kept, RunId, OwnedFd),
}

/// Why a start was not even ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOrdered {
    /// In words.
    pub message: String,
    /// Something had run out: worth a try soon.
    pub exhausted: bool,
}
