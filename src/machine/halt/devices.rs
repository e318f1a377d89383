//! Devices that lie on files or on other devices: as long as they are there, what is below cannot be given up.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

use super::patience::{Outcome, Patience, code};
use crate::limits::MACHINE_DEVICES_MAX;
use crate::sys::machine::{detach_loop, remove_mapping, stop_array};

/// Detaches loop devices, removes mappings and stops arrays that nobody uses, as long as there is time. Gives how many; a round of
/// unmounting may free more.
pub(super) fn detach(patience: &mut Patience) -> usize {
    let mut freed = 0;
    for name in blocks() {
        if patience.is_over() {
            break;
        }
        let is_free = detach_loop_device(&name, patience)
            || remove_mapped_device(&name, patience)
            || stop_disk_array(&name, patience);
        freed += usize::from(is_free);
    }
    freed
}

fn blocks() -> impl Iterator<Item = String> {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).take(MACHINE_DEVICES_MAX)
}

/// One that is in use is detached when it is not any more, which is no progress yet.
fn detach_loop_device(name: &str, patience: &mut Patience) -> bool {
    let file = format!("/sys/block/{name}/loop/backing_file");
    if !Path::new(&file).exists() {
        return false;
    }
    let detached = patience.attempt(&format!("detaching {name}"), || {
        let device = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(format!("/dev/{name}"))
            .and_then(|device| detach_loop(&device));
        code(device)
    });
    detached == Outcome::Done && !Path::new(&file).exists()
}

fn remove_mapped_device(name: &str, patience: &mut Patience) -> bool {
    let Ok(mapping) = fs::read_to_string(format!("/sys/block/{name}/dm/name")) else { return false };
    let Ok(mapping) = CString::new(mapping.trim_end()) else { return false };
    let removed = patience.attempt(&format!("removing {name}"), || {
        let removed = File::options().read(true).write(true).open("/dev/mapper/control");
        code(removed.and_then(|control| remove_mapping(&control, &mapping)))
    });
    removed == Outcome::Done
}

/// One that is stopped is in order on its disks, and need not be compared again at the next boot.
fn stop_disk_array(name: &str, patience: &mut Patience) -> bool {
    let Ok(state) = fs::read_to_string(format!("/sys/block/{name}/md/array_state")) else { return false };
    // It may only be the frame of others, or be stopped already.
    if matches!(state.trim_end(), "clear" | "inactive") {
        return false;
    }
    let stopped = patience.attempt(&format!("stopping {name}"), || {
        let device = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_EXCL)
            .open(format!("/dev/{name}"))
            .and_then(|device| stop_array(&device));
        code(device)
    });
    stopped == Outcome::Done
}
