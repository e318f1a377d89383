//! Whether PID 1 of a machine was executed by itself, as the keeper or as what becomes of one: its arguments alone do
//! not say so, since a word on the kernel's command line that the kernel does not know becomes one of them.

use std::fs;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;

use crate::settings::{Before, Role, Settings};
use crate::sys::memory::is_shared_memory;
use crate::sys::process::file_of;
use crate::wire::fd;

/// Whether the descriptor that a role of the arguments goes by is what it should be. No other role is PID 1.
pub fn is_next_program(role: Role, settings: &Settings) -> bool {
    settings.is_machine()
        && match role {
            Role::Keeper { before: Before::Nothing } => is_lock(fd::CHANNEL, settings),
            Role::Keeper { before: Before::Replaced(left) | Before::Faulted(left) }
            | Role::Fallen { will: left } => left >= fd::CHANNEL && is_shared_memory(left),
            Role::Spawner { .. } | Role::Manager { .. } | Role::Logger | Role::Trial { .. } => false,
        }
}

/// Whether this is the lock of that runtime directory.
pub(super) fn is_lock(number: RawFd, settings: &Settings) -> bool {
    let theirs = fs::metadata(settings.runtime_dir.join("lock")).ok();
    theirs.is_some_and(|theirs| file_of(number) == Some((theirs.dev(), theirs.ino())))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::settings::Place;
    use crate::sys::memory::memfd;

    #[test]
    fn words_alone_make_no_part_of_supd_of_a_machines_init() {
        let place =
            Place { variable: &|_| None, root: true, container: false, process_one: true, foreground: false };
        let runtime_dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::of_init([], &place).0.unwrap();
        settings.runtime_dir = runtime_dir.path().to_owned();

        let (will, pipe) = (memfd(c"will").unwrap(), nix::unistd::pipe().unwrap().0);
        let after = |number: RawFd| {
            [
                Role::Keeper { before: Before::Replaced(number) },
                Role::Keeper { before: Before::Faulted(number) },
                Role::Fallen { will: number },
            ]
        };
        for role in after(will.as_raw_fd()) {
            assert!(is_next_program(role, &settings), "{role:?}");
        }
        // Not open, the console, another file; and parts that are never PID 1.
        for role in [RawFd::MAX, 2, pipe.as_raw_fd()].into_iter().flat_map(after) {
            assert!(!is_next_program(role, &settings), "{role:?}");
        }
        for role in [Role::Manager { safe: false }, Role::Logger, Role::Trial { opens: false }] {
            assert!(!is_next_program(role, &settings), "{role:?}");
        }

        assert!(!is_lock(will.as_raw_fd(), &settings), "there is none");
        let lock = File::create(runtime_dir.path().join("lock")).unwrap();
        assert!(is_lock(lock.as_raw_fd(), &settings));
        assert!(!is_lock(will.as_raw_fd(), &settings), "that is another file");

        settings.process_one = false;
        assert!(!is_next_program(Role::Fallen { will: will.as_raw_fd() }, &settings));
    }
}
