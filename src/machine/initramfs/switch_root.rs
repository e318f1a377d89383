//! Another root: what is mounted below /dev, /proc, /sys and /run goes along, what was in memory is given back,
//! and the new root's init is what PID 1 goes on as.

use std::ffi::{CString, OsString};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{chdir, chroot, execv};

use super::old_root;
use super::root_words;
use super::{SYSROOT, is_in_memory};
use crate::limits::{KERNEL_LINE_BYTES_MAX, NEXT_ROOT_BYTES_MAX};
use crate::machine::boot;
use crate::machine::console;
use crate::machine::halt::{Places, Units, end_processes, freeze};
use crate::machine::mounts::is_mount_point;
use crate::machine::rescue;
use crate::settings::NEXT_ROOT_FILE;
use crate::sys::process::{close_on_exec_from, reset_signals};
use crate::sys::watchdog;

/// What goes along, with all that is mounted below.
const ALONG: [&str; 4] = ["/dev", "/proc", "/sys", "/run"];

/// The programs that are looked for where none is named: those that the kernel looks for, and ours.
const INITS: [&str; 5] = ["/sbin/init", "/etc/init", "/bin/init", "/sbin/supd", "/bin/sh"];

/// Somebody wants another root, and units have been stopped for it.
pub(in crate::machine) fn leave(units: Units, places: &Places) -> ! {
    let (root, init) = wanted();
    let line = crate::machine::read(Path::new("/proc/cmdline"), KERNEL_LINE_BYTES_MAX).unwrap_or_default();
    let words = root_words::parse(&line);
    console::say(format_args!("{units}; {} becomes the root", root.display()));
    // Storage daemons, whose names begin with `@`, are left alone: the new root may be theirs.
    end_processes(places);
    let why = to(&root, init.as_deref().or(words.init.as_deref()), &words.arguments);
    rescue::shell(&format!("cannot switch to the root at {}: {why}", root.display()));
    // What was stopped starts again.
    boot::again()
}

/// What was asked for: the directory, and the init if one was named.
fn wanted() -> (PathBuf, Option<String>) {
    let text = crate::machine::read(Path::new(NEXT_ROOT_FILE), NEXT_ROOT_BYTES_MAX).unwrap_or_default();
    // Once: a later request of another kind does not mean this one.
    let _ = fs::remove_file(NEXT_ROOT_FILE);
    let (root, init) = text.split_once('\0').unwrap_or((&text, ""));
    let root = if root.is_empty() { SYSROOT } else { root };
    (root.into(), (!init.is_empty()).then(|| init.to_owned()))
}

/// Makes a directory the root, and becomes its init. Comes back only with the reason why not; nothing is changed
/// then.
pub(in crate::machine) fn to(root: &Path, init: Option<&str>, arguments: &[OsString]) -> String {
    match prepare(root, init) {
        Err(why) => why,
        Ok(next) => match next.enter() {
            Err(why) => why,
            Ok(()) => next.become_init(arguments),
        },
    }
}

/// A root that is fit.
struct Next {
    root: PathBuf,
    /// As it is called there.
    init: PathBuf,
    /// The root there was.
    old: OwnedFd,
    /// That one is lost once we have left it.
    old_is_memory: bool,
    device: u64,
}

fn prepare(root: &Path, init: Option<&str>) -> Result<Next, String> {
    let directory = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let cannot = |errno: Errno| format!("cannot open {}: {}", root.display(), errno.desc());
    let fd = open(root, directory | OFlag::O_PATH, Mode::empty()).map_err(cannot)?;
    let meta = fstat(&fd).map_err(cannot)?;
    let old = open("/", directory, Mode::empty()).map_err(cannot)?;
    let init = match init {
        Some(init) => is_program(&fd, Path::new(init))
            .map(|()| PathBuf::from(init))
            .map_err(|why| format!("`init={init}` cannot be run there: {why}"))?,
        None => {
            let mut all = INITS.iter().map(Path::new);
            let there = all.find(|init| is_program(&fd, init).is_ok());
            there.ok_or(format!("there is no init in it; looked for {}", INITS.join(", ")))?.to_owned()
        }
    };
    let old_is_memory = is_in_memory(Path::new("/"));
    Ok(Next { root: root.to_owned(), init, old, old_is_memory, device: meta.st_dev })
}

/// Whether a path of the new root is a program, links followed as they will be when it is the root.
fn is_program(root: &OwnedFd, path: &Path) -> Result<(), String> {
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

impl Next {
    /// Makes it the root of everything.
    fn enter(&self) -> Result<(), String> {
        if !is_mount_point(&self.root) {
            // Only what is mounted can be moved: a directory, or a part of the same file system, becomes so.
            let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(Some(&self.root), &self.root, None::<&str>, bind, None::<&str>)
                .map_err(|errno| format!("cannot mount it on itself: {}", errno.desc()))?;
        }
        let moved: Vec<&str> = ALONG.into_iter().filter(|place| self.takes_along(place)).collect();
        let moved_root = chdir(&self.root)
            .and_then(|()| mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>));
        if let Err(errno) = moved_root {
            for place in moved {
                let _ = mount(Some(&self.place(place)), place, None::<&str>, MsFlags::MS_MOVE, None::<&str>);
            }
            let _ = chdir("/");
            return Err(format!("it cannot be moved: {}", errno.desc()));
        }
        if let Err(errno) = chroot(".").and_then(|()| chdir("/")) {
            // The old root is below the new one now, and nothing leads back.
            freeze(&format!("cannot enter the new root: {}", errno.desc()));
        }
        Ok(())
    }

    fn place(&self, of: &str) -> PathBuf {
        self.root.join(of.trim_start_matches('/'))
    }

    /// Moves it to its place in the new root. Where there is none, or something is there already, it is given up.
    fn takes_along(&self, mounted: &str) -> bool {
        if !is_mount_point(Path::new(mounted)) {
            return false;
        }
        let place = self.place(mounted);
        let is_free = fs::symlink_metadata(&place)
            .map(|meta| meta.is_dir() && meta.dev() == self.device)
            .map_err(|error| error.to_string());
        let why = match is_free {
            Ok(true) => match mount(Some(mounted), &place, None::<&str>, MsFlags::MS_MOVE, None::<&str>) {
                Ok(()) => return true,
                Err(errno) => errno.desc().to_owned(),
            },
            Ok(false) => "something else is there".to_owned(),
            Err(why) => why,
        };
        console::say(format_args!("{mounted} does not go along to {}: {why}", place.display()));
        let _ = umount2(mounted, MntFlags::MNT_DETACH);
        false
    }

    /// Gives back the memory of what we came from, and becomes the init.
    fn become_init(self, arguments: &[OsString]) -> ! {
        if self.old_is_memory && fstat(&self.old).is_ok_and(|old| old.st_dev != self.device) {
            let left = old_root::delete(self.old);
            if left > 0 {
                console::say(format_args!("{left} entries of the old root could not be deleted"));
            }
        }
        hand_over_watchdog(&self.init);
        let arguments: Vec<CString> = std::iter::once(self.init.clone().into_os_string())
            .chain(arguments.iter().cloned())
            .filter_map(|word| CString::new(word.into_vec()).ok())
            .collect();
        reset_signals();
        close_on_exec_from(3);
        let why = match CString::new(self.init.as_os_str().as_bytes()) {
            Ok(path) => match execv(&path, &arguments) {
                Ok(never) => match never {},
                Err(errno) => errno.desc(),
            },
            Err(_) => "its name has a NUL byte",
        };
        let init = self.init.display();
        loop {
            rescue::shell(&format!("cannot execute {init}, the init of the new root: {why}"));
        }
    }
}

/// A supd that comes next goes on feeding the watchdog; somebody else may not know of it.
fn hand_over_watchdog(init: &Path) {
    let leads_to = fs::canonicalize(init).unwrap_or_else(|_| init.to_owned());
    if leads_to.file_name().is_some_and(|name| name == "supd") {
        watchdog::feed();
    } else {
        watchdog::disarm();
    }
}
