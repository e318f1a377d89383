//! Cronjobs: a job at times of a calendar (CJB-001ff).
//!
//! The reference is the slot of the last job, or the moment the cronjob was armed; due is the latest slot
//! after it. However many were missed, one job is made (CJB-002). The slot is part of the job's name, so
//! that no slot can run twice (CJB-017).

use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, Actions, Decision, DecisionKind, Record, RefusedReason};
use super::entry::{Entry, Judged, KindState};
use super::id::{JobName, ObjectRef};
use super::time::{Now, Wall};
use super::timer::Timer;
use super::view::{JobOwner, UnitState};
use super::{Engine, report};
use crate::unit::calendar::Missed;
use crate::unit::model::{Body, CatchUp, ConcurrencyPolicy, CronJob, Unit};
use crate::unit::name::UnitName;

/// More missed slots than this are worth a warning (CJB-004).
const MISSED_WARNING: u32 = 100;
/// With `catch_up = "none"`, a slot that is this late was missed: longer than any stall of ours, shorter
/// than the shortest schedule of five fields.
const LATE: Duration = Duration::from_secs(30);
/// A last slot this far in the future was made by a clock that was wrong; it is forgotten (F88). A step
/// back by less runs no slot twice (CJB-025).
const FUTURE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Where a cronjob stands.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) suspended: bool,
    /// Slots up to here are settled.
    pub(super) reference: Wall,
    pub(super) last_schedule: Option<Wall>,
    pub(super) last_success: Option<Wall>,
    pub(super) next: Option<Wall>,
    /// Slots that passed without a job.
    pub(super) missed: u64,
    /// Jobs that were started on schedule and are not finished (CJB-012).
    pub(super) active: Vec<JobName>,
    /// The slot that Forbid holds back, so that it is told once.
    pub(super) held: Option<Wall>,
    /// The last slot that passed while the cronjob was suspended, so that each is told once.
    pub(super) noted: Option<Wall>,
}

impl Calendar {
    pub(super) fn new(now: Now, suspended: bool) -> Self {
        Self {
            suspended,
            reference: now.wall,
            last_schedule: None,
            last_success: None,
            next: None,
            missed: 0,
            active: Vec::new(),
            held: None,
            noted: None,
        }
    }

    /// The schedule counts from now: it was armed, or edited (editing never fires it).
    pub(super) fn rearm(&mut self, now: Now) {
        self.reference = self.reference.max(now.wall);
        self.held = None;
    }
}

impl Engine {
    pub(super) fn reconcile_cron(&mut self, now: Now, name: &UnitName, out: &mut Actions) -> Judged {
        let Some(entry) = self.units.get(name) else { return Judged::plain(UnitState::Stopped) };
        let ending = self.ending.is_some() || entry.deleting;
        let on = self.is_on(entry) && self.release(name);
        for job in self.jobs_of(name) {
            // Jobs that run go on when the cronjob is stopped; they end with supd, or with the unit.
            self.sync_job(now, &job, !ending, out);
        }
        if on {
            self.start_due(now, name, out);
            self.plan_next(now, name);
        } else {
            self.timers.clear(&Timer::Slot(name.clone()));
        }
        self.trim_history(name, out);
        self.judge_cron(name, on)
    }

    /// Unfinished jobs of a cronjob, made on schedule or by hand.
    fn jobs_of(&self, name: &UnitName) -> Vec<JobName> {
        let own = self.jobs.values().filter(|job| &job.unit.name == name && !job.finished);
        own.map(|job| job.name.clone()).collect()
    }

    /// Makes the job that is due, if one is.
    fn start_due(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let Some((unit, calendar)) = self.calendar(name) else { return };
        let Some(cron) = cron_of(&unit) else { return };
        if calendar.reference.0.saturating_sub(now.wall.0) > nanos(FUTURE_MAX) {
            calendar.reference = now.wall;
        }
        if calendar.suspended {
            self.note_suspended(now, name, cron, out);
            return;
        }
        calendar.noted = None;
        self.drop_overdue(now, name, cron, out);
        let Some((_, calendar)) = self.calendar(name) else { return };
        let missed = slots_between(cron, calendar.reference, now.wall);
        let Some(slot) = missed.last.map(Wall::from_seconds) else { return };
        if missed.count > MISSED_WARNING {
            let words = format!("more than {MISSED_WARNING} times were missed; only the latest runs");
            report(out, true, "TooManyMissedTimes", ("CronJob", name.as_str(), name), words);
        }
        let lateness = Duration::from_nanos(now.wall.0.saturating_sub(slot.0).unsigned_abs());
        let count = u64::from(missed.count);
        if lateness > LATE && cron.catch_up == CatchUp::None {
            self.settle_slots(name, slot, count);
            let reason = format!("{}s late, and catch_up = \"none\"", lateness.as_secs());
            decide(now, name, (DecisionKind::Missed, slot, count), reason, out);
            return;
        }
        let skipped = count.saturating_sub(1);
        let active = self.calendar(name).map(|(_, calendar)| calendar.active.clone()).unwrap_or_default();
        match cron.concurrency_policy {
            ConcurrencyPolicy::Forbid if !active.is_empty() => {
                self.hold_slot(now, name, (slot, cron.catch_up, skipped), out);
                return;
            }
            ConcurrencyPolicy::Replace => {
                for job in &active {
                    let reason = format!("job {job} was ended for the next one");
                    decide(now, name, (DecisionKind::Replaced, slot, 1), reason, out);
                    let words = format!("job {job} replaced");
                    report(out, false, "SuccessfulDelete", ("CronJob", name.as_str(), name), words);
                    self.delete_job(now, job, out);
                }
                if let Some((_, calendar)) = self.calendar(name) {
                    calendar.active.clear();
                }
            }
            ConcurrencyPolicy::Allow | ConcurrencyPolicy::Forbid => {}
        }
        self.settle_slots(name, slot, skipped);
        if skipped > 0 {
            let reason = "a later time runs instead".to_owned();
            decide(now, name, (DecisionKind::Missed, slot, skipped), reason, out);
        }
        self.make_slot_job(now, name, &unit, slot, out);
    }

    /// Slots that are later than `starting_deadline` allows are gone (CJB-005).
    fn drop_overdue(&mut self, now: Now, name: &UnitName, cron: &CronJob, out: &mut Actions) {
        let (Some(deadline), Some((_, calendar))) = (cron.starting_deadline, self.calendar(name)) else {
            return;
        };
        let overdue = slots_between(cron, calendar.reference, now.wall - deadline);
        if let Some(last) = overdue.last.map(Wall::from_seconds) {
            let count = u64::from(overdue.count);
            self.settle_slots(name, last, count);
            let reason = format!("later than its starting_deadline of {}s", deadline.as_secs());
            decide(now, name, (DecisionKind::Missed, last, count), reason, out);
        }
    }

    /// Slots pass; each is noted once. They are settled only when the cronjob is resumed (CJB-014).
    fn note_suspended(&mut self, now: Now, name: &UnitName, cron: &CronJob, out: &mut Actions) {
        let Some((_, calendar)) = self.calendar(name) else { return };
        let from = calendar.noted.map_or(calendar.reference, |noted| noted.max(calendar.reference));
        let passed = slots_between(cron, from, now.wall);
        if let Some(last) = passed.last.map(Wall::from_seconds) {
            calendar.noted = Some(last);
            let count = u64::from(passed.count);
            decide(now, name, (DecisionKind::Suspended, last, count), "suspended".to_owned(), out);
        }
    }

    fn make_slot_job(&mut self, now: Now, name: &UnitName, unit: &Arc<Unit>, slot: Wall, out: &mut Actions) {
        let Some(cron) = cron_of(unit) else { return };
        let number = if cron.schedule.has_seconds() { slot.seconds() } else { slot.seconds().div_euclid(60) };
        let job = format!("{}-{number}", name.pod_stem());
        if let Some((_, calendar)) = self.calendar(name) {
            calendar.last_schedule = Some(slot);
            calendar.held = None;
            calendar.active.push(job.clone());
        }
        if self.jobs.contains_key(&job) {
            return;
        }
        report(
            out,
            false,
            "SuccessfulCreate",
            ("CronJob", name.as_str(), name),
            format!("created job {job}"),
        );
        self.make_job(now, unit, job.clone(), JobOwner::Schedule(slot));
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        self.sync_job(now, &job, true, out);
    }

    /// Forbid: the slot waits for the active job (CJB-010), or is gone.
    fn hold_slot(
        &mut self,
        now: Now,
        name: &UnitName,
        (slot, catch_up, skipped): (Wall, CatchUp, u64),
        out: &mut Actions,
    ) {
        let Some((_, calendar)) = self.calendar(name) else { return };
        if calendar.held != Some(slot) {
            calendar.held = Some(slot);
            let words = format!("job {} is still active", calendar.active.join(", "));
            decide(now, name, (DecisionKind::Forbidden, slot, 1), words.clone(), out);
            report(out, false, "JobAlreadyActive", ("CronJob", name.as_str(), name), words);
        }
        if catch_up == CatchUp::None {
            self.settle_slots(name, slot, skipped + 1);
        }
    }

    /// Slots up to this one are settled; so many of them had no job.
    fn settle_slots(&mut self, name: &UnitName, slot: Wall, missed: u64) {
        if let Some((_, calendar)) = self.calendar(name) {
            calendar.reference = slot;
            calendar.missed += missed;
        }
    }

    /// Sets the alarm for the next slot.
    fn plan_next(&mut self, now: Now, name: &UnitName) {
        let Some((unit, calendar)) = self.calendar(name) else { return };
        let Some(cron) = cron_of(&unit) else { return };
        let after = calendar.reference.max(now.wall).seconds();
        let next = cron.schedule.next_after(after).map(Wall::from_seconds);
        calendar.next = next;
        match next {
            Some(next) => self.timers.set(Timer::Slot(name.clone()), now.when(next)),
            None => self.timers.clear(&Timer::Slot(name.clone())),
        }
    }

    /// The wall clock jumped: every alarm that follows it is set anew, and every time that is shown.
    pub(super) fn on_clock_stepped(&mut self) {
        self.marked.extend(self.units.keys().cloned());
    }

    /// A job is finished: its cronjob takes note.
    pub(super) fn on_job_finished(&mut self, now: Now, job: &str, complete: bool, out: &mut Actions) {
        let Some(unit) = self.jobs.get(job).map(|job| job.unit.name.clone()) else { return };
        self.mark(&unit);
        let Some((_, calendar)) = self.calendar(&unit) else { return };
        calendar.active.retain(|name| name != job);
        if complete {
            calendar.last_success = Some(now.wall);
        }
        let words = format!("job {job} {}", if complete { "is complete" } else { "failed" });
        report(out, !complete, "SawCompletedJob", ("CronJob", unit.as_str(), &unit), words);
        out.push(Action::Changed(ObjectRef::Unit(unit)));
    }

    /// Finished jobs beyond the limits go, oldest start first (CJB-021).
    fn trim_history(&mut self, name: &UnitName, out: &mut Actions) {
        let Some((unit, _)) = self.calendar(name) else { return };
        let Some(cron) = cron_of(&unit) else { return };
        for (complete, most) in [(true, cron.successful_history), (false, cron.failed_history)] {
            let mut finished: Vec<(bool, Option<Wall>, JobName)> = self
                .jobs
                .values()
                .filter(|job| &job.unit.name == name && job.finished && job.is_complete() == complete)
                .map(|job| (job.start.is_none(), job.start.map(|at| at.wall), job.name.clone()))
                .collect();
            finished.sort();
            let surplus = finished.len().saturating_sub(most as usize);
            for (_, _, job) in finished.into_iter().take(surplus) {
                self.forget_job(&job, out);
            }
        }
    }

    /// `create job NAME --from=cronjob/X` (CJB-028).
    pub(super) fn create_manual_job(
        &mut self,
        now: Now,
        name: JobName,
        from: &UnitName,
        out: &mut Actions,
    ) -> Result<String, (RefusedReason, String)> {
        let Some(unit) = self.units.get(from).map(|entry| Arc::clone(&entry.unit)) else {
            return Err((RefusedReason::NotFound, format!("no unit `{from}`")));
        };
        if unit.job().is_none() {
            return Err((RefusedReason::Invalid, format!("`{from}` is a {}: it has no job", unit.kind())));
        }
        let taken = UnitName::parse(&name).is_ok_and(|unit| self.units.contains_key(&unit));
        if taken || self.jobs.contains_key(&name) {
            return Err((RefusedReason::AlreadyExists, format!("there is a `{name}` already")));
        }
        if UnitName::parse(&name).is_err() {
            return Err((RefusedReason::Invalid, format!("`{name}` is no name for a job")));
        }
        self.make_job(now, &unit, name.clone(), JobOwner::Manual);
        out.push(Action::Changed(ObjectRef::Job(name.clone())));
        Ok(format!("job {name} created"))
    }

    pub(super) fn calendar(&mut self, name: &UnitName) -> Option<(Arc<Unit>, &mut Calendar)> {
        match self.entry_mut(name) {
            Some(Entry { unit, kind: KindState::CronJob(calendar), .. }) => {
                Some((Arc::clone(unit), calendar))
            }
            _ => None,
        }
    }

    fn judge_cron(&self, name: &UnitName, on: bool) -> Judged {
        let Some(entry) = self.units.get(name) else { return Judged::plain(UnitState::Stopped) };
        let KindState::CronJob(calendar) = &entry.kind else { return Judged::plain(UnitState::Stopped) };
        if self.ending.is_some() && self.has_pods(name) {
            return Judged::plain(UnitState::Stopping);
        }
        if entry.wanted && !entry.released {
            return Judged { state: UnitState::Waiting, reason: Self::waiting_words(entry), next: None };
        }
        if !on {
            return Self::at_rest(entry);
        }
        if calendar.suspended {
            return Judged::plain(UnitState::Suspended);
        }
        let reason = match calendar.next {
            Some(_) => String::new(),
            None => "never".to_owned(),
        };
        Judged { state: UnitState::Armed, reason, next: calendar.next }
    }
}

/// The slots after `from`, up to `to`; many are not counted to the last.
fn slots_between(cron: &CronJob, from: Wall, to: Wall) -> Missed {
    cron.schedule.missed(from.seconds(), to.seconds(), MISSED_WARNING + 1)
}

/// Tells the history why nothing was started, or what was ended.
fn decide(
    now: Now,
    unit: &UnitName,
    (kind, slot, count): (DecisionKind, Wall, u64),
    reason: String,
    out: &mut Actions,
) {
    let decision = Decision { unit: unit.clone(), kind, slot, count, at: now, reason };
    out.push(Action::Record(Record::Decision(Box::new(decision))));
}

pub(super) fn cron_of(unit: &Unit) -> Option<&CronJob> {
    match &unit.body {
        Body::CronJob(cron) => Some(cron),
        _ => None,
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
