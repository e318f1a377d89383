//! The will is global to its process: each test has one of its own.

use std::os::fd::IntoRawFd;

use super::*;
use crate::sys::process::{Which, close_on_exec, fork, hand_over, wait};

/// Runs it in a child, whose panics are ours.
fn in_a_child(test: impl FnOnce()) {
    match fork().unwrap() {
        None => {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
            // Not by the end of a test harness that is not there.
            nix::sys::signal::raise(match done {
                Ok(()) => nix::sys::signal::Signal::SIGKILL,
                Err(_) => nix::sys::signal::Signal::SIGTERM,
            })
            .unwrap();
        }
        Some(child) => {
            let pidfd = crate::sys::process::pidfd_open(child).unwrap();
            let mut fds = [nix::poll::PollFd::new(pidfd.as_fd(), nix::poll::PollFlags::POLLIN)];
            nix::poll::poll(&mut fds, 20_000u16).unwrap();
            let ended = wait(Which::Pid(child), true).unwrap().unwrap();
            assert_eq!(ended.how, crate::sys::process::How::Signaled(9, false), "see above");
        }
    }
}

fn pipe() -> (OwnedFd, OwnedFd) {
    nix::unistd::pipe().unwrap()
}

#[test]
fn what_is_held_stands_in_the_will_until_it_is_closed() {
    in_a_child(|| {
        begin().unwrap();
        let (reader, writer) = pipe();
        let reader = Heir::new(Heirloom::Pipe { slot: 7, stderr: true }, reader);
        let number = reader.as_fd().as_raw_fd();
        assert_eq!(heirlooms(), [(Heirloom::Pipe { slot: 7, stderr: true }, number)]);
        let mut named = Vec::new();
        each_number(&mut |number| named.push(number));
        assert!(named.contains(&number) && named.len() == 2, "the will itself goes along, too");
        let writer = Heir::new(Heirloom::HandWriter, writer);
        assert_eq!(heirlooms().len(), 2);
        drop(reader);
        assert_eq!(heirlooms(), [(Heirloom::HandWriter, writer.as_fd().as_raw_fd())]);
    });
}

#[test]
fn only_who_is_who_it_was_is_claimed() {
    in_a_child(|| {
        begin().unwrap();
        let (kept, closed) = pipe();
        let (other, another) = pipe();
        let numbers = [&kept, &closed, &other].map(|fd| fd.as_raw_fd());
        note_heirloom(kept.as_fd(), Heirloom::HandReader);
        note_heirloom(closed.as_fd(), Heirloom::HandWriter);
        // Another file has come under this number.
        note_heirloom(other.as_fd(), Heirloom::Journal);
        drop(closed);
        hand_over(std::io::stderr().as_fd().try_clone_to_owned().unwrap(), other.into_raw_fd()).unwrap();
        // What was written anywhere, by whoever was at fault.
        let wild = entry_of(another.as_raw_fd()).unwrap();
        store(wild + entry::WHAT, 1 << 8 | 6);
        store(wild + entry::DETAIL, u64::MAX);
        set(Fact::DescriptorsEnd, u64::MAX);
        let _ = another.into_raw_fd();
        let _ = kept.into_raw_fd();
        let claimed = claim();
        let found: Vec<_> =
            claimed.iter().map(|(heirloom, fd)| (*heirloom, fd.as_fd().as_raw_fd())).collect();
        assert_eq!(found, [(Heirloom::HandReader, numbers[0])]);
        assert!(close_on_exec(numbers[2], true).is_err(), "closed, as nobody knows it");
        assert_eq!(heirlooms(), found);
    });
}

#[test]
fn facts_exits_and_words_read_back() {
    in_a_child(|| {
        set(Fact::Strangers, 1);
        assert_eq!(get(Fact::Strangers), 0, "no will, no word");
        let number = begin().unwrap();
        assert!(take_up(number).is_err(), "there is one already");
        note_exit(9, 4);
        note_exit(3, 5);
        note_exit(16_383, 6);
        forget_exit(3);
        assert_eq!(exits(), [(4, 9), (6, 16_383)]);
        assert_eq!(get(Fact::LastSeq), 6);
        note_text(b"panicked at\nhome");
        assert_eq!(text(), "panicked at home");
        note_text(&[b'x'; 2 * FAULT_TEXT_BYTES_MAX]);
        assert_eq!(text().len(), FAULT_TEXT_BYTES_MAX);
        set(Fact::FaultTextBytes, u64::MAX);
        assert_eq!(text().len(), FAULT_TEXT_BYTES_MAX, "a length that is none");
        let at = Instant { mono: 8, wall: -9 };
        for cause in [Cause::Signal(11), Cause::Panic, Cause::Broken] {
            note_fault(cause, at);
            assert_eq!((faults().last, faults().at), (cause, at));
        }
        assert_eq!(faults().count, 3);
    });
}
