//! From `supd` on a command line to a keeper: directories, the lock, the socket, and a new name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen as start_listening, socket,
};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{AccessFlags, access};

use super::heirloom::{Heir, Heirloom};
use super::roles::Program;
use super::{Over, claim};
use crate::place::container;
use crate::place::init::Init;
use crate::settings::{Before, LogFormat, RUNTIME_DIR, Role, Settings, exit, substitute_runtime_dir};
use crate::sys::process::{adopt, close_on_exec_from, hand_over};
use crate::sys::signal;
use crate::wire::fd;
use crate::wire::own_log::OwnLog;
use crate::wire::voice::Voice;

/// What the control socket is called until it listens; no longer than its own name.
const UNBORN_SOCKET: &str = "control.new";

/// Why supd does not start.
pub(super) struct Refusal {
    message: String,
    code: u8,
}

impl Refusal {
    pub(super) fn internal(message: String) -> Self {
        Self { message, code: exit::INTERNAL }
    }

    fn new(code: u8, message: String) -> Self {
        Self { message, code }
    }

    /// As the end of a keeper that has not begun.
    pub(super) fn into_over(self) -> Over {
        Over::NotBegun(self.message, self.code)
    }
}

/// The kernel drops what comes to PID 1 before it listens, and keeps what waits: a container may be stopped as soon as it
/// has begun. The keeper lets it all through.
pub fn hold_signals() {
    if std::process::id() == 1 {
        signal::hold_all();
    }
}

/// Prepares the directories, takes the lock and executes ourselves as the keeper. Comes back only with the
/// reason why not.
pub fn start(settings: &Settings) -> Over {
    match prepare(settings).and_then(|(settings, lock)| become_keeper(&settings, lock)) {
        Ok(never) => match never {},
        Err(refusal) => refusal.into_over(),
    }
}

/// Becomes one program after the other: there is no way back.
enum Never {}

fn prepare(settings: &Settings) -> Result<(Settings, File), Refusal> {
    // Numbers 0 to 2 are valid: the standard library opens /dev/null for those that are closed.
    // Nobody's directory is held busy, and no relative path means anything from here on.
    let _ = std::env::set_current_dir("/");
    umask(Mode::from_bits_truncate(0o022));
    let mut settings = settings.clone();
    settings.runtime_dir = runtime_directory(&settings)?;
    for (directory, what) in [(&settings.state_dir, "state"), (&settings.log_dir, "logs")] {
        match DirBuilder::new().recursive(true).mode(0o755).create(directory) {
            Ok(()) => {}
            // A machine's root is read-only until a unit has checked it. If it stays so, `status` tells.
            Err(error) if settings.is_machine() && error.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
            Err(error) => {
                let directory = directory.display();
                warn(
                    &settings,
                    format_args!("cannot create {directory}: {error}; going on without keeping {what} there"),
                );
            }
        }
    }
    let lock = lock(&settings)?;
    // For other programs alone: where nobody may write it, they are no worse off than without us.
    let _ = container::record(Init::of(&settings));
    Ok((settings, lock))
}

/// Before there is a log: for people, or in JSON.
fn warn(settings: &Settings, message: std::fmt::Arguments<'_>) {
    match settings.log_format {
        LogFormat::Text => _ = writeln!(io::stderr(), "supd: {message}"),
        LogFormat::Json => Voice::new(OwnLog::to(2), "keeper", settings).warn(message),
    }
}

/// Makes the runtime directory; in a container that has no place for it, the substitute.
fn runtime_directory(settings: &Settings) -> Result<PathBuf, Refusal> {
    let wanted = &settings.runtime_dir;
    let Err(refusal) = private_directory(wanted) else { return Ok(wanted.clone()) };
    if !settings.container || wanted != Path::new(RUNTIME_DIR) {
        return Err(refusal);
    }
    let substitute = substitute_runtime_dir(nix::unistd::geteuid().as_raw());
    if private_directory(&substitute).is_err() {
        return Err(refusal);
    }
    let place = substitute.display();
    warn(settings, format_args!("{} cannot be written; using {place} instead", wanted.display()));
    Ok(substitute)
}

/// The runtime directory holds the control socket: whoever can write there could take its place.
fn private_directory(path: &Path) -> Result<(), Refusal> {
    let cannot = |error: io::Error| {
        let code = match error.kind() {
            io::ErrorKind::PermissionDenied => exit::PRIVILEGE,
            _ => exit::CONFIGURATION,
        };
        Refusal::new(
            code,
            format!("cannot use {}: {error}; `--runtime-dir DIR` names another", path.display()),
        )
    };
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(cannot)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let meta = fs::symlink_metadata(path).map_err(cannot)?;
            let owner = nix::unistd::geteuid().as_raw();
            if !meta.is_dir() || meta.uid() != owner || meta.mode() & 0o022 != 0 {
                let message = "it must be a directory of our own that nobody else can write to";
                return Err(cannot(io::Error::other(message)));
            }
            // One that an image was made with, on a root that can only be read.
            access(path, AccessFlags::W_OK).map_err(|errno| cannot(errno.into()))
        }
        Err(error) => Err(cannot(error)),
    }
}

/// One supd for each runtime directory. The lock is the descriptor: it ends with the last process that has it.
fn lock(settings: &Settings) -> Result<File, Refusal> {
    let path = settings.runtime_dir.join("lock");
    let cannot = |error: io::Error| {
        Refusal::new(exit::CONFIGURATION, format!("cannot lock {}: {error}", path.display()))
    };
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = options.open(&path).map_err(cannot)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(locked) => {
            let mut file = locked.try_clone().map_err(cannot)?;
            // The clone keeps the lock, which belongs to the open file; the guard would end it.
            std::mem::forget(locked);
            let written = file.set_len(0).and_then(|()| file.rewind());
            let written = written.and_then(|()| writeln!(file, "{}", std::process::id()));
            written.map(|()| file).map_err(cannot)
        }
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = match holder.trim().parse::<u32>() {
                Ok(pid) => format!("pid {pid}"),
                Err(_) => "just being started".into(),
            };
            let directory = settings.runtime_dir.display();
            Err(Refusal::new(exit::UNAVAILABLE, format!("another supd runs in {directory} ({holder})")))
        }
        Err((_, errno)) => Err(cannot(errno.into())),
    }
}

/// Executes ourselves, so that `ps` shows the role; the lock goes along as descriptor [`fd::CHANNEL`], which a
/// keeper has no other use for.
fn become_keeper(settings: &Settings, lock: File) -> Result<Never, Refusal> {
    let cannot = |error: io::Error| Refusal::internal(format!("cannot execute ourselves: {error}"));
    let image = Program::open()
        .and_then(|program| program.image(settings, Role::Keeper { before: Before::Nothing }))
        .map_err(cannot)?;
    hand_over(lock.into(), fd::CHANNEL).map_err(cannot)?;
    // What a shell or a container manager left open is not ours to hold for ever.
    close_on_exec_from(fd::CHANNEL + 1);
    // Where there is no /proc, only the path leads the keeper to its program.
    let by_path = fs::symlink_metadata("/proc/self/exe").is_err();
    Err(cannot(if by_path { image.by_path().execute() } else { image.execute() }))
}

/// The keeper's side of [`become_keeper`]: what is on the descriptor must be the lock.
pub(super) fn claimed_lock(settings: &Settings) -> Result<Heir, Refusal> {
    let refused = || {
        let message = "the keeper is a part of supd, started by it; run `supd` instead";
        Refusal::new(exit::USAGE, message.into())
    };
    let lock = adopt(fd::CHANNEL).filter(|_| claim::is_lock(fd::CHANNEL, settings)).ok_or_else(refused)?;
    Ok(Heir::new(Heirloom::Lock, lock))
}

/// The listener of the control socket, and which file leads to it.
pub(super) struct Listener {
    pub(super) fd: Heir,
    file: Option<SocketFile>,
}

/// Device, inode and mode.
pub(super) type SocketFile = (u64, u64, u32);

impl Listener {
    /// One that was made before, with what is known of its file.
    pub(super) fn of(fd: Heir, file: Option<SocketFile>) -> Self {
        Self { fd, file }
    }

    /// What is known of its file.
    pub(super) fn file(&self) -> Option<SocketFile> {
        self.file
    }

    /// Whether clients still find it. It is not made anew then: those who wait there would be lost.
    pub(super) fn is_in_place(&self, settings: &Settings) -> bool {
        self.file.is_some() && self.file == socket_file(settings)
    }
}

fn socket_file(settings: &Settings) -> Option<SocketFile> {
    let meta = fs::symlink_metadata(settings.control_socket()).ok()?;
    Some((meta.dev(), meta.ino(), meta.mode()))
}

/// Makes the control socket. Only the holder of the lock may take a stale one away.
pub(super) fn listen(settings: &Settings) -> io::Result<Listener> {
    // Made under another name: from the moment that clients can see the socket, somebody listens.
    let unborn = settings.runtime_dir.join(UNBORN_SOCKET);
    match fs::remove_file(&unborn) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )?;
    // Born with its mode: the umask is ours alone, we have one thread.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = bind(listener.as_raw_fd(), &UnixAddr::new(&unborn)?);
    umask(before);
    bound?;
    // Clients wait there while there is no manager.
    start_listening(&listener.as_fd(), Backlog::MAXCONN)?;
    fs::rename(&unborn, settings.control_socket())?;
    Ok(Listener { fd: Heir::new(Heirloom::Listener, listener), file: socket_file(settings) })
}
