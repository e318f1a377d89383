//! The start: what is the truth, and where does it go on from here?

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::directory::{Directory, UNREAD};
use super::disk::{Answer, Disk, Next, Order};
use super::link::{Bell, Link};
use super::medium::Medium;
use super::record::Records;
use super::stored::{Unreadable, read};
use super::{Database, Place, Target, start_memory};
use crate::engine::time::Now;
use crate::limits::STATE_OPEN_MS;

/// What a database is opened from.
#[derive(Debug)]
pub struct Opening {
    /// Where `state.redb` is, or will be.
    pub state_dir: PathBuf,
    /// The memfd that the keeper holds a duplicate of. Without one the state is not kept while the disk
    /// takes none.
    pub memory: Option<OwnedFd>,
    /// The time.
    pub now: Now,
}

/// An open database, and what was in it.
pub struct Opened {
    /// For what comes.
    pub database: Database,
    /// All that was read.
    pub records: Records,
    /// What was found amiss, in words for people.
    pub findings: Vec<String>,
}

/// Opens, with `medium` between the database and its file.
pub(super) fn open<M: Medium>(
    opening: Opening,
    medium: impl Fn(File) -> M + Send + 'static,
) -> io::Result<Opened> {
    let Opening { state_dir, memory, now } = opening;
    let bell = Arc::new(Bell::new()?);
    let directory = Directory::new(state_dir);
    let mut findings = Vec::new();
    let memory = memory.map(File::from);
    let kept = memory.as_ref().and_then(|file| read_memory(file, &mut findings));

    let mut disk = Link::start("supd-disk", Arc::clone(&bell), move || {
        let mut disk = Disk::new(directory, medium);
        move |order| disk.work(order)
    })?;
    let mut begin = Begin { place: Place::Disk, wants: None, aside: None, late: false };
    let records = match kept {
        // Newer than what the disk has, so that need not be read; the first batch goes there at once.
        Some(records) => {
            begin.wants = Some(Target::Disk);
            begin.place = in_memory(now, "the disk has not been tried yet".into(), true);
            records
        }
        None => read_disk(&mut disk, now, &mut begin, &mut findings),
    };
    let link = match &memory {
        Some(file) if begin.kept() => Some(start_memory(&bell, file.try_clone()?)?),
        _ => None,
    };
    let database = Database {
        bell,
        watched: std::cell::OnceCell::new(),
        disk_late: begin.late.then_some(now.mono),
        disk_left: begin.late,
        disk: Some(disk),
        memory_file: memory,
        memory: link,
        trial: (begin.place != Place::Disk).then_some(now.mono),
        place: begin.place,
        wants: begin.wants,
        aside: begin.aside,
        flight: None,
        whole_bytes: 0,
        said: std::collections::VecDeque::new(),
    };
    Ok(Opened { database, records, findings })
}

/// What the start has settled.
struct Begin {
    place: Place,
    wants: Option<Target>,
    aside: Option<&'static str>,
    late: bool,
}

impl Begin {
    fn kept(&self) -> bool {
        matches!(self.place, Place::Memory { kept: true, .. })
    }
}

/// The memfd's state, if there is one. What is no state is thrown away: it was never finished.
fn read_memory(file: &File, findings: &mut Vec<String>) -> Option<Records> {
    if file.metadata().is_ok_and(|about| about.len() == 0) {
        return None;
    }
    match file.try_clone().map_err(|error| Unreadable::Damaged(error.to_string())).and_then(read) {
        Ok(read) => {
            findings.extend(read.damaged.into_iter().map(|what| format!("the state in memory: {what}")));
            return Some(read.records);
        }
        // The manager died before the first batch was there: the disk's state is the newest.
        Err(Unreadable::Empty) => {}
        Err(Unreadable::Newer(version)) => {
            findings.push(format!("the state in memory has format {version}, of a newer supd; ignoring it"));
        }
        Err(Unreadable::Damaged(why)) => {
            findings.push(format!("the state in memory is damaged: {why}; ignoring it"));
        }
    }
    if let Err(error) = file.set_len(0) {
        findings.push(format!("the state in memory cannot be emptied: {error}; ignoring"));
    }
    None
}

fn read_disk(
    disk: &mut Link<Order, Answer>,
    now: Now,
    begin: &mut Begin,
    findings: &mut Vec<String>,
) -> Records {
    disk.order(Order::Open);
    let Some(Answer::Opened(opened)) = disk.wait(Duration::from_millis(STATE_OPEN_MS)) else {
        let why = format!("the disk has not answered for {} s", STATE_OPEN_MS / 1000);
        findings.push(format!("the state cannot be read: {why}; starting without it"));
        *begin = Begin {
            place: in_memory(now, why, false),
            wants: Some(Target::Memory),
            aside: Some(UNREAD),
            late: true,
        };
        return Records::default();
    };
    findings.extend(opened.findings);
    match opened.next {
        Next::Write => {}
        Next::Anew { aside } => {
            begin.wants = Some(Target::Disk);
            begin.aside = aside;
        }
        Next::Nowhere { aside, why } => {
            *begin =
                Begin { place: in_memory(now, why, false), wants: Some(Target::Memory), aside, late: false };
        }
    }
    opened.records
}

fn in_memory(now: Now, why: String, kept: bool) -> Place {
    Place::Memory { since: now.wall, why, kept }
}
