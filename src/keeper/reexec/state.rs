//! What a keeper tells the program that it is about to become, beside the slot table: numbers of descriptors
//! that stay open, and what it remembers.
//!
//! Written by one version and read by a later one: a newer supd reads every format from 1 on, an older one
//! refuses what it does not know, in its trial.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;

use crate::limits::REEXEC_STATE_BYTES_MAX;
use crate::sys::memory::sealed;
use crate::wire::codec::{Malformed, Reader, Writer};
use crate::wire::run::Instant;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Of the supd that wrote this.
    pub(super) version: String,
    /// The number of the slot table's layout.
    pub(super) layout: u64,
    /// When the keeper began.
    pub(super) since: Instant,
    /// The soft limit of descriptors that runs get back.
    pub(super) nofile: Option<u64>,
    /// Managers and loggers that have died, strangers that were reaped.
    pub(super) deaths: (u32, u32),
    pub(super) strangers: u64,
    /// How often the keeper has gone on as another program, this time included.
    pub(super) replaced: u32,
    pub(super) fds: Descriptors,
    /// Device, inode and mode of the control socket's file.
    pub(super) listener_file: Option<(u64, u64, u32)>,
    /// Read ends of standard output and error of each slot that has any; -1: none.
    pub(super) pipes: Vec<(u16, [i32; 2])>,
}

/// Numbers of descriptors that the keeper has once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Descriptors {
    pub(super) lock: i32,
    pub(super) table: i32,
    pub(super) listener: i32,
    /// Read end and write end.
    pub(super) own_log: [i32; 2],
}

const MAGIC: u64 = 0x7375_7064_6b65_6570;
const FORMAT: u32 = 1;

impl State {
    /// Puts it into a memfd that nobody can change.
    pub(super) fn write(&self) -> io::Result<OwnedFd> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        sealed(c"supd-keeper", &bytes)
    }

    /// Reads what [`State::write`] wrote.
    pub(super) fn read(memfd: OwnedFd) -> io::Result<Self> {
        let mut file = File::from(memfd);
        let mut bytes = Vec::new();
        // Whoever read it before us has left the position at the end.
        file.seek(SeekFrom::Start(0))?;
        file.take(REEXEC_STATE_BYTES_MAX).read_to_end(&mut bytes)?;
        Self::decode(&bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a state that this version knows"))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Writer::begin(out);
        to.u64(MAGIC).u32(FORMAT).bytes(self.version.as_bytes()).u64(self.layout);
        self.since.put(&mut to);
        to.bool(self.nofile.is_some()).u64(self.nofile.unwrap_or(0));
        to.u32(self.deaths.0).u32(self.deaths.1).u64(self.strangers).u32(self.replaced);
        let Descriptors { lock, table, listener, own_log } = self.fds;
        to.i32(lock).i32(table).i32(listener).i32(own_log[0]).i32(own_log[1]);
        let (device, inode, mode) = self.listener_file.unwrap_or_default();
        to.bool(self.listener_file.is_some()).u64(device).u64(inode).u32(mode);
        to.count(self.pipes.len());
        for (slot, [stdout, stderr]) in &self.pipes {
            to.u16(*slot).i32(*stdout).i32(*stderr);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        if (from.u64()?, from.u32()?) != (MAGIC, FORMAT) {
            return Err(Malformed);
        }
        let state = Self {
            version: String::from_utf8_lossy(from.bytes()?).into_owned(),
            layout: from.u64()?,
            since: Instant::get(&mut from)?,
            nofile: {
                let (there, limit) = (from.bool()?, from.u64()?);
                there.then_some(limit)
            },
            deaths: (from.u32()?, from.u32()?),
            strangers: from.u64()?,
            replaced: from.u32()?,
            fds: Descriptors {
                lock: from.i32()?,
                table: from.i32()?,
                listener: from.i32()?,
                own_log: [from.i32()?, from.i32()?],
            },
            listener_file: {
                let there = from.bool()?;
                let file = (from.u64()?, from.u64()?, from.u32()?);
                there.then_some(file)
            },
            pipes: (0..from.count(10)?)
                .map(|_| Ok((from.u16()?, [from.i32()?, from.i32()?])))
                .collect::<Result<_, Malformed>>()?,
        };
        from.end()?;
        Ok(state)
    }
}

/// Whether a version is older than another; what cannot be read is no version, and older than all.
pub(super) fn is_older(version: &str, than: &str) -> bool {
    let numbers = |text: &str| -> Option<Vec<u64>> {
        let core = text.split(['-', '+']).next().unwrap_or_default();
        core.split('.').map(|number| number.parse().ok()).collect()
    };
    match (numbers(version), numbers(than)) {
        (Some(version), Some(than)) => version < than,
        (None, _) => true,
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_and_a_cut_one_does_not() {
        let state = State {
            version: "0.1.0".into(),
            layout: 7,
            since: Instant { mono: 1, wall: -2 },
            nofile: Some(1024),
            deaths: (1, 2),
            strangers: 3,
            replaced: 4,
            fds: Descriptors { lock: 5, table: 6, listener: 7, own_log: [8, 9] },
            listener_file: Some((10, 11, 12)),
            pipes: vec![(0, [13, -1]), (16_383, [-1, 14])],
        };
        for state in [state.clone(), State { nofile: None, listener_file: None, pipes: vec![], ..state }] {
            assert_eq!(State::read(state.write().unwrap()).unwrap(), state);
            let mut bytes = Vec::new();
            state.encode(&mut bytes);
            for length in 0..bytes.len() {
                assert_eq!(State::decode(&bytes[..length]), Err(Malformed), "cut at {length}");
            }
            bytes[8] ^= 2;
            assert_eq!(State::decode(&bytes), Err(Malformed), "a format of the future");
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(is_older("0.9.10", "0.10.0") && is_older("0.1.0", "0.1.1") && is_older("", "0.1.0"));
        assert!(!is_older("0.1.0", "0.1.0") && !is_older("1.0", "0.9.9") && !is_older("0.1.1-rc1", "0.1.1"));
    }
}
