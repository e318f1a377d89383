//! Kills a process at its n-th system call from now, and takes all calls of an operation in turn.
#![allow(clippy::disallowed_types)] // A test has children of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::space::{Death, Supd};

/// Who dies, at how many of their calls in a sample.
#[derive(Clone, Copy)]
pub struct Victim {
    pub role: &'static str,
    /// As strace's `-e trace=` has it.
    pub calls: &'static str,
    pub sample: usize,
}

/// Everything that the manager does, its writer's thread included.
pub const MANAGER: Victim = Victim { role: "manager", calls: "all", sample: 24 };
/// Everything that a spawner does. What it makes is not killed: that would be the run's own end.
pub const SPAWNER: Victim = Victim { role: "spawner", calls: "all", sample: 24 };
/// Everything that the manager does to files.
pub const SAVES: Victim = Victim {
    role: "manager",
    calls: "pwrite64,pwritev,write,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,unlink,flock",
    sample: 24,
};

/// Does an operation once to see which calls are made, then again and again with a death at one of them each
/// time: before the first of its kind, the second and so on. `prepare` is done in peace; the operation gets
/// what that has found, and words for its assertions.
#[track_caller]
pub fn at_each_call<T>(
    supd: &Supd,
    victim: Victim,
    mut prepare: impl FnMut() -> T,
    mut operation: impl FnMut(T, &str),
) {
    let prepared = prepare();
    let census = Strace::count(supd, victim);
    operation(prepared, "nobody dies");
    let points = chosen(census.census(), victim.sample);
    let mut deaths = 0;
    for (call, nth) in &points {
        let prepared = prepare();
        let killer = Strace::kill(supd, victim, call, *nth);
        operation(prepared, &format!("the {} dies before {call} number {nth}", victim.role));
        deaths += u32::from(killer.detach());
    }
    println!("the {} died {deaths} times at {} calls", victim.role, points.len());
    assert!(deaths > 0, "nobody has died");
}

/// All points, or a sample that is another one each time, and the same one for a seed.
fn chosen(mut points: Vec<(String, u32)>, sample: usize) -> Vec<(String, u32)> {
    if std::env::var("SUPD_BOUNDARIES").is_ok_and(|value| value == "all") {
        return points;
    }
    let given = std::env::var("SUPD_BOUNDARIES_SEED").ok().map(|text| text.parse().unwrap());
    let seed: u64 = given.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        since.as_nanos() as u64 % 1_000_000_000
    });
    println!("SUPD_BOUNDARIES_SEED={seed}");
    // An xorshift, which must not begin with 0.
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    points.sort_by_cached_key(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    points.truncate(sample);
    points
}

/// strace may wait for the threads of a dead process in an order in which they do not come, and nobody is told
/// of a death that its tracer holds: it is ended as soon as it has seen one.
fn let_go_of_the_dead(tracer: Pid, calls: &Path) {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
    inotify.add_watch(calls, AddWatchFlags::IN_MODIFY).unwrap();
    let dead = |list: String| list.contains("+++ killed by SIGKILL") || list.contains("= ?");
    while !fs::read_to_string(calls).is_ok_and(dead) {
        if inotify.read_events().is_err() {
            return;
        }
    }
    let _ = kill(tracer, Signal::SIGKILL);
}

/// A strace that counts a role's calls, or kills it at one.
struct Strace {
    strace: Child,
    death: Death,
    /// What was called.
    list: PathBuf,
}

impl Strace {
    fn count(supd: &Supd, victim: Victim) -> Self {
        Self::attach(supd, victim, &[format!("trace={}", victim.calls)])
    }

    /// Before the n-th call of this name that any one of its threads makes from now on.
    fn kill(supd: &Supd, victim: Victim, call: &str, nth: u32) -> Self {
        Self::attach(
            supd,
            victim,
            &[format!("trace={call}"), format!("inject={call}:signal=SIGKILL:when={nth}")],
        )
    }

    fn attach(supd: &Supd, victim: Victim, expressions: &[String]) -> Self {
        let pid = supd.role(victim.role);
        let (death, list) = (Death::of(pid), supd.path().join("calls"));
        let mut command = Command::new("strace");
        // A spawner's children are not followed; the manager has threads, and no children.
        if victim.role == "manager" {
            command.arg("-f");
        }
        command.arg("-o").arg(&list).args(["-p", &pid.to_string()]);
        for expression in expressions {
            command.args(["-e", expression]);
        }
        let mut strace = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace: {line:?}");
        // Whatever else it says is of no interest, but it must be able to say it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let (tracer, calls) = (Pid::from_raw(strace.id() as i32), list.clone());
        std::thread::spawn(move || let_go_of_the_dead(tracer, &calls));
        Self { strace, death, list }
    }

    /// Leaves the process alone, and says whether it was killed.
    fn detach(mut self) -> bool {
        let _ = kill(Pid::from_raw(self.strace.id() as i32), Signal::SIGTERM);
        self.strace.wait().unwrap();
        self.death.within(Duration::ZERO)
    }

    /// Each call that was made: its name, and which of that name by the same thread.
    fn census(self) -> Vec<(String, u32)> {
        let list = self.list.clone();
        assert!(!self.detach(), "nobody was to die");
        let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
        for line in fs::read_to_string(list).unwrap().lines() {
            // With -f a thread's number stands before the call.
            let (thread, call) = match line.split_once(' ') {
                Some((first, rest)) if first.bytes().all(|byte| byte.is_ascii_digit()) => {
                    (first, rest.trim())
                }
                _ => ("", line),
            };
            let Some((name, _)) = call.split_once('(') else { continue };
            if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                *counts.entry((name.to_owned(), thread.to_owned())).or_default() += 1;
            }
        }
        let mut most: BTreeMap<String, u32> = BTreeMap::new();
        for ((name, _), count) in counts {
            let before = most.entry(name).or_default();
            *before = count.max(*before);
        }
        most.into_iter().flat_map(|(name, count)| (1..=count).map(move |nth| (name.clone(), nth))).collect()
    }
}
