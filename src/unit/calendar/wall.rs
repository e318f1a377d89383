//! The matching engine: when does a wall clock next show a time of the schedule?
//!
//! A wall clock here is a plain number, the seconds since 1970 that a clock without a zone would count.
//! What the zone makes of it is `dst`'s business.
//!
//! The work is done by the `cron` crate, which has a dialect of its own; so it is given no more than lists
//! of numbers (weekdays as names, which it counts from 1), never a zone (its times then run backwards in a
//! repeated hour), and never both day fields at once (it joins them with *and*): there are two schedules
//! then, and the earlier one wins. It knows the years 1970 to 2100 only. But a year is known by its first
//! weekday and its length, and there are all fourteen kinds between 2000 and 2027; so each year is asked
//! for in the person of a stand-in from there, and no year is special.

use std::fmt::Write;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Utc};

use super::ScheduleError;
use super::fields::{Field, Fields, Unit};
use crate::limits::CALENDAR_YEARS_AHEAD_MAX;

const SECONDS_PER_DAY: i64 = 86_400;
/// The first of 28 years that hold every kind of year.
const STAND_INS_FROM: i64 = 2000;
const STAND_INS: i64 = 28;

/// A schedule without a zone.
pub(super) struct Matcher {
    /// One, or two where either day field is enough. None where it can never match.
    schedules: Vec<cron::Schedule>,
}

impl Matcher {
    pub(super) fn new(fields: &Fields) -> Result<Self, ScheduleError> {
        let any = Field::default();
        let texts = if fields.never() {
            Vec::new()
        } else if fields.either_day() {
            vec![render(fields, &fields.day_of_month, &any), render(fields, &any, &fields.day_of_week)]
        } else {
            vec![render(fields, &fields.day_of_month, &fields.day_of_week)]
        };
        let build = |text: &String| {
            cron::Schedule::from_str(text)
                .map_err(|error| ScheduleError::new(format!("the engine refuses `{text}`: {error}")))
        };
        Ok(Self { schedules: texts.iter().map(build).collect::<Result<_, _>>()? })
    }

    /// The first match strictly after `after`, within [`CALENDAR_YEARS_AHEAD_MAX`] years.
    pub(super) fn next(&self, after: i64) -> Option<i64> {
        if self.schedules.is_empty() {
            return None;
        }
        let from = after.checked_add(1)?;
        let first_year = i64::from(DateTime::<Utc>::from_timestamp(from, 0)?.year());
        for year in first_year..=first_year + CALENDAR_YEARS_AHEAD_MAX {
            let shift = year_start(stand_in(year)) - year_start(year);
            let end = year_start(year + 1) + shift;
            let after = DateTime::<Utc>::from_timestamp(from.max(year_start(year)) + shift - 1, 0)?;
            let next = |schedule: &cron::Schedule| schedule.after(&after).next().map(|at| at.timestamp());
            let found = self.schedules.iter().filter_map(next).min();
            if let Some(found) = found.filter(|found| *found < end) {
                return Some(found - shift);
            }
        }
        None
    }
}

/// The fields in the crate's dialect.
fn render(fields: &Fields, day_of_month: &Field, day_of_week: &Field) -> String {
    let columns = [
        (Unit::Second, &fields.second),
        (Unit::Minute, &fields.minute),
        (Unit::Hour, &fields.hour),
        (Unit::DayOfMonth, day_of_month),
        (Unit::Month, &fields.month),
        (Unit::DayOfWeek, day_of_week),
    ];
    let mut text = String::new();
    for (unit, field) in columns {
        if !text.is_empty() {
            text.push(' ');
        }
        if field.values.is_empty() || field.values.is_full(unit) {
            text.push('*');
            continue;
        }
        for (place, value) in field.values.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            // Writing to a string cannot fail.
            let _ = match unit {
                Unit::DayOfWeek => write!(text, "{}", unit.written(value)),
                _ => write!(text, "{value}"),
            };
        }
    }
    text
}

/// The wall clock at the beginning of a year.
fn year_start(year: i64) -> i64 {
    let leap_days = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * (year - 1970) + leap_days(year - 1) - leap_days(1969);
    days * SECONDS_PER_DAY
}

/// A year between 2000 and 2027 with the same days on the same weekdays.
fn stand_in(year: i64) -> i64 {
    const SECONDS_PER_WEEK: i64 = 7 * SECONDS_PER_DAY;
    let kind = |year: i64| {
        let (start, end) = (year_start(year), year_start(year + 1));
        (start.rem_euclid(SECONDS_PER_WEEK), end - start)
    };
    let wanted = kind(year);
    (STAND_INS_FROM..STAND_INS_FROM + STAND_INS).find(|year| kind(*year) == wanted).unwrap_or(STAND_INS_FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_begin_where_chrono_says() {
        for year in [1, 1600, 1900, 1969, 1970, 1971, 2000, 2001, 2100, 2101, 2400, 9999] {
            let date = chrono::NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
            let start = date.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp();
            assert_eq!(year_start(i64::from(year)), start, "{year}");
        }
    }

    #[test]
    fn every_year_has_a_stand_in() {
        for year in 1600..2400 {
            let date = |year| chrono::NaiveDate::from_ymd_opt(i32::try_from(year).unwrap(), 1, 1).unwrap();
            let (day, stand_in) = (date(year), date(stand_in(year)));
            assert_eq!(day.weekday(), stand_in.weekday(), "{year}");
            assert_eq!(day.leap_year(), stand_in.leap_year(), "{year}");
        }
    }
}
