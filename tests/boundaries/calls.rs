//! Kills a process at its n-th system call from now, and takes all calls of an operation in turn.
#![allow(clippy::disallowed_types)] // A test has children of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::space::{Death, Supd};

/// More calls than any operation here makes: an enumeration that doesn't end has a fault.
const CALLS_MAX: u32 = 5_000;

/// Who dies, at which calls.
#[derive(Clone, Copy)]
pub struct Victim {
    pub role: &'static str,
    /// As strace's `-e trace=` has it.
    pub calls: &'static str,
}

/// Everything that the manager does, its writer's thread included.
pub const MANAGER: Victim = Victim { role: "manager", calls: "all" };
/// Everything that a spawner does. What it makes is not killed: that would be the run's own end.
pub const SPAWNER: Victim = Victim { role: "spawner", calls: "all" };
/// Everything that the manager does to files.
pub const SAVES: Victim = Victim {
    role: "manager",
    calls: "pwrite64,pwritev,write,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,unlink,flock",
};

/// Does an operation again and again, with a death one call later each time, until it is over before the death
/// comes. `prepare` is done in peace; the operation gets words for its assertions and what
/// `prepare` has found. `step` is the mean distance of a sample.
#[track_caller]
pub fn at_each_call<T>(
    supd: &Supd,
    victim: Victim,
    step: u64,
    mut prepare: impl FnMut() -> T,
    mut operation: impl FnMut(T, &str),
) {
    let mut chance = Chance::new();
    let (mut deaths, mut call) = (0, 0);
    loop {
        call += chance.distance(step);
        assert!(call < CALLS_MAX, "there is no end of calls");
        let prepared = prepare();
        let killer = Killer::attach(supd, victim, call);
        operation(prepared, &format!("{} dies at call {call} of {}", victim.role, victim.calls));
        if !killer.detach() {
            println!("{}: {deaths} deaths at calls up to {call} of {}", victim.role, victim.calls);
            assert!(deaths > 0, "nobody has died");
            return;
        }
        deaths += 1;
    }
}

/// A strace that will kill.
struct Killer {
    strace: Child,
    death: Death,
}

impl Killer {
    fn attach(supd: &Supd, victim: Victim, call: u32) -> Self {
        let pid = supd.role(victim.role);
        let death = Death::of(pid);
        let mut command = Command::new("strace");
        // A spawner's children are not followed; the manager has threads, and no children.
        if victim.role == "manager" {
            command.arg("-f");
        }
        command.args(["-o", "/dev/null", "-p", &pid.to_string()]);
        command.args(["-e", &format!("trace={}", victim.calls)]);
        command.args(["-e", &format!("inject={}:signal=SIGKILL:when={call}", victim.calls)]);
        let mut strace = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace: {line:?}");
        // Whatever else it says is of no interest, but it must be able to say it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { strace, death }
    }

    /// Leaves the process alone, and says whether it was killed.
    fn detach(mut self) -> bool {
        let _ = kill(Pid::from_raw(self.strace.id() as i32), Signal::SIGTERM);
        self.strace.wait().unwrap();
        self.death.within(std::time::Duration::ZERO)
    }
}

/// A sample that is another one each time, and the same one for a seed (an xorshift).
struct Chance(Option<u64>);

impl Chance {
    fn new() -> Self {
        if std::env::var("SUPD_BOUNDARIES").is_ok_and(|value| value == "all") {
            return Self(None);
        }
        let given = std::env::var("SUPD_BOUNDARIES_SEED").ok().map(|text| text.parse().unwrap());
        let seed = given.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            since.as_nanos() as u64 % 1_000_000_000
        });
        println!("SUPD_BOUNDARIES_SEED={seed}");
        Self(Some(seed.wrapping_mul(2).wrapping_add(1)))
    }

    fn distance(&mut self, mean: u64) -> u32 {
        let Some(state) = &mut self.0 else { return 1 };
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        1 + (*state % (2 * mean - 1)) as u32
    }
}
