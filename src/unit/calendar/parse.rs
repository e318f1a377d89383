//! From an expression to sets of values, with the exact place of every fault.
//!
//! Five fields as Kubernetes reads them (robfig/cron v3), six with seconds first, or a macro. One field is
//! read by `reader`, a duration by `interval`.

use std::ops::Range;

use super::ScheduleError;
use super::fields::{Field, Fields, Unit};
use super::interval::{self, Interval};
use super::reader::Reader;
use crate::limits::SCHEDULE_BYTES_MAX;

/// What an expression says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Seconds between two runs.
    Every(i64),
    /// Times of a calendar.
    Fields(Fields),
}

/// The macros and what they stand for (CRN-010).
const MACROS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The fields that are always there, in their order.
pub(super) const FIVE: &str = "minute, hour, day of month, month, day of week";

/// Reads an expression. The warnings are about how it is written, not about what it says.
pub(super) fn parse(expression: &str) -> Result<(Parsed, Vec<String>), ScheduleError> {
    let all = 0..expression.len();
    if expression.len() > SCHEDULE_BYTES_MAX {
        let message = format!("a schedule of {} bytes is too long", expression.len());
        return Err(ScheduleError::at(all, message).help(format!("{SCHEDULE_BYTES_MAX} bytes are enough")));
    }
    let words = words(expression);
    let Some((first, at)) = words.first().copied() else {
        return Err(ScheduleError::at(all, "the schedule is empty")
            .help(format!("write five fields: {FIVE}; or a macro, as `@daily`")));
    };
    for prefix in ["TZ=", "CRON_TZ="] {
        if let Some(zone) = first.strip_prefix(prefix) {
            return Err(ScheduleError::at(at..at + first.len(), "a schedule has no zone within it")
                .help(format!("write `time_zone = \"{zone}\"` beside the schedule")));
        }
    }
    if first.starts_with('@') {
        return at_word(expression);
    }
    let mut warnings = Vec::new();
    let fields = fields(&words, all, &mut warnings)?;
    Ok((Parsed::Fields(fields), warnings))
}

/// The words of a text and where they begin.
fn words(text: &str) -> Vec<(&str, usize)> {
    let mut at = 0;
    let mut found = Vec::new();
    for word in text.split(char::is_whitespace) {
        if !word.is_empty() {
            found.push((word, at));
        }
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

/// Reads a macro: the expression as a whole, white space included, as Kubernetes does.
fn at_word(expression: &str) -> Result<(Parsed, Vec<String>), ScheduleError> {
    let all = 0..expression.len();
    if let Some(duration) = expression.strip_prefix("@every ") {
        let Interval { seconds, warning } = interval::parse(duration, "@every ".len())?;
        return Ok((Parsed::Every(seconds), warning.into_iter().collect()));
    }
    if let Some((_, meaning)) = MACROS.iter().find(|(name, _)| *name == expression) {
        let mut warnings = Vec::new();
        let fields = fields(&words(meaning), all, &mut warnings)?;
        return Ok((Parsed::Fields(fields), warnings));
    }
    let trimmed = expression.trim();
    let lower = trimmed.to_ascii_lowercase();
    let known = MACROS.iter().any(|(name, _)| *name == lower);
    if lower == "@reboot" {
        return Err(ScheduleError::at(all, "`@reboot` is not a time")
            .help("a job with `at_boot = \"again\"` runs at each boot; leave `[cron]` out"));
    }
    let error = ScheduleError::at(all, format!("`{expression}` is not a macro"));
    Err(if lower.starts_with("@every") {
        error.help("write `@every`, one space and a duration, as in `@every 1h30m`")
    } else if known && lower == trimmed {
        error.help(format!("no white space before or after it: `{lower}`"))
    } else if known {
        error.help(format!("did you mean `{lower}`?"))
    } else {
        error.help("macros are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every")
    })
}

fn fields(
    words: &[(&str, usize)],
    all: Range<usize>,
    warnings: &mut Vec<String>,
) -> Result<Fields, ScheduleError> {
    let six = match words.len() {
        5 => false,
        6 => true,
        count => return Err(wrong_count(count, all)),
    };
    let mut fields = Fields {
        second: Field::default(),
        minute: Field::default(),
        hour: Field::default(),
        day_of_month: Field::default(),
        month: Field::default(),
        day_of_week: Field::default(),
        six,
        seven: false,
    };
    fields.second.values.insert(0);
    let units = if six { &Unit::ALL[..] } else { &Unit::ALL[1..] };
    for (unit, (text, at)) in units.iter().zip(words) {
        let Reader { field, seven, .. } = Reader::read(*unit, text, *at, warnings)?;
        fields.seven |= seven;
        match unit {
            Unit::Second => fields.second = field,
            Unit::Minute => fields.minute = field,
            Unit::Hour => fields.hour = field,
            Unit::DayOfMonth => fields.day_of_month = field,
            Unit::Month => fields.month = field,
            Unit::DayOfWeek => fields.day_of_week = field,
        }
    }
    Ok(fields)
}

fn wrong_count(count: usize, all: Range<usize>) -> ScheduleError {
    let (noun, verb) = if count == 1 { ("field", "is") } else { ("fields", "are") };
    let message = format!("{count} {noun} {verb} given, five or six are needed");
    let help = if count == 7 {
        "a year cannot be given: six fields are second, minute, hour, day of month, month, day of week"
            .to_owned()
    } else {
        format!("five fields are {FIVE}; a sixth one before them is the second")
    };
    ScheduleError::at(all, message).help(help)
}
