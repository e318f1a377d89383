//! Times for people: ages as kubectl prints them, spans as systemctl does, and words as docker does.

use std::time::Duration;

use crate::control::objects::Time;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// From when to when a style of age is used, and how: below `limit` seconds in `unit`s, with the rest in
/// `rest` units where that is given (OUT-013).
struct Step {
    limit: i64,
    unit: (i64, &'static str),
    rest: Option<(i64, &'static str)>,
}

const STEPS: [Step; 9] = [
    Step { limit: 2 * MINUTE, unit: (1, "s"), rest: None },
    Step { limit: 10 * MINUTE, unit: (MINUTE, "m"), rest: Some((1, "s")) },
    Step { limit: 3 * HOUR, unit: (MINUTE, "m"), rest: None },
    Step { limit: 8 * HOUR, unit: (HOUR, "h"), rest: Some((MINUTE, "m")) },
    Step { limit: 2 * DAY, unit: (HOUR, "h"), rest: None },
    Step { limit: 8 * DAY, unit: (DAY, "d"), rest: Some((HOUR, "h")) },
    Step { limit: 2 * YEAR, unit: (DAY, "d"), rest: None },
    Step { limit: 8 * YEAR, unit: (YEAR, "y"), rest: Some((DAY, "d")) },
    Step { limit: i64::MAX, unit: (YEAR, "y"), rest: None },
];

/// A span of seconds as kubectl shows ages (OUT-013). Clocks may differ by a second; more is `<invalid>`.
pub fn short(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let step = STEPS.iter().find(|step| seconds < step.limit).unwrap_or(&STEPS[STEPS.len() - 1]);
    let (size, letter) = step.unit;
    match step.rest.map(|(size_of_rest, rest)| (seconds % size / size_of_rest, rest)) {
        Some((count, rest)) if count > 0 => format!("{}{letter}{count}{rest}", seconds / size),
        _ => format!("{}{letter}", seconds / size),
    }
}

/// How long ago something was: `5m30s`.
pub fn since(then: Time, now: Time) -> String {
    short(now.0.saturating_sub(then.0))
}

/// How long until something comes, in the same words; what is due is `0s`.
pub fn until(then: Time, now: Time) -> String {
    short(then.0.saturating_sub(now.0).max(0))
}

/// The present.
pub fn now() -> Time {
    Time(jiff::Timestamp::now().as_second())
}

/// A span in the words of `systemctl status`: `4h 12min`, `3min 4s`, `250ms`.
pub fn long(span: Duration) -> String {
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    if seconds == 0 {
        return match span.subsec_millis() {
            0 => "0s".to_owned(),
            millis => format!("{millis}ms"),
        };
    }
    let (first, second) = match seconds {
        _ if seconds >= YEAR => ((YEAR, "y"), (DAY, "d")),
        _ if seconds >= DAY => ((DAY, "d"), (HOUR, "h")),
        _ if seconds >= HOUR => ((HOUR, "h"), (MINUTE, "min")),
        _ if seconds >= MINUTE => ((MINUTE, "min"), (1, "s")),
        _ => return format!("{seconds}s"),
    };
    let head = format!("{}{}", seconds / first.0, first.1);
    match seconds % first.0 / second.0 {
        0 => head,
        rest => format!("{head} {rest}{}", second.1),
    }
}

/// How long supd has been up, in the header line: `4d 3h`.
pub fn uptime(span: Duration) -> String {
    long(Duration::from_secs(span.as_secs().max(1))).replace("min", "m")
}

/// A span in docker's words: `2 hours`, `About a minute`.
pub fn words(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let plural = |size: i64, word: &str| format!("{} {word}s", seconds / size);
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        _ if seconds < MINUTE => plural(1, "second"),
        _ if seconds < 2 * MINUTE => "About a minute".to_owned(),
        _ if seconds < HOUR => plural(MINUTE, "minute"),
        _ if seconds < 2 * HOUR => "About an hour".to_owned(),
        _ if seconds < 2 * DAY => plural(HOUR, "hour"),
        _ if seconds < 14 * DAY => plural(DAY, "day"),
        _ if seconds < 60 * DAY => plural(7 * DAY, "week"),
        _ if seconds < 2 * YEAR => plural(30 * DAY, "month"),
        _ => plural(YEAR, "year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OUT-013, each border from both sides.
    #[test]
    fn ages_are_kubectls() {
        let table = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (5 * MINUTE + 30, "5m30s"),
            (5 * MINUTE, "5m"),
            (10 * MINUTE - 1, "9m59s"),
            (10 * MINUTE, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (8 * HOUR - 1, "7h59m"),
            (8 * HOUR, "8h"),
            (2 * DAY - 1, "47h"),
            (2 * DAY, "2d"),
            (8 * DAY - 1, "7d23h"),
            (8 * DAY, "8d"),
            (2 * YEAR - 1, "729d"),
            (2 * YEAR, "2y"),
            (7 * YEAR + 300 * DAY, "7y300d"),
            (8 * YEAR, "8y"),
            (i64::MAX, "292471208677y"),
        ];
        for (seconds, expected) in table {
            assert_eq!(short(seconds), expected, "{seconds} s");
        }
    }

    #[test]
    fn what_is_due_is_now() {
        assert_eq!(until(Time(140), Time(100)), "40s");
        assert_eq!(until(Time(90), Time(100)), "0s");
        assert_eq!(since(Time(63), Time(100)), "37s");
    }

    #[test]
    fn spans_in_words() {
        assert_eq!(long(Duration::from_secs(4 * 3600 + 12 * 60 + 3)), "4h 12min");
        assert_eq!(long(Duration::from_secs(184)), "3min 4s");
        assert_eq!(long(Duration::from_millis(250)), "250ms");
        assert_eq!(uptime(Duration::from_secs(4 * 86_400 + 3 * 3600)), "4d 3h");
        assert_eq!(uptime(Duration::from_secs(190)), "3m 10s");
        let table =
            [(0, "Less than a second"), (59, "59 seconds"), (60, "About a minute"), (180, "3 minutes")];
        for (seconds, expected) in table {
            assert_eq!(words(seconds), expected);
        }
        assert_eq!(words(2 * HOUR), "2 hours");
    }
}
