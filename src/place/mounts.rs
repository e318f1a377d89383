//! What is mounted here, in the kernel's own words: `/proc/self/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
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

/// What can be seen, in the order in which it was mounted: what a later mount lies upon is left out, as nobody
/// gets there by its path any more. Lines that are none are passed over.
pub fn visible(table: &str) -> Vec<Mount> {
    let mut seen: Vec<Mount> = Vec::new();
    for mount in table.lines().filter_map(Mount::parse) {
        seen.retain(|earlier| !earlier.at.starts_with(&mount.at));
        seen.push(mount);
    }
    seen
}

/// The mount that a path is on.
pub fn beneath<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let on = mounts.iter().filter(|mount| path.starts_with(&mount.at));
    on.max_by_key(|mount| mount.at.components().count())
}

impl Mount {
    /// `36 35 98:0 /root /at rw,noatime shared:1 - ext4 /dev/root rw,errors=continue`
    fn parse(line: &str) -> Option<Self> {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(3);
        let (root, at, here) = (front.next()?, front.next()?, front.next()?);
        let mut back = back.split(' ');
        let (kind, _source, options) = (back.next()?, back.next()?, back.next().unwrap_or_default());
        let says_read_only = |options: &str| options.split(',').any(|option| option == "ro");
        Some(Self {
            root: unescape(root).into(),
            at: unescape(at).into(),
            kind: kind.to_owned(),
            read_only: says_read_only(here) || says_read_only(options),
            options: options.split(',').map(str::to_owned).collect(),
        })
    }
}

/// The kernel writes spaces, tabs, line ends and backslashes as `\ooo`.
pub fn unescape(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
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
    use super::*;

    const TABLE: &str = "\
27 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
28 27 0:24 / /run rw,nosuid - tmpfs tmpfs rw
30 28 253:16 /photos /run/media/a\\040disk rw shared:7 master:2 - vfat /dev/vdb ro
31 27 0:30 / /sys ro,nosuid - sysfs sysfs rw
nonsense
32 31 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup rw
33 27 0:32 / /sys rw - tmpfs tmpfs rw
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
        let at: Vec<_> = mounts.iter().map(|mount| mount.at.to_str().unwrap()).collect();
        assert_eq!(at, ["/", "/run", "/run/media/a disk", "/sys"]);
        assert_eq!(beneath(&mounts, Path::new("/sys/fs/cgroup")).unwrap().kind, "tmpfs");
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        assert_eq!(visible("\nnonsense\n1 2 3 - \n"), []);
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(unescape("a\\134040b\\"), OsString::from("a\\040b\\"));
        assert_eq!(unescape("\\777\\04"), OsString::from("\\777\\04"));
    }
}
