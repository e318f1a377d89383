//! Sockets and pipes of our own: this process is the service.

use std::os::unix::net::UnixDatagram;

use super::*;
use crate::engine::id::Class;

const RUN: RunId = RunId { pod: PodUid(7), class: Class::Main, process: 0, attempt: 2 };

/// What was told, with the tellers as they are after `act`.
fn told(act: impl FnOnce(&mut Tellers, &Path)) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut events = Vec::new();
    runtime.block_on(async {
        let mut tellers = Tellers::new(directory.path().join("notify")).unwrap();
        let path = tellers.open(RUN).unwrap().0;
        act(&mut tellers, &path);
        tellers.read(&mut events, &|_| ());
    });
    events.iter().map(show).collect()
}

fn show(told: &Told) -> String {
    match told {
        Told::Ready(RUN) => "ready true".to_owned(),
        Told::Newline { run: RUN, ready, .. } => format!("ready {ready}"),
        Told::Status(RUN, text) => format!("status {text}"),
        other => format!("{other:?}"),
    }
}

fn say(path: &Path, datagram: &[u8]) {
    UnixDatagram::unbound().unwrap().send_to(datagram, path).unwrap();
}

#[test]
fn what_was_said_before_the_pid_was_known_waits_and_counts() {
    let events = told(|tellers, path| {
        say(path, b"STATUS=warming up\nREADY=1");
        let mut early = Vec::new();
        tellers.read(&mut early, &|_| ());
        assert!(early.is_empty());
        tellers.started(RUN, std::process::id()).unwrap();
    });
    assert_eq!(events, ["status warming up", "ready true"]);
}

#[test]
fn a_stranger_is_not_heard() {
    // Pid 1 is no descendant of ours, and we are none of a pid that nobody has.
    let events = told(|tellers, path| {
        tellers.started(RUN, 4_194_303).unwrap();
        say(path, b"READY=1");
    });
    assert!(events.is_empty(), "{events:?}");
}

#[test]
fn too_long_and_meaningless_datagrams_are_passed_over() {
    let events = told(|tellers, path| {
        tellers.started(RUN, std::process::id()).unwrap();
        say(path, &[b'x'; 64 * 1024]);
        say(path, b"");
        say(path, b"\xff\xff");
        say(path, b"READY=1");
    });
    assert_eq!(events, ["ready true"]);
}

#[test]
fn the_last_words_of_a_run_are_read_before_its_end_and_none_after() {
    let mut last = Vec::new();
    let events = told(|tellers, path| {
        tellers.started(RUN, std::process::id()).unwrap();
        say(path, b"READY=1");
        tellers.ended(RUN, &mut last, &|_| ());
        say(path, b"STATUS=a ghost");
    });
    assert_eq!(last.iter().map(show).collect::<Vec<_>>(), ["ready true"]);
    assert!(events.is_empty(), "{events:?}");
}

#[test]
fn attached_descriptors_are_closed_and_the_word_counts() {
    use nix::sys::socket::{ControlMessage, sendmsg};
    told(|tellers, path| {
        tellers.started(RUN, std::process::id()).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        let (read, write) = nix::unistd::pipe().unwrap();
        let ends = [write.as_raw_fd()];
        let address = UnixAddr::new(path).unwrap();
        let rights = [ControlMessage::ScmRights(&ends)];
        let text = [io::IoSlice::new(b"READY=1")];
        sendmsg(sender.as_raw_fd(), &text, &rights, MsgFlags::empty(), Some(&address)).unwrap();
        drop(write);
        let mut events = Vec::new();
        tellers.read(&mut events, &|_| ());
        assert_eq!(events.iter().map(show).collect::<Vec<_>>(), ["ready true"]);
        // The only write end left was in the datagram: were it open still, this read would block.
        assert_eq!(nix::unistd::read(&read, &mut [0; 1]), Ok(0));
    });
}

#[test]
fn a_newline_is_ready_and_an_end_without_one_is_not() {
    let (newline, end) = (nix::unistd::pipe().unwrap(), nix::unistd::pipe().unwrap());
    nix::unistd::write(&newline.1, b"up\n").unwrap();
    drop(end.1);
    assert_eq!(told(|tellers, _| tellers.watch_pipe(RUN, newline.0).unwrap()), ["ready true"]);
    assert_eq!(told(|tellers, _| tellers.watch_pipe(RUN, end.0).unwrap()), ["ready false"]);
}

#[test]
fn what_a_dying_manager_has_marked_and_not_taken_out_the_next_one_hears_again() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pipe = nix::unistd::pipe().unwrap();
    nix::unistd::write(&pipe.1, b"up\n").unwrap();
    runtime.block_on(async {
        let mut first = Tellers::new(directory.path().join("notify")).unwrap();
        let (path, copy) = first.open(RUN).unwrap();
        first.started(RUN, std::process::id()).unwrap();
        say(&path, b"STATUS=here\nREADY=1");
        for made in [0, 1] {
            if made == 1 {
                first.watch_pipe(RUN, pipe.0.try_clone().unwrap()).unwrap();
            }
            let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                first.read(&mut Vec::new(), &|run| panic!("{run} is marked, and here it ends"));
            }));
            assert!(died.is_err());
        }
        drop(first);
        say(&path, b"STATUS=in between");
        let mut next = Tellers::new(directory.path().join("notify")).unwrap();
        next.take_socket(RUN.pod, copy.unwrap());
        assert!(next.open(RUN).unwrap().1.is_none(), "the keeper has it");
        next.take_pipe(RUN, pipe.0);
        let mut events = Vec::new();
        next.read(&mut events, &|_| ());
        assert!(events.is_empty(), "its start is not known yet");
        next.started(RUN, std::process::id()).unwrap();
        next.read(&mut events, &|_| ());
        assert_eq!(
            events.iter().map(show).collect::<Vec<_>>(),
            ["status here", "ready true", "status in between", "ready true"]
        );
        assert_eq!((next.take_done(), next.take_done()), (vec![RUN], vec![]));
    });
}

/// Two processes of one pod, told apart by who sends: this process, and a child of its own.
#[test]
fn of_two_processes_each_is_heard_as_itself_and_an_unknown_word_waits_while_one_is_started() {
    const SIDECAR: RunId = RunId { class: Class::Sidecar, ..RUN };
    let nobody = 4_194_303;
    let events = told(|tellers, path| {
        tellers.open(SIDECAR).unwrap();
        tellers.started(SIDECAR, nobody).unwrap();
        // From us, whose pid is not known yet: it could be main's.
        say(path, b"READY=1\nWATCHDOG=1");
        let mut early = Vec::new();
        tellers.read(&mut early, &|_| ());
        assert!(early.is_empty(), "{early:?}");
        tellers.started(RUN, std::process::id()).unwrap();
    });
    assert_eq!(events, ["ready true".to_owned(), format!("{:?}", Told::Alive(RUN))]);
    let events = told(|tellers, path| {
        tellers.started(RUN, nobody).unwrap();
        tellers.open(SIDECAR).unwrap();
        tellers.started(SIDECAR, std::process::id()).unwrap();
        say(path, b"WATCHDOG=trigger");
    });
    assert_eq!(events, [format!("{:?}", Told::Trouble(SIDECAR))]);
}
