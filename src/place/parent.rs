//! Whether we are the main process of a container, PID 1 or not: in one that shares another's PID namespace
//! (`--pid=host`, `shareProcessNamespace`) PID 1 is somebody else.
//!
//! Who is started by hand in such a place is not: a shell that is in the container stands between.

use std::fs;
use std::io::ErrorKind;

use nix::unistd::getppid;

use super::container;

/// We are in a container, and whoever started us is not.
pub fn is_outside() -> bool {
    container::manager().is_some() && stands_outside()
}

fn stands_outside() -> bool {
    let parent = getppid().as_raw();
    if parent == 0 {
        // In no PID namespace that we see.
        return true;
    }
    let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt"));
    match (of("self"), of(&parent.to_string())) {
        (Ok(ours), Ok(theirs)) => ours != theirs,
        // A container manager's own process, seen by an account without its rights.
        (Ok(_), Err(error)) => error.kind() == ErrorKind::PermissionDenied,
        _ => false,
    }
}
