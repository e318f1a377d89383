//! What processes tell by themselves: `READY=1`, `WATCHDOG=1` on a socket (sd_notify), or a newline on a
//! descriptor (s6).
//!
//! A pod of which a process is to speak has a datagram socket of its own, so that a datagram belongs to its
//! pod without a race over pids; which process of several has sent it, its pid tells. It is bound before the
//! first start, and read only from the moment at which a run's pid is known, so that its senders can be
//! judged. A word of somebody unknown waits while a further process is being started: it may be that one's.
//! When a run ends, what it had said is read first: a service may say READY and die in the same millisecond
//! (F38).
//!
//! A manager that dies loses nothing of this. The keeper holds a duplicate of each socket and pipe, in which
//! what is said in between waits, and gives it to the next manager. And a word is looked at before it is
//! taken out: that a run is ready is first noted where the next manager finds it (`mark`), then taken out,
//! then acted on. Who dies in between leaves a word that is read twice, which means nothing more than once.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, bind, recvmsg, setsockopt,
    socket, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::watched::{Watched, watch};
use crate::engine::id::{Class, PodUid, RunId};
use crate::limits::{
    DESCRIPTORS_PER_MESSAGE_MAX, NOTIFY_BYTES_MAX, NOTIFY_PER_TURN_MAX, NOTIFY_READY_SOURCES_MAX,
};

mod glass;
pub mod message;

use glass::Glass;
use message::{Line, Sender};

/// All that listens for what processes tell.
pub struct Tellers {
    epoll: AsyncFd<Watched<Poller>>,
    directory: PathBuf,
    sockets: HashMap<PodUid, Socket>,
    /// In the order of their pods.
    pipes: BTreeMap<RunId, Pipe>,
    /// Where the content of a pipe is looked at.
    glass: Glass,
    /// Pipes that have said all they will: the keeper need not hold them any more.
    done: Vec<RunId>,
}

/// What notes that a run has said that it is ready, before its word is taken out.
pub type Mark<'a> = &'a dyn Fn(RunId);

/// What a process has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// `READY=1`
    Ready(RunId),
    /// A newline on its descriptor, or the end of that without one.
    Newline {
        /// Who.
        run: RunId,
        /// It was a newline.
        ready: bool,
        /// In words.
        message: &'static str,
    },
    /// `STATUS=`: the text, escaped.
    Status(RunId, String),
    /// `WATCHDOG=1`
    Alive(RunId),
    /// `WATCHDOG=trigger`
    Trouble(RunId),
}

/// A pod's notify socket.
struct Socket {
    fd: OwnedFd,
    path: PathBuf,
    /// Runs that may speak now, with their pids. Without one, what comes waits in the socket.
    speakers: Vec<(RunId, i32)>,
    /// Runs that will be able to speak once their pid is known.
    expected: Vec<RunId>,
    /// The first word in it may be that of a run whose pid is not known yet.
    blocked: bool,
    /// It is in the epoll.
    listening: bool,
}

/// The read end of a descriptor on which a run says a newline.
struct Pipe {
    fd: OwnedFd,
    run: RunId,
    /// Its run is known to have started.
    heard: bool,
}

impl Tellers {
    /// Nobody yet; sockets will be made in `directory`. Needs a running runtime.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        let poller = Poller(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        Ok(Self {
            epoll: watch(poller, Interest::READABLE)?,
            directory,
            sockets: HashMap::new(),
            pipes: BTreeMap::new(),
            glass: Glass::new()?,
            done: Vec::new(),
        })
    }

    /// A run is about to be started that is to speak. Makes its pod's socket, if there is none yet: then the
    /// duplicate for the keeper comes with the path for `NOTIFY_SOCKET`.
    pub fn open(&mut self, run: RunId) -> io::Result<(PathBuf, Option<OwnedFd>)> {
        let path = self.path(run.pod);
        if let Some(socket) = self.sockets.get_mut(&run.pod) {
            socket.expect(run);
            return Ok((path, None));
        }
        let fd = make_socket(&self.directory, &path)?;
        let copy = fd.try_clone()?;
        let mut socket = Socket::new(fd, path.clone());
        socket.expect(run);
        self.sockets.insert(run.pod, socket);
        Ok((path, Some(copy)))
    }

    /// Takes over the socket of a pod from a manager before this one.
    pub fn take_socket(&mut self, pod: PodUid, fd: OwnedFd) {
        self.sockets.insert(pod, Socket::new(fd, self.path(pod)));
    }

    /// Takes over the pipe of a run, which is listened to once the run is known to have started.
    pub fn take_pipe(&mut self, run: RunId, fd: OwnedFd) {
        self.forget_pipe(run);
        self.pipes.insert(run, Pipe { fd, run, heard: false });
    }

    /// All pods with a socket or a pipe.
    pub fn pods(&self) -> Vec<PodUid> {
        let mut pods: Vec<PodUid> =
            self.sockets.keys().copied().chain(self.pipes.keys().map(|run| run.pod)).collect();
        pods.sort_unstable();
        pods.dedup();
        pods
    }

    /// Whether the pod has a socket.
    pub fn has_socket(&self, pod: PodUid) -> bool {
        self.sockets.contains_key(&pod)
    }

    /// Runs whose pipes the keeper need not hold any more.
    pub fn take_done(&mut self) -> Vec<RunId> {
        std::mem::take(&mut self.done)
    }

    fn path(&self, pod: PodUid) -> PathBuf {
        self.directory.join(format!("{:x}", pod.0))
    }

    /// A run has started: from now on it is known by its pid in its pod's socket, if it was to speak there,
    /// and its pipe is listened to.
    pub fn started(&mut self, run: RunId, pid: u32) -> io::Result<()> {
        match self.pipes.get_mut(&run) {
            Some(pipe) if !pipe.heard => {
                pipe.heard = true;
                self.epoll.get_ref().0.0.add(&pipe.fd, interest(run.pod))?;
            }
            _ => {}
        }
        let Some(socket) = self.sockets.get_mut(&run.pod) else { return Ok(()) };
        let before = socket.expected.len();
        socket.expected.retain(|expected| *expected != run);
        if socket.expected.len() == before {
            return Ok(());
        }
        socket.speakers.push((run, i32::try_from(pid).unwrap_or_default()));
        socket.blocked = false;
        socket.listen(&self.epoll.get_ref().0.0, run.pod)
    }

    /// Listens for a newline of this run.
    pub fn watch_pipe(&mut self, run: RunId, fd: OwnedFd) -> io::Result<()> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        self.forget_pipe(run);
        self.epoll.get_ref().0.0.add(&fd, interest(run.pod))?;
        self.pipes.insert(run, Pipe { fd, run, heard: true });
        Ok(())
    }

    /// Waits until somebody has said something.
    pub async fn readable(&self) -> io::Result<()> {
        self.epoll.readable().await?.retain_ready();
        Ok(())
    }

    /// Reads what was said, a bounded part of it from each who speaks; the rest wakes again.
    pub fn read(&mut self, told: &mut Vec<Told>, mark: Mark<'_>) {
        let mut ready = [EpollEvent::empty(); NOTIFY_READY_SOURCES_MAX];
        let nobody = self.sockets.is_empty() && self.pipes.is_empty();
        let polled =
            if nobody { Ok(0) } else { self.epoll.get_ref().0.0.wait(&mut ready, EpollTimeout::ZERO) };
        let count = match polled {
            Ok(count) => count,
            Err(error) => {
                tracing::warn!("notify sockets cannot be polled: {error}; ignoring");
                return;
            }
        };
        if count == 0 {
            // Only now may tokio sleep: its own epoll sees a change of ours once, not that some is left.
            let nothing = |_: &Watched<Poller>| Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = self.epoll.try_io(Interest::READABLE, nothing);
        }
        for event in &ready[..count] {
            self.read_pod(PodUid(event.data()), NOTIFY_PER_TURN_MAX, told, mark);
        }
    }

    /// A run has ended: its last words are read, then it may speak no more.
    pub fn ended(&mut self, run: RunId, told: &mut Vec<Told>, mark: Mark<'_>) {
        let known = self.sockets.get(&run.pod).is_some_and(|socket| socket.knows(run));
        if !known && !self.pipes.contains_key(&run) {
            return;
        }
        self.read_pod(run.pod, usize::MAX, told, mark);
        self.forget_pipe(run);
        if let Some(socket) = self.sockets.get_mut(&run.pod) {
            socket.speakers.retain(|(speaker, _)| *speaker != run);
            socket.expected.retain(|expected| *expected != run);
            socket.blocked = false;
            if let Err(error) = socket.listen(&self.epoll.get_ref().0.0, run.pod) {
                tracing::error!(%run, "its pod's notify socket cannot be heard: {error}");
            }
        }
    }

    /// The pod is gone, and its socket with it. True: it had one, which the keeper need not hold any more.
    pub fn close(&mut self, pod: PodUid) -> bool {
        for run in self.pipes_of(pod) {
            self.forget_pipe(run);
        }
        let socket = self.sockets.remove(&pod);
        if let Some(socket) = &socket {
            let _ = std::fs::remove_file(&socket.path);
        }
        socket.is_some()
    }

    fn read_pod(&mut self, pod: PodUid, limit: usize, told: &mut Vec<Told>, mark: Mark<'_>) {
        if let Some(socket) = self.sockets.get_mut(&pod) {
            socket.read(limit, told, mark);
            if let Err(error) = socket.listen(&self.epoll.get_ref().0.0, pod) {
                tracing::error!("{}: it cannot be heard: {error}", socket.path.display());
            }
        }
        for run in self.pipes_of(pod) {
            if let Some(pipe) = self.pipes.get(&run).filter(|pipe| pipe.heard)
                && let Some(word) = self.glass.read_pipe(pipe, mark)
            {
                told.push(word);
                self.done.push(run);
                self.forget_pipe(run);
            }
        }
    }

    fn pipes_of(&self, pod: PodUid) -> Vec<RunId> {
        let first = RunId { pod, class: Class::Main, process: 0, attempt: 0 };
        self.pipes.range(first..).map(|(run, _)| *run).take_while(|run| run.pod == pod).collect()
    }

    fn forget_pipe(&mut self, run: RunId) {
        if let Some(pipe) = self.pipes.remove(&run)
            && pipe.heard
        {
            let _ = self.epoll.get_ref().0.0.delete(&pipe.fd);
        }
    }
}

impl Socket {
    fn new(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd, path, speakers: Vec::new(), expected: Vec::new(), blocked: false, listening: false }
    }

    fn expect(&mut self, run: RunId) {
        if !self.knows(run) {
            self.expected.push(run);
        }
    }

    fn knows(&self, run: RunId) -> bool {
        self.expected.contains(&run) || self.speakers.iter().any(|(speaker, _)| *speaker == run)
    }

    /// Is in the epoll exactly while somebody may speak who can be judged.
    fn listen(&mut self, epoll: &Epoll, pod: PodUid) -> io::Result<()> {
        let wanted = !self.speakers.is_empty() && !self.blocked;
        if wanted && !self.listening {
            epoll.add(&self.fd, interest(pod))?;
        } else if !wanted && self.listening {
            epoll.delete(&self.fd)?;
        }
        self.listening = wanted;
        Ok(())
    }

    /// Reads at most `limit` datagrams: looks at each, notes what must not be lost, and takes it out.
    fn read(&mut self, limit: usize, told: &mut Vec<Told>, mark: Mark<'_>) {
        // More than a socket's queue can hold would be a sender that outruns us: it is waited for no longer.
        for _ in 0..limit.min(NOTIFY_PER_TURN_MAX * 16) {
            if self.speakers.is_empty() || self.blocked {
                return;
            }
            let mut buffer = [0; NOTIFY_BYTES_MAX];
            let (length, sender) = match look(&self.fd, &mut buffer) {
                Ok(received) => received,
                Err(Errno::EINTR) => continue,
                Err(_) => return,
            };
            match self.speaker(sender) {
                Some(run) => judge(run, length.map(|length| &buffer[..length]), told, mark),
                None if !self.expected.is_empty() => {
                    self.blocked = true;
                    return;
                }
                None => {
                    let pod = self.path.display();
                    tracing::warn!(%pod, ?sender, "a notify datagram from a process that is not the pod's; ignoring");
                }
            }
            take_out(&self.fd);
        }
    }

    fn speaker(&self, sender: Option<Sender>) -> Option<RunId> {
        let mains: Vec<i32> = self.speakers.iter().map(|(_, pid)| *pid).collect();
        let place = message::speaker(sender?, &mains)?;
        self.speakers.get(place).map(|(run, _)| *run)
    }
}

/// An epoll, with the descriptor that it is.
struct Poller(Epoll);

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}

fn interest(pod: PodUid) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN, pod.0)
}

/// A socket that every user may write to: who may speak is judged for each datagram.
fn make_socket(directory: &Path, path: &Path) -> io::Result<OwnedFd> {
    std::fs::DirBuilder::new().recursive(true).mode(0o711).create(directory)?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    setsockopt(&fd, sockopt::PassCred, &true)?;
    bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(fd)
}

/// What a datagram of a run says.
fn judge(run: RunId, datagram: Option<&[u8]>, told: &mut Vec<Told>, mark: Mark<'_>) {
    let Some(datagram) = datagram else {
        tracing::debug!(%run, "a notify datagram of more than {NOTIFY_BYTES_MAX} bytes; ignoring");
        return;
    };
    for line in message::parse(datagram) {
        told.extend(match line {
            Line::Ready => {
                mark(run);
                Some(Told::Ready(run))
            }
            Line::Status(text) => Some(Told::Status(run, text)),
            Line::Alive => Some(Told::Alive(run)),
            Line::Trouble => Some(Told::Trouble(run)),
            Line::Other(key) => {
                tracing::debug!(%run, "notify `{key}=` has no effect here; ignoring");
                None
            }
        });
    }
}

/// Takes the first datagram out, with what came along.
fn take_out(fd: &OwnedFd) {
    while nix::sys::socket::recv(fd.as_raw_fd(), &mut [], MsgFlags::MSG_DONTWAIT) == Err(Errno::EINTR) {}
}

/// Looks at the first datagram: its length, or nothing where it was too long, and who sent it. There is room
/// for as many descriptors as a message can carry, since the sender's credentials are lost with what doesn't
/// fit; our copies are closed at once. Those of the datagram go with it, which also is the answer that
/// `systemd-notify` waits for (`BARRIER=1`).
fn look(fd: &OwnedFd, buffer: &mut [u8]) -> Result<(Option<usize>, Option<Sender>), Errno> {
    let mut slices = [IoSliceMut::new(buffer)];
    let mut control = nix::cmsg_space!(libc::ucred, [RawFd; DESCRIPTORS_PER_MESSAGE_MAX]);
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let received = recvmsg::<()>(fd.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
    let mut sender = None;
    if let Ok(messages) = received.cmsgs() {
        for message in messages {
            match message {
                ControlMessageOwned::ScmCredentials(who) => {
                    sender = Some(Sender { pid: who.pid(), uid: who.uid() });
                }
                ControlMessageOwned::ScmRights(descriptors) => {
                    for descriptor in descriptors {
                        let _ = nix::unistd::close(descriptor);
                    }
                }
                _ => {}
            }
        }
    }
    let whole = !received.flags.contains(MsgFlags::MSG_TRUNC);
    Ok((whole.then_some(received.bytes), sender))
}

#[cfg(test)]
mod tests;
