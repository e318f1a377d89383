//! How supctl ends: the exit codes that scripts rely on, and failures in words.
//!
//! The table is a contract. A code doubles only where systemctl's own two tables double it; the pair of verb
//! class and code is unambiguous.

use std::fmt;

/// An exit code of supctl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

/// How a verb ends where nothing stood in its way; an operation that failed is an [`Exit`] too.
pub type Outcome = Result<Exit, Failure>;

/// Why a verb could not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code to end with.
    pub exit: Exit,
    /// What happened, in lower case, without a full stop; empty where all is said already.
    pub message: String,
    /// What to do about it, a line each.
    pub hints: Vec<String>,
}

/// What each code means, as `supctl help exit-codes` prints it.
pub const TABLE: &[(&str, &str)] = &[
    ("0", "done; true; at least one is active (`is-active`)"),
    ("1", "an operation failed; `is-failed`: none has; `wait`: it can no longer"),
    ("", "come; `doctor`: supd cannot work here"),
    ("2", "wrong usage, or a verb that is not built yet"),
    ("3", "`is-active`, `is-ready`, `status`: known, but not active or not ready"),
    ("4", "questions (`status`, `is-*`, `get`, `logs`, `wait`): no such unit;"),
    ("", "actions: permission denied"),
    ("5", "actions: no such unit"),
    ("6", "the unit is there, but its file is invalid"),
    ("7", "`kill`, `exec`: the unit is not running"),
    ("69", "supd cannot be reached"),
    ("78", "the configuration is invalid (`validate`, `apply`, `calendar`)"),
    ("124", "`--timeout` ran out"),
    ("130", "interrupted; what was asked for goes on"),
    ("other", "`run --wait`, `create job --wait`, `exec`: the program's own code,"),
    ("", "128 + n for signal n; 125, 126, 127 where it could not be started"),
];

impl Exit {
    /// Done, or true.
    pub const DONE: Self = Self(0);
    /// An operation failed, or a predicate is false.
    pub const FAILED: Self = Self(1);
    /// Wrong usage.
    pub const USAGE: Self = Self(2);
    /// Known, but not active or not ready.
    pub const NOT_ACTIVE: Self = Self(3);
    /// A question about a unit that does not exist; for actions: permission denied.
    pub const NOT_FOUND: Self = Self(4);
    /// An action on a unit that does not exist.
    pub const NO_UNIT: Self = Self(5);
    /// The unit is there, but invalid.
    pub const INVALID: Self = Self(6);
    /// The action needs a unit that runs.
    pub const NOT_RUNNING: Self = Self(7);
    /// supd cannot be reached.
    pub const UNREACHABLE: Self = Self(69);
    /// The configuration is invalid.
    pub const CONFIGURATION: Self = Self(78);
    /// A time limit ran out.
    pub const TIMED_OUT: Self = Self(124);
    /// Interrupted.
    pub const INTERRUPTED: Self = Self(130);

    /// The code of several operations together: the first that is not 0.
    pub fn and(self, next: Self) -> Self {
        if self == Self::DONE { next } else { self }
    }
}

impl Failure {
    /// A failure in words.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hints: Vec::new() }
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::USAGE, message)
    }

    /// One whose words were already printed.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// With one more line on what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\n  {hint}"))
    }
}

/// A reader that went away (`supctl get pods | head -1`) is no failure of ours.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::silent(Exit::DONE);
        }
        Self::new(Exit::FAILED, format!("cannot write the output: {error}"))
    }
}

/// What the system says, in the shape of all our errors: without the number.
pub fn os_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_trouble_decides() {
        assert_eq!(Exit::DONE.and(Exit::FAILED).and(Exit::NO_UNIT), Exit::FAILED);
        assert_eq!(Exit::DONE.and(Exit::DONE), Exit::DONE);
    }

    #[test]
    fn a_broken_pipe_ends_silently() {
        let failure = Failure::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::DONE, ""));
    }
}
