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
