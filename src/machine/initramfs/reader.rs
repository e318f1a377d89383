//! The beginnings of disks, each read by a child with a deadline: a disk that does not answer must not hold up the
//! boot from another one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use crate::limits::DISK_ANSWER_MS;
use crate::machine::console;
use crate::machine::halt::child::Child;

/// Who reads them, and remembers which do not answer: those are not asked again.
#[derive(Default)]
pub(super) struct Reader {
    silent: Vec<PathBuf>,
}

impl Reader {
    /// The first bytes of a disk, or as many as it has.
    pub(super) fn beginning(&mut self, node: &Path, bytes: usize) -> Option<Vec<u8>> {
        if self.silent.iter().any(|silent| silent == node) {
            return None;
        }
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).ok()?;
        let child = Child::start("looking at disks", DISK_ANSWER_MS, || {
            let found = read(node, bytes);
            let written = found.map(|found| File::from(writer).write_all(&found));
            u8::from(!matches!(written, Some(Ok(()))))
        })?;
        let deadline = Instant::now() + Duration::from_millis(DISK_ANSWER_MS);
        let found = read_until(reader, deadline);
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        let code = child.ends_within(u64::try_from(left).unwrap_or(0));
        if found.is_none() || code.is_none() {
            let seconds = DISK_ANSWER_MS / 1_000;
            console::say(format_args!("{} does not answer within {seconds} s; passed over", node.display()));
            child.give_up();
            self.silent.push(node.to_owned());
        }
        found.filter(|_| code == Some(0))
    }
}

/// Everything, to its end. `None`: that did not come in time.
fn read_until(pipe: OwnedFd, deadline: Instant) -> Option<Vec<u8>> {
    let mut pipe = File::from(pipe);
    let (mut found, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let patience = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], patience) {
            Err(Errno::EINTR) => continue,
            Ok(1) => {}
            _ => return None,
        }
        match pipe.read(&mut piece) {
            Ok(0) => return Some(found),
            Ok(count) => found.extend_from_slice(piece.get(..count)?),
            Err(_) => return None,
        }
    }
}

fn read(node: &Path, bytes: usize) -> Option<Vec<u8>> {
    let mut options = File::options();
    let disk = options.read(true).custom_flags(nix::libc::O_NONBLOCK).open(node).ok()?;
    let mut buffer = vec![0; bytes];
    let mut length = 0;
    while length < bytes {
        match disk.read_at(buffer.get_mut(length..)?, length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    buffer.truncate(length);
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_far_as_it_goes() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"short").unwrap();
        assert_eq!(read(file.path(), 4).as_deref(), Some(&b"shor"[..]));
        assert_eq!(read(file.path(), 400).as_deref(), Some(&b"short"[..]));
        assert_eq!(read(Path::new("/no/such/disk"), 4), None);
    }

    #[test]
    fn what_does_not_come_in_time_is_not_waited_for() {
        let soon = || Instant::now() + Duration::from_secs(600);
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut writer = File::from(writer);
        writer.write_all(b"all").unwrap();
        // Nobody has closed the other end.
        assert_eq!(read_until(reader.try_clone().unwrap(), Instant::now()), None);
        writer.write_all(b" of it").unwrap();
        drop(writer);
        assert_eq!(read_until(reader, soon()).as_deref(), Some(&b" of it"[..]));
    }
}
