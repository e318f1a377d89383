//! What this kernel, and the filter of system calls that we are under, let a process do: found by trying, in a child
//! that may be killed for it.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicI32};

use super::clone::{Parent, Stack, clone_vm};
use super::{confine, memory, pidfd, process};

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It can be done.
    Yes,
    /// It is refused, with this errno.
    Refused(i32),
    /// Whoever tries is killed by this signal: SIGSYS is a filter's.
    Killed(u8),
}

/// Tries something in a child, which ends with it: whatever it changes is changed nowhere else. To be called by a
/// process with one thread.
pub fn attempt(what: fn() -> io::Result<()>) -> Answer {
    match process::fork() {
        Err(error) => Answer::Refused(errno(&error)),
        Ok(None) => {
            let code = what().map_or_else(|error| errno(&error), |()| 0);
            // SAFETY: ends the child at once, without the exit handlers of its parent.
            unsafe { libc::_exit(code) }
        }
        Ok(Some(child)) => await_answer(child),
    }
}

fn await_answer(child: i32) -> Answer {
    loop {
        let mut status = 0;
        // SAFETY: a plain call that fills one number.
        match unsafe { libc::waitpid(child, &mut status, 0) } {
            -1 if errno(&io::Error::last_os_error()) == libc::EINTR => {}
            -1 => return Answer::Refused(errno(&io::Error::last_os_error())),
            _ => {
                return match process::How::from_wait_status(status) {
                    process::How::Exited(0) => Answer::Yes,
                    process::How::Exited(code) => Answer::Refused(i32::from(code)),
                    process::How::Signaled(signal, _) => Answer::Killed(signal),
                };
            }
        }
    }
}

/// Every errno of Linux fits into an exit code.
fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// clone3(2), as a fork.
pub fn clone3() -> io::Result<()> {
    // SAFETY: exit_signal alone is given (the fifth of eight words), so it is a fork; the child ends at once.
    unsafe {
        let arguments: [u64; 8] = [0, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
        let made = libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments));
        if made == 0 {
            libc::_exit(0);
        }
        check(made).map(drop)
    }
}

/// A child that is born as our parent's, in our memory, as runs are. It is the prober's own then, until that ends.
pub fn clone_for_parent() -> io::Result<()> {
    let mut stack = Stack::new()?;
    let entered = AtomicBool::new(false);
    // SAFETY: the entry ends at once, and needs nothing; we are the only thread.
    let birth =
        unsafe { clone_vm(&mut stack, &AtomicI32::new(0), (None, &entered), end, &raw const NOTHING) }?;
    match birth.parent {
        Parent::Ours => Ok(()),
        Parent::Us => Err(io::Error::from_raw_os_error(libc::EPERM)),
    }
}

static NOTHING: u8 = 0;

unsafe extern "C" fn end(_: *const u8) -> ! {
    // SAFETY: ends this process alone.
    unsafe {
        libc::syscall(libc::SYS_exit_group, 0);
        libc::_exit(0)
    }
}

/// pidfd_open(2).
pub fn pidfd_open() -> io::Result<()> {
    process::pidfd_open(nix::unistd::getpid().as_raw()).map(drop)
}

/// pidfd_send_signal(2).
pub fn pidfd_send_signal() -> io::Result<()> {
    let own = process::pidfd_open(nix::unistd::getpid().as_raw())?;
    pidfd::send_signal(own.as_fd(), 0, false)
}

/// waitid(2) for a descriptor, of a child that has ended.
pub fn wait_for_pidfd() -> io::Result<()> {
    let child = ended_child()?;
    let own = process::pidfd_open(child)?;
    process::wait(process::Which::Pidfd(own.as_fd()), true).map(drop)
}

/// How a process ended that was waited for already: PIDFD_GET_INFO.
pub fn ending_of_reaped() -> io::Result<()> {
    let child = ended_child()?;
    let own = process::pidfd_open(child)?;
    process::wait(process::Which::Pid(child), true)?;
    pidfd::ending(own.as_fd())?.map(drop).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOTTY))
}

/// A child that has ended and was not waited for.
fn ended_child() -> io::Result<i32> {
    let Some(child) = process::fork()? else {
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) }
    };
    // SAFETY: all-zero is valid for the structure, which the call fills.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let id = libc::id_t::try_from(child).unwrap_or_default();
        check(libc::waitid(libc::P_PID, id, &mut info, libc::WEXITED | libc::WNOWAIT).into())?;
    }
    Ok(child)
}

/// close_range(2), with which descriptors that we were started with are kept from runs.
pub fn close_range() -> io::Result<()> {
    // SAFETY: only marks descriptors of this child, which ends.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) })
        .map(drop)
}

/// memfd_create(2), with seals.
pub fn memfd() -> io::Result<()> {
    memory::SharedMemory::create(c"supd-probe", 1, 0).map(drop)
}

/// prctl(PR_SET_CHILD_SUBREAPER).
pub fn subreaper() -> io::Result<()> {
    process::become_subreaper()
}

/// execveat(2) of a descriptor: of one that is none, which is refused for that where the call is there.
pub fn execute_descriptor() -> io::Result<()> {
    // The kernel logs a program without a name.
    let (name, none) = ([c"supd".as_ptr(), std::ptr::null()], [std::ptr::null::<libc::c_char>()]);
    let (path, flags) = (c"".as_ptr(), libc::AT_EMPTY_PATH);
    // SAFETY: an empty path, and lists with their ends; no program is executed.
    let done =
        check(unsafe { libc::syscall(libc::SYS_execveat, -1, path, name.as_ptr(), none.as_ptr(), flags) });
    match done {
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(()),
        other => other.map(drop),
    }
}

/// A mount namespace of one's own, and a mount in it: what volumes need.
pub fn mount_privately() -> io::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?;
    let root = std::fs::File::open("/")?;
    super::mount::copy_tree(root.as_fd()).map(drop)
}

/// Landlock, by which the logger gives up all of the file system but its directory.
pub fn landlock() -> io::Result<()> {
    confine::landlock_version().map(drop)
}

/// A pseudoterminal, as `exec -t` needs it.
pub fn pseudoterminal() -> io::Result<()> {
    nix::pty::openpty(None, None)?;
    Ok(())
}

/// Capabilities of this process that are in force, a bit for each.
pub fn capabilities() -> io::Result<u64> {
    confine::effective()
}

/// prctl(PR_GET_NO_NEW_PRIVS): no program gives us more rights than we have.
pub fn no_new_privs() -> bool {
    nix::sys::prctl::get_no_new_privs().unwrap_or(false)
}

/// prctl(PR_GET_SECCOMP): whether there is a filter of system calls. `None`: even that is not told.
pub fn seccomp() -> Option<bool> {
    // SAFETY: a plain call; it answers 0 without a filter, and 2 with one.
    match unsafe { libc::prctl(libc::PR_GET_SECCOMP) } {
        0 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

/// The name of the kernel, its release, and the machine that it is for.
pub fn kernel() -> (String, String, String) {
    let text = |field: &[libc::c_char]| {
        let bytes = field.iter().take_while(|byte| **byte != 0).map(|byte| byte.to_ne_bytes()[0]);
        String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
    };
    // SAFETY: all-zero is valid for the structure, which the call fills.
    let name = unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        libc::uname(&mut name);
        name
    };
    (text(&name.sysname), text(&name.release), text(&name.machine))
}

/// What a kernel calls an errno.
pub fn describe(errno: i32) -> &'static str {
    nix::errno::Errno::from_raw(errno).desc()
}

/// The name of a signal.
pub fn signal_name(signal: u8) -> &'static str {
    nix::sys::signal::Signal::try_from(i32::from(signal)).map_or("a signal", |signal| signal.as_str())
}

/// Whether a file is the kernel's device of this kind and number: `/dev/null` is (1, 3).
pub fn is_device(path: &CStr, major: u32, minor: u32) -> bool {
    nix::sys::stat::stat(path).is_ok_and(|stat| {
        let is_character = stat.st_mode & libc::S_IFMT == libc::S_IFCHR;
        is_character && stat.st_rdev == libc::makedev(major, minor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_came_of_it() {
        assert_eq!(attempt(|| Ok(())), Answer::Yes);
        assert_eq!(
            attempt(|| Err(io::Error::from_raw_os_error(libc::ENOSYS))),
            Answer::Refused(libc::ENOSYS)
        );
        let killed = attempt(|| process::kill(nix::unistd::getpid().as_raw(), libc::SIGKILL));
        assert_eq!(killed, Answer::Killed(9));
    }
}
