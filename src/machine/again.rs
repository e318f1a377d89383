//! The kernel stays, and everything else begins anew: PID 1 executes itself as at boot.
//!
//! From the root file system as it is, or from the one that somebody has mounted at `/run/nextroot`. What is in
//! /run stays, and without a next root whatever is mounted.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::become_init::become_init;
use super::change_root::{NoPlace, change_root, is_program};
use super::console;
use super::halt;
use super::initramfs::root_words;
use super::rescue;
use crate::limits::KERNEL_LINE_BYTES_MAX;
use crate::sys::process::own_path;
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
        match change_root(Path::new(NEXT_ROOT), NoPlace::Stay) {
            Ok(()) => execute(&[program]),
            Err(why) => console::say(format_args!("cannot go on in {NEXT_ROOT}: {why}; staying here")),
        }
    }
    execute(&programs)
}

/// The same from where we are, for whoever cannot go on otherwise.
pub fn stay() -> ! {
    execute(&programs())
}

/// The first that can be executed; there is no way back.
fn execute(programs: &[PathBuf]) -> ! {
    let line = super::read(Path::new("/proc/cmdline"), KERNEL_LINE_BYTES_MAX).unwrap_or_default();
    let arguments = init_arguments(&line);
    let mut last = Errno::ENOENT;
    for program in programs {
        last = become_init(program, &arguments);
    }
    halt::freeze(&format!("cannot start again: {}", last.desc()))
}

/// Ours, and where one is elsewhere.
fn programs() -> Vec<PathBuf> {
    own_path().into_iter().chain(PROGRAMS.map(PathBuf::from)).collect()
}

/// The program to execute in the next root, if there is one: a file system of its own, with an init.
fn next_root(programs: &[PathBuf]) -> Option<PathBuf> {
    let root = Path::new(NEXT_ROOT);
    let device = |path: &Path| fs::metadata(path).ok().map(|meta| meta.dev());
    if device(root).is_none() || device(root) == device(Path::new("/run")) {
        return None;
    }
    let found = File::open(root).ok().and_then(|root| {
        let is_there = |program: &&PathBuf| is_program(&root, program).is_ok();
        programs.iter().find(is_there).cloned()
    });
    if found.is_none() {
        console::say(format_args!("there is no init in {NEXT_ROOT}; staying here"));
    }
    found
}

/// As the kernel starts its init: with the words that every init knows, and with what stands behind ` -- `.
fn init_arguments(line: &str) -> Vec<CString> {
    let words = root_words::parse(line).arguments.into_iter().map(OsString::into_vec);
    std::iter::once(b"supd".to_vec()).chain(words).filter_map(|word| CString::new(word).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_is_given_what_the_kernel_gave_it() {
        let words = |line| {
            let words = init_arguments(line).into_iter().map(|word| word.into_string().unwrap());
            words.collect::<Vec<_>>().join("|")
        };
        assert_eq!(words("ro quiet -- --log-level debug\n"), "supd|--log-level|debug");
        assert_eq!(words("single -- --units \"/a b\"\n"), "supd|single|--units|/a b");
        assert_eq!(words("ro quiet\n"), "supd");
    }
}
