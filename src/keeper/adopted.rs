//! Runs that are not our children: they began under a keeper that has died, and somebody else waits for them.
//!
//! A pid alone proves nothing, since its process may be gone and another have it. A run is its pid *and* the
//! identity that its keeper wrote down; where that had no time to, the instant of the start and the mark in
//! its environment. What fails the check is never touched: every signal goes through the descriptor of the
//! process that was checked.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::{Keeper, Token};
use crate::place::stat::Stat;
use crate::sys::pidfd;
use crate::sys::process::{How, Which, pidfd_open, wait};
use crate::wire::run::{Instant, MARK, Usage};
use crate::wire::table::end::End;

/// /proc counts in hundredths of a second on every machine that we run on (USER_HZ).
const TICK_NS: u64 = 10_000_000;
/// How long after its spawner looked at the clock a process may have begun: it may have been held up between.
const BEGUN_WITHIN_NS: u64 = 2_000_000_000;
/// The mark is the first variable; the longest path fits.
const ENVIRONMENT_BYTES: usize = 8 * 1024;

/// A number by which a process is known again, for as long as the machine is up; 0 where nobody can say.
pub(super) fn identity_of(pid: i32, pidfd: BorrowedFd<'_>) -> u64 {
    pidfd::identity(pidfd).or_else(|| Stat::of(pid).ok()?.started()).unwrap_or(0)
}

/// Opens the process with this pid and identity, if it is still there.
pub(super) fn open_known(pid: i32, identity: u64) -> Option<OwnedFd> {
    let pidfd = pidfd_open(pid).ok().filter(|_| pid > 0)?;
    (identity != 0 && identity_of(pid, pidfd.as_fd()) == identity).then_some(pidfd)
}

impl Keeper {
    /// The process of a run that began before us, and whether it is our child.
    pub(super) fn find_process(&self, slot: u16) -> Option<(OwnedFd, bool)> {
        let pid = self.table.pid(slot);
        let pidfd = pidfd_open(pid).ok().filter(|_| pid > 0)?;
        // A child that nobody has waited for is who it was, whatever else is known of it.
        if wait(Which::Pidfd(pidfd.as_fd()), false).is_ok() {
            return Some((pidfd, true));
        }
        let is_the_one = match self.table.identity(slot) {
            0 => self.looks_like(slot, pid),
            known => identity_of(pid, pidfd.as_fd()) == known,
        };
        is_the_one.then_some((pidfd, false))
    }

    /// For a run whose keeper died in the instant in which it began.
    fn looks_like(&self, slot: u16, pid: i32) -> bool {
        let started = Stat::of(pid).ok().and_then(|stat| stat.started());
        let (Some(started), Some(asleep)) = (started, time_asleep_ns()) else { return false };
        let wanted = self.table.started(slot).mono.saturating_add(asleep);
        let begun = started.saturating_mul(TICK_NS);
        let in_time = begun + TICK_NS >= wanted && begun <= wanted + BEGUN_WITHIN_NS;
        // Before it has executed its program it has the spawner's environment, and no mark.
        let mark = self.table.run(slot).mark(&self.settings.runtime_dir);
        in_time && mark_of(pid).is_none_or(|found| found == mark)
    }

    /// An adopted run has ended, and may have been waited for by somebody.
    pub(super) fn on_adopted_readable(&mut self, slot: u16) {
        let pid = self.table.pid(slot);
        let Some(pidfd) = &self.books.of(slot).pidfd else { return };
        // What it leaves in its process group is its own, as long as the group is there.
        let _ = pidfd::send_signal(pidfd.as_fd(), libc::SIGKILL, true);
        let seen = unreaped(pid, pidfd.as_fd());
        let how = match (&seen, pidfd::ending(pidfd.as_fd())) {
            (Some((how, _)), _) => Some(*how),
            (None, Ok(Some(how))) => Some(how),
            // Nobody has waited for it yet, and we may not look: then the descriptor hangs up when it was.
            (None, Ok(None)) => {
                let mut event = EpollEvent::new(EpollFlags::empty(), Token::Run(slot).pack());
                let _ = self.epoll.modify(pidfd, &mut event);
                return;
            }
            (None, Err(_)) => None,
        };
        let usage = seen.map(|(_, usage)| usage).unwrap_or_default();
        self.end_run(slot, End { how, pid, usage, at: Instant::now() });
    }

    /// Sends a signal to a run, or to its process group.
    pub(super) fn signal_run(&mut self, slot: u16, signal: i32, group: bool) {
        use crate::sys::process::kill;
        let pid = self.table.pid(slot);
        let book = self.books.of(slot);
        if pid <= 0 || book.end.is_some() {
            return;
        }
        match (&book.pidfd, book.adopted) {
            (Some(pidfd), true) => {
                if !group || pidfd::send_signal(pidfd.as_fd(), signal, true).is_err() {
                    let _ = pidfd::send_signal(pidfd.as_fd(), signal, false);
                }
            }
            (None, true) => {}
            // Not reaped, by us alone: the pid is its own. Before its setsid the group is not there yet.
            (_, false) => {
                if !group || kill(-pid, signal).is_err() {
                    let _ = kill(pid, signal);
                }
            }
        }
    }
}

/// How a process ended that nobody has waited for, and what it used.
fn unreaped(pid: i32, pidfd: BorrowedFd<'_>) -> Option<(How, Usage)> {
    let before = identity_of(pid, pidfd);
    let stat = Stat::of(pid).ok().filter(|stat| stat.state() == b'Z')?;
    // Whom we may not look into is shown with the status 0: a link that only those may read tells.
    let may_look = std::fs::read_link(format!("/proc/{pid}/ns/user")).is_ok();
    // Still the same: what was read between was its own.
    let again = pidfd_open(pid).ok()?;
    if !may_look || before == 0 || identity_of(pid, again.as_fd()) != before {
        return None;
    }
    let micros = |ticks: u64| ticks * (TICK_NS / 1_000);
    let ((user, system), (users, systems)) = (stat.ticks()?, stat.ticks_of_children()?);
    let usage =
        Usage { user_us: micros(user + users), system_us: micros(system + systems), ..Usage::default() };
    Some((How::from_wait_status(stat.wait_status()?), usage))
}

/// The state of a process, as ps(1) shows it.
pub(super) fn state_of(pid: i32) -> Option<u8> {
    Stat::of(pid).ok().filter(|_| pid > 0).map(|stat| stat.state())
}

/// The mark in a process's environment, if it is there and we may look.
fn mark_of(pid: i32) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(ENVIRONMENT_BYTES);
    let file = File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(ENVIRONMENT_BYTES as u64).read_to_end(&mut bytes).ok()?;
    let mut variables = bytes.split(|byte| *byte == 0);
    variables.find_map(|variable| variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")).map(Vec::from)
}

/// How much the clock of /proc, which goes on while the machine sleeps, is ahead of ours.
fn time_asleep_ns() -> Option<u64> {
    use nix::time::{ClockId, clock_gettime};
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
    let boot = u64::try_from(boot.tv_sec()).ok()? * 1_000_000_000 + u64::try_from(boot.tv_nsec()).ok()?;
    Some(boot.saturating_sub(Instant::now().mono))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_again_by_its_identity_alone() {
        let us = i32::try_from(std::process::id()).unwrap();
        let pidfd = pidfd_open(us).unwrap();
        let identity = identity_of(us, pidfd.as_fd());
        assert_ne!(identity, 0);
        assert!(open_known(us, identity).is_some());
        assert!(open_known(us, identity + 1).is_none() && open_known(us, 0).is_none());
        assert!(open_known(0, identity).is_none() && open_known(-1, identity).is_none());
    }
}
