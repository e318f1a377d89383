//! Between clone and exec: the new process, in the spawner's memory, on a stack of its own.
//!
//! Only what is async-signal-safe: system calls on what `prepare` has built. No allocation, no lock, no panic,
//! nothing of `std` that could do one of these. A failed step is one store into the slot, then the end.
//!
//! The order is that of the security checklist: what needs a privilege comes before it is given up, the
//! working directory is entered as the user whose it is, descriptors are closed last.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use super::volumes::ChildBind;
use crate::sys::clone::{Birth, Stack, clone_vm};
use crate::wire::run::Step;
use crate::wire::table::pack_fault;

/// What the child needs, all of it ready. Pointers lead to what the spawner keeps until it goes on.
pub(super) struct ChildPlan<'a> {
    /// Volumes to mount, outer ones first; with any the child has a mount namespace of its own.
    pub(super) binds: &'a [ChildBind],
    /// The file by which it enters its cgroup, where it is not born in it; -1: none.
    pub(super) door: i32,
    /// Set before it runs, if it was.
    pub(super) group_entered: &'a AtomicBool,
    /// It has done anything at all.
    pub(super) lived: &'a AtomicBool,
    /// Paths to try in order, as execvp(3) does; ends with null.
    pub(super) programs: &'a [*const c_char],
    /// Ends with null.
    pub(super) argv: &'a [*const c_char],
    /// Ends with null.
    pub(super) envp: &'a [*const c_char],
    /// (source, number in the program). No number is another's source.
    pub(super) fds: &'a [(i32, i32)],
    /// The one number above 2 among them.
    pub(super) kept_fd: Option<i32>,
    /// Standard input becomes the controlling terminal.
    pub(super) terminal: bool,
    /// (resource, value).
    pub(super) rlimits: &'a [(u32, u64)],
    /// A limit that cannot be raised is an error.
    pub(super) strict: bool,
    /// File mode mask.
    pub(super) umask: u32,
    /// Supplementary groups to take.
    pub(super) groups: Option<&'a [u32]>,
    /// Group to become.
    pub(super) gid: Option<u32>,
    /// User to become.
    pub(super) uid: Option<u32>,
    /// Where to go.
    pub(super) directory: *const c_char,
    /// Where a failure is reported.
    pub(super) fault: &'a AtomicU64,
    /// Where limits that were refused are counted.
    pub(super) limits_refused: &'a AtomicU64,
}

/// How often a program that somebody is writing (ETXTBSY) is tried, and how long it is waited for.
const BUSY_TRIES: u32 = 5;
const BUSY_WAIT_NS: i64 = 20_000_000;

/// Makes the new process; comes back when it has executed its program, or has ended and left a fault. To be
/// called by the one thread of a spawner.
pub(super) fn clone(
    stack: &mut Stack,
    pid: &AtomicI32,
    group: Option<BorrowedFd<'_>>,
    plan: &ChildPlan<'_>,
) -> io::Result<Birth> {
    // SAFETY: `run` is made for this, and the plan lives until we come back.
    unsafe { clone_vm(stack, pid, (group, plan.group_entered), run, plan) }
}

/// The new process. `plan` is valid until we have executed or ended.
///
/// # Safety
/// Called by `sys::clone::clone_vm` alone.
unsafe extern "C" fn run(plan: *const ChildPlan<'_>) -> ! {
    // SAFETY: the spawner stands still and keeps the plan.
    let plan = unsafe { &*plan };
    plan.lived.store(true, Ordering::Relaxed);
    let (step, errno) = match become_program(plan) {
        Err(failure) => failure,
        Ok(never) => match never {},
    };
    plan.fault.store(pack_fault(step, errno), Ordering::Release);
    // SAFETY: ends this process alone.
    unsafe {
        libc::syscall(libc::SYS_exit_group, 127);
        libc::_exit(127)
    }
}

enum Never {}

type Failure = (Step, i32);

fn become_program(plan: &ChildPlan<'_>) -> Result<Never, Failure> {
    // First of all, so that whatever it does is counted there, and nothing of it can be elsewhere.
    if plan.door >= 0 && !plan.group_entered.load(Ordering::Relaxed) {
        check(Step::Cgroup, call(libc::SYS_write, [long(plan.door), c"0".as_ptr() as i64, 1, 0]))?;
    }
    // Signals need nothing: the spawner handles, ignores and blocks none, and so do its children.
    check(Step::Session, call(libc::SYS_setsid, [0; 4]))?;
    for (source, target) in plan.fds {
        check(Step::Stdio, call(libc::SYS_dup3, [long(*source), long(*target), 0, 0]))?;
    }
    if plan.terminal {
        let request = i64::try_from(libc::TIOCSCTTY).unwrap_or(0);
        check(Step::Terminal, call(libc::SYS_ioctl, [0, request, 0, 0]))?;
    }
    for (resource, value) in plan.rlimits {
        limit(plan, *resource, *value)?;
    }
    call(libc::SYS_umask, [i64::from(plan.umask), 0, 0, 0]);
    mount_volumes(plan.binds)?;
    become_user(plan)?;
    if !plan.directory.is_null() {
        check(Step::Chdir, call(libc::SYS_chdir, [plan.directory as i64, 0, 0, 0]))?;
    }
    close_others(plan.kept_fd);
    execute(plan)
}

/// Mounts volumes where nobody else sees them. What the machine mounts later is seen here, too.
fn mount_volumes(binds: &[ChildBind]) -> Result<(), Failure> {
    if binds.is_empty() {
        return Ok(());
    }
    let mount = |target: *const c_char, flags: u64| {
        let flags = i64::try_from(flags).unwrap_or(0);
        check(Step::Mount, call(libc::SYS_mount, [c"none".as_ptr() as i64, target as i64, 0, flags]))
    };
    check(Step::Mount, call(libc::SYS_unshare, [long(libc::CLONE_NEWNS), 0, 0, 0]))?;
    mount(c"/".as_ptr(), libc::MS_REC | libc::MS_SLAVE)?;
    for bind in binds {
        let to = [long(bind.source), c"".as_ptr() as i64, long(libc::AT_FDCWD), bind.target as i64];
        check(Step::Mount, call_with(libc::SYS_move_mount, to, MOVE_MOUNT_F_EMPTY_PATH))?;
        // What a process mounts within it is its own business.
        mount(bind.target, libc::MS_REC | libc::MS_PRIVATE)?;
        if bind.remount != 0 {
            mount(bind.target, bind.remount)?;
        }
    }
    Ok(())
}

/// move_mount(2): the descriptor itself is what is moved.
const MOVE_MOUNT_F_EMPTY_PATH: i64 = 4;

/// Sets a limit, soft and hard. Where the hard one may not be raised, the soft one goes as far as it can, and
/// the record says so.
fn limit(plan: &ChildPlan<'_>, resource: u32, value: u64) -> Result<(), Failure> {
    let wanted = libc::rlimit64 { rlim_cur: value, rlim_max: value };
    let errno = set_limit(resource, &wanted);
    if errno == 0 {
        return Ok(());
    }
    if errno != libc::EPERM || plan.strict {
        return Err((Step::Rlimit, errno));
    }
    plan.limits_refused.fetch_or(1u64.wrapping_shl(resource), Ordering::Relaxed);
    let mut now = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let read = [0, i64::from(resource), 0, &raw mut now as i64];
    check(Step::Rlimit, call(libc::SYS_prlimit64, read))?;
    now.rlim_cur = if value < now.rlim_max { value } else { now.rlim_max };
    match set_limit(resource, &now) {
        0 => Ok(()),
        errno => Err((Step::Rlimit, errno)),
    }
}

fn set_limit(resource: u32, limit: &libc::rlimit64) -> i32 {
    call(libc::SYS_prlimit64, [0, i64::from(resource), &raw const *limit as i64, 0])
}

/// Groups, then group, then user; read back, since a kernel that says yes and does not is not to be believed.
/// By system call: the C library's wrappers would signal what they take for our other threads.
fn become_user(plan: &ChildPlan<'_>) -> Result<(), Failure> {
    if let Some(groups) = plan.groups {
        let count = i64::try_from(groups.len()).unwrap_or(0);
        check(Step::SetGroups, call(libc::SYS_setgroups, [count, groups.as_ptr() as i64, 0, 0]))?;
    }
    let become_one = |step, set, get, id: u32| {
        let wanted = i64::from(id);
        check(step, call(set, [wanted, wanted, wanted, 0]))?;
        let mut ids = [u32::MAX; 3];
        let places = ids.as_mut_ptr();
        // SAFETY: three numbers in a row; their addresses are what the call fills.
        let (second, third) = unsafe { (places.add(1), places.add(2)) };
        check(step, call(get, [places as i64, second as i64, third as i64, 0]))?;
        if ids == [id; 3] { Ok(()) } else { Err((step, libc::EPERM)) }
    };
    if let Some(gid) = plan.gid {
        become_one(Step::SetGroup, libc::SYS_setresgid, libc::SYS_getresgid, gid)?;
    }
    if let Some(uid) = plan.uid {
        become_one(Step::SetUser, libc::SYS_setresuid, libc::SYS_getresuid, uid)?;
    }
    Ok(())
}

/// Closes everything from 3 on but the one that is kept. Ours are close-on-exec besides: this is for those
/// that a library may have opened otherwise, and for kernels without the call it is nothing.
fn close_others(kept: Option<i32>) {
    let last = i64::from(u32::MAX);
    let close = |first: i64, last: i64| {
        if first <= last {
            call(libc::SYS_close_range, [first, last, 0, 0]);
        }
    };
    match kept {
        None => close(3, last),
        Some(kept) => {
            close(3, i64::from(kept) - 1);
            close(i64::from(kept) + 1, last);
        }
    }
}

/// Executes the first of the programs that is there, as execvp(3) chooses.
fn execute(plan: &ChildPlan<'_>) -> Result<Never, Failure> {
    let mut failure = libc::ENOENT;
    for program in plan.programs {
        if program.is_null() {
            break;
        }
        let mut errno = try_execute(plan, *program);
        for _ in 1..BUSY_TRIES {
            if errno != libc::ETXTBSY {
                break;
            }
            let pause = libc::timespec { tv_sec: 0, tv_nsec: BUSY_WAIT_NS };
            call(libc::SYS_nanosleep, [&raw const pause as i64, 0, 0, 0]);
            errno = try_execute(plan, *program);
        }
        match errno {
            libc::ENOENT | libc::ENOTDIR => {}
            // A later place may have one that is allowed.
            libc::EACCES => failure = libc::EACCES,
            errno => return Err((Step::Exec, errno)),
        }
    }
    Err((Step::Exec, failure))
}

fn try_execute(plan: &ChildPlan<'_>, program: *const c_char) -> i32 {
    call(libc::SYS_execve, [program as i64, plan.argv.as_ptr() as i64, plan.envp.as_ptr() as i64, 0])
}

fn long(number: i32) -> i64 {
    i64::from(number)
}

fn check(step: Step, errno: i32) -> Result<(), Failure> {
    if errno == 0 { Ok(()) } else { Err((step, errno)) }
}

/// A system call of which only the failure matters: its errno, or 0.
fn call(number: libc::c_long, arguments: [i64; 4]) -> i32 {
    // A fifth argument that a call does not have is not looked at; mount has one, and wants 0.
    call_with(number, arguments, 0)
}

fn call_with(number: libc::c_long, arguments: [i64; 4], fifth: i64) -> i32 {
    let [first, second, third, fourth] = arguments;
    // SAFETY: every caller passes numbers, or addresses of values that live through the call. The errno that
    // the wrapper writes is the spawner's, who stands still and looks at it only after a call of its own.
    unsafe {
        if libc::syscall(number, first, second, third, fourth, fifth) >= 0 {
            return 0;
        }
        *libc::__errno_location()
    }
}
