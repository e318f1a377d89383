//! The spawner: from a plan to a running program.
//!
//! A small child of the keeper with almost no descriptors. It takes one Spawn after the other from a queue
//! that it shares with its stand-ins, and may be stuck in any of them for as long as a disk likes: nobody
//! waits for it. It keeps nothing in its memory that matters; the slot table does.

mod accounts;
mod child;
mod environment;
mod prepare;
mod program;
mod start;
mod volumes;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::limits::{MESSAGE_BYTES_MAX, STAND_IN_IDLE_MS};
use crate::settings::{Settings, exit};
use crate::sys;
use crate::wire::cgroup::Tree;
use crate::wire::channel::Channel;
use crate::wire::own_log::OwnLog;
use crate::wire::table::{Phase, Table};
use crate::wire::voice::Voice;
use crate::wire::{fd, message::ToSpawner};

/// Everything a spawner has.
struct Spawner {
    number: u8,
    keeper: Channel,
    queue: Channel,
    table: Table,
    /// Where the table is, for the case that it is a file and needs room.
    table_fd: OwnedFd,
    /// What names this supd among others.
    runtime_dir: PathBuf,
    voice: Voice,
    /// The cgroups of runs, where there are any.
    tree: Option<Tree>,
    /// Those in which the last run was killed at birth, and that could not be removed at once: before the next run is
    /// born there.
    doomed: BTreeSet<String>,
    workshop: prepare::Workshop,
    stack: sys::clone::Stack,
    /// Reused for every message that is sent.
    out: Vec<u8>,
}

/// Runs the role. Ends when the manager of its epoch has gone, or, as a stand-in, when it is idle.
pub fn run(settings: &Settings, number: u8, stand_in: bool) -> u8 {
    sys::process::reset_signals();
    sys::process::set_name(c"supd-spawner");
    let voice = Voice::new(OwnLog::of_role(), "spawner", settings);
    let fds = [fd::CHANNEL, fd::QUEUE, fd::TABLE].map(sys::process::adopt);
    let _ = sys::process::adopt(fd::OWN_LOG).map(std::mem::forget);
    let [Some(channel), Some(queue), Some(table)] = fds else {
        eprintln!("supd spawner: this is a part of supd, started by it; run `supd` instead");
        return exit::USAGE;
    };
    raise_oom_score();
    match Spawner::new(number, (channel, queue, table), voice.clone(), settings) {
        Ok(mut spawner) => spawner.serve(stand_in),
        Err(error) => {
            voice.error(format_args!("cannot begin: {error}"));
            exit::INTERNAL
        }
    }
}

/// Whether a spawner goes on after a start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// With the next one.
    GoOn,
    /// It must end, so that its child becomes the keeper's.
    End,
}

/// What supd is protected by is not for what it runs.
fn raise_oom_score() {
    const PATH: &str = "/proc/self/oom_score_adj";
    if std::fs::read_to_string(PATH).is_ok_and(|text| text.starts_with('-')) {
        let _ = std::fs::write(PATH, "0");
    }
}

impl Spawner {
    fn new(
        number: u8,
        (channel, queue, table_fd): (OwnedFd, OwnedFd, OwnedFd),
        voice: Voice,
        settings: &Settings,
    ) -> std::io::Result<Self> {
        let tree = settings.tree.as_ref().and_then(|top| {
            let opened = Tree::open(top);
            opened.map_err(|error| voice.warn(format_args!("no cgroups: {}: {error}", top.display()))).ok()
        });
        Ok(Self {
            tree,
            doomed: BTreeSet::new(),
            number,
            keeper: channel.into(),
            queue: queue.into(),
            table: Table::map(table_fd.as_fd())?,
            table_fd,
            runtime_dir: settings.runtime_dir.clone(),
            voice,
            workshop: prepare::Workshop::new()?,
            stack: sys::clone::Stack::new()?,
            out: Vec::with_capacity(512),
        })
    }

    fn serve(&mut self, stand_in: bool) -> u8 {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        loop {
            if stand_in && !self.await_work() {
                return 0;
            }
            let received = match if stand_in {
                self.queue.try_receive(&mut buffer)
            } else {
                self.queue.receive(&mut buffer)
            } {
                Ok(received) if received.length > 0 => received,
                Ok(_) => return 0,
                // Another spawner was faster.
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    self.voice.error(format_args!("ignoring a {error} from the manager"));
                    continue;
                }
                Err(error) => {
                    self.voice.error(format_args!("cannot read the queue: {error}"));
                    return exit::INTERNAL;
                }
            };
            let message = buffer.get(..received.length).unwrap_or_default();
            match ToSpawner::decode(message) {
                Ok(ToSpawner::Spawn(spawn)) => {
                    if self.start(&spawn, received) == Next::End {
                        return 0;
                    }
                }
                Ok(ToSpawner::Discard { pod }) => {
                    if let Err(error) = volumes::discard(pod, &self.runtime_dir) {
                        self.voice.warn(format_args!("volumes of pod {pod:08x} are left: {error}"));
                    }
                }
                Ok(ToSpawner::Leave { group }) => self.remove_group(&String::from_utf8_lossy(group)),
                Err(error) => self.voice.error(format_args!("ignoring a {error} from the manager")),
            }
        }
    }

    /// Nobody needs a cgroup any more. One that is not empty after all stays.
    fn remove_group(&self, group: &str) {
        let Some(tree) = &self.tree else { return };
        if let Err(error) = tree.remove(group) {
            self.voice.debug(format_args!("cgroup {group} is left: {error}"));
        }
    }

    /// Waits for a start. False: there has been none for a while and nobody else is stuck, so that this
    /// stand-in is no longer needed.
    fn await_work(&self) -> bool {
        let idle =
            PollTimeout::try_from(Duration::from_millis(STAND_IN_IDLE_MS)).unwrap_or(PollTimeout::NONE);
        loop {
            let mut fds = [PollFd::new(self.queue.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, idle) {
                Ok(0) if !self.others_are_stuck() => return false,
                Ok(0) | Err(_) => {}
                Ok(_) => return true,
            }
        }
    }

    fn others_are_stuck(&self) -> bool {
        self.table.taken().any(|(_, state)| state.phase == Phase::Starting && state.owner != self.number)
    }
}
