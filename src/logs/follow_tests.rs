//! Following while somebody writes, rotates, cuts and removes.

use super::*;
use crate::logs::line::{Stream, Tag};
use crate::logs::support_tests::{Dice, TestLog};
use std::fs;

const RUN: &str = "web_web-0_0000002a/main/0.log";

fn everything() -> Vec<Wanted> {
    vec![Wanted::default()]
}

fn texts(follow: &mut Follow) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(entry) = follow.next().unwrap() {
        texts.push(String::from_utf8(entry.text).unwrap());
    }
    texts
}

/// Waits for the kernel's word, then takes what there is.
fn woken(follow: &mut Follow) -> Vec<String> {
    assert!(follow.wait(None).unwrap());
    texts(follow)
}

#[test]
fn lines_come_as_they_are_written() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    log.full(1, "one");
    log.full(2, "two");
    let query = LogQuery { tail: Some(1), ..LogQuery::default() };
    let mut follow = Follow::open(temp.path(), everything(), query).unwrap();
    assert_eq!(texts(&mut follow), ["two"]);
    log.full(3, "three");
    assert_eq!(woken(&mut follow), ["three"]);
    // Half a line, and a part of one, wait for their ends.
    log.raw(b"1970-01-01T00:00:00.000000004Z stdout F fo");
    log.raw(b"ur\n1970-01-01T00:00:00.000000005Z stderr P fi");
    assert_eq!(woken(&mut follow), ["four"]);
    log.raw(b"ve and\n");
    assert_eq!(woken(&mut follow), Vec::<String>::new());
    log.line(6, Stream::Stderr, Tag::Full, " six");
    assert_eq!(woken(&mut follow), ["five and six"]);
}

/// A writer and a follower in one thread, turn by turn; up to four rotations between two looks lose nothing,
/// since as many files are kept.
#[test]
fn nothing_is_lost_or_repeated_across_rotation() {
    for seed in 0..16 {
        let temp = tempfile::tempdir().unwrap();
        let mut dice = Dice(seed);
        let mut log = TestLog::new(temp.path(), RUN);
        let mut follow = Follow::open(temp.path(), everything(), LogQuery::default()).unwrap();
        let (mut written, mut rotated) = (0, 0);
        let mut got = Vec::new();
        for _ in 0..400 {
            match dice.below(10) {
                0 if rotated < 3 => {
                    log.rotate();
                    rotated += 1;
                }
                1..4 => {
                    got.extend(texts(&mut follow));
                    rotated = 0;
                }
                4 => {
                    // Stops in the middle of what is there.
                    let entry = follow.next().unwrap();
                    got.extend(entry.map(|entry| String::from_utf8(entry.text).unwrap()));
                }
                _ => {
                    for _ in 0..dice.below(60) {
                        log.full(written, &written.to_string());
                        written += 1;
                    }
                }
            }
        }
        got.extend(texts(&mut follow));
        let want: Vec<_> = (0..written).map(|number| number.to_string()).collect();
        assert_eq!(got.len(), want.len(), "seed {seed}");
        assert_eq!(got, want, "seed {seed}");
    }
}

#[test]
fn a_follower_that_slept_through_many_rotations_goes_on_with_the_oldest_file() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    log.full(0, "0");
    let mut follow = Follow::open(temp.path(), everything(), LogQuery::default()).unwrap();
    assert_eq!(texts(&mut follow), ["0"]);
    for time in 1..20 {
        log.full(time, &time.to_string());
        log.rotate();
    }
    log.full(20, "20");
    // Its own file it still holds: `1` was written there.
    assert_eq!(texts(&mut follow), ["1", "16", "17", "18", "19", "20"]);
}

#[test]
fn others_move_cut_and_remove_files() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    log.full(1, "old");
    log.rotate();
    log.full(2, "one");
    let mut follow = Follow::open(temp.path(), everything(), LogQuery::default()).unwrap();
    assert_eq!(texts(&mut follow), ["old", "one"]);

    fs::rename(log.path(), temp.path().join("aside")).unwrap();
    log.full(3, "two");
    log.reopen();
    log.full(4, "three");
    assert_eq!(woken(&mut follow), ["two", "three"], "and `old` is not told again");

    fs::File::options().write(true).open(log.path()).unwrap().set_len(0).unwrap();
    assert_eq!(woken(&mut follow), Vec::<String>::new());
    log.full(5, "four");
    assert_eq!(woken(&mut follow), ["four"]);

    fs::remove_file(log.path()).unwrap();
    log.full(6, "five");
    log.reopen();
    log.full(7, "six");
    assert_eq!(woken(&mut follow), ["five", "six"]);
}

#[test]
fn new_pods_processes_and_attempts_are_met() {
    let temp = tempfile::tempdir().unwrap();
    // Not even the directory is there.
    let root = temp.path().join("log/pods");
    let wanted = vec![Wanted { unit: Some("web".into()), attempts: Attempts::Last, ..Wanted::default() }];
    let mut follow = Follow::open(&root, wanted.clone(), LogQuery::default()).unwrap();
    assert!(texts(&mut follow).is_empty());
    let mut log = TestLog::new(&root, RUN);
    log.full(1, "first pod");
    assert_eq!(woken(&mut follow), ["first pod"]);
    TestLog::new(&root, "db_db-0_0000002c/main/0.log").full(2, "not asked for");
    TestLog::new(&root, "web_web-0_0000002a/migrate/0.log").full(3, "step");
    TestLog::new(&root, "web_web-0_0000002a/main/1.log").full(4, "second attempt");
    TestLog::new(&root, "web_web-0_0000002b/main/0.log").full(5, "second pod");
    let mut met = woken(&mut follow);
    met.sort();
    assert_eq!(met, ["second attempt", "second pod", "step"]);
    log.full(6, "still here");
    assert_eq!(woken(&mut follow), ["still here"]);

    // Who comes now is shown the last attempts, and no older one, whatever happens to its files.
    let mut late = Follow::open(&root, wanted, LogQuery::default()).unwrap();
    assert_eq!(texts(&mut late), ["step", "second attempt", "second pod"]);
    log.full(7, "old attempt");
    log.rotate();
    assert!(woken(&mut late).is_empty());
}

#[test]
fn a_pod_that_goes_and_comes_back() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    let mut follow = Follow::open(temp.path(), everything(), LogQuery::default()).unwrap();
    log.full(1, "one");
    let dir = temp.path().join("web_web-0_0000002a");
    assert_eq!(woken(&mut follow), ["one"]);
    log.full(2, "last");
    fs::remove_dir_all(&dir).unwrap();
    assert_eq!(woken(&mut follow), ["last"]);
    assert!(follow.numbers.is_empty());
    log.reopen();
    log.full(3, "again");
    assert_eq!(woken(&mut follow), ["again"]);
    fs::remove_dir_all(temp.path().join("web_web-0_0000002a")).unwrap();
    fs::remove_dir(temp.path()).unwrap();
    assert!(woken(&mut follow).is_empty());
    log.reopen();
    log.full(4, "and again");
    assert_eq!(woken(&mut follow), ["and again"]);
}

#[test]
fn a_reader_that_is_gone_ends_the_wait() {
    let temp = tempfile::tempdir().unwrap();
    let follow = Follow::open(temp.path(), everything(), LogQuery::default()).unwrap();
    let (read, write) = nix::unistd::pipe().unwrap();
    drop(read);
    assert!(!follow.wait(Some(write.as_fd())).unwrap());
}
