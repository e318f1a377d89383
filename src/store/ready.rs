//! Which runs are ready, for the manager that comes after this one.
//!
//! A service says READY once in its life; a manager that is started again must not wait for it a second
//! time, nor show a service as unready that has been ready for days (PRB-018). So each ready run of a pod
//! with a readiness leaves an empty file in the runtime directory, which goes with the machine's boot; and so
//! does each that has said that it has started, and is not asked for that any more.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::engine::id::RunId;
use crate::unit::model::ProbeKind;

/// The marks, one empty file for each ready run.
pub struct ReadyMarks {
    directory: PathBuf,
}

impl ReadyMarks {
    /// Marks in this directory, which is made.
    pub fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    /// Whether the run was ready, or had said that it has started, when it was last heard of.
    pub fn contains(&self, run: RunId, probe: ProbeKind) -> bool {
        self.directory.join(Self::name(run, probe)).exists()
    }

    /// Remembers, or forgets, that it is so. The runtime directory is memory: this doesn't wait for a disk.
    pub fn set(&self, run: RunId, probe: ProbeKind, good: bool) -> io::Result<()> {
        let path = self.directory.join(Self::name(run, probe));
        let result = if good { fs::File::create(path).map(drop) } else { fs::remove_file(path) };
        match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !good => Ok(()),
            result => result,
        }
    }

    /// Removes the marks of runs that `lives` doesn't know: they ended while nobody looked.
    pub fn keep_only(&self, lives: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(&lives) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The file name of a run's mark.
    pub fn name(run: RunId, probe: ProbeKind) -> String {
        let of = if probe == ProbeKind::Readiness { "" } else { ".started" };
        format!("{:x}.{}.{}{of}", run.pod.0, run.process, run.attempt)
    }
}
