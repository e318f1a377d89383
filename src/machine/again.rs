//! The kernel stays, and everything else begins anew: PID 1 executes itself as at boot.
//!
//! From the root file system as it is, or from the one that somebody has mounted at `/run/nextroot`. What is in
//! /run stays, and without a next root whatever is mounted.

use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{AccessFlags, access, chdir, chroot, execv, pivot_root};

use super::console;
use super::halt;
use super::rescue;
use crate::sys::process::executed_path;
use crate::sys::watchdog;

const NEXT_ROOT: &str = "/run/nextroot";

/// Where an init may be, beside where ours is.
const PROGRAMS: [&str; 3] = ["/sbin/supd", "/usr/sbin/supd", "/sbin/init"];

/// With a shell on the console first.
pub(super) fn begin_after_shell() -> ! {
    // Who sits there takes the time that it takes.
    watchdog::disarm();
    rescue::shell("everything has been stopped, as asked");
    begin()
}

/// Begins anew.
pub(super) fn begin() -> ! {
    // Nobody who was on the way down is any more.
    let _ = fs::remove_file("/run/nologin");
    let programs = programs();
    if let Some(program) = next_root(&programs) {
        console::say(format_args!("going on in the file system at {NEXT_ROOT}"));
        match enter() {
            Ok(()) => execute(&[program]),
            Err(errno) => {
                console::say(format_args!("cannot go on in {NEXT_ROOT}: {}; staying here", errno.desc()));
            }
        }
    }
    execute(&programs)
}

/// The first that can be executed; there is no way back.
fn execute(programs: &[PathBuf]) -> ! {
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let mut arguments = vec![c"supd".to_owned()];
    arguments.extend(init_arguments(&line));
    let mut last = Errno::ENOENT;
    // What comes next goes on feeding it.
    watchdog::feed();
    for program in programs {
        let program = CString::new(program.as_os_str().as_bytes()).unwrap_or_default();
        last = match execv(&program, &arguments) {
            Ok(never) => match never {},
            Err(errno) => errno,
        };
    }
    halt::freeze(&format!("cannot start again: {}", last.desc()))
}

/// Ours, and where one is elsewhere.
fn programs() -> Vec<PathBuf> {
    let own = fs::read_link("/proc/self/exe").ok().or_else(executed_path);
    // So the kernel shows a file that another one has replaced since: that one is where ours was.
    let own = own.map(|path| {
        let bytes = path.into_os_string().into_vec();
        PathBuf::from(OsString::from_vec(bytes.strip_suffix(b" (deleted)").unwrap_or(&bytes).to_vec()))
    });
    own.into_iter().chain(PROGRAMS.map(PathBuf::from)).collect()
}

/// The program to execute in the next root, if there is one: a file system of its own, with an init.
fn next_root(programs: &[PathBuf]) -> Option<PathBuf> {
    let root = Path::new(NEXT_ROOT);
    let device = |path: &Path| fs::metadata(path).ok().map(|meta| meta.dev());
    if device(root).is_none() || device(root) == device(Path::new("/run")) {
        return None;
    }
    let is_there = |path: &&PathBuf| {
        let inside = root.join(path.strip_prefix("/").unwrap_or(path));
        // A link leads to a place of the next root, which cannot be looked at from here.
        inside.is_symlink() || access(&inside, AccessFlags::X_OK).is_ok()
    };
    let found = programs.iter().find(is_there).cloned();
    if found.is_none() {
        console::say(format_args!("there is no init in {NEXT_ROOT}; staying here"));
    }
    found
}

/// Makes it our root, with what the kernel shows and with /run; the old one goes with all that was mounted there.
fn enter() -> Result<(), Errno> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    // Out of /run, which is to be moved itself: paths still begin at the old root until we leave it.
    chdir(NEXT_ROOT)?;
    mount(Some("."), "/", none, MsFlags::MS_MOVE, none)?;
    for directory in ["proc", "sys", "dev", "run"] {
        let _ = fs::create_dir(directory);
        mount(Some(&Path::new("/").join(directory)), directory, none, MsFlags::MS_MOVE, none)?;
    }
    // The old root lies on the new one for a moment; the first of all, the kernel's own, cannot be taken away.
    if pivot_root(".", ".").is_ok() {
        umount2(".", MntFlags::MNT_DETACH)?;
    } else {
        chroot(".")?;
    }
    chdir("/")
}

/// What the kernel was told to give to init: what stands behind ` -- `.
fn init_arguments(line: &str) -> Vec<CString> {
    let (_, behind) = line.split_once(" -- ").unwrap_or_default();
    behind.split_ascii_whitespace().filter_map(|word| CString::new(word).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_is_given_what_the_kernel_gave_it() {
        let words = |line| {
            let words = init_arguments(line).into_iter().map(|word| word.into_string().unwrap());
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words("ro quiet -- --log-level debug\n"), "--log-level debug");
        assert_eq!(words("ro quiet\n"), "");
    }
}
