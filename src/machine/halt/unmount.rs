//! Swap and file systems on the way down: given up where possible, made read-only where not.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::sync;

use super::child::Child;
use super::devices;
use super::patience::{Outcome, Patience, code};
use crate::limits::{MACHINE_SYNC_MS, MACHINE_UNMOUNT_ROUNDS_MAX};
use crate::machine::console;
use crate::place;
use crate::place::mounts::{self, Mount, unescape};
use crate::sys::machine::swap_off;

/// File systems that are on no disk: nothing in them is lost, and what lies on them goes first.
const WITHOUT_DISK: [&str; 21] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "securityfs",
    "sysfs",
    "tracefs",
];

/// Gives up all that can be. Tells what could not. Each attempt is a child's: one dead server must not keep the
/// others' file systems from being left in order.
pub(super) fn all() {
    let mut patience = Patience::begin();
    for path in swaps(&read("/proc/swaps")) {
        let what = format!("swapping to {}", path.display());
        let outcome = patience.attempt(&what, || {
            let path = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
            code(swap_off(&path))
        });
        if let Outcome::Failed(errno) = outcome {
            console::say(format_args!("cannot stop {what}: {}", errno.desc()));
        }
    }
    let mut left: Vec<(PathBuf, Outcome)> = Vec::new();
    for _ in 0..MACHINE_UNMOUNT_ROUNDS_MAX {
        let before = left.len();
        left = unmount_once(mounts::all(read("/proc/self/mountinfo")), &mut patience);
        let freed = devices::detach(&mut patience);
        // Each round frees what the others were on, or it was the last.
        if left.is_empty() || left.len() == before && freed == 0 {
            break;
        }
    }
    for (mount_point, outcome) in left {
        leave_in_order(&mount_point, outcome, &mut patience);
    }
    let what = "writing to the disks";
    let written = Child::start(what, MACHINE_SYNC_MS, || {
        sync();
        0
    });
    match written {
        Some(child) => _ = child.finish(what, MACHINE_SYNC_MS),
        // It may hang, and there is no other way left.
        None => sync(),
    }
}

/// What cannot be unmounted is made read-only.
fn leave_in_order(mount_point: &Path, outcome: Outcome, patience: &mut Patience) {
    let path = mount_point.display();
    match outcome {
        Outcome::Failed(errno) if mount_point != "/" => {
            console::say(format_args!("cannot unmount {path}: {}", errno.desc()));
        }
        // It was told, and would hang once more.
        Outcome::Hung => return,
        Outcome::Failed(_) | Outcome::Done => {}
    }
    let outcome = patience.attempt(&format!("making {path} read-only"), || {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        code(mount(None::<&str>, mount_point, None::<&str>, flags, None::<&str>))
    });
    if let Outcome::Failed(errno) = outcome {
        console::say(format_args!("cannot make {path} read-only: {}", errno.desc()));
    }
}

/// The last mounted first. Gives those that are still there. The root is what we run from.
fn unmount_once(mounts: Vec<Mount>, patience: &mut Patience) -> Vec<(PathBuf, Outcome)> {
    let root = Path::new("/");
    let mut left = Vec::new();
    if !mounts.iter().any(|mount| mount.at == root) {
        // The table says nothing, or not all; a root there is.
        left.push((root.to_owned(), Outcome::Failed(Errno::EBUSY)));
    }
    for mount in mounts.into_iter().rev().filter(has_disk) {
        let outcome = if mount.at == root {
            Outcome::Failed(Errno::EBUSY)
        } else {
            patience.attempt(&format!("unmounting {}", mount.at.display()), || {
                code(umount2(&mount.at, MntFlags::UMOUNT_NOFOLLOW))
            })
        };
        if outcome != Outcome::Done {
            left.push((mount.at, outcome));
        }
    }
    left
}

/// Whether anything could be lost in it, or be held up by it.
fn has_disk(mount: &Mount) -> bool {
    // A tmpfs may hold the file of a loop device, or be what a disk is mounted on: it goes in its turn.
    let is_ours = mount.kind == "tmpfs" && ["/run", "/dev/shm"].map(Path::new).contains(&mount.at.as_path());
    !is_ours && !WITHOUT_DISK.contains(&mount.kind.as_str())
}

/// `/proc/swaps`, whose first line is a heading.
fn swaps(table: &[u8]) -> Vec<PathBuf> {
    let lines = table.split(|byte| *byte == b'\n').skip(1);
    let paths = lines.filter_map(|line| line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()));
    paths.map(|path| unescape(path).into()).collect()
}

/// What cannot be read is told, and taken for empty.
fn read(path: &str) -> Vec<u8> {
    place::read_bytes(path).unwrap_or_else(|error| {
        console::say(format_args!("cannot read {path}: {error}"));
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn what_has_no_disk_is_left_alone() {
        let table = "\
21 27 0:19 / /proc rw,nosuid - proc proc rw
27 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
28 27 0:24 / /run rw,nosuid - tmpfs tmpfs rw
30 28 253:16 / /run/media/a\\040disk rw shared:7 master:2 - vfat /dev/vdb rw
31 27 0:30 / /srv/scratch rw - tmpfs tmpfs rw
";
        let on_disk: Vec<_> = mounts::all(table).into_iter().filter(has_disk).map(|mount| mount.at).collect();
        assert_eq!(on_disk, ["/", "/run/media/a disk", "/srv/scratch"].map(PathBuf::from));
    }

    #[test]
    fn the_table_of_swaps_is_read() {
        let table =
            b"Filename\t\t\t\tType\t\tSize\n/dev/vda2  partition 1 0 -2\n/swap\\040\xff file 2 0 -3\n";
        let file = PathBuf::from(OsStr::from_bytes(b"/swap \xff"));
        assert_eq!(swaps(table), [PathBuf::from("/dev/vda2"), file]);
        assert_eq!(swaps(b""), Vec::<PathBuf>::new());
    }
}
