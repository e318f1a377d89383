//! The place that supd runs in: decided once, at its start.

use std::ffi::OsString;
use std::io::IsTerminal;

use nix::unistd::{Pid, geteuid};

/// What the kernel and the environment say.
pub struct Surroundings {
    /// The effective user is root.
    pub root: bool,
    /// We are PID 1.
    pub process_one: bool,
    /// We are PID 1 of a container; a bare PID namespace counts as one.
    pub container: bool,
    /// Standard output is a terminal.
    pub foreground: bool,
}

/// The PID namespace in which the machine was started has this number on every kernel.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Files that container managers leave.
const MARKS: [&str; 4] =
    ["/run/.containerenv", "/.dockerenv", "/run/systemd/container", "/run/host/container-manager"];

impl Surroundings {
    /// Looks around.
    pub fn look() -> Self {
        let process_one = Pid::this().as_raw() == 1;
        Self {
            root: geteuid().is_root(),
            process_one,
            container: process_one && (is_marked() || is_namespace()),
            foreground: std::io::stdout().is_terminal(),
        }
    }

    /// We are the init of a machine.
    pub fn is_machine(&self) -> bool {
        self.process_one && !self.container
    }

    /// As the settings want it.
    pub fn place<'a>(&self, variable: &'a dyn Fn(&str) -> Option<OsString>) -> crate::settings::Place<'a> {
        crate::settings::Place {
            variable,
            root: self.root,
            container: self.container,
            process_one: self.process_one,
            // A machine's console belongs to whoever logs in there.
            foreground: self.foreground && !self.is_machine(),
        }
    }
}

fn is_marked() -> bool {
    std::env::var_os("container").is_some() || MARKS.iter().any(|mark| std::path::Path::new(mark).exists())
}

/// Whether PID 1 is not the machine's. Without /proc nobody can say, and a machine that has just started is
/// what has none; where the /proc of another namespace shows through, we are not in it.
fn is_namespace() -> bool {
    match std::fs::read_link("/proc/self/ns/pid") {
        Ok(namespace) => namespace.as_os_str() != FIRST_PID_NAMESPACE,
        Err(_) => std::path::Path::new("/proc/1").exists(),
    }
}
