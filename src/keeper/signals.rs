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

/// What only the init of a machine listens to; elsewhere they keep their default. From 38 on as SIGRTMIN+4 and on:
/// power-off, restart and kexec; 42 for another root; from 47 on halt, power-off, restart and kexec at once. WINCH is
/// a key of the keyboard that was set aside for init.
const OF_A_MACHINE: [i32; 9] = [libc::SIGWINCH, 38, 39, 40, 42, 47, 48, 49, 50];

/// What every supd listens to. The kernel drops signals for PID 1 that nobody handles.
const WATCHED: [i32; 9] = [
    libc::SIGCHLD,
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPWR,
    HALT_REQUEST,
];

/// The signals that came since the last look.
pub(super) struct Signals {
    wake: OwnedFd,
    came: Vec<(i32, Arc<AtomicBool>)>,
}

impl Signals {
    pub(super) fn listen(settings: &Settings) -> io::Result<Self> {
        let (wake, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let more: &[i32] = if settings.is_machine() { &OF_A_MACHINE } else { &[] };
        let mut came = Vec::with_capacity(WATCHED.len() + more.len());
        for signal in WATCHED.iter().chain(more).copied() {
            // `nohup supd`: whoever started us wants HUP to mean nothing.
            if signal == libc::SIGHUP && !settings.process_one && process::is_ignored(signal) {
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
