//! Looks into a pipe without taking anything out: what is in it is copied to a pipe of our own, by `tee`.

use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, SpliceFFlags, tee};
use nix::unistd::{pipe2, read};

use super::{Mark, Pipe, Told};
use crate::limits::NOTIFY_PER_TURN_MAX;

/// A pipe of our own, empty between two looks.
pub(super) struct Glass {
    reader: OwnedFd,
    writer: OwnedFd,
}

/// So much is looked at at once: a newline comes with the first bytes, or after a lot of noise.
const LOOK_BYTES: usize = 256;

impl Glass {
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Self { reader, writer })
    }

    /// A newline, or the end without one; nothing while the pipe says neither.
    pub(super) fn read_pipe(&self, pipe: &Pipe, mark: Mark<'_>) -> Option<Told> {
        let run = pipe.run;
        for _ in 0..NOTIFY_PER_TURN_MAX {
            let mut seen = [0; LOOK_BYTES];
            let looked = tee(&pipe.fd, &self.writer, LOOK_BYTES, SpliceFFlags::SPLICE_F_NONBLOCK)
                .and_then(|length| if length == 0 { Ok(0) } else { read(&self.reader, &mut seen) });
            let (ready, message) = match looked {
                Ok(0) => (false, "the readiness descriptor was closed without a newline"),
                Ok(length) => {
                    let ready = seen[..length].contains(&b'\n');
                    if ready {
                        mark(run);
                    }
                    // What was looked at is taken out: nobody else reads here.
                    let _ = read(&pipe.fd, &mut seen[..length]);
                    if !ready {
                        continue;
                    }
                    (true, "a newline on its descriptor")
                }
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => return None,
                Err(_) => (false, "the readiness descriptor cannot be read"),
            };
            return Some(Told::Newline { run, ready, message });
        }
        None
    }
}
