//! Units that an operator has disabled: `<state>/disabled`, one name a line.
//!
//! Written whole, beside the old one, synced, and put in its place: after a crash there is the old list or
//! the new one. A sync waits for the disk as long as the disk likes, so a thread of its own does it, the
//! only one that the manager ever starts; it ends when there is nothing left to write.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::unit::name::UnitName;

/// The list, in memory and on its way to the disk.
pub struct Intents {
    disabled: BTreeSet<UnitName>,
    writer: Arc<Writer>,
}

struct Writer {
    path: PathBuf,
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be written next; only the latest counts.
    next: Option<String>,
    running: bool,
}

impl Intents {
    /// Reads the list. None yet is an empty one; a line that is no name is passed over.
    pub fn open(state_directory: &Path) -> io::Result<Self> {
        let path = state_directory.join("disabled");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let disabled = text.lines().filter_map(|line| UnitName::parse(line.trim()).ok()).collect();
        Ok(Self { disabled, writer: Writer::new(path) })
    }

    /// An empty list beside the one that could not be read.
    pub fn empty(state_directory: &Path) -> Self {
        Self { disabled: BTreeSet::new(), writer: Writer::new(state_directory.join("disabled")) }
    }

    /// The disabled units, by name.
    pub fn disabled(&self) -> impl Iterator<Item = &UnitName> {
        self.disabled.iter()
    }

    /// Remembers an intent, and begins to write it down.
    pub fn set(&mut self, unit: UnitName, enabled: bool) {
        let changed = if enabled { self.disabled.remove(&unit) } else { self.disabled.insert(unit) };
        if changed {
            let text = self.disabled.iter().map(|unit| format!("{unit}\n")).collect();
            self.writer.write(text);
        }
    }

    /// Waits until all is written, but no longer than this. Says whether it is.
    pub fn settle(&self, within: Duration) -> bool {
        let state = self.writer.lock();
        let waited = self.writer.idle.wait_timeout_while(state, within, |state| state.running);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Writer {
    fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, state: Mutex::default(), idle: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the text to the thread, which is started if none runs.
    fn write(self: &Arc<Self>, text: String) {
        let mut state = self.lock();
        state.next = Some(text);
        if state.running {
            return;
        }
        let writer = Arc::clone(self);
        match std::thread::Builder::new().name("intents".into()).spawn(move || writer.run()) {
            Ok(_) => state.running = true,
            Err(error) => tracing::warn!("`{}` cannot be written: {error}; ignoring", self.path.display()),
        }
    }

    fn run(&self) {
        loop {
            let text = {
                let mut state = self.lock();
                let Some(text) = state.next.take() else {
                    state.running = false;
                    self.idle.notify_all();
                    return;
                };
                text
            };
            if let Err(error) = replace(&self.path, text.as_bytes()) {
                tracing::warn!("`{}` cannot be written: {error}; ignoring", self.path.display());
            }
        }
    }
}

/// Puts a file with this content in the place of `path`, whole or not at all.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    // The rename itself is safe once the directory is.
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(intents: &Intents) -> Vec<&str> {
        intents.disabled().map(UnitName::as_str).collect()
    }

    #[test]
    fn what_was_set_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut intents = Intents::open(directory.path()).unwrap();
        for unit in ["web", "db", "cache"] {
            intents.set(UnitName::parse(unit).unwrap(), false);
        }
        intents.set(UnitName::parse("db").unwrap(), true);
        assert!(intents.settle(Duration::from_secs(60)));
        assert_eq!(names(&Intents::open(directory.path()).unwrap()), ["cache", "web"]);
        assert!(!directory.path().join("disabled.new").exists());
    }

    #[test]
    fn a_line_that_is_no_name_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("disabled"), "web\n../x\n\n db \n").unwrap();
        assert_eq!(names(&Intents::open(directory.path()).unwrap()), ["db", "web"]);
    }

    #[test]
    fn a_directory_that_cannot_be_written_does_no_harm() {
        let mut intents = Intents::empty(Path::new("/proc/supd-has-no-place-here"));
        intents.set(UnitName::parse("web").unwrap(), false);
        assert!(intents.settle(Duration::from_secs(60)));
        assert_eq!(names(&intents), ["web"]);
    }
}
