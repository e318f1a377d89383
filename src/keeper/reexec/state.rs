//! What a keeper tells the program that it is about to become, beside the slot table: numbers of descriptors
//! that stay open, and what it remembers.
//!
//! Written by one version and read by a later one: a newer supd reads every format from 1 on, an older one
//! refuses what it does not know, in its trial.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;

use super::super::heirloom::Heirloom;
use crate::limits::REEXEC_STATE_BYTES_MAX;
use crate::sys::memory::sealed;
use crate::wire::codec::{Malformed, Reader, Writer};
use crate::wire::run::Instant;
use crate::wire::{journal, table};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Of the supd that wrote this.
    pub(super) version: String,
    /// See [`LAYOUTS`].
    pub(super) layouts: [u64; 2],
    /// When the keeper began.
    pub(super) since: Instant,
    /// The soft limit of descriptors that runs get back.
    pub(super) nofile: Option<u64>,
    /// Managers and loggers that have died, strangers that were reaped.
    pub(super) deaths: (u32, u32),
    pub(super) strangers: u64,
    /// How often the keeper has gone on as another program, this time included.
    pub(super) replaced: u32,
    /// Device, inode and mode of the control socket's file.
    pub(super) listener_file: Option<(u64, u64, u32)>,
    /// Numbers and slots of exits that are not acknowledged, oldest first, and the last number that was given.
    pub(super) exits: (Vec<(u64, u16)>, u64),
    /// What stays open, and under which number.
    pub(super) heirlooms: Vec<(Heirloom, i32)>,
}

/// Bytes of one of them.
const HEIRLOOM_BYTES: usize = 1 + 8 + 8 + 4;

/// Of the memory that goes along: the slot table, the logger's journal. What has another layout cannot be gone
/// on with.
pub(super) const LAYOUTS: [u64; 2] = [table::MAGIC, journal::MAGIC];

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
        to.u64(MAGIC).u32(FORMAT).bytes(self.version.as_bytes());
        to.u64(self.layouts[0]).u64(self.layouts[1]);
        self.since.put(&mut to);
        to.bool(self.nofile.is_some()).u64(self.nofile.unwrap_or(0));
        to.u32(self.deaths.0).u32(self.deaths.1).u64(self.strangers).u32(self.replaced);
        let (device, inode, mode) = self.listener_file.unwrap_or_default();
        to.bool(self.listener_file.is_some()).u64(device).u64(inode).u32(mode);
        let (exits, last_seq) = &self.exits;
        to.u64(*last_seq).count(exits.len());
        for (seq, slot) in exits {
            to.u64(*seq).u16(*slot);
        }
        to.count(self.heirlooms.len());
        for (heirloom, number) in &self.heirlooms {
            let (tag, detail) = heirloom.pack();
            to.u8(tag).u64(detail[0]).u64(detail[1]).i32(*number);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        if (from.u64()?, from.u32()?) != (MAGIC, FORMAT) {
            return Err(Malformed);
        }
        let state = Self {
            version: String::from_utf8_lossy(from.bytes()?).into_owned(),
            layouts: [from.u64()?, from.u64()?],
            since: Instant::get(&mut from)?,
            nofile: {
                let (there, limit) = (from.bool()?, from.u64()?);
                there.then_some(limit)
            },
            deaths: (from.u32()?, from.u32()?),
            strangers: from.u64()?,
            replaced: from.u32()?,
            listener_file: {
                let there = from.bool()?;
                let file = (from.u64()?, from.u64()?, from.u32()?);
                there.then_some(file)
            },
            exits: {
                let last_seq = from.u64()?;
                let count = from.count(10)?;
                let one = |_| Ok((from.u64()?, from.u16()?));
                ((0..count).map(one).collect::<Result<_, Malformed>>()?, last_seq)
            },
            heirlooms: (0..from.count(HEIRLOOM_BYTES)?)
                .map(|_| {
                    let (tag, detail) = (from.u8()?, [from.u64()?, from.u64()?]);
                    Ok((Heirloom::unpack(tag, detail).ok_or(Malformed)?, from.i32()?))
                })
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
    use crate::wire::message::Kept;
    use crate::wire::run::Run;

    const RUN: Run = Run { pod: u64::MAX, class: 3, process: 65_535, attempt: u32::MAX };

    #[test]
    fn a_state_reads_back_and_a_cut_one_does_not() {
        let state = State {
            version: "0.1.0".into(),
            layouts: [7, 8],
            since: Instant { mono: 1, wall: -2 },
            nofile: Some(1024),
            deaths: (1, 2),
            strangers: 3,
            replaced: 4,
            listener_file: Some((10, 11, 12)),
            exits: (vec![(8, 3), (9, 16_383)], 9),
            heirlooms: vec![
                (Heirloom::Lock, 5),
                (Heirloom::Table, 6),
                (Heirloom::Listener, 7),
                (Heirloom::OwnLogReader, 8),
                (Heirloom::OwnLogWriter, 9),
                (Heirloom::Pipe { slot: 16_383, stderr: true }, 10),
                (Heirloom::Pipe { slot: 0, stderr: false }, 11),
                (Heirloom::Unknown, 12),
                (Heirloom::Journal, 13),
                (Heirloom::HandReader, 14),
                (Heirloom::HandWriter, 15),
                (Heirloom::Handover, 16),
                (Heirloom::ManagerState, 17),
                (Heirloom::ManagerNote, 18),
                (Heirloom::Kept { kind: Kept::NotifySocket, run: RUN }, 19),
                (Heirloom::Kept { kind: Kept::Readiness, run: RUN }, 20),
                (Heirloom::HardwareWatchdog, 21),
            ],
        };
        for state in [state.clone(), State { nofile: None, listener_file: None, heirlooms: vec![], ..state }]
        {
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
