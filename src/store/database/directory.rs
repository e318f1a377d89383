//! The state directory: the one file in it that counts, and how that file is opened, replaced and set aside.
//!
//! Only the thread that owns the disk comes here: any of these calls may take as long as the disk likes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc::{ENOSYS, EOPNOTSUPP, O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::geteuid;

use crate::limits::{STATE_FILE_BYTES_MAX, STATE_FILES_ASIDE_MAX};

/// A state directory, there or not.
#[derive(Clone, Debug)]
pub(super) struct Directory(PathBuf);

/// Tells a file from another one that has taken its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

/// What stands where the state should be.
pub(super) enum Found {
    /// A file that may be ours.
    File {
        file: File,
        /// Why it can only be read, if so.
        read_only: Option<io::Error>,
    },
    /// Nothing, or an empty file.
    Nothing,
    /// Something that will not be opened: why.
    Refused(String),
}

impl Directory {
    /// At this path.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The state's file.
    pub(super) fn state(&self) -> PathBuf {
        self.0.join(STATE)
    }

    /// Makes the directory if it is missing.
    pub(super) fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// Opens what stands there, if it can be a state of ours: a file, not a link to one, of our user, neither
    /// empty nor too large.
    pub(super) fn find(&self) -> Found {
        let (file, read_only) = match open(&self.state(), true) {
            Ok(file) => (file, None),
            Err(error) => match (error.kind(), open(&self.state(), false)) {
                (io::ErrorKind::NotFound, _) => return Found::Nothing,
                (_, Ok(file)) => (file, Some(error)),
                (_, Err(_)) => return Found::Refused(format!("cannot be opened: {error}")),
            },
        };
        match file.metadata() {
            Err(error) => Found::Refused(format!("cannot be looked at: {error}")),
            Ok(about) if !about.is_file() => Found::Refused("is not a file".into()),
            Ok(about) if about.uid() != geteuid().as_raw() => {
                Found::Refused(format!("belongs to user {}", about.uid()))
            }
            Ok(about) if about.len() == 0 => Found::Nothing,
            Ok(about) if about.len() > STATE_FILE_BYTES_MAX => {
                Found::Refused(format!("is larger than {} MiB", STATE_FILE_BYTES_MAX >> 20))
            }
            Ok(_) => Found::File { file, read_only },
        }
    }

    /// Whether the directory takes a file of this size now. What is left over of earlier tries goes first.
    pub(super) fn probe(&self) -> io::Result<File> {
        self.make()?;
        self.create_fresh()
    }

    /// A new, empty file beside the state.
    pub(super) fn create_fresh(&self) -> io::Result<File> {
        let path = self.0.join(FRESH);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW)
            .open(path)
    }

    /// Removes the new file: it came to nothing.
    pub(super) fn drop_fresh(&self) {
        let _ = fs::remove_file(self.0.join(FRESH));
    }

    /// Puts the new file, already safe, into the state's place.
    pub(super) fn put_in_place(&self) -> io::Result<()> {
        fs::rename(self.0.join(FRESH), self.state())?;
        // The rename itself is safe once the directory is.
        File::open(&self.0)?.sync_all()
    }

    /// Who stands at the state's path.
    pub(super) fn identity(&self) -> io::Result<Identity> {
        fs::symlink_metadata(self.state()).map(|about| Identity { device: about.dev(), inode: about.ino() })
    }

    /// Keeps what stands at the state's path as `state.redb.<kind>-<n>`, and the last few such. Says the new
    /// name; none if nothing stood there.
    pub(super) fn set_aside(&self, kind: &str) -> io::Result<Option<String>> {
        let mut aside = self.aside();
        let number = aside.last().map_or(1, |(number, _)| number.saturating_add(1));
        let name = format!("{STATE}.{kind}-{number}");
        // A second name rather than a new one: there is no instant without a state. What cannot have two (a
        // directory, or anything on some file systems) is renamed.
        let kept = self.0.join(&name);
        match fs::hard_link(self.state(), &kept).or_else(|_| fs::rename(self.state(), &kept)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            done => done?,
        }
        while aside.len() >= STATE_FILES_ASIDE_MAX {
            let (_, oldest) = aside.remove(0);
            // A directory with something in it is nobody's state: it stays.
            let _ = fs::remove_file(&oldest).or_else(|_| fs::remove_dir(&oldest));
        }
        Ok(Some(name))
    }

    /// What was set aside earlier, oldest first.
    fn aside(&self) -> Vec<(u64, PathBuf)> {
        let number = |path: &Path| {
            let rest = path.file_name()?.to_str()?.strip_prefix(STATE)?.strip_prefix('.')?;
            let (kind, number) = rest.split_once('-')?;
            KINDS.contains(&kind).then(|| number.parse().ok()).flatten()
        };
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut aside: Vec<_> = entries.filter_map(|path| Some((number(&path)?, path))).collect();
        aside.sort();
        aside
    }
}

/// Who this file is.
pub(super) fn identity(file: &File) -> io::Result<Identity> {
    file.metadata().map(|about| Identity { device: about.dev(), inode: about.ino() })
}

/// Takes room for so many bytes. A file system that cannot is not asked again: writing will show it.
pub(super) fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    let bytes = i64::try_from(bytes).map_err(io::Error::other)?;
    match fallocate(file, FallocateFlags::empty(), 0, bytes.max(1)) {
        Ok(()) => Ok(()),
        Err(error) if [EOPNOTSUPP, ENOSYS].contains(&(error as i32)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn open(path: &Path, write: bool) -> io::Result<File> {
    // O_NONBLOCK: a pipe that somebody put there must not hold us up. It means nothing to a file.
    OpenOptions::new().read(true).write(write).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)
}

const STATE: &str = "state.redb";
const FRESH: &str = "state.redb.new";

/// Damaged: cannot be read, or not all of it. Newer: of a later supd. Unread: the disk did not answer in
/// time. Foreign: nothing that we wrote.
pub(super) const DAMAGED: &str = "damaged";
pub(super) const NEWER: &str = "newer";
pub(super) const UNREAD: &str = "unread";
pub(super) const FOREIGN: &str = "foreign";
const KINDS: [&str; 4] = [DAMAGED, NEWER, UNREAD, FOREIGN];
