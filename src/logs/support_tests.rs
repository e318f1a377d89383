//! For tests: a writer of log files that rotates when it is told to, and dice that fall the same each time.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::engine::time::Wall;
use crate::logs::line::{Stream, Tag, format_time, write_header};
use crate::logs::path::RunPath;
use crate::logs::rotate;

/// Writes as the logger does: whole lines, rotation between them.
pub(super) struct TestLog {
    pub(super) run: RunPath,
    dir: PathBuf,
    file: Option<File>,
}

impl TestLog {
    pub(super) fn new(root: &Path, run: &str) -> Self {
        let run = RunPath::parse(run).unwrap();
        Self { dir: root.join(run.parent()), run, file: None }
    }

    pub(super) fn line(&mut self, time: i64, stream: Stream, tag: Tag, text: &str) {
        let mut line = Vec::new();
        write_header(&mut line, &format_time(Wall(time)), stream, tag);
        line.extend_from_slice(text.as_bytes());
        line.push(b'\n');
        self.raw(&line);
    }

    pub(super) fn full(&mut self, time: i64, text: &str) {
        self.line(time, Stream::Stdout, Tag::Full, text);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        if self.file.is_none() {
            fs::create_dir_all(&self.dir).unwrap();
            self.file = Some(OpenOptions::new().create(true).append(true).open(self.path()).unwrap());
        }
        self.file.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(super) fn rotate(&mut self) {
        if self.file.take().is_some() {
            rotate::rotate(File::open(&self.dir).unwrap().as_fd(), self.run.file_name()).unwrap();
        }
    }

    /// The logger has noticed that somebody took the file away.
    pub(super) fn reopen(&mut self) {
        self.file = None;
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(self.run.file_name())
    }
}

/// The same numbers in each run of a test.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
