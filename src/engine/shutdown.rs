//! The end: in order, within its time, and for a reason.

use std::time::Duration;

use super::action::{Action, Actions};
use super::entry::KindState;
use super::time::{Mono, Now};
use super::timer::Timer;
use super::view::UnitState;
use super::{Engine, report};
use crate::unit::name::UnitName;

const SIGKILL: i32 = 9;
/// What is kept of the time of a shutdown for those who must be killed at its end.
const KILL_RESERVE: Duration = Duration::from_millis(500);

/// supd is to end.
#[derive(Debug)]
pub(super) struct Ending {
    /// Everything is killed then.
    pub(super) until: Mono,
    /// supd's exit code.
    code: u8,
    /// In words.
    reason: String,
    /// The order to end was given.
    told: bool,
}

impl Engine {
    /// Ends everything in order. A further request can only shorten the time.
    pub(super) fn on_shutdown(&mut self, now: Now, within: Duration) {
        self.end(now, within, 0, "as asked".to_owned());
    }

    fn end(&mut self, now: Now, within: Duration, code: u8, reason: String) {
        let reserve = KILL_RESERVE.min(within / 4);
        let until = now.mono + (within - reserve);
        match &mut self.ending {
            Some(ending) if ending.until <= until => return,
            Some(ending) => ending.until = until,
            None => self.ending = Some(Ending { until, code, reason, told: false }),
        }
        self.timers.set(Timer::Shutdown, until);
        // Those that are on their way out already get no more than the rest of the time.
        for uid in self.pods.keys().copied().collect::<Vec<_>>() {
            self.hasten_pod(now, uid, until.since(now.mono));
        }
        let all: Vec<UnitName> = self.units.keys().cloned().collect();
        all.iter().for_each(|name| self.mark(name));
    }

    /// The time is over: whatever is left is killed.
    pub(super) fn on_shutdown_deadline(&mut self, out: &mut Actions) {
        for pod in self.pods.values().filter(|pod| pod.is_up()) {
            let about = ("Pod", pod.name.as_str(), &pod.unit.name);
            report(out, true, "Killing", about, "the shutdown's time is over, killed".to_owned());
            out.extend(pod.runs_up().map(|run| Action::Signal {
                run,
                signal: SIGKILL,
                all: true,
                stop: false,
            }));
        }
    }

    /// The end of an essential unit is the end of supd, where supd ends by itself.
    pub(super) fn note_essential_end(&mut self, name: &UnitName, code: u8) {
        let Some(entry) = self.units.get(name) else { return };
        if !entry.unit.essential || !self.options.end_when_done {
            return;
        }
        let code = match (&entry.last_exit, code) {
            (_, 0) => 0,
            (Some(last), _) if last.exit.code() != 0 => last.exit.code(),
            (_, code) => code,
        };
        if let Some(entry) = self.units.get_mut(name) {
            entry.essential_end = Some(code);
        }
    }

    /// Whether supd's own end has come.
    pub(super) fn judge_end(&mut self, now: Now, out: &mut Actions) {
        if self.ending.is_none() && self.options.end_when_done {
            self.judge_done(now, out);
        }
        let Some(ending) = &mut self.ending else { return };
        if self.pods.is_empty() && !ending.told {
            ending.told = true;
            out.push(Action::End { code: ending.code, reason: ending.reason.clone() });
        }
    }

    /// In a container: the essential unit has ended, or nothing is left that could ever run.
    fn judge_done(&mut self, now: Now, out: &mut Actions) {
        let essential =
            self.units.iter().find_map(|(name, entry)| Some((name.clone(), entry.essential_end?)));
        if let Some((name, code)) = essential {
            self.end(now, self.patience(), code, format!("essential unit {name} has ended"));
            self.settle_end(now, out);
            return;
        }
        if self.units.is_empty() || !self.units.values().any(|entry| entry.wanted || !self.pods.is_empty()) {
            // Nothing was ever to run: an operator may still come.
            return;
        }
        if self.any_is_aside() {
            // Its processes may live, and an operator is to see it.
            return;
        }
        let mut failed = false;
        for entry in self.units.values() {
            match entry.state {
                UnitState::Failed => failed = true,
                UnitState::Complete | UnitState::Stopped | UnitState::Disabled => {}
                UnitState::Running if matches!(entry.kind, KindState::Target) => {}
                _ => return,
            }
        }
        if !self.pods.is_empty() || self.jobs.values().any(|job| !job.finished) {
            return;
        }
        self.end(now, self.patience(), u8::from(failed), "all work is done".to_owned());
    }

    /// Reconciles once more: the order to end came out of reconciling.
    fn settle_end(&mut self, now: Now, out: &mut Actions) {
        while let Some(name) = self.marked.pop_first() {
            self.reconcile(now, &name, out);
        }
    }

    /// How long an end that nobody asked for may take.
    fn patience(&self) -> Duration {
        self.options.shutdown_timeout
    }
}
