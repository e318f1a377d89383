//! What the kernel's command line says of the machine's root: the words that the kernel and other people's
//! initramfs know. Pure: text in, wishes out.

use std::ffi::OsString;
use std::time::Duration;

use crate::limits::ROOT_PATIENCE;
use crate::machine::words::split;

/// Where the root is, how it is mounted, and which program is its init.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::machine) struct RootWords {
    /// `root=`: as it is written.
    pub(in crate::machine) device: Option<String>,
    /// `rootfstype=`: tried in this order, and no others.
    pub(in crate::machine) kinds: Vec<String>,
    /// `rootflags=`: as for `mount -o`.
    pub(in crate::machine) flags: String,
    /// `rw`; else `ro`, which is the kernel's own default. The last one holds.
    pub(in crate::machine) writable: bool,
    /// How long the device may take to appear; `None`: as long as it likes (`rootwait`).
    pub(in crate::machine) patience: Option<Duration>,
    /// `init=`.
    pub(in crate::machine) init: Option<String>,
    /// What that init is given: what stands behind ` -- `, and before it the words that every init knows.
    pub(in crate::machine) arguments: Vec<OsString>,
}

/// Words without a value that inits look for among their arguments.
const FOR_INIT: [&str; 12] = ["single", "s", "S", "-s", "rescue", "emergency", "-b", "1", "2", "3", "4", "5"];

/// Reads the line.
pub(in crate::machine) fn parse(line: &str) -> RootWords {
    let mut words = RootWords {
        device: None,
        kinds: Vec::new(),
        flags: String::new(),
        writable: false,
        patience: Some(ROOT_PATIENCE),
        init: None,
        arguments: Vec::new(),
    };
    let mut all = split(line);
    for word in all.by_ref().take_while(|word| word != "--") {
        match word.split_once('=') {
            Some((_, "")) => {}
            Some(("root", device)) => words.device = Some(device.to_owned()),
            Some(("rootfstype", kinds)) => words.kinds = kinds.split(',').map(str::to_owned).collect(),
            Some(("rootflags", flags)) => words.flags = flags.to_owned(),
            Some(("init", init)) => words.init = Some(init.to_owned()),
            Some(("rootwait" | "rootdelay", seconds)) => {
                if let Ok(seconds) = seconds.parse() {
                    words.patience = Some(Duration::from_secs(seconds));
                }
            }
            Some(_) => {}
            None => match word.as_str() {
                "ro" => words.writable = false,
                "rw" => words.writable = true,
                "rootwait" => words.patience = None,
                known if FOR_INIT.contains(&known) => words.arguments.push(word.into()),
                _ => {}
            },
        }
    }
    words.arguments.extend(all.map(OsString::from));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_loaders_line_is_read() {
        let words = parse("BOOT_IMAGE=/vmlinuz root=UUID=ab-1 ro quiet rootflags=noatime,subvol=@ rw\n");
        assert_eq!(words.device.as_deref(), Some("UUID=ab-1"));
        assert_eq!(words.flags, "noatime,subvol=@");
        assert!(words.writable && words.kinds.is_empty() && words.init.is_none());
        assert_eq!(words.patience, Some(ROOT_PATIENCE));
        assert_eq!(parse("root= init=").device, None);
    }

    #[test]
    fn the_device_may_take_its_time() {
        assert_eq!(parse("rootwait").patience, None);
        assert_eq!(parse("rootwait=7").patience, Some(Duration::from_secs(7)));
        assert_eq!(parse("rootdelay=90").patience, Some(Duration::from_secs(90)));
        assert_eq!(parse("rootdelay=soon").patience, Some(ROOT_PATIENCE));
    }

    #[test]
    fn the_roots_own_init_gets_what_is_meant_for_it() {
        let words = parse("init=/bin/init rootfstype=ext4,xfs single nosplash -- -v root=other");
        assert_eq!(words.init.as_deref(), Some("/bin/init"));
        assert_eq!(words.kinds, ["ext4", "xfs"]);
        assert_eq!(words.arguments, ["single", "-v", "root=other"].map(OsString::from));
        assert_eq!(words.device, None);
    }
}
