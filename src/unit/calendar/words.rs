//! A schedule in plain English: `at 02:30 every day`, `every five minutes, Monday to Friday`.
//!
//! Told from the sets of values, not from how they were written: `*/15` and `0,15,30,45` read the same,
//! because they are.

use super::fields::{Fields, Unit, Values};

/// Times of day, and values of a field, that are written out one by one.
const LISTED_MAX: usize = 6;
const SECONDS_PER_DAY: i64 = 86_400;

const NUMBERS: [&str; 11] =
    ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const ORDINALS: [&str; 11] = [
    "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// An interval in words.
pub(super) fn interval(seconds: i64) -> String {
    // `every 90 minutes` reads better than its parts.
    if seconds < 120 || seconds < 7_200 && seconds % 60 == 0 || seconds % 3_600 == 0 {
        return every_seconds(seconds);
    }
    let parts = [(seconds / 3_600, "hour"), (seconds / 60 % 60, "minute"), (seconds % 60, "second")];
    let plural = |count| if count == 1 { "" } else { "s" };
    let parts = parts.iter().filter(|(count, _)| *count != 0);
    let parts: Vec<String> = parts.map(|(count, unit)| format!("{count} {unit}{}", plural(*count))).collect();
    format!("every {}", list(&parts).unwrap_or_default())
}

/// A calendar in words.
pub(super) fn calendar(fields: &Fields) -> String {
    let mut text = time(fields);
    let says_every = text.contains("every");
    text.push_str(&day(fields, says_every));
    text
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> Option<String> {
    let (last, others) = items.split_last()?;
    let others: Vec<&str> = others.iter().map(AsRef::as_ref).collect();
    let last = last.as_ref();
    Some(if others.is_empty() { last.to_owned() } else { format!("{} and {last}", others.join(", ")) })
}

/// The time of day: what the seconds, minutes and hours say together.
fn time(fields: &Fields) -> String {
    let count = fields.second.values.len() * fields.minute.values.len() * fields.hour.values.len();
    let first = times(fields).next().unwrap_or_default();
    let step = even_step(times(fields));
    let around = step.filter(|step| first == 0 && i64::try_from(count) == Ok(SECONDS_PER_DAY / step));
    if let Some(step) = around.filter(|_| count > 2) {
        return every_seconds(step);
    }
    if count <= LISTED_MAX {
        let seconds = times(fields).any(|time| time % 60 != 0);
        let times: Vec<String> = times(fields).map(|time| clock(time, seconds)).collect();
        return format!("at {}", list(&times).unwrap_or_default());
    }
    if let Some(step) = step.filter(|_| !fields.hour.values.is_full(Unit::Hour)) {
        let last = times(fields).last().unwrap_or(first);
        let seconds = first % 60 != 0 || last % 60 != 0;
        let (first, last) = (clock(first, seconds), clock(last, seconds));
        return format!("{} from {first} to {last}", every_seconds(step));
    }
    by_field(fields)
}

/// The long form: `at minutes 0 and 40 of hours 9 to 17`.
fn by_field(fields: &Fields) -> String {
    let second = fields.second.values;
    let mut levels =
        vec![(second, Unit::Second), (fields.minute.values, Unit::Minute), (fields.hour.values, Unit::Hour)];
    if second.len() == 1 && second.contains(0) {
        levels.remove(0);
    }
    let mut text = String::new();
    for (place, (values, unit)) in levels.iter().enumerate() {
        if place == 0 {
            text = match cycle(*values, *unit) {
                Some(step) => every(step, unit.name()),
                None => format!("at {}", some_of(*values, *unit)),
            };
        } else if !values.is_full(*unit) {
            text = format!("{text} of {}", some_of(*values, *unit));
        } else {
            text = format!("{text} of every {}", unit.name());
            if levels[place..].iter().all(|(values, unit)| values.is_full(*unit)) {
                break;
            }
        }
    }
    text
}

/// The days, as they follow the time; with the space or comma before them.
fn day(fields: &Fields, time_says_every: bool) -> String {
    let (dates, days, months) = (fields.day_of_month.values, fields.day_of_week.values, fields.month.values);
    let (all_dates, all_days) = (dates.is_full(Unit::DayOfMonth), days.is_full(Unit::DayOfWeek));
    let all_months = months.is_full(Unit::Month);
    let every_day = if fields.either_day() { all_dates || all_days } else { all_dates && all_days };
    let in_months = if all_months {
        String::new()
    } else {
        format!(" {} {}", if is_run(months) { "from" } else { "in" }, month_names(months))
    };
    if every_day {
        let day = if time_says_every { "" } else { " every day" };
        return format!("{day}{in_months}");
    }
    if fields.either_day() {
        let or = if is_run(monday_first(days)) { "or from" } else { "or on" };
        let months = if all_months { String::new() } else { format!(",{in_months}") };
        return format!(" on {} of the month {or} {}{months}", date_names(dates), day_names(days));
    }
    if all_dates {
        let on = if is_run(monday_first(days)) { "," } else { " on" };
        return format!("{on} {}{in_months}", day_names(days));
    }
    let dates_text = date_names(dates);
    if all_months {
        format!(" on {dates_text} of the month")
    } else if dates.len() == 1 && months.len() == 1 {
        format!(" on {} {}", dates.first(), month_names(months))
    } else if is_run(months) {
        format!(" on {dates_text} of each month from {}", month_names(months))
    } else {
        format!(" on {dates_text} of {}", month_names(months))
    }
}

/// `the 1st`, `the 1st and 15th`, `the 1st to 7th`, `every second day from the 1st to the 31st`.
fn date_names(dates: Values) -> String {
    match progression(dates) {
        Some(step) => {
            let (first, last) = (dates.first(), dates.iter().last().unwrap_or_default());
            format!("every {} day from the {} to the {}", nth(step), ordinal(first), ordinal(last))
        }
        None => format!("the {}", list(&runs(dates, ordinal)).unwrap_or_default()),
    }
}

fn day_names(days: Values) -> String {
    let name = |day: u32| WEEKDAYS.get(day as usize).copied().unwrap_or_default().to_owned();
    list(&runs(monday_first(days), name)).unwrap_or_default()
}

fn month_names(months: Values) -> String {
    let name = |month: u32| {
        let place = (month as usize).saturating_sub(1);
        MONTHS.get(place).copied().unwrap_or_default().to_owned()
    };
    list(&runs(months, name)).unwrap_or_default()
}

/// `minute 5`, `minutes 0, 15 and 40`, `hours 9 to 17`, `every second minute from 13 to 59`.
fn some_of(values: Values, unit: Unit) -> String {
    let name = unit.name();
    if let Some(step) = progression(values) {
        let (first, last) = (values.first(), values.iter().last().unwrap_or_default());
        return format!("every {} {name} from {first} to {last}", nth(step));
    }
    let plural = if values.len() == 1 { "" } else { "s" };
    format!("{name}{plural} {}", list(&runs(values, |value| value.to_string())).unwrap_or_default())
}

/// The values, three or more in a row as `9 to 17`.
fn runs(values: Values, name: impl Fn(u32) -> String) -> Vec<String> {
    let mut items = Vec::new();
    let mut pending = values.iter().peekable();
    while let Some(first) = pending.next() {
        let mut last = first;
        while let Some(next) = pending.next_if_eq(&(last + 1)) {
            last = next;
        }
        match last - first {
            0 => items.push(name(first)),
            1 => items.extend([name(first), name(last)]),
            _ => items.push(format!("{} to {}", name(first), name(last))),
        }
    }
    items
}

/// Weekdays counted from Monday, so that a weekend is a run.
fn monday_first(days: Values) -> Values {
    let mut shifted = Values::default();
    for day in days.iter() {
        shifted.insert((day + 6) % 7);
    }
    shifted
}

/// Whether the values are three or more in a row.
fn is_run(values: Values) -> bool {
    values.len() > 2 && even_step(values.iter().map(i64::from)) == Some(1)
}

/// The step of values that are too many to list and equally far apart.
fn progression(values: Values) -> Option<u32> {
    let step = even_step(values.iter().map(i64::from)).filter(|step| *step > 1)?;
    u32::try_from(step).ok().filter(|_| values.len() > LISTED_MAX)
}

/// The step of values that go evenly round the whole unit: `*` and `*/15`, not `*/7`.
fn cycle(values: Values, unit: Unit) -> Option<u32> {
    let step = u32::try_from(even_step(values.iter().map(i64::from))?).ok()?;
    let round = (unit.max() + 1) as usize == values.len() * step as usize;
    (values.first() == 0 && round && values.len() > 2).then_some(step)
}

/// The distance between numbers that are equally far apart.
fn even_step(mut numbers: impl Iterator<Item = i64>) -> Option<i64> {
    let first = numbers.next()?;
    let mut last = numbers.next()?;
    let step = last - first;
    for next in numbers {
        if next - last != step {
            return None;
        }
        last = next;
    }
    Some(step)
}

/// All times of a day, in seconds since its beginning.
fn times(fields: &Fields) -> impl Iterator<Item = i64> {
    let (seconds, minutes) = (fields.second.values, fields.minute.values);
    let of_minute = move |minute: i64| seconds.iter().map(move |second| minute * 60 + i64::from(second));
    let of_hour = move |hour: i64| minutes.iter().map(move |minute| hour * 60 + i64::from(minute));
    fields.hour.values.iter().map(i64::from).flat_map(of_hour).flat_map(of_minute)
}

/// `02:30` or `02:30:00`.
fn clock(time: i64, seconds: bool) -> String {
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    if seconds { format!("{hour:02}:{minute:02}:{second:02}") } else { format!("{hour:02}:{minute:02}") }
}

fn every_seconds(seconds: i64) -> String {
    let (count, unit) = match seconds {
        _ if seconds % 3_600 == 0 => (seconds / 3_600, "hour"),
        _ if seconds % 60 == 0 => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    every(u32::try_from(count).unwrap_or(u32::MAX), unit)
}

/// `every minute`, `every five minutes`, `every 15 minutes`.
fn every(count: u32, unit: &str) -> String {
    match (count, small(&NUMBERS, count)) {
        (1, _) => format!("every {unit}"),
        (_, Some(number)) => format!("every {number} {unit}s"),
        _ => format!("every {count} {unit}s"),
    }
}

/// `second`, `third`, `13th`: as in `every second day`.
fn nth(count: u32) -> String {
    small(&ORDINALS, count).map_or_else(|| ordinal(count), ToOwned::to_owned)
}

/// The word for a number, from a list that begins with two.
fn small(words: &[&'static str], number: u32) -> Option<&'static str> {
    words.get((number as usize).checked_sub(2)?).copied()
}

/// `1st`, `2nd`, `13th`.
fn ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}
