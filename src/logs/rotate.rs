//! Keeping logs small: `0.log` becomes `0.log.1`, that `0.log.2`, and the oldest goes; and of a process that
//! is started again and again, the files of its last attempts only.
//!
//! Files move from lower to higher numbers only, one rename at a time. A reader that looks from low to high
//! may meet a file twice but misses none.

use std::os::fd::BorrowedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, renameat};
use nix::sys::stat::fstatat;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::limits::{LOG_ATTEMPTS_KEPT, LOG_FILES_MAX};
use crate::logs::path::{parse_any_file_name, rotated_name};

/// Moves the file `name` and its elders in `dir` one place up; afterwards there is no `name`. A place that is
/// free is filled from below, and what is above it stays: so a rotation that was cut off is finished by the
/// next, and moves no file twice.
pub(super) fn rotate(dir: BorrowedFd<'_>, name: &str) -> nix::Result<()> {
    let taken = |age: &u32| {
        let name = rotated_name(name, *age);
        fstatat(dir, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) != Err(Errno::ENOENT)
    };
    let free = (1..LOG_FILES_MAX).find(|age| !taken(age)).unwrap_or(LOG_FILES_MAX - 1);
    for age in (0..free).rev() {
        match renameat(dir, rotated_name(name, age).as_str(), dir, rotated_name(name, age + 1).as_str()) {
            Ok(()) | Err(Errno::ENOENT) => (),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Removes the files of attempts that are no longer kept, now that `attempt` has one. What cannot be removed
/// stays, and is tried again with the next attempt.
pub(super) fn forget_old_attempts(dir: BorrowedFd<'_>, path: &Path, attempt: u32) {
    let Some(newest_to_go) = attempt.checked_sub(LOG_ATTEMPTS_KEPT) else { return };
    let Ok(entries) = std::fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(parse_any_file_name).is_some_and(|old| old <= newest_to_go) {
            let _ = unlinkat(dir, name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_move_up_and_the_oldest_goes() {
        let temp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(temp.path()).unwrap();
        for number in 0..8 {
            std::fs::write(temp.path().join("3.log"), number.to_string()).unwrap();
            rotate(dir.as_fd(), "3.log").unwrap();
        }
        assert_eq!(names(temp.path()), ["3.log.1", "3.log.2", "3.log.3", "3.log.4"]);
        for (age, content) in [(1, "7"), (2, "6"), (3, "5"), (4, "4")] {
            let text = std::fs::read_to_string(temp.path().join(format!("3.log.{age}"))).unwrap();
            assert_eq!(text, content);
        }
    }

    #[test]
    fn a_rotation_that_was_cut_off_is_finished() {
        // After each of its steps: which file was moved last, and the place it left is free.
        for free in 1..LOG_FILES_MAX {
            let temp = tempfile::tempdir().unwrap();
            let dir = std::fs::File::open(temp.path()).unwrap();
            for age in (0..LOG_FILES_MAX).filter(|age| *age != free) {
                std::fs::write(temp.path().join(rotated_name("3.log", age)), age.to_string()).unwrap();
            }
            rotate(dir.as_fd(), "3.log").unwrap();
            let want = |age: u32| if age <= free { age - 1 } else { age };
            for age in 1..LOG_FILES_MAX {
                let text = std::fs::read_to_string(temp.path().join(rotated_name("3.log", age))).unwrap();
                assert_eq!(text, want(age).to_string(), "{free} was free");
            }
            assert!(!temp.path().join("3.log").exists());
        }
    }

    #[test]
    fn only_the_last_attempts_stay() {
        let temp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(temp.path()).unwrap();
        let kept = ["note.txt", "4.log", "4.log.1", "9.log"];
        for name in ["0.log", "3.log", "3.log.4"].iter().chain(&kept) {
            std::fs::write(temp.path().join(name), "x").unwrap();
        }
        forget_old_attempts(dir.as_fd(), temp.path(), 3 + LOG_ATTEMPTS_KEPT);
        assert_eq!(names(temp.path()), ["4.log", "4.log.1", "9.log", "note.txt"]);
        forget_old_attempts(dir.as_fd(), temp.path(), 2);
        assert_eq!(names(temp.path()).len(), 4);
    }
}
