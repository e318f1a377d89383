//! Time: the zone, the rules of all zones, and whether the clock can be right.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::check::{Check, Group};
use super::survey::{Site, Survey};

/// This program was not made before.
const NOT_BEFORE: i64 = 1_767_225_600;

/// Where distributions keep the rules of zones.
const RULES: &str = "/usr/share/zoneinfo";

pub(super) fn group(survey: &Survey) -> Group {
    Group::new("Time", vec![clock(Timestamp::now(), survey.site), zone(), rules()])
}

fn clock(now: Timestamp, site: Site) -> Check {
    let shown = now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    if now.as_second() >= NOT_BEFORE {
        return Check::yes("clock", shown);
    }
    let check = Check::degraded("clock", format!("{shown} cannot be right: cronjobs start at wrong times"));
    match site {
        Site::Machine => check.remedy("a unit that sets it, by the network or a clock with a battery"),
        Site::Container | Site::Host => check.remedy("the machine's clock, set right"),
    }
}

fn zone() -> Check {
    let zone = TimeZone::system();
    let name = zone.iana_name().map_or_else(|| "one without a name".to_owned(), str::to_owned);
    match zone.is_unknown() {
        true => Check::yes("time zone", "UTC, as nothing says otherwise"),
        false => Check::yes("time zone", name),
    }
}

fn rules() -> Check {
    match Path::new(RULES).is_dir() {
        true => Check::yes("zone rules", format!("the system's, in {RULES}; else those built in")),
        false => Check::yes("zone rules", "those built into supd"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn a_clock_that_begins_in_1970_is_not_right() {
        let at = |second| clock(Timestamp::from_second(second).unwrap(), Site::Machine);
        assert_eq!(at(12).status, Status::Degraded);
        assert!(at(12).means.starts_with("1970-01-01 00:00:12 UTC cannot be right"));
        assert_eq!(at(NOT_BEFORE).status, Status::Yes);
    }
}
