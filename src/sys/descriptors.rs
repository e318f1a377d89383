//! Descriptors 0 to 2, before anything else of us has run.
//!
//! The standard library opens /dev/null for those that are closed, and aborts where that is missing: PID 1 would
//! end, and the kernel with it, on a machine whose root has an empty /dev (the kernel says "unable to open an
//! initial console" then). So they are made valid before the library looks.

use std::ffi::c_int;

/// Called by the C library's start-up code, as all of its kind are, before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = make_valid;

/// /dev/null; else the ends of a closed pipe, of which reading finds the end and writing an error.
extern "C" fn make_valid() {
    for number in 0..=2 {
        // SAFETY: plain calls with a string that has its NUL. The lowest number that is free is this one, since
        // those below are open by now; nothing else of this process has begun, so nobody else's number is taken.
        unsafe {
            if libc::fcntl(number, libc::F_GETFD) >= 0 {
                continue;
            }
            if libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) < 0 {
                end_of_closed_pipe(number);
            }
        }
    }
}

/// Puts the end of a pipe whose other end is closed under a number that is free.
fn end_of_closed_pipe(number: c_int) {
    let mut ends = [-1; 2];
    // SAFETY: the array takes two numbers; what is closed was opened here.
    unsafe {
        if libc::pipe(ends.as_mut_ptr()) != 0 {
            return;
        }
        let (kept, other) = if number == 0 { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
        // Both beyond the three first, so that closing one cannot close what was meant to stay.
        let copy = libc::fcntl(kept, libc::F_DUPFD, 3);
        for end in [kept, other] {
            libc::close(end);
        }
        if copy >= 0 {
            libc::dup2(copy, number);
            libc::close(copy);
        }
    }
}
