//! A time zone: its name, its offsets, and how it writes an instant.
//!
//! Read once, when a unit is loaded, from the host's zone files or else from the copy in the binary; a
//! change on disk, and of `/etc/localtime`, is noticed at the next load.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::ScheduleError;

/// No zone is this far from UTC, in seconds.
pub(super) const OFFSET_MAX: i64 = 26 * 3_600;
/// Longest part of a zone's name between slashes, in Kubernetes (CRN-013) and in the database.
const PART_BYTES_MAX: usize = 14;
/// Changes of the clock that can lie within two offsets of an instant, generously.
const CHANGES_NEAR_MAX: usize = 8;

/// A zone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Zone {
    rules: TimeZone,
    written: Option<String>,
}

/// A stretch of time during which the offset stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// Its wall clock minus UTC.
    pub(super) offset: i64,
    /// The first instant after it.
    pub(super) end: i64,
}

/// An instant at which the wall clock may jump.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) at: i64,
    /// What the wall clock would show at it with the offset before it, and
    pub(super) wall_before: i64,
    /// what it shows. More: the times between do not exist. Less: they come twice.
    pub(super) wall_after: i64,
}

impl Zone {
    /// The zone of this IANA name, or the host's.
    pub(super) fn find(name: Option<&str>) -> Result<Self, ScheduleError> {
        let Some(name) = name else {
            return Ok(Self { rules: TimeZone::system(), written: None });
        };
        if name.is_empty() {
            return Err(ScheduleError::new("the time zone is empty")
                .help("write one as `Europe/Berlin`, or leave `time_zone` out for the host's"));
        }
        if name.eq_ignore_ascii_case("local") {
            return Err(ScheduleError::new(format!("`{name}` is not a time zone"))
                .help("leave `time_zone` out for the host's"));
        }
        let rules = if is_well_formed(name) { load(name) } else { None };
        match rules {
            Some(rules) if rules.iana_name().is_none_or(|known| known == name) && !rules.is_unknown() => {
                Ok(Self { rules, written: Some(name.to_owned()) })
            }
            _ => {
                let error = ScheduleError::new(format!("`{name}` is not a time zone"));
                Err(match suggestion(name) {
                    Some(known) => error.help(format!("did you mean `{known}`?")),
                    None => error.help("write an IANA name, as `Europe/Berlin` or `UTC`"),
                })
            }
        }
    }

    /// Its name as written.
    pub(super) fn written(&self) -> Option<&str> {
        self.written.as_deref()
    }

    /// The stretch that an instant lies in; nothing outside the years -9999 to 9999.
    pub(super) fn stretch(&self, at: i64) -> Option<Stretch> {
        let instant = Timestamp::from_second(at).ok()?;
        let end = self.rules.following(instant).next().map_or(i64::MAX, |next| next.timestamp().as_second());
        Some(Stretch { offset: i64::from(self.rules.to_offset(instant).seconds()), end })
    }

    /// What the wall clock shows at an instant.
    pub(super) fn wall(&self, at: i64) -> Option<i64> {
        let instant = Timestamp::from_second(at).ok()?;
        Some(at + i64::from(self.rules.to_offset(instant).seconds()))
    }

    /// The latest time that the wall clock has shown up to an instant: in a repeated hour it stays at that
    /// hour's end.
    pub(super) fn high_water(&self, at: i64) -> Option<i64> {
        let mut mark = self.wall(at)?;
        // What was shown longer ago than two offsets cannot be later than what is shown now.
        for change in self.changes_until(at).take_while(|change| change.at > at - 2 * OFFSET_MAX) {
            mark = mark.max(change.wall_before - 1);
        }
        Some(mark)
    }

    /// The last changes up to and at an instant, the latest one first; no more than a few.
    pub(super) fn changes_until(&self, at: i64) -> impl Iterator<Item = Change> {
        let after = at.checked_add(1).and_then(|after| Timestamp::from_second(after).ok());
        let changes = after.into_iter().flat_map(|after| self.rules.preceding(after));
        changes.take(CHANGES_NEAR_MAX).filter_map(|change| self.change(change.timestamp().as_second()))
    }

    /// The changes after `from` up to and at `until`, in order.
    pub(super) fn changes_between(&self, from: i64, until: i64) -> impl Iterator<Item = Change> {
        let from = Timestamp::from_second(from).ok();
        let changes = from.into_iter().flat_map(|from| self.rules.following(from));
        let instants = changes.map(|change| change.timestamp().as_second());
        instants.take_while(move |at| *at <= until).filter_map(|at| self.change(at))
    }

    fn change(&self, at: i64) -> Option<Change> {
        Some(Change { at, wall_before: self.wall(at - 1)? + 1, wall_after: self.wall(at)? })
    }

    /// RFC 3339 with the zone's offset: `2026-11-23T02:30:00+01:00`, `Z` where that is zero.
    pub(super) fn format(&self, at: i64) -> String {
        let (Some(wall), Some(civil)) = (self.wall(at), self.wall(at).and_then(civil)) else {
            return format!("@{at}");
        };
        let offset = wall - at;
        let sign = if offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.abs() / 3_600, offset.abs() / 60 % 60);
        let date_time = civil.strftime("%Y-%m-%dT%H:%M:%S");
        if offset == 0 {
            format!("{date_time}Z")
        } else {
            format!("{date_time}{sign}{hours:02}:{minutes:02}")
        }
    }
}

/// The date and time that a wall clock shows.
pub(super) fn civil(wall: i64) -> Option<DateTime> {
    Some(TimeZone::UTC.to_datetime(Timestamp::from_second(wall).ok()?))
}

/// The host may have only some of the zones, or damaged files; the binary has all of them.
fn load(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).ok()
}

/// Whether a name may be looked up at all: it is nearly a path.
fn is_well_formed(name: &str) -> bool {
    let in_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    name.split('/').all(|part| {
        !matches!(part, "" | "." | "..")
            && part.len() <= PART_BYTES_MAX
            && !part.starts_with('-')
            && part.bytes().all(in_part)
    })
}

/// The known name that somebody probably meant.
fn suggestion(name: &str) -> Option<String> {
    let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '-'], "_");
    let wanted = plain(name);
    let wanted_city = wanted.rsplit('/').next().unwrap_or(&wanted);
    let mut best: Option<(usize, String)> = None;
    // The names of places come before the old ones, such as `Cuba`, that the database keeps for ever.
    for known in TimeZoneDatabase::bundled().available() {
        let known = known.as_str();
        let candidate = plain(known);
        let city = candidate.rsplit('/').next().unwrap_or(&candidate);
        let far = if candidate == wanted {
            0
        } else if city == wanted_city {
            1
        } else {
            let far = distance(&candidate, &wanted);
            let near_enough = far <= 2 && far * 3 <= wanted.len();
            if near_enough { 1 + far } else { continue }
        };
        if best.as_ref().is_none_or(|(least, _)| far < *least) {
            best = Some((far, known.to_owned()));
        }
    }
    best.map(|(_, known)| known)
}

/// How many letters to insert, drop or replace to get from one text to the other. Long texts are far.
fn distance(one: &str, other: &str) -> usize {
    const BYTES_MAX: usize = 64;
    if one.len().max(other.len()) > BYTES_MAX {
        return BYTES_MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, left) in one.bytes().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (place, right) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (one, other, far) in
            [("", "", 0), ("", "ab", 2), ("berlin", "berlin", 0), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), far, "{one} {other}");
            assert_eq!(distance(other, one), far, "{other} {one}");
        }
    }

    #[test]
    fn suggestions_know_cities_case_and_slips() {
        for (name, known) in [
            ("europe/berlin", Some("Europe/Berlin")),
            ("Berlin", Some("Europe/Berlin")),
            ("Europe/Berln", Some("Europe/Berlin")),
            ("New York", Some("America/New_York")),
            ("America/New-York", Some("America/New_York")),
            ("utc", Some("UTC")),
            ("Mars/Olympus", None),
            ("XX", None),
        ] {
            assert_eq!(suggestion(name).as_deref(), known, "{name}");
        }
    }

    #[test]
    fn the_high_water_mark_stands_still_in_a_repeated_hour() {
        let zone = Zone::find(Some("Europe/Berlin")).unwrap();
        let back: i64 = "2026-10-25T01:00:00Z".parse::<Timestamp>().unwrap().as_second();
        let three: i64 = "2026-10-25T03:00:00Z".parse::<Timestamp>().unwrap().as_second();
        assert_eq!(zone.high_water(back - 1), Some(three - 1));
        assert_eq!(zone.high_water(back), Some(three - 1));
        assert_eq!(zone.high_water(back + 3_599), Some(three - 1));
        assert_eq!(zone.high_water(back + 3_600), Some(three));
    }
}
