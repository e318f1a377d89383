//! Another root for PID 1: what the kernel shows and what is in /run goes along, with all that is mounted below.
//!
//! All that could be in the way is looked at before anything moves. The new root moves first, since it may lie below
//! what goes along; whatever the kernel refuses from there on is undone, and nothing is given up until nothing can
//! be refused any more.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{chdir, chroot, pivot_root};

use super::console;
use super::halt::freeze;
use super::mounts::is_mount_point;

/// What goes along.
const ALONG: [&str; 4] = ["/dev", "/proc", "/sys", "/run"];

/// What is done where the new root has no place for one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// It is made if it can be; else we stay.
    Stay,
    /// What should have gone along is given up: the next init mounts what it needs. So, too, where something is
    /// mounted there already.
    GiveUp,
}

/// Makes a directory the root of everything. An error says why not, and all is as it was then, but that no mount is
/// shared with other namespaces any more.
pub(super) fn change_root(to: &Path, no_place: NoPlace) -> Result<(), String> {
    let to = fs::canonicalize(to).map_err(|error| error.to_string())?;
    if to.parent().is_none() {
        return Err("it is the root already".to_owned());
    }
    // What somebody else is told of cannot be moved.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .map_err(|errno| format!("the mounts there are cannot be made private: {}", errno.desc()))?;
    let is_mounted = is_mount_point(&to);
    if !is_mounted {
        // Only what is mounted can be moved: a directory, or a part of the same file system, becomes so.
        mount(Some(&to), &to, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
            .map_err(|errno| format!("it cannot be mounted on itself: {}", errno.desc()))?;
    }
    let changed = places(&to, no_place).and_then(|(along, given_up)| {
        move_all(&to, &along)?;
        settle(&given_up);
        Ok(())
    });
    if changed.is_err() && !is_mounted {
        let _ = umount2(&to, MntFlags::MNT_DETACH);
    }
    changed
}

const NONE: Option<&str> = None;

/// What goes along and what does not, of what is there.
fn places(to: &Path, no_place: NoPlace) -> Result<(Vec<&'static str>, Vec<&'static str>), String> {
    let device = fs::metadata(to).map_err(|error| error.to_string())?.dev();
    let (mut along, mut given_up) = (Vec::new(), Vec::new());
    for mounted in ALONG.into_iter().filter(|mounted| is_mount_point(Path::new(mounted))) {
        let place = place(to, mounted);
        if no_place == NoPlace::Stay && fs::symlink_metadata(&place).is_err() {
            let _ = fs::create_dir(&place);
        }
        let why = match fs::symlink_metadata(&place) {
            Ok(meta) if !meta.is_dir() => "it is no directory".to_owned(),
            Ok(meta) if no_place == NoPlace::GiveUp && meta.dev() != device => {
                "something else is there".to_owned()
            }
            Ok(_) => {
                along.push(mounted);
                continue;
            }
            Err(error) => error.to_string(),
        };
        let why = format!("{mounted} does not go along to {}: {why}", place.display());
        if no_place == NoPlace::Stay {
            return Err(why);
        }
        console::say(format_args!("{why}"));
        given_up.push(mounted);
    }
    Ok((along, given_up))
}

fn place(to: &Path, mounted: &str) -> PathBuf {
    to.join(mounted.trim_start_matches('/'))
}

/// The new root onto the old one, then what goes along. Paths begin at the old root for as long as we have not left
/// it, and the working directory is the new one.
fn move_all(to: &Path, along: &[&'static str]) -> Result<(), String> {
    let moved = |from: &Path, to: &Path| mount(Some(from), to, NONE, MsFlags::MS_MOVE, NONE);
    let here = Path::new(".");
    chdir(to).and_then(|()| moved(here, Path::new("/"))).map_err(|errno| {
        let _ = chdir("/");
        format!("it cannot be moved: {}", errno.desc())
    })?;
    for (count, mounted) in along.iter().enumerate() {
        if let Err(errno) = moved(Path::new(mounted), &place(here, mounted)) {
            for mounted in along.iter().take(count) {
                let _ = moved(&place(here, mounted), Path::new(mounted));
            }
            let _ = moved(here, to);
            let _ = chdir("/");
            return Err(format!("{mounted} cannot be moved there: {}", errno.desc()));
        }
    }
    Ok(())
}

/// Gives up what does not go along, and leaves the old root.
fn settle(given_up: &[&'static str]) {
    for mounted in given_up {
        let _ = umount2(*mounted, MntFlags::MNT_DETACH);
    }
    // It lies on the new one for a moment; the first of all, the kernel's own, cannot be taken away.
    let left = if pivot_root(".", ".").is_ok() {
        let _ = umount2(".", MntFlags::MNT_DETACH);
        Ok(())
    } else {
        chroot(".")
    };
    if let Err(errno) = left.and_then(|()| chdir("/")) {
        // Nothing leads back.
        freeze(&format!("cannot enter the new root: {}", errno.desc()));
    }
}

/// Whether a path of another root is a program, links followed as they will be when it is the root.
pub(super) fn is_program(root: impl AsFd, path: &Path) -> Result<(), String> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let file = match openat2(root, path, how) {
        Ok(file) => file,
        // A kernel before 5.6: executing it tells.
        Err(Errno::ENOSYS) => return Ok(()),
        Err(errno) => return Err(errno.desc().to_owned()),
    };
    let meta = fstat(&file).map_err(|errno| errno.desc().to_owned())?;
    let is_file = SFlag::from_bits_truncate(meta.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    if is_file && meta.st_mode & 0o111 != 0 { Ok(()) } else { Err("it is no program".to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_program_of_another_root_is_found_by_the_links_there() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        fs::create_dir(root.path().join("sbin")).unwrap();
        let program = root.path().join("usr/bin/init");
        fs::write(&program, "").unwrap();
        symlink("/usr/bin/init", root.path().join("sbin/init")).unwrap();
        symlink("/nowhere", root.path().join("sbin/dangling")).unwrap();
        let fd = fs::File::open(root.path()).unwrap();
        let is_program = |path: &str| is_program(&fd, Path::new(path));
        assert_eq!(is_program("/sbin/init"), Err("it is no program".to_owned()));
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(is_program("/sbin/init"), Ok(()));
        assert!(is_program("/sbin/dangling").is_err() && is_program("/sbin").is_err());
        // Here there is one.
        assert!(is_program("/bin/sh").is_err());
    }

    #[test]
    fn where_there_is_no_place_nothing_moves() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("dev")).unwrap();
        fs::write(root.path().join("proc"), "").unwrap();
        let (along, given_up) = places(root.path(), NoPlace::GiveUp).unwrap();
        assert!(!along.contains(&"/proc") && given_up.contains(&"/proc"), "{along:?} {given_up:?}");
        let why = places(root.path(), NoPlace::Stay).unwrap_err();
        assert!(why.contains("/proc does not go along") && why.contains("it is no directory"), "{why}");
    }
}
