//! The file systems that the kernel makes: mounted where they are missing, never touched where they are there.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::Path;

use nix::mount::{MsFlags, mount};

/// One of them.
struct Kernel {
    kind: &'static str,
    at: &'static str,
    flags: MsFlags,
    options: Option<&'static str>,
}

const NO_SUID_EXEC_DEV: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NOEXEC).union(MsFlags::MS_NODEV);
const NO_SUID_DEV: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);

/// What a shell needs; the first of the two lists.
const FIRST: [Kernel; 3] = [
    Kernel { kind: "proc", at: "/proc", flags: NO_SUID_EXEC_DEV, options: None },
    Kernel { kind: "sysfs", at: "/sys", flags: NO_SUID_EXEC_DEV, options: None },
    Kernel { kind: "devtmpfs", at: "/dev", flags: MsFlags::MS_NOSUID, options: Some("mode=0755") },
];

/// What everybody else expects. Group 5 is `tty` on every distribution; `gid=` keeps grantpt(3) from having
/// to change owners.
const THEN: [Kernel; 4] = [
    Kernel {
        kind: "devpts",
        at: "/dev/pts",
        flags: MsFlags::MS_NOSUID.union(MsFlags::MS_NOEXEC),
        options: Some("gid=5,mode=620,ptmxmode=666"),
    },
    Kernel { kind: "tmpfs", at: "/dev/shm", flags: NO_SUID_DEV, options: Some("mode=1777") },
    Kernel { kind: "tmpfs", at: "/run", flags: NO_SUID_DEV, options: Some("mode=0755") },
    Kernel { kind: "cgroup2", at: "/sys/fs/cgroup", flags: NO_SUID_EXEC_DEV, options: None },
];

/// Links that programs look for in /dev, and where they lead.
const LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
];

/// What a shell needs. Tells what could not be done.
pub(super) fn first() -> Vec<String> {
    FIRST.iter().filter_map(Kernel::provide).collect()
}

/// Everything else. Tells what could not be done.
pub(super) fn rest() -> Vec<String> {
    let mut failures: Vec<String> = THEN.iter().filter_map(Kernel::provide).collect();
    for (link, target) in LINKS {
        match symlink(target, link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                failures.push(format!("cannot make {link}: {error}"));
            }
            _ => {}
        }
    }
    failures
}

impl Kernel {
    /// Mounts it if nothing is mounted there; says why it could not.
    fn provide(&self) -> Option<String> {
        if is_mount_point(Path::new(self.at)) {
            return None;
        }
        // On a root that is read-only it must be there already; the mount says so if not.
        let _ = DirBuilder::new().recursive(true).mode(0o755).create(self.at);
        match mount(Some(self.kind), self.at, Some(self.kind), self.flags, self.options) {
            Ok(()) => None,
            Err(errno) => Some(format!("cannot mount {} at {}: {}", self.kind, self.at, errno.desc())),
        }
    }
}

/// Whether something is mounted there: another file system begins, as there is no /proc to look it up in.
pub(super) fn is_mount_point(path: &Path) -> bool {
    let parent = path.parent().unwrap_or(path);
    match (fs::symlink_metadata(path), fs::symlink_metadata(parent)) {
        (Ok(here), Ok(above)) => here.dev() != above.dev(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_another_file_system() {
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(Path::new("/proc/self")));
        assert!(!is_mount_point(Path::new("/no/such/place")));
    }
}
