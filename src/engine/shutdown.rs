//! The end: in order, within its time, and for a reason.

use std::time::Duration;

use super::Engine;
use super::action::{Action, Actions};
use super::entry::{Entry, KindState};
use super::id::PodUid;
use super::job::Job;
use super::pod::{Count, Owner};
use super::shares::Shares;
use super::time::{Mono, Now};
use super::timer::Timer;
use super::view::{JobOwner, UnitState};
use crate::unit::name::UnitName;

/// What is kept of the time of a shutdown for those who must be killed at its end.
const KILL_RESERVE: Duration = Duration::from_millis(500);
/// So long before the end of the time, or with an eighth of it left, whoever has not been asked to end is asked, in
/// no order any more. It is the least share, too: in less a process can do nothing of use.
const LAST_CALL: Duration = Duration::from_secs(2);

/// supd is to end.
#[derive(Debug)]
pub(super) struct Ending {
    /// Everything is killed then.
    pub(super) until: Mono,
    /// How long before that all are asked who have not been.
    last_call: Duration,
    /// They were.
    pub(super) called: bool,
    /// Who gets how much of the time.
    pub(super) shares: Shares,
    /// supd's exit code.
    code: u8,
    /// In words.
    reason: String,
    /// The order to end was given.
    told: bool,
}

impl Ending {
    fn new(now: Now, within: Duration, code: u8, reason: String) -> Self {
        let time = within - KILL_RESERVE.min(within / 4);
        Self {
            until: now.mono + time,
            last_call: LAST_CALL.min(time / 8),
            called: false,
            shares: Shares::default(),
            code,
            reason,
            told: false,
        }
    }

    /// What a unit gets whose turn comes now.
    pub(super) fn share_from(&self, now: Now, unit: &UnitName) -> Duration {
        let left = self.until.since(now.mono);
        if self.called { left } else { self.shares.of(unit, left, self.last_call) }
    }
}

impl Engine {
    /// Ends everything in order. A further request can only shorten the time.
    pub(super) fn on_shutdown(&mut self, now: Now, within: Duration, out: &mut Actions) {
        self.end(now, within, 0, "as asked".to_owned(), out);
    }

    fn end(&mut self, now: Now, within: Duration, code: u8, reason: String, out: &mut Actions) {
        let asked = Ending::new(now, within, code, reason);
        match &mut self.ending {
            Some(ending) if ending.until <= asked.until => {}
            Some(ending) => {
                (ending.until, ending.last_call) = (asked.until, asked.last_call);
                self.hasten_end(now);
            }
            None => {
                self.ending = Some(asked);
                self.begin_end(now, out);
            }
        }
    }

    /// From now on everything ends, and nothing starts (F99). A new manager comes here once it knows all pods.
    pub(super) fn begin_end(&mut self, now: Now, out: &mut Actions) {
        if self.ending.is_none() {
            return;
        }
        let shares = self.plan_shares();
        if let Some(ending) = &mut self.ending {
            ending.shares = shares;
        }
        // Who waits to be started again would wait in vain, and has nobody to wait for.
        let idle = self.pods.values().filter(|pod| !pod.is_closing() && !pod.works());
        for uid in idle.map(|pod| pod.uid).collect::<Vec<_>>() {
            self.end_pod(now, uid, out);
        }
        self.hasten_end(now);
    }

    /// Nobody gets more than there is, those who are on their way out already included.
    fn hasten_end(&mut self, now: Now) {
        let Some(mut ending) = self.ending.take() else { return };
        let (left, least) = (ending.until.since(now.mono), ending.last_call);
        ending.shares.shorten(|shares, unit| now.mono + shares.of(unit, left, least));
        let at = if ending.called { ending.until } else { ending.until - ending.last_call };
        self.timers.set(Timer::Shutdown, at);
        self.ending = Some(ending);
        let pods: Vec<(PodUid, UnitName)> =
            self.pods.values().map(|pod| (pod.uid, pod.unit.name.clone())).collect();
        for (uid, unit) in pods {
            if let Some(end) = self.share_end(now, &unit) {
                self.hasten_pod(now, uid, end.since(now.mono));
            }
        }
        let all: Vec<UnitName> = self.units.keys().cloned().collect();
        all.iter().for_each(|name| self.mark(name));
    }

    /// Whether, in a shutdown, it is the turn of this unit. If so, its share of the time begins.
    pub(super) fn takes_turn(&mut self, now: Now, name: &UnitName) -> bool {
        let turn = self.may_stop(name);
        if turn && let Some(ending) = &mut self.ending {
            let until = now.mono + ending.share_from(now, name);
            ending.shares.begin(name, until);
        }
        turn
    }

    /// Asks a pod to end with supd.
    pub(super) fn end_pod(&mut self, now: Now, uid: PodUid, out: &mut Actions) {
        self.stop_pod(now, uid, self.count_at_end(uid), out);
    }

    /// What the end of supd cuts off has failed for its job, as where a node shuts down.
    fn count_at_end(&self, uid: PodUid) -> Count {
        match self.pods.get(&uid).map(|pod| &pod.owner) {
            Some(Owner::Job { .. }) => Count::Failed,
            _ => Count::Nothing,
        }
    }

    /// The time is nearly over: whoever has not been asked to end is asked, whoever is still there. Then it is
    /// over: whatever is left is killed.
    pub(super) fn on_shutdown_deadline(&mut self, now: Now, out: &mut Actions) {
        let Some(ending) = &mut self.ending else { return };
        if now.mono < ending.until {
            ending.called = true;
            return self.hasten_end(now);
        }
        for uid in self.pods.keys().copied().collect::<Vec<_>>() {
            self.kill_pod_at_last(now, uid, self.count_at_end(uid), out);
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
        self.ending = self.essential_end(now);
        if self.ending.is_some() {
            self.begin_end(now, out);
            self.settle_end(now, out);
            return;
        }
        let works = |entry: &Entry| match &entry.kind {
            KindState::Target => false,
            KindState::CronJob(calendar) => !calendar.suspended,
            KindState::Service(_) | KindState::Job { .. } => true,
        };
        let mut units = self.units.values();
        if self.pods.is_empty() && !units.any(|entry| entry.wanted && works(entry)) {
            // Nothing was ever to run: an operator may still come.
            return;
        }
        if self.any_is_aside() {
            // Its processes may live, and an operator is to see it.
            return;
        }
        let mut failed = false;
        for entry in self.units.values() {
            match (entry.state, &entry.kind) {
                (UnitState::Failed, _) => failed = true,
                // Who has stopped it is to say what comes next.
                (UnitState::Stopped | UnitState::Disabled, KindState::Service(_)) if entry.stopped => return,
                (UnitState::Complete | UnitState::Stopped | UnitState::Disabled, _) => {}
                (UnitState::Running, KindState::Target) | (UnitState::Suspended, KindState::CronJob(_)) => {}
                _ => return,
            }
        }
        // One that waits for what has failed is as good as failed.
        let is_lost = |job: &Job| {
            let entry = self.units.get(&job.unit.name).filter(|_| job.owner == JobOwner::Unit);
            entry.is_some_and(|entry| entry.lost.is_some())
        };
        if !self.pods.is_empty() || self.jobs.values().any(|job| !job.finished && !is_lost(job)) {
            return;
        }
        self.end(now, self.patience(), u8::from(failed), "all work is done".to_owned(), out);
    }

    /// The end that follows from that of an essential unit, if one has ended.
    fn essential_end(&self, now: Now) -> Option<Ending> {
        let (name, code) = self.units.iter().find_map(|(name, entry)| Some((name, entry.essential_end?)))?;
        Some(Ending::new(now, self.patience(), code, format!("essential unit {name} has ended")))
    }

    /// A new manager goes on with an end that the last one had begun by itself, before it starts anything.
    pub(super) fn recall_end(&mut self, now: Now) {
        if self.ending.is_none() && self.options.end_when_done {
            self.ending = self.essential_end(now);
        }
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
