//! Descriptors that go along when the keeper goes on as another program, in order or after a fault.
//!
//! Each of them stands in the will ([`super::will`]) from the moment that the keeper has it until it is closed:
//! whoever holds an [`Heir`] need not think of it.

use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::will;
use crate::wire::message::Kept;
use crate::wire::run::Run;

/// What a descriptor is to the program that goes on. What is held for longer than a program gets a line here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heirloom {
    /// Of the runtime directory.
    Lock,
    /// The slot table.
    Table,
    /// Of the control socket.
    Listener,
    /// Where supd's own messages are read.
    OwnLogReader,
    /// Where they are written.
    OwnLogWriter,
    /// What a run prints.
    Pipe {
        /// Whose.
        slot: u16,
        /// Standard error; else standard output.
        stderr: bool,
    },
    /// What loggers have in hand, and the pipe that holds it.
    Journal,
    /// The pipe's read end.
    HandReader,
    /// The pipe's write end.
    HandWriter,
    /// Where another keeper asks the logger for its pipes.
    Handover,
    /// The manager's store, where no disk takes it.
    ManagerState,
    /// What a manager has in hand.
    ManagerNote,
    /// Held for a pod.
    Kept {
        /// What it is.
        kind: Kept,
        /// Whose.
        run: Run,
    },
    /// Our end of the channel to a manager, a logger, a spawner: what they have said and we have not heard is
    /// heard by the next program, which they do not outlive. They are no more when we are replaced in order.
    ManagerChannel,
    /// See above. Until it is ended, it must not know that its keeper has faulted.
    LoggerChannel,
    /// See above.
    SpawnerChannel {
        /// By which the table knows it.
        number: u8,
    },
    /// Armed; the machine is reset unless somebody feeds it.
    HardwareWatchdog,
    /// Of a version before this one, which has no use for it.
    Unknown,
}

impl Heirloom {
    /// Which, and two words about it.
    pub(super) fn pack(self) -> (u8, [u64; 2]) {
        match self {
            Self::Unknown => (0, [0, 0]),
            Self::Lock => (1, [0, 0]),
            Self::Table => (2, [0, 0]),
            Self::Listener => (3, [0, 0]),
            Self::OwnLogReader => (4, [0, 0]),
            Self::OwnLogWriter => (5, [0, 0]),
            Self::Pipe { slot, stderr } => (6, [u64::from(slot), u64::from(stderr)]),
            Self::Journal => (7, [0, 0]),
            Self::HandReader => (8, [0, 0]),
            Self::HandWriter => (9, [0, 0]),
            Self::Handover => (10, [0, 0]),
            Self::ManagerState => (11, [0, 0]),
            Self::ManagerNote => (12, [0, 0]),
            Self::Kept { kind: Kept::NotifySocket, run } => (13, pack_run(run)),
            Self::Kept { kind: Kept::Readiness, run } => (14, pack_run(run)),
            Self::ManagerChannel => (15, [0, 0]),
            Self::LoggerChannel => (16, [0, 0]),
            Self::SpawnerChannel { number } => (17, [u64::from(number), 0]),
            Self::HardwareWatchdog => (32, [0, 0]),
        }
    }

    /// `None`: nothing that could be.
    pub(super) fn unpack(tag: u8, detail: [u64; 2]) -> Option<Self> {
        Some(match tag {
            1 => Self::Lock,
            2 => Self::Table,
            3 => Self::Listener,
            4 => Self::OwnLogReader,
            5 => Self::OwnLogWriter,
            6 => Self::Pipe { slot: u16::try_from(detail[0]).ok()?, stderr: detail[1] != 0 },
            7 => Self::Journal,
            8 => Self::HandReader,
            9 => Self::HandWriter,
            10 => Self::Handover,
            11 => Self::ManagerState,
            12 => Self::ManagerNote,
            13 => Self::Kept { kind: Kept::NotifySocket, run: unpack_run(detail) },
            14 => Self::Kept { kind: Kept::Readiness, run: unpack_run(detail) },
            15 => Self::ManagerChannel,
            16 => Self::LoggerChannel,
            32 => Self::HardwareWatchdog,
            17 => Self::SpawnerChannel { number: u8::try_from(detail[0]).ok()? },
            _ => Self::Unknown,
        })
    }

    /// Whether a program that replaces us in order gets it: the channels' other ends are gone then.
    pub(super) fn outlives_roles(self) -> bool {
        !matches!(self, Self::ManagerChannel | Self::LoggerChannel | Self::SpawnerChannel { .. })
    }
}

fn pack_run(run: Run) -> [u64; 2] {
    [run.pod, u64::from(run.class) << 48 | u64::from(run.process) << 32 | u64::from(run.attempt)]
}

fn unpack_run([pod, word]: [u64; 2]) -> Run {
    Run { pod, class: (word >> 48) as u8, process: (word >> 32) as u16, attempt: word as u32 }
}

/// Something with a descriptor that goes along.
#[derive(Debug)]
pub(super) struct Heir<T: AsFd = OwnedFd>(T);

impl<T: AsFd> Heir<T> {
    /// Writes it into the will.
    pub(super) fn new(heirloom: Heirloom, thing: T) -> Self {
        will::note_heirloom(thing.as_fd(), heirloom);
        Self(thing)
    }
}

impl<T: AsFd> Drop for Heir<T> {
    fn drop(&mut self) {
        // Before it is closed: its number may be another's then.
        will::strike_out(self.0.as_fd().as_raw_fd());
    }
}

impl<T: AsFd> Deref for Heir<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: AsFd> AsFd for Heir<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Run = Run { pod: u64::MAX, class: 3, process: 65_535, attempt: u32::MAX };

    #[test]
    fn heirlooms_read_back() {
        for heirloom in [
            Heirloom::Unknown,
            Heirloom::Lock,
            Heirloom::Table,
            Heirloom::Listener,
            Heirloom::OwnLogReader,
            Heirloom::OwnLogWriter,
            Heirloom::Pipe { slot: 16_383, stderr: true },
            Heirloom::Pipe { slot: 0, stderr: false },
            Heirloom::Journal,
            Heirloom::HandReader,
            Heirloom::HandWriter,
            Heirloom::Handover,
            Heirloom::ManagerState,
            Heirloom::ManagerNote,
            Heirloom::Kept { kind: Kept::NotifySocket, run: RUN },
            Heirloom::Kept { kind: Kept::Readiness, run: RUN },
            Heirloom::ManagerChannel,
            Heirloom::LoggerChannel,
            Heirloom::SpawnerChannel { number: 255 },
            Heirloom::HardwareWatchdog,
        ] {
            let (tag, detail) = heirloom.pack();
            assert_eq!(Heirloom::unpack(tag, detail), Some(heirloom));
        }
        assert_eq!(Heirloom::unpack(6, [65_536, 0]), None, "no slot has this number");
    }
}
