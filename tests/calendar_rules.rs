//! Promise: a schedule is read as Kubernetes reads it, rule by rule (CRN-001 to CRN-018), and where supd
//! goes further or stops short, this is where it says so.
//!
//! Each test is named after its rule. Times are UTC unless a test is about zones.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use supd::unit::calendar::{Dst, Missed, Schedule, ScheduleError};

/// A Monday.
const FROM: &str = "2026-11-23T12:00:00Z";

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

fn parse(expression: &str) -> Result<Schedule, ScheduleError> {
    Schedule::parse(expression, Some("UTC"), Dst::Once)
}

/// The next times after [`FROM`].
fn times(expression: &str, count: usize) -> Vec<String> {
    times_from(expression, FROM, count)
}

fn times_from(expression: &str, from: &str, count: usize) -> Vec<String> {
    let schedule = parse(expression).unwrap_or_else(|error| panic!("`{expression}`: {error}"));
    schedule.upcoming(at(from), count).iter().map(|time| schedule.format(time.at)).collect()
}

/// Both expressions have the same next times.
fn same(one: &str, other: &str) {
    assert_eq!(times(one, 40), times(other, 40), "`{one}` and `{other}`");
}

/// The days of November and December 2026 on which a daily schedule comes.
fn days(date_and_day: &str) -> Vec<String> {
    let (date, day) = date_and_day.split_once(' ').unwrap();
    let expression = format!("0 0 {date} * {day}");
    let short = |time: String| time[5..10].to_owned();
    let until = |time: &String| time.as_str() < "2026-12-16";
    times_from(&expression, "2026-11-30T23:59:59Z", 31).into_iter().take_while(until).map(short).collect()
}

/// Refused, with this text marked and these words in the message or the help.
fn refused(cases: &[(&str, &str, &str)]) {
    for (expression, marked, words) in cases {
        let error = parse(expression).expect_err(expression);
        let span = error.span.clone().unwrap_or_else(|| panic!("`{expression}` has a span"));
        assert_eq!(&expression[span], *marked, "`{expression}`: {error}");
        let all = format!("{} | {}", error.message, error.help.unwrap_or_default());
        assert!(all.contains(words), "`{expression}`: {all}");
    }
}

#[test]
fn crn_001_five_fields_and_their_ranges() {
    assert_eq!(times("30 14 * * *", 2), ["2026-11-23T14:30:00Z", "2026-11-24T14:30:00Z"]);
    assert_eq!(times("  30\t14  * * * ", 1), ["2026-11-23T14:30:00Z"]);
    assert_eq!(times("59 23 31 12 *", 1), ["2026-12-31T23:59:00Z"]);
    assert_eq!(times("0 0 1 1 0", 1), ["2027-01-01T00:00:00Z"]);
    refused(&[
        ("60 * * * *", "60", "minute 60 is out of range 0-59"),
        ("* 24 * * *", "24", "hour 24 is out of range 0-23"),
        ("* * 32 * *", "32", "day of month 32 is out of range 1-31"),
        ("* * 0 * *", "0", "day of month 0 is out of range 1-31"),
        ("* * * 13 *", "13", "month 13 is out of range 1-12"),
        ("* * * 0 *", "0", "month 0 is out of range 1-12"),
        ("* * * * 8", "8", "day of week 8 is out of range 0-7"),
        ("0 0 1,15,32 * *", "32", "day of month 32"),
        ("99999999999999999999 * * * *", "99999999999999999999", "out of range 0-59"),
        ("x * * * *", "x", "`x` is not a minute"),
        ("* * * *", "* * * *", "4 fields are given"),
        ("5", "5", "1 field is given"),
        ("0 * * * * * 2026", "0 * * * * * 2026", "a year cannot be given"),
        ("", "", "the schedule is empty"),
        ("  ", "  ", "the schedule is empty"),
    ]);
}

/// Ours on purpose: six fields, seconds first. Kubernetes refuses them, so we can tell.
#[test]
fn crn_001_six_fields_begin_with_seconds() {
    assert_eq!(times("15,45 30 14 * * *", 2), ["2026-11-23T14:30:15Z", "2026-11-23T14:30:45Z"]);
    assert_eq!(times("*/20 * * * * *", 2), ["2026-11-23T12:00:20Z", "2026-11-23T12:00:40Z"]);
    same("0 30 14 * * *", "30 14 * * *");
    let (five, six) = (parse("30 14 * * *").unwrap(), parse("0 30 14 * * *").unwrap());
    assert!(!five.has_seconds() && six.has_seconds());
    assert_eq!(five.beyond_kubernetes(), None);
    assert!(six.beyond_kubernetes().unwrap().contains("six fields"));
    refused(&[
        ("60 * * * * *", "60", "second 60 is out of range 0-59"),
        ("0 0 24 * * *", "24", "hour 24 is out of range 0-23"),
    ]);
}

/// Ours on purpose: 7 is Sunday too. What Kubernetes accepts keeps its meaning, so `n/step` ends at 6.
#[test]
fn crn_002_seven_is_sunday() {
    same("0 0 * * 7", "0 0 * * sun");
    same("0 0 * * 5-7", "0 0 * * fri,sat,sun");
    same("0 0 * * 0-7", "0 0 * * *");
    same("0 0 * * 1-7/2", "0 0 * * 1,3,5,0");
    same("0 0 * * 7/3", "0 0 * * 0");
    same("0 0 * * 5/2", "0 0 * * 5");
    assert!(parse("0 0 * * 7").unwrap().beyond_kubernetes().unwrap().contains("Sunday"));
    assert_eq!(parse("0 0 * * 0").unwrap().beyond_kubernetes(), None);
}

#[test]
fn crn_003_items() {
    same("0 0,6,12 * * *", "0 12,0,6,6 * * *");
    same("0 8-10 * * *", "0 8,9,10 * * *");
    same("10-40/15 * * * *", "10,25,40 * * * *");
    same("50/4 * * * *", "50,54,58 * * * *");
    same("? ? ? ? ?", "* * * * *");
    same("?/15 * * * *", "*/15 * * * *");
    same("1,10-12,40/10 * * * *", "1,10,11,12,40,50 * * * *");
    refused(&[
        ("1-2-3 * * * *", "1-2-3", "more than one hyphen"),
        ("1/2/3 * * * *", "2/3", "more than one step"),
        ("-5 * * * *", "-5", "lacks an end"),
        ("5- * * * *", "5-", "lacks an end"),
        ("*/ * * * *", "/", "lacks its step"),
        ("*/x * * * *", "x", "`x` is not a step"),
        ("*/-2 * * * *", "-2", "`-2` is not a step"),
        ("*5 * * * *", "5", "`*` stands for every value"),
        ("1.5 * * * *", "1.5", "is not a minute"),
        ("* * L * *", "L", "have no meaning here"),
        ("* * * * 5#2", "5#2", "have no meaning here"),
    ]);
}

#[test]
fn crn_004_names_have_three_letters() {
    same("0 0 * * Mon-Fri", "0 0 * * 1-5");
    same("0 0 * * MON/2", "0 0 * * 1,3,5");
    same("0 0 1 jan,JUL *", "0 0 1 1,7 *");
    same("0 0 1 feb-aug/3 *", "0 0 1 2,5,8 *");
    refused(&[
        ("* * * * Monday", "Monday", "`mon`"),
        ("* * * january *", "january", "`jan`"),
        ("* * * * mo", "mo", "is not a day of week"),
        ("* * * foo *", "foo", "from jan to dec"),
        ("mon * * * *", "mon", "`mon` is a day of week"),
        ("* * * mon *", "mon", "`mon` is a day of week"),
        ("* * * * \u{e9}t\u{e9}", "\u{e9}t\u{e9}", "is not a day of week"),
    ]);
}

#[test]
fn crn_005_ranges_ascend_and_steps_are_positive() {
    refused(&[
        ("* * * * FRI-MON", "FRI-MON", "write `FRI-sat,sun-MON`"),
        ("* * * * fri-sun", "fri-sun", "write `fri-sat,sun`"),
        ("* * * * sat-mon", "sat-mon", "write `sat,sun-mon`"),
        ("* 22-2 * * *", "22-2", "write `22-23,0-2`"),
        ("*/0 * * * *", "0", "at least 1"),
    ]);
    same("5-5 * * * *", "5 * * * *");
    same("*/90 * * * *", "0 * * * *");
    same("10-20/99999999999 * * * *", "10 * * * *");
    let warnings = parse("*/90 * * * *").unwrap().warnings();
    assert!(warnings[0].contains("leaves only minute 0"), "{warnings:?}");
    assert_eq!(parse("*/30 * * * *").unwrap().warnings(), [""; 0]);
}

#[test]
fn crn_006_steps_count_from_the_start_of_the_range() {
    same("*/7 * * * *", "0,7,14,21,28,35,42,49,56 * * * *");
    let days: Vec<String> = times("0 0 */2 * *", 5).into_iter().map(|time| time[5..10].to_owned()).collect();
    assert_eq!(days, ["11-25", "11-27", "11-29", "12-01", "12-03"]);
    same("0 0 1 */5 *", "0 0 1 1,6,11 *");
}

/// Followed: leading zeros, a leading plus, empty items (with a warning). Not followed, because it would
/// not do what was meant: text after `*-`, and a field of only commas, which never matches.
#[test]
fn crn_007_tolerated_oddities() {
    same("05 08 09 01 *", "5 8 9 1 *");
    same("+5 +8 * * *", "5 8 * * *");
    same("*/+5 * * * *", "*/5 * * * *");
    same("1,,2 * * * *", "1,2 * * * *");
    same("1, * * * *", "1 * * * *");
    same(",1 * * * *", "1 * * * *");
    let warnings = parse("1,,2 * * * *").unwrap().warnings();
    assert!(warnings[0].contains("empty item"), "{warnings:?}");
    refused(&[
        ("*-foo * * * *", "-foo", "`*` stands for every value"),
        ("0 ,, * * *", ",,", "no value"),
        ("++5 * * * *", "++5", "is not a minute"),
        ("+ * * * *", "+", "is not a minute"),
    ]);
}

#[test]
fn crn_008_one_day_field_is_enough_if_neither_is_a_star() {
    assert_eq!(days("13 fri"), ["12-04", "12-11", "12-13"]);
    assert_eq!(days("* fri"), ["12-04", "12-11"]);
    assert_eq!(days("13 *"), ["12-13"]);
    assert_eq!(days("13 ?"), ["12-13"]);
    assert_eq!(days("1-31 fri").len(), 15);
    assert_eq!(days("13 0-6").len(), 15);
    for expression in ["0 0 13 * fri", "0 0 0 13 * fri"] {
        let warnings = parse(expression).unwrap().warnings();
        assert_eq!(warnings.len(), 1, "{expression}");
        assert!(warnings[0].contains("either"), "{warnings:?}");
        assert!(!warnings[0].contains("Vixie"), "{warnings:?}");
    }
    for expression in ["0 0 * * fri", "0 0 13 * *", "0 0 ? * fri", "* * * * *", "0 0 1-31 * 0-6"] {
        assert_eq!(parse(expression).unwrap().warnings(), [""; 0], "{expression}");
    }
}

#[test]
fn crn_009_a_stepped_star_is_no_star() {
    assert_eq!(days("*/5 fri"), ["12-01", "12-04", "12-06", "12-11"]);
    assert_eq!(days("13 */5"), ["12-04", "12-06", "12-11", "12-13"]);
    assert_eq!(days("*/1 fri"), ["12-04", "12-11"]);
    assert_eq!(days("*,5 fri"), ["12-04", "12-11"]);
    assert_eq!(days("5,* fri"), ["12-04", "12-11"]);
    for expression in ["0 0 */5 * fri", "0 0 13 * */5", "0 0 5,* * fri"] {
        let warnings = parse(expression).unwrap().warnings();
        assert!(warnings[0].contains("Vixie"), "{expression}: {warnings:?}");
    }
    for expression in ["0 0 */1 * fri", "0 0 *,5 * fri", "0 0 */2 * *"] {
        assert_eq!(parse(expression).unwrap().warnings(), [""; 0], "{expression}");
    }
}

#[test]
fn crn_010_macros() {
    same("@yearly", "0 0 1 1 *");
    same("@annually", "0 0 1 1 *");
    same("@monthly", "0 0 1 * *");
    same("@weekly", "0 0 * * 0");
    same("@daily", "0 0 * * *");
    same("@midnight", "0 0 * * *");
    same("@hourly", "0 * * * *");
    refused(&[
        ("@reboot", "@reboot", "at_boot"),
        ("@Daily", "@Daily", "did you mean `@daily`?"),
        (" @daily", " @daily", "no white space"),
        ("@daily ", "@daily ", "no white space"),
        ("@fortnightly", "@fortnightly", "macros are @yearly"),
        ("@", "@", "macros are @yearly"),
    ]);
}

#[test]
fn crn_011_every_counts_from_the_reference() {
    let schedule = parse("@every 1h30m").unwrap();
    assert_eq!(schedule.next_after(1_000), Some(6_400));
    assert_eq!(schedule.next_after(6_400), Some(11_800));
    assert!(!schedule.has_seconds());
    assert!(parse("@every 20s").unwrap().has_seconds());
    for short in ["@every 0", "@every -5m", "@every 10ms"] {
        let schedule = parse(short).unwrap();
        assert_eq!(schedule.next_after(5), Some(6), "{short}");
        assert!(schedule.warnings()[0].contains("every second"), "{short}");
    }
    refused(&[
        ("@every", "@every", "as in `@every 1h30m`"),
        ("@every ", "", "needs a duration"),
        ("@every 1d", "d", "a day is `24h`"),
        ("@every 90", "90", "did you mean `90s`?"),
        ("@every  5s", " ", "is not a duration"),
        ("@Every 5s", "@Every 5s", "as in `@every 1h30m`"),
    ]);
}

#[test]
fn crn_012_a_zone_is_not_part_of_the_schedule() {
    refused(&[
        ("TZ=Europe/Berlin 0 0 * * *", "TZ=Europe/Berlin", "time_zone = \"Europe/Berlin\""),
        ("CRON_TZ=UTC @daily", "CRON_TZ=UTC", "time_zone = \"UTC\""),
    ]);
}

#[test]
fn crn_013_zones() {
    for zone in ["UTC", "Europe/Berlin", "America/Argentina/ComodRivadavia", "Etc/GMT+5", "US/Eastern"] {
        let schedule = Schedule::parse("0 0 * * *", Some(zone), Dst::Once).unwrap();
        assert_eq!(schedule.zone(), Some(zone));
    }
    for (zone, words) in [
        ("", "empty"),
        ("Local", "for the host's"),
        ("LOCAL", "for the host's"),
        ("Mars/Phobos", "IANA name"),
        ("europe/berlin", "did you mean `Europe/Berlin`?"),
        ("Berlin", "did you mean `Europe/Berlin`?"),
        ("America/NewYork", "did you mean `America/New_York`?"),
        ("../Europe/Berlin", "not a time zone"),
        ("/etc/localtime", "not a time zone"),
        ("Europe//Berlin", "not a time zone"),
        ("-Europe/Berlin", "not a time zone"),
        ("Etc/Unknown", "not a time zone"),
        ("Europe/Berlin\0", "not a time zone"),
    ] {
        let error = Schedule::parse("0 0 * * *", Some(zone), Dst::Once).expect_err(zone);
        assert_eq!(error.span, None, "{zone}");
        let all = format!("{} | {}", error.message, error.help.unwrap_or_default());
        assert!(all.contains(words), "{zone}: {all}");
    }
    let host = Schedule::parse("0 0 * * *", None, Dst::Once).unwrap();
    assert_eq!(host.zone(), None);
    assert!(host.next_after(0).is_some());
}

/// Further than Kubernetes' five years: whatever ever comes is found.
#[test]
fn crn_014_never_and_the_look_ahead() {
    for never in ["59 23 31 2 *", "0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 4 ?"] {
        let schedule = parse(never).unwrap();
        assert_eq!(schedule.next_after(at(FROM)), None, "{never}");
        assert_eq!(schedule.missed(0, at(FROM), 100), Missed::default(), "{never}");
        assert!(schedule.warnings()[0].contains("never comes"), "{never}");
    }
    // The other day field saves it.
    assert_eq!(times("0 0 31 2 fri", 1), ["2027-02-05T00:00:00Z"]);
    assert_eq!(times("0 0 29 2 *", 2), ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]);
    let leap = |from| times_from("0 0 29 2 *", from, 1);
    assert_eq!(leap("2096-02-28T23:59:59Z"), ["2096-02-29T00:00:00Z"]);
    assert_eq!(leap("2096-02-29T00:00:00Z"), ["2104-02-29T00:00:00Z"]);
    assert_eq!(leap("1896-02-29T00:00:00Z"), ["1904-02-29T00:00:00Z"]);
    assert_eq!(times_from("30 2 * * mon", "2299-12-31T12:00:00Z", 1), ["2300-01-01T02:30:00Z"]);
    assert_eq!(times_from("30 2 * * *", "2098-12-31T12:00:00Z", 1), ["2099-01-01T02:30:00Z"]);
    assert_eq!(times_from("@daily", "1970-01-01T00:00:00Z", 1), ["1970-01-02T00:00:00Z"]);
    assert_eq!(times_from("@daily", "2038-01-19T03:14:08Z", 1), ["2038-01-20T00:00:00Z"]);
    for far in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
        assert_eq!(parse("* * * * *").unwrap().next_after(far), None);
        assert_eq!(parse("* * * * *").unwrap().format(far), format!("@{far}"));
    }
    assert_eq!(parse("@every 1h").unwrap().next_after(i64::MAX), None);
}

#[test]
fn crn_017_strictly_later() {
    assert_eq!(times_from("0 12 * * *", "2026-11-23T11:59:59Z", 1), ["2026-11-23T12:00:00Z"]);
    assert_eq!(times_from("0 12 * * *", "2026-11-23T12:00:00Z", 1), ["2026-11-24T12:00:00Z"]);
    let schedule = Schedule::parse("30 2 * * *", Some("Europe/Berlin"), Dst::Once).unwrap();
    let next = schedule.next_after(at(FROM)).unwrap();
    assert_eq!(schedule.format(next), "2026-11-24T02:30:00+01:00");
}

#[test]
fn crn_018_a_date_that_a_zone_left_out() {
    for (dst, expected) in
        [(Dst::Literal, "2012-12-30T00:00:00+14:00"), (Dst::Once, "2011-12-31T00:00:00+14:00")]
    {
        let schedule = Schedule::parse("0 0 30 12 *", Some("Pacific/Apia"), dst).unwrap();
        let next = schedule.next_after(at("2011-12-29T00:00:00Z")).unwrap();
        assert_eq!(schedule.format(next), expected, "{dst:?}");
    }
}

#[test]
fn cjb_002_the_most_recent_of_the_missed() {
    let hourly = parse("0 * * * *").unwrap();
    let (from, until) = (at("2026-11-23T09:00:00Z"), at("2026-11-23T12:00:00Z"));
    let missed = |after, until, cap| hourly.missed(after, until, cap);
    // Strictly after the reference (CJB-003), now included.
    assert_eq!(missed(from, until, 100), Missed { last: Some(until), count: 3, capped: false });
    assert_eq!(missed(from, until - 1, 100).last, Some(until - 3_600));
    assert_eq!(missed(until, until, 100), Missed::default());
    assert_eq!(missed(until, from, 100), Missed::default());
    assert_eq!(missed(from, until, 3), Missed { last: Some(until), count: 3, capped: false });
    assert_eq!(missed(from, until, 2), Missed { last: Some(until), count: 2, capped: true });
    assert_eq!(missed(from, until, 0), Missed { last: Some(until), count: 0, capped: true });
}

#[test]
fn cjb_004_ten_years_of_missed_seconds_are_no_work() {
    let until = at("2036-11-23T12:00:07Z");
    for (expression, last) in [
        ("* * * * * *", "2036-11-23T12:00:07Z"),
        ("* * * * *", "2036-11-23T12:00:00Z"),
        ("30 2 * * *", "2036-11-23T02:30:00Z"),
        ("0 0 13 * fri", "2036-11-21T00:00:00Z"),
    ] {
        let missed = parse(expression).unwrap().missed(at(FROM), until, 100);
        assert_eq!(missed, Missed { last: Some(at(last)), count: 100, capped: true }, "{expression}");
    }
    let missed = parse("0 0 29 2 *").unwrap().missed(at(FROM), until, 100);
    assert_eq!(missed, Missed { last: Some(at("2036-02-29T00:00:00Z")), count: 3, capped: false });
    // Nothing overflows, even if the clock was never set.
    assert!(parse("* * * * *").unwrap().missed(0, i64::MAX, 1).capped);
}

#[test]
fn cjb_002_missed_intervals_are_counted_from_the_reference() {
    let schedule = parse("@every 40s").unwrap();
    assert_eq!(schedule.missed(1_000, 1_039, 100), Missed::default());
    assert_eq!(schedule.missed(1_000, 1_040, 100), Missed { last: Some(1_040), count: 1, capped: false });
    assert_eq!(schedule.missed(1_000, 5_000, 100), Missed { last: Some(5_000), count: 100, capped: false });
    assert_eq!(schedule.missed(1_000, 5_079, 100), Missed { last: Some(5_040), count: 100, capped: true });
    assert_eq!(schedule.missed(5_000, 1_000, 100), Missed::default());
}

#[test]
fn equal_schedules_were_written_alike() {
    let base = parse("0 0 * * *").unwrap();
    assert_eq!(base, base.clone());
    assert_ne!(base, parse("0 1 * * *").unwrap());
    assert_ne!(base, Schedule::parse("0 0 * * *", Some("Europe/Berlin"), Dst::Once).unwrap());
    assert_ne!(base, Schedule::parse("0 0 * * *", Some("UTC"), Dst::Literal).unwrap());
    assert_eq!(
        format!("{base:?}"),
        r#"Schedule { expression: "0 0 * * *", zone: Some("UTC"), dst: Once, .. }"#
    );
}

#[test]
fn a_schedule_has_a_longest_length() {
    let minutes = (0..60).map(|minute| minute.to_string()).collect::<Vec<_>>().join(",");
    same(&format!("{minutes} * * * *"), "* * * * *");
    let long = format!("{} * * * *", vec!["1"; 600].join(","));
    let error = parse(&long).unwrap_err();
    assert!(error.message.contains("too long"), "{error}");
}
