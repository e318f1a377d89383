//! Where the state lies, and why there.

use std::fmt;

use crate::engine::time::Wall;

/// Where the state lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file in the state directory: it outlives the machine.
    Disk,
    /// In memory, until the disk takes it.
    Memory {
        /// When the disk was left.
        since: Wall,
        /// What the disk said last, in words.
        why: String,
        /// It lies in the memfd that the keeper holds too, and outlives the manager. Else it is nowhere but
        /// in the manager itself.
        kept: bool,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk => f.write_str("on disk"),
            Self::Memory { why, kept: true, .. } => write!(f, "in memory: {why}"),
            Self::Memory { why, kept: false, .. } => write!(f, "only in the manager's own memory: {why}"),
        }
    }
}
