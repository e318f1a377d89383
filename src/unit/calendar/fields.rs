//! The fields of a schedule as sets of values, and the rule that joins the two day fields.
//!
//! Pure data: how they are written is `parse`'s business, when they come `wall`'s.

/// A unit of time that has a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Unit {
    /// In the order in which they are written; five fields leave the first one out.
    pub(super) const ALL: [Self; 6] =
        [Self::Second, Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek];

    /// The least value.
    pub(super) const fn min(self) -> u32 {
        match self {
            Self::DayOfMonth | Self::Month => 1,
            _ => 0,
        }
    }

    /// The greatest value, and so the end of `*` and of `n/step`.
    pub(super) const fn max(self) -> u32 {
        match self {
            Self::Second | Self::Minute => 59,
            Self::Hour => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 6,
        }
    }

    /// The greatest value that may be written: `7` is Sunday too.
    pub(super) const fn max_written(self) -> u32 {
        match self {
            Self::DayOfWeek => 7,
            _ => self.max(),
        }
    }

    /// What people call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        }
    }

    /// Its name with the right article.
    pub(super) const fn a_name(self) -> &'static str {
        match self {
            Self::Second => "a second",
            Self::Minute => "a minute",
            Self::Hour => "an hour",
            Self::DayOfMonth => "a day of month",
            Self::Month => "a month",
            Self::DayOfWeek => "a day of week",
        }
    }

    /// The names of its values, beginning with the least.
    pub(super) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            _ => &[],
        }
    }

    /// A value as it is usually written in this field: by its name, where it has one.
    pub(super) fn written(self, value: u32) -> String {
        let place = value.checked_sub(self.min()).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.names().get(place)) {
            Some(name) => (*name).to_owned(),
            None => value.to_string(),
        }
    }
}

/// A set of values below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Values(u64);

impl Values {
    pub(super) fn insert(&mut self, value: u32) {
        debug_assert!(value < u64::BITS, "no field has a value of 64 or more");
        self.0 |= 1 << value;
    }

    pub(super) fn contains(self, value: u32) -> bool {
        value < u64::BITS && self.0 & (1 << value) != 0
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The least value; 64 where there is none.
    pub(super) fn first(self) -> u32 {
        self.0.trailing_zeros()
    }

    /// In ascending order.
    pub(super) fn iter(self) -> impl Iterator<Item = u32> + Clone {
        (0..u64::BITS).filter(move |value| self.contains(*value))
    }

    /// Whether it has every value of the unit.
    pub(super) fn is_full(self, unit: Unit) -> bool {
        self.len() == (unit.max() - unit.min() + 1) as usize
    }
}

/// One field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// What it matches.
    pub(super) values: Values,
    /// Some item is `*`, `?` or one of them with step 1: a star as Kubernetes counts them (CRN-008).
    pub(super) star: bool,
    /// Its first item is `*` or `?`, steps included: a star as Vixie cron counts them, and what makes a
    /// schedule a wildcard.
    pub(super) opens_with_star: bool,
}

/// All fields of a schedule. No field is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) second: Field,
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day_of_month: Field,
    pub(super) month: Field,
    pub(super) day_of_week: Field,
    /// Seconds were written.
    pub(super) six: bool,
    /// Sunday was written as `7`.
    pub(super) seven: bool,
}

impl Fields {
    /// Whether the schedule follows elapsed time over a change of the clock.
    pub(super) fn is_wildcard(&self) -> bool {
        self.minute.opens_with_star || self.hour.opens_with_star
    }

    /// Whether one matching day field is enough (CRN-008): neither is a star.
    pub(super) fn either_day(&self) -> bool {
        !self.day_of_month.star && !self.day_of_week.star
    }

    /// Whether no year has a day that matches, such as 30 February.
    pub(super) fn never(&self) -> bool {
        // With either day enough, the weekday comes in every month. Otherwise one of the fields is a star
        // and has all values, so it is the day of month alone that can miss.
        let day = self.day_of_month.values.first();
        !self.either_day() && self.month.values.iter().all(|month| longest(month) < day)
    }
}

/// The days of a month in the year that has most.
pub(super) const fn longest(month: u32) -> u32 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
