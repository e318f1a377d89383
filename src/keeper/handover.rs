//! From one keeper to the next, though the first one is dead: its logger has the pipes of what still runs, reads
//! them, and gives them to whoever asks at the socket that was left with it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen as start_listening, socket,
};
use nix::sys::stat::{Mode, umask};

use crate::limits::{HANDOVER_MS, LOG_PATH_BYTES_MAX, SLOTS};
use crate::settings::Settings;
use crate::wire::channel::Channel;
use crate::wire::handover::{Handover, TAKEN};
use crate::wire::run::Run;

/// Longest message: a path and some numbers.
const MESSAGE_BYTES: usize = LOG_PATH_BYTES_MAX + 64;

/// A pipe of a run that another keeper started.
pub(super) struct Inherited {
    pub(super) run: Run,
    /// Where it was in that keeper's table.
    pub(super) slot: u16,
    pub(super) stderr: bool,
    pub(super) both: bool,
    /// To be said to the journal before a logger gets the pipe.
    pub(super) continued: bool,
    pub(super) log_path: Vec<u8>,
    pub(super) pipe: OwnedFd,
}

/// Makes the socket at which the next keeper will ask; for the logger, whose end it outlives. Whoever listened
/// there before is not found any more: [`receive`] comes first.
pub(super) fn listen(settings: &Settings) -> io::Result<OwnedFd> {
    let path = settings.logger_socket();
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = new_socket(SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK)?;
    // Born with its mode: the umask is ours alone, we have one thread.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = bind(listener.as_raw_fd(), &UnixAddr::new(&path)?);
    umask(before);
    bound?;
    start_listening(&listener, Backlog::new(1)?)?;
    Ok(listener)
}

/// Asks the logger of a keeper that died for its pipes. None, if there is no such logger, or it cannot give
/// them: it reads on then. Only the holder of the lock may ask.
pub(super) fn receive(settings: &Settings) -> io::Result<Vec<Inherited>> {
    let connection = new_socket(SockFlag::SOCK_CLOEXEC)?;
    match connect(connection.as_raw_fd(), &UnixAddr::new(&settings.logger_socket())?) {
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
                run: handed.run,
                slot: handed.slot,
                stderr: handed.stderr,
                both: handed.both,
                continued: handed.continued,
                log_path: handed.log_path.to_vec(),
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
