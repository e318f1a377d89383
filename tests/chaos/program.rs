//! What the units run: writes numbered lines, lives for a while, ends with a code, and writes down what it did.
//!
//! `chaos program DIR [life=MS-MS|forever] [fail=PERCENT] [fails=N] [every=MS] [alone] [ready]`: lives that long,
//! fails with that chance or in its first N attempts, prints a line so often; `alone`: no other copy may
//! live beside it; `ready`: says so to its notify socket. Chance comes from its own name, so that one run does the same in
//! each repetition. What it writes down is read in `ledger.rs`.

use std::env::{Args, var};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::iter::Skip;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{ExitCode, exit};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::SigSet;
use nix::time::{ClockId, clock_gettime};

use super::dice::Dice;

/// Lines between two notes of how many there were.
const NOTE_EACH: u64 = 5;

struct Habits {
    life: Option<Duration>,
    code: i32,
    every: Duration,
    alone: bool,
    ready: bool,
}

pub fn run(mut args: Skip<Args>) -> ExitCode {
    let dir = args.next().unwrap();
    let run = super::ledger::mark(&var("SUPD_RUN").unwrap());
    let habits = Habits::read(args, &run);
    let mut ledger = OpenOptions::new().append(true).create(true).open(format!("{dir}/ledger")).unwrap();
    // One write for each note: an append is whole, whoever else appends.
    let mut note = |text: String| ledger.write_all(text.as_bytes()).unwrap();
    note(start_note(&run));
    // Held until this process is gone, however it goes.
    let lock = habits.alone.then(|| lock(Path::new(&dir)));
    if matches!(lock, Some(None)) {
        note(format!("D {run}\n"));
    }
    if habits.ready {
        let socket = var("NOTIFY_SOCKET").unwrap();
        UnixDatagram::unbound().unwrap().send_to(b"READY=1", socket).unwrap();
    }
    let lines = live(&habits, &run, &mut note);
    // From here on only SIGKILL comes between the note and the end it tells of.
    SigSet::all().thread_block().unwrap();
    note(format!("E {} {run} {} {lines}\n", now_ms(), habits.code));
    exit(habits.code)
}

/// Prints lines until its time is over; returns how many were taken.
fn live(habits: &Habits, run: &str, note: &mut impl FnMut(String)) -> u64 {
    let mut out = std::io::stdout().lock();
    let mut left = habits.life.unwrap_or(Duration::MAX);
    let (mut lines, mut broken) = (0, false);
    loop {
        match out.write_all(format!("{run} {}\n", lines + 1).as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => lines += 1,
            Err(error) => {
                if !broken && error.kind() == ErrorKind::BrokenPipe {
                    note(format!("B {run}\n"));
                }
                broken = true;
            }
        }
        if lines % NOTE_EACH == 0 {
            note(format!("P {run} {lines}\n"));
        }
        let pause = left.min(habits.every);
        if pause.is_zero() {
            return lines;
        }
        std::thread::sleep(pause);
        left = left.saturating_sub(pause);
    }
}

impl Habits {
    fn read(words: impl Iterator<Item = String>, run: &str) -> Self {
        let mut dice = Dice::of(run);
        let attempt: u64 = var("SUPD_ATTEMPT").unwrap().parse().unwrap();
        let mut habits =
            Self { life: None, code: 0, every: Duration::from_millis(250), alone: false, ready: false };
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((&word, ""));
            let number = || value.parse::<u64>().unwrap();
            match key {
                "life" if value == "forever" => habits.life = None,
                "life" => {
                    let (from, to) = value.split_once('-').unwrap();
                    let life = dice.between(from.parse().unwrap(), to.parse().unwrap());
                    habits.life = Some(Duration::from_millis(life));
                }
                "fail" if dice.percent(number()) => habits.code = dice.between(1, 120) as i32,
                "fails" if attempt < number() => habits.code = 3,
                "fail" | "fails" => {}
                "every" => habits.every = Duration::from_millis(number()),
                "alone" => habits.alone = true,
                "ready" => habits.ready = true,
                _ => panic!("what is {word}?"),
            }
        }
        habits
    }
}

fn start_note(run: &str) -> String {
    let own = |name: &str| var(name).unwrap_or_else(|_| "-".to_owned());
    format!(
        "S {} {run} {} {} {} {} {} {} {}\n",
        now_ms(),
        own("SUPD_UNIT"),
        own("SUPD_POD"),
        own("SUPD_PROCESS"),
        own("SUPD_ATTEMPT"),
        ordinal(),
        own("SUPD_SCHEDULED_TIME"),
        std::process::id()
    )
}

/// Which of several equal ones it is.
fn ordinal() -> String {
    var("SUPD_REPLICA").or_else(|_| var("JOB_COMPLETION_INDEX")).unwrap_or_else(|_| "-".to_owned())
}

/// The place that only one copy may have at a time; nothing if another one has it.
fn lock(dir: &Path) -> Option<Flock<File>> {
    let path = dir.join("places").join(format!("{}.{}", var("SUPD_UNIT").unwrap(), ordinal()));
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
    Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
}

/// As the ledger tells time: milliseconds since the machine came up.
pub fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    now.tv_sec() as u64 * 1_000 + now.tv_nsec() as u64 / 1_000_000
}
