//! From the wall clock to instants: what daylight saving does to a schedule.
//!
//! There are two readings, and each is one sentence about the wall clock.
//!
//! * *Every pass*: a run comes whenever the wall clock shows a time of the schedule. So a time in a gap is
//!   skipped, a time in a repeated hour comes twice, and `*/20` keeps its twenty minutes of elapsed time.
//! * *First pass*: a run comes whenever the highest time that the wall clock has ever shown rises to, or
//!   jumps over, a time of the schedule. So all times in a gap come together at its end, once, and
//!   in a repeated hour nothing comes, as the mark does not rise.
//!
//! `dst = "literal"` is every pass; `dst = "once"` is first pass for fixed times and every pass for
//! wildcards. Nothing here knows how long a gap is, at which hour it lies, or why it is there: half an hour
//! on Lord Howe, midnight in Beirut, and the whole day that Apia left out are all the same.

use super::wall::Matcher;
use super::zone::{OFFSET_MAX, Zone};
use crate::limits::CLOCK_CHANGES_WALKED_MAX;

/// How a schedule reads the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    EveryPass,
    FirstPass,
}

/// The first run strictly after `after`.
pub(super) fn next(reading: Reading, zone: &Zone, wall: &Matcher, after: i64) -> Option<i64> {
    match reading {
        Reading::EveryPass => next_of_every_pass(zone, wall, after),
        Reading::FirstPass => next_of_first_pass(zone, wall, after),
    }
}

fn next_of_every_pass(zone: &Zone, wall: &Matcher, after: i64) -> Option<i64> {
    let mut start = after.checked_add(1)?;
    let mut stretch = zone.stretch(start)?;
    // There is no match between these two on the wall clock.
    let mut searched_from = start + stretch.offset - 1;
    let mut next = wall.next(searched_from)?;
    for _ in 0..CLOCK_CHANGES_WALKED_MAX {
        let found = next - stretch.offset;
        if found < stretch.end {
            return Some(found);
        }
        start = stretch.end;
        stretch = zone.stretch(start)?;
        let before = start + stretch.offset - 1;
        if before < searched_from || before >= next {
            searched_from = before;
            next = wall.next(before)?;
        }
    }
    None
}

fn next_of_first_pass(zone: &Zone, wall: &Matcher, after: i64) -> Option<i64> {
    let next = wall.next(zone.high_water(after)?)?;
    // Now the first instant at which the wall clock shows `next` or more. It cannot be before this one:
    let mut start = after.checked_add(1)?.max(next - OFFSET_MAX);
    for _ in 0..CLOCK_CHANGES_WALKED_MAX {
        let stretch = zone.stretch(start)?;
        let found = start.max(next - stretch.offset);
        if found < stretch.end {
            return Some(found);
        }
        start = stretch.end;
    }
    None
}
