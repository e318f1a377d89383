//! Where a role writes its own messages: a pipe that the keeper holds and the logger reads.
//!
//! Never blocks: when the pipe is full the line is dropped and counted, and the count is written as soon as
//! there is room again. Each write is one line of at most PIPE_BUF bytes, so lines of several roles never mix.

use std::fmt::{self, Write as _};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys;

/// How much a line matters, put before it for the logger where a person looks on: the marks of sd-daemon(3).
pub mod mark {
    /// Somebody must look at it.
    pub const ERROR: &str = "<3>";
    /// Somebody may want to look at it.
    pub const WARNING: &str = "<4>";
    /// What to do next.
    pub const NOTICE: &str = "<5>";
    /// It happened.
    pub const INFO: &str = "<6>";
}

/// Longest line: what a pipe takes in one piece.
const LINE_BYTES_MAX: usize = 4096;

/// The writer. Clones share their count.
#[derive(Clone, Debug)]
pub struct OwnLog {
    fd: RawFd,
    dropped: Arc<AtomicU64>,
}

impl OwnLog {
    /// For a role: descriptor [`super::fd::OWN_LOG`].
    pub fn of_role() -> Self {
        Self::to(super::fd::OWN_LOG)
    }

    /// To a descriptor that does not block and stays open for ever.
    pub fn to(fd: RawFd) -> Self {
        Self { fd, dropped: Arc::default() }
    }

    /// Writes one line, or counts it.
    pub fn line(&self, line: &[u8]) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            let mut note = Line::new();
            let _ = writeln!(note, "supd: {dropped} lines of supd's own log were dropped here");
            if sys::write_once(self.fd, note.as_slice()).is_ok() {
                self.dropped.fetch_sub(dropped, Ordering::Relaxed);
            }
        }
        let written = match line.get(..LINE_BYTES_MAX) {
            None => sys::write_once(self.fd, line),
            Some(head) if line.len() == LINE_BYTES_MAX => sys::write_once(self.fd, head),
            Some(_) => {
                let mut cut = Line::new();
                cut.push(line);
                sys::write_once(self.fd, cut.as_slice())
            }
        };
        if written.is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Always succeeds: a log that could fail would stop what is logged about.
impl io::Write for OwnLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line in place, cut where it is too long.
pub(super) struct Line {
    length: usize,
    bytes: [u8; LINE_BYTES_MAX],
}

impl Line {
    pub(super) fn new() -> Self {
        Self { length: 0, bytes: [0; LINE_BYTES_MAX] }
    }

    fn push(&mut self, text: &[u8]) {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let count = room.len().min(text.len());
        room[..count].copy_from_slice(&text[..count]);
        self.length += count;
        if count < text.len() {
            // A cut line still ends as one.
            self.bytes[LINE_BYTES_MAX - 4..].copy_from_slice(b"...\n");
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// The pipe of a role's own log: read end, write end; neither blocks.
pub fn pipe() -> io::Result<(std::os::fd::OwnedFd, std::os::fd::OwnedFd)> {
    use nix::fcntl::OFlag;
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?)
}

/// A descriptor that stays open as long as the process.
pub fn forever(fd: BorrowedFd<'_>) -> RawFd {
    std::os::fd::AsRawFd::as_raw_fd(&fd)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;

    use super::*;

    fn read(from: &std::os::fd::OwnedFd) -> String {
        let mut text = vec![0; 1 << 20];
        let mut file = std::fs::File::from(from.try_clone().unwrap());
        let count = file.read(&mut text).unwrap();
        String::from_utf8(text[..count].to_vec()).unwrap()
    }

    #[test]
    fn a_full_pipe_drops_and_counts() {
        let (reader, writer) = pipe().unwrap();
        let log = OwnLog::to(forever(writer.as_fd()));
        for _ in 0..17 {
            log.line(&[b'x'; LINE_BYTES_MAX]);
        }
        assert_eq!(log.dropped.load(Ordering::Relaxed), 1);
        let _ = read(&reader);
        log.line(b"back\n");
        assert_eq!(read(&reader), "supd: 1 lines of supd's own log were dropped here\nback\n");
        assert_eq!(log.dropped.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_long_line_is_cut_and_still_a_line() {
        let (reader, writer) = pipe().unwrap();
        OwnLog::to(forever(writer.as_fd())).line(&[b'x'; 9_000]);
        let text = read(&reader);
        assert_eq!(text.len(), LINE_BYTES_MAX);
        assert!(text.ends_with("x...\n"));
    }
}
