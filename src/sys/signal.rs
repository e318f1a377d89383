//! Signals of our own process, all at once: held, let through, without handlers; and waited for.
//!
//! System calls, not the C library's functions, which hide the two signals (32, 33) that it uses itself: whoever
//! sends them to a container means its command, and a parent may have left even those ignored.

use std::io;

use super::raw;

/// A set of signals in the kernel's own layout: bit n − 1 is signal n.
type Set = u64;

const ALL: Set = !0;
const SET_BYTES: usize = size_of::<Set>();

/// From here on every signal waits that can.
pub fn hold_all() {
    mask(libc::SIG_SETMASK, ALL);
}

/// Held by the roles beside the keeper: what a terminal, a service manager or a container manager says to all of supd's
/// processes at once is for the keeper to hear, and to tell them.
pub fn leave_to_keeper() {
    let asked = [libc::SIGINT, libc::SIGTERM, libc::SIGQUIT, libc::SIGHUP, libc::SIGTSTP, libc::SIGTTOU];
    mask(libc::SIG_BLOCK, asked.iter().fold(0, |set, signal| set | 1 << (signal - 1)));
}

/// No signal waits any more.
pub fn hold_none() {
    mask(libc::SIG_SETMASK, 0);
}

/// These wait no more.
pub fn let_through(signals: &[i32]) {
    mask(libc::SIG_UNBLOCK, signals.iter().fold(0, |set, signal| set | 1 << (signal - 1)));
}

/// No signal is handled or ignored any more; what waits goes on waiting.
pub fn default_all() {
    (1..=SET_BYTES * 8).for_each(default);
}

/// This one is not.
pub fn default(signal: usize) {
    /// SIG_DFL, no flags, no mask, in the kernel's own layout.
    static DEFAULT: [u64; 4] = [0; 4];
    // SAFETY: an action of the size that the kernel reads; KILL and STOP refuse.
    unsafe {
        raw::call(libc::SYS_rt_sigaction, [signal, DEFAULT.as_ptr() as usize, 0, SET_BYTES]);
    }
}

/// Waits for the next signal; its number.
pub fn next() -> io::Result<i32> {
    loop {
        let none = std::ptr::null::<u8>();
        // SAFETY: the set lives through the call; neither details nor a time limit are asked for.
        let signal =
            unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, &raw const ALL_SET, none, none, SET_BYTES) };
        if signal > 0 {
            return i32::try_from(signal).map_err(io::Error::other);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Waits for the next signal, no longer than that; its number.
pub fn next_within(patience: std::time::Duration) -> Option<i32> {
    let patience = libc::timespec {
        tv_sec: libc::time_t::try_from(patience.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    let none = std::ptr::null::<u8>();
    // SAFETY: the set and the time live through the call; details are not asked for.
    let signal = unsafe {
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const ALL_SET, none, &raw const patience, SET_BYTES)
    };
    i32::try_from(signal).ok().filter(|signal| *signal > 0)
}

/// Where the kernel reads [`ALL`].
static ALL_SET: Set = ALL;

/// Stops our process group as `^Z` does: not where nobody could let it go on (a group without a parent in its
/// session, PID 1). Comes back after it was continued, or at once. Signals are held when it is called.
pub fn stop_our_group() -> io::Result<()> {
    super::process::kill(0, libc::SIGTSTP)?;
    mask(libc::SIG_UNBLOCK, 1 << (libc::SIGTSTP - 1));
    mask(libc::SIG_SETMASK, ALL);
    Ok(())
}

/// The signal that a child has been stopped by since this was last asked.
pub fn stopped(pid: i32) -> Option<i32> {
    let options = libc::WSTOPPED | libc::WNOHANG;
    // SAFETY: an all-zero siginfo is valid, and waitid fills it.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let id = libc::id_t::try_from(pid).ok()?;
        let asked = libc::waitid(libc::P_PID, id, &mut info, options);
        (asked == 0 && info.si_pid() == pid).then(|| info.si_status())
    }
}

fn mask(how: i32, set: Set) {
    // SAFETY: the set lives through the call; the old one is not asked for.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const set, std::ptr::null::<u64>(), SET_BYTES)
    };
}
