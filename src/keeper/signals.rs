//! Signals to us. signal-hook's handlers set a flag and write a byte; nothing is blocked, so nothing leaks
//! into a child.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::OFlag;
use signal_hook::{flag, low_level};

use crate::settings::Settings;
use crate::sys::{self, process};

/// What containers send as "SIGRTMIN+3": the number, since C libraries disagree about SIGRTMIN.
pub(super) const HALT_REQUEST: i32 = 37;

/// Asks the init of a machine for another root.
const SWITCH_ROOT_REQUEST: i32 = 42;

/// The next two numbers, which only the init of a machine is asked by. Elsewhere they keep their default.
const POWER_OFF_REQUEST: i32 = 38;
const REBOOT_REQUEST: i32 = 39;

/// All that we listen to. The kernel drops signals for PID 1 that nobody handles.
const WATCHED: [i32; 12] = [
    libc::SIGCHLD,
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPWR,
    HALT_REQUEST,
    POWER_OFF_REQUEST,
    REBOOT_REQUEST,
    SWITCH_ROOT_REQUEST,
];

/// The signals that came since the last look.
pub(super) struct Signals {
    wake: OwnedFd,
    came: Vec<(i32, Arc<AtomicBool>)>,
}

impl Signals {
    pub(super) fn listen(settings: &Settings) -> io::Result<Self> {
        let (wake, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let mut came = Vec::with_capacity(WATCHED.len());
        for signal in WATCHED {
            // `nohup supd`: whoever started us wants HUP to mean nothing.
            if signal == libc::SIGHUP && !settings.process_one && process::is_ignored(signal) {
                continue;
            }
            if matches!(signal, POWER_OFF_REQUEST | REBOOT_REQUEST | SWITCH_ROOT_REQUEST)
                && !settings.is_machine()
            {
                continue;
            }
            let flag = Arc::new(AtomicBool::new(false));
            // The flag before the byte: whoever is woken finds it.
            flag::register(signal, Arc::clone(&flag))?;
            low_level::pipe::register(signal, writer.try_clone()?)?;
            came.push((signal, flag));
        }
        // What a parent may have blocked comes through from here on.
        sys::signal::hold_none();
        Ok(Self { wake, came })
    }

    /// What says for each signal that it came.
    pub(super) fn flags(&self) -> Vec<(i32, &'static AtomicBool)> {
        // For ever, as the handlers that set them.
        let leak =
            |(signal, flag): &(i32, Arc<AtomicBool>)| (*signal, &**Box::leak(Box::new(Arc::clone(flag))));
        self.came.iter().map(leak).collect()
    }

    /// Readable when a signal came.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Empties the pipe, before the flags are looked at.
    pub(super) fn rest(&self) {
        let mut bytes = [0; 256];
        while matches!(nix::unistd::read(&self.wake, &mut bytes), Ok(count) if count == bytes.len()) {}
    }

    /// Signals that came, each once however often it did.
    pub(super) fn take(&self, index: usize) -> Option<(i32, bool)> {
        let (signal, flag) = self.came.get(index)?;
        Some((*signal, flag.swap(false, Ordering::AcqRel)))
    }
}
