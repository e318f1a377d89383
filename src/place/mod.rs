//! What the place that supd runs in is, and what it allows: found out by looking, never by a version's number.
//!
//! The decisions are pure (texts of the kernel in, a judgement out), so that every kind of place can be a line of
//! a table in a test; a few lines below each of them look. Keeper, manager and supctl judge by the same rules.

pub mod cgroups;
pub mod container;
pub mod init;
pub mod kernel_files;
pub mod mounts;
pub mod parent;
pub mod rights;

use std::fs::File;
use std::io::{self, Read};

use crate::limits::KERNEL_TABLE_BYTES_MAX;

/// A text of the kernel, up to a bound.
pub fn read(path: &str) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(KERNEL_TABLE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
