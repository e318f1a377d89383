//! Descriptors 0 to 2 are never anybody's file: where they are closed at our start, something stands there before
//! the first line of ours runs.
//!
//! Rust's runtime opens /dev/null for them, and where there is none it aborts. A kernel starts its init so when
//! there is no /dev/console on its root, and an init that aborts is a kernel panic.

use libc::c_int;

/// The C library runs it before `main`, in every program of ours, and after [`super::early`].
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = fill;

/// Only system calls: neither the C library nor Rust's runtime are ready for more.
extern "C" fn fill() {
    for number in 0..=2 {
        // SAFETY: plain calls; the lowest free number is the one that was found to be free, as all below are
        // taken, and there are no other threads.
        unsafe {
            if libc::fcntl(number, libc::F_GETFD) == -1
                && libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) == -1
                && sealed() == -1
            {
                libc::open(c"/".as_ptr(), libc::O_PATH);
            }
        }
    }
}

/// Like /dev/null for whoever reads; whoever writes is refused.
///
/// # Safety
/// It makes the lowest free descriptor, which nobody owns.
unsafe fn sealed() -> c_int {
    // SAFETY: plain calls. The descriptor is to stay over exec, as 0 to 2 do.
    unsafe {
        let made = libc::memfd_create(c"supd-null".as_ptr(), libc::MFD_ALLOW_SEALING);
        if made != -1 {
            libc::fcntl(made, libc::F_ADD_SEALS, libc::F_SEAL_GROW | libc::F_SEAL_WRITE | libc::F_SEAL_SEAL);
        }
        made
    }
}
