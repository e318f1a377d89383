//! PID 1 becomes another program, which finds what the kernel gives its init, and nothing of what supd has set for
//! itself: signals that are handled, ignored or blocked, more descriptors, a score and a cgroup of its own.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, execv};

use crate::place::cgroups::Layout;
use crate::sys::process::{close_on_exec_from, give_back_nofile, reset_signals};
use crate::sys::watchdog;

const CGROUPS: &str = "/sys/fs/cgroup";

/// Becomes it, with these arguments, its own name first. Comes back only with the reason why not.
pub(super) fn become_init(program: &Path, arguments: &[CString]) -> Errno {
    // Before anything is given up for it.
    if let Err(errno) = access(program, AccessFlags::X_OK) {
        return errno;
    }
    let Ok(path) = CString::new(program.as_os_str().as_bytes()) else { return Errno::EINVAL };
    hand_over_watchdog(program);
    as_the_kernel_does();
    close_on_exec_from(3);
    let Err(errno) = execv(&path, arguments);
    errno
}

/// This process is as the kernel starts its init. For a child of PID 1, too.
pub(super) fn as_the_kernel_does() {
    leave_cgroup();
    // Each of its children would inherit it.
    let _ = fs::write("/proc/self/oom_score_adj", "0");
    give_back_nofile();
    reset_signals();
}

/// Back to the first one, which is all that the kernel has made.
fn leave_cgroup() {
    let tree = Layout::look().ok().and_then(|layout| layout.unified);
    // Without /proc it is where we mount it ourselves.
    let first = tree.map_or_else(|| PathBuf::from(CGROUPS), |tree| tree.mount_point);
    // Never made: what is not there is no file of the kernel's.
    let procs = File::options().write(true).open(first.join("cgroup.procs"));
    let _ = procs.and_then(|mut procs| procs.write_all(b"0"));
}

/// A supd that comes next goes on feeding the watchdog; somebody else may not know of it.
fn hand_over_watchdog(program: &Path) {
    let leads_to = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    if leads_to.file_name().is_some_and(|name| name == "supd") {
        watchdog::feed();
    } else {
        watchdog::disarm();
    }
}
