//! The tree of an initramfs that is no longer needed: its memory is given back.
//!
//! Never what is mounted elsewhere: a directory of another device is not entered.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::limits::OLD_ROOT_DEPTH_MAX;

/// A directory whose files are gone and whose directories are next.
struct Level {
    fd: OwnedFd,
    /// What it is called in the one above.
    name: CString,
    directories: Vec<CString>,
}

/// Deletes all there is on the device of this directory, which itself stays. Gives the number of entries that
/// are left on that device.
pub(super) fn delete(root: OwnedFd) -> usize {
    let mut left = 0;
    let Ok(device) = fstat(&root).map(|meta| meta.st_dev) else { return 1 };
    let mut levels = vec![Level::of(root, CString::default(), &mut left)];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.directories.pop() else {
            let done = levels.pop().map(|level| level.name).unwrap_or_default();
            if let Some(above) = levels.last() {
                left += usize::from(unlinkat(&above.fd, done.as_c_str(), UnlinkatFlags::RemoveDir).is_err());
            }
            continue;
        };
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let Ok(fd) = openat(&level.fd, name.as_c_str(), flags, Mode::empty()) else {
            left += 1;
            continue;
        };
        if fstat(&fd).is_ok_and(|meta| meta.st_dev == device) {
            if levels.len() < OLD_ROOT_DEPTH_MAX {
                levels.push(Level::of(fd, name, &mut left));
            } else {
                left += 1;
            }
        }
    }
    left
}

impl Level {
    /// Deletes what is no directory.
    fn of(fd: OwnedFd, name: CString, left: &mut usize) -> Self {
        let mut level = Self { fd, name, directories: Vec::new() };
        let mut files = Vec::new();
        let mut entries = level.fd.try_clone().map_err(|_| Errno::EMFILE).and_then(Dir::from_fd);
        for entry in entries.iter_mut().flat_map(Dir::iter).flatten() {
            match (entry.file_name().to_bytes(), entry.file_type()) {
                (b"." | b"..", _) => {}
                (_, Some(Type::Directory)) => level.directories.push(entry.file_name().to_owned()),
                _ => files.push(entry.file_name().to_owned()),
            }
        }
        for file in files {
            match unlinkat(level.fd.as_fd(), file.as_c_str(), UnlinkatFlags::NoRemoveDir) {
                Ok(()) => {}
                // A file system that does not say so in its lists.
                Err(Errno::EISDIR) => level.directories.push(file),
                Err(_) => *left += 1,
            }
        }
        level
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_tree_goes_and_what_its_links_lead_to_stays() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "").unwrap();
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b/c")).unwrap();
        for file in ["top", "a/one", "a/b/two", "a/b/c/three"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        symlink(outside.path(), root.path().join("a/link")).unwrap();
        symlink("/no/such/place", root.path().join("dangling")).unwrap();
        let fd = fs::File::open(root.path()).unwrap().into();
        assert_eq!(delete(fd), 0);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn what_is_too_deep_is_left_and_counted() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("d/".repeat(OLD_ROOT_DEPTH_MAX + 5));
        fs::create_dir_all(&deep).unwrap();
        let fd = fs::File::open(root.path()).unwrap().into();
        assert!(delete(fd) > 0);
        assert!(deep.exists());
    }
}
