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

/// Restarts the machine with a word for its firmware or boot loader. Comes back only with an error.
pub fn restart_with(argument: &CStr) -> io::Error {
    // SAFETY: the numbers are those of reboot(2), and the string has its NUL.
    unsafe {
        libc::syscall(
            libc::SYS_reboot,
            libc::LINUX_REBOOT_MAGIC1,
            libc::LINUX_REBOOT_MAGIC2,
            libc::LINUX_REBOOT_CMD_RESTART2,
            argument.as_ptr(),
        );
    }
    io::Error::last_os_error()
}

/// Takes its file away from a loop device: at once, or when nobody uses it any more.
pub fn detach_loop(device: &File) -> io::Result<()> {
    const LOOP_CLR_FD: libc::Ioctl = 0x4C01;
    // SAFETY: the descriptor is open, and the request takes no argument.
    if unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CLR_FD, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The head of every request to the device mapper: see linux/dm-ioctl.h.
#[repr(C)]
struct MapperRequest {
    version: [u32; 3],
    data_size: u32,
    data_start: u32,
    target_count: u32,
    open_count: i32,
    flags: u32,
    event: u32,
    padding: u32,
    device: u64,
    name: [u8; 128],
    uuid: [u8; 129],
    data: [u8; 7],
}

/// Removes a mapping of the device mapper, if nobody uses it.
pub fn remove_mapping(control: &File, name: &CStr) -> io::Result<()> {
    const DM_DEV_REMOVE: libc::Ioctl = 0xC138_FD04;
    let name = name.to_bytes();
    let mut request = MapperRequest {
        version: [4, 0, 0],
        data_size: size_of::<MapperRequest>() as u32,
        data_start: 0,
        target_count: 0,
        open_count: 0,
        flags: 0,
        event: 0,
        padding: 0,
        device: 0,
        name: [0; 128],
        uuid: [0; 129],
        data: [0; 7],
    };
    // The last byte stays 0.
    if name.len() >= request.name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    request.name.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
    // SAFETY: the request is of the size that it says, and outlives the call.
    if unsafe { libc::ioctl(control.as_raw_fd(), DM_DEV_REMOVE, &mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
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
