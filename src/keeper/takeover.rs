//! What a keeper finds that is not the first: runs that began under another one, or under itself before it
//! executed a new program. All of it is in the slot table; from here on each of them is as if we had started
//! it.
//!
//! Nothing is started and nothing is ended here: what lives is watched, what has ended is told, and what never
//! began is told as that. The manager decides, as always.

use std::os::fd::OwnedFd;

use super::Keeper;
use super::adopted::open_known;
use crate::settings::Settings;
use crate::wire::run::{Instant, Usage};
use crate::wire::table::end::End;
use crate::wire::table::file::{Origin, Unfit};
use crate::wire::table::{Phase, State, Table, file};
use crate::wire::voice::Voice;

/// File systems that may answer late or never (NFS, CIFS, SMB, FUSE, 9p, Ceph, AFS): no memory of ours is
/// mapped from there.
const REMOTE: [u32; 7] =
    [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x0102_1997, 0x00c3_6400, 0x5346_414f];

/// The table that a keeper before us left, or a new one: in the runtime directory if that takes it.
pub(super) fn table(settings: &Settings, voice: &Voice) -> std::io::Result<(OwnedFd, Table)> {
    // With PID 1 ends everything in its namespace: there is nothing to find, and nobody to leave it to.
    let origin = Origin::here().filter(|_| !settings.process_one && is_local(settings));
    let Some(origin) = origin else { return Table::create() };
    match Table::open_file(&settings.runtime_dir, origin) {
        Ok(found) => return Ok(found),
        Err(Unfit::Absent) => {}
        // As after every boot that did not empty the directory.
        Err(Unfit::OtherOrigin) => {
            voice.debug(format_args!("the table of runs is of another boot; ignoring it"))
        }
        Err(Unfit::OtherLayout) => voice.warn(format_args!(
            "another version of supd left the table of runs; what still runs is not known, ignoring it"
        )),
        Err(Unfit::Damaged(error)) => voice.warn(format_args!(
            "the table of runs cannot be used: {error}; what still runs is not known, ignoring it"
        )),
    }
    Table::create_file(&settings.runtime_dir, origin).or_else(|error| {
        let directory = settings.runtime_dir.display();
        voice.warn(format_args!(
            "{directory} takes no table of runs: {error}; if the keeper dies, what runs will not be known"
        ));
        Table::create()
    })
}

fn is_local(settings: &Settings) -> bool {
    let system = nix::sys::statfs::statfs(&settings.runtime_dir);
    system.is_ok_and(|system| !REMOTE.contains(&(system.filesystem_type().0 as u32)))
}

/// At the end of supd nothing is left that somebody could take over.
pub(super) fn remove_table(settings: &Settings) {
    let _ = std::fs::remove_file(file::path(&settings.runtime_dir));
}

impl Keeper {
    /// Takes in everything that the table knows; how many runs that is.
    pub(super) fn take_over(&mut self) -> usize {
        // First of all: no spawner of before can claim anything from here on.
        self.table.next_epoch();
        let taken: Vec<(u16, State)> = self.table.taken().collect();
        for (_, state) in taken.iter().filter(|(_, state)| state.phase == Phase::Starting) {
            self.recall_spawner(state.owner);
        }
        let mut ended = Vec::new();
        for (slot, state) in &taken {
            self.table.note_pod(self.table.run(*slot).pod);
            self.books.of(*slot).adopted = true;
            match state.phase {
                Phase::Starting if self.spawners.pid_of(state.owner).is_some() => {}
                Phase::Starting => self.settle_slot(*slot),
                Phase::Running if self.recall_end(*slot).is_none() => {
                    self.books.of(*slot).settled = true;
                    self.recall_run(*slot);
                }
                // Its number comes with those of the others, in the order of their ends.
                Phase::Running | Phase::Ended => ended.push(*slot),
                Phase::Free => {}
            }
        }
        self.recall_ended(ended);
        taken.len()
    }

    /// After another keeper.
    pub(super) fn report_taken_over(&mut self, found: usize) {
        if found == 0 {
            return;
        }
        let lives = |slot: &u16| self.table.pid(*slot) > 0 && !self.books.has_ended(*slot);
        let living = (0..self.books.len()).filter(lives).count();
        self.voice.warn(format_args!(
            "a keeper before this one has died: of {found} runs that it knew {living} still run, and go on"
        ));
    }

    /// A spawner that the kernel has not yet ended with its keeper, since it is stuck: it may yet have a child.
    /// Its death settles what it holds, as always.
    fn recall_spawner(&mut self, number: u8) {
        let (pid, identity) = self.table.owner(number);
        if self.spawners.pid_of(number).is_none()
            && let Some(pidfd) = open_known(pid, identity)
        {
            self.adopt_spawner(number, pid, pidfd);
        }
    }

    fn recall_end(&mut self, slot: u16) -> Option<End> {
        let end = self.table.end(slot);
        self.books.of(slot).end = end;
        end
    }

    /// Ends that nobody has acknowledged are told again, oldest first; the others have only kept their slot
    /// until their output was written.
    fn recall_ended(&mut self, ended: Vec<u16>) {
        let mut ends: Vec<(u64, u16)> = Vec::with_capacity(ended.len());
        for slot in ended {
            let nobody_knows = End { how: None, pid: 0, usage: Usage::default(), at: Instant::now() };
            let end = self.recall_end(slot).unwrap_or(nobody_knows);
            let book = self.books.of(slot);
            book.end = Some(end);
            book.settled = true;
            book.acknowledged = self.table.acknowledged(slot);
            ends.push((end.at.mono, slot));
        }
        ends.sort_unstable();
        for (_, slot) in ends {
            match self.books.of(slot).acknowledged {
                true => self.free_if_done(slot),
                false => self.finish(slot),
            }
        }
    }

    /// A run that began before us: it is watched if it is still there, else nobody knows how it ended.
    pub(super) fn recall_run(&mut self, slot: u16) {
        match self.find_process(slot) {
            Some((pidfd, ours)) => {
                self.books.of(slot).adopted = !ours;
                self.keep_run(slot, pidfd);
            }
            None => {
                let pid = self.table.pid(slot);
                self.end_run(slot, End { how: None, pid, usage: Usage::default(), at: Instant::now() });
            }
        }
    }
}
