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
    /// Where words go.
    output: Output,
}

/// Where words go: to the process's own streams, or in tests to a place where they can be read.
#[derive(Clone, Debug, Default)]
enum Output {
    #[default]
    Standard,
    #[cfg(test)]
    Kept(std::sync::Arc<std::sync::Mutex<String>>),
}

impl Context {
    /// Of this process, with these flags.
    pub fn new(global: &Global) -> Self {
        Self {
            screen: Screen::of_stdout(global.color),
            progress: std::io::stderr().is_terminal() && !global.quiet,
            quiet: global.quiet,
            utc: global.utc,
            socket: global.socket.clone().or_else(|| {
                std::env::var_os("SUPD_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from)
            }),
            output: Output::Standard,
        }
    }

    /// A pipe whose two ends are here: what is printed can be read, data and complaints in one.
    #[cfg(test)]
    pub(super) fn kept(socket: PathBuf) -> (Self, std::sync::Arc<std::sync::Mutex<String>>) {
        let kept = std::sync::Arc::default();
        let output = Output::Kept(std::sync::Arc::clone(&kept));
        let socket = Some(socket);
        (Self { screen: Screen::pipe(), progress: false, quiet: false, utc: true, socket, output }, kept)
    }

    /// What rows depend on beside their objects, now.
    pub fn look(&self) -> Look {
        Look { now: age::now(), wide: false, unicode: self.screen.unicode, utc: self.utc }
    }

    /// Text, on standard output.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        self.write(text.as_bytes())
    }

    /// Data, on standard output.
    pub fn write(&self, data: &[u8]) -> Result<(), Failure> {
        match &self.output {
            Output::Standard => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(data)?;
                stdout.flush()?;
            }
            #[cfg(test)]
            Output::Kept(kept) => {
                let mut kept = kept.lock().expect("no test panics while it prints");
                kept.push_str(&String::from_utf8_lossy(data));
            }
        }
        Ok(())
    }

    /// A result in words, on standard output; nothing where quiet was asked for.
    pub fn say(&self, line: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.print(&format!("{line}\n")) }
    }

    /// A hint or warning, on standard error. That nobody reads it is no failure.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            self.warn(line);
        }
    }

    /// A failure, on standard error.
    pub fn complain(&self, failure: &Failure) {
        if !failure.message.is_empty() {
            self.warn(&format!("error: {failure}"));
        }
    }

    fn warn(&self, line: &str) {
        match &self.output {
            Output::Standard => {
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            }
            #[cfg(test)]
            Output::Kept(_) => {
                // Nothing but a poisoned lock can refuse.
                let _ = self.print(&format!("{line}\n"));
            }
        }
    }
}
