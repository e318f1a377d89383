//! Numbers that pods have had: `<state>/uids`.
//!
//! A uid is never used again, not even by the next supd: log directories carry it. Writing each one down
//! would cost a sync for each pod, so a block is written down before it is used, and what is left of it is
//! skipped by whoever comes next.

use std::path::Path;
use std::sync::Arc;

use super::writer::Writer;
use crate::limits::UID_BLOCK;

/// The block of uids in use.
pub struct Uids {
    /// No pod of an earlier supd had a higher one.
    floor: u64,
    /// The end of the block that is written down.
    reserved: u64,
    writer: Arc<Writer>,
}

impl Uids {
    /// Reads where the block before ended. Nothing readable there is a beginning.
    pub fn open(state_directory: &Path) -> Self {
        let path = state_directory.join("uids");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let floor = text.trim().parse().unwrap_or(0);
        Self { floor, reserved: floor, writer: Writer::new(path) }
    }

    /// No pod of an earlier supd had a higher one.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// This one is used. Before the block is at its end, the next one is begun.
    pub fn use_up_to(&mut self, uid: u64) {
        if uid.saturating_add(UID_BLOCK / 2) > self.reserved {
            self.reserved = uid.saturating_add(UID_BLOCK);
            self.writer.write(format!("{}\n", self.reserved));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_uid_comes_twice() {
        let directory = tempfile::tempdir().unwrap();
        let mut uids = Uids::open(directory.path());
        assert_eq!(uids.floor(), 0);
        uids.use_up_to(1);
        let first = uids.reserved;
        uids.use_up_to(2);
        assert_eq!(uids.reserved, first, "one write for a whole block");
        uids.use_up_to(first);
        assert!(uids.reserved > first && uids.writer.settle(Duration::from_secs(60)));
        assert_eq!(Uids::open(directory.path()).floor(), uids.reserved);
    }
}
