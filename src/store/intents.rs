//! Units that an operator has disabled: `<state>/disabled`, one name a line.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::writer::Writer;
use crate::unit::name::UnitName;

/// The list, in memory and on its way to the disk.
pub struct Intents {
    disabled: BTreeSet<UnitName>,
    writer: Arc<Writer>,
}

impl Intents {
    /// Reads the list. None yet is an empty one; a line that is no name is passed over.
    pub fn open(state_directory: &Path) -> io::Result<Self> {
        let path = state_directory.join("disabled");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let disabled = text.lines().filter_map(|line| UnitName::parse(line.trim()).ok()).collect();
        Ok(Self { disabled, writer: Writer::new(path) })
    }

    /// An empty list beside the one that could not be read.
    pub fn empty(state_directory: &Path) -> Self {
        Self { disabled: BTreeSet::new(), writer: Writer::new(state_directory.join("disabled")) }
    }

    /// The disabled units, by name.
    pub fn disabled(&self) -> impl Iterator<Item = &UnitName> {
        self.disabled.iter()
    }

    /// Remembers an intent, and begins to write it down.
    pub fn set(&mut self, unit: UnitName, enabled: bool) {
        let changed = if enabled { self.disabled.remove(&unit) } else { self.disabled.insert(unit) };
        if changed {
            let text = self.disabled.iter().map(|unit| format!("{unit}\n")).collect();
            self.writer.write(text);
        }
    }

    /// Waits until all is written, but no longer than this. Says whether it is.
    pub fn settle(&self, within: Duration) -> bool {
        self.writer.settle(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(intents: &Intents) -> Vec<&str> {
        intents.disabled().map(UnitName::as_str).collect()
    }

    #[test]
    fn what_was_set_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut intents = Intents::open(directory.path()).unwrap();
        for unit in ["web", "db", "cache"] {
            intents.set(UnitName::parse(unit).unwrap(), false);
        }
        intents.set(UnitName::parse("db").unwrap(), true);
        assert!(intents.settle(Duration::from_secs(60)));
        assert_eq!(names(&Intents::open(directory.path()).unwrap()), ["cache", "web"]);
        assert!(!directory.path().join("disabled.new").exists());
    }

    #[test]
    fn a_line_that_is_no_name_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("disabled"), "web\n../x\n\n db \n").unwrap();
        assert_eq!(names(&Intents::open(directory.path()).unwrap()), ["db", "web"]);
    }

    #[test]
    fn a_directory_that_cannot_be_written_does_no_harm() {
        let mut intents = Intents::empty(Path::new("/proc/supd-has-no-place-here"));
        intents.set(UnitName::parse("web").unwrap(), false);
        assert!(intents.settle(Duration::from_secs(60)));
        assert_eq!(names(&intents), ["web"]);
    }
}
