//! The last word of an initramfs: it may have left a program that gives up what the root file system is on
//! (network disks, RAID), which nobody can who runs from there.
//!
//! The convention is that of dracut and mkinitcpio: a root file system is below `/run/initramfs`, and its
//! `/shutdown` is executed as PID 1 with `poweroff`, `reboot`, `halt` or `kexec`. The old root is at `/oldroot`.

use std::ffi::CStr;
use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::unistd::{AccessFlags, access, chdir, chroot, pivot_root};

use crate::machine::become_init::become_init;
use crate::machine::console;
use crate::wire::after::After;

const ROOT: &str = "/run/initramfs";

/// Becomes that program, if there is one. Comes back where there is none, or where it cannot be.
pub(super) fn hand_over(after: After) {
    let verb = match after {
        After::Reboot => c"reboot",
        After::Halt => c"halt",
        After::Kexec => c"kexec",
        _ => c"poweroff",
    };
    if access(&Path::new(ROOT).join("shutdown"), AccessFlags::X_OK).is_err() {
        return;
    }
    console::say(format_args!("{ROOT}/shutdown has the last word"));
    let arguments = [c"/shutdown", verb].map(CStr::to_owned);
    let errno = enter().err().unwrap_or_else(|| become_init(Path::new("/shutdown"), &arguments));
    console::say(format_args!("{ROOT}/shutdown cannot be executed: {}", errno.desc()));
}

/// Makes it our root.
fn enter() -> Result<(), Errno> {
    let flags = |flags| (None::<&str>, flags, None::<&str>);
    let (none, private, no_data) = flags(MsFlags::MS_REC | MsFlags::MS_PRIVATE);
    // Before anything is mounted, or others get it, too.
    mount(none, "/", none, private, no_data)?;
    // It may be a directory of /run: only a mount can become a root.
    mount(Some(ROOT), ROOT, none, MsFlags::MS_BIND | MsFlags::MS_REC, no_data)?;
    chdir(ROOT)?;
    for directory in ["proc", "sys", "dev", "run"] {
        let _ = fs::create_dir(directory);
        let from = Path::new("/").join(directory);
        // /run holds what we are about to become.
        let deep = if directory == "run" { MsFlags::empty() } else { MsFlags::MS_REC };
        mount(Some(&from), directory, none, MsFlags::MS_BIND | deep, no_data)?;
    }
    let _ = fs::create_dir("oldroot");
    pivot_root(".", "oldroot")?;
    chroot(".")?;
    chdir("/")
}
