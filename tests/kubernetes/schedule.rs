//! CRN: the rest of the grammar of schedules. Most of it is in `tests/calendar_rules.rs`.

use jiff::Timestamp;
use supd::unit::calendar::{Dst, Schedule};

use crate::load;

fn times(expression: &str, zone: &str, from: &str, dst: Dst) -> Vec<String> {
    let schedule = Schedule::parse(expression, Some(zone), dst).unwrap();
    let from = from.parse::<Timestamp>().unwrap().as_second();
    schedule.upcoming(from, 3).iter().map(|time| schedule.format(time.at)).collect()
}

#[test]
fn crn_015_literally_a_time_that_is_left_out_is_skipped() {
    let expected = ["2026-03-28T02:30:00+01:00", "2026-03-30T02:30:00+02:00", "2026-03-31T02:30:00+02:00"];
    assert_eq!(times("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", Dst::Literal), expected);
}

#[test]
fn crn_016_literally_a_repeated_time_runs_twice() {
    let expected = ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00"];
    assert_eq!(times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", Dst::Literal), expected);
}

#[test]
fn crn_015_016_a_unit_asks_for_it_by_name() {
    let text = |dst: &str| format!("exec = ['/x']\n[cron]\nschedule = '30 2 * * *'\ndst = '{dst}'");
    assert!(load("c", &text("literal")).is_ok() && load("c", &text("once")).is_ok());
    assert!(load("c", &text("twice")).is_err());
}

#[test]
fn crn_018_changes_of_half_an_hour_and_a_day_left_out() {
    // Lord Howe goes back by half an hour, at 02:00 to 01:30.
    let howe = times("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T16:00:00Z", Dst::Literal);
    assert_eq!(howe, ["2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30", "2026-04-06T01:45:00+10:30"]);
    // Apia had no 30 December 2011.
    let apia = times("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", Dst::Literal);
    assert!(apia[0].starts_with("2012-12-30T12:00:00"), "{apia:?}");
}
