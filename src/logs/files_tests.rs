//! Rotation, disks that are full, and outsiders who move files about.

use super::*;
use crate::engine::time::Wall;
use crate::limits::LOG_FILES_MAX;
use crate::logs::line::Line;
use std::fs;
use std::path::Path;

struct Bench {
    temp: tempfile::TempDir,
    files: Files,
    stamper: Stamper,
    run: RunFile,
}

impl Bench {
    fn new() -> Self {
        Self::below("")
    }

    fn below(dir: &str) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let mut stamper = Stamper::new();
        stamper.set(Wall(1_795_450_020_000_000_000));
        let path = RunPath::parse("web_web-0_0000002a/main/0.log").unwrap();
        Self { files: Files::new(temp.path().join(dir)), temp, stamper, run: RunFile::new(path) }
    }

    fn append(&mut self, text: &str) {
        let mut bytes = Vec::new();
        write_header(&mut bytes, self.stamper.next(), Stream::Stdout, Tag::Full);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
        let batch = Batch { bytes: &bytes, lines: 1, begun: None };
        self.files.append(&mut self.run, batch, &mut self.stamper, &|_| ());
    }

    fn file(&self) -> std::path::PathBuf {
        self.temp.path().join(self.run.path.as_str())
    }

    /// Makes the next write compare the file with what is at its path.
    fn a_second_later(&mut self) {
        for file in &mut self.files.open {
            file.looked -= LOOK_INTERVAL;
        }
    }
}

fn texts(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    lines
        .map(|line| Line::parse(line).map_or("torn".into(), |l| String::from_utf8_lossy(l.text).into()))
        .collect()
}

#[test]
fn nothing_is_made_before_the_first_line() {
    let mut bench = Bench::new();
    assert_eq!(fs::read_dir(bench.temp.path()).unwrap().count(), 0);
    bench.append("one");
    assert_eq!(texts(&bench.file()), ["one"]);
}

#[test]
fn files_end_with_a_whole_line_and_never_exceed_their_size() {
    let mut bench = Bench::new();
    let line = "x".repeat(100_000);
    let per_file = LOG_FILE_BYTES_MAX / (100_000 + 41);
    let count = per_file * (u64::from(LOG_FILES_MAX) + 1);
    for _ in 0..count {
        bench.append(&line);
    }
    let mut files = 0;
    for entry in fs::read_dir(bench.file().parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        assert!(fs::metadata(&path).unwrap().len() <= LOG_FILE_BYTES_MAX);
        assert_eq!(texts(&path).len() as u64, per_file);
        files += 1;
    }
    assert_eq!(files, LOG_FILES_MAX);
}

#[test]
fn a_file_may_be_exactly_full() {
    let mut bench = Bench::new();
    bench.append("first");
    let room = LOG_FILE_BYTES_MAX - fs::metadata(bench.file()).unwrap().len();
    bench.append(&"x".repeat(room as usize - 41));
    assert_eq!(fs::metadata(bench.file()).unwrap().len(), LOG_FILE_BYTES_MAX);
    bench.append("next");
    assert_eq!(texts(&bench.file()), ["next"]);
}

#[test]
fn a_torn_line_is_ended_before_the_next() {
    let mut bench = Bench::new();
    fs::create_dir_all(bench.file().parent().unwrap()).unwrap();
    fs::write(bench.file(), "2026-11-23T16:27:00.123456789Z stdout F hal").unwrap();
    bench.append("next");
    assert_eq!(texts(&bench.file()), ["hal", "next"]);
}

#[test]
fn moved_removed_and_cut_files() {
    let mut bench = Bench::new();
    bench.append("one");
    let aside = bench.temp.path().join("aside");
    fs::rename(bench.file(), &aside).unwrap();
    bench.a_second_later();
    bench.append("two");
    assert_eq!((texts(&aside), texts(&bench.file())), (vec!["one".into()], vec!["two".into()]));

    fs::remove_dir_all(bench.file().parent().unwrap().parent().unwrap()).unwrap();
    bench.a_second_later();
    bench.append("three");
    assert_eq!(texts(&bench.file()), ["three"]);

    fs::File::options().write(true).open(bench.file()).unwrap().set_len(0).unwrap();
    bench.a_second_later();
    bench.append("four");
    assert_eq!(texts(&bench.file()), ["four"]);
    assert_eq!(bench.files.open[0].size, fs::metadata(bench.file()).unwrap().len());
}

#[test]
fn a_bounded_number_of_files_is_open() {
    let mut bench = Bench::new();
    for number in 0..LOG_OPEN_FILES_MAX + 50 {
        bench.run = RunFile::new(RunPath::parse(&format!("web_web-{number}_0000002a/main/0.log")).unwrap());
        bench.append("one");
        assert!(bench.files.open.len() <= LOG_OPEN_FILES_MAX);
    }
    bench.run = RunFile::new(RunPath::parse("web_web-0_0000002a/main/0.log").unwrap());
    bench.append("two");
    assert_eq!(texts(&bench.file()), ["one", "two"]);
    bench.files.close(&bench.run);
    assert_eq!(bench.files.open.len(), LOG_OPEN_FILES_MAX - 1);
}

#[test]
fn a_log_directory_that_is_a_file() {
    let mut bench = Bench::below("logs");
    let place = bench.temp.path().join("logs");
    fs::write(&place, "").unwrap();
    for _ in 0..3 {
        bench.append("lost");
    }
    let warning = bench.files.take_warning().unwrap();
    assert!(
        warning.contains("/logs/web_web-0_0000002a/main/0.log`: Not a directory (ENOTDIR); 1 line dropped")
    );
    assert_eq!(bench.files.take_warning(), None, "one warning a minute");
    fs::remove_file(&place).unwrap();
    bench.append("back");
    let file = place.join(bench.run.path.as_str());
    assert_eq!(texts(&file), ["supd: 3 lines dropped", "back"]);
    bench.append("and on");
    assert_eq!(texts(&file).len(), 3);
}

/// On a file system of 64 KiB, in a mount namespace of this test's thread. Only root may make one; for
/// others the test above walks the same path.
#[test]
fn a_full_disk() {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    let thread = std::thread::spawn(|| {
        let mut bench = Bench::new();
        let private = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| {
                mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            })
            .and_then(|()| {
                mount(Some("none"), bench.temp.path(), Some("tmpfs"), MsFlags::empty(), Some("size=64k"))
            });
        if let Err(errno) = private {
            eprintln!("no file system of our own ({errno}): skipped");
            return;
        }
        let ballast = bench.temp.path().join("ballast");
        fs::write(&ballast, vec![0; 32 * 1024]).unwrap();
        for number in 0..600 {
            bench.append(&format!("{number} {}", "x".repeat(60)));
        }
        let dropped = bench.run.dropped;
        assert!(dropped > 0 && dropped < 600);
        assert!(bench.files.take_warning().unwrap().contains("No space left on device (ENOSPC)"));
        fs::remove_file(&ballast).unwrap();
        bench.append("back");
        let lines = texts(&bench.file());
        let at = lines.iter().position(|line| *line == format!("supd: {dropped} lines dropped")).unwrap();
        assert_eq!(lines[at + 1..], ["back"]);
        // Each line is there, or counted; the torn one is both.
        let whole = lines[..at].iter().filter(|line| line.ends_with(&"x".repeat(60))).count() as u64;
        assert_eq!(whole + dropped, 600);
    });
    thread.join().unwrap();
}

#[test]
fn a_forgotten_pod() {
    let mut bench = Bench::new();
    bench.append("one");
    let dir = bench.run.path.pod_dir();
    bench.files.forget(&dir).unwrap();
    bench.files.forget(&dir).unwrap();
    assert_eq!(fs::read_dir(bench.temp.path()).unwrap().count(), 0);
    assert!(bench.files.open.is_empty());
}
