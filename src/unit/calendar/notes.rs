//! What `supctl calendar` says beside a time: that it comes twice, or that another one did not exist.

use super::dst::Reading;
use super::wall::Matcher;
use super::zone::{Change, OFFSET_MAX, Zone, civil};
use crate::limits::CLOCK_CHANGES_WALKED_MAX;

/// Skipped times that are written out; the rest is counted in words.
const SKIPPED_SHOWN_MAX: usize = 3;

/// What is remarkable about the run at `at`, which is the first one after `previous`.
pub(super) fn note(reading: Reading, zone: &Zone, wall: &Matcher, previous: i64, at: i64) -> Option<String> {
    let changes = zone.changes_between(previous, at).take(CLOCK_CHANGES_WALKED_MAX);
    let skipped: Vec<String> = changes.filter_map(|change| skipped(reading, wall, &change, at)).collect();
    let twice = repeated(reading, zone, at);
    let all: Vec<String> = skipped.into_iter().chain(twice).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// The times of the schedule that a change of the clock left out.
fn skipped(reading: Reading, wall: &Matcher, change: &Change, at: i64) -> Option<String> {
    let mut times = Vec::new();
    let mut last = change.wall_before - 1;
    while let Some(next) = wall.next(last).filter(|next| *next < change.wall_after) {
        last = next;
        if times.len() == SKIPPED_SHOWN_MAX {
            times.push("more".to_owned());
            break;
        }
        times.push(civil(next)?.strftime(if next % 60 == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string());
    }
    let date = civil(last)?.strftime("%Y-%m-%d");
    let (verb, act) = if times.len() > 1 { ("do", "they run once") } else { ("does", "it runs") };
    let times = super::words::list(&times)?;
    Some(match reading {
        Reading::EveryPass => format!("skipped: {times} {verb} not exist on {date}"),
        // The end of a gap that holds a time is itself a run.
        Reading::FirstPass if change.at == at => {
            format!("{times} {verb} not exist on {date}: {act} right after the gap")
        }
        Reading::FirstPass => return None,
    })
}

/// Whether the wall clock shows the time of `at` once more, later or earlier.
fn repeated(reading: Reading, zone: &Zone, at: i64) -> Option<String> {
    let wall = zone.wall(at)?;
    let within = |change: &Change| change.wall_after <= wall && wall < change.wall_before;
    let first = zone.changes_between(at, at + OFFSET_MAX).any(|change| within(&change));
    let mut before = zone.changes_until(at).take_while(|change| change.at > at - OFFSET_MAX);
    let second = before.any(|change| within(&change));
    let time = civil(wall)?.strftime("%H:%M");
    match reading {
        Reading::FirstPass => first.then(|| format!("{time} comes twice: it runs the first time only")),
        Reading::EveryPass if first => Some(format!("{time} comes twice: first of two")),
        Reading::EveryPass => second.then(|| format!("{time} comes twice: second of two")),
    }
}
