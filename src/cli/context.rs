//! What every verb has at hand: where it prints, and whom it asks.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use super::age;
use super::arguments::Global;
use super::exit::Failure;
use super::rows::Look;
use super::style::Screen;

/// Surroundings of a verb.
#[derive(Clone, Debug)]
pub struct Context {
    /// What standard output can show.
    pub screen: Screen,
    /// Whether a person sees standard error: progress is drawn there.
    pub progress: bool,
    /// No progress, no words.
    pub quiet: bool,
    /// Times in UTC.
    pub utc: bool,
    /// The socket, where one was named.
    pub socket: Option<PathBuf>,
}

impl Context {
    /// Of this process, with these flags.
    pub fn new(global: &Global) -> Self {
        Self {
            screen: Screen::of_stdout(global.color),
            progress: std::io::stderr().is_terminal() && !global.quiet,
            quiet: global.quiet,
            utc: global.utc,
            socket: global.socket.clone(),
        }
    }

    /// What rows depend on beside their objects, now.
    pub fn look(&self) -> Look {
        Look { now: age::now(), wide: false, unicode: self.screen.unicode, utc: self.utc }
    }

    /// Data, on standard output.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// A result in words, on standard output; nothing where quiet was asked for.
    pub fn say(&self, line: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.print(&format!("{line}\n")) }
    }

    /// A hint or warning, on standard error. That nobody reads it is no failure.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    }

    /// A failure, on standard error.
    pub fn complain(&self, failure: &Failure) {
        if !failure.message.is_empty() {
            let _ = writeln!(std::io::stderr().lock(), "error: {failure}");
        }
    }
}
