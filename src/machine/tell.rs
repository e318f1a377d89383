//! A helper in a process of its own: tells something to everybody who sits at a terminal, as wall(1) does.
//!
//! Whose terminals they are is asked of the kernel, not of a record of logins: whoever sits at one has a process
//! there. A terminal that takes nothing is passed over.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::PathBuf;

use nix::libc;

use crate::place::stat::Stat;

/// Whether the arguments of supd ask for this.
pub fn is_meant(arguments: &[OsString]) -> bool {
    arguments.first().is_some_and(|word| word.as_bytes() == b"tell")
}

/// `tell TEXT`
pub fn run(arguments: &[OsString]) -> u8 {
    let text = arguments.first().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let text = for_terminals(&text);
    for terminal in terminals() {
        // Not our controlling terminal, and whoever has stopped it must not stop us.
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
        let Ok(mut file) = OpenOptions::new().write(true).custom_flags(flags).open(&terminal) else {
            continue;
        };
        if file.metadata().is_ok_and(|meta| meta.file_type().is_char_device()) {
            // A reader that has gone needs no news.
            let _ = file.write_all(text.as_bytes());
        }
    }
    0
}

/// On lines of their own, whatever stood there; nothing in it can steer a terminal.
fn for_terminals(text: &str) -> String {
    let lines: Vec<String> =
        text.lines().map(|line| line.chars().filter(|character| !character.is_control()).collect()).collect();
    format!("\r\n\x07{}\r\n", lines.join("\r\n"))
}

/// Those that a process has as its controlling one.
fn terminals() -> BTreeSet<PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let devices: BTreeSet<u32> = pids.filter_map(|pid| Stat::of(pid).ok()?.terminal()).collect();
    devices.into_iter().filter_map(path_of).collect()
}

/// What pseudo-terminals have for majors; each has room for so many.
const PSEUDO_TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;
const PER_MAJOR: u32 = 256;

fn path_of(device: u32) -> Option<PathBuf> {
    // As the kernel packs them: eight bits of the minor, then the major, then the rest of the minor.
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    if PSEUDO_TERMINALS.contains(&major) {
        let number = (major - PSEUDO_TERMINALS.start()) * PER_MAJOR + minor;
        return Some(format!("/dev/pts/{number}").into());
    }
    let uevent = fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/uevent")).ok()?;
    let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
    Some(PathBuf::from("/dev").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_terminal_is_found() {
        assert_eq!(path_of(34_816), Some("/dev/pts/0".into()));
        assert_eq!(path_of(137 << 8 | 3), Some("/dev/pts/259".into()));
    }

    #[test]
    fn what_is_told_cannot_steer_a_terminal() {
        assert_eq!(for_terminals("going down\n\x1b[2Jnow"), "\r\n\x07going down\r\n[2Jnow\r\n");
    }
}
