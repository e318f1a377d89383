//! The processes of the other roles: started by descriptor from our own image, watched, started again.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;

use super::Keeper;
use crate::limits::TERMINAL_TEXT_BYTES_MAX;
use crate::settings::{Role, Settings};
use crate::sys::pidfd::send_signal;
use crate::sys::process::{Image, Inheritance, kill, own_path, pidfd_open, start_role};

/// A running role.
pub(super) struct Process {
    pub(super) pid: i32,
    /// Readable when it has ended. `None`: no descriptor was left, so the next sweep finds its end.
    pub(super) pidfd: Option<OwnedFd>,
    /// It is our child; else a keeper that has died started it.
    ours: bool,
}

/// Our own program, from which all roles are made.
pub(super) struct Program {
    fd: OwnedFd,
    path: CString,
}

impl Program {
    /// Opens the file that we are running. The path is for kernels and filters that refuse to execute a
    /// descriptor.
    pub(super) fn open() -> io::Result<Self> {
        let path = own_path().unwrap_or_default().into_os_string();
        let file = std::fs::File::open("/proc/self/exe").or_else(|_| std::fs::File::open(&path))?;
        Ok(Self { fd: file.into(), path: string(path) })
    }

    /// Where it was when it was started.
    pub(super) fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    /// With the arguments of a role.
    pub(super) fn image(&self, settings: &Settings, role: Role) -> io::Result<Image> {
        Ok(Image::new(self.fd.try_clone()?, self.path.clone(), arguments(settings, role)))
    }

    /// Starts a role with these descriptors under these numbers.
    pub(super) fn start(
        &self,
        settings: &Settings,
        role: Role,
        fds: &[(BorrowedFd<'_>, RawFd)],
        nofile: Option<u64>,
    ) -> io::Result<Process> {
        // A logger outlives us while pods still print: they would die of SIGPIPE without it.
        let ends_with_us = role != Role::Logger;
        let pid = start_role(&self.image(settings, role)?, &Inheritance { fds, nofile, ends_with_us })?;
        Ok(Process { pid, pidfd: pidfd_open(pid).ok(), ours: true })
    }
}

impl Keeper {
    /// Has a helper tell this to everybody who sits at a terminal. Nobody waits for it: it is reaped as a
    /// stranger.
    pub(super) fn tell_terminals(&self, text: &[u8]) {
        let text = OsString::from_vec(text.get(..TERMINAL_TEXT_BYTES_MAX).unwrap_or(text).to_vec());
        let started = self.program.fd.try_clone().and_then(|program| {
            let arguments = ["supd".into(), "tell".into(), text].map(string).into();
            let image = Image::new(program, self.program.path.clone(), arguments);
            start_role(&image, &Inheritance { fds: &[], nofile: None, ends_with_us: false })
        });
        if let Err(error) = started {
            self.voice.warn(format_args!("cannot tell those who are logged in: {error}"));
        }
    }
}

/// Another program, open, with the arguments of a role.
pub(super) fn image_of(program: OwnedFd, settings: &Settings, role: Role) -> Image {
    let path = OsString::from(format!("/proc/self/fd/{}", program.as_raw_fd()));
    Image::new(program, string(path), arguments(settings, role))
}

fn arguments(settings: &Settings, role: Role) -> Vec<CString> {
    std::iter::once(OsString::from("supd")).chain(settings.to_args(role)).map(string).collect()
}

impl Process {
    /// A role that the program before us has started, in the same process.
    pub(super) fn child(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd: Some(pidfd), ours: true }
    }

    /// A role that a keeper before us has started.
    pub(super) fn adopted(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd: Some(pidfd), ours: false }
    }

    /// Ends it at once. A child that was not reaped has its pid for itself; another is known by descriptor.
    pub(super) fn kill(&self) {
        let _ = match &self.pidfd {
            Some(pidfd) if !self.ours => send_signal(pidfd.as_fd(), libc::SIGKILL, false),
            _ => kill(self.pid, libc::SIGKILL),
        };
    }

    pub(super) fn is_ours(&self) -> bool {
        self.ours
    }

    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }
}

/// How long to wait before the next start: 1, 2, 4 … 60 s.
pub(super) fn back_off_ns(deaths_in_a_row: u32) -> u64 {
    let seconds = 1u64.checked_shl(deaths_in_a_row.saturating_sub(1)).unwrap_or(u64::MAX).min(60);
    seconds * 1_000_000_000
}

/// An argument cannot hold a NUL byte: it came as one, or from a path.
fn string(text: OsString) -> CString {
    CString::new(text.into_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_a_minute() {
        let seconds: Vec<u64> = (1..9).map(|deaths| back_off_ns(deaths) / 1_000_000_000).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(back_off_ns(u32::MAX) / 1_000_000_000, 60);
    }
}
