//! What the init of a machine does beside supervising: its first steps, its last ones, and a shell for when
//! neither go well.
//!
//! [`boot`] runs in PID 1 before it becomes the keeper, [`halt`] after the keeper's loop has ended: nothing
//! here runs while units do, and the keeper itself mounts nothing and reads no file of the machine. What may
//! hang or fail on the way down (other processes, disks, file systems) is done by a child with a deadline.
//! In an initramfs the first steps lead to the machine's root ([`initramfs`]) and to the init there
//! ([`initramfs::switch_root`]). What a unit runs of this is a [`helper`], in a process of its own. [`fallen`] is what PID 1
//! becomes when the keeper faults again and again.
//!
//! Nothing here may end PID 1, since the kernel would panic: errors are told on the console, and passed over.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub mod again;
mod become_init;
pub mod boot;
mod change_root;
pub mod client;
mod console;
pub mod fallen;
pub mod halt;
pub mod helper;
mod initramfs;
mod mounts;
mod power_button;
mod rescue;
pub mod tell;
mod uevent;
pub mod words;

/// A file that the kernel makes, or somebody who set up the machine; no more of it than this.
fn read(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
