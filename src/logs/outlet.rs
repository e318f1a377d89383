//! Our own standard output and error, written without ever waiting for who reads them.
//!
//! A terminal can be stopped with a key, a container's log may be read slowly or not at all. What they do
//! not take at once waits in a queue; a full queue slows down the pods that print there; and when nothing
//! moves for a second, lines are dropped and counted until something does.
//!
//! The descriptor is shared with others (a shell, the pods with `inherit`), so its flags are not ours to
//! change: it is opened again where that can be done, else asked before each write.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::write;

use crate::limits::{CONSOLE_QUEUE_BYTES_MAX, CONSOLE_STUCK_MS};

/// A pipe that says it can be written to takes this much without waiting (PIPE_BUF).
const GUARDED_BYTES: usize = 4096;
/// What one turn may add to a queue that had room: a read of empty lines, each behind a long name.
const OVERSHOOT_BYTES: usize = 16 * CONSOLE_QUEUE_BYTES_MAX;

/// Where our own output goes.
pub(super) struct Outlet {
    fd: OwnedFd,
    way: Way,
    queue: Vec<u8>,
    sent: usize,
    /// Since when it has taken nothing though something waits.
    blocked: Option<Instant>,
    /// Lines that were dropped since the last that was not.
    dropped: u64,
    /// How long it may take nothing before it counts as stuck.
    pub(super) patience: Duration,
}

/// How it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A description of our own that never waits, or a file.
    Plain,
    /// A socket: each call can say that it will not wait.
    Socket,
    /// Somebody else's pipe or terminal: asked before each write, and given little.
    Guarded,
}

impl Outlet {
    /// Takes hold of a descriptor.
    pub(super) fn new(fd: BorrowedFd<'_>) -> std::io::Result<Self> {
        let (fd, way) = match fstat(fd).map(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT) {
            Ok(SFlag::S_IFIFO | SFlag::S_IFCHR) => match reopen(fd) {
                Ok(fd) => (fd, Way::Plain),
                Err(_) => (fd.try_clone_to_owned()?, Way::Guarded),
            },
            Ok(SFlag::S_IFSOCK) => (fd.try_clone_to_owned()?, Way::Socket),
            _ => (fd.try_clone_to_owned()?, Way::Plain),
        };
        let patience = Duration::from_millis(CONSOLE_STUCK_MS);
        Ok(Self { fd, way, queue: Vec::new(), sent: 0, blocked: None, dropped: 0, patience })
    }

    /// Queues a line, newline included; or drops it, when nothing moves.
    pub(super) fn push(&mut self, line: &[u8], now: Instant) {
        let bound = if self.is_stuck(now) { CONSOLE_QUEUE_BYTES_MAX } else { OVERSHOOT_BYTES };
        if self.waiting() + line.len() > bound {
            self.dropped += 1;
            return;
        }
        if self.dropped > 0 {
            let plural = if self.dropped == 1 { "" } else { "s" };
            let note = format!("supd: {} line{plural} dropped here\n", self.dropped);
            self.queue.extend_from_slice(note.as_bytes());
            self.dropped = 0;
        }
        self.queue.extend_from_slice(line);
    }

    /// Writes what it takes now.
    pub(super) fn flush(&mut self, now: Instant) {
        while self.sent < self.queue.len() {
            match self.write_some() {
                Ok(count) => {
                    self.sent += count;
                    self.blocked = None;
                }
                Err(Errno::EAGAIN) => {
                    self.blocked.get_or_insert(now);
                    break;
                }
                Err(Errno::EINTR) => (),
                Err(_) => {
                    // Its reader is gone, or the disk behind it is full: what waits is lost, and counted.
                    self.dropped += count_lines(&self.queue[self.sent..]);
                    self.sent = self.queue.len();
                }
            }
        }
        self.compact();
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() - self.sent
    }

    /// Whether who prints here should be slowed down.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.waiting() >= CONSOLE_QUEUE_BYTES_MAX && !self.is_stuck(now)
    }

    /// When it counts as stuck, if it goes on taking nothing.
    pub(super) fn stuck_at(&self) -> Option<Instant> {
        self.blocked.map(|since| since + self.patience)
    }

    fn is_stuck(&self, now: Instant) -> bool {
        self.stuck_at().is_some_and(|at| now >= at)
    }

    fn write_some(&self) -> nix::Result<usize> {
        let bytes = &self.queue[self.sent..];
        match self.way {
            Way::Plain => write(&self.fd, bytes),
            Way::Socket => {
                use std::os::fd::AsRawFd;
                send(self.fd.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)
            }
            Way::Guarded => {
                let mut asked = [PollFd::new(self.fd.as_fd(), PollFlags::POLLOUT)];
                if poll(&mut asked, PollTimeout::ZERO)? == 0 {
                    return Err(Errno::EAGAIN);
                }
                write(&self.fd, &bytes[..bytes.len().min(GUARDED_BYTES)])
            }
        }
    }

    fn compact(&mut self) {
        if self.sent == self.queue.len() {
            self.sent = 0;
            self.queue.clear();
            self.queue.shrink_to(CONSOLE_QUEUE_BYTES_MAX);
        } else if self.sent > self.queue.len() / 2 {
            self.queue.drain(..self.sent);
            self.sent = 0;
        }
    }
}

impl AsFd for Outlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The same pipe or terminal with flags of our own. Not a file: its place in it would be another.
fn reopen(fd: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    open(path.as_str(), flags, Mode::empty())
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{pipe, read};

    /// Reads all that is in a pipe now.
    fn take(from: &OwnedFd, outlet: &mut Outlet, now: Instant) -> String {
        let mut text = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            outlet.flush(now);
            let mut asked = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
            if poll(&mut asked, PollTimeout::ZERO).unwrap() == 0 {
                return String::from_utf8(text).unwrap();
            }
            let count = read(from, &mut buffer).unwrap();
            text.extend_from_slice(&buffer[..count]);
        }
    }

    fn slow_and_stuck(way: Option<Way>) {
        let (from, to) = pipe().unwrap();
        let mut outlet = Outlet::new(to.as_fd()).unwrap();
        assert_eq!(outlet.way, Way::Plain);
        if let Some(way) = way {
            outlet.fd = to.try_clone().unwrap();
            outlet.way = way;
        }
        let start = Instant::now();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        while !outlet.is_full(start) {
            outlet.push(&line, start);
            outlet.flush(start);
        }
        // A slow reader loses nothing.
        let before = take(&from, &mut outlet, start);
        assert!(before.len() > CONSOLE_QUEUE_BYTES_MAX && before.len().is_multiple_of(1024));
        assert_eq!(outlet.waiting(), 0);

        // One that stands still stops nobody.
        while !outlet.is_full(start) {
            outlet.push(&line, start);
            outlet.flush(start);
        }
        let later = start + Duration::from_millis(CONSOLE_STUCK_MS);
        assert!(!outlet.is_full(later));
        for _ in 0..100 {
            outlet.push(&line, later);
        }
        assert!(outlet.waiting() <= CONSOLE_QUEUE_BYTES_MAX + 1024);
        assert_eq!(outlet.dropped, 100);
        take(&from, &mut outlet, later);
        outlet.push(b"back\n", later);
        assert_eq!(take(&from, &mut outlet, later), "supd: 100 lines dropped here\nback\n");
    }

    #[test]
    fn a_pipe_opened_again() {
        slow_and_stuck(None);
    }

    #[test]
    fn a_pipe_that_is_asked() {
        slow_and_stuck(Some(Way::Guarded));
    }

    #[test]
    fn a_socket() {
        let (from, to) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut outlet = Outlet::new(to.as_fd()).unwrap();
        assert_eq!(outlet.way, Way::Socket);
        outlet.push(b"hello\n", Instant::now());
        assert_eq!(take(&from.into(), &mut outlet, Instant::now()), "hello\n");
    }

    #[test]
    fn a_full_disk_behind_it() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut outlet = Outlet::new(full.as_fd()).unwrap();
        outlet.push(b"one\n", Instant::now());
        outlet.flush(Instant::now());
        assert_eq!((outlet.waiting(), outlet.dropped), (0, 1));
    }

    #[test]
    fn nobody_reads() {
        let (from, to) = pipe().unwrap();
        let mut outlet = Outlet::new(to.as_fd()).unwrap();
        drop(from);
        for _ in 0..3 {
            outlet.push(b"one\n", Instant::now());
            outlet.flush(Instant::now());
        }
        assert_eq!(outlet.waiting(), 0);
        assert!(outlet.dropped > 0);
    }
}
