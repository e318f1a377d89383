//! Promise: what a schedule does when clocks are changed is what the manual says, for both readings.
//!
//! `once`: a fixed time in a gap runs at the end of the gap, all of one gap together; a fixed time in a
//! repeated hour runs the first time; a wildcard (minute or hour begins with `*`) follows elapsed time.
//! `literal` (CRN-015, CRN-016): a time in a gap is skipped, a time in a repeated hour runs twice.
//!
//! Written by hand from the rules of the zones; the random tests are in `calendar_property.rs`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use supd::unit::calendar::{Dst, Schedule};

struct Row {
    zone: &'static str,
    expression: &'static str,
    from: &'static str,
    once: &'static [&'static str],
    literal: &'static [&'static str],
}

fn times(row: &Row, dst: Dst, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(row.expression, Some(row.zone), dst).unwrap();
    let from = row.from.parse::<Timestamp>().unwrap().as_second();
    schedule.upcoming(from, count).iter().map(|time| schedule.format(time.at)).collect()
}

fn hold(rows: &[Row]) {
    for row in rows {
        let words = format!("`{}` in {} from {}", row.expression, row.zone, row.from);
        assert_eq!(times(row, Dst::Once, row.once.len()), row.once, "once: {words}");
        assert_eq!(times(row, Dst::Literal, row.literal.len()), row.literal, "literal: {words}");
    }
}

#[test]
fn fixed_times_when_an_hour_is_missing() {
    hold(&[
        Row {
            zone: "America/New_York",
            expression: "30 2 * * *",
            from: "2026-03-07T12:00:00Z",
            once: &["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"],
            literal: &["2026-03-09T02:30:00-04:00", "2026-03-10T02:30:00-04:00"],
        },
        Row {
            zone: "Europe/Berlin",
            expression: "0,15,30,45 2 * * *",
            from: "2026-03-28T12:00:00Z",
            once: &["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"],
            literal: &["2026-03-30T02:00:00+02:00", "2026-03-30T02:15:00+02:00"],
        },
        // What lay in the gap and what lies at its end are one run.
        Row {
            zone: "Europe/Berlin",
            expression: "0 1-4 * * *",
            from: "2026-03-28T12:00:00Z",
            once: &["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"],
            literal: &["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"],
        },
        // Starting at the end of the gap, it has run.
        Row {
            zone: "Europe/Berlin",
            expression: "30 2 * * *",
            from: "2026-03-29T01:00:00Z",
            once: &["2026-03-30T02:30:00+02:00"],
            literal: &["2026-03-30T02:30:00+02:00"],
        },
        // A second before it, it has not.
        Row {
            zone: "Europe/Berlin",
            expression: "30 2 * * *",
            from: "2026-03-29T00:59:59Z",
            once: &["2026-03-29T03:00:00+02:00"],
            literal: &["2026-03-30T02:30:00+02:00"],
        },
        // Half an hour is missing.
        Row {
            zone: "Australia/Lord_Howe",
            expression: "15 2 * * *",
            from: "2026-10-03T00:00:00Z",
            once: &["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
            literal: &["2026-10-05T02:15:00+11:00"],
        },
        Row {
            zone: "Australia/Lord_Howe",
            expression: "45 2 * * *",
            from: "2026-10-03T00:00:00Z",
            once: &["2026-10-04T02:45:00+11:00"],
            literal: &["2026-10-04T02:45:00+11:00"],
        },
        // A quarter of an hour is missing.
        Row {
            zone: "Asia/Kathmandu",
            expression: "10 0 * * *",
            from: "1985-12-31T12:00:00Z",
            once: &["1986-01-01T00:15:00+05:45", "1986-01-02T00:10:00+05:45"],
            literal: &["1986-01-02T00:10:00+05:45"],
        },
        // A day is missing.
        Row {
            zone: "Pacific/Apia",
            expression: "0 6,12,18 * * *",
            from: "2011-12-30T02:00:00Z",
            once: &["2011-12-29T18:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T06:00:00+14:00"],
            literal: &["2011-12-29T18:00:00-10:00", "2011-12-31T06:00:00+14:00", "2011-12-31T12:00:00+14:00"],
        },
        // Every second of a minute that is missing is one run; the minute and the hour are fixed.
        Row {
            zone: "Europe/Berlin",
            expression: "* 30 2 * * *",
            from: "2026-03-28T12:00:00Z",
            once: &["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00", "2026-03-30T02:30:01+02:00"],
            literal: &["2026-03-30T02:30:00+02:00", "2026-03-30T02:30:01+02:00"],
        },
    ]);
}

#[test]
fn fixed_times_when_midnight_is_missing() {
    let row = |zone, from, once, literal| Row { zone, expression: "@daily", from, once, literal };
    hold(&[
        row(
            "Africa/Cairo",
            "2026-04-23T12:00:00Z",
            &["2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"],
            &["2026-04-25T00:00:00+03:00"],
        ),
        row(
            "Asia/Beirut",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00"],
            &["2026-03-30T00:00:00+03:00"],
        ),
        row(
            "America/Santiago",
            "2026-09-05T12:00:00Z",
            &["2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"],
            &["2026-09-07T00:00:00-03:00"],
        ),
        row(
            "America/Havana",
            "2026-03-07T12:00:00Z",
            &["2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"],
            &["2026-03-09T00:00:00-04:00"],
        ),
    ]);
}

#[test]
fn fixed_times_when_an_hour_comes_twice() {
    hold(&[
        Row {
            zone: "America/New_York",
            expression: "30 1 * * *",
            from: "2026-10-31T12:00:00Z",
            once: &["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
            literal: &["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"],
        },
        Row {
            zone: "Europe/Berlin",
            expression: "0,30 2,3 * * *",
            from: "2026-10-24T12:00:00Z",
            once: &[
                "2026-10-25T02:00:00+02:00",
                "2026-10-25T02:30:00+02:00",
                "2026-10-25T03:00:00+01:00",
                "2026-10-25T03:30:00+01:00",
            ],
            literal: &[
                "2026-10-25T02:00:00+02:00",
                "2026-10-25T02:30:00+02:00",
                "2026-10-25T02:00:00+01:00",
                "2026-10-25T02:30:00+01:00",
                "2026-10-25T03:00:00+01:00",
            ],
        },
        // Starting in the second pass, the first has been.
        Row {
            zone: "Europe/Berlin",
            expression: "30 2 * * *",
            from: "2026-10-25T01:10:00Z",
            once: &["2026-10-26T02:30:00+01:00"],
            literal: &["2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00"],
        },
        // Half an hour comes twice.
        Row {
            zone: "Australia/Lord_Howe",
            expression: "15,45 1 * * *",
            from: "2026-04-04T12:00:00Z",
            once: &["2026-04-05T01:15:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-06T01:15:00+10:30"],
            literal: &["2026-04-05T01:15:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30"],
        },
        // The hour before midnight comes twice: the day goes back.
        Row {
            zone: "Asia/Beirut",
            expression: "30 23 * * *",
            from: "2026-10-24T12:00:00Z",
            once: &["2026-10-24T23:30:00+03:00", "2026-10-25T23:30:00+02:00"],
            literal: &["2026-10-24T23:30:00+03:00", "2026-10-24T23:30:00+02:00", "2026-10-25T23:30:00+02:00"],
        },
        // Midnight itself is reached once, after the second pass.
        Row {
            zone: "Asia/Beirut",
            expression: "@daily",
            from: "2026-10-24T12:00:00Z",
            once: &["2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+02:00"],
            literal: &["2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+02:00"],
        },
        Row {
            zone: "Africa/Cairo",
            expression: "30 23 * * *",
            from: "2026-10-29T12:00:00Z",
            once: &["2026-10-29T23:30:00+03:00", "2026-10-30T23:30:00+02:00"],
            literal: &["2026-10-29T23:30:00+03:00", "2026-10-29T23:30:00+02:00", "2026-10-30T23:30:00+02:00"],
        },
        Row {
            zone: "America/Santiago",
            expression: "30 23 * * *",
            from: "2026-04-04T12:00:00Z",
            once: &["2026-04-04T23:30:00-03:00", "2026-04-05T23:30:00-04:00"],
            literal: &["2026-04-04T23:30:00-03:00", "2026-04-04T23:30:00-04:00", "2026-04-05T23:30:00-04:00"],
        },
        // The hour after midnight comes twice.
        Row {
            zone: "America/Havana",
            expression: "@daily",
            from: "2026-10-31T12:00:00Z",
            once: &["2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"],
            literal: &["2026-11-01T00:00:00-04:00", "2026-11-01T00:00:00-05:00", "2026-11-02T00:00:00-05:00"],
        },
    ]);
}

/// Wildcards read the same either way.
#[test]
fn wildcards_follow_elapsed_time() {
    let row = |zone, expression, from, both| Row { zone, expression, from, once: both, literal: both };
    hold(&[
        row(
            "America/New_York",
            "*/20 * * * *",
            "2026-03-08T06:30:00Z",
            &["2026-03-08T01:40:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T03:20:00-04:00"],
        ),
        row(
            "America/New_York",
            "*/30 * * * *",
            "2026-11-01T05:00:00Z",
            &[
                "2026-11-01T01:30:00-04:00",
                "2026-11-01T01:00:00-05:00",
                "2026-11-01T01:30:00-05:00",
                "2026-11-01T02:00:00-05:00",
            ],
        ),
        row(
            "Europe/Berlin",
            "@hourly",
            "2026-10-24T23:30:00Z",
            &["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"],
        ),
        // A missing hour is not made up for.
        row(
            "Europe/Berlin",
            "*/30 2 * * *",
            "2026-03-28T12:00:00Z",
            &["2026-03-30T02:00:00+02:00", "2026-03-30T02:30:00+02:00"],
        ),
        row(
            "Africa/Cairo",
            "0 */12 * * *",
            "2026-04-23T06:00:00Z",
            &["2026-04-23T12:00:00+02:00", "2026-04-24T12:00:00+03:00"],
        ),
        row(
            "Australia/Lord_Howe",
            "*/15 * * * *",
            "2026-10-03T15:15:00Z",
            &["2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00"],
        ),
        row(
            "Australia/Lord_Howe",
            "45 * * * *",
            "2026-04-04T14:00:00Z",
            &["2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30", "2026-04-05T02:45:00+10:30"],
        ),
        row(
            "Europe/Berlin",
            "*/30 * * * * *",
            "2026-03-29T00:59:30Z",
            &["2026-03-29T03:00:00+02:00", "2026-03-29T03:00:30+02:00"],
        ),
    ]);
}

/// What makes a wildcard is how the minute or the hour begins, not how often it comes.
#[test]
fn what_is_a_wildcard() {
    let runs = |expression: &str| {
        let schedule = Schedule::parse(expression, Some("Europe/Berlin"), Dst::Once).unwrap();
        let (from, until) = ("2026-10-24T23:59:59Z", "2026-10-25T01:59:59Z");
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        schedule.missed(at(from), at(until), 10_000).count
    };
    for (expression, count) in [
        ("* * * * *", 120),
        ("? 2 * * *", 120),
        ("*/30 2 * * *", 4),
        ("0 * * * *", 2),
        ("0 */2 * * *", 2),
        ("*,5 2 * * *", 120),
        ("0-59 2 * * *", 60),
        ("0-59 0-23 * * *", 60),
        ("5,* 2 * * *", 60),
        ("0/30 2 * * *", 2),
        ("* 30 2 * * *", 60),
        ("* 30 * * * *", 120),
    ] {
        assert_eq!(runs(expression), count, "{expression}");
    }
}

#[test]
fn intervals_do_not_know_of_clocks() {
    let both = &["2026-03-29T00:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:30:00+02:00"];
    hold(&[Row {
        zone: "Europe/Berlin",
        expression: "@every 90m",
        from: "2026-03-28T22:00:00Z",
        once: both,
        literal: both,
    }]);
}

#[test]
fn notes_tell_what_the_clock_does() {
    let notes = |expression: &str, zone: &str, dst: Dst, from: &str, count: usize| -> Vec<String> {
        let schedule = Schedule::parse(expression, Some(zone), dst).unwrap();
        let times = schedule.upcoming(from.parse::<Timestamp>().unwrap().as_second(), count);
        times.into_iter().map(|time| time.note.unwrap_or_default()).collect()
    };
    let (spring, autumn, berlin) = ("2026-03-27T12:00:00Z", "2026-10-24T12:00:00Z", "Europe/Berlin");
    assert_eq!(
        notes("30 2 * * *", berlin, Dst::Once, spring, 3),
        ["", "02:30 does not exist on 2026-03-29: it runs right after the gap", ""]
    );
    assert_eq!(
        notes("30 2 * * *", berlin, Dst::Literal, spring, 3),
        ["", "skipped: 02:30 does not exist on 2026-03-29", ""]
    );
    assert_eq!(
        notes("0-59/10 2 29 * *", berlin, Dst::Once, "2026-03-28T12:00:00Z", 2),
        ["02:00, 02:10, 02:20 and more do not exist on 2026-03-29: they run once right after the gap", ""]
    );
    assert_eq!(
        notes("30 2 * * *", berlin, Dst::Once, autumn, 2),
        ["02:30 comes twice: it runs the first time only", ""]
    );
    assert_eq!(
        notes("30 2 * * *", berlin, Dst::Literal, autumn, 3),
        ["02:30 comes twice: first of two", "02:30 comes twice: second of two", ""]
    );
    assert_eq!(notes("@every 12h", berlin, Dst::Once, autumn, 3), ["", "", ""]);
    assert_eq!(notes("* * * * *", "UTC", Dst::Once, autumn, 2), ["", ""]);
    assert_eq!(
        notes("0 12 * * *", "Pacific/Apia", Dst::Literal, "2011-12-30T00:00:00Z", 2),
        ["skipped: 12:00 does not exist on 2011-12-30", ""]
    );
}

#[test]
fn times_are_written_with_the_offset_of_their_zone() {
    let format =
        |zone: &str, at: i64| Schedule::parse("* * * * *", Some(zone), Dst::Once).unwrap().format(at);
    assert_eq!(format("Europe/Berlin", 1_795_397_400), "2026-11-23T02:30:00+01:00");
    assert_eq!(format("America/New_York", 1_795_397_400), "2026-11-22T20:30:00-05:00");
    assert_eq!(format("UTC", 1_795_397_400), "2026-11-23T01:30:00Z");
    assert_eq!(format("Asia/Kathmandu", 0), "1970-01-01T05:30:00+05:30");
    assert_eq!(format("America/St_Johns", 0), "1969-12-31T20:30:00-03:30");
}
