//! What is stored once for all: who wrote the state, how far it goes, and how that supd ended.

use serde::{Deserialize, Serialize};

use crate::engine::saved::Continuity;
use crate::engine::time::Now;
use crate::unit::name::UnitName;

/// Which keeper it is: no other has its boot and its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperMark {
    /// The machine's boot (`/proc/sys/kernel/random/boot_id`); empty where it cannot be read.
    pub boot: String,
    /// When the keeper began.
    pub since: Now,
}

/// Written with every batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Under which keeper.
    pub keeper: KeeperMark,
    /// Exits up to this number of that keeper are known to the state.
    pub exits: u64,
    /// When it was written.
    pub taken: Now,
    /// Uids up to here may have been used.
    pub uids: u64,
    /// supd ended in order after this.
    #[serde(default)]
    pub ended: bool,
    /// What was wrong with units when they were last loaded.
    #[serde(default)]
    pub unit_faults: Vec<UnitFault>,
}

/// What was wrong with a unit or its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFault {
    /// Place, words and code.
    pub line: String,
    /// Where it was read.
    pub file: String,
    /// Whose it is, where that is known.
    pub unit: Option<UnitName>,
    /// It is the reason why something was not loaded.
    pub refuses: bool,
}

impl KeeperMark {
    /// Of the boot that it is now.
    pub fn new(since: Now) -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { boot: boot.trim().to_owned(), since }
    }

    /// Whether both were, or are, under one boot of the machine.
    pub fn same_boot(&self, other: &Self) -> bool {
        self == other || (!self.boot.is_empty() && self.boot == other.boot)
    }
}

impl Mark {
    /// What a manager under this keeper may rely on.
    pub fn continuity(&self, keeper: &KeeperMark) -> Continuity {
        match self.keeper == *keeper {
            true => Continuity::Manager,
            false if self.keeper.same_boot(keeper) && !self.ended => Continuity::Supd,
            false => Continuity::Anew,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{Mono, Wall};

    #[test]
    fn who_goes_on_from_what() {
        let keeper = |boot: &str, since| KeeperMark {
            boot: boot.into(),
            since: Now { mono: Mono(since), wall: Wall(since) },
        };
        let mark = |boot: &str, since, ended| Mark { keeper: keeper(boot, since), ended, ..Mark::default() };
        assert_eq!(mark("a", 1, false).continuity(&keeper("a", 1)), Continuity::Manager);
        assert_eq!(mark("a", 1, false).continuity(&keeper("a", 2)), Continuity::Supd);
        assert_eq!(mark("a", 1, true).continuity(&keeper("a", 2)), Continuity::Anew);
        assert_eq!(mark("a", 1, false).continuity(&keeper("b", 2)), Continuity::Anew);
        assert_eq!(mark("", 1, false).continuity(&keeper("", 2)), Continuity::Anew, "no boot is known");
    }

    #[test]
    fn a_mark_of_an_older_supd_is_read() {
        let text = r#"{"keeper":{"boot":"b","since":{"mono":1,"wall":2}},"exits":3,"taken":{"mono":4,"wall":5},"uids":6}"#;
        let mark: Mark = serde_json::from_str(text).unwrap();
        assert_eq!((mark.exits, mark.uids, mark.ended), (3, 6, false));
    }
}
