//! supd as `/init` of an initramfs: the machine's root is found and mounted, and its init takes over, whatever
//! that is.
//!
//! With units in the initramfs supd first runs those as everywhere (modules, udev, encrypted disks), and one of
//! them asks for the root ([`mount_root`], `supd mount-root`) and for the change (`supctl switch-root`). Without
//! any, PID 1 does both itself, and no other part of supd is ever started.

mod old_root;
mod partition;
mod reader;
mod root_device;
pub(super) mod root_words;
mod superblock;
pub(super) mod switch_root;

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};

use super::console;
use super::mounts::is_mount_point;
use super::rescue;
use crate::limits::KERNEL_TABLE_BYTES_MAX;
use crate::sys::process::executed_path;
use root_device::Wanted;
use root_words::RootWords;

/// Where the root is mounted until it is the root; systemd's initramfs calls it so, too.
pub(super) const SYSROOT: &str = "/sysroot";

/// Every initramfs of systemd's kind has this file, and no root does.
const MARK: &str = "/etc/initrd-release";

/// Where supd keeps its state and its logs while its root is in memory: /run goes along.
const STATE: [(&str, &str); 2] =
    [("--state-dir", "/run/initramfs/supd/state"), ("--log-dir", "/run/initramfs/supd/log")];

/// Where units of an initramfs are.
const UNITS: [&str; 5] = [
    "/etc/supd/units",
    "/etc/supd/machine",
    "/usr/local/lib/supd/units",
    "/usr/lib/supd/units",
    "/usr/lib/supd/machine",
];

/// What statfs(2) says of a ramfs, which an initramfs is where there is no tmpfs.
const RAMFS_MAGIC: u64 = 0x8584_58f6;

/// Whether what we run from is not the machine's root: in memory, and either said to be an initramfs, or we are
/// the `/init` that the kernel looks for there, and there is a root to be found. A root that is meant to stay in
/// memory names its init with `rdinit=`, or has no `root=`.
pub(super) fn is_here(words: &RootWords) -> bool {
    is_in_memory(Path::new("/"))
        && (Path::new(MARK).exists()
            || executed_path().is_some_and(|path| path == Path::new("/init")) && words.device.is_some())
}

/// Leaves the mark there, for programs that look for it, and for a supd that has to execute itself once more: that
/// one is `/init` no longer.
pub(super) fn mark() -> io::Result<()> {
    if Path::new(MARK).exists() {
        return Ok(());
    }
    fs::create_dir_all("/etc")?;
    fs::write(MARK, "")
}

/// Whether a file system ends with the machine.
pub(super) fn is_in_memory(path: &Path) -> bool {
    let is_ramfs = |kind: FsType| kind.0 as u64 & 0xffff_ffff == RAMFS_MAGIC;
    statfs(path).map(|found| found.filesystem_type()).is_ok_and(|kind| kind == TMPFS_MAGIC || is_ramfs(kind))
}

/// Whether it has units of its own. `named`: those directories, and no others.
pub(super) fn has_units(named: &[String]) -> bool {
    let is_unit = |entry: fs::DirEntry| entry.path().extension().is_some_and(|ending| ending == "toml");
    let has_unit = |directory: &str| fs::read_dir(directory).into_iter().flatten().flatten().any(is_unit);
    match named {
        [] => UNITS.iter().any(|directory| has_unit(directory)),
        named => named.iter().any(|directory| has_unit(directory)),
    }
}

/// The options that a supd which runs its units has beside those that it is given.
pub(super) fn options() -> impl Iterator<Item = OsString> {
    STATE.into_iter().flat_map(|(option, directory)| [option.into(), directory.into()])
}

/// Finds the root, and becomes its init. A shell whenever that fails, and another try when the shell has ended.
pub(super) fn leave(words: &RootWords) -> ! {
    loop {
        let why = match mount_root(words) {
            Ok(()) => switch_root::to(Path::new(SYSROOT), words.init.as_deref(), &words.arguments),
            Err(why) => why,
        };
        rescue::shell_before_next_try(&format!("the root cannot be used: {why}"));
    }
}

/// Waits for the root's device and mounts it. Done already if something is mounted there.
pub(super) fn mount_root(words: &RootWords) -> Result<(), String> {
    if is_mount_point(Path::new(SYSROOT)) {
        return Ok(());
    }
    let named = words.device.as_deref().ok_or("there is no `root=` on the kernel's command line")?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(SYSROOT)
        .map_err(|error| format!("cannot make {SYSROOT}: {error}"))?;
    let known = super::read(Path::new("/proc/filesystems"), KERNEL_TABLE_BYTES_MAX).unwrap_or_default();
    let (source, kinds) = if let Some(wanted) = Wanted::parse(named) {
        let found = wanted.wait(named, words.patience)?;
        let recognised = found.on_it.map(|on_it| on_it.kind.to_owned());
        (found.path.into_os_string(), kinds(&words.kinds, recognised, &known))
    } else if !words.kinds.is_empty() && words.kinds.iter().all(|kind| has_no_disk(kind, &known)) {
        // As virtiofs: what it is called is the file system's own matter.
        (OsString::from(named), words.kinds.clone())
    } else {
        return Err(format!(
            "root={named} is no disk that we know how to find; a unit of the initramfs may mount it at {SYSROOT}"
        ));
    };
    let (flags, data) = options_of(&words.flags);
    let flags = if words.writable { flags } else { flags | MsFlags::MS_RDONLY };
    mount_as_any(&source, &kinds, flags, &data)
        .map_err(|why| format!("cannot mount {} (root={named}): {why}", source.display()))
}

/// What it is tried as, in this order.
fn kinds(asked: &[String], recognised: Option<String>, known: &str) -> Vec<String> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let on_disk = known.lines().filter_map(|line| line.strip_prefix('\t')).map(str::to_owned);
    let mut kinds: Vec<String> = Vec::new();
    for kind in recognised.into_iter().chain(on_disk) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// Whether the kernel's list says so of it.
fn has_no_disk(kind: &str, known: &str) -> bool {
    known.lines().any(|line| line.strip_prefix("nodev\t").is_some_and(|known| known == kind))
}

fn mount_as_any(source: &OsString, kinds: &[String], flags: MsFlags, data: &str) -> Result<(), String> {
    let data = (!data.is_empty()).then_some(data);
    let mut why = Vec::new();
    for kind in kinds {
        let try_with = |flags| mount(Some(source.as_os_str()), SYSROOT, Some(kind.as_str()), flags, data);
        let done = match try_with(flags) {
            Err(Errno::EACCES | Errno::EROFS) if !flags.contains(MsFlags::MS_RDONLY) => {
                console::say(format_args!("{} can only be read", source.display()));
                try_with(flags | MsFlags::MS_RDONLY)
            }
            done => done,
        };
        match done {
            Ok(()) => return Ok(()),
            Err(errno) => why.push(format!("as {kind}: {}", errno.desc())),
        }
    }
    Err(if why.is_empty() { "the kernel knows no file system".to_owned() } else { why.join(", ") })
}

/// What `mount -o` would make of it: flags of the kernel, and words for the file system.
fn options_of(text: &str) -> (MsFlags, String) {
    let mut flags = MsFlags::empty();
    let mut data = Vec::new();
    for option in text.split(',').filter(|option| !option.is_empty()) {
        flags |= match option {
            "nosuid" => MsFlags::MS_NOSUID,
            "nodev" => MsFlags::MS_NODEV,
            "noexec" => MsFlags::MS_NOEXEC,
            "noatime" => MsFlags::MS_NOATIME,
            "nodiratime" => MsFlags::MS_NODIRATIME,
            "relatime" => MsFlags::MS_RELATIME,
            "strictatime" => MsFlags::MS_STRICTATIME,
            "sync" => MsFlags::MS_SYNCHRONOUS,
            "dirsync" => MsFlags::MS_DIRSYNC,
            "ro" => MsFlags::MS_RDONLY,
            "rw" | "defaults" | "suid" | "dev" | "exec" | "async" | "atime" => MsFlags::empty(),
            other => {
                data.push(other);
                MsFlags::empty()
            }
        };
    }
    (flags, data.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_options_are_those_of_mount() {
        let (flags, data) = options_of("noatime,subvol=@,,defaults,compress=zstd,ro");
        assert_eq!(flags, MsFlags::MS_NOATIME | MsFlags::MS_RDONLY);
        assert_eq!(data, "subvol=@,compress=zstd");
        assert_eq!(options_of(""), (MsFlags::empty(), String::new()));
    }

    #[test]
    fn a_root_is_tried_as_what_it_is_first() {
        let known = "nodev\tsysfs\nnodev\ttmpfs\n\text3\n\text4\n\tvfat\nnodev\tvirtiofs\n";
        assert_eq!(kinds(&[], Some("xfs".into()), known), ["xfs", "ext3", "ext4", "vfat"]);
        assert_eq!(kinds(&[], Some("ext4".into()), known), ["ext4", "ext3", "vfat"]);
        assert_eq!(kinds(&["btrfs".into()], Some("ext4".into()), known), ["btrfs"]);
        assert!(has_no_disk("virtiofs", known) && !has_no_disk("ext4", known) && !has_no_disk("9p", known));
    }

    #[test]
    fn units_are_looked_for_where_they_are_named() {
        let place = tempfile::tempdir().unwrap();
        let named = [place.path().to_str().unwrap().to_owned()];
        assert!(!has_units(&named));
        fs::write(place.path().join("notes.txt"), "").unwrap();
        assert!(!has_units(&named));
        fs::write(place.path().join("modules.toml"), "").unwrap();
        assert!(has_units(&named));
    }

    #[test]
    fn memory_is_told_from_a_disk() {
        assert!(is_in_memory(Path::new("/dev/shm")));
        assert!(!is_in_memory(Path::new("/proc")));
        assert!(!is_in_memory(Path::new("/no/such/place")));
    }
}
