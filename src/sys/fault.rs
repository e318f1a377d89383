//! SEGV and its like in a process that must not end of them: it becomes another program, with the same children
//! and descriptors; and what is done where it cannot.
//!
//! The handler runs in the middle of anything, on a stack of its own, since the fault may be that there is no
//! more of the other one. It calls the system, reads and writes atomic numbers, and does nothing else: no memory
//! is taken, nothing is locked. A fault of the handler itself is one more fault, and leads to the last resort.

use std::io;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

use super::process::{Image, close_on_exec};
use super::signal;

/// What a process does about its faults.
#[derive(Clone, Copy)]
pub struct Arms {
    /// Told the signal, and says which program comes next, if any may. Called in the handler.
    pub heed: fn(i32) -> Option<&'static Image>,
    /// Names each descriptor that goes along to what it is given. Called in the handler.
    pub heirlooms: fn(&mut dyn FnMut(RawFd)),
    /// Signals that came and were not looked at: they come again to the next program.
    pub came: &'static [(i32, &'static AtomicBool)],
    /// What is done if there is no next program, or it cannot be executed.
    pub resort: Resort,
}

/// The last thing to do. Each of them says its message on standard error.
#[derive(Clone, Copy)]
pub struct Resort {
    /// A whole line.
    pub message: &'static str,
    /// And then.
    pub deed: Deed,
}

impl Resort {
    /// Of a machine's init, where nobody has chosen another.
    pub const MACHINE_STANDS: Self = Self {
        message: "\r\nsupd: a fault of supd (SIGSEGV or its like); PID 1 stands still. What runs goes on without it. \
                  Ctrl-alt-del restarts the machine\r\n",
        deed: Deed::Stand { machine: true },
    };
}

/// What a process does that cannot go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Buries the dead and nothing else; for a machine's init, after it has given ctrl-alt-del to the kernel.
    Stand {
        /// We are the init of a machine.
        machine: bool,
    },
    /// Ends with this code.
    Exit(u8),
    /// Writes to the disks, if that does not take too long, and restarts the machine.
    Reboot,
    /// The same, and switches it off.
    PowerOff,
}

/// Signals by which the kernel says that a program is at fault, and by which programs say so of themselves.
const FAULTS: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGSYS];

/// The handler's stack. It needs little; the kernel puts all registers there, for a fault of the handler twice.
const STACK_BYTES: usize = 64 * 1024;
/// How long the disks may take where nobody can see to it any more.
const SYNC_SECONDS: u32 = 10;

/// What holds now. Leaked: the handler may come at any time.
static ARMS: AtomicPtr<Arms> = AtomicPtr::new(ptr::null_mut());
/// Whose handler it is: a child that has not executed anything yet has it, too.
static OURS: AtomicI32 = AtomicI32::new(0);
/// How many faults have begun to be handled.
static DEPTH: AtomicI32 = AtomicI32::new(0);

/// From here on a fault of this process is handled so. May be said again.
pub fn arm(arms: Arms) -> io::Result<()> {
    if ARMS.swap(Box::leak(Box::new(arms)), Ordering::AcqRel).is_null() {
        OURS.store(our_pid(), Ordering::Release);
        listen()?;
    }
    Ok(())
}

/// Signals of faults are not held: the kernel ends whoever holds one that it sends.
pub fn let_through() {
    signal::let_through(&FAULTS);
}

/// Becomes the next program, with every descriptor that goes along, or does what is left to do. Not only for
/// handlers: for whoever cannot go on.
pub fn go_on(next: Option<&'static Image>) -> ! {
    let Some(arms) = arms() else { end_process(i32::from(u8::MAX)) };
    if let Some(image) = next {
        become_it(arms, image);
    }
    do_last(&arms.resort)
}

/// Whether this is the process that was armed, and no child of it.
pub fn is_ours() -> bool {
    OURS.load(Ordering::Acquire) == our_pid()
}

fn listen() -> io::Result<()> {
    let stack = Box::leak(vec![0u8; STACK_BYTES].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the stack is leaked; the actions are filled before they are used, and their handler does only
    // what may be done in one.
    unsafe {
        if libc::sigaltstack(&stack, ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        for fault in FAULTS {
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
            action.sa_sigaction = handler as libc::sighandler_t;
            // The handler's own faults must reach it: the kernel ends whoever faults with the signal blocked.
            action.sa_flags = libc::SA_ONSTACK | libc::SA_NODEFER | libc::SA_SIGINFO;
            libc::sigfillset(&mut action.sa_mask);
            for other in FAULTS {
                libc::sigdelset(&mut action.sa_mask, other);
            }
            if libc::sigaction(fault, &action, ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    // The program before us may have held them when it executed us.
    let_through();
    Ok(())
}

extern "C" fn on_fault(fault: libc::c_int, about: *mut libc::siginfo_t, _: *mut libc::c_void) {
    if !is_ours() {
        // A child that has yet to become something: it dies of its fault, as its parent expects of it.
        // SAFETY: plain calls.
        unsafe {
            libc::signal(fault, libc::SIG_DFL);
            libc::kill(our_pid(), fault);
        }
        return;
    }
    let Some(arms) = arms() else { return };
    // SAFETY: the kernel has put it on the handler's stack.
    let sent = unsafe { about.as_ref() }.is_some_and(|about| about.si_code <= 0);
    if sent && DEPTH.load(Ordering::Acquire) > 0 {
        // Somebody sends more of them, while we do what the first one asks for.
        return;
    }
    match DEPTH.fetch_add(1, Ordering::AcqRel) {
        0 => go_on((arms.heed)(fault)),
        1 => do_last(&arms.resort),
        // Even that fails: whatever it needs is broken.
        _ => match arms.resort.deed {
            Deed::Exit(code) => end_process(i32::from(code)),
            _ => stand(),
        },
    }
}

fn arms() -> Option<&'static Arms> {
    // SAFETY: null, or leaked and never changed.
    unsafe { ARMS.load(Ordering::Acquire).as_ref() }
}

/// Comes back only if the program cannot be executed.
fn become_it(arms: &Arms, image: &Image) {
    // A signal that came now would be lost, or end us.
    signal::hold_all();
    for (number, came) in arms.came {
        if came.swap(false, Ordering::AcqRel) {
            // SAFETY: a plain call; the signal waits, being held.
            unsafe { libc::kill(our_pid(), *number) };
        }
    }
    // What is not open any more is not missed.
    (arms.heirlooms)(&mut |number| _ = close_on_exec(number, false));
    let _ = image.execute();
    signal::let_through(&FAULTS);
}

fn do_last(resort: &Resort) -> ! {
    super::say_at_once(resort.message.as_bytes());
    match resort.deed {
        Deed::Exit(code) => end_process(i32::from(code)),
        Deed::Reboot => go_down(libc::RB_AUTOBOOT),
        Deed::PowerOff => go_down(libc::RB_POWER_OFF),
        Deed::Stand { machine } => {
            if machine {
                // SAFETY: a plain call.
                unsafe { libc::reboot(libc::RB_ENABLE_CAD) };
            }
        }
    }
    stand()
}

/// Comes back only if the kernel refuses.
fn go_down(how: libc::c_int) {
    // SAFETY: plain calls; the child is a copy that only syncs and ends.
    unsafe {
        // Not fork(3), which runs what others have left to be run.
        let (how_told, none) = (libc::c_long::from(libc::SIGCHLD), 0 as libc::c_long);
        let child = libc::syscall(libc::SYS_clone, how_told, none, none, none, none);
        if child == 0 {
            libc::sync();
            libc::_exit(0);
        }
        let child = libc::pid_t::try_from(child).unwrap_or(0);
        let tenth = libc::timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        for _ in 0..SYNC_SECONDS * 10 {
            if child <= 0 || libc::waitpid(child, ptr::null_mut(), libc::WNOHANG) != 0 {
                break;
            }
            libc::nanosleep(&tenth, ptr::null_mut());
        }
        libc::reboot(how);
    }
}

fn stand() -> ! {
    loop {
        // SAFETY: plain calls. All signals but those of faults are held here, and SIGCHLD is not needed to wait.
        unsafe {
            if libc::waitpid(-1, ptr::null_mut(), 0) < 0 {
                // No child is left; who becomes one is found after a while.
                let second = libc::timespec { tv_sec: 1, tv_nsec: 0 };
                libc::nanosleep(&second, ptr::null_mut());
            }
        }
    }
}

fn end_process(code: i32) -> ! {
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(code) }
}

fn our_pid() -> i32 {
    // SAFETY: a plain call.
    unsafe { libc::getpid() }
}
