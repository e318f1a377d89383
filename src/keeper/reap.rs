//! Reaping of what no pidfd reported: strangers that became our children, and children for which no
//! descriptor was left. At most one sweep in ten milliseconds, since each walks all children.

use super::{Keeper, Token};
use crate::limits::{REAPED_PER_SWEEP, SWEEP_INTERVAL_MS};
use crate::sys::process::{self, How, Which, kill};

/// When the next sweep is.
#[derive(Default)]
pub(super) struct Reaping {
    due: Option<u64>,
    /// Orphans of others that we have buried.
    pub(super) strangers: u64,
}

impl Reaping {
    /// SIGCHLD came. The sweep waits a little: what has a pidfd is reaped by that, at once, and the rest can
    /// wait.
    pub(super) fn request(&mut self, now: u64) {
        self.due.get_or_insert(now + SWEEP_INTERVAL_MS * 1_000_000);
    }

    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }

    pub(super) fn is_due(&self, now: u64) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

impl Keeper {
    /// Reaps every child that has ended.
    pub(super) fn sweep(&mut self, now: u64) {
        self.reaping.due = None;
        for _ in 0..REAPED_PER_SWEEP {
            // Looked at first, reaped by its number then: between the two its pid cannot be another's, and its
            // process group can be ended.
            let Ok(Some(seen)) = process::wait(Which::Any, false) else { return };
            if let Some(slot) = self.table.slot_of(seen.pid) {
                let _ = kill(-seen.pid, libc::SIGKILL);
                // Written down before it is reaped: see `on_run_readable`.
                self.on_ended(slot, seen);
                if process::wait(Which::Pid(seen.pid), true).is_err() {
                    return;
                }
                continue;
            }
            if self.reexec.trial_pid() == Some(seen.pid) {
                let _ = kill(-seen.pid, libc::SIGKILL);
            }
            let Ok(ended) = process::wait(Which::Pid(seen.pid), true) else { return };
            self.on_other_death(seen.pid, ended.unwrap_or(seen).how);
        }
        self.reaping.request(now);
    }

    /// The pidfd of a role says that it has ended.
    pub(super) fn on_role_readable(&mut self, token: Token) {
        let pid = match token {
            Token::ManagerEnded => self.manager.pid(),
            Token::LoggerEnded => self.logger.pid(),
            Token::SpawnerEnded(number) => self.spawners.pid_of(number),
            Token::TrialEnded => self.reexec.trial_pid(),
            _ => None,
        };
        let Some(pid) = pid else { return };
        // One that a keeper before us has started is somebody else's to wait for; it has ended all the same.
        if token == Token::TrialEnded {
            // Whatever it has left in its process group goes with it, while the number is its own.
            let _ = kill(-pid, libc::SIGKILL);
        }
        let how = match process::wait(Which::Pid(pid), true) {
            Ok(Some(ended)) => ended.how,
            _ if self.spawners.is_adopted(pid) => How::Exited(0),
            _ => return,
        };
        self.on_other_death(pid, how);
    }

    /// Not a run: a role, or a stranger.
    fn on_other_death(&mut self, pid: i32, how: How) {
        if self.manager.pid() == Some(pid) {
            self.on_manager_death(how);
        } else if self.logger.pid() == Some(pid) {
            self.on_logger_death();
        } else if self.reexec.trial_pid() == Some(pid) {
            self.on_trial_end(how);
        } else if let Some(number) = self.spawners.number_of(pid) {
            self.on_spawner_death(number);
        } else {
            self.reaping.strangers += 1;
        }
    }
}
