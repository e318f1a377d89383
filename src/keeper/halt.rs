//! The end of supd: in order where there is a manager, and in any case.

use super::Keeper;
use super::manager::StopRequest;
use super::takeover::remove_table;
use super::tree::take_down;
use crate::limits::{HALT_GRACE_MS, HALT_STAGE_MS, KEY_PRESSES, KEY_PRESSES_WITHIN_MS};
use crate::settings::exit;
use crate::sys::process::{Which, kill, wait};
use crate::wire::after::After;
use crate::wire::run::Instant;

pub(super) mod after_fault;

/// How far the end has come.
#[derive(Default)]
pub(super) struct Halt {
    stage: Stage,
    /// When the present stage is over, whatever is left of it.
    deadline: Option<u64>,
    /// When the logger's last lines must be written, though it still gets on; 0: not ending.
    latest: u64,
    /// What loggers had done when the present stage was last looked at.
    progress: u64,
    /// The exit code.
    code: u8,
    /// What becomes of the machine: the first who says so is heard.
    after: Option<After>,
    /// The request that counts as the first signal came over the control socket.
    by_client: bool,
    /// Ctrl-alt-del on a machine.
    presses: Presses,
}

/// How often somebody has just pressed ctrl-alt-del: who goes on pressing it has no patience left.
#[derive(Default)]
struct Presses {
    /// When the first of them came.
    since: u64,
    count: u32,
}

impl Presses {
    /// One more. True: it is enough.
    fn add(&mut self, now: u64) -> bool {
        if self.count == 0 || now.saturating_sub(self.since) > KEY_PRESSES_WITHIN_MS * 1_000_000 {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count >= KEY_PRESSES
    }
}

/// The stages, in order.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Not ending.
    #[default]
    None,
    /// Somebody wants an end: the manager stops its units, and says `End`.
    Requested,
    /// There is no manager that could: runs have had TERM from us.
    Alone,
    /// KILL was sent to every run; the manager may end by itself.
    Runs,
    /// The logger is told all, writes what is left, and ends; or another one does.
    Logger,
    /// Orphans and what else is ours are killed.
    Strangers,
    /// Nothing is left.
    Over,
}

impl Halt {
    /// What becomes of the machine.
    pub(super) fn after(&self) -> After {
        self.after.unwrap_or_default()
    }

    /// Somebody wants us to end.
    pub(super) fn is_requested(&self) -> bool {
        self.stage != Stage::None
    }

    /// Nothing is started again.
    pub(super) fn is_halting(&self) -> bool {
        self.stage >= Stage::Alone
    }

    /// The last logger has gone.
    pub(super) fn refuses_loggers(&self) -> bool {
        self.stage >= Stage::Strangers
    }

    /// The last logger is to end: there is no time to wait for the next.
    pub(super) fn ends_loggers(&self) -> bool {
        self.stage >= Stage::Runs
    }

    pub(super) fn due(&self) -> Option<u64> {
        self.deadline
    }

    fn enter(&mut self, stage: Stage, within_ms: u64) {
        self.enter_until(stage, Instant::now().mono + within_ms * 1_000_000);
    }

    fn enter_until(&mut self, stage: Stage, deadline: u64) {
        self.stage = stage;
        self.deadline = Some(deadline);
    }
}

impl PartialOrd for Stage {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some((*self as u8).cmp(&(*other as u8)))
    }
}

impl Keeper {
    /// How the machine goes down, if nobody has said so before.
    pub(super) fn choose_after(&mut self, after: After) {
        self.halt.after.get_or_insert(after);
    }

    /// A signal asks for the end: TERM, INT, QUIT, PWR or 37; of a machine's init there are more.
    pub(super) fn on_stop_request(&mut self, signal: i32) {
        match self.settings.is_machine() {
            true => self.on_machine_request(signal),
            false => self.on_plain_request(signal),
        }
    }

    /// The first request stands, and nothing hurries it but who says that nothing is to be stopped in order.
    fn on_machine_request(&mut self, signal: i32) {
        let pressed = signal == libc::SIGINT && self.halt.presses.add(Instant::now().mono);
        if pressed || After::is_at_once(signal) {
            self.end_at_once(After::of_signal(signal));
        } else if !self.halt.is_requested() {
            self.on_plain_request(signal);
        }
    }

    /// The first asks, and each further one leaves less time.
    fn on_plain_request(&mut self, signal: i32) {
        self.give_up_reexec();
        // The first signal after a client's request is that request once more.
        let before = match std::mem::take(&mut self.halt.by_client) {
            true => None,
            false => self.manager.stop,
        };
        let count = before.map_or(0, |stop| stop.count).saturating_add(1);
        let told = before.map_or(0, |stop| stop.told);
        self.manager.stop = Some(StopRequest { signal, count, told });
        self.choose_after(After::of_signal(signal));
        self.begin_stop();
        // A fault in what follows must not undo it.
        self.note_halt();
    }

    /// Units are killed, and nobody is asked.
    fn end_at_once(&mut self, after: After) {
        self.give_up_reexec();
        self.choose_after(after);
        if self.halt.stage < Stage::Runs {
            self.voice.warn(format_args!("asked to end at once; {}", self.halt.after().words()));
            self.close_queue();
            self.manager.kill();
            self.begin_halt(0);
        }
    }

    /// The manager was asked to end all, by somebody who is not us: it has begun.
    pub(super) fn on_ending(&mut self, after: After, within_ms: u64) {
        self.give_up_reexec();
        self.choose_after(after);
        // The managers to come are told; this one knows.
        if self.manager.stop.is_none() {
            self.manager.stop = Some(StopRequest { signal: libc::SIGTERM, count: 1, told: 1 });
            self.halt.by_client = true;
        }
        // A second one can only hurry it.
        let latest = within_ms.min(u64::MAX / 2_000_000).saturating_add(HALT_GRACE_MS) * 1_000_000;
        let latest = Instant::now().mono.saturating_add(latest);
        let sooner = self.halt.stage == Stage::Requested && self.halt.deadline.is_some_and(|at| latest < at);
        if self.halt.stage == Stage::None || sooner {
            self.halt.latest = latest.saturating_sub(HALT_GRACE_MS * 1_000_000);
            self.halt.enter_until(Stage::Requested, latest);
        }
    }

    /// Somebody wants us to end. The first request sets the time; the manager is told of each.
    pub(super) fn begin_stop(&mut self) {
        if self.halt.stage != Stage::None {
            return;
        }
        let timeout = self.shutdown_timeout_ms();
        self.bound_last_lines();
        if self.manager.is_ready() || self.manager.pid().is_some() {
            self.halt.enter(Stage::Requested, timeout.saturating_add(HALT_GRACE_MS));
        } else {
            self.voice.warn(format_args!("there is no manager; stopping what runs without it"));
            self.halt.enter(Stage::Alone, timeout);
            self.close_queue();
            self.signal_all_runs(libc::SIGTERM);
            self.signal_all_runs(libc::SIGCONT);
        }
    }

    fn shutdown_timeout_ms(&self) -> u64 {
        u64::try_from(self.settings.shutdown_timeout.as_millis())
            .unwrap_or(u64::MAX)
            .min(u64::MAX / 2_000_000)
    }

    /// The shutdown time is for everything, from the first that asks for an end.
    fn bound_last_lines(&mut self) {
        if self.halt.latest == 0 {
            self.halt.latest = Instant::now().mono.saturating_add(self.shutdown_timeout_ms() * 1_000_000);
        }
    }

    /// The manager is through, or the time is.
    pub(super) fn begin_halt(&mut self, code: u8) {
        if self.halt.stage >= Stage::Runs {
            return;
        }
        self.halt.code = match self.halt.after {
            Some(After::Exit(code)) => code,
            _ => code,
        };
        if !self.settings.is_machine() {
            self.voice.info(format_args!("supd ends with code {}", self.halt.code));
        }
        self.bound_last_lines();
        self.halt.enter(Stage::Runs, HALT_STAGE_MS);
        self.kill_spawners();
        self.signal_all_runs(libc::SIGKILL);
        self.hurry_logger();
    }

    pub(super) fn halt_on_time(&mut self, now: u64) {
        if self.halt.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        self.halt.deadline = None;
        match self.halt.stage {
            Stage::Requested => {
                self.voice.error(format_args!("the manager did not end in time; killing what is left"));
                self.begin_halt(exit::INTERNAL);
            }
            Stage::Alone => self.begin_halt(0),
            Stage::Runs => self.end_logger(),
            Stage::Logger if self.logger.progress() != self.halt.progress && now < self.halt.latest => {
                self.halt.progress = self.logger.progress();
                self.halt.enter(Stage::Logger, HALT_STAGE_MS);
            }
            Stage::Logger => {
                self.logger.kill();
                self.end_strangers();
            }
            Stage::Strangers => self.halt.stage = Stage::Over,
            Stage::None | Stage::Over => {}
        }
    }

    /// Goes on as soon as a stage has done its work, through as many as have. Gives the exit code at the end.
    pub(super) fn halt_step(&mut self) -> Option<u8> {
        loop {
            let stage = self.halt.stage;
            self.try_next_stage();
            if self.halt.stage == Stage::Over {
                let _ = std::fs::remove_file(self.settings.control_socket());
                remove_table(&self.settings);
                take_down(&self.settings);
                return Some(self.halt.code);
            }
            if self.halt.stage == stage {
                return None;
            }
        }
    }

    fn try_next_stage(&mut self) {
        match self.halt.stage {
            Stage::Requested if self.manager.pid().is_none() => {
                // It died on the way and was not ready: nobody will say `End`.
                self.halt.stage = Stage::None;
                self.begin_stop();
            }
            Stage::Alone if !self.any_run_lives() => self.begin_halt(0),
            Stage::Runs if self.only_the_logger_is_left() => {
                self.pump_logger();
                if self.logger_knows_all() {
                    self.end_logger();
                }
            }
            Stage::Logger if self.logger_has_finished() => self.end_strangers(),
            Stage::Logger => self.dismiss_logger(),
            Stage::Strangers => self.kill_children(),
            _ => {}
        }
    }

    fn only_the_logger_is_left(&self) -> bool {
        !self.any_run_lives() && self.manager.pid().is_none() && self.spawners.is_empty()
    }

    fn end_logger(&mut self) {
        self.manager.kill();
        self.halt.progress = self.logger.progress();
        self.halt.enter(Stage::Logger, HALT_STAGE_MS);
    }

    fn end_strangers(&mut self) {
        if self.settings.is_machine() {
            // Whoever is left has time to end, and is named: that is done where all of /proc is read.
            self.halt.stage = Stage::Over;
            return;
        }
        self.halt.enter(Stage::Strangers, HALT_STAGE_MS);
        self.kill_children();
    }

    /// Kills and reaps every child there is; what those leave behind becomes ours and is next. PID 1 of a
    /// namespace needs only to end: the kernel does the rest.
    fn kill_children(&mut self) {
        if self.settings.process_one {
            let _ = kill(-1, libc::SIGKILL);
        } else if let Ok(children) = std::fs::read_to_string("/proc/thread-self/children") {
            for pid in children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()) {
                let _ = kill(pid, libc::SIGKILL);
            }
        }
        loop {
            match wait(Which::Any, true) {
                Ok(Some(_)) => {}
                // Some are left: SIGCHLD tells when they are not.
                Ok(None) => return,
                Err(_) => {
                    self.halt.stage = Stage::Over;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F100.
    #[test]
    fn seven_presses_within_two_seconds_are_enough() {
        let second = 1_000_000_000;
        let mut presses = Presses::default();
        let slowly: Vec<bool> = (1..20).map(|press| presses.add(press * second)).collect();
        assert!(slowly.iter().all(|enough| !enough), "{slowly:?}");
        let mut presses = Presses::default();
        let quickly: Vec<bool> = (1..8).map(|press| presses.add(press * second / 4)).collect();
        assert_eq!(quickly, [false, false, false, false, false, false, true]);
    }
}
