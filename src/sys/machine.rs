//! What only the init of a machine does.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Makes a terminal the controlling one of our session, which we lead; taken away from whoever had it. It is
/// no harm where that is refused.
pub fn take_controlling_terminal(terminal: &File) {
    // SAFETY: the descriptor is open, and the request takes a number.
    unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 1) };
}

/// Stops swapping there. It reads back all that was swapped out, which takes its time.
pub fn swap_off(path: &CStr) -> io::Result<()> {
    // SAFETY: a string with its NUL.
    if unsafe { libc::swapoff(path.as_ptr()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What SEGV and its like do to the init of a machine, whose end would be a kernel panic: it says `message` on
/// standard error, gives ctrl-alt-del back to the kernel, and from then on buries the dead and nothing else.
/// On a stack of its own, since the fault may be that there is no more of the other one.
pub fn stand_still_on_faults(message: &'static CStr) -> io::Result<()> {
    MESSAGE.store(message.as_ptr().cast_mut(), Ordering::Release);
    // Lives as long as the process: the handler may come at any time.
    let stack = Box::leak(vec![0u8; FAULT_STACK_BYTES].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the stack is leaked; the actions are filled before they are used, and their handler does only
    // what may be done in one.
    unsafe {
        if libc::sigaltstack(&stack, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT] {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = stand_still as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_ONSTACK;
            libc::sigfillset(&mut action.sa_mask);
            if libc::sigaction(signal, &action, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// What the handler says.
static MESSAGE: AtomicPtr<libc::c_char> = AtomicPtr::new(std::ptr::null_mut());

/// The handler's stack: it calls the system and nothing else.
const FAULT_STACK_BYTES: usize = 32 * 1024;

extern "C" fn stand_still(_signal: libc::c_int) {
    let message = MESSAGE.load(Ordering::Acquire);
    // SAFETY: system calls only, on a string with its NUL and on numbers.
    unsafe {
        libc::write(2, message.cast(), libc::strlen(message));
        libc::reboot(libc::RB_ENABLE_CAD);
        loop {
            // All signals are blocked here, and SIGCHLD is not needed to wait.
            if libc::waitpid(-1, std::ptr::null_mut(), 0) < 0 {
                libc::pause();
            }
        }
    }
}
