//! Volumes: directories made once for each pod below the runtime directory, and the binds by which a process
//! finds them. The child makes the binds, in a mount namespace of its own.
//!
//! A volume is built aside and renamed into its place: the processes of a pod start side by side, in several
//! spawners, and each finds it whole or makes it.

use std::ffi::{CString, OsStr, c_char};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::prepare::Trouble;
use crate::sys::mount::copy_tree;
use crate::wire::plan::Plan;
use crate::wire::run::Step;
use crate::wire::volume::{Expected, Mount, Source, Volume};

/// The volumes of all pods, below the runtime directory: only supd's own user looks into it.
const DIRECTORY: &str = "volumes";

/// One bind that the child makes.
pub(super) struct Bind {
    /// What is shown: a mount that is nowhere yet, so that nobody can put another thing in its place.
    source: OwnedFd,
    target: CString,
    /// Flags of the remount that takes the right to write; 0: none.
    remount: u64,
}

/// The same in the child's terms.
pub(super) struct ChildBind {
    pub(super) source: i32,
    pub(super) target: *const c_char,
    pub(super) remount: u64,
}

impl Bind {
    pub(super) fn for_child(&self) -> ChildBind {
        ChildBind { source: self.source.as_raw_fd(), target: self.target.as_ptr(), remount: self.remount }
    }
}

/// Makes what is missing of a plan's volumes and mount points; the binds in the order in which they go.
pub(super) fn prepare(plan: &Plan, pod: u64, runtime_dir: &Path) -> Result<Vec<Bind>, Trouble> {
    let mut binds = Vec::with_capacity(plan.mounts.len());
    // One within another comes after it.
    let mut mounts: Vec<&Mount> = plan.mounts.iter().collect();
    mounts.sort_by_key(|mount| mount.path.iter().filter(|byte| **byte == b'/').count());
    for mount in mounts {
        let trouble = |error: io::Error| {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            // A volume that cannot be copied is one that nobody here may mount.
            let step = if errno == libc::EPERM { Step::Mount } else { Step::Volume };
            Trouble::new(step, errno, mount.path.clone())
        };
        let volume = plan.volumes.get(usize::from(mount.volume));
        let volume = volume.ok_or_else(|| Trouble::new(Step::Plan, libc::EINVAL, mount.path.clone()))?;
        let root = match &volume.source {
            Source::Files(_) => made(volume, pod, runtime_dir).map_err(trouble)?,
            Source::Host(path, expected) => {
                let path = PathBuf::from(OsStr::from_bytes(path));
                expect(&path, *expected).map_err(trouble)?;
                path
            }
        };
        binds.push(bind(&root, volume, mount).map_err(trouble)?);
    }
    Ok(binds)
}

/// Removes what was made for a pod.
pub(super) fn discard(pod: u64, runtime_dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory(pod, runtime_dir)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn directory(pod: u64, runtime_dir: &Path) -> PathBuf {
    runtime_dir.join(DIRECTORY).join(format!("{pod:016x}"))
}

/// The directory of a volume of this pod, with its files.
fn made(volume: &Volume, pod: u64, runtime_dir: &Path) -> io::Result<PathBuf> {
    let all = directory(pod, runtime_dir);
    let place = all.join(OsStr::from_bytes(&volume.name));
    if place.exists() {
        return Ok(place);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&all)?;
    // Another spawner may be at it, too.
    let name = String::from_utf8_lossy(&volume.name);
    let aside = all.join(format!(".{name}.{}", std::process::id()));
    let _ = fs::remove_dir_all(&aside);
    fill(&aside, volume)?;
    match fs::rename(&aside, &place) {
        Err(_) if place.exists() => fs::remove_dir_all(&aside)?,
        renamed => renamed?,
    }
    Ok(place)
}

fn fill(root: &Path, volume: &Volume) -> io::Result<()> {
    let Source::Files(files) = &volume.source else { return Ok(()) };
    fs::create_dir(root)?;
    // Everybody's, as Kubernetes' empty directory; one with files is read only where it is mounted.
    let root_mode = if files.is_empty() { 0o777 } else { 0o755 };
    for file in files {
        let path = root.join(OsStr::from_bytes(&file.path));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        made.write_all(&file.bytes)?;
        let group = if volume.group.is_some() { 0o440 } else { 0 };
        own(&path, volume.group, file.mode | group)?;
        let mut parent = path.parent();
        while let Some(directory) = parent.filter(|directory| *directory != root) {
            own(directory, volume.group, 0o755)?;
            parent = directory.parent();
        }
    }
    let inherit = if volume.group.is_some() { 0o2000 } else { 0 };
    own(root, volume.group, root_mode | inherit)
}

/// Group and permissions, whatever our mask is.
fn own(path: &Path, group: Option<u32>, mode: u32) -> io::Result<()> {
    if let Some(group) = group {
        chown(path, None, Some(group))?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Looks whether a path of this machine is what it should be, and makes it where that is asked for.
fn expect(path: &Path, expected: Expected) -> io::Result<()> {
    let wrong = |errno| Err(io::Error::from_raw_os_error(errno));
    match (fs::metadata(path), expected) {
        (Err(error), Expected::DirectoryOrCreate) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o755).create(path)
        }
        (Err(error), Expected::FileOrCreate) if error.kind() == ErrorKind::NotFound => touch(path),
        (Err(error), _) => Err(error),
        (Ok(meta), Expected::Directory | Expected::DirectoryOrCreate) if !meta.is_dir() => {
            wrong(libc::ENOTDIR)
        }
        (Ok(meta), Expected::File | Expected::FileOrCreate) if !meta.is_file() => wrong(libc::EISDIR),
        (Ok(meta), Expected::Socket) if !meta.file_type().is_socket() => wrong(libc::ENOTSOCK),
        (Ok(meta), Expected::Device)
            if !meta.file_type().is_char_device() && !meta.file_type().is_block_device() =>
        {
            wrong(libc::ENODEV)
        }
        (Ok(_), _) => Ok(()),
    }
}

fn bind(root: &Path, volume: &Volume, mount: &Mount) -> io::Result<Bind> {
    let held = open_within(root, volume, &mount.sub_path)?;
    let shown = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    let is_directory = fs::metadata(&shown)?.is_dir();
    let target = PathBuf::from(OsStr::from_bytes(&mount.path));
    match fs::metadata(&target) {
        Ok(there) if there.is_dir() != is_directory => {
            return Err(io::Error::from_raw_os_error(if is_directory {
                libc::ENOTDIR
            } else {
                libc::EISDIR
            }));
        }
        Ok(_) => {}
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Err(_) if is_directory => DirBuilder::new().recursive(true).mode(0o755).create(&target)?,
        Err(_) => {
            if let Some(parent) = target.parent() {
                DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
            }
            touch(&target)?;
        }
    }
    let remount = if mount.read_only { read_only_flags(&held)? } else { 0 };
    let target = CString::new(target.into_os_string().into_encoded_bytes())
        .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    Ok(Bind { source: copy_tree(held.as_fd())?, target, remount })
}

/// Opens the part of a volume that is mounted. No link leads out of the volume: a process of the pod may have
/// made it.
fn open_within(root: &Path, volume: &Volume, sub_path: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let whole = nix::fcntl::open(root, flags, Mode::empty())?;
    if sub_path.is_empty() {
        return Ok(whole);
    }
    let how =
        OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let path = Path::new(OsStr::from_bytes(sub_path));
    // Kubernetes makes a directory of what is missing, but not among files.
    let writable = !matches!(&volume.source, Source::Files(files) if !files.is_empty());
    match openat2(&whole, path, how) {
        Err(nix::errno::Errno::ENOENT) if writable => {
            make_beneath(&whole, path)?;
            Ok(openat2(&whole, path, how)?)
        }
        opened => Ok(opened?),
    }
}

/// Makes directories below one that is open, without following links.
fn make_beneath(root: &OwnedFd, path: &Path) -> io::Result<()> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let mut at = nix::fcntl::openat(root, ".", flags, Mode::empty())?;
    for part in path.components() {
        let part = Path::new(part.as_os_str());
        match nix::sys::stat::mkdirat(&at, part, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        at = nix::fcntl::openat(&at, part, flags, Mode::empty())?;
    }
    Ok(())
}

/// What a mount has already must be said again when it becomes read only.
fn read_only_flags(held: &OwnedFd) -> io::Result<u64> {
    let mut flags = libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY;
    let now = fstatvfs(held)?.flags();
    for (has, flag) in [
        (FsFlags::ST_NOSUID, libc::MS_NOSUID),
        (FsFlags::ST_NODEV, libc::MS_NODEV),
        (FsFlags::ST_NOEXEC, libc::MS_NOEXEC),
    ] {
        if now.contains(has) {
            flags |= flag;
        }
    }
    Ok(flags)
}

fn touch(path: &Path) -> io::Result<()> {
    let opened: io::Result<File> = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    match opened {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
