//! Cgroups, made ready at the start: supd's own processes in one, all pods below another.
//!
//! As PID 1 of a machine the whole tree is ours; in a container with cgroups of its own, and as a service to which
//! they were delegated, what is below our own cgroup. There the two are made, and every controller is handed down.
//! Where others are in our cgroup, too (a shell, the processes of a test), both are made in one that is named
//! after us. What cannot be had is not missed: without any, runs are process groups.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::limits::{GROUPS_SWEPT_MAX, ROLES_MEMORY_LOW_BYTES};
use crate::place::cgroups::{Cgroup, Delegation, Layout, Mode};
use crate::settings::Settings;
use crate::wire::cgroup::{ROLES, UNITS};
use crate::wire::voice::Voice;

use kept_limits::KeptLimits;

pub mod kept_limits;

/// Handed down as far as they are there.
const CONTROLLERS: [&str; 4] = ["cpu", "io", "memory", "pids"];
/// Of a cgroup of ours among those of others; a number that only we have follows.
const AMONG_OTHERS: &str = "supd-";
/// Another supd that comes up may take an empty cgroup for one that nobody has.
const TRIES: usize = 3;

/// Makes the cgroups; gives the one that they are in, or says why there are none.
pub(super) fn set_up(settings: &Settings, voice: &Voice) -> Option<PathBuf> {
    protect_from_oom(voice);
    let layout = Layout::look().unwrap_or_default();
    let Some(own) = &layout.unified else {
        voice.info(format_args!(
            "no cgroups of version 2 here (cgroups: {}): a pod is its process groups, and what leaves them outlives it",
            layout.mode().as_str()
        ));
        return None;
    };
    match own.delegation() {
        Delegation::Ours => {}
        other => {
            let why = match other {
                Delegation::ReadOnly => "they can only be read",
                Delegation::Unseen => "our own cannot be seen",
                Delegation::Foreign | Delegation::Ours => "they belong to somebody else",
            };
            voice.info(format_args!(
                "no cgroups can be made here ({why}): a pod is its process groups, and what leaves them outlives it"
            ));
            return None;
        }
    }
    let mut made = Err(io::Error::from(ErrorKind::NotFound));
    for _ in 0..TRIES {
        made = make(own, settings);
        if !matches!(&made, Err(error) if error.kind() == ErrorKind::NotFound) {
            break;
        }
    }
    match made {
        Ok(top) => {
            let handed_down =
                fs::read_to_string(top.join(UNITS).join("cgroup.controllers")).unwrap_or_default();
            let handed_down = handed_down.trim();
            voice.debug(format_args!("cgroups of pods are below {} with: {handed_down}", top.display()));
            if layout.mode() == Mode::V2 && !handed_down.contains("memory") {
                voice.info(format_args!("cgroups here can limit nothing: no controller was handed to us"));
            }
            Some(top)
        }
        Err(error) => {
            voice.info(format_args!(
                "no cgroups can be made here ({error}): a pod is its process groups, and what leaves them outlives it"
            ));
            None
        }
    }
}

fn make(own: &Cgroup, settings: &Settings) -> io::Result<PathBuf> {
    let own = own.own.as_deref().ok_or(ErrorKind::NotFound)?;
    // systemd's DelegateSubgroup=, or a supd before us that became this one.
    let above = own.parent().filter(|_| own.file_name().is_some_and(|name| name == ROLES));
    let own = above.filter(|above| is_deserted(above)).unwrap_or(own);
    let top = match settings.is_machine() || is_alone(own)? {
        true => own.to_owned(),
        false => {
            remove_of_the_dead(own);
            own.join(format!("{AMONG_OTHERS}{:08x}", number(settings)))
        }
    };
    // What was mounted has these names already where a supd before us has been here.
    let (roles, units) = (top.join(ROLES), top.join(UNITS));
    for directory in [&top, &roles, &units] {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    // Only a cgroup without processes can hand controllers down.
    write(&roles, "cgroup.procs", "0")?;
    // A systemd that starts us anew beside pods that live on puts us where we were, and where controllers were
    // handed down it cannot.
    let kept = KeptLimits::of_environment().filter(|kept| above.is_none() && kept.begin().is_ok());
    let may_hand_down = !is_service_of_systemd() || above.is_some() || kept.is_some();
    for level in [own, &top, &units].into_iter().filter(|_| may_hand_down) {
        for controller in CONTROLLERS {
            // What is not there, or was not handed to us, is not to be had.
            let _ = write(level, "cgroup.subtree_control", &format!("+{controller}"));
        }
    }
    let _ = write(&roles, "memory.low", &ROLES_MEMORY_LOW_BYTES.to_string());
    sweep(&units);
    if let Some(kept) = kept {
        kept.restore(&top);
    }
    Ok(top)
}

/// Whether nobody but us is in a cgroup. Processes that we cannot see have the number 0.
fn is_alone(group: &Path) -> io::Result<bool> {
    let us = std::process::id().to_string();
    Ok(fs::read_to_string(group.join("cgroup.procs"))?.lines().all(|pid| pid == us))
}

/// Whether nobody is in a cgroup itself, and it is ours to order.
fn is_deserted(group: &Path) -> bool {
    let procs = group.join("cgroup.procs");
    fs::read_to_string(&procs).is_ok_and(|text| text.is_empty()) && access(&procs, AccessFlags::W_OK).is_ok()
}

/// It has told us so, and it is our parent.
fn is_service_of_systemd() -> bool {
    std::env::var_os("INVOCATION_ID").is_some() && nix::unistd::getppid().as_raw() == 1
}

/// No other supd of this machine has the same directory in the same namespace of processes.
fn number(settings: &Settings) -> u32 {
    use std::os::unix::ffi::OsStrExt;
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let texts = [settings.runtime_dir.as_os_str().as_bytes(), namespace.as_os_str().as_bytes()];
    // FNV-1a.
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    texts.concat().iter().fold(0x811c_9dc5, step)
}

/// Removes what a supd has left that was killed with all that it ran.
fn remove_of_the_dead(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten().take(GROUPS_SWEPT_MAX) {
        let name = entry.file_name();
        let ours = name.to_str().and_then(|name| name.strip_prefix(AMONG_OTHERS));
        let is_number = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if ours.is_some_and(is_number) && is_empty(&entry.path()) {
            sweep(&entry.path().join(UNITS));
            remove(&entry.path());
        }
    }
}

fn is_empty(group: &Path) -> bool {
    fs::read_to_string(group.join("cgroup.events")).is_ok_and(|text| text.contains("populated 0"))
}

/// Removes every cgroup below this one that nothing is in: a few levels, each of them ours. Those that something
/// is in are those of runs that are taken over.
fn sweep(units: &Path) {
    let below = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten().take(GROUPS_SWEPT_MAX);
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
    };
    for unit in below(units) {
        for pod in below(&unit) {
            for process in below(&pod) {
                let _ = fs::remove_dir(process);
            }
            let _ = fs::remove_dir(pod);
        }
        let _ = fs::remove_dir(unit);
    }
}

fn remove(top: &Path) {
    for directory in [&top.join(UNITS), &top.join(ROLES)] {
        let _ = fs::remove_dir(directory);
    }
    let _ = fs::remove_dir(top);
}

/// At the end: everything is as it was, if nothing is left in it.
pub(super) fn take_down(settings: &Settings) {
    let Some(top) = settings.tree.as_deref().filter(|_| !settings.is_machine()) else { return };
    sweep(&top.join(UNITS));
    let among_others = top.file_name().and_then(|name| name.to_str()?.strip_prefix(AMONG_OTHERS)).is_some();
    match (among_others, top.parent()) {
        (true, Some(own)) => {
            if write(own, "cgroup.procs", "0").is_ok() {
                remove(top);
            }
        }
        _ => {
            let _ = fs::remove_dir(top.join(UNITS));
            for controller in CONTROLLERS {
                let _ = write(top, "cgroup.subtree_control", &format!("-{controller}"));
            }
            if write(top, "cgroup.procs", "0").is_ok() {
                let _ = fs::remove_dir(top.join(ROLES));
                if let Some(kept) = KeptLimits::of_environment() {
                    kept.end();
                }
            }
        }
    }
}

fn write(group: &Path, file: &str, text: &str) -> io::Result<()> {
    // Never made: what is not there is no file of the kernel's.
    File::options().write(true).open(group.join(file))?.write_all(text.as_bytes())
}

/// The kernel is to end anybody else first. Spawners give that back before they start anything.
fn protect_from_oom(voice: &Voice) {
    if let Err(error) = fs::write("/proc/self/oom_score_adj", "-1000") {
        voice.debug(format_args!("the kernel may end supd for want of memory as it may others: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_groups_go_and_the_others_stay() {
        let temp = tempfile::tempdir().unwrap();
        let units = temp.path();
        for path in ["web/web-0", "shop/shop-0/main", "shop/shop-1/main", "job"] {
            fs::create_dir_all(units.join(path)).unwrap();
        }
        // As a process in it would keep a cgroup.
        File::create(units.join("shop/shop-1/main/x")).unwrap();
        sweep(units);
        assert!(units.join("shop/shop-1/main").exists());
        for gone in ["web", "shop/shop-0", "job"] {
            assert!(!units.join(gone).exists(), "{gone}");
        }
    }

    #[test]
    fn a_group_without_strangers_is_ours_alone() {
        let temp = tempfile::tempdir().unwrap();
        let us = std::process::id();
        for (text, alone) in [(format!("{us}\n"), true), (format!("0\n{us}\n"), false), (String::new(), true)]
        {
            fs::write(temp.path().join("cgroup.procs"), text).unwrap();
            assert_eq!(is_alone(temp.path()).unwrap(), alone);
        }
    }
}
