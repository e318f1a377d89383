//! Giving rights up: capabilities, and by Landlock all of the file system but one directory.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The capability to write files and search directories of others.
pub const CAP_DAC_OVERRIDE: u64 = 1 << 1;

/// Keeps of our capabilities only those in `keep`: in force, permitted, and over exec.
pub fn keep_capabilities(keep: u64) -> io::Result<()> {
    let (permitted, _) = capabilities()?;
    let kept = permitted & keep;
    set_capabilities(kept, kept)
}

/// Puts no capability in force, and keeps those that we have for [`keep_capabilities`].
pub fn suspend_capabilities() -> io::Result<()> {
    let (permitted, _) = capabilities()?;
    set_capabilities(permitted, 0)
}

/// The kernel's header and data of version 3: 64 capabilities in two words each.
#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAP_VERSION_3: u32 = 0x2008_0522;

/// Permitted and effective ones of this thread.
fn capabilities() -> io::Result<(u64, u64)> {
    let header = CapHeader { version: CAP_VERSION_3, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: both have the layout and length of version 3, and live through the call.
    check(unsafe { libc::syscall(libc::SYS_capget, &header, data.as_mut_ptr()) })?;
    let [low, high] = data;
    let join = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    Ok((join(low.permitted, high.permitted), join(low.effective, high.effective)))
}

fn set_capabilities(permitted: u64, effective: u64) -> io::Result<()> {
    let header = CapHeader { version: CAP_VERSION_3, pid: 0 };
    let half = |shift: u32| CapData {
        effective: (effective >> shift) as u32,
        permitted: (permitted >> shift) as u32,
        inheritable: 0,
    };
    let data = [half(0), half(32)];
    // SAFETY: both have the layout and length of version 3, and live through the call.
    check(unsafe { libc::syscall(libc::SYS_capset, &header, data.as_ptr()) }).map(drop)
}

/// Those in force.
pub(super) fn effective() -> io::Result<u64> {
    capabilities().map(|(_, effective)| effective)
}

/// What Landlock is asked to refuse; the fields that a kernel does not know are left out by `size`.
#[repr(C)]
struct RulesetAttr {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// What is allowed beneath a directory. Packed in the kernel's header, too.
#[repr(C, packed)]
struct PathBeneathAttr {
    allowed_access: u64,
    parent_fd: i32,
}

mod access {
    pub(super) const WRITE_FILE: u64 = 1 << 1;
    pub(super) const READ_FILE: u64 = 1 << 2;
    pub(super) const READ_DIR: u64 = 1 << 3;
    pub(super) const REMOVE_DIR: u64 = 1 << 4;
    pub(super) const REMOVE_FILE: u64 = 1 << 5;
    pub(super) const MAKE_DIR: u64 = 1 << 7;
    pub(super) const MAKE_REG: u64 = 1 << 8;
    pub(super) const TRUNCATE: u64 = 1 << 14;
}

/// To read, write, make and remove plain files and directories.
const ORDINARY: u64 = access::WRITE_FILE
    | access::READ_FILE
    | access::READ_DIR
    | access::REMOVE_DIR
    | access::REMOVE_FILE
    | access::MAKE_DIR
    | access::MAKE_REG
    | access::TRUNCATE;

/// From here on we can open, make and remove plain files and directories beneath this one, and nothing
/// elsewhere; connect to no port; signal nobody outside. As much of that as the kernel can do. What is open
/// stays as it is. Not for a process that may still gain rights: see `PR_SET_NO_NEW_PRIVS`.
pub fn confine_to(directory: BorrowedFd<'_>) -> io::Result<()> {
    let version = landlock_version()?;
    let rights = match version {
        1 => 13,
        2 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    let all = (1u64 << rights) - 1;
    let attr = RulesetAttr { handled_access_fs: all, handled_access_net: 0b11, scoped: 0b11 };
    let size: usize = match version {
        1..=3 => 8,
        4 | 5 => 16,
        _ => 24,
    };
    // SAFETY: `size` bytes of the structure are read, which are all there; the descriptor is new and ours.
    let ruleset = unsafe {
        let fd = check(libc::syscall(libc::SYS_landlock_create_ruleset, &attr, size, 0u32))?;
        OwnedFd::from_raw_fd(RawFd::try_from(fd).unwrap_or(-1))
    };
    const PATH_BENEATH: u32 = 1;
    let rule = PathBeneathAttr { allowed_access: ORDINARY & all, parent_fd: directory.as_raw_fd() };
    let ruleset = ruleset.as_raw_fd();
    // SAFETY: both descriptors are open, and the rule has the kernel's layout.
    check(unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset, PATH_BENEATH, &raw const rule, 0u32)
    })?;
    // SAFETY: a plain call.
    check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0u32) }).map(drop)
}

/// Which version of Landlock the kernel has.
pub(super) fn landlock_version() -> io::Result<libc::c_long> {
    const VERSION: u32 = 1;
    // SAFETY: no structure is given; with this flag the version is returned.
    check(unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<RulesetAttr>(), 0usize, VERSION)
    })
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
