//! Memory that the keeper holds for its managers, so that it survives each of them. It never looks inside.

use super::heirloom::{Heir, Heirloom};
use crate::sys::memory::memfd;
use crate::wire::note;
use std::io;

/// Made once; every manager is handed both.
pub(super) struct Memory {
    /// For a store without a disk: see [`crate::wire::fd::STATE`].
    pub(super) state: Heir,
    /// What a manager has in hand, for the one after it: see [`crate::wire::note`].
    pub(super) note: Heir,
}

impl Memory {
    pub(super) fn create() -> io::Result<Self> {
        Ok(Self {
            state: Heir::new(Heirloom::ManagerState, memfd(c"supd-state")?),
            note: Heir::new(Heirloom::ManagerNote, note::create()?),
        })
    }
}
