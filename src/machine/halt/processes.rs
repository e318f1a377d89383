//! What still runs when all units have ended: shells of the rescue, daemons that have left their unit's tree,
//! debuggers. Asked to end, then killed, and named.
//!
//! Left alone: PID 1, kernel threads, and processes of root whose first argument begins with `@`: storage daemons
//! say so that the root file system is theirs. Anybody else may say what he likes.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::child::{Child, bury_within, pause, step};
use crate::limits::{
    KERNEL_FILE_BYTES_MAX, MACHINE_ARGUMENTS_MS, MACHINE_KILL_MS, MACHINE_KILL_ROUNDS_MAX, MACHINE_NAMED_MAX,
    MACHINE_PIDFDS_MAX, MACHINE_RECORD_MS, MACHINE_TERM_MS,
};
use crate::machine::{console, mounts};
use crate::place::stat::Stat;
use crate::sys::pidfd::send_signal;
use crate::sys::process::{kill, pidfd_open};

/// A process that is to end.
struct Left {
    pid: i32,
    name: String,
    has_terminal: bool,
    is_stuck: bool,
    /// Of many only the first have one.
    pidfd: Option<OwnedFd>,
}

/// TERM to all, and after a while KILL. Tells who had to be killed, and writes it to this file. What is read of
/// processes may hang, so it is a child's work.
pub(super) fn end_all(record: &Path) {
    if all().is_none() {
        // Somebody has taken it away.
        mounts::first().iter().for_each(|why| console::say(format_args!("{why}")));
    }
    let Some(left) = look() else { return end_unseen() };
    for process in &left {
        process.signal(libc::SIGTERM);
        process.signal(libc::SIGCONT);
        // Shells that people sit at ignore TERM.
        if process.has_terminal {
            process.signal(libc::SIGHUP);
        }
    }
    wait_for(&left, MACHINE_TERM_MS);
    let (mut killed, mut before) = (Vec::new(), Vec::new());
    for round in 0..MACHINE_KILL_ROUNDS_MAX {
        // What starts others faster than it can be looked at stands still for it.
        let _ = kill(-1, libc::SIGSTOP);
        let left = look().unwrap_or_default();
        for process in &left {
            process.signal(libc::SIGKILL);
        }
        let _ = kill(-1, libc::SIGCONT);
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
    tell("still there", &look().unwrap_or_default());
    if !killed.is_empty() {
        // The disk may take nothing: the console has it.
        step("recording who had to be killed", MACHINE_RECORD_MS, || {
            u8::from(fs::write(record, killed.join("\n")).is_err())
        });
    }
}

/// The same where nobody can be told from another.
fn end_unseen() {
    console::say(format_args!("/proc cannot be read; all processes are ended, whatever their names are"));
    let _ = kill(-1, libc::SIGTERM);
    let _ = kill(-1, libc::SIGCONT);
    pause(MACHINE_TERM_MS as u16);
    let _ = kill(-1, libc::SIGKILL);
}

/// When no child could do it: there were no processes to be had, or it hung. PID 1 kills them itself, without
/// asking them first; it reads nothing that a process could hold it up with.
pub(super) fn kill_all() {
    let _ = kill(-1, libc::SIGSTOP);
    match all() {
        Some(all) => kill_these(all),
        None => _ = kill(-1, libc::SIGKILL),
    }
    let _ = kill(-1, libc::SIGCONT);
    bury_within(MACHINE_KILL_MS);
}

/// While they stand still, so that their numbers are their own.
fn kill_these(mut all: Vec<Left>) {
    // These cannot be spared, and once they are gone there may be processes to be had again.
    for process in all.iter().filter(|process| !is_of_root(process.pid)) {
        process.signal(libc::SIGKILL);
    }
    let deadline = Instant::now() + Duration::from_millis(MACHINE_KILL_MS);
    let mut can_ask = true;
    all.retain(|process| !(is_of_root(process.pid) && is_spared_within(process.pid, deadline, &mut can_ask)));
    for process in &all {
        process.signal(libc::SIGKILL);
    }
    tell("had to be killed", &all);
}

/// Asks a child, which may be held up; whoever does that is not spared. Where there are no children to be had it may
/// hold up us, and there is no other way left.
fn is_spared_within(pid: i32, deadline: Instant, can_ask: &mut bool) -> bool {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    let within = u64::try_from(left).unwrap_or(0).min(MACHINE_ARGUMENTS_MS);
    let what = format!("reading the arguments of process {pid}");
    if *can_ask && within > 0 {
        match Child::start(&what, within, || u8::from(is_spared(pid))) {
            Some(child) => return child.finish(&what, within) == Some(1),
            None => *can_ask = false,
        }
    }
    !*can_ask && is_spared(pid)
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
        let _ = match &self.pidfd {
            Some(pidfd) => send_signal(pidfd.as_fd(), signal, false),
            None => kill(self.pid, signal),
        };
    }
}

/// Waits until all have ended, at most so long.
fn wait_for(left: &[Left], within_ms: u64) {
    let deadline = Instant::now() + Duration::from_millis(within_ms);
    for process in left {
        let patience = deadline.saturating_duration_since(Instant::now());
        let opened = if process.pidfd.is_none() { pidfd_open(process.pid).ok() } else { None };
        let Some(pidfd) = process.pidfd.as_ref().or(opened.as_ref()) else { continue };
        let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX));
    }
}

/// All that are to end now. Nothing, where /proc does not say.
fn look() -> Option<Vec<Left>> {
    let mut all = all()?;
    all.retain(|process| !is_spared(process.pid));
    Some(all)
}

/// The same with those that are spared.
fn all() -> Option<Vec<Left>> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let pids: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // A directory without PID 1 is not what we take it for.
    if !pids.contains(&1) {
        return None;
    }
    let mine = i32::try_from(std::process::id()).unwrap_or_default();
    let mut all: Vec<Left> = Vec::new();
    for pid in pids.into_iter().filter(|pid| *pid != 1 && *pid != mine) {
        let Some(mut process) = describe(pid) else { continue };
        if all.len() >= MACHINE_PIDFDS_MAX {
            process.pidfd = None;
        }
        all.push(process);
    }
    Some(all)
}

fn describe(pid: i32) -> Option<Left> {
    // The descriptor first: what is read after it is of the same process, or of none.
    let pidfd = match pidfd_open(pid) {
        Ok(pidfd) => Some(pidfd),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return None,
        Err(_) => None,
    };
    let stat = Stat::of(pid).ok()?;
    if stat.has_ended() || stat.is_kernel_thread() {
        return None;
    }
    let (has_terminal, is_stuck) = (stat.terminal().is_some(), stat.is_stuck());
    Some(Left { pid, name: stat.name().into_owned(), has_terminal, is_stuck, pidfd })
}

fn is_spared(pid: i32) -> bool {
    let mut first = [0];
    is_of_root(pid)
        && File::open(format!("/proc/{pid}/cmdline")).and_then(|mut line| line.read_exact(&mut first)).is_ok()
        && first == *b"@"
}

fn is_of_root(pid: i32) -> bool {
    let mut bytes = Vec::new();
    let status = File::open(format!("/proc/{pid}/status"));
    let read = status.and_then(|file| file.take(KERNEL_FILE_BYTES_MAX).read_to_end(&mut bytes));
    read.is_ok() && user_of(&bytes) == Some(0)
}

/// Who has started it, from `/proc/PID/status`: anybody may start a program that then is root.
fn user_of(status: &[u8]) -> Option<u32> {
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().next()?.parse().ok()
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
            pidfd: None,
        };
        let lines = names(&(1..=25).map(one).collect::<Vec<_>>());
        assert_eq!(lines.len(), MACHINE_NAMED_MAX + 1);
        assert_eq!(lines[..2], ["bomb (pid 1)", "bomb (pid 2), waiting in the kernel"]);
        assert_eq!(lines.last().unwrap(), "and 5 more");
    }
    #[test]
    fn a_process_belongs_to_whoever_has_started_it() {
        let setuid = b"Name:\tgr\xc3\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t0\t0\t0\t0\n";
        assert_eq!(user_of(setuid), Some(1000));
        assert_eq!(user_of(b"Name:\ta\nUid:\t0\t0\t0\t0\n"), Some(0));
        // The kernel writes the end of a line in a name as `\n`.
        assert_eq!(user_of(b"Name:\ta\\nUid:\t0\n"), None);
        let us = i32::try_from(std::process::id()).unwrap();
        assert_eq!(is_of_root(us), nix::unistd::getuid().is_root());
        assert!(!is_of_root(i32::MAX) && !is_spared(us));
    }

    #[test]
    fn we_are_not_among_the_others() {
        let us = i32::try_from(std::process::id()).unwrap();
        let all = all().unwrap();
        assert!(!all.iter().any(|process| process.pid == us || process.pid == 1));
        assert!(describe(us).unwrap().pidfd.is_some() && describe(i32::MAX).is_none());
    }
    #[test]
    #[allow(clippy::disallowed_types)] // A child of the test's own.
    fn one_without_a_descriptor_is_signalled_by_its_number() {
        use std::os::unix::process::ExitStatusExt;
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let mut left = describe(pid).unwrap();
        left.pidfd = None;
        left.signal(libc::SIGKILL);
        wait_for(&[left], 60_000);
        assert_eq!(child.try_wait().unwrap().and_then(|status| status.signal()), Some(libc::SIGKILL));
    }
}
