//! A filter of system calls, as container managers put on what they start.
#![allow(unsafe_code, clippy::disallowed_types)] // A test has children of its own.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

/// Whoever makes one of the calls is killed.
pub const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

/// Whoever makes one of the calls is told this.
#[allow(non_snake_case, reason = "one of the two things that a filter can do")]
pub const fn REFUSE(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

/// The program that the kernel runs at each call.
pub struct Filter(Vec<libc::sock_filter>);

impl Filter {
    /// Answers these calls so, and lets all others through.
    pub fn new(calls: &[libc::c_long], answer: u32) -> Self {
        let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
        let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
        let give = (libc::BPF_RET | libc::BPF_K) as u16;
        let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
        // The number of the call is the first word of what a filter sees.
        let mut program = vec![line(load, 0, 0, 0)];
        for call in calls {
            program.push(line(equal, 0, 1, *call as u32));
            program.push(line(give, 0, 0, answer));
        }
        program.push(line(give, 0, 0, libc::SECCOMP_RET_ALLOW));
        Self(program)
    }

    /// Puts it on a command, and on all that comes of it.
    pub fn put_on(mut self, command: &mut Command) {
        let put = move || {
            let program = libc::sock_fprog { len: self.0.len() as u16, filter: self.0.as_mut_ptr() };
            // SAFETY: plain calls; the program lives through them.
            let done = unsafe {
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                    && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
            };
            if done { Ok(()) } else { Err(io::Error::last_os_error()) }
        };
        // SAFETY: two system calls on what is there already.
        unsafe { command.pre_exec(put) };
    }
}
