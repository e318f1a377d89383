//! The last good version of each unit, for the manager that comes after this one.
//!
//! A unit whose file has a fault keeps what it was before. Where the manager dies while the file is broken,
//! the next one finds that nowhere else: the texts lie in `<runtime>/good`, each as all files of its unit
//! together made it. They go with the supd that wrote them.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::unit::name::UnitName;

/// The texts, one small file each.
pub struct LastGood {
    directory: PathBuf,
    /// The fingerprints of what is there; none of what another manager wrote.
    written: HashMap<UnitName, Option<u64>>,
}

impl LastGood {
    /// Keeps texts in this directory, which is made when there is one to keep.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, written: HashMap::new() }
    }

    /// Forgets what another supd has left here.
    pub fn clear(&mut self) -> io::Result<()> {
        self.written.clear();
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps a version, whole or not at all; nothing is written where it is the one that is kept. The
    /// runtime directory is memory: this does not wait for a disk.
    pub fn keep(&mut self, name: &UnitName, hash: u64, text: &str) -> io::Result<()> {
        if self.written.get(name) == Some(&Some(hash)) {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        let fresh = self.directory.join(format!("{name}.new"));
        fs::write(&fresh, text)?;
        fs::rename(&fresh, self.path(name))?;
        self.written.insert(name.clone(), Some(hash));
        Ok(())
    }

    /// Of which units a manager before this one has kept something.
    pub fn names(&mut self) -> io::Result<Vec<UnitName>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".toml"));
            names.extend(stem.and_then(|stem| UnitName::parse(stem).ok()));
        }
        self.written.extend(names.iter().map(|name| (name.clone(), None)));
        Ok(names)
    }

    /// What is kept of a unit.
    pub fn read(&self, name: &UnitName) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => text.map(Some),
        }
    }

    /// Removes what is kept of units that `exist` doesn't know.
    pub fn keep_only(&mut self, exist: impl Fn(&UnitName) -> bool) {
        let gone: Vec<UnitName> = self.written.keys().filter(|name| !exist(name)).cloned().collect();
        for name in gone {
            self.written.remove(&name);
            // Nobody asks for it unless a unit of this name comes again.
            let _ = fs::remove_file(self.path(&name));
        }
    }

    fn path(&self, name: &UnitName) -> PathBuf {
        self.directory.join(format!("{name}.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_version_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let open = || LastGood::new(directory.path().join("good"));
        let (web, db) = (UnitName::parse("web").unwrap(), UnitName::parse("db").unwrap());
        let mut good = open();
        assert_eq!(good.read(&web).unwrap(), None);
        good.keep(&web, 1, "one").unwrap();
        good.keep(&db, 1, "db").unwrap();
        good.keep(&web, 2, "two").unwrap();
        good.keep(&web, 2, "not written").unwrap();
        assert_eq!(open().read(&web).unwrap().as_deref(), Some("two"));
        let mut next = open();
        assert_eq!(next.names().unwrap().len(), 2);
        next.keep(&web, 2, "three").unwrap();
        assert_eq!(open().read(&web).unwrap().as_deref(), Some("three"), "whose it was is not known");
        next.keep_only(|_| true);
        assert_eq!(open().names().unwrap().len(), 2);
        good.keep_only(|name| *name == web);
        assert_eq!((open().read(&db).unwrap(), open().read(&web).unwrap().is_some()), (None, true));
        good.clear().unwrap();
        assert_eq!(open().read(&web).unwrap(), None);
    }
}
