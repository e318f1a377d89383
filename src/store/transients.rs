//! Units that `supctl run` made, for the manager that comes after this one.
//!
//! Such a unit has no file of its user's, so its text is kept in `<runtime>/transient`: as `NAME.toml` while
//! it is to run, as `NAME.rest` while it is not, since it has ended or was stopped. A new manager knows both,
//! and starts neither again that was at rest. They go with the supd that made them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::unit::name::UnitName;

/// The texts, one small file each.
pub struct Transients {
    directory: PathBuf,
    /// Each with whether it is at rest.
    known: BTreeMap<UnitName, bool>,
}

/// A unit that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: UnitName,
    /// As in a unit file.
    pub text: String,
    /// It is not to be started again.
    pub at_rest: bool,
}

impl Transients {
    /// Keeps texts in this directory, which is made when there is one to keep.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, known: BTreeMap::new() }
    }

    /// Forgets what another supd has left here.
    pub fn clear(&mut self) -> io::Result<()> {
        self.known.clear();
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What a manager before this one has kept.
    pub fn read(&mut self) -> io::Result<Vec<Kept>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            // What is neither is half a file, of a manager that died before it answered.
            let Some((name, at_rest)) = parse(&path) else { continue };
            self.known.insert(name.clone(), at_rest);
            found.push(Kept { name, text: fs::read_to_string(&path)?, at_rest });
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Whether this is one of them.
    pub fn contains(&self, name: &UnitName) -> bool {
        self.known.contains_key(name)
    }

    /// Keeps one that is to run, whole or not at all. The runtime directory is memory: this does not wait
    /// for a disk.
    pub fn keep(&mut self, name: &UnitName, text: &str) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let fresh = self.directory.join(format!("{name}.new"));
        fs::write(&fresh, text)?;
        fs::rename(&fresh, self.path(name, false))?;
        self.known.insert(name.clone(), false);
        Ok(())
    }

    /// One of them is at rest, or is to run again.
    pub fn set_at_rest(&mut self, name: &UnitName, at_rest: bool) -> io::Result<()> {
        let Some(known) = self.known.get(name).copied().filter(|known| *known != at_rest) else {
            return Ok(());
        };
        fs::rename(self.path(name, known), self.path(name, at_rest))?;
        self.known.insert(name.clone(), at_rest);
        Ok(())
    }

    /// One of them is gone.
    pub fn forget(&mut self, name: &UnitName) -> io::Result<()> {
        match self.known.remove(name) {
            Some(at_rest) => fs::remove_file(self.path(name, at_rest)),
            None => Ok(()),
        }
    }

    fn path(&self, name: &UnitName, at_rest: bool) -> PathBuf {
        self.directory.join(format!("{name}.{}", if at_rest { "rest" } else { "toml" }))
    }
}

fn parse(path: &Path) -> Option<(UnitName, bool)> {
    let at_rest = match path.extension()?.to_str()? {
        "toml" => false,
        "rest" => true,
        _ => return None,
    };
    Some((UnitName::parse(path.file_stem()?.to_str()?).ok()?, at_rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Transients::new(directory.path().join("transient"));
        let (one, two, three) = (
            UnitName::parse("one").unwrap(),
            UnitName::parse("two").unwrap(),
            UnitName::parse("three").unwrap(),
        );
        let mut first = open();
        assert_eq!(first.read().unwrap(), []);
        for name in [&one, &two, &three] {
            first.keep(name, &format!("# {name}\n")).unwrap();
        }
        first.set_at_rest(&two, true).unwrap();
        first.set_at_rest(&two, true).unwrap();
        first.forget(&three).unwrap();
        first.forget(&three).unwrap();
        first.set_at_rest(&three, true).unwrap();
        fs::write(directory.path().join("transient/half.new"), "").unwrap();
        let mut second = open();
        let kept = second.read().unwrap();
        let seen: Vec<(&str, &str, bool)> =
            kept.iter().map(|kept| (kept.name.as_str(), kept.text.as_str(), kept.at_rest)).collect();
        assert_eq!(seen, [("one", "# one\n", false), ("two", "# two\n", true)]);
        second.set_at_rest(&two, false).unwrap();
        assert!(second.contains(&two) && !second.contains(&three));
        assert_eq!(open().read().unwrap().iter().filter(|kept| kept.at_rest).count(), 0);
        second.clear().unwrap();
        assert_eq!(open().read().unwrap(), []);
    }
}
