//! Swap and file systems on the way down: given up where possible, made read-only where not.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::sync;

use super::child::step;
use super::devices;
use crate::limits::{
    KERNEL_TABLE_BYTES_MAX, MACHINE_SYNC_MS, MACHINE_UNMOUNT_ALL_MS, MACHINE_UNMOUNT_MS,
    MACHINE_UNMOUNT_ROUNDS_MAX, MACHINE_UNMOUNT_TRY_MS,
};
use crate::machine::console;
use crate::place::mounts::unescape;
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
    let patience = Patience(Instant::now());
    for path in swaps(&read("/proc/swaps")) {
        let what = format!("swapping to {}", path.display());
        let outcome = patience.attempt(&what, || {
            let path = CString::new(path.as_bytes()).unwrap_or_default();
            code(swap_off(&path))
        });
        if let Outcome::Failed(errno) = outcome {
            console::say(format_args!("cannot stop {what}: {}", errno.desc()));
        }
    }
    let mut left: Vec<(OsString, Outcome)> = Vec::new();
    for _ in 0..MACHINE_UNMOUNT_ROUNDS_MAX {
        let before = left.len();
        let hung = |at: &OsString| left.iter().any(|(other, how)| other == at && *how == Outcome::Hung);
        left = unmount_once(mounts(&read("/proc/self/mountinfo")), hung, &patience);
        let freed = devices::detach();
        // Each round frees what the others were on, or it was the last.
        if left.is_empty() || left.len() == before && freed == 0 {
            break;
        }
    }
    for (mount_point, outcome) in left {
        leave_in_order(&mount_point, outcome, &patience);
    }
    step("writing to the disks", MACHINE_SYNC_MS, || {
        sync();
        0
    });
}

/// What cannot be unmounted is made read-only.
fn leave_in_order(mount_point: &OsString, outcome: Outcome, patience: &Patience) {
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
        code(mount(None::<&str>, mount_point.as_os_str(), None::<&str>, flags, None::<&str>))
    });
    if let Outcome::Failed(errno) = outcome {
        console::say(format_args!("cannot make {path} read-only: {}", errno.desc()));
    }
}

/// The last mounted first, but for those that are known to hang. Gives those that are still there. The root is
/// what we run from.
fn unmount_once(
    mounts: Vec<Mount>,
    hung: impl Fn(&OsString) -> bool,
    patience: &Patience,
) -> Vec<(OsString, Outcome)> {
    let mut left = Vec::new();
    for mount in mounts.into_iter().rev().filter(Mount::has_disk) {
        let outcome = if mount.at == "/" {
            Outcome::Failed(Errno::EBUSY)
        } else if hung(&mount.at) {
            Outcome::Hung
        } else {
            patience.attempt(&format!("unmounting {}", mount.at.display()), || {
                code(umount2(mount.at.as_os_str(), MntFlags::UMOUNT_NOFOLLOW))
            })
        };
        if outcome != Outcome::Done {
            left.push((mount.at, outcome));
        }
    }
    left
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Failed(Errno),
    /// Not in its time.
    Hung,
}

/// Since when all this has gone on.
struct Patience(Instant);

impl Patience {
    /// In a child, within what is left of the time for all of it.
    fn attempt(&self, what: &str, work: impl FnOnce() -> u8) -> Outcome {
        let gone = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        let left = MACHINE_UNMOUNT_ALL_MS.saturating_sub(gone);
        match step(what, left.clamp(MACHINE_UNMOUNT_TRY_MS, MACHINE_UNMOUNT_MS), work) {
            Some(0) => Outcome::Done,
            Some(errno) => Outcome::Failed(Errno::from_raw(i32::from(errno))),
            None => Outcome::Hung,
        }
    }
}

/// What the child of an attempt ends with: 0, or the number of the error.
fn code<T, E: Into<io::Error>>(done: Result<T, E>) -> u8 {
    let unknown = Errno::EIO as i32;
    let errno = done.err().map_or(0, |error| error.into().raw_os_error().unwrap_or(unknown));
    u8::try_from(errno).unwrap_or(u8::MAX)
}

/// One line of the table of mounts.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    at: OsString,
    kind: String,
}

impl Mount {
    fn has_disk(&self) -> bool {
        // A tmpfs may hold the file of a loop device, or be what a disk is mounted on: it goes in its turn.
        let is_ours = self.kind == "tmpfs" && (self.at == "/run" || self.at == "/dev/shm");
        !is_ours && !WITHOUT_DISK.contains(&self.kind.as_str())
    }
}

/// `/proc/self/mountinfo`, in the order in which they were mounted.
fn mounts(table: &str) -> Vec<Mount> {
    let line = |line: &str| {
        let (front, back) = line.split_once(" - ")?;
        let at = unescape(front.split(' ').nth(4)?);
        Some(Mount { at, kind: back.split(' ').next()?.to_owned() })
    };
    table.lines().filter_map(line).collect()
}

/// `/proc/swaps`, whose first line is a heading.
fn swaps(table: &str) -> Vec<OsString> {
    table.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().next()).map(unescape).collect()
}

/// What cannot be read is told, and taken for empty.
fn read(path: &str) -> String {
    let mut bytes = Vec::new();
    if let Err(error) =
        File::open(path).and_then(|file| file.take(KERNEL_TABLE_BYTES_MAX).read_to_end(&mut bytes))
    {
        console::say(format_args!("cannot read {path}: {error}"));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
21 27 0:19 / /proc rw,nosuid - proc proc rw
27 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
28 27 0:24 / /run rw,nosuid - tmpfs tmpfs rw
30 28 253:16 / /run/media/a\\040disk rw shared:7 master:2 - vfat /dev/vdb rw
31 27 0:30 / /srv/scratch rw - tmpfs tmpfs rw
";

    #[test]
    fn the_table_of_mounts_is_read_and_what_has_no_disk_is_left_alone() {
        let found = mounts(TABLE);
        assert_eq!(found.len(), 5);
        let on_disk: Vec<_> =
            found.iter().filter(|mount| mount.has_disk()).map(|mount| mount.at.to_str()).collect();
        assert_eq!(on_disk, [Some("/"), Some("/run/media/a disk"), Some("/srv/scratch")]);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        assert_eq!(mounts("\nnonsense\n1 2 3 - \n"), []);
        assert_eq!(swaps(""), Vec::<OsString>::new());
    }

    #[test]
    fn the_table_of_swaps_is_read() {
        let table = "Filename\t\t\t\tType\t\tSize\n/dev/vda2  partition 1 0 -2\n/swap\\040file file 2 0 -3\n";
        assert_eq!(swaps(table), ["/dev/vda2", "/swap file"].map(OsString::from));
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(unescape("a\\134040b\\"), OsString::from("a\\040b\\"));
        assert_eq!(unescape("\\777\\04"), OsString::from("\\777\\04"));
    }
}
