//! A logger dies before and behind each store of its journal, in every kind of work; the next one goes on, and
//! may die as well. The files have each line once, in order, and the very bytes that they would have had.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{pipe, write};

use crate::limits::{LOG_FILE_BYTES_MAX, LOG_LINE_BYTES_MAX, LOG_TAILS_MAX, LOG_TRIES_MAX};
use crate::logs::console::Console;
use crate::logs::hand::Hand;
use crate::logs::intake::{Found, Intake};
use crate::logs::line::{Line, Stream, Tag};
use crate::logs::outlet::Outlet;
use crate::logs::path::RunPath;
use crate::wire::journal::tests::die_after;
use crate::wire::journal::{Journal, Phase};
use crate::wire::run::Run;

const PATH: &str = "web_web-0_0000002a/main/0.log";
/// What was there before ends with this.
const FILLER: &[u8] = b"filler\n";
const FILLER_AT: u64 = LOG_FILE_BYTES_MAX - 200_000;

/// What the keeper holds, and the logger of the moment.
struct Bench {
    temp: tempfile::TempDir,
    journal: OwnedFd,
    hand: (OwnedFd, OwnedFd),
    /// Read ends and write ends, standard output first.
    pipes: [(OwnedFd, Option<OwnedFd>); 2],
    intake: Option<Intake>,
    numbers: Vec<usize>,
    deaths: u32,
    /// What the next logger finds of the last write is this much of a batch.
    torn: Option<u64>,
}

/// What is done in a test, one after the other.
#[derive(Clone)]
enum Step {
    Print(usize, Vec<u8>),
    End,
}

impl Bench {
    fn new(temp: tempfile::TempDir) -> Self {
        let (journal, _) = Journal::create().unwrap();
        let pipes = [(); 2].map(|()| {
            let (from, to) = pipe().unwrap();
            fcntl(&from, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
            (from, Some(to))
        });
        let hand = pipe().unwrap();
        fcntl(&hand.0, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let (intake, numbers) = (None, Vec::new());
        Self { temp, journal, hand, pipes, intake, numbers, deaths: 0, torn: None }
    }

    fn journal(&self) -> Journal {
        Journal::map(self.journal.as_fd()).unwrap()
    }

    /// The logger of the moment; a new one is given what the keeper gives.
    fn live(&mut self) -> &mut Intake {
        if self.intake.is_none() {
            let pipe = (self.hand.0.try_clone().unwrap(), self.hand.1.try_clone().unwrap());
            let null = || Outlet::new(fs::File::create("/dev/null").unwrap().as_fd()).unwrap();
            let hand = Hand::new(self.journal(), pipe);
            let console = Console::new(false, false, false);
            let mut intake = Intake::new(hand, self.temp.path().to_owned(), console, null(), null());
            assert_eq!(intake.recover(), None);
            let streams = [Stream::Stdout, Stream::Stderr];
            let add = |(pipe, stream): (&(OwnedFd, Option<OwnedFd>), Stream)| {
                let run = Run { pod: 42, ..Run::default() };
                let path = RunPath::parse(PATH);
                intake.add_run(pipe.0.try_clone().unwrap(), (3, run), (stream, false), path)
            };
            self.numbers = self.pipes.iter().zip(streams).map(add).collect();
            self.intake = Some(intake);
        }
        self.intake.as_mut().unwrap()
    }

    /// Does a piece of work, again and again until nobody dies over it.
    fn survive(&mut self, mut work: impl FnMut(&mut Intake, &[usize])) {
        loop {
            let done = catch_unwind(AssertUnwindSafe(|| {
                self.live();
                let numbers = self.numbers.clone();
                work(self.live(), &numbers);
            }));
            if done.is_ok() {
                return;
            }
            self.intake = None;
            self.deaths += 1;
            self.tear();
        }
    }

    /// A kill in the middle of a write: some of it is there.
    fn tear(&mut self) {
        let (Some(keep), Some(place)) = (self.torn.take(), self.journal().place()) else { return };
        let file = fs::File::options().write(true).open(self.temp.path().join(PATH)).unwrap();
        let size = file.metadata().unwrap().len();
        if self.journal().phase() == Phase::Taken && size > place.offset + keep {
            file.set_len(place.offset + keep).unwrap();
        }
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Print(stream, text) => {
                    let to = self.pipes[*stream].1.as_ref().unwrap();
                    assert_eq!(write(to, text).unwrap(), text.len());
                }
                Step::End => self.pipes.iter_mut().for_each(|(_, to)| *to = None),
            }
            let ends = matches!(step, Step::End);
            self.survive(|intake, numbers| {
                for number in numbers {
                    while let Found::Some(_) = intake.read(*number) {}
                    if ends {
                        intake.end(*number);
                    }
                }
            });
        }
    }
}

/// The entries of a stream, their parts joined, in all files of the run.
fn entries(place: &Path, stream: Stream) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    for age in [".4", ".3", ".2", ".1", ""] {
        let Ok(mut file) = fs::File::open(place.join(format!("{PATH}{age}"))) else { continue };
        if file.metadata().unwrap().len() > FILLER_AT {
            file.seek(SeekFrom::Start(FILLER_AT + FILLER.len() as u64)).unwrap();
        }
        file.read_to_end(&mut bytes).unwrap();
    }
    let mut entries = vec![Vec::new()];
    let mut times = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let line = Line::parse(line.strip_suffix(b"\n").expect("a line ends")).expect("a line of ours");
        times.push(line.time);
        if line.stream == stream {
            entries.last_mut().unwrap().extend_from_slice(line.text);
            if line.tag == Tag::Full {
                entries.push(Vec::new());
            }
        }
    }
    assert!(times.is_sorted_by(|a, b| a < b), "stamps go up");
    assert_eq!(entries.pop(), Some(Vec::new()), "the last line is whole");
    entries
}

fn printed(steps: &[Step], stream: usize) -> Vec<Vec<u8>> {
    let of_stream = |step: &Step| match step {
        Step::Print(of, text) if *of == stream => text.clone(),
        _ => Vec::new(),
    };
    let mut text: Vec<u8> = steps.iter().flat_map(of_stream).collect();
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    text.split_inclusive(|byte| *byte == b'\n').map(|line| line[..line.len() - 1].to_vec()).collect()
}

/// A second death, so many steps after the first; and how much is there of the batch that was being written.
type Variant = (Option<u32>, Option<u64>);

/// Runs the steps with a death at each place there is.
fn die_everywhere(steps: &[Step], variants: &[Variant], before: impl Fn(&Path)) {
    for (second, torn) in variants.iter().copied() {
        for first in 0.. {
            let temp = tempfile::tempdir().unwrap();
            before(temp.path());
            let mut bench = Bench::new(temp);
            bench.torn = torn;
            die_after(first);
            bench.survive(|_, _| ());
            if let (1, Some(second)) = (bench.deaths, second) {
                die_after(second);
            }
            bench.run(steps);
            die_after(u32::MAX);
            for (index, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
                let (got, want) = (entries(bench.temp.path(), stream), printed(steps, index));
                assert!(got == want, "death at {first}, then {second:?}: {} of {}", got.len(), want.len());
            }
            assert_eq!(bench.journal().phase(), Phase::Idle);
            if bench.deaths == 0 {
                assert!(first > 20, "there are more places than that");
                break;
            }
        }
    }
}

#[test]
fn lines_halves_and_ends() {
    let long = vec![b'x'; LOG_LINE_BYTES_MAX + 100];
    die_everywhere(
        &[
            Step::Print(0, b"one\ntw".to_vec()),
            Step::Print(1, b"half".to_vec()),
            Step::Print(0, b"o and ".to_vec()),
            Step::Print(0, b"more\nthree\n".to_vec()),
            Step::Print(1, long),
            Step::Print(0, b"no end".to_vec()),
            Step::End,
        ],
        &[(None, None), (None, Some(1)), (Some(3), Some(77)), (Some(9), None)],
        |_| (),
    );
}

#[test]
fn several_batches_of_one_chunk() {
    let steps = [Step::Print(0, b"\n".repeat(7_000)), Step::Print(0, b"y\n".repeat(3)), Step::End];
    die_everywhere(&steps, &[(Some(4), Some(5_000))], |_| ());
}

#[test]
fn rotation_between_two_batches() {
    let steps = [Step::Print(0, b"a\n".repeat(5_000)), Step::Print(1, b"end".to_vec()), Step::End];
    die_everywhere(&steps, &[(None, Some(5_000))], |place| {
        // A file that has room for one batch only. Nearly all of it is a hole.
        let path = place.join(PATH);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = fs::File::create(&path).unwrap();
        file.write_all_at(FILLER, FILLER_AT).unwrap();
    });
}

#[test]
fn a_chunk_that_kills_every_logger_is_given_up() {
    let mut bench = Bench::new(tempfile::tempdir().unwrap());
    bench.live();
    write(bench.pipes[0].1.as_ref().unwrap(), b"poison\n").unwrap();
    let number = bench.numbers[0];
    die_after(16);
    let death = catch_unwind(AssertUnwindSafe(|| bench.live().read(number)));
    assert!(death.is_err());
    assert_ne!(bench.journal().phase(), Phase::Idle);
    for _ in 0..LOG_TRIES_MAX {
        bench.journal().count_try();
    }
    let pipe = (bench.hand.0.try_clone().unwrap(), bench.hand.1.try_clone().unwrap());
    let null = || Outlet::new(fs::File::create("/dev/null").unwrap().as_fd()).unwrap();
    let console = Console::new(false, false, false);
    let hand = Hand::new(bench.journal(), pipe);
    let mut intake = Intake::new(hand, bench.temp.path().to_owned(), console, null(), null());
    let warning = intake.recover().unwrap();
    assert!(warning.starts_with("giving up 7 bytes of web_web-0_0000002a/main/0.log"), "{warning}");
    assert_eq!(bench.journal().phase(), Phase::Idle);
}

#[test]
fn more_unended_lines_than_there_is_room_for() {
    let mut bench = Bench::new(tempfile::tempdir().unwrap());
    let intake = bench.live();
    let mut ends = Vec::new();
    let path = |slot: u16| format!("web_web-{slot}_0000002a/main/0.log");
    let mut numbers = Vec::new();
    for slot in 10..10 + LOG_TAILS_MAX as u16 + 3 {
        let (from, to) = pipe().unwrap();
        fcntl(&from, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let run = Run { pod: u64::from(slot), ..Run::default() };
        let number = intake.add_run(from, (slot, run), (Stream::Stdout, false), RunPath::parse(&path(slot)));
        write(&to, b"half").unwrap();
        assert_eq!(intake.read(number), Found::Some(4));
        write(&to, b" and half\n").unwrap();
        numbers.push(number);
        ends.push(to);
    }
    for number in numbers {
        assert_eq!(intake.read(number), Found::Some(10));
    }
    let text = |slot: u16| fs::read_to_string(bench.temp.path().join(path(slot))).unwrap();
    assert!(text(10).ends_with(" stdout F half and half\n"));
    let last = text(10 + LOG_TAILS_MAX as u16 + 2);
    assert!(last.contains(" stdout P half\n") && last.ends_with(" stdout F  and half\n"), "{last}");
}
