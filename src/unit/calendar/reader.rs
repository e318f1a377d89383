//! Reads one field of a schedule: a list of `*`, `n` and `n-m`, each with a step or without.
//!
//! Of the oddities that Kubernetes tolerates (CRN-007), leading zeros, a leading `+` and empty items of a
//! list are read as there, the last with a warning. Two are refused, because whoever writes them means
//! something that they would not get: text after `*-`, and a list of nothing but commas, which never comes.

use std::ops::Range;

use super::ScheduleError;
use super::fields::{Field, Unit};
use super::parse::FIVE;

/// What is known of a field while it is read, and in the end.
pub(super) struct Reader<'a> {
    unit: Unit,
    pub(super) field: Field,
    /// Sunday was written as `7`.
    pub(super) seven: bool,
    warnings: &'a mut Vec<String>,
}

impl<'a> Reader<'a> {
    /// Reads the field `text`, which begins at byte `at` of the expression.
    pub(super) fn read(
        unit: Unit,
        text: &str,
        at: usize,
        warnings: &'a mut Vec<String>,
    ) -> Result<Self, ScheduleError> {
        let mut reader = Self { unit, field: Field::default(), seven: false, warnings };
        reader.list(text, at)?;
        Ok(reader)
    }

    fn list(&mut self, text: &str, at: usize) -> Result<(), ScheduleError> {
        let mut start = at;
        let (mut first, mut empty) = (true, false);
        for item in text.split(',') {
            if item.is_empty() {
                empty = true;
            } else {
                if first {
                    self.field.opens_with_star = item.starts_with(['*', '?']);
                    first = false;
                }
                self.item(item, start)?;
            }
            start += item.len() + 1;
        }
        if first {
            let message = format!("`{text}` has no value, so the schedule would never come");
            return Err(ScheduleError::at(at..at + text.len(), message).help("write `*` for every value"));
        }
        if empty {
            self.warnings.push(format!("`{text}` has an empty item between commas, which says nothing"));
        }
        Ok(())
    }

    /// `*`, `?`, `n` or `n-m`, with `/step` or without.
    fn item(&mut self, item: &str, at: usize) -> Result<(), ScheduleError> {
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => (range, Some((step, at + range.len() + 1))),
        };
        let stepped = step.is_some();
        let step = match step {
            None => 1,
            Some((step, step_at)) => self.step(step, step_at, item)?,
        };
        let (low, high) = if range.starts_with(['*', '?']) {
            if range.len() > 1 {
                let message = format!("`{}` stands for every value", &range[..1]);
                return Err(ScheduleError::at(at + 1..at + range.len(), message)
                    .help(format!("only a step may follow it, as in `{}/5`", &range[..1])));
            }
            self.field.star |= step == 1;
            (self.unit.min(), self.unit.max())
        } else {
            self.range(range, at, stepped)?
        };
        if step > 1 && step > high - low && high > low {
            let only = self.unit.written(low);
            self.warnings.push(format!("the step of `{item}` leaves only {} {only}", self.unit.name()));
        }
        let mut value = low;
        while value <= high {
            // Only a day of week can be written as one more than its greatest value, and then it is Sunday.
            self.field.values.insert(if value > self.unit.max() { self.unit.min() } else { value });
            let Some(next) = value.checked_add(step) else { break };
            value = next;
        }
        Ok(())
    }

    /// The ends of `n` or `n-m`. A single value with a step goes on to the maximum.
    fn range(&mut self, range: &str, at: usize, stepped: bool) -> Result<(u32, u32), ScheduleError> {
        let Some((low_text, high_text)) = range.split_once('-') else {
            let low = self.value(range, at)?;
            return Ok((low, if stepped { low.max(self.unit.max()) } else { low }));
        };
        let high_at = at + low_text.len() + 1;
        let span = at..at + range.len();
        if high_text.contains('-') {
            return Err(ScheduleError::at(span, format!("`{range}` has more than one hyphen"))
                .help("write a range as `1-5`, several with commas between them"));
        }
        if low_text.is_empty() || high_text.is_empty() {
            return Err(ScheduleError::at(span, format!("the range `{range}` lacks an end"))
                .help("write both ends, as in `1-5`"));
        }
        let (low, high) = (self.value(low_text, at)?, self.value(high_text, high_at)?);
        if low > high {
            let up = if low == self.unit.max() {
                low_text.to_owned()
            } else {
                format!("{low_text}-{}", self.unit.written(self.unit.max()))
            };
            let down = if high == self.unit.min() {
                high_text.to_owned()
            } else {
                format!("{}-{high_text}", self.unit.written(self.unit.min()))
            };
            return Err(ScheduleError::at(span, format!("the range `{range}` descends"))
                .help(format!("write `{up},{down}`")));
        }
        Ok((low, high))
    }

    /// A number, or a name where the field has names.
    fn value(&mut self, text: &str, at: usize) -> Result<u32, ScheduleError> {
        let unit = self.unit;
        let span = at..at + text.len();
        if let Some(place) = unit.names().iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(unit.min() + u32::try_from(place).unwrap_or(0));
        }
        let (min, max) = (unit.min(), unit.max_written());
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.not_a_value(text, span));
        }
        // A number too large for the type is out of range like any other.
        match digits.parse().unwrap_or(u32::MAX) {
            value if value < min || value > max => {
                let message = format!("{} {digits} is out of range {min}-{max}", unit.name());
                Err(ScheduleError::at(span, message))
            }
            value => {
                self.seven |= unit == Unit::DayOfWeek && value == max;
                Ok(value)
            }
        }
    }

    fn not_a_value(&self, text: &str, span: Range<usize>) -> ScheduleError {
        let unit = self.unit;
        let (min, max) = (unit.min(), unit.max_written());
        let lower = text.to_ascii_lowercase();
        let error = ScheduleError::at(span, format!("`{text}` is not {}", unit.a_name()));
        let starts = |name: &&&str| lower.len() > 3 && lower.starts_with(**name);
        if let Some(name) = unit.names().iter().find(starts) {
            return error.help(format!("names have three letters: `{name}`"));
        }
        let named = |other: &Unit| other.names().contains(&lower.as_str());
        if let Some(other) = Unit::ALL.iter().find(|other| named(other)) {
            return error.help(format!("`{text}` is {}: the fields are {FIVE}", other.a_name()));
        }
        let quartz = text.contains(['L', 'W', '#']) && text.len() <= 3;
        match (unit, unit.names()) {
            (Unit::DayOfMonth | Unit::DayOfWeek, _) if quartz => {
                error.help("`L`, `W` and `#` of other schedulers have no meaning here")
            }
            (_, []) => error.help(format!("write a number from {min} to {max}")),
            (_, names) => {
                let (first, last) = (names[0], names[names.len() - 1]);
                error.help(format!("write a number from {min} to {max}, or a name from {first} to {last}"))
            }
        }
    }

    fn step(&self, text: &str, at: usize, item: &str) -> Result<u32, ScheduleError> {
        let span = at..at + text.len();
        if text.contains('/') {
            return Err(ScheduleError::at(span, format!("`{item}` has more than one step")));
        }
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = if text.is_empty() {
                format!("`{item}` lacks its step")
            } else {
                format!("`{text}` is not a step")
            };
            // An empty step has no text to point at; its slash has.
            let span = if text.is_empty() { at - 1..at } else { span };
            return Err(ScheduleError::at(span, message).help("write a number after the slash, as in `*/5`"));
        }
        match digits.parse().unwrap_or(u32::MAX) {
            0 => Err(ScheduleError::at(span, "a step of 0 goes nowhere").help("a step is at least 1")),
            step => Ok(step),
        }
    }
}
