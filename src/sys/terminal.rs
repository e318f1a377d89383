//! The controlling terminal, and which process group it belongs to at the moment.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;

/// The terminal of our session.
#[derive(Debug)]
pub struct Terminal(OwnedFd);

impl Terminal {
    /// Finds it: among standard input, output and error, or by its name.
    pub fn find() -> Option<Self> {
        // SAFETY: borrowed for one call each, and only while the number is open: who asks has closed none.
        let mut standard = (0..=2).map(|number| unsafe { BorrowedFd::borrow_raw(number) });
        if let Some(fd) = standard.find(|fd| foreground(fd.as_raw_fd()).is_ok()) {
            let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(3)).ok()?;
            return super::process::adopt(copy).map(Self);
        }
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let fd = open("/dev/tty", flags, Mode::empty()).ok()?;
        foreground(fd.as_raw_fd()).is_ok().then_some(Self(fd))
    }

    /// Whether it belongs to our process group.
    pub fn is_ours(&self) -> bool {
        foreground(self.0.as_raw_fd()).is_ok_and(|group| group == our_group())
    }

    /// Gives it to a process group. SIGTTOU is held: a group in the background may ask, too.
    pub fn give_to(&self, group: i32) -> io::Result<()> {
        // SAFETY: a plain call with a descriptor that is ours.
        match unsafe { libc::tcsetpgrp(self.0.as_raw_fd(), group) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Gives it to a process group if another one has it now. ESRCH: somebody else has.
    pub fn give_to_from(&self, group: i32, from: i32) -> io::Result<()> {
        match foreground(self.0.as_raw_fd())? {
            present if present == from => self.give_to(group),
            _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Our process group; 0 if it is one of a PID namespace above ours.
pub fn our_group() -> i32 {
    // SAFETY: a plain call.
    unsafe { libc::getpgrp() }
}

/// Makes a process the leader of a group of its own: ourselves (0), or a child that has not executed yet.
pub fn lead_group(pid: i32) -> io::Result<()> {
    // SAFETY: a plain call.
    match unsafe { libc::setpgid(pid, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The foreground process group of a controlling terminal; an error for anything else.
fn foreground(fd: RawFd) -> io::Result<i32> {
    // SAFETY: a plain call; a number that is no terminal is refused.
    match unsafe { libc::tcgetpgrp(fd) } {
        -1 => Err(io::Error::last_os_error()),
        group => Ok(group),
    }
}

/// Leaves the terminal that whoever executed us has given to our session, so that its keys are no signals to us, and
/// nothing that we write stops us. Signals that it sends to say so mean nothing to PID 1, which alone does this.
pub fn leave() {
    let _ = nix::unistd::setsid();
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    // Only a session that has one can open it by this name.
    if let Ok(terminal) = open("/dev/tty", flags, Mode::empty()) {
        // SAFETY: the descriptor is open, and the request takes nothing.
        unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCNOTTY) };
    }
}

/// Asks the kernel for SIGWINCH when somebody presses the key that a keymap sets aside for that (Alt-Up in most): see
/// KDSIGACCEPT in ioctl_console(2). For whoever asked last.
pub fn accept_keyboard_request() -> io::Result<()> {
    const KDSIGACCEPT: libc::Ioctl = 0x4B4E;
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    let terminal = File::options().read(true).write(true).custom_flags(flags).open("/dev/tty0")?;
    // SAFETY: the descriptor is open, and the request takes a number.
    let done = unsafe { libc::ioctl(terminal.as_raw_fd(), KDSIGACCEPT, libc::SIGWINCH) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
