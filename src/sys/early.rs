//! A part of the program that runs before `main`, and before what Rust does ahead of it: that part looks for the
//! end of the stack in /proc, handles SIGSEGV and takes memory, which the init of one command has no use for.
//!
//! Only where the C library hands the arguments to what it calls so early. Elsewhere nothing is called, and `main`
//! does the same work.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

/// What the C library calls before `main`.
pub type Entry = extern "C" fn(c_int, *const *const c_char);

/// Has a function called before `main` with the arguments of this program, its own name left out. If it gives an
/// exit code, that is the end, and there is no `main`.
#[macro_export]
macro_rules! before_main {
    ($function:path) => {
        // With a number it comes before what has none: `sys::standard` opens what is closed, and the one command
        // is to find it closed.
        #[cfg(target_env = "gnu")]
        #[used]
        #[unsafe(link_section = ".init_array.50000")]
        static BEFORE_MAIN: $crate::sys::early::Entry = {
            extern "C" fn entry(count: std::ffi::c_int, words: *const *const std::ffi::c_char) {
                // SAFETY: the C library passes on what the kernel put on the stack of this process.
                unsafe { $crate::sys::early::call(count, words, $function) };
            }
            entry
        };
    };
}

/// What [`before_main`] has called. The C library has set itself up; Rust has not, and needs nothing of that to
/// allocate or to write.
///
/// # Safety
/// `words` are as many pointers as `count` says, each to a string that stays where it is.
pub unsafe fn call(count: c_int, words: *const *const c_char, function: fn(Arguments) -> Option<u8>) {
    let count = usize::try_from(count).unwrap_or(0);
    if words.is_null() || count == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    let arguments = unsafe { std::slice::from_raw_parts(words, count) };
    if let Some(code) = function(Arguments(arguments.get(1..).unwrap_or_default())) {
        // SAFETY: ends the process; nothing of it waits to be written.
        unsafe { libc::_exit(c_int::from(code)) }
    }
}

/// The arguments, in place.
#[derive(Clone, Copy)]
pub struct Arguments(&'static [*const c_char]);

impl Iterator for Arguments {
    type Item = OsString;

    fn next(&mut self) -> Option<OsString> {
        let word = self.first()?.to_owned();
        self.0 = self.0.get(1..)?;
        Some(word)
    }
}

impl Arguments {
    /// The next one, which stays there.
    pub fn first(&self) -> Option<&OsStr> {
        let word = *self.0.first()?;
        // SAFETY: see `call`, which alone makes these.
        Some(OsStr::from_bytes(unsafe { CStr::from_ptr(word) }.to_bytes()))
    }
}
