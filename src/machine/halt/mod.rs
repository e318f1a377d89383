//! The last steps of a machine's PID 1, once the keeper has stopped all units and its loop has ended.
//!
//! ```text
//!   write out ─▶ TERM, KILL ─┬─▶ give up swap, file systems, devices ─▶ /run/initramfs/shutdown, or reboot(2)
//!                            └─▶ (soft-reboot, rescue) execute ourselves: super::again
//! ```
//!
//! Each step is a child's, with a deadline: a dead disk or network file system holds the child up, and not the
//! machine. First come first served: nothing that happens from here on changes how it ends.

pub(super) mod child;
mod devices;
mod last_word;
mod patience;
mod processes;
mod unmount;

use std::ffi::CString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};
use nix::unistd::sync;

use super::again;
use super::console;
use crate::limits::{
    MACHINE_FORK_MS, MACHINE_KILL_MS, MACHINE_KILL_ROUNDS_MAX, MACHINE_RECORD_MS, MACHINE_SYNC_MS,
    MACHINE_SYNC_ROUNDS_MAX, MACHINE_TERM_MS, MACHINE_WATCHDOG, PLAN_FILE_BYTES_MAX,
};
use crate::settings::{RUNTIME_DIR, STATE_DIR, Settings};
use crate::sys::machine::restart_with;
use crate::sys::process::kill;
use crate::sys::{fault, signal, watchdog};
use crate::wire::after::{After, KILLED_AT_SHUTDOWN, REBOOT_ARGUMENT};
use child::{Child, bury, step};

/// Where the way down leaves and finds files.
#[derive(Clone, Debug)]
pub struct Places {
    reboot_argument: PathBuf,
    killed: PathBuf,
}

impl Places {
    /// Of a supd with these settings.
    pub fn of(settings: &Settings) -> Self {
        Self {
            reboot_argument: settings.runtime_dir.join(REBOOT_ARGUMENT),
            killed: settings.state_dir.join(KILLED_AT_SHUTDOWN),
        }
    }

    /// Where nobody has said otherwise.
    pub(super) fn usual() -> Self {
        let (runtime_dir, state_dir) = (Path::new(RUNTIME_DIR), Path::new(STATE_DIR));
        let killed = state_dir.join(KILLED_AT_SHUTDOWN);
        Self { reboot_argument: runtime_dir.join(REBOOT_ARGUMENT), killed }
    }
}

/// What has become of the units.
#[derive(Clone, Copy, Debug)]
pub(super) enum Units {
    /// The keeper has stopped them.
    Ended,
    /// There is nobody who could: they are processes like all others.
    Orphaned,
}

impl fmt::Display for Units {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Ended => "all units have ended",
            Self::Orphaned => "units have not been stopped in their order",
        })
    }
}

/// Takes the machine down, or everything on it but the kernel, once the keeper has stopped all units.
pub fn end(after: After, places: &Places) -> ! {
    end_with(Units::Ended, after, places)
}

/// The same where the keeper could not stop them all.
pub(super) fn end_without_order(after: After, places: &Places) -> ! {
    end_with(Units::Orphaned, after, places)
}

fn end_with(units: Units, after: After, places: &Places) -> ! {
    if after == After::SwitchRoot {
        super::initramfs::switch_root::leave(units, places);
    }
    console::say(format_args!("{units}; {}", after.words()));
    write_out();
    end_processes(places);
    let mode = match after {
        After::SoftReboot => again::begin(),
        After::Rescue => again::begin_after_shell(),
        After::PowerOff => RebootMode::RB_POWER_OFF,
        After::Reboot => RebootMode::RB_AUTOBOOT,
        After::Kexec => RebootMode::RB_KEXEC,
        // Nobody may ask a machine's PID 1 for an exit, and another root is above.
        After::Halt | After::Exit(_) | After::SwitchRoot => RebootMode::RB_HALT_SYSTEM,
    };
    let argument = reboot_argument(&places.reboot_argument);
    unmount::all();
    set_watchdog(mode);
    last_word::hand_over(after);
    console::say(format_args!("{}", after.words()));
    go_down(mode, argument)
}

/// Writes to the disks what is not written yet. That they take their time is no fault, as long as they get on.
fn write_out() {
    let what = "writing to the disks";
    let sync = || {
        sync();
        0
    };
    let Some(child) = Child::start(what, MACHINE_SYNC_MS, sync) else { return };
    let mut unwritten = u64::MAX;
    for _ in 0..MACHINE_SYNC_ROUNDS_MAX {
        if child.ends_within(MACHINE_SYNC_MS).is_some() {
            return;
        }
        let left = fs::read_to_string("/proc/meminfo").map_or(0, |text| unwritten_kib(&text));
        if left >= unwritten.min(u64::MAX - 1) {
            break;
        }
        unwritten = left;
        console::say(format_args!("{what}: {left} KiB are left"));
    }
    console::say(format_args!("{what}: they do not get on; going on without"));
    child.give_up();
}

/// What the kernel still has to write, from `/proc/meminfo`.
fn unwritten_kib(text: &str) -> u64 {
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    ["Dirty:", "Writeback:"].into_iter().filter_map(number).sum()
}

/// All that no unit has started, or that has left its unit's tree.
pub(super) fn end_processes(places: &Places) {
    // What the rounds take, the record of them, and a second for looking around.
    let rounds = MACHINE_KILL_MS * MACHINE_KILL_ROUNDS_MAX as u64;
    let patience = MACHINE_TERM_MS + rounds + MACHINE_FORK_MS + MACHINE_RECORD_MS + 1_000;
    let killed = &places.killed;
    let ended = step("ending other processes", patience, || {
        processes::end_all(killed);
        0
    });
    if ended.is_none() {
        processes::kill_all();
    }
    // The child may have died while everybody stood still for it, and some are spared.
    let _ = kill(-1, nix::libc::SIGCONT);
}

/// What an operator has given to `supctl reboot`. The next one begins without.
fn reboot_argument(path: &Path) -> Option<CString> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(PLAN_FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let _ = fs::remove_file(path);
    CString::new(bytes).ok().filter(|argument| !argument.is_empty())
}

/// The hardware watchdog has all the time that the kernel's own last steps of a restart may take, and no more; what
/// is to stay off, or to stand still, must not be reset, nor another kernel that may not know of it.
fn set_watchdog(mode: RebootMode) {
    match mode {
        RebootMode::RB_AUTOBOOT => _ = watchdog::set_timeout(MACHINE_WATCHDOG),
        _ => watchdog::disarm(),
    }
}

/// reboot(2). A kexec that the kernel refuses becomes a restart.
fn go_down(mode: RebootMode, argument: Option<CString>) -> ! {
    if let (RebootMode::RB_AUTOBOOT, Some(argument)) = (mode, argument) {
        let error = restart_with(&argument);
        console::say(format_args!("cannot restart with `{}`: {error}", argument.to_string_lossy()));
    }
    let mut refused = reboot_by(mode);
    if mode == RebootMode::RB_KEXEC {
        console::say(format_args!("cannot execute another kernel: {refused}; restarting"));
        refused = reboot_by(RebootMode::RB_AUTOBOOT);
    }
    freeze(&format!("the kernel refuses it: {refused}"))
}

fn reboot_by(mode: RebootMode) -> io::Error {
    match reboot(mode) {
        Ok(never) => match never {},
        Err(errno) => errno.into(),
    }
}

/// Nothing can be done any more but to bury the dead: PID 1 may not end. Ctrl-alt-del is the kernel's again.
pub fn freeze(why: &str) -> ! {
    console::say(format_args!("{why}; PID 1 stands still. Ctrl-alt-del restarts the machine"));
    let _ = set_cad_enabled(true);
    // Blocked, not handled: one wait takes them all. A fault of ours has its handler still.
    signal::hold_all();
    fault::let_through();
    loop {
        bury();
        let _ = signal::next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_is_counted() {
        let text = "MemTotal: 1 kB\nDirty:      120 kB\nWriteback:    8 kB\nWritebackTmp: 4 kB\n";
        assert_eq!(unwritten_kib(text), 128);
        assert_eq!(unwritten_kib(""), 0);
    }
}
