//! What is mounted here, in the kernel's own words: `/proc/self/mountinfo`.
//!
//! Bytes, not text: a mount point is a path, which may hold anything.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    id: u32,
    /// What it is mounted upon. That one need not be in the table: our root may be a part of it.
    parent: u32,
    /// Which directory of the file system it shows.
    pub root: PathBuf,
    /// Where it is mounted.
    pub at: PathBuf,
    /// The kind of the file system.
    pub kind: String,
    /// Nobody can write to it here, whatever its files' modes are.
    pub read_only: bool,
    /// The file system's own options.
    pub options: Vec<String>,
}

/// The table of this process.
pub fn table() -> io::Result<Vec<u8>> {
    super::read_bytes("/proc/self/mountinfo")
}

/// All that is mounted, in the order in which it was made. Lines that are none are passed over.
pub fn all(table: impl AsRef<[u8]>) -> Vec<Mount> {
    table.as_ref().split(|byte| *byte == b'\n').filter_map(Mount::parse).collect()
}

/// What can be seen: what another mount lies upon is left out, as nobody gets there by its path any more. The order
/// says nothing about that, since a mount keeps its place in the table when it is moved, as all are that an
/// initramfs hands on.
pub fn visible(table: impl AsRef<[u8]>) -> Vec<Mount> {
    let all = all(table);
    let tree = Tree::of(&all);
    all.iter().filter(|mount| tree.shows(mount)).cloned().collect()
}

/// Which mount is on which.
struct Tree<'a> {
    by_id: BTreeMap<u32, &'a Mount>,
    /// By what they are mounted upon, and where.
    upon: BTreeMap<(Option<u32>, &'a Path), u32>,
}

impl<'a> Tree<'a> {
    fn of(all: &'a [Mount]) -> Self {
        let mut tree = Self { by_id: BTreeMap::new(), upon: BTreeMap::new() };
        tree.by_id.extend(all.iter().map(|mount| (mount.id, mount)));
        for mount in all {
            let parent = tree.parent(mount).map(|parent| parent.id);
            tree.upon.insert((parent, &mount.at), mount.id);
        }
        tree
    }

    /// What it is mounted upon, if we can see that: our root may be in the midst of it.
    fn parent(&self, mount: &Mount) -> Option<&'a Mount> {
        self.by_id.get(&mount.parent).copied().filter(|parent| parent.id != mount.id)
    }

    /// Whether its path leads there.
    fn shows(&self, mount: &Mount) -> bool {
        let mut way = vec![mount.id];
        let (mut next, mut is_free) = (mount, !self.upon.contains_key(&(Some(mount.id), &mount.at)));
        while is_free {
            let parent = self.parent(next);
            let beside = |place| self.upon.get(&(parent.map(|parent| parent.id), place));
            is_free = next.at.ancestors().filter_map(beside).all(|other| *other == next.id);
            match parent {
                Some(parent) if !way.contains(&parent.id) => next = parent,
                _ => return is_free,
            }
            way.push(next.id);
        }
        false
    }
}

/// The mount that a path is on.
pub fn beneath<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let on = mounts.iter().filter(|mount| path.starts_with(&mount.at));
    on.max_by_key(|mount| mount.at.components().count())
}

impl Mount {
    /// `36 35 98:0 /root /at rw,noatime shared:1 - ext4 /dev/root rw,errors=continue`
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|byte| *byte == b' ');
        let mut number = || std::str::from_utf8(words.next()?).ok()?.parse().ok();
        let (id, parent) = (number()?, number()?);
        let (_device, root, at, here) = (words.next()?, words.next()?, words.next()?, words.next()?);
        words.find(|word| *word == b"-")?;
        let (kind, _source, options) = (words.next()?, words.next()?, words.next().unwrap_or_default());
        let says_read_only =
            |options: &[u8]| options.split(|byte| *byte == b',').any(|option| option == b"ro");
        Some(Self {
            id,
            parent,
            root: unescape(root).into(),
            at: unescape(at).into(),
            kind: String::from_utf8_lossy(kind).into_owned(),
            read_only: says_read_only(here) || says_read_only(options),
            options: String::from_utf8_lossy(options).split(',').map(str::to_owned).collect(),
        })
    }
}

/// The kernel writes spaces, tabs, line ends and backslashes as `\ooo`.
pub fn unescape(text: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let octal = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if *first == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    const TABLE: &str = "\
27 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
28 27 0:24 / /run rw,nosuid - tmpfs tmpfs rw
30 28 253:16 /photos /run/media/a\\040disk rw shared:7 master:2 - vfat /dev/vdb ro
31 27 0:30 / /sys ro,nosuid - sysfs sysfs rw
nonsense
32 31 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup rw
33 31 0:32 / /sys rw - tmpfs tmpfs rw
";

    /// Of a machine of Debian: its initramfs has mounted what comes first, and moved it to the root.
    const AFTER_INITRAMFS: &str = "\
22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
23 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw
24 28 0:5 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,size=235292k,nr_inodes=58823,mode=755
25 24 0:22 / /dev/pts rw,nosuid,noexec,relatime shared:3 - devpts devpts rw,gid=5,mode=620,ptmxmode=000
26 28 0:23 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,size=49744k,mode=755
27 22 0:24 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard,errors=remount-ro
29 24 0:26 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw
";

    #[test]
    fn lines_are_read() {
        let mounts = visible(TABLE);
        let disk = beneath(&mounts, Path::new("/run/media/a disk/one.jpg")).unwrap();
        assert_eq!(disk.root, Path::new("/photos"));
        assert_eq!(disk.at, Path::new("/run/media/a disk"));
        assert_eq!((disk.kind.as_str(), disk.read_only), ("vfat", true));
        assert!(!beneath(&mounts, Path::new("/runs")).unwrap().read_only, "errors=remount-ro is no ro");
    }

    #[test]
    fn what_a_later_mount_lies_upon_is_not_seen() {
        let mounts = visible(TABLE);
        assert_eq!(places(&mounts), ["/", "/run", "/run/media/a disk", "/sys"]);
        assert_eq!(beneath(&mounts, Path::new("/sys/fs/cgroup")).unwrap().kind, "tmpfs");
    }

    fn places(mounts: &[Mount]) -> Vec<&str> {
        mounts.iter().map(|mount| mount.at.to_str().unwrap()).collect()
    }

    #[test]
    fn what_an_initramfs_has_mounted_is_seen_below_the_root_that_came_later() {
        let mounts = visible(AFTER_INITRAMFS);
        let expected = ["/sys", "/proc", "/dev", "/dev/pts", "/run", "/sys/fs/cgroup", "/", "/dev/shm"];
        assert_eq!(places(&mounts), expected);
        assert_eq!(beneath(&mounts, Path::new("/sys/fs/cgroup/units")).unwrap().kind, "cgroup2");
        assert_eq!(beneath(&mounts, Path::new("/etc")).unwrap().kind, "ext4");
    }

    #[test]
    fn of_mounts_upon_one_another_the_last_is_seen() {
        // The root that was there before, and what is still mounted in it; a directory mounted on itself.
        let table = "\
1 1 0:2 / / rw - rootfs none rw
20 1 0:20 / /old rw - tmpfs tmpfs rw
28 1 254:1 / / rw - ext4 /dev/vda1 rw
40 28 254:1 /srv /srv rw - ext4 /dev/vda1 rw
41 40 0:30 / /srv/disk rw - tmpfs tmpfs rw
30 28 0:31 / /srv/disk rw - xfs /dev/vdb rw
";
        assert_eq!(places(&visible(table)), ["/", "/srv", "/srv/disk"]);
        assert_eq!(beneath(&visible(table), Path::new("/srv/disk/a")).unwrap().kind, "tmpfs");
        assert_eq!(all(table).len(), 6);
    }

    #[test]
    fn a_table_that_leads_in_a_circle_or_out_of_our_root_is_read() {
        let table = "7 8 0:1 / /a rw - tmpfs tmpfs rw\n8 7 0:2 / /a/b rw - tmpfs tmpfs rw\n9 5 0:3 / /c rw - tmpfs tmpfs rw\n";
        assert_eq!(places(&visible(table)), ["/a", "/a/b", "/c"]);
    }

    #[test]
    fn a_mount_point_need_not_be_text() {
        let table = b"27 1 253:0 / /m\xff\\040n rw - ext4 /dev/vda1 rw\n";
        let expected = Path::new(std::ffi::OsStr::from_bytes(b"/m\xff n"));
        assert_eq!(visible(table)[0].at, expected);
    }

    #[test]
    fn this_place_has_a_root() {
        let table = table().unwrap();
        assert!(!all(&table).is_empty() && visible(&table).len() <= all(&table).len());
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        assert_eq!(visible("\nnonsense\n1 2 3 - \n1 2 0:1 / /a rw - \n"), []);
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(unescape(b"a\\134040b\\"), OsString::from("a\\040b\\"));
        assert_eq!(unescape(b"\\777\\04"), OsString::from("\\777\\04"));
    }
}
