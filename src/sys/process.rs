//! Processes: waiting for them, signalling them, what they inherit.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::signal;
use crate::limits::DESCRIPTORS_SEARCHED_MAX;

/// A process that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its pid, nobody else's before it is reaped.
    pub pid: i32,
    /// How.
    pub how: How,
    /// What it used.
    pub used: Used,
}

/// What a process used, children included that it waited for: see getrusage(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Microseconds of CPU in user mode.
    pub user_us: u64,
    /// Microseconds of CPU in the kernel.
    pub system_us: u64,
    /// Peak memory of the largest of them, in bytes; what it shared with us before it executed included.
    pub max_rss_bytes: u64,
    /// Bytes read from storage.
    pub read_bytes: u64,
    /// Bytes written to storage.
    pub written_bytes: u64,
}

/// A block of `ru_inblock` and `ru_oublock`, whatever the file system's own is.
const BLOCK_BYTES: u64 = 512;

impl From<&libc::rusage> for Used {
    fn from(usage: &libc::rusage) -> Self {
        let amount = |number: libc::c_long| u64::try_from(number).unwrap_or(0);
        let micros = |time: libc::timeval| u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).unwrap_or(0);
        Self {
            user_us: micros(usage.ru_utime),
            system_us: micros(usage.ru_stime),
            max_rss_bytes: amount(usage.ru_maxrss).saturating_mul(1024),
            read_bytes: amount(usage.ru_inblock).saturating_mul(BLOCK_BYTES),
            written_bytes: amount(usage.ru_oublock).saturating_mul(BLOCK_BYTES),
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// With a code.
    Exited(u8),
    /// By a signal, with or without a core dump.
    Signaled(u8, bool),
}

impl How {
    /// From the word that wait(2) fills, and that the kernel shows elsewhere, too.
    pub fn from_wait_status(status: i32) -> Self {
        let (low, code) = ((status & 0x7f) as u8, (status >> 8) as u8);
        if low == 0 { Self::Exited(code) } else { Self::Signaled(low, status & 0x80 != 0) }
    }
}

/// Which children are waited for.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Any child.
    Any,
    /// This one.
    Pid(i32),
    /// This one.
    Pidfd(BorrowedFd<'a>),
}

/// Looks for a child that has ended, without waiting. `reap` false leaves it a zombie, whose pid cannot become
/// another's. `Ok(None)`: children, but none that has ended. ECHILD: no such child.
pub fn wait(which: Which<'_>, reap: bool) -> io::Result<Option<Ended>> {
    let (kind, id) = match which {
        Which::Any => (libc::P_ALL, 0),
        Which::Pid(pid) => (libc::P_PID, pid),
        Which::Pidfd(fd) => (libc::P_PIDFD, fd.as_raw_fd()),
    };
    let keep = if reap { 0 } else { libc::WNOWAIT };
    // __WALL: a child whose clone was told no exit signal is only found with it.
    let options = libc::WEXITED | libc::WNOHANG | libc::__WALL | keep;
    // SAFETY: all-zero is valid for both, and the kernel fills them.
    let (info, usage) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let mut usage: libc::rusage = std::mem::zeroed();
        // The C library's waitid cannot ask for the usage; the system call can.
        if libc::syscall(libc::SYS_waitid, kind, id, &mut info, options, &mut usage) != 0 {
            return Err(io::Error::last_os_error());
        }
        (info, usage)
    };
    // SAFETY: waitid has filled the fields of SIGCHLD, or left zeros.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let number = u8::try_from(status & 0xff).unwrap_or(u8::MAX);
    let how = match info.si_code {
        libc::CLD_EXITED => How::Exited(number),
        code => How::Signaled(number, code == libc::CLD_DUMPED),
    };
    Ok(Some(Ended { pid, how, used: Used::from(&usage) }))
}

/// A descriptor of a process, that is readable when it has ended. Of a child that we have not reaped, or it
/// may be a stranger's.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: a plain call; the descriptor is new, ours and close-on-exec.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        let fd = RawFd::try_from(fd).unwrap_or(-1);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// The session of a process; 0 if it has none that can be seen from here, as the kernel's own threads.
pub fn session_of(pid: i32) -> io::Result<i32> {
    // SAFETY: a plain call.
    match unsafe { libc::getsid(pid) } {
        -1 => Err(io::Error::last_os_error()),
        session => Ok(session),
    }
}

/// Sends a signal to a process (positive), a process group (negative), or to all that we may (-1).
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: a plain call.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Orphans below us become our children, as they do with PID 1.
pub fn become_subreaper() -> io::Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// The kernel ends us when our parent ends. Kept over exec.
pub fn end_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)
}

fn prctl(option: i32, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: these options take a number and nothing else.
    if unsafe { libc::prctl(option, value, 0, 0, 0) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The name that `ps` shows before the arguments.
pub fn set_name(name: &CStr) {
    // SAFETY: a string with its NUL; a long one is cut by the kernel.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) };
}

/// No signal is handled, ignored or blocked any more.
pub fn reset_signals() {
    signal::default_all();
    signal::hold_none();
}

/// Whether a signal is ignored, as a parent may have left it.
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero sigaction is valid, and the call fills it.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// A program and its arguments, ready to be executed without another allocation: from a signal's handler, too.
pub struct Image {
    program: OwnedFd,
    path: CString,
    by_path: bool,
    /// What `pointers` point to.
    _arguments: Vec<CString>,
    /// To each argument, then to nothing.
    pointers: Vec<*const libc::c_char>,
}

// SAFETY: the pointers lead to strings that the value owns and nobody changes.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    /// Of an open program file; `path` is used where execution by descriptor is refused.
    pub fn new(program: OwnedFd, path: CString, arguments: Vec<CString>) -> Self {
        let mut pointers: Vec<*const libc::c_char> = arguments.iter().map(|word| word.as_ptr()).collect();
        pointers.push(std::ptr::null());
        Self { program, path, by_path: false, _arguments: arguments, pointers }
    }

    /// To be executed by its path alone, which the program then finds as [`executed_path`].
    #[must_use]
    pub fn by_path(mut self) -> Self {
        self.by_path = true;
        self
    }

    /// Becomes it. Comes back only with an error.
    pub fn execute(&self) -> io::Error {
        // A number that is no descriptor is refused, and the path is next.
        self.execute_by(if self.by_path { -1 } else { self.program.as_raw_fd() })
    }

    fn execute_by(&self, program: RawFd) -> io::Error {
        unsafe extern "C" {
            static environ: *const *const libc::c_char;
        }
        // SAFETY: null-terminated arrays of strings that live through the calls; nobody changes the
        // environment of this process.
        unsafe {
            let empty = c"".as_ptr();
            let flags = libc::AT_EMPTY_PATH;
            libc::syscall(libc::SYS_execveat, program, empty, self.pointers.as_ptr(), environ, flags);
            let error = io::Error::last_os_error();
            if !self.path.is_empty() {
                libc::execve(self.path.as_ptr(), self.pointers.as_ptr(), environ);
            }
            error
        }
    }
}

/// What a role finds when it begins.
pub struct Inheritance<'a> {
    /// (descriptor here, its number there); everything else from 3 on is closed.
    pub fds: &'a [(BorrowedFd<'a>, RawFd)],
    /// Soft limit of descriptors, where it is to be another than ours.
    pub nofile: Option<u64>,
    /// It is killed when we end, however we do.
    pub ends_with_us: bool,
}

/// Starts a role: a child in a session of its own.
pub fn start_role(image: &Image, inheritance: &Inheritance<'_>) -> io::Result<i32> {
    let parent = nix::unistd::getpid().as_raw();
    // SAFETY: we have one thread, so the child may do whatever we might.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => become_role(image, inheritance, parent),
        pid => Ok(pid),
    }
}

fn become_role(image: &Image, inheritance: &Inheritance<'_>, parent: i32) -> ! {
    reset_signals();
    if inheritance.ends_with_us {
        let _ = end_with_parent();
        // A parent that has gone before that line sends no signal.
        if nix::unistd::getppid().as_raw() != parent {
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(127) }
        }
    }
    // Copies above all targets first, so that no source is overwritten before it was copied. Close-on-exec is
    // the state of everything we have, and dup2 takes it off.
    let above = inheritance.fds.iter().map(|(_, target)| *target).max().unwrap_or(2) + 1;
    // SAFETY: a plain call; a copy that nobody owns lives until the process ends or executes.
    let copy = |fd: RawFd| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, above) };
    let program = copy(image.program.as_raw_fd());
    let copies: Vec<(RawFd, RawFd)> =
        inheritance.fds.iter().map(|(source, target)| (copy(source.as_raw_fd()), *target)).collect();
    // SAFETY: a plain call in a process of our own; a copy that failed is refused.
    let place = |(copy, target): &(RawFd, RawFd)| unsafe { libc::dup2(*copy, *target) } >= 0;
    let arranged = program >= 0 && copies.iter().all(place);
    let limited = inheritance.nofile.is_none_or(|soft| set_nofile(soft).is_ok());
    // SAFETY: a plain call, in a child that leads no group yet.
    unsafe { libc::setsid() };
    if arranged && limited {
        image.execute_by(program);
    }
    // SAFETY: ends the child at once, without the exit handlers of its parent.
    unsafe { libc::_exit(127) }
}

/// The soft limit of descriptors that this process was started with; 0: nobody has raised it.
static NOFILE_BEFORE: AtomicU64 = AtomicU64::new(0);

/// Raises our soft limit of descriptors to the hard one; gives the soft limit there was.
pub fn raise_nofile() -> io::Result<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    note_nofile(Some(soft));
    Ok(soft)
}

/// A program before us, in the same process, has raised it from there.
pub fn note_nofile(soft: Option<u64>) {
    NOFILE_BEFORE.store(soft.unwrap_or(0), Ordering::Release);
}

/// Lowers it again, for a program of somebody else that we become.
pub fn give_back_nofile() {
    let soft = NOFILE_BEFORE.load(Ordering::Acquire);
    if soft > 0 {
        let _ = set_nofile(soft);
    }
}

/// Sets our soft limit of descriptors, below the hard one.
pub fn set_nofile(soft: u64) -> io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard)?)
}

/// Forks; for the init of one command. We have one thread, so the child may do whatever we might.
pub fn fork() -> io::Result<Option<i32>> {
    // SAFETY: one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(pid)),
    }
}

/// A descriptor that we were started with, now owned. `None`: it is not open. To be asked once for each number.
pub fn adopt(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: F_SETFD fails for a number that is not open, so what is owned exists; the caller asks once, at
    // the start, when nobody else can own it.
    unsafe {
        if libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) != 0 {
            return None;
        }
        Some(OwnedFd::from_raw_fd(number))
    }
}

/// Device and inode of what a descriptor that we were started with leads to. `None`: it is not open.
pub fn file_of(number: RawFd) -> Option<(u64, u64)> {
    // SAFETY: an all-zero stat is valid, and the call fills it; a number that is not open is refused.
    unsafe {
        let mut found: libc::stat = std::mem::zeroed();
        (libc::fstat(number, &mut found) == 0).then_some((found.st_dev, found.st_ino))
    }
}

/// Leaves a descriptor open under this number for the program that we are about to become. What had the number
/// is closed.
pub fn hand_over(fd: OwnedFd, number: RawFd) -> io::Result<()> {
    // SAFETY: `fd` is ours. What had the number was nobody's that will use it: we execute next.
    let done = unsafe {
        if fd.as_raw_fd() == number {
            libc::fcntl(number, libc::F_SETFD, 0)
        } else {
            libc::dup2(fd.as_raw_fd(), number)
        }
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    if fd.as_raw_fd() == number {
        std::mem::forget(fd);
    }
    Ok(())
}

/// Says of a descriptor whether it is closed when we execute.
pub fn close_on_exec(number: RawFd, close: bool) -> io::Result<()> {
    // SAFETY: a plain call; a number that is not open is refused.
    match unsafe { libc::fcntl(number, libc::F_SETFD, if close { libc::FD_CLOEXEC } else { 0 }) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Marks every descriptor from this one on as close-on-exec: those that we were started with and know nothing
/// of. Where the kernel or a filter has no call for it, one by one.
pub fn close_on_exec_from(first: RawFd) {
    // SAFETY: a plain call.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done != 0 {
        for number in first..highest() {
            // Refused for a number that is no descriptor.
            let _ = close_on_exec(number, true);
        }
    }
}

/// Closes every descriptor from 3 on but one; one by one, where there is no call for it.
pub fn close_all_but(kept: Option<&impl AsFd>) {
    let kept = kept.map_or(-1, |fd| fd.as_fd().as_raw_fd());
    let close = |first: RawFd, last: RawFd| {
        // SAFETY: descriptors that we were started with: nobody in this process owns one of them.
        first > last || unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0
    };
    if close(3, kept - 1) && close(kept.max(2) + 1, RawFd::MAX) {
        return;
    }
    for number in (3..highest()).filter(|number| *number != kept) {
        // SAFETY: as above.
        unsafe { libc::close(number) };
    }
}

/// No descriptor has this number or a higher one, unless somebody has lowered the limit since.
fn highest() -> RawFd {
    use nix::sys::resource::{Resource, getrlimit};
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    RawFd::try_from(soft.min(DESCRIPTORS_SEARCHED_MAX)).unwrap_or(RawFd::MAX)
}

/// Where our own program is, or was when it was started.
pub fn own_path() -> Option<PathBuf> {
    // What was executed by its descriptor has no path that would lead there again.
    let by_path = || executed_path().filter(|path| !path.starts_with("/dev/fd"));
    let path = std::fs::read_link("/proc/self/exe").ok().or_else(by_path)?.into_os_string().into_vec();
    // So the kernel shows a file that another one has replaced since: that one is where ours was.
    let path = path.strip_suffix(b" (deleted)").unwrap_or(&path);
    Some(OsStr::from_bytes(path).into())
}

/// The path by which we were executed, from the kernel; `/dev/fd/N` if it was by a descriptor.
pub fn executed_path() -> Option<PathBuf> {
    // SAFETY: the kernel put the string on our stack at exec, and it stays there.
    let path = unsafe {
        let path = libc::getauxval(libc::AT_EXECFN) as *const libc::c_char;
        if path.is_null() {
            return None;
        }
        CStr::from_ptr(path)
    };
    Some(OsStr::from_bytes(path.to_bytes()).into())
}

/// Gives memory that was freed back to the system: after a load, what the texts and their trees took.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a call of the C library with a number; it looks at its own heap alone.
    unsafe {
        libc::malloc_trim(0);
    }
}
