//! What the keeper is told that is about no start and no end of a run.

use std::io;
use std::os::fd::OwnedFd;

use crate::engine::id::RunId;
use crate::wire::after::After;
use crate::wire::message::{Kept, ManagerToKeeper};

use super::{Keeper, wire_run};

impl Keeper {
    /// supd is to go on as the program at this path, or (empty) as what is where its own was.
    pub fn reexec(&mut self, path: &[u8]) -> io::Result<()> {
        self.tell(&ManagerToKeeper::Reexec { path })
    }

    /// Has a descriptor kept for the managers to come.
    pub fn keep(&mut self, kind: Kept, run: RunId, fd: OwnedFd) -> io::Result<()> {
        ManagerToKeeper::Keep { kind, run: wire_run(run) }.encode(&mut self.message);
        self.channel.send(&self.message, &[fd])
    }

    /// It is needed no more.
    pub fn let_go(&mut self, kind: Kept, run: RunId) -> io::Result<()> {
        self.tell(&ManagerToKeeper::LetGo { kind, run: wire_run(run) })
    }

    /// All is to end, for a reason that the keeper does not know.
    pub fn ending(&mut self, after: After, within_ms: u64) -> io::Result<()> {
        self.tell(&ManagerToKeeper::Ending { after, within_ms })
    }

    /// Those who sit at a terminal are to be told this.
    pub fn tell_terminals(&mut self, text: &[u8]) -> io::Result<()> {
        self.tell(&ManagerToKeeper::Tell { text })
    }

    /// All is done.
    pub fn end(&mut self, code: u8) -> io::Result<()> {
        self.tell(&ManagerToKeeper::End { code })
    }
}
