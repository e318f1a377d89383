//! Cronjobs: a job at times of a calendar (CJB-001ff).
//!
//! The reference is the slot of the last job, or the moment the cronjob was armed; [`due`] is the latest slot
//! after it. However many were missed, one job is made (CJB-002), unless all are asked for. The slot is part
//! of the job's name, so that no slot can run twice (CJB-017); a [`jitter`] moves the run and not the slot.

mod due;
mod jitter;

pub(super) use jitter::Drawn;

use std::sync::Arc;

use super::action::{Action, Actions, RefusedReason};
use super::entry::{Entry, Judged, KindState};
use super::id::{JobName, ObjectRef};
use super::saved::SavedCalendar;
use super::time::{Now, Wall};
use super::timer::Timer;
use super::view::{JobOwner, UnitState};
use super::{Engine, report};
use crate::unit::calendar::Missed;
use crate::unit::model::{Body, CronJob, Unit};
use crate::unit::name::UnitName;

/// More missed slots than this are worth a warning (CJB-004).
const MISSED_WARNING: u32 = 100;

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
    /// The delays of the slots around now.
    pub(super) drawn: Drawn,
    /// That no slot will ever come was told.
    told_never: bool,
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
            drawn: Drawn::default(),
            told_never: false,
        }
    }

    /// As it was stored.
    pub(super) fn recalled(saved: SavedCalendar, suspended: bool) -> Self {
        Self {
            suspended,
            reference: saved.reference,
            last_schedule: saved.last_schedule,
            last_success: saved.last_success,
            next: None,
            missed: saved.missed,
            active: saved.active,
            held: saved.held,
            noted: saved.noted,
            drawn: saved.drawn,
            told_never: false,
        }
    }

    /// The schedule counts from now: it was armed, or edited (editing never fires it).
    pub(super) fn rearm(&mut self, now: Now) {
        self.reference = self.reference.max(now.wall);
        self.held = None;
        self.drawn = Drawn::default();
        self.told_never = false;
    }

    /// When the job of a slot is made: at its time, or after its delay.
    fn due(&self, slot: Wall) -> Wall {
        self.drawn.due(slot)
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
            self.plan_next(now, name, out);
        } else {
            self.timers.clear(&Timer::Slot(name.clone()));
            if let Some((_, calendar)) = self.calendar(name) {
                calendar.next = None;
            }
        }
        self.trim_history(name, out);
        self.judge_cron(name, on)
    }

    /// Unfinished jobs of a cronjob, made on schedule or by hand.
    fn jobs_of(&self, name: &UnitName) -> Vec<JobName> {
        let own = self.jobs.values().filter(|job| &job.unit.name == name && !job.finished);
        own.map(|job| job.name.clone()).collect()
    }

    /// Sets the alarm for the next slot, or for the one whose delay has begun.
    fn plan_next(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let Some((unit, calendar)) = self.calendar(name) else { return };
        let Some(cron) = cron_of(&unit) else { return };
        // Counted from the reference, which only for an interval makes a difference (CRN-011).
        let passed = slots_between(cron, calendar.reference, now.wall).last;
        let last = passed.map_or(calendar.reference, Wall::from_seconds);
        let waits = Some(last).filter(|slot| calendar.due(*slot) > now.wall && passed.is_some());
        let next = waits.or_else(|| cron.schedule.next_after(last.seconds()).map(Wall::from_seconds));
        calendar.drawn.plan(now, name, (calendar.reference, next), cron.jitter);
        calendar.next = next.map(|next| calendar.due(next));
        let never = calendar.next.is_none() && !std::mem::replace(&mut calendar.told_never, true);
        match calendar.next {
            Some(next) => self.timers.set(Timer::Slot(name.clone()), now.when(next)),
            None => self.timers.clear(&Timer::Slot(name.clone())),
        }
        if never {
            let words = format!("no time matches `{}`", cron.schedule.expression());
            report(out, true, "InvalidSchedule", ("CronJob", name.as_str(), name), words);
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
        let active = calendar.active.len();
        calendar.active.retain(|name| name != job);
        if complete {
            // One by hand counts for that, too (CJB-016).
            calendar.last_success = calendar.last_success.max(Some(now.wall));
        }
        if calendar.active.len() == active {
            return;
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
                let words = format!("deleted job {job}");
                report(out, false, "SuccessfulDelete", ("CronJob", name.as_str(), name), words);
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
            return Self::judge_waiting(entry);
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

pub(super) fn cron_of(unit: &Unit) -> Option<&CronJob> {
    match &unit.body {
        Body::CronJob(cron) => Some(cron),
        _ => None,
    }
}
