//! What supd 0.1.0 stored: two small text files in the state directory, read while there is no database. They
//! stay, for whoever goes back.

use std::fs;
use std::path::Path;

use crate::unit::name::UnitName;

/// The numbers that pods have had, and the units that an operator has disabled.
const FILES: [&str; 2] = ["uids", "disabled"];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    /// No pod had a higher uid.
    pub uids: u64,
    /// Units that are not to be started at boot.
    pub disabled: Vec<UnitName>,
}

/// Reads the files of a supd before this one; what is not there, or no name, is passed over.
pub fn read(state_directory: &Path) -> Legacy {
    let [uids, disabled] =
        FILES.map(|name| fs::read_to_string(state_directory.join(name)).unwrap_or_default());
    Legacy {
        uids: uids.trim().parse().unwrap_or(0),
        disabled: disabled.lines().filter_map(|line| UnitName::parse(line.trim()).ok()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_the_first_version_is_read() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read(directory.path()), Legacy::default());
        fs::write(directory.path().join("uids"), "4097\n").unwrap();
        fs::write(directory.path().join("disabled"), "web\n../x\n\n db \n").unwrap();
        let names: Vec<UnitName> = ["web", "db"].map(|name| UnitName::parse(name).unwrap()).into();
        assert_eq!(read(directory.path()), Legacy { uids: 4097, disabled: names });
    }
}
