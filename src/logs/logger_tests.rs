//! The loop, with real pipes and sockets; each test plays the keeper.

use super::*;
use crate::limits::{LOG_FILE_BYTES_MAX, LOG_LINE_BYTES_MAX};
use crate::logs::line::{Line, Tag};
use crate::logs::path::PodDir;
use crate::settings::{LogFormat, LogLevel};
use crate::wire::handover::{Handover, TAKEN};
use crate::wire::journal::Journal;
use crate::wire::run::Run;
use nix::unistd::{pipe, write};
use std::collections::BTreeMap;

struct Bench {
    temp: tempfile::TempDir,
    logger: Logger,
    keeper: Option<Channel>,
    stdout: OwnedFd,
    stderr: OwnedFd,
    /// As the keeper does, holds a copy of every read end.
    copies: Vec<OwnedFd>,
    _own_log: OwnedFd,
}

const PATH: &str = "web_web-0_0000002a/main/0.log";

fn settings(log_dir: std::path::PathBuf) -> Settings {
    Settings {
        units: Vec::new(),
        runtime_dir: log_dir.clone(),
        state_dir: log_dir.clone(),
        log_dir,
        exit_when_done: false,
        shutdown_timeout: Duration::from_secs(9),
        on_fault: crate::settings::OnFault::Exit,
        strict: false,
        log_level: LogLevel::Info,
        log_format: LogFormat::Text,
        quiet: false,
        container: true,
        foreground: false,
        process_one: true,
        tree: None,
        watchdog: None,
    }
}

impl Bench {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let (keeper, channel) = Channel::pair().unwrap();
        let ((stdout, to_stdout), (stderr, to_stderr)) = (pipe().unwrap(), pipe().unwrap());
        let (own_read, own_write) = crate::wire::own_log::pipe().unwrap();
        let voice = Voice::new(
            OwnLog::to(crate::wire::own_log::forever(own_write.as_fd())),
            "logger",
            &settings("/".into()),
        );
        let outlets = (Outlet::new(to_stdout.as_fd()).unwrap(), Outlet::new(to_stderr.as_fd()).unwrap());
        let hand = Hand::new(Journal::create().unwrap().1, pipe().unwrap());
        let logger = Logger::new(&settings(temp.path().to_owned()), voice, channel, hand, outlets).unwrap();
        let mut bench = Self {
            temp,
            logger,
            keeper: Some(keeper),
            stdout,
            stderr,
            copies: Vec::new(),
            _own_log: own_write,
        };
        bench.tell(KeeperToLogger::OwnLog, Some(own_read));
        bench
    }

    fn tell(&mut self, message: KeeperToLogger<'_>, fd: Option<OwnedFd>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
        self.keeper.as_ref().unwrap().send(&bytes, &fds).unwrap();
        self.copies.extend(fd);
        self.settle();
    }

    /// Hands over a new pipe and returns its write end.
    fn pipe(&mut self, slot: u16, stream: u8, both: bool, path: &str) -> OwnedFd {
        let (read, write) = pipe().unwrap();
        let run = Run { pod: 42 + u64::from(slot), ..Run::default() };
        let log_path = path.as_bytes();
        self.tell(KeeperToLogger::Pipe { slot, stream, both, run, log_path, label: b"" }, Some(read));
        write
    }

    /// Turns until nothing happens any more.
    fn settle(&mut self) {
        for _ in 0..100 {
            self.logger.turn(Some(Duration::ZERO)).unwrap();
        }
    }

    fn drained(&self) -> Vec<u16> {
        let mut slots = Vec::new();
        let mut buffer = [0; 64];
        while let Ok(received) = self.keeper.as_ref().unwrap().try_receive(&mut buffer) {
            let LoggerToKeeper::Drained { slot } =
                LoggerToKeeper::decode(&buffer[..received.length]).unwrap();
            slots.push(slot);
        }
        slots
    }

    fn lines(&self, path: &str) -> Vec<(Stream, Tag, String)> {
        let bytes = std::fs::read(self.temp.path().join(path)).unwrap_or_default();
        let lines =
            bytes.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap());
        let lines = lines.map(|line| Line::parse(line).unwrap());
        lines.map(|line| (line.stream, line.tag, String::from_utf8_lossy(line.text).into())).collect()
    }

    fn texts(&self, path: &str) -> Vec<String> {
        self.lines(path).into_iter().map(|(_, _, text)| text).collect()
    }
}

/// What is in a pipe now.
fn take(from: &OwnedFd) -> String {
    unblock(from.as_fd());
    let mut buffer = vec![0; 1 << 20];
    let mut text = Vec::new();
    while let Ok(count @ 1..) = nix::unistd::read(from, &mut buffer) {
        text.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn lines_of_both_streams() {
    let mut bench = Bench::new();
    let (out, err) = (bench.pipe(1, 1, false, PATH), bench.pipe(1, 2, false, PATH));
    assert_eq!(std::fs::read_dir(bench.temp.path()).unwrap().count(), 0, "nothing printed, nothing made");
    write(&out, b"one\ntw").unwrap();
    bench.settle();
    write(&err, b"bad\n").unwrap();
    bench.settle();
    write(&out, b"o\nno end").unwrap();
    drop(out);
    bench.settle();
    let want = [
        (Stream::Stdout, "one"),
        (Stream::Stderr, "bad"),
        (Stream::Stdout, "two"),
        (Stream::Stdout, "no end"),
    ];
    assert_eq!(bench.lines(PATH), want.map(|(stream, text)| (stream, Tag::Full, text.into())));
    assert_eq!(take(&bench.stdout), "");
}

#[test]
fn drained_is_said_when_the_pipe_is_empty_though_somebody_holds_it() {
    let mut bench = Bench::new();
    // A large pipe, full: more than a turn takes.
    let out = bench.pipe(7, 1, false, PATH);
    fcntl(&out, FcntlArg::F_SETPIPE_SZ(LOG_DRAIN_BYTES_MAX as i32)).unwrap();
    let lines = LOG_DRAIN_BYTES_MAX / 4096 * 4096 / 8;
    let text: String = (0..lines).map(|number| format!("{number:07}\n")).collect();
    let message = KeeperToLogger::Ended { slot: 7 };
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    let written = write(&out, text.as_bytes()).unwrap();
    bench.keeper.as_ref().unwrap().send(&bytes, &[]).unwrap();
    // The first turn may serve the pipe or the keeper: all lines are in the file before the answer.
    let mut answers = Vec::new();
    for _ in 0..100 {
        bench.logger.turn(Some(Duration::ZERO)).unwrap();
        answers = bench.drained();
        if !answers.is_empty() {
            break;
        }
    }
    assert_eq!(answers, [7]);
    let got = bench.texts(PATH);
    assert_eq!(got.len(), written / 8);
    assert!(got.iter().enumerate().all(|(number, line)| *line == format!("{number:07}")));
    // Our descriptor is closed: with the keeper's copy gone too, the writer is told.
    bench.copies.clear();
    assert_eq!(write(&out, b"x"), Err(Errno::EPIPE));
}

#[test]
fn a_run_without_output_is_drained_too() {
    let mut bench = Bench::new();
    drop((bench.pipe(3, 1, false, PATH), bench.pipe(3, 2, false, PATH)));
    bench.settle();
    bench.tell(KeeperToLogger::Ended { slot: 3 }, None);
    bench.tell(KeeperToLogger::Ended { slot: 4 }, None);
    assert_eq!(bench.drained(), [3, 4]);
    assert_eq!(std::fs::read_dir(bench.temp.path()).unwrap().count(), 0);
}

#[test]
fn a_slot_is_used_again() {
    let mut bench = Bench::new();
    let other = "web_web-1_0000002b/main/0.log";
    let first = bench.pipe(1, 1, false, PATH);
    write(&first, b"first").unwrap();
    bench.settle();
    // The keeper forgot to say that the first one has ended.
    let (read, second) = pipe().unwrap();
    let run = Run { pod: 999, ..Run::default() };
    let log_path = other.as_bytes();
    bench.tell(
        KeeperToLogger::Pipe { slot: 1, stream: 1, both: false, run, log_path, label: b"" },
        Some(read),
    );
    write(&second, b"second\n").unwrap();
    bench.tell(KeeperToLogger::Ended { slot: 1 }, None);
    assert_eq!((bench.texts(PATH), bench.texts(other)), (vec!["first".into()], vec!["second".into()]));
}

#[test]
fn a_flood_does_not_keep_others_waiting() {
    let mut bench = Bench::new();
    let flood = bench.pipe(1, 1, false, "flood_flood-0_0000002a/main/0.log");
    let quiet = bench.pipe(2, 1, false, PATH);
    unblock(flood.as_fd());
    let line = b"y\n".repeat(32 * 1024);
    while write(&flood, &line).is_ok() {}
    write(&quiet, b"hello\n").unwrap();
    bench.logger.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(bench.texts(PATH), ["hello"]);
}

#[test]
fn without_the_keeper_the_pods_are_still_heard() {
    let mut bench = Bench::new();
    let out = bench.pipe(1, 1, false, PATH);
    bench.keeper = None;
    bench.copies.clear();
    bench.settle();
    assert!(!bench.logger.is_done());
    write(&out, b"after\n").unwrap();
    bench.settle();
    assert_eq!(bench.texts(PATH), ["after"]);
    drop(out);
    bench.settle();
    assert!(bench.logger.is_done());
    bench.logger.finish();
}

/// A keeper's end of a handover, and the listener that the logger has.
fn next_keeper(bench: &mut Bench) -> Channel {
    use nix::sys::socket::*;
    let path = bench.temp.path().join("logger.sock");
    let new = |flags| socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
    let (listener, connection) = (new(SockFlag::SOCK_NONBLOCK), new(SockFlag::empty()));
    use std::os::fd::AsRawFd;
    let address = UnixAddr::new(&path).unwrap();
    bind(listener.as_raw_fd(), &address).unwrap();
    listen(&listener, Backlog::new(1).unwrap()).unwrap();
    bench.logger.handover = Some(listener);
    connect(connection.as_raw_fd(), &address).unwrap();
    std::fs::remove_file(path).unwrap();
    connection.into()
}

#[test]
fn the_next_keeper_gets_the_pipes_and_nothing_is_written_twice() {
    let mut bench = Bench::new();
    let (out, err) = (bench.pipe(1, 1, false, PATH), bench.pipe(1, 2, true, PATH));
    let gone = bench.pipe(2, 1, false, "gone_gone-0_0000002b/main/0.log");
    write(&out, b"whole\nhal").unwrap();
    bench.settle();
    drop(gone);
    let next = next_keeper(&mut bench);
    // It answers only when its own keeper is dead.
    bench.settle();
    let mut buffer = [0; 512];
    assert_eq!(next.try_receive(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    bench.keeper = None;
    bench.copies.clear();
    next.send(TAKEN, &[]).unwrap();
    bench.settle();
    assert!(bench.logger.is_done(), "it has nothing left to read");

    let mut pipes = Vec::new();
    loop {
        let received = next.receive(&mut buffer).unwrap();
        let [fd, ..] = received.fds;
        match Handover::decode(&buffer[..received.length]).unwrap() {
            Handover::Pipe(handed) => {
                let told = (handed.slot, handed.stderr, handed.continued);
                assert_eq!(handed.run.pod, 43);
                pipes.push((told, fd.unwrap()));
            }
            last => break assert_eq!(last, Handover::End),
        }
    }
    pipes.sort_by_key(|(told, _)| *told);
    let told: Vec<_> = pipes.iter().map(|(told, _)| *told).collect();
    assert_eq!(told, [(1, false, true), (1, true, false)]);
    // Nobody is left without a reader, and what comes goes on with the line that was begun.
    write(&out, b"f\n").unwrap();
    write(&err, b"x\n").unwrap();
    let mut rest = [0; 8];
    assert_eq!(nix::unistd::read(&pipes[0].1, &mut rest).unwrap(), 2);
    let part = |tag, text: &str| (Stream::Stdout, tag, text.to_owned());
    assert_eq!(bench.lines(PATH), [part(Tag::Full, "whole"), part(Tag::Part, "hal")]);
}

#[test]
fn a_next_keeper_that_dies_leaves_the_pipes_where_they_are() {
    let mut bench = Bench::new();
    let out = bench.pipe(1, 1, false, PATH);
    write(&out, b"hal").unwrap();
    bench.settle();
    drop(next_keeper(&mut bench));
    bench.keeper = None;
    bench.copies.clear();
    bench.settle();
    assert!(!bench.logger.is_done());
    write(&out, b"f\n").unwrap();
    drop(out);
    bench.settle();
    let part = |tag, text: &str| (Stream::Stdout, tag, text.to_owned());
    assert_eq!(bench.lines(PATH), [part(Tag::Part, "hal"), part(Tag::Full, "f")]);
    assert!(bench.logger.is_done());
}

#[test]
fn what_is_drained_is_said_though_the_keeper_says_no_more() {
    let mut bench = Bench::new();
    let out = bench.pipe(1, 1, false, PATH);
    write(&out, b"last").unwrap();
    let mut bytes = Vec::new();
    KeeperToLogger::Ended { slot: 1 }.encode(&mut bytes);
    let keeper = bench.keeper.as_ref().unwrap();
    keeper.send(&bytes, &[]).unwrap();
    keeper.say_no_more();
    bench.settle();
    assert!(bench.logger.is_done());
    assert_eq!((bench.drained(), bench.texts(PATH)), (vec![1], vec!["last".to_owned()]));
}

#[test]
fn both_ways() {
    let mut bench = Bench::new();
    let out = bench.pipe(1, 1, true, PATH);
    let step = bench.pipe(2, 2, true, "web_web-0_0000002a/migrate/0.log");
    write(&out, b"\x1b[2Jboo\n").unwrap();
    bench.settle();
    write(&step, b"table made\n").unwrap();
    bench.settle();
    assert_eq!(take(&bench.stdout), "web-0 | \\x1b[2Jboo\nweb-0/migrate | table made\n");
    assert_eq!(bench.texts(PATH), ["\x1b[2Jboo"]);
}

#[test]
fn a_slow_console_slows_its_pods_and_nobody_else() {
    let mut bench = Bench::new();
    let (both, other) = (bench.pipe(1, 1, true, PATH), bench.pipe(2, 1, false, "a_a-0_0000002a/main/0.log"));
    unblock(both.as_fd());
    // However slow this machine is.
    bench.logger.intake.out.stdout.patience = Duration::from_secs(3600);
    // Nobody reads: queue and pipe fill up, and the pod has to wait.
    let line = [b"x".repeat(99), b"\n".to_vec()].concat();
    let mut written = 0;
    for _ in 0..100 {
        while let Ok(count) = write(&both, &line) {
            written += count;
        }
        bench.settle();
    }
    assert_eq!(write(&both, &line), Err(Errno::EAGAIN));
    write(&other, b"free\n").unwrap();
    bench.settle();
    assert_eq!(bench.texts("a_a-0_0000002a/main/0.log"), ["free"]);

    // Somebody reads: all of it comes, in both places.
    let mut shown = take(&bench.stdout);
    while !shown.ends_with("last\n") {
        if write(&both, b"last\n").is_ok() {
            written += 5;
        }
        bench.logger.turn(Some(Duration::ZERO)).unwrap();
        shown.push_str(&take(&bench.stdout));
    }
    bench.settle();
    shown.push_str(&take(&bench.stdout));
    let kept = bench.texts(PATH);
    assert_eq!(kept.iter().map(|line| line.len() + 1).sum::<usize>(), written);
    assert_eq!(shown.lines().count(), kept.len());
    assert!(shown.lines().zip(&kept).all(|(shown, kept)| shown.strip_prefix("web-0 | ") == Some(kept)));
}

#[test]
fn own_messages_and_warnings_go_to_standard_error() {
    let mut bench = Bench::new();
    drop(bench.pipe(1, 1, false, "../../etc/passwd"));
    bench.tell(KeeperToLogger::Relay(b"?"), None);
    bench.keeper.as_ref().unwrap().send(b"\xff", &[]).unwrap();
    bench.settle();
    let said = take(&bench.stderr);
    let said: Vec<_> = said.lines().map(|line| line.split_once("WARN logger: ").unwrap().1).collect();
    assert_eq!(
        said,
        [
            "a run has no proper log path; its output is not kept",
            "ignoring an order that is not understood",
            "ignoring a malformed message",
        ]
    );
    std::fs::remove_dir(bench.temp.path()).unwrap();
    std::fs::write(bench.temp.path(), "").unwrap();
    let out = bench.pipe(2, 1, false, PATH);
    write(&out, b"lost\n").unwrap();
    bench.settle();
    let said = take(&bench.stderr);
    assert!(said.contains("WARN logger: cannot write `") && said.contains("(ENOTDIR)"), "{said}");
    std::fs::remove_file(bench.temp.path()).unwrap();
    std::fs::create_dir(bench.temp.path()).unwrap();
}

#[test]
fn a_forgotten_pod_leaves_nothing() {
    let mut bench = Bench::new();
    let out = bench.pipe(1, 1, false, PATH);
    write(&out, b"one\n").unwrap();
    bench.settle();
    let forget = Relay::Forget { dir: PodDir::parse("web_web-0_0000002a").unwrap() }.encode();
    bench.tell(KeeperToLogger::Relay(&forget), None);
    assert_eq!(std::fs::read_dir(bench.temp.path()).unwrap().count(), 0);
}

#[test]
fn a_line_without_end_takes_bounded_memory() {
    let mut bench = Bench::new();
    let out = bench.pipe(1, 1, false, PATH);
    for _ in 0..32 {
        write(&out, &[0; 64 * 1024]).unwrap();
        bench.settle();
    }
    drop(out);
    bench.tell(KeeperToLogger::Ended { slot: 1 }, None);
    let lines = bench.lines(PATH);
    assert_eq!(lines.len(), (2 << 20) / LOG_LINE_BYTES_MAX);
    assert!(lines.iter().all(|(_, _, text)| text.len() == LOG_LINE_BYTES_MAX));
    let full: BTreeMap<usize, _> =
        lines.iter().enumerate().filter(|(_, (_, tag, _))| *tag == Tag::Full).collect();
    assert_eq!(full.into_keys().collect::<Vec<_>>(), [lines.len() - 1]);
    assert!(std::fs::metadata(bench.temp.path().join(PATH)).unwrap().len() < LOG_FILE_BYTES_MAX);
}

#[test]
fn stamps_never_repeat_over_all_pods() {
    let mut bench = Bench::new();
    let paths = [PATH, "a_a-0_0000002a/main/0.log"];
    let pipes = [bench.pipe(1, 1, false, paths[0]), bench.pipe(2, 1, false, paths[1])];
    for _ in 0..20 {
        for pipe in &pipes {
            write(pipe, &b"y\n".repeat(1000)).unwrap();
        }
        bench.logger.turn(Some(Duration::ZERO)).unwrap();
    }
    bench.settle();
    let mut times = Vec::new();
    for path in paths {
        let bytes = std::fs::read(bench.temp.path().join(path)).unwrap();
        times.extend(bytes.split_inclusive(|b| *b == b'\n').map(|line| Line::parse(line).unwrap().time));
    }
    let count = times.len();
    times.sort();
    times.dedup();
    assert_eq!((count, times.len()), (40_000, 40_000));
}
