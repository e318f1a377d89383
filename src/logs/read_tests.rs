//! Reading what is there: joining, merging, tails.

use super::*;
use crate::limits::LOG_ENTRY_BYTES_MAX;
use crate::logs::line::Tag;
use crate::logs::support_tests::{Dice, TestLog};
use std::path::Path;

const RUN: &str = "web_web-0_0000002a/main/0.log";

fn all(root: &Path, runs: &[RunPath], query: LogQuery) -> Vec<Entry> {
    read(root, runs.to_vec(), query).unwrap().map(Result::unwrap).collect()
}

fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| String::from_utf8_lossy(&entry.text).into()).collect()
}

#[test]
fn rotated_files_come_first_and_parts_are_joined_across_them() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    log.full(1, "one");
    log.line(2, Stream::Stdout, Tag::Part, "tw");
    log.line(3, Stream::Stderr, Tag::Part, "no ");
    log.rotate();
    log.line(4, Stream::Stdout, Tag::Full, "o");
    log.rotate();
    log.full(5, "");
    log.line(6, Stream::Stderr, Tag::Part, "end");
    let entries = all(temp.path(), &[log.run.clone()], LogQuery::default());
    assert_eq!(texts(&entries), ["one", "two", "", "no end"]);
    assert_eq!(entries[1].time, Wall(4));
    assert_eq!(entries[3].stream, Stream::Stderr);
}

#[test]
fn what_others_wrote_is_shown_too() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    log.full(1, "one");
    log.raw(b"2026-11-23T16:27:00.1\n\nhand\xff\n");
    log.full(2, "two");
    log.raw(b"torn");
    log.rotate();
    log.full(3, "three");
    log.raw(b"end");
    let entries = all(temp.path(), &[log.run.clone()], LogQuery::default());
    assert_eq!(
        texts(&entries),
        ["one", "2026-11-23T16:27:00.1", "hand\u{fffd}", "two", "torn", "three", "end"]
    );
}

#[test]
fn a_line_of_two_megabytes_comes_in_pieces() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    let part = "x".repeat(16 * 1024);
    for number in 0..128 {
        log.line(number, Stream::Stdout, Tag::Part, &part);
    }
    log.full(200, "end");
    let entries = all(temp.path(), &[log.run.clone()], LogQuery::default());
    let lengths: Vec<_> = entries.iter().map(|entry| entry.text.len()).collect();
    assert_eq!(lengths, [LOG_ENTRY_BYTES_MAX, LOG_ENTRY_BYTES_MAX, 3]);
}

#[test]
fn several_runs_by_time() {
    let temp = tempfile::tempdir().unwrap();
    let mut logs = [
        TestLog::new(temp.path(), RUN),
        TestLog::new(temp.path(), "web_web-1_0000002b/main/0.log"),
        TestLog::new(temp.path(), "web_web-1_0000002b/main/1.log"),
    ];
    let mut dice = Dice(1);
    for time in 0..3000 {
        let log = &mut logs[dice.below(3) as usize];
        log.full(time, &time.to_string());
        if dice.below(1000) == 0 {
            log.rotate();
        }
    }
    let runs = logs.map(|log| log.run);
    let want: Vec<_> = (0..3000).map(|time| time.to_string()).collect();
    assert_eq!(texts(&all(temp.path(), &runs, LogQuery::default())), want);
    let tail = LogQuery { tail: Some(100), ..LogQuery::default() };
    assert_eq!(texts(&all(temp.path(), &runs, tail)), want[2900..]);
    let middle = LogQuery { since: Some(Wall(10)), until: Some(Wall(20)), ..LogQuery::default() };
    assert_eq!(texts(&all(temp.path(), &runs, middle.clone())), want[10..=20]);
    let both = LogQuery { tail: Some(3), ..middle };
    assert_eq!(texts(&all(temp.path(), &runs, both)), want[18..=20]);
    let found = LogQuery { contains: Some("299".into()), tail: Some(2), ..LogQuery::default() };
    assert_eq!(texts(&all(temp.path(), &runs, found)), ["2998", "2999"]);
}

#[test]
fn a_tail_of_each_is_the_end_of_each() {
    let temp = tempfile::tempdir().unwrap();
    let mut one = TestLog::new(temp.path(), RUN);
    let mut other = TestLog::new(temp.path(), "web_web-1_0000002b/main/0.log");
    for time in 1..=4 {
        one.full(10 * time, &format!("one {time}"));
        other.full(10 * time + 1, &format!("other {time}"));
    }
    other.full(99, "other 5");
    let runs = [one.run.clone(), other.run.clone()];
    let each = LogQuery { tail: Some(2), tail_of_each: true, ..LogQuery::default() };
    assert_eq!(texts(&all(temp.path(), &runs, each.clone())), ["one 3", "one 4", "other 4", "other 5"]);
    // What cannot be counted by its ends of lines is read whole.
    let found = LogQuery { contains: Some("o".into()), tail: Some(1), ..each.clone() };
    assert_eq!(texts(&all(temp.path(), &runs, found)), ["one 4", "other 5"]);
    assert!(all(temp.path(), &runs, LogQuery { tail: Some(0), ..each }).is_empty());
}

/// Every tail of many logs is the end of the whole.
#[test]
fn a_tail_is_the_end_of_everything() {
    for seed in 0..20 {
        let temp = tempfile::tempdir().unwrap();
        let mut dice = Dice(seed);
        let mut logs =
            [TestLog::new(temp.path(), RUN), TestLog::new(temp.path(), "db_db-0_0000002c/main/0.log")];
        let lines = dice.below(120) as i64;
        for time in 0..lines {
            let log = &mut logs[dice.below(2) as usize];
            let stream = if dice.below(4) == 0 { Stream::Stderr } else { Stream::Stdout };
            let tag = if dice.below(3) == 0 { Tag::Part } else { Tag::Full };
            let length = if dice.below(10) == 0 { 16_000 } else { dice.below(60) };
            log.line(time, stream, tag, &format!("{time} {}", "x".repeat(length as usize)));
            match dice.below(60) {
                0 => log.rotate(),
                1 => log.raw(b"?\n\n"),
                _ => (),
            }
        }
        let runs = logs.map(|log| log.run);
        for stream in [None, Some(Stream::Stdout), Some(Stream::Stderr)] {
            let whole = all(temp.path(), &runs, LogQuery { stream, ..LogQuery::default() });
            for tail in [0, 1, 2, 3, 10, 50, 1000] {
                let query = LogQuery { tail: Some(tail), stream, ..LogQuery::default() };
                let got = all(temp.path(), &runs, query);
                let want = &whole[whole.len().saturating_sub(tail)..];
                assert_eq!(texts(&got), texts(want), "seed {seed}, tail {tail}, {stream:?}");
            }
        }
    }
}

#[test]
fn a_tail_reads_little() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    let chunk = format!("1970-01-01T00:00:00.000000000Z stdout F {}\n", "x".repeat(100)).repeat(10_000);
    for _ in 0..20 {
        log.raw(chunk.as_bytes());
    }
    let cursor = Cursor::open(temp.path(), log.run.clone(), None, Some(10), |_| true).unwrap();
    let skipped = std::fs::metadata(log.path()).unwrap().len() - cursor.unread();
    assert!(cursor.unread() < 2 * LOG_ENTRY_BYTES_MAX as u64 && skipped > 20 << 20);
}

#[test]
fn files_that_ended_before_are_not_read() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = TestLog::new(temp.path(), RUN);
    let old = log.path();
    log.full(1_000, "old");
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_000);
    std::fs::File::open(&old).unwrap().set_modified(long_ago).unwrap();
    log.rotate();
    log.full(3_000, "new");
    let open = |since| Cursor::open(temp.path(), log.run.clone(), Some(Wall(since)), None, |_| true).unwrap();
    assert_eq!(open(1_000_001_000).unread(), 2 * open(1_000_001_001).unread());
    let since = LogQuery { since: Some(Wall(2_000)), ..LogQuery::default() };
    assert_eq!(texts(&all(temp.path(), &[log.run.clone()], since)), ["new"]);
}

#[test]
fn nothing_to_read() {
    let temp = tempfile::tempdir().unwrap();
    let run = RunPath::parse(RUN).unwrap();
    assert!(all(temp.path(), &[run], LogQuery { tail: Some(5), ..LogQuery::default() }).is_empty());
    assert!(all(temp.path(), &[], LogQuery::default()).is_empty());
}
