//! The place that supd runs in: decided once, at its start.

use std::ffi::OsString;
use std::io::IsTerminal;

use nix::unistd::geteuid;

use crate::place::container;
use crate::place::init::Init;
use crate::place::parent;
use crate::settings::Settings;

/// What the kernel and the environment say.
pub struct Surroundings {
    /// The effective user is root.
    pub root: bool,
    /// What we are.
    pub init: Init,
    /// We are the main process of a container, PID 1 or not.
    pub container: bool,
    /// Standard output is a terminal.
    pub foreground: bool,
}

impl Surroundings {
    /// Looks around.
    pub fn look() -> Self {
        let init = Init::look();
        Self {
            root: geteuid().is_root(),
            init,
            container: init == Init::OfContainer || (init == Init::OfNobody && parent::is_outside()),
            foreground: std::io::stdout().is_terminal(),
        }
    }

    /// We are the init of a machine.
    pub fn is_machine(&self) -> bool {
        self.init == Init::OfMachine
    }

    /// As the settings want it.
    pub fn place<'a>(&self, variable: &'a dyn Fn(&str) -> Option<OsString>) -> crate::settings::Place<'a> {
        crate::settings::Place {
            variable,
            root: self.root,
            container: self.container,
            process_one: self.init != Init::OfNobody,
            // A machine's console belongs to whoever logs in there.
            foreground: self.foreground && !self.is_machine(),
        }
    }
}

/// `PID 1 of a container (podman)`: for the first line of the log.
pub(super) fn in_words(settings: &Settings) -> String {
    let words = match Init::of(settings) {
        Init::OfMachine => return "PID 1 of the machine".to_owned(),
        Init::OfContainer => "PID 1 of a container",
        Init::OfNobody if settings.container => "the main process of a container",
        Init::OfNobody => "a subreaper",
    };
    match container::manager() {
        Some(manager) if manager != container::UNKNOWN => format!("{words} ({manager})"),
        _ => words.to_owned(),
    }
}
