//! A new process that shares our memory and stops us until it has executed its program, and is our parent's
//! child. Costs the same however much memory and however many descriptors we have.
//!
//! clone3 and clone are entered by a stub, since a child on a stack of its own cannot return through the
//! wrapper of a C library.

use std::arch::asm;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Stack of a child between clone and exec: its deepest path needs less than 2 KiB.
const STACK_BYTES: usize = 64 * 1024;
const GUARD_BYTES: usize = 16 * 1024;

/// The stack of a child, with a guard below. One is enough: we stand still while it is used.
pub struct Stack {
    base: NonNull<u8>,
}

/// How a clone came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The child is our parent's: it was born where it belongs.
    Ours,
    /// CLONE_PARENT is refused here (a filter of system calls): the child is ours until we end.
    Us,
}

/// clone3's arguments (CLONE_ARGS_SIZE_VER2).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Bytes of the arguments that every kernel with clone3 knows (CLONE_ARGS_SIZE_VER0).
const ARGUMENTS_FIRST: usize = 64;

/// How a child came into the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// Whose child it is.
    pub parent: Parent,
    /// It was born in its cgroup, and need not enter it.
    pub in_group: bool,
}

const FLAGS: u64 = (libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PARENT_SETTID) as u64;
const CLONE_PARENT: u64 = libc::CLONE_PARENT as u64;
/// Since Linux 5.7.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

impl Stack {
    /// Reserves it.
    pub fn new() -> io::Result<Self> {
        let length = GUARD_BYTES + STACK_BYTES;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: a new mapping wherever the kernel likes; its lower part is made inaccessible.
        let base = unsafe {
            let base =
                libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if base == libc::MAP_FAILED || libc::mprotect(base, GUARD_BYTES, libc::PROT_NONE) != 0 {
                return Err(io::Error::last_os_error());
            }
            base
        };
        NonNull::new(base.cast())
            .map(|base| Self { base })
            .ok_or_else(|| io::Error::other("mapped at address 0"))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: our own mapping; no child is on it, or we would not be running.
        unsafe { libc::munmap(self.base.as_ptr().cast(), GUARD_BYTES + STACK_BYTES) };
    }
}

/// Clones. The kernel writes the child's pid into `pid` before the child runs; we go on when it has executed
/// a program or has ended. Before it runs `group_entered` is set to whether it is in `group` already.
///
/// # Safety
/// `entry` runs in our memory while we stand still: it may only do what is async-signal-safe, must not return,
/// and everything `argument` leads to must be there until we go on. We must be the only thread.
pub unsafe fn clone_vm<T>(
    stack: &mut Stack,
    pid: &AtomicI32,
    (group, group_entered): (Option<BorrowedFd<'_>>, &AtomicBool),
    entry: unsafe extern "C" fn(*const T) -> !,
    argument: *const T,
) -> io::Result<Birth> {
    let entry = entry as usize;
    let argument = argument as usize;
    let mut arguments = CloneArgs {
        flags: FLAGS | CLONE_PARENT,
        parent_tid: pid.as_ptr() as u64,
        stack: stack.base.as_ptr() as u64 + GUARD_BYTES as u64,
        stack_size: STACK_BYTES as u64,
        ..CloneArgs::default()
    };
    if let Some(group) = group {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = u64::from(group.as_raw_fd().cast_unsigned());
        group_entered.store(true, Ordering::Relaxed);
        // SAFETY: the arguments describe a stack that nobody is on; the rest is the caller's promise.
        match unsafe { clone3_stub(&arguments, size_of::<CloneArgs>(), entry, argument) } {
            Ok(()) => return Ok(Birth { parent: Parent::Ours, in_group: true }),
            Err(error) if is_refusal(&error) || is_refusal_of_group(&error) => {}
            Err(error) => return Err(error),
        }
        arguments.flags &= !CLONE_INTO_CGROUP;
        group_entered.store(false, Ordering::Relaxed);
    }
    let born = |parent| Birth { parent, in_group: false };
    // SAFETY: as above.
    match unsafe { clone3_stub(&arguments, ARGUMENTS_FIRST, entry, argument) } {
        Err(error) if is_refusal(&error) => {}
        result => return result.map(|()| born(Parent::Ours)),
    }
    let top = arguments.stack + arguments.stack_size;
    for (flags, parent) in [(FLAGS | CLONE_PARENT, Parent::Ours), (FLAGS | libc::SIGCHLD as u64, Parent::Us)]
    {
        // SAFETY: as above.
        match unsafe { clone_stub(flags, top, arguments.parent_tid, entry, argument) } {
            Err(error) if is_refusal(&error) && parent == Parent::Ours => {}
            result => return result.map(|()| born(parent)),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// A child of ours that shares our memory, does this and ends with the code that comes of it; we go on when it has
/// executed a program or has ended. We must be the only thread, and what it does must leave our memory as it is.
pub fn child(body: &dyn Fn() -> u8) -> io::Result<i32> {
    unsafe extern "C" fn entry(body: *const &dyn Fn() -> u8) -> ! {
        // SAFETY: whoever cloned stands still and keeps it.
        let code = unsafe { (*body)() };
        // SAFETY: ends this process alone.
        unsafe { libc::_exit(code.into()) }
    }
    let stack = Stack::new()?;
    let pid = AtomicI32::new(0);
    let (entry, argument) = (entry as *const () as usize, &raw const body as usize);
    let arguments = CloneArgs {
        flags: FLAGS,
        parent_tid: pid.as_ptr() as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: stack.base.as_ptr() as u64 + GUARD_BYTES as u64,
        stack_size: STACK_BYTES as u64,
        ..CloneArgs::default()
    };
    let top = arguments.stack + arguments.stack_size;
    // SAFETY: the arguments describe a stack that nobody is on; `body` is there until we go on.
    unsafe {
        match clone3_stub(&arguments, ARGUMENTS_FIRST, entry, argument) {
            Err(error) if is_refusal(&error) => {
                clone_stub(FLAGS | libc::SIGCHLD as u64, top, arguments.parent_tid, entry, argument)?;
            }
            result => result?,
        }
    }
    Ok(pid.into_inner())
}

/// Whether the call is forbidden or unknown here, and an older one may do.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM | libc::EINVAL))
}

/// Whether a child cannot be born in a cgroup here (an older kernel), or not in this one; it may yet enter it.
fn is_refusal_of_group(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::E2BIG | libc::EACCES | libc::EOPNOTSUPP | libc::EBADF))
}

fn outcome(result: isize) -> io::Result<()> {
    match i32::try_from(-result) {
        Ok(errno) if errno > 0 => Err(io::Error::from_raw_os_error(errno)),
        _ => Ok(()),
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn clone3_stub(arguments: &CloneArgs, size: usize, entry: usize, argument: usize) -> io::Result<()> {
    let result: isize;
    // SAFETY: the caller's promise. The kernel keeps all registers but rax, rcx and r11, in both processes;
    // the child's stack pointer is aligned, as `call` wants it, and it never comes back.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r9",
            "call r8",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") arguments,
            in("rsi") size,
            in("r8") entry,
            in("r9") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    outcome(result)
}

#[cfg(target_arch = "x86_64")]
unsafe fn clone_stub(flags: u64, top: u64, pid: u64, entry: usize, argument: usize) -> io::Result<()> {
    let result: isize;
    // SAFETY: as above; r10 and r8 are the child's tid address and its thread area, both unused.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r9",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") flags,
            in("rsi") top,
            in("rdx") pid,
            in("r10") 0,
            in("r8") 0,
            in("r9") argument,
            in("r12") entry,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    outcome(result)
}

#[cfg(target_arch = "aarch64")]
unsafe fn clone3_stub(arguments: &CloneArgs, size: usize, entry: usize, argument: usize) -> io::Result<()> {
    let result: isize;
    // SAFETY: the caller's promise. The kernel keeps all registers but x0 in both processes; the child's stack
    // pointer is aligned to 16, and it never comes back.
    unsafe {
        asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x10",
            "blr x9",
            "brk #1",
            "2:",
            in("x8") libc::SYS_clone3,
            inlateout("x0") arguments as *const CloneArgs as isize => result,
            in("x1") size,
            in("x9") entry,
            in("x10") argument,
        );
    }
    outcome(result)
}

#[cfg(target_arch = "aarch64")]
unsafe fn clone_stub(flags: u64, top: u64, pid: u64, entry: usize, argument: usize) -> io::Result<()> {
    let result: isize;
    // SAFETY: as above; x3 and x4 are the thread area and the child's tid address, both unused.
    unsafe {
        asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x10",
            "blr x9",
            "brk #1",
            "2:",
            in("x8") libc::SYS_clone,
            inlateout("x0") flags as isize => result,
            in("x1") top,
            in("x2") pid,
            in("x3") 0,
            in("x4") 0,
            in("x9") entry,
            in("x10") argument,
        );
    }
    outcome(result)
}
