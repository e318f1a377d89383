//! From one keeper to the next, though the first one is dead: its logger has the pipes of what still runs, reads
//! them, and gives them to whoever asks at the socket that was left with it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen as start_listening, socket,
};
use nix::sys::stat::{Mode, umask};

use super::Keeper;
use super::heirloom::{Heir, Heirloom};
use crate::limits::{HANDOVER_MS, SLOTS};
use crate::wire::channel::Channel;
use crate::wire::handover::{Handover, TAKEN};
use crate::wire::run::Run;

/// Longest message: some numbers.
const MESSAGE_BYTES: usize = 64;

/// A pipe of a run that another keeper started. All else about it is in the table.
struct Inherited {
    slot: u16,
    run: Run,
    stderr: bool,
    /// A part of its present line is written.
    continued: bool,
    pipe: OwnedFd,
}

impl Keeper {
    /// Takes the pipes of what a keeper before us has left, if there is anything, and leaves word for the next.
    /// Before ends are looked at: a slot is kept until all that its run wrote is written.
    pub(super) fn take_over_pipes(&mut self) {
        let path = self.settings.logger_socket();
        let knows_any = self.table.taken().next().is_some();
        // Without the table nobody would know whose they are: the logger that has them reads on.
        let inherited = if knows_any { receive(&path) } else { Ok(Vec::new()) };
        match inherited {
            Ok(inherited) => inherited.into_iter().for_each(|pipe| self.keep_inherited(pipe)),
            Err(error) => self.voice.warn(format_args!(
                "the logger of the keeper before this one does not give its pipes: {error}; it reads on"
            )),
        }
        if let Err(error) = self.logger.leave_word(&path) {
            let path = path.display();
            self.voice
                .warn(format_args!("cannot listen at {path}: {error}; a next keeper will get no pipes"));
        }
    }

    fn keep_inherited(&mut self, inherited: Inherited) {
        let Inherited { slot, run, stderr, continued, pipe } = inherited;
        let known = self.table.taken().any(|(taken, _)| taken == slot) && self.table.run(slot) == run;
        if !known {
            self.voice.error(format_args!("a pipe of pod {:08x} belongs to no run; closing it", run.pod));
            return;
        }
        self.books.of(slot).pipes[usize::from(stderr)] =
            Some(Heir::new(Heirloom::Pipe { slot, stderr }, pipe));
        self.logger.expect(slot, stderr, continued);
        self.queue_for_logger(slot);
    }
}

/// Makes the socket at which the next keeper will ask; for the logger, whose end it outlives. Whoever listened
/// there before is not found any more: [`receive`] comes first.
pub(super) fn listen(path: &Path) -> io::Result<OwnedFd> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = new_socket(SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK)?;
    // Born with its mode: the umask is ours alone, we have one thread.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = bind(listener.as_raw_fd(), &UnixAddr::new(path)?);
    umask(before);
    bound?;
    start_listening(&listener, Backlog::new(1)?)?;
    Ok(listener)
}

/// Asks the logger of a keeper that died for its pipes. None, if there is no such logger, or it cannot give
/// them: it reads on then. Only the holder of the lock may ask.
fn receive(path: &Path) -> io::Result<Vec<Inherited>> {
    let connection = new_socket(SockFlag::SOCK_CLOEXEC)?;
    match connect(connection.as_raw_fd(), &UnixAddr::new(path)?) {
        Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Ok(Vec::new()),
        other => other?,
    }
    let connection = Channel::from(connection);
    let mut inherited = Vec::new();
    let mut buffer = [0; MESSAGE_BYTES];
    let end = Instant::now() + Duration::from_millis(HANDOVER_MS);
    while inherited.len() <= 2 * SLOTS && wait(&connection, end)? {
        let received = connection.try_receive(&mut buffer)?;
        if received.length == 0 {
            // It has died: nobody else reads what it has given.
            return Ok(inherited);
        }
        let [pipe, ..] = received.fds;
        match (Handover::decode(&buffer[..received.length]), pipe) {
            (Ok(Handover::Pipe(handed)), Some(pipe)) => inherited.push(Inherited {
                slot: handed.slot,
                run: handed.run,
                stderr: handed.stderr,
                continued: handed.continued,
                pipe,
            }),
            (Ok(Handover::End), _) => {
                // It fails only where the logger is dead.
                let _ = connection.send(TAKEN, &[]);
                return Ok(inherited);
            }
            // Descriptors were lost, or it keeps them.
            _ => break,
        }
    }
    Ok(Vec::new())
}

/// Waits for a message until then. False: none came.
fn wait(connection: &Channel, end: Instant) -> io::Result<bool> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let mut asked = [PollFd::new(connection.as_fd(), PollFlags::POLLIN)];
        match poll(&mut asked, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Err(Errno::EINTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

fn new_socket(flags: SockFlag) -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::message::accept;
    use crate::wire::handover::Handed;

    /// A logger that says these things to whoever asks; gives what it hears.
    fn ask(says: &[Handover], dies: bool) -> (Vec<(u16, bool)>, bool) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("logger.sock");
        let listener = listen(&path).unwrap();
        std::thread::scope(|scope| {
            let asker = scope.spawn(|| receive(&path).unwrap());
            let mut asked = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
            poll(&mut asked, PollTimeout::NONE).unwrap();
            let connection = Channel::from(accept(listener.as_fd()).unwrap());
            let (read, _write) = nix::unistd::pipe().unwrap();
            let mut message = Vec::new();
            for said in says {
                said.encode(&mut message);
                let fds = [read.as_fd()];
                let count = usize::from(matches!(said, Handover::Pipe(_)));
                connection.send(&message, &fds[..count]).unwrap();
            }
            let heard = !dies && connection.receive(&mut [0; 16]).unwrap().length == TAKEN.len();
            drop(connection);
            let inherited = asker.join().unwrap();
            (inherited.into_iter().map(|pipe| (pipe.slot, pipe.continued)).collect(), heard)
        })
    }

    fn pipe(slot: u16) -> Handover {
        let run = Run { pod: 7, ..Run::default() };
        Handover::Pipe(Handed { run, slot, stderr: false, continued: slot == 2 })
    }

    #[test]
    fn pipes_are_taken_when_nobody_else_reads_them() {
        assert_eq!(ask(&[pipe(1), pipe(2), Handover::End], false), (vec![(1, false), (2, true)], true));
        assert_eq!(ask(&[Handover::End], false), (vec![], true));
        // It died on the way: what it gave has no other reader.
        assert_eq!(ask(&[pipe(1)], true), (vec![(1, false)], false));
        // It lives, and reads on.
        assert_eq!(ask(&[pipe(1), Handover::Keep], false), (vec![], false));
    }

    #[test]
    fn there_may_be_nobody_to_ask() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("logger.sock");
        assert!(receive(&path).unwrap().is_empty(), "no socket");
        drop(listen(&path).unwrap());
        assert!(receive(&path).unwrap().is_empty(), "nobody listens");
        listen(&path).unwrap();
    }
}
