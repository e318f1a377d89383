//! Small files that are written without waiting for them.
//!
//! Each is written whole, beside the old one, synced, and put in its place: after a crash there is the old
//! text or the new one. A sync waits for the disk as long as the disk likes, so a thread of its own does it,
//! the only kind that the manager ever starts; it ends when there is nothing left to write.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Writes one file; only the latest text counts.
pub(super) struct Writer {
    path: PathBuf,
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be written next.
    next: Option<String>,
    running: bool,
}

impl Writer {
    /// Of this file; nothing is written yet.
    pub(super) fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, state: Mutex::default(), idle: Condvar::new() })
    }

    /// Waits until all is written, but no longer than this. Says whether it is.
    pub(super) fn settle(&self, within: Duration) -> bool {
        let waited = self.idle.wait_timeout_while(self.lock(), within, |state| state.running);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the text to the thread, which is started if none runs.
    pub(super) fn write(self: &Arc<Self>, text: String) {
        let mut state = self.lock();
        state.next = Some(text);
        if state.running {
            return;
        }
        let writer = Arc::clone(self);
        match std::thread::Builder::new().name("supd-writer".into()).spawn(move || writer.run()) {
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
