//! `supd -- CMD` beside tini, dumb-init and catatonit: what each costs as PID 1 of one command.
//!
//! ```text
//! packaging/build-static                                   # prints where the programs are
//! cargo run --release --example init -- DIRECTORY/supd     # as root: it makes PID namespaces
//! ```
//!
//! Start: a command that ends at once, each init in turn and in an order that changes, so that a busy machine hits
//! all alike; wall time from the clone to the end, and the CPU time and page faults of the init and the command
//! together. Memory: while the command waits. Medians; what counts is the ratio to the lightest peer. `INIT_RUNS`
//! makes it longer. What is not installed is told and left out.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::disallowed_types,
    missing_docs
)]

use std::ffi::CString;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use nix::libc;

/// The init's program, and the words between it and the command.
type Init = (&'static str, PathBuf, &'static [&'static str]);

/// What the peers are called, and what Debian's package of each is.
const PEERS: &[(&str, &str, &[&str])] = &[
    ("tini", "tini", &["--"]),
    ("tini-static", "tini", &["--"]),
    ("dumb-init", "dumb-init", &["--"]),
    ("catatonit", "catatonit", &["--"]),
];

/// Of one start.
#[derive(Clone, Copy)]
struct Start {
    wall_us: f64,
    cpu_us: f64,
    faults: f64,
}

/// Of an init whose command waits, in KiB.
struct Memory {
    rss: f64,
    pss: f64,
    dirty: f64,
    tables: f64,
}

fn main() -> ExitCode {
    let Some(supd) = std::env::args().nth(1).filter(|word| !word.starts_with('-')) else {
        eprintln!("the path of the supd to measure is needed: packaging/build-static makes and prints it");
        return ExitCode::from(64);
    };
    let runs = std::env::var("INIT_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(400_usize);
    let place = tempfile::tempdir().unwrap();
    let command = compile(place.path());
    let mut inits: Vec<Init> = vec![("supd", supd.into(), &["--"])];
    for (name, package, words) in PEERS {
        match find(name) {
            Some(path) => inits.push((name, path, words)),
            None => eprintln!("{name} is not installed (Debian's package {package}): left out"),
        }
    }
    let starts = measure_starts(&inits, &command, runs);
    let memories: Vec<Memory> = inits.iter().map(|init| measure_memory(init, &command)).collect();
    let instructions: Vec<f64> =
        inits.iter().map(|init| instructions(init, &command, place.path())).collect();
    print(&inits, &starts, &memories, &instructions, runs);
    ExitCode::SUCCESS
}

/// A static program that ends at once, or says a word and waits for a signal.
fn compile(place: &Path) -> PathBuf {
    let program = place.join("command");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/container/hello.rs");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-o"])
        .arg(&program)
        .arg(source);
    assert!(rustc.status().expect("rustc is needed").success());
    program
}

fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|path| path.join(name)).find(|path| path.is_file())
}

/// The results of each init, in the order of the runs: run n of one was beside run n of the others.
fn measure_starts(inits: &[Init], command: &Path, runs: usize) -> Vec<Vec<Start>> {
    let words: Vec<Vec<CString>> = inits.iter().map(|init| line(init, command, &["exit", "0"])).collect();
    let mut starts = vec![Vec::with_capacity(runs); inits.len()];
    // The first rounds only bring everything into memory.
    for round in 0..runs + 10 {
        for turn in 0..inits.len() {
            let index = (turn + round) % inits.len();
            let start = start(&words[index]);
            if round >= 10 {
                starts[index].push(start);
            }
        }
    }
    starts
}

fn line((_, program, more): &Init, command: &Path, arguments: &[&str]) -> Vec<CString> {
    let words = [program.to_str().unwrap()].into_iter().chain(more.iter().copied());
    let words = words.chain([command.to_str().unwrap()]).chain(arguments.iter().copied());
    words.map(|word| CString::new(word).unwrap()).collect()
}

/// One start, to its end.
fn start(words: &[CString]) -> Start {
    let begin = Instant::now();
    let pid = spawn(words, None);
    let (status, usage) = unsafe {
        let (mut status, mut usage) = (0, std::mem::zeroed::<libc::rusage>());
        assert_eq!(libc::wait4(pid, &mut status, 0, &mut usage), pid);
        (status, usage)
    };
    let wall_us = begin.elapsed().as_secs_f64() * 1e6;
    assert_eq!(status, 0, "{words:?}");
    let micros = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
    Start { wall_us, cpu_us: micros(usage.ru_utime) + micros(usage.ru_stime), faults: usage.ru_minflt as f64 }
}

/// PID 1 of a new namespace. The memory is shared until it executes, so nothing of ours is copied or counted.
fn spawn(words: &[CString], stdout: Option<i32>) -> i32 {
    let mut pointers: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let environment = [c"PATH=/usr/bin:/bin".as_ptr(), std::ptr::null()];
    let mut stack = vec![0_u8; 64 * 1024];
    let mut child = || -> isize {
        unsafe {
            if let Some(fd) = stdout {
                libc::dup2(fd, 1);
            }
            libc::execve(pointers[0], pointers.as_ptr(), environment.as_ptr());
            libc::_exit(127)
        }
    };
    let flags = nix::sched::CloneFlags::CLONE_NEWPID
        | nix::sched::CloneFlags::CLONE_VM
        | nix::sched::CloneFlags::CLONE_VFORK;
    let pid = unsafe { nix::sched::clone(Box::new(&mut child), &mut stack, flags, Some(libc::SIGCHLD)) };
    pid.expect("root is needed, for a PID namespace").as_raw()
}

/// While the command waits: the median of some inits.
fn measure_memory(init: &Init, command: &Path) -> Memory {
    let words = line(init, command, &["serve"]);
    let all: Vec<Memory> = (0..9).map(|_| memory(&words)).collect();
    let of = |field: fn(&Memory) -> f64| median(all.iter().map(field).collect());
    Memory { rss: of(|m| m.rss), pss: of(|m| m.pss), dirty: of(|m| m.dirty), tables: of(|m| m.tables) }
}

fn memory(words: &[CString]) -> Memory {
    let (reader, writer): (PipeReader, PipeWriter) = std::io::pipe().unwrap();
    let pid = spawn(words, Some(writer.as_raw_fd()));
    let mut said = String::new();
    BufReader::new(&reader).read_line(&mut said).unwrap();
    assert!(said.starts_with("hello"), "{said}");
    // It has nothing to do from here on; that it has come so far, only its state tells.
    let state = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    while !state().contains(") S ") {
        std::thread::yield_now();
    }
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap()
        + &fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let memory = Memory {
        rss: field("Rss:"),
        pss: field("Pss:"),
        dirty: field("Private_Dirty:"),
        tables: field("VmPTE:"),
    };
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    memory
}

/// Those that the init alone executes in user mode, the command's start and end included; by valgrind.
fn instructions(init: &Init, command: &Path, place: &Path) -> f64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=none", "--quiet"]);
    if valgrind.arg("/bin/true").output().is_err() {
        return f64::NAN;
    }
    let out = place.join("callgrind");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--trace-children=no"])
        .arg(format!("--callgrind-out-file={}.%p", out.display()));
    valgrind.arg(&init.1);
    // As a child of valgrind it is no PID 1, which only tini minds.
    valgrind.args(init.2).arg(command).args(["exit", "0"]).env("TINI_SUBREAPER", "1");
    if !valgrind.output().is_ok_and(|out| out.status.success()) {
        return f64::NAN;
    }
    let mut most = f64::NAN;
    for entry in fs::read_dir(place).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("callgrind") {
            let text = fs::read_to_string(entry.path()).unwrap();
            let total =
                text.lines().find_map(|line| line.strip_prefix("summary: ")?.trim().parse::<f64>().ok());
            // The child counts until it executes, which is less.
            most = total.map_or(most, |total| total.max(most));
            fs::remove_file(entry.path()).unwrap();
        }
    }
    most
}

fn print(inits: &[Init], starts: &[Vec<Start>], memories: &[Memory], instructions: &[f64], runs: usize) {
    let each = |field: fn(&Start) -> f64| -> Vec<f64> {
        starts.iter().map(|starts| median(starts.iter().map(field).collect())).collect()
    };
    let held = |field: fn(&Memory) -> f64| -> Vec<f64> { memories.iter().map(field).collect() };
    let names: Vec<&str> = inits.iter().map(|(name, ..)| *name).collect();
    println!("medians of {runs} starts and 9 waits; in brackets: supd's part of it\n");
    println!("{:<26}{}", "", names.iter().map(|name| format!("{name:>20}")).collect::<String>());
    for (row, values) in [
        ("start to end, us", each(|start| start.wall_us)),
        ("its CPU time, us", each(|start| start.cpu_us)),
        ("its page faults", each(|start| start.faults)),
        ("instructions of the init", instructions.to_vec()),
        ("resident, KiB", held(|memory| memory.rss)),
        ("proportional (PSS), KiB", held(|memory| memory.pss)),
        ("private and dirty, KiB", held(|memory| memory.dirty)),
        ("page tables, KiB", held(|memory| memory.tables)),
    ] {
        let cell = |value: &f64| format!("{:>20}", format!("{value:.0} ({:.2})", values[0] / value));
        println!("{row:<26}{}", values.iter().map(cell).collect::<String>());
    }
    println!("\nwall time of supd by that of the peer in the same round, quartiles:");
    for (index, name) in names.iter().enumerate().skip(1) {
        let pairs = starts[0].iter().zip(&starts[index]);
        let mut ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours.wall_us / theirs.wall_us).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |part: f64| ratios[((ratios.len() - 1) as f64 * part) as usize];
        println!("{name:<26}{:.2}  {:.2}  {:.2}", at(0.25), at(0.5), at(0.75));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
