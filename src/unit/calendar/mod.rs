//! When a cronjob runs.
//!
//! The grammar is Kubernetes' (rules CRN-001ff) with `7` for Sunday and six fields (seconds first) beside
//! it; daylight saving is read as `dst` says. The `cron` crate is the matching engine behind it.
//! All times here are whole seconds since 1970.
//!
//! An expression goes through four stages, and none knows of the next: `parse` makes `fields` of it (or an
//! `interval`), `wall` finds matches on a clock without a zone, `zone` knows what a zone does to the clock,
//! and `dst` joins the two into instants. `words`, `lint` and `notes` are for people.

mod dst;
mod fields;
mod interval;
mod kubernetes;
mod lint;
mod notes;
mod parse;
mod reader;
mod wall;
mod words;
mod zone;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use self::dst::Reading;
use self::fields::Fields;
use self::parse::Parsed;
use self::wall::Matcher;
use self::zone::Zone;

/// A checked schedule.
#[derive(Clone)]
pub struct Schedule {
    expression: String,
    zone: Zone,
    dst: Dst,
    times: Arc<Times>,
    warnings: Vec<String>,
}

/// How the hours that daylight saving removes and repeats are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dst {
    /// A fixed time runs once, whatever happens; a wildcard (minute or hour begins with `*`) follows
    /// elapsed time.
    #[default]
    Once,
    /// Kubernetes': a time in the gap is skipped, a time in the repeated hour runs twice.
    Literal,
}

/// What is wrong with a schedule or its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// Where in the expression, in bytes; nothing where the zone is wrong.
    pub span: Option<Range<usize>>,
    /// In words: `hour 24 is out of range 0-23`.
    pub message: String,
    /// How to mend it, where that is known.
    pub help: Option<String>,
}

/// The scheduled times of a stretch that has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// The latest of them.
    pub last: Option<i64>,
    /// How many they are, counted no further than the cap.
    pub count: u32,
    /// There are more than were counted.
    pub capped: bool,
}

/// A time to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upcoming {
    /// When.
    pub at: i64,
    /// What the clock does to it: `01:30 comes twice: first of two`.
    pub note: Option<String>,
}

enum Times {
    /// So many seconds after the one before.
    Every(i64),
    Calendar {
        fields: Fields,
        wall: Matcher,
    },
}

impl Schedule {
    /// Reads an expression; `zone` is an IANA name, or nothing for the host's.
    pub fn parse(expression: &str, zone: Option<&str>, dst: Dst) -> Result<Self, ScheduleError> {
        let (parsed, mut warnings) = parse::parse(expression)?;
        let times = match parsed {
            Parsed::Every(seconds) => Times::Every(seconds),
            Parsed::Fields(fields) => {
                warnings.extend(lint::warnings(&fields));
                Times::Calendar { fields, wall: Matcher::new(&fields)? }
            }
        };
        let zone = Zone::find(zone)?;
        Ok(Self { expression: expression.to_owned(), zone, dst, times: Arc::new(times), warnings })
    }

    /// The next time strictly after `after`; nothing where none comes within eight years, in which case
    /// none ever comes.
    ///
    /// `@every` counts from `after`, so that must be the last scheduled time, or the creation (CRN-011).
    pub fn next_after(&self, after: i64) -> Option<i64> {
        match &*self.times {
            Times::Every(seconds) => after.checked_add(*seconds),
            Times::Calendar { fields, wall } => dst::next(self.reading(fields), &self.zone, wall, after),
        }
    }

    /// The times after `after`, up to and at `until`: the latest one, and how many, counted up to `cap`.
    ///
    /// Takes no longer for a schedule of every second that was missed for ten years.
    pub fn missed(&self, after: i64, until: i64, cap: u32) -> Missed {
        if let Times::Every(seconds) = &*self.times {
            return missed_of_interval(*seconds, after, until, cap);
        }
        let next = |from| self.next_after(from).filter(|next| *next <= until);
        let mut missed = Missed::default();
        let mut from = after;
        while let Some(at) = next(from) {
            if missed.count == cap {
                missed.capped = true;
                break;
            }
            missed.count += 1;
            missed.last = Some(at);
            from = at;
        }
        if missed.capped {
            // A time follows `from` for as long as `from` is before the last one: halve until they meet.
            let (mut before, mut not_before) = (from, until);
            while before + 1 < not_before {
                let middle = before.midpoint(not_before);
                match next(middle) {
                    Some(at) => before = at - 1,
                    None => not_before = middle,
                }
            }
            missed.last = next(before).or(missed.last);
        }
        missed
    }

    /// The next `count` times after `from`, with what is remarkable about them.
    pub fn upcoming(&self, from: i64, count: usize) -> Vec<Upcoming> {
        let mut previous = from;
        let next = || {
            let at = self.next_after(previous)?;
            let note = match &*self.times {
                Times::Every(_) => None,
                Times::Calendar { fields, wall } => {
                    notes::note(self.reading(fields), &self.zone, wall, previous, at)
                }
            };
            previous = at;
            Some(Upcoming { at, note })
        };
        std::iter::from_fn(next).take(count).collect()
    }

    /// In plain English: `at 02:30 every day, Europe/Berlin`.
    pub fn words(&self) -> String {
        match &*self.times {
            // An interval is the same in every zone.
            Times::Every(seconds) => words::interval(*seconds),
            Times::Calendar { fields, .. } => match self.zone() {
                Some(zone) => format!("{}, {zone}", words::calendar(fields)),
                None => words::calendar(fields),
            },
        }
    }

    /// What is legal but probably not meant, each in a sentence.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// What Kubernetes would refuse about it, in words; for manifests, and for `supctl export`.
    pub fn beyond_kubernetes(&self) -> Option<&'static str> {
        match &*self.times {
            Times::Calendar { fields, .. } if fields.six => Some("six fields (seconds) are not Kubernetes'"),
            Times::Calendar { fields, .. } if fields.seven => Some("Sunday is only 0 or `sun` in Kubernetes"),
            _ => None,
        }
    }

    /// An instant as RFC 3339 in the schedule's zone: `2026-11-23T02:30:00+01:00`.
    pub fn format(&self, at: i64) -> String {
        self.zone.format(at)
    }

    /// As written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The zone as written.
    pub fn zone(&self) -> Option<&str> {
        self.zone.written()
    }

    /// How daylight saving is read.
    pub fn dst(&self) -> Dst {
        self.dst
    }

    /// Whether two of its times may lie in one minute, so that a job's name needs seconds.
    pub fn has_seconds(&self) -> bool {
        match &*self.times {
            Times::Every(seconds) => *seconds < 60,
            Times::Calendar { fields, .. } => fields.six,
        }
    }

    fn reading(&self, fields: &Fields) -> Reading {
        match self.dst {
            Dst::Once if !fields.is_wildcard() => Reading::FirstPass,
            Dst::Once | Dst::Literal => Reading::EveryPass,
        }
    }
}

/// `@every` needs no search: its times are a whole number of intervals after the reference.
fn missed_of_interval(seconds: i64, after: i64, until: i64, cap: u32) -> Missed {
    let count = until.saturating_sub(after).max(0) / seconds;
    let counted = u32::try_from(count).map_or(cap, |count| count.min(cap));
    Missed {
        last: (count > 0).then(|| after + count * seconds),
        count: counted,
        capped: i64::from(counted) < count,
    }
}

/// Two schedules are equal if they were written alike and their zone has the same rules.
impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression && self.zone == other.zone && self.dst == other.dst
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("expression", &self.expression)
            .field("zone", &self.zone())
            .field("dst", &self.dst)
            .finish_non_exhaustive()
    }
}

impl ScheduleError {
    fn new(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into(), help: None }
    }

    fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span: Some(span), message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ScheduleError {}
