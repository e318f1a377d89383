//! Descriptors of processes: who it is, how it ended, signals that can reach nobody else.
//!
//! What a kernel does not know yet is said by `None`; nothing here is needed for children, which are waited
//! for.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::process::How;

/// The kernel's pidfd_info, as far as version 0 goes: 64 bytes. Later ones are longer and say the same here.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// _IOWR(0xff, 11, 64 bytes).
const PIDFD_GET_INFO: libc::Ioctl = 0xc040_ff0b_u32 as libc::Ioctl;
/// _IO(0xff, 5).
const PIDFD_GET_PID_NAMESPACE: libc::Ioctl = 0xff05;
const PIDFD_INFO_EXIT: u64 = 1 << 3;
const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;
const PIDFS_MAGIC: u64 = 0x5049_4446;

const _: () = assert!(size_of::<Info>() == 64);

/// The number of a process that no other has until the machine starts again: its pidfd's inode. `None` where
/// all pidfds share one (before Linux 6.9).
pub fn identity(pidfd: BorrowedFd<'_>) -> Option<u64> {
    // SAFETY: all-zero is valid for both structures, and the calls fill them.
    unsafe {
        let mut system: libc::statfs = std::mem::zeroed();
        let mut stat: libc::stat = std::mem::zeroed();
        let known = libc::fstatfs(pidfd.as_raw_fd(), &mut system) == 0
            && system.f_type as u64 == PIDFS_MAGIC
            && libc::fstat(pidfd.as_raw_fd(), &mut stat) == 0;
        known.then_some(stat.st_ino)
    }
}

/// The number of a process's PID namespace. An error: this kernel (before Linux 6.11) does not tell.
pub fn pid_namespace(pidfd: BorrowedFd<'_>) -> io::Result<u64> {
    // SAFETY: the request takes no argument, and the descriptor it makes is new, ours and close-on-exec.
    let namespace = unsafe {
        match libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_PID_NAMESPACE, 0) {
            number @ 0.. => OwnedFd::from_raw_fd(number),
            _ => return Err(io::Error::last_os_error()),
        }
    };
    Ok(nix::sys::stat::fstat(&namespace)?.st_ino)
}

/// How a process ended that somebody has waited for. `Ok(None)`: nobody has yet, or it lives. An error: this
/// kernel (before Linux 6.15) does not tell.
pub fn ending(pidfd: BorrowedFd<'_>) -> io::Result<Option<How>> {
    let mut info = Info { mask: PIDFD_INFO_EXIT, ..Info::default() };
    // SAFETY: the structure has the size that the request's number says.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO, &raw mut info) };
    match done {
        0 if info.mask & PIDFD_INFO_EXIT != 0 => Ok(Some(How::from_wait_status(info.exit_code))),
        0 => Ok(None),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends a signal to this process and to no other; with `group` to the process group that it leads or led, in
/// which nobody else can be either.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32, group: bool) -> io::Result<()> {
    let flags = if group { PIDFD_SIGNAL_PROCESS_GROUP } else { 0 };
    let nothing = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a plain call; without a siginfo the kernel makes one.
    let done =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, nothing, flags) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys::process::{Which, fork, pidfd_open, wait};

    /// A child that ends with this code as soon as a byte is written for it.
    fn child(code: i32) -> (i32, std::os::fd::OwnedFd, std::os::fd::OwnedFd) {
        let (gate, open) = nix::unistd::pipe().unwrap();
        match fork().unwrap() {
            Some(pid) => (pid, pidfd_open(pid).unwrap(), open),
            None => {
                let _ = nix::unistd::read(&gate, &mut [0]);
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(code) }
            }
        }
    }

    #[test]
    fn one_process_has_one_identity() {
        let (one, first, let_one_go) = child(0);
        let (two, second, let_two_go) = child(0);
        let again = pidfd_open(one).unwrap();
        if let Some(identity_of_one) = identity(first.as_fd()) {
            assert_eq!(identity(again.as_fd()), Some(identity_of_one));
            assert_ne!(identity(second.as_fd()), Some(identity_of_one));
        }
        nix::unistd::write(&let_one_go, b"x").unwrap();
        nix::unistd::write(&let_two_go, b"x").unwrap();
        for (pid, pidfd) in [(one, first), (two, second)] {
            let mut fds = [nix::poll::PollFd::new(pidfd.as_fd(), nix::poll::PollFlags::POLLIN)];
            nix::poll::poll(&mut fds, 20_000u16).unwrap();
            wait(Which::Pid(pid), true).unwrap();
        }
    }

    #[test]
    fn the_end_is_told_after_it_was_waited_for() {
        let (pid, pidfd, let_go) = child(42);
        let told = ending(pidfd.as_fd());
        assert!(!matches!(told, Ok(Some(_))), "it lives");
        nix::unistd::write(&let_go, b"x").unwrap();
        let mut fds = [nix::poll::PollFd::new(pidfd.as_fd(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut fds, 20_000u16).unwrap();
        wait(Which::Pid(pid), true).unwrap();
        if let Ok(told) = ending(pidfd.as_fd()) {
            assert_eq!(told, Some(How::Exited(42)));
        }
        assert!(send_signal(pidfd.as_fd(), 0, false).is_err(), "nobody is there to be signalled");
    }
}
