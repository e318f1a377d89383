//! The one command of `supd -- CMD`: how its process is made, and how it executes.

use std::ffi::{CString, c_char};
use std::io;
use std::ptr;

use super::clone::child;
use super::process::fork;

/// A program and its arguments, as execvp(3) takes them.
pub struct Command {
    words: Vec<CString>,
    /// To each of the words, and null.
    pointers: Vec<*const c_char>,
}

/// A command of more words than these may need more than the stack of a child that shares our memory: where it is
/// a script without `#!`, the C library puts them there once more.
const WORDS_SHARED_MAX: usize = 4096;

impl Command {
    /// Of these words, the program first.
    pub fn new(words: Vec<CString>) -> Self {
        let pointers = words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        Self { words, pointers }
    }

    /// What was asked for.
    pub fn name(&self) -> &[u8] {
        self.words.first().map_or(&[], |word| word.as_bytes())
    }

    /// A child that does this. It ends with the code that it gives. `shared`: it is quickly made, has our memory and
    /// must leave it as it is; we stand still until it has executed or ended.
    pub fn start(&self, shared: bool, body: &dyn Fn() -> u8) -> io::Result<i32> {
        if shared && self.words.len() <= WORDS_SHARED_MAX {
            // Refused by a filter of system calls, or no room for its stack: the old way needs neither.
            if let Ok(pid) = child(body) {
                return Ok(pid);
            }
        }
        match fork()? {
            Some(pid) => Ok(pid),
            None => {
                let code = body();
                // SAFETY: ends the child at once, without the exit handlers of its parent.
                unsafe { libc::_exit(code.into()) }
            }
        }
    }

    /// Becomes it, looked up in PATH. Comes back only with an error.
    pub fn execute(&self, environment: Option<&[CString]>) -> io::Error {
        let program = self.pointers.first().copied().unwrap_or(ptr::null());
        if program.is_null() {
            return io::Error::from_raw_os_error(libc::ENOENT);
        }
        // SAFETY: null-terminated arrays of strings that live as long as this does.
        unsafe {
            match environment {
                None => libc::execvp(program, self.pointers.as_ptr()),
                Some(variables) => {
                    let mut pointers: Vec<*const c_char> =
                        variables.iter().map(|word| word.as_ptr()).collect();
                    pointers.push(ptr::null());
                    libc::execvpe(program, self.pointers.as_ptr(), pointers.as_ptr())
                }
            };
        }
        io::Error::last_os_error()
    }
}
