//! Which slot is due, and what comes of it: a job, a wait, or nothing (CJB-002ff).

use std::sync::Arc;
use std::time::Duration;

use super::{Calendar, MISSED_WARNING, cron_of, slots_between};
use crate::engine::action::{Action, Actions, Decision, DecisionKind, Record};
use crate::engine::id::{JobName, ObjectRef};
use crate::engine::time::{Now, Wall};
use crate::engine::view::JobOwner;
use crate::engine::{Engine, report};
use crate::unit::calendar::Missed;
use crate::unit::model::{CatchUp, ConcurrencyPolicy, CronJob, Unit};
use crate::unit::name::UnitName;

/// A slot that is this late was missed, for whom that makes a difference: longer than any stall of ours,
/// shorter than the shortest schedule of five fields.
const LATE: Duration = Duration::from_secs(30);
/// A last slot this far in the future was made by a clock that was wrong; it is forgotten (F88). A step
/// back by less runs no slot twice (CJB-025).
const FUTURE_MAX: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

impl Engine {
    /// Makes the job that is due, if one is.
    pub(super) fn start_due(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let Some((unit, calendar)) = self.calendar(name) else { return };
        let Some(cron) = cron_of(&unit) else { return };
        if calendar.reference > now.wall + FUTURE_MAX {
            calendar.reference = now.wall;
        }
        if calendar.suspended {
            self.note_suspended(now, name, cron, out);
            return;
        }
        calendar.noted = None;
        self.drop_overdue(now, name, cron, out);
        let Some((_, calendar)) = self.calendar(name) else { return };
        let come = calendar.come(cron, now.wall);
        let Some(slot) = come.last.map(Wall::from_seconds) else { return };
        let lateness = now.wall.since(calendar.due(slot));
        let active = calendar.active.clone();
        let count = u64::from(come.count);
        if cron.catch_up == CatchUp::All && (come.count > 1 || lateness > LATE) {
            self.make_up(now, name, &unit, out);
            return;
        }
        if come.count > MISSED_WARNING {
            let words = format!("more than {MISSED_WARNING} times were missed; only the latest runs");
            report(out, true, "TooManyMissedTimes", ("CronJob", name.as_str(), name), words);
        }
        if lateness > LATE && cron.catch_up == CatchUp::None {
            self.settle_slots(name, slot, count);
            let reason = format!("{}s late, and catch_up = \"none\"", lateness.as_secs());
            decide(now, name, (DecisionKind::Missed, slot, count), reason, out);
            return;
        }
        let skipped = count.saturating_sub(1);
        match cron.concurrency_policy {
            ConcurrencyPolicy::Forbid if !active.is_empty() => {
                self.hold_slot(now, name, (slot, cron.catch_up, skipped), out);
                return;
            }
            ConcurrencyPolicy::Replace => self.replace_jobs(now, name, slot, &active, out),
            ConcurrencyPolicy::Allow | ConcurrencyPolicy::Forbid => {}
        }
        self.settle_slots(name, slot, skipped);
        if skipped > 0 {
            let reason = "a later time runs instead".to_owned();
            decide(now, name, (DecisionKind::Missed, slot, skipped), reason, out);
        }
        self.make_slot_job(now, name, &unit, slot, out);
    }

    /// `catch_up = "all"`: the oldest of those that were missed, once the one before it is done. How many they
    /// can be was checked when the unit was read.
    fn make_up(&mut self, now: Now, name: &UnitName, unit: &Arc<Unit>, out: &mut Actions) {
        let (Some(cron), Some((_, calendar))) = (cron_of(unit), self.calendar(name)) else { return };
        let oldest = cron.schedule.next_after(calendar.reference.seconds()).map(Wall::from_seconds);
        let Some(oldest) = oldest.filter(|_| calendar.active.is_empty()) else { return };
        self.settle_slots(name, oldest, 0);
        self.make_slot_job(now, name, unit, oldest, out);
        // Where that came to nothing, it is the next one's turn.
        self.mark(name);
    }

    /// Replace: those that run are ended, and are in no history (CJB-011).
    fn replace_jobs(&mut self, now: Now, name: &UnitName, slot: Wall, active: &[JobName], out: &mut Actions) {
        for job in active {
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

    /// Slots that are later than `starting_deadline` allows are gone (CJB-005); a delay is no lateness.
    fn drop_overdue(&mut self, now: Now, name: &UnitName, cron: &CronJob, out: &mut Actions) {
        let (Some(deadline), Some((_, calendar))) = (cron.starting_deadline, self.calendar(name)) else {
            return;
        };
        let overdue = calendar.come(cron, now.wall - deadline);
        if let Some(last) = overdue.last.map(Wall::from_seconds) {
            let count = u64::from(overdue.count);
            self.settle_slots(name, last, count);
            let reason = format!("later than its starting_deadline of {}s", deadline.as_secs());
            report(out, true, "MissSchedule", ("CronJob", name.as_str(), name), reason.clone());
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

    /// Makes the job of a slot. Its name is the lock against a second one (CJB-017).
    fn make_slot_job(&mut self, now: Now, name: &UnitName, unit: &Arc<Unit>, slot: Wall, out: &mut Actions) {
        let Some(cron) = cron_of(unit) else { return };
        let number = if cron.schedule.has_seconds() { slot.seconds() } else { slot.seconds().div_euclid(60) };
        let job = format!("{}-{number}", name.pod_stem());
        let about = ("CronJob", name.as_str(), name);
        let own = |known: &crate::engine::job::Job| {
            &known.unit.name == name && known.owner == JobOwner::Schedule(slot)
        };
        let known = self.jobs.get(&job).map(|known| (own(known), known.finished));
        let taken = UnitName::parse(&job).is_ok_and(|unit| self.units.contains_key(&unit));
        if taken || matches!(known, Some((false, _))) {
            report(out, true, "FailedCreate", about, format!("there is a {job} already, of somebody else"));
            let reason = format!("the name {job} is taken");
            decide(now, name, (DecisionKind::Missed, slot, 1), reason, out);
            return;
        }
        if let Some((_, calendar)) = self.calendar(name) {
            calendar.last_schedule = Some(slot);
            calendar.held = None;
            if !matches!(known, Some((_, true))) && !calendar.active.contains(&job) {
                calendar.active.push(job.clone());
            }
        }
        if known.is_some() {
            return;
        }
        report(out, false, "SuccessfulCreate", about, format!("created job {job}"));
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
}

impl Calendar {
    /// The slots that are due by then and not settled. The latest may still be waiting for its delay: then
    /// those before it.
    fn come(&self, cron: &CronJob, by: Wall) -> Missed {
        let passed = slots_between(cron, self.reference, by);
        match passed.last.map(Wall::from_seconds) {
            Some(last) if self.due(last) > by => slots_between(cron, self.reference, last - SECOND),
            _ => passed,
        }
    }
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
