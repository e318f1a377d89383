//! What still runs when all units have ended: shells of the rescue, daemons that have left their unit's tree,
//! debuggers. Asked to end, then killed, and named.
//!
//! Left alone: PID 1, kernel threads, and processes whose name begins with `@`: storage daemons say so that
//! the root file system is theirs.

use std::fmt::Write;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::limits::{MACHINE_KILL_MS, MACHINE_KILL_ROUNDS_MAX, MACHINE_NAMED_MAX, MACHINE_TERM_MS};
use crate::machine::console;
use crate::place::stat::Stat;
use crate::sys::pidfd::send_signal;
use crate::sys::process::{kill, pidfd_open};

/// A process that is to end.
struct Left {
    pid: i32,
    name: String,
    has_terminal: bool,
    is_stuck: bool,
    pidfd: OwnedFd,
}

/// TERM to all, and after a while KILL. Tells who had to be killed, and writes it to this file.
pub(super) fn end_all(record: &Path) {
    let left = look();
    for process in &left {
        process.signal(nix::libc::SIGTERM);
        process.signal(nix::libc::SIGCONT);
        // Shells that people sit at ignore TERM.
        if process.has_terminal {
            process.signal(nix::libc::SIGHUP);
        }
    }
    wait_for(&left, MACHINE_TERM_MS);
    let (mut killed, mut before) = (Vec::new(), Vec::new());
    for round in 0..MACHINE_KILL_ROUNDS_MAX {
        // What starts others faster than it can be looked at stands still for it.
        let _ = kill(-1, nix::libc::SIGSTOP);
        let left = look();
        for process in &left {
            process.signal(nix::libc::SIGKILL);
        }
        let _ = kill(-1, nix::libc::SIGCONT);
        if left.is_empty() {
            break;
        }
        // To kill the same ones once more changes nothing.
        let pids: Vec<i32> = left.iter().map(|process| process.pid).collect();
        if pids == before {
            break;
        }
        before = pids;
        if round == 0 {
            tell("had to be killed", &left);
            killed = names(&left);
        }
        wait_for(&left, MACHINE_KILL_MS);
    }
    tell("still there", &look());
    if !killed.is_empty() {
        // The disk may take nothing: the console has it. It comes last, since it may even hang.
        let _ = fs::write(record, killed.join("\n"));
    }
}

fn tell(what: &str, left: &[Left]) {
    for name in names(left) {
        console::say(format_args!("{what}: {name}"));
    }
}

/// Who they are, a line each; of many only the first.
fn names(left: &[Left]) -> Vec<String> {
    let mut lines: Vec<String> = left.iter().take(MACHINE_NAMED_MAX).map(Left::describe).collect();
    let more = left.len().saturating_sub(MACHINE_NAMED_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

impl Left {
    /// `sh (pid 812)`; a name may hold whatever its owner likes.
    fn describe(&self) -> String {
        let mut text: String = self.name.chars().filter(|character| !character.is_control()).collect();
        let _ = write!(text, " (pid {})", self.pid);
        if self.is_stuck {
            text.push_str(", waiting in the kernel");
        }
        text
    }

    fn signal(&self, signal: i32) {
        let _ = send_signal(self.pidfd.as_fd(), signal, false);
    }
}

/// Waits until all have ended, at most so long.
fn wait_for(left: &[Left], within_ms: u64) {
    let deadline = Instant::now() + Duration::from_millis(within_ms);
    for process in left {
        let patience = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(process.pidfd.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX));
    }
}

/// All there are now.
fn look() -> Vec<Left> {
    let mine = i32::try_from(std::process::id()).unwrap_or_default();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != 1 && *pid != mine).filter_map(describe).collect()
}

fn describe(pid: i32) -> Option<Left> {
    // The descriptor first: what is read after it is of the same process, or of none.
    let pidfd = pidfd_open(pid).ok()?;
    let stat = Stat::of(pid).ok()?;
    let spared = fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"@"));
    if stat.has_ended() || stat.is_kernel_thread() || spared {
        return None;
    }
    let (has_terminal, is_stuck) = (stat.terminal().is_some(), stat.is_stuck());
    Some(Left { pid, name: stat.name().into_owned(), has_terminal, is_stuck, pidfd })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_only_the_first_are_named() {
        let one = |pid| Left {
            pid,
            name: "bo\x1bmb".to_owned(),
            has_terminal: false,
            is_stuck: pid == 2,
            pidfd: pidfd_open(i32::try_from(std::process::id()).unwrap()).unwrap(),
        };
        let lines = names(&(1..=25).map(one).collect::<Vec<_>>());
        assert_eq!(lines.len(), MACHINE_NAMED_MAX + 1);
        assert_eq!(lines[..2], ["bomb (pid 1)", "bomb (pid 2), waiting in the kernel"]);
        assert_eq!(lines.last().unwrap(), "and 5 more");
    }
}
