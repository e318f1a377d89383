//! `[cron]`: at which times a job is made, and what happens to times that were missed.

use std::time::Duration;

use super::calendar::{Dst, Schedule};
use super::diagnostic::Code;
use super::keys;
use super::model::{CatchUp, ConcurrencyPolicy, CronJob, Job};
use super::reader::{Reader, short};
use super::source::Span;
use super::tree::Table;
use crate::limits::{CATCH_UP_MAX, PERIODS_COMPARED_MAX};

/// From when on the distances of a schedule's times are looked at: any instant would do, and this one is the
/// same at every load (2026-01-01 00:00 UTC).
const LOOKED_AT_FROM: i64 = 1_767_225_600;

const POLICIES: [(&str, ConcurrencyPolicy); 3] = [
    ("Allow", ConcurrencyPolicy::Allow),
    ("Forbid", ConcurrencyPolicy::Forbid),
    ("Replace", ConcurrencyPolicy::Replace),
];
const DST: [(&str, Dst); 2] = [("once", Dst::Once), ("literal", Dst::Literal)];
const CATCH_UP: [(&str, CatchUp); 3] =
    [("last", CatchUp::Last), ("none", CatchUp::None), ("all", CatchUp::All)];

impl Reader<'_> {
    /// The cronjob of a unit.
    pub(super) fn cron(&mut self, unit: &Table, job: Option<Job>) -> Option<CronJob> {
        let table = self.table(unit, "cron")?;
        self.check_keys(table, &keys::CRON, unit);
        let dst = self.word(table, "dst", &DST).map_or(Dst::Once, |(dst, _)| dst);
        let schedule = self.schedule(unit, table, dst);
        let concurrency_policy = self
            .word(table, "concurrency_policy", &POLICIES)
            .map_or(ConcurrencyPolicy::Allow, |(policy, _)| policy);
        let starting_deadline = self.deadline(table, "starting_deadline");
        let suspend = self.boolean(table, "suspend").unwrap_or(false);
        let successful_history = self.integer(table, "successful_history", 0..=u32::MAX).unwrap_or(3);
        let failed_history = self.integer(table, "failed_history", 0..=u32::MAX).unwrap_or(1);
        let catch_up = self.word(table, "catch_up", &CATCH_UP);
        let jitter = self.duration(table, "jitter", Duration::ZERO).unwrap_or(Duration::ZERO);
        if let Some(schedule) = &schedule {
            self.check_jitter(table, schedule, jitter);
            if let Some((CatchUp::All, span)) = catch_up {
                self.check_catch_up(table, schedule, starting_deadline, span);
            }
        }
        Some(CronJob {
            job: job?,
            schedule: schedule?,
            concurrency_policy,
            starting_deadline,
            suspend,
            successful_history,
            failed_history,
            catch_up: catch_up.map_or(CatchUp::Last, |(word, _)| word),
            jitter,
        })
    }

    fn schedule(&mut self, unit: &Table, table: &Table, dst: Dst) -> Option<Schedule> {
        let zone = self.string(table, "time_zone");
        if table.get("schedule").is_none() {
            let span = unit.get("cron").map(|entry| entry.key_span)?;
            self.fault(span, Code::MissingKey, "[cron] needs a `schedule`")
                .help("write `schedule = \"30 2 * * *\"`, or \"@daily\"");
            return None;
        }
        let (expression, span) = self.string(table, "schedule")?;
        if table.get("time_zone").is_some() && zone.is_none() {
            return None;
        }
        match Schedule::parse(expression, zone.map(|(zone, _)| zone), dst) {
            Ok(schedule) => {
                if let (Some(why), Some(_)) = (schedule.beyond_kubernetes(), unit.get("manifest")) {
                    let message = format!("`schedule: {}` is not Kubernetes'", short(expression));
                    self.fault(span, Code::BadSchedule, message).label(why);
                }
                self.warn_of_schedule(&schedule, span);
                Some(schedule)
            }
            Err(error) => {
                let at = match (error.span, zone) {
                    (Some(at), _) => self.inside(span, expression, at.start, at.len()),
                    (None, Some((_, zone_span))) => zone_span,
                    (None, None) => span,
                };
                let what =
                    if at.start >= span.start && at.end <= span.end { "schedule" } else { "time_zone" };
                let written = zone.filter(|_| what == "time_zone").map_or(expression, |(zone, _)| zone);
                let message = format!("`{what} = \"{}\"` cannot be read", short(written));
                let fault = self.fault(at, Code::BadSchedule, message).label(error.message);
                if let Some(help) = error.help {
                    fault.help(help);
                }
                None
            }
        }
    }

    /// What is legal and probably not meant.
    fn warn_of_schedule(&mut self, schedule: &Schedule, span: Span) {
        for warning in schedule.warnings() {
            let never = warning.starts_with("this schedule never comes");
            let code = if never { Code::NeverRuns } else { Code::OddSchedule };
            self.fault(span, code, warning);
        }
    }

    /// A delay ends before the next time comes: two runs that wait would be piled up.
    fn check_jitter(&mut self, table: &Table, schedule: &Schedule, jitter: Duration) {
        let Some(entry) = table.get("jitter").filter(|_| !jitter.is_zero()) else { return };
        let Some(period) = shortest_period(schedule, jitter).filter(|period| *period < jitter) else {
            return;
        };
        let message =
            format!("a `jitter` of {} is longer than the period", short(self.sources.slice(entry.node.span)));
        self.fault(entry.node.span, Code::TooDense, message)
            .label(format!("two times of the schedule are {}s apart", period.as_secs()))
            .help(format!("write `jitter = \"{}s\"` at most", period.as_secs()));
    }

    /// Everything that was missed is made up for: so there must be a limit to that.
    fn check_catch_up(&mut self, table: &Table, schedule: &Schedule, deadline: Option<Duration>, span: Span) {
        let Some(deadline) = deadline else {
            // A deadline that cannot be read has been told already.
            if table.get("starting_deadline").is_none_or(
                |entry| matches!(&entry.node.value, super::tree::Value::String(text) if text == "infinity"),
            ) {
                self.fault(span, Code::MissingKey, "`catch_up = \"all\"` needs a `starting_deadline`")
                    .label("a month without supd would be made up for run by run")
                    .help("write `starting_deadline = \"1d\"`: no time older than that is made up for");
            }
            return;
        };
        let until = LOOKED_AT_FROM.saturating_add(i64::try_from(deadline.as_secs()).unwrap_or(i64::MAX));
        if schedule.missed(LOOKED_AT_FROM, until, CATCH_UP_MAX).capped {
            let message =
                format!("`catch_up = \"all\"` could have to make up for more than {CATCH_UP_MAX} times");
            self.fault(span, Code::TooDense, message)
                .label("so many lie within `starting_deadline`")
                .help("shorten `starting_deadline`, or write `catch_up = \"last\"`");
        }
    }
}

/// The shortest distance between two neighbouring times, as far as is looked; the first that is below
/// `enough` will do. Nothing where there are no two times.
fn shortest_period(schedule: &Schedule, enough: Duration) -> Option<Duration> {
    let mut shortest: Option<Duration> = None;
    let mut before = schedule.next_after(LOOKED_AT_FROM)?;
    for _ in 0..PERIODS_COMPARED_MAX {
        let Some(at) = schedule.next_after(before) else { break };
        let period = Duration::from_secs(at.saturating_sub(before).max(0).unsigned_abs());
        shortest = Some(shortest.map_or(period, |least| least.min(period)));
        if period < enough {
            break;
        }
        before = at;
    }
    shortest
}
