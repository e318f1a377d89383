//! The log directory: everything in it is opened from a descriptor of it, one plain name at a time, and no
//! link is followed. So whoever can put a link or a FIFO there cannot make the logger write elsewhere.
//!
//! (`openat2` could resolve several names at once under the same rules. Steps of one name need no second
//! way for kernels and sandboxes without it.)

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat, stat};

use crate::logs::path::{PodDir, RunPath};

const DIR_MODE: Mode = Mode::from_bits_truncate(0o750);
const FILE_MODE: Mode = Mode::from_bits_truncate(0o640);

/// The log directory, made when something is to be written and made anew when somebody took it away.
pub(super) struct LogDir {
    path: PathBuf,
    root: Option<OwnedFd>,
    /// We can open no other than the one that we hold.
    held: bool,
    /// It is gone, and another one would be refused.
    lost: bool,
}

impl LogDir {
    /// Touches nothing yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, root: None, held: false, lost: false }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// From here on, no other directory than the present one can be opened.
    pub(super) fn hold(&mut self) {
        self.held = true;
    }

    /// Whether the directory is gone and cannot be made anew by us.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Opens a run's file for appending (and reading), with the directories above it.
    pub(super) fn open_file(&mut self, run: &RunPath) -> nix::Result<OwnedFd> {
        let parent = self.make_parent(run)?;
        let flags = OFlag::O_RDWR
            | OFlag::O_APPEND
            | OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NOCTTY
            | OFlag::O_NONBLOCK
            | OFlag::O_CLOEXEC;
        let file = openat(&parent, run.file_name(), flags, FILE_MODE)?;
        let stat = fstat(&file)?;
        let regular = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG;
        // A file of another owner, or with a second name elsewhere, was put there for us to fill.
        if !regular || stat.st_uid != nix::unistd::geteuid().as_raw() || stat.st_nlink > 1 {
            return Err(Errno::EPERM);
        }
        Ok(file)
    }

    /// Opens the directory in which a run's file is.
    pub(super) fn open_parent(&mut self, run: &RunPath) -> nix::Result<OwnedFd> {
        let pod = open_dir(self.root()?, run.pod_dir().as_str())?;
        open_dir(pod.as_fd(), run.process())
    }

    /// What is at a run's path now.
    pub(super) fn stat_file(&mut self, run: &RunPath) -> nix::Result<FileStat> {
        fstatat(self.root()?, run.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// Looks whether the path still leads to the directory that we hold; lets go of it, if not.
    pub(super) fn refresh(&mut self) {
        let Some(root) = &self.root else { return };
        let same = match (stat(&self.path), fstat(root)) {
            (Ok(there), Ok(held)) => (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino),
            _ => false,
        };
        if !same {
            self.root = None;
        }
    }

    /// Removes a pod's logs.
    pub(super) fn remove(&mut self, dir: &PodDir) -> std::io::Result<()> {
        // The standard library's removal follows no link below this path, and the name is a plain one.
        match std::fs::remove_dir_all(self.path.join(dir.as_str())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn make_parent(&mut self, run: &RunPath) -> nix::Result<OwnedFd> {
        match self.open_parent(run) {
            Err(Errno::ENOENT) => (),
            other => return other,
        }
        match self.make_dirs(run) {
            // Nothing can be made in a directory that was removed, though we still hold it.
            Err(Errno::ENOENT) => {
                self.root = None;
                self.make_dirs(run)
            }
            other => other,
        }
    }

    fn make_dirs(&mut self, run: &RunPath) -> nix::Result<OwnedFd> {
        let pod = make_dir(self.root()?, run.pod_dir().as_str())?;
        make_dir(pod.as_fd(), run.process())
    }

    /// The directory itself; made if it is not there.
    pub(super) fn root(&mut self) -> nix::Result<BorrowedFd<'_>> {
        if self.root.is_none() {
            if self.held {
                self.lost = true;
                return Err(Errno::ESTALE);
            }
            self.root = Some(self.open_root()?);
        }
        self.root.as_ref().map(AsFd::as_fd).ok_or(Errno::ENOENT)
    }

    /// The path of the log directory itself is the administrator's, links and all.
    fn open_root(&self) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match open(&self.path, flags, Mode::empty()) {
            Err(Errno::ENOENT) => {
                let mut builder = std::fs::DirBuilder::new();
                let made = builder.recursive(true).mode(DIR_MODE.bits()).create(&self.path);
                made.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
                open(&self.path, flags, Mode::empty())
            }
            other => other,
        }
    }
}

fn open_dir(parent: BorrowedFd<'_>, name: &str) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

fn make_dir(parent: BorrowedFd<'_>, name: &str) -> nix::Result<OwnedFd> {
    match mkdirat(parent, name, DIR_MODE) {
        Ok(()) | Err(Errno::EEXIST) => open_dir(parent, name),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn run() -> RunPath {
        RunPath::parse("web_web-0_0000002a/main/0.log").unwrap()
    }

    #[test]
    fn directories_are_made_and_made_again() {
        let temp = tempfile::tempdir().unwrap();
        let mut dir = LogDir::new(temp.path().join("a/b"));
        for _ in 0..2 {
            dir.open_file(&run()).unwrap();
            assert!(temp.path().join("a/b/web_web-0_0000002a/main/0.log").is_file());
            std::fs::remove_dir_all(temp.path().join("a")).unwrap();
        }
        dir.open_file(&run()).unwrap();
        // Moved away, it is still writable, but nobody looks there.
        std::fs::rename(temp.path().join("a"), temp.path().join("z")).unwrap();
        dir.refresh();
        dir.open_file(&run()).unwrap();
        assert!(temp.path().join("a/b/web_web-0_0000002a/main/0.log").is_file());
    }

    #[test]
    fn links_fifos_and_second_names_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let mut dir = LogDir::new(temp.path().to_owned());
        let file = temp.path().join(run().as_str());
        let target = outside.path().join("target");

        symlink(outside.path(), temp.path().join("web_web-0_0000002a")).unwrap();
        assert!(dir.open_file(&run()).is_err());
        std::fs::remove_file(temp.path().join("web_web-0_0000002a")).unwrap();

        std::fs::create_dir(temp.path().join("web_web-0_0000002a")).unwrap();
        symlink(outside.path(), temp.path().join("web_web-0_0000002a/main")).unwrap();
        assert!(dir.open_file(&run()).is_err());
        std::fs::remove_file(temp.path().join("web_web-0_0000002a/main")).unwrap();

        std::fs::create_dir(temp.path().join("web_web-0_0000002a/main")).unwrap();
        symlink(&target, &file).unwrap();
        assert_eq!(dir.open_file(&run()).unwrap_err(), Errno::ELOOP);
        std::fs::remove_file(&file).unwrap();

        nix::unistd::mkfifo(&file, Mode::S_IRWXU).unwrap();
        assert_eq!(dir.open_file(&run()).unwrap_err(), Errno::EPERM);
        std::fs::remove_file(&file).unwrap();

        std::fs::write(&target, "precious").unwrap();
        std::fs::hard_link(&target, &file).unwrap();
        assert_eq!(dir.open_file(&run()).unwrap_err(), Errno::EPERM);
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    }
}
