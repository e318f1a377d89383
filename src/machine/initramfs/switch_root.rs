//! Another root: what is mounted below /dev, /proc, /sys and /run goes along, what was in memory is given back,
//! and the new root's init is what PID 1 goes on as.

use std::ffi::{CString, OsString};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};

use super::old_root;
use super::root_words;
use super::{SYSROOT, is_in_memory};
use crate::limits::{KERNEL_LINE_BYTES_MAX, NEXT_ROOT_BYTES_MAX};
use crate::machine::again;
use crate::machine::become_init::become_init;
use crate::machine::change_root::{NoPlace, change_root, is_program};
use crate::machine::console;
use crate::machine::halt::{Places, Units, end_processes};
use crate::machine::rescue;
use crate::settings::NEXT_ROOT_FILE;

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
    rescue::shell_before_next_try(&format!("cannot switch to the root at {}: {why}", root.display()));
    // What was stopped starts again.
    again::stay()
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
        Ok(next) => match change_root(&next.root, NoPlace::GiveUp) {
            Err(why) => why,
            Ok(()) => next.go_on(arguments),
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

impl Next {
    /// Gives back the memory of what we came from, and becomes the init.
    fn go_on(self, arguments: &[OsString]) -> ! {
        if self.old_is_memory && fstat(&self.old).is_ok_and(|old| old.st_dev != self.device) {
            let left = old_root::delete(self.old);
            if left > 0 {
                console::say(format_args!("{left} entries of the old root could not be deleted"));
            }
        }
        let arguments: Vec<CString> = std::iter::once(self.init.clone().into_os_string())
            .chain(arguments.iter().cloned())
            .filter_map(|word| CString::new(word.into_vec()).ok())
            .collect();
        loop {
            let why = become_init(&self.init, &arguments);
            let init = self.init.display();
            let why = format!("cannot execute {init}, the init of the new root: {}", why.desc());
            rescue::shell_before_next_try(&why);
        }
    }
}
