//! Whether this build can go on from the state that another one keeps: asked before it takes over.
//!
//! Looks at a copy, since the other one goes on writing meanwhile; a copy that was torn by that is made anew.

use std::fs::File;
use std::io;
use std::path::Path;

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::{Recalled, Store};
use crate::engine::time::Now;

/// Copies that are made, at most.
const COPIES_MAX: u32 = 3;
/// No directory is here, so that nothing but the copy can be read, and nothing can be written.
const NOWHERE: &str = "/dev/null/state";

/// Why the state cannot be gone on from, if so. Where there is none yet, it can.
pub fn trial(state_directory: &Path, now: Now) -> Result<(), String> {
    let path = state_directory.join("state.redb");
    let mut why = String::new();
    for _ in 0..COPIES_MAX {
        let copy = match copied(&path) {
            Ok(copy) => copy,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(format!("`{}` cannot be read: {error}", path.display())),
        };
        let (_, recalled) = Store::open(Path::new(NOWHERE), Some(copy.into()), now)
            .map_err(|error| format!("the state cannot be opened: {error}"))?;
        match recalled {
            Recalled { mark: Some(_), findings, .. } if findings.is_empty() => return Ok(()),
            Recalled { findings, .. } => why = findings.join("; "),
        }
    }
    Err(format!("it cannot go on from `{}`: {why}", path.display()))
}

fn copied(path: &Path) -> io::Result<File> {
    let mut from = File::open(path)?;
    let mut copy = File::from(memfd_create(c"supd-trial", MFdFlags::MFD_CLOEXEC)?);
    io::copy(&mut from, &mut copy)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_is_none_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(trial(directory.path(), Now::default()), Ok(()), "there is none yet");
        let path = directory.path().join("state.redb");
        std::fs::write(&path, "no state at all").unwrap();
        let why = trial(directory.path(), Now::default()).unwrap_err();
        assert!(why.starts_with("it cannot go on from `"), "{why}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "no state at all");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
