//! What units of a machine run of supd itself: small programs beside PID 1, each of which does one thing and
//! tells how it went by its exit code.

use std::ffi::OsString;
use std::path::Path;

use super::initramfs;
use super::initramfs::root_words;
use super::power_button;
use super::rescue;
use crate::limits::KERNEL_LINE_BYTES_MAX;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helper {
    /// `supd mount-root`: in an initramfs, waits for the root and mounts it at /sysroot.
    MountRoot,
    /// `supd power-button`: asks PID 1 to switch off whenever somebody presses it.
    PowerButton,
}

impl Helper {
    /// The one that the arguments ask for, the program's own name left out.
    pub fn named(arguments: &[OsString]) -> Option<Self> {
        match arguments {
            [word] if word == "mount-root" => Some(Self::MountRoot),
            [word] if word == "power-button" => Some(Self::PowerButton),
            _ => None,
        }
    }

    /// Does it; the exit code.
    pub fn run(self) -> u8 {
        let (name, done) = match self {
            Self::MountRoot => ("mount-root", mount_root()),
            Self::PowerButton => ("power-button", power_button::watch()),
        };
        match done {
            Ok(()) => 0,
            Err(why) => {
                eprintln!("supd {name}: {why}");
                1
            }
        }
    }
}

fn mount_root() -> Result<(), String> {
    let line = super::read(Path::new("/proc/cmdline"), KERNEL_LINE_BYTES_MAX)
        .map_err(|error| format!("cannot read the kernel's command line: {error}"))?;
    let words = root_words::parse(&line);
    while let Err(why) = initramfs::mount_root(&words) {
        if !rescue::try_shell_before_next_try(&format!("the root cannot be mounted: {why}")) {
            return Err(why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_named_alone() {
        let named = |words: &[&str]| Helper::named(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(named(&["mount-root"]), Some(Helper::MountRoot));
        assert_eq!(named(&["power-button"]), Some(Helper::PowerButton));
        assert_eq!(named(&["power-button", "x"]), None);
        assert_eq!(named(&[]), None);
    }
}
