//! What the kernel shows as files, and what is lost where nobody has mounted it.

use std::path::Path;

use crate::sys::probe::is_device;

/// One of them.
#[derive(Clone, Copy)]
pub struct Part {
    /// Where it is expected.
    pub path: &'static str,
    /// What is worse without it.
    pub without: &'static str,
    /// What brings it.
    pub remedy: &'static str,
    there: fn() -> bool,
}

/// All of them.
pub const PARTS: [Part; 6] = [
    Part {
        path: "/proc",
        without: "the use of CPU and memory is not shown, file probes fail, notifications of child processes \
                  are not believed, and after a crash of supd what runs is not recognised",
        remedy: "mount -t proc proc /proc",
        there: || Path::new("/proc/self/stat").exists(),
    },
    Part {
        path: "/sys",
        without: "no cgroups can be used",
        remedy: "mount -t sysfs sysfs /sys",
        there: || Path::new("/sys/kernel").exists(),
    },
    Part {
        path: "/dev/null",
        without: "runs read from an empty pipe instead, and what they would write there is an error",
        remedy: "mount -t devtmpfs devtmpfs /dev",
        there: || is_device(c"/dev/null", 1, 3),
    },
    Part {
        path: "/dev/urandom",
        without: "programs that read random numbers there fail; supd asks the kernel itself",
        remedy: "mount -t devtmpfs devtmpfs /dev",
        there: || is_device(c"/dev/urandom", 1, 9),
    },
    Part {
        path: "/dev/ptmx",
        without: "no program can make a terminal",
        remedy: "mount -t devpts -o ptmxmode=666 devpts /dev/pts",
        there: || Path::new("/dev/ptmx").exists() || Path::new("/dev/pts/ptmx").exists(),
    },
    Part {
        path: "/dev/shm",
        without: "programs find no shared memory, and supd no last resort for its socket",
        remedy: "mount -t tmpfs tmpfs /dev/shm",
        there: || Path::new("/dev/shm").is_dir(),
    },
];

/// Those that are not there.
pub fn missing() -> impl Iterator<Item = Part> {
    PARTS.into_iter().filter(Part::is_missing)
}

impl Part {
    /// It is not there, or something else is in its place.
    pub fn is_missing(&self) -> bool {
        !(self.there)()
    }

    /// For the log.
    pub fn words(&self) -> String {
        format!("no {} here: {}", self.path, self.without)
    }
}
