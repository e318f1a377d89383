//! Opening unit files: only regular ones, without following links, without blocking, and as root only those
//! that nobody else could have written.
//!
//! Directories are opened once and files relative to them, so what was checked is what is read.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::diagnostic::{Code, Diagnostic};

/// Why a file is not read; boxed, since it is large and rare.
pub(super) type Refusal = Box<Diagnostic>;
use crate::limits::{UNIT_FILE_BYTES_MAX, UNITS_MAX};

/// How often a file that changes while it is read is read again.
const READS_MAX: u32 = 3;

/// An open directory.
pub(super) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
    as_root: bool,
}

/// What a path on the search path is.
pub(super) enum Opened {
    Directory(Directory),
    /// The directory that has it, and its name in it.
    File(Directory, String),
    Absent,
}

/// Opens a directory, or the directory of a file.
pub(super) fn open(path: &Path, as_root: bool) -> Result<Opened, Refusal> {
    let flags =
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    match nix::fcntl::open(path, flags, Mode::empty()) {
        Ok(fd) => {
            let directory = Directory { fd, path: path.to_owned(), as_root };
            directory.check()?;
            Ok(Opened::Directory(directory))
        }
        Err(Errno::ENOENT) => Ok(Opened::Absent),
        Err(Errno::ENOTDIR | Errno::ELOOP) if !path.is_symlink() && path.is_file() => {
            let parent = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            let name = name_of(path.file_name(), path)?;
            match nix::fcntl::open(parent, flags & !OFlag::O_NOFOLLOW, Mode::empty()) {
                Ok(fd) => {
                    let directory = Directory { fd, path: parent.to_owned(), as_root };
                    directory.check()?;
                    Ok(Opened::File(directory, name))
                }
                Err(errno) => Err(unreadable(parent, errno)),
            }
        }
        // Below what is no directory there is nothing.
        Err(Errno::ENOTDIR) if path.parent().is_some_and(Path::is_file) => Ok(Opened::Absent),
        Err(Errno::ENOTDIR | Errno::ELOOP) => {
            Err(not_regular(path, "a link, or neither a directory nor a file"))
        }
        Err(errno) => Err(unreadable(path, errno)),
    }
}

impl Directory {
    /// Where a name in it is.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        if self.path == Path::new(".") { PathBuf::from(name) } else { self.path.join(name) }
    }

    /// The names in it, in order; hidden ones are left out.
    pub(super) fn names(&self) -> Result<Vec<String>, Refusal> {
        let failed = |error: std::io::Error| {
            refusal(Code::Unreadable, &self.path, format!("cannot list the directory: {error}"))
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            // A name that is no text is no unit's.
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            names.push(name.to_owned());
            if names.len() > UNITS_MAX {
                let message = format!("more than {UNITS_MAX} files in one directory");
                return Err(refusal(Code::TooManyUnits, &self.path, message));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// A directory in it.
    pub(super) fn directory(&self, name: &str) -> Result<Self, Refusal> {
        let path = self.join(name);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match openat(self.fd.as_fd(), name, flags, Mode::empty()) {
            Ok(fd) => {
                let directory = Self { fd, path, as_root: self.as_root };
                directory.check()?;
                Ok(directory)
            }
            Err(Errno::ENOTDIR | Errno::ELOOP) => Err(not_regular(&path, "no directory")),
            Err(errno) => Err(unreadable(&path, errno)),
        }
    }

    /// The text of a file in it: one whole version, even while somebody writes it anew.
    pub(super) fn read(&self, name: &str) -> Result<String, Refusal> {
        let path = self.join(name);
        // Looked at first and again once it is open: opening a device may already do something.
        let flags = nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
        let stat = nix::sys::stat::fstatat(self.fd.as_fd(), name, flags)
            .map_err(|errno| unreadable(&path, errno))?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Err(not_regular(&path, type_name(stat.st_mode)));
        }
        for _ in 0..READS_MAX {
            if let Some(bytes) = self.read_once(name, &path)? {
                return text(bytes, &path);
            }
        }
        Err(refusal(Code::Unreadable, &path, "the file changes while it is read"))
    }

    /// The bytes, or nothing where the file changed meanwhile.
    fn read_once(&self, name: &str, path: &Path) -> Result<Option<Vec<u8>>, Refusal> {
        let flags =
            OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let fd = openat(self.fd.as_fd(), name, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::ELOOP => not_regular(path, "a link"),
            errno => unreadable(path, errno),
        })?;
        let mut file = File::from(fd);
        let failed = |error: std::io::Error| refusal(Code::Unreadable, path, format!("cannot read: {error}"));
        let before = file.metadata().map_err(failed)?;
        if !before.is_file() {
            return Err(not_regular(path, type_name(before.mode())));
        }
        self.check_owner(&before, path)?;
        if before.len() > UNIT_FILE_BYTES_MAX {
            let message =
                format!("the file has {} bytes; at most {UNIT_FILE_BYTES_MAX} are read", before.len());
            return Err(refusal(Code::TooLarge, path, message));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0) + 1);
        (&mut file).take(UNIT_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        let after = file.metadata().map_err(failed)?;
        let version = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
        let same = version(&before) == version(&after) && bytes.len() as u64 == before.len();
        Ok(same.then_some(bytes))
    }

    /// As root: the directory, and what could put another in its place.
    fn check(&self) -> Result<(), Refusal> {
        if !self.as_root {
            return Ok(());
        }
        let failed = |errno| unreadable(&self.path, errno);
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let parent = openat(self.fd.as_fd(), "..", flags, Mode::empty()).map_err(failed)?;
        let stat = |fd: &OwnedFd| nix::sys::stat::fstat(fd.as_fd()).map_err(failed);
        let (own, above) = (stat(&self.fd)?, stat(&parent)?);
        safe(own.st_uid, own.st_gid, own.st_mode & !libc::S_ISVTX, &self.path, "the directory")?;
        safe(above.st_uid, above.st_gid, above.st_mode, &self.path, "the directory above")
    }

    fn check_owner(&self, metadata: &Metadata, path: &Path) -> Result<(), Refusal> {
        if !self.as_root {
            return Ok(());
        }
        safe(metadata.uid(), metadata.gid(), metadata.permissions().mode(), path, "the file")
    }
}

/// Whether only root and we could have written it. In a sticky directory (`/tmp`) nobody can replace what
/// belongs to another.
fn safe(uid: u32, gid: u32, mode: u32, path: &Path, what: &str) -> Result<(), Refusal> {
    let trusted = [0, nix::unistd::geteuid().as_raw()];
    let path_text = path.display();
    let (reason, help) = if !trusted.contains(&uid) {
        (format!("{what} belongs to user {uid}"), format!("`chown root {path_text}`"))
    } else if mode & libc::S_ISVTX != 0 {
        return Ok(());
    } else if mode & 0o002 != 0 {
        (format!("everybody may write to {what}"), format!("`chmod o-w {path_text}`"))
    } else if mode & 0o020 != 0 && gid != 0 {
        (format!("group {gid} may write to {what}"), format!("`chmod g-w {path_text}`"))
    } else {
        return Ok(());
    };
    let mut fault = refusal(Code::Unsafe, path, format!("not read as root: {reason}"));
    if what != "the directory above" {
        fault.help(help);
    }
    Err(fault)
}

/// UTF-8 without a byte order mark and without NUL.
fn text(bytes: Vec<u8>, path: &Path) -> Result<String, Refusal> {
    let line = |at: usize| bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    let fault = |message: String| Err(refusal(Code::NotText, path, message));
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        let mut fault = refusal(Code::NotText, path, "the file begins with a byte order mark");
        fault.help("save it as UTF-8 without BOM");
        return Err(fault);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return fault("the file is UTF-16; a unit is UTF-8".to_owned());
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return fault(format!("a NUL character in line {}", line(at)));
    }
    match std::str::from_utf8(&bytes) {
        Ok(_) => {}
        Err(error) => return fault(format!("line {} is not UTF-8", line(error.valid_up_to()))),
    }
    // Checked just above; so nothing is replaced.
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

/// The same checks for a text that comes from elsewhere.
pub(super) fn checked_text(bytes: &[u8], path: &Path) -> Result<String, Refusal> {
    if bytes.len() as u64 > UNIT_FILE_BYTES_MAX {
        let message = format!("the text has {} bytes; at most {UNIT_FILE_BYTES_MAX} are read", bytes.len());
        return Err(refusal(Code::TooLarge, path, message));
    }
    text(bytes.to_vec(), path)
}

fn name_of(name: Option<&OsStr>, path: &Path) -> Result<String, Refusal> {
    let name = name.and_then(OsStr::to_str).map(str::to_owned);
    name.ok_or_else(|| refusal(Code::BadName, path, "the name of the file is not UTF-8"))
}

/// A fault of the file as a whole.
fn refusal(code: Code, path: &Path, message: impl Into<String>) -> Refusal {
    Box::new(Diagnostic::of_file(code, path, message))
}

fn unreadable(path: &Path, errno: Errno) -> Refusal {
    refusal(Code::Unreadable, path, format!("cannot open: {} ({errno:?})", errno.desc()))
}

fn not_regular(path: &Path, what: &str) -> Refusal {
    let message = format!("a unit file is a regular file; this is {what}");
    refusal(Code::NotRegular, path, message)
}

fn type_name(mode: u32) -> &'static str {
    match mode & libc::S_IFMT {
        libc::S_IFLNK => "a link",
        libc::S_IFIFO => "a FIFO",
        libc::S_IFSOCK => "a socket",
        libc::S_IFDIR => "a directory",
        libc::S_IFCHR | libc::S_IFBLK => "a device",
        _ => "something else",
    }
}
