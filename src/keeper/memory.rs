//! Memory that the keeper holds for its managers, so that it survives each of them. It never looks inside.

use std::io;
use std::os::fd::OwnedFd;

use crate::sys::memory::memfd;
use crate::wire::note;

/// Made once; every manager is handed both.
pub(super) struct Memory {
    /// For a store without a disk: see [`crate::wire::fd::STATE`].
    pub(super) state: OwnedFd,
    /// What a manager has in hand, for the one after it: see [`crate::wire::note`].
    pub(super) note: OwnedFd,
}

impl Memory {
    pub(super) fn create() -> io::Result<Self> {
        Ok(Self { state: memfd(c"supd-state")?, note: note::create()? })
    }
}
