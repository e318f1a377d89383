//! `@every`: a duration as Go writes it (CRN-011), read as whole seconds.
//!
//! `1h30m`, `1.5h`, `90s`. Units are ns, us, ms, s, m and h; Go has no days, and neither have we here.

use super::ScheduleError;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
/// Digits of a fraction that are read: a part of an hour smaller than these is below a nanosecond.
const FRACTION_DIGITS_MAX: usize = 15;

/// A duration that was read, and what was lost on the way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interval {
    /// At least 1.
    pub(super) seconds: i64,
    /// In words, where the duration is not what was written.
    pub(super) warning: Option<String>,
}

/// Reads the duration `text`, which begins at byte `at` of the expression.
pub(super) fn parse(text: &str, at: usize) -> Result<Interval, ScheduleError> {
    let whole = || at..at + text.len();
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if body.is_empty() {
        return Err(ScheduleError::at(whole(), "`@every` needs a duration")
            .help("write one with its units, as in `@every 1h30m`"));
    }
    let mut nanos: i128 = 0;
    let mut rest = if body == "0" { "" } else { body };
    while !rest.is_empty() {
        let start = at + text.len() - rest.len();
        let (part, length) = part(rest, start)?;
        nanos += part;
        if nanos > i128::from(i64::MAX) {
            return Err(ScheduleError::at(
                whole(),
                format!("the duration `{text}` is longer than 292 years"),
            ));
        }
        rest = &rest[length..];
    }
    let nanos = if negative { -nanos } else { nanos };
    let seconds = i64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(i64::MAX);
    let warning = if seconds < 1 {
        Some(format!("`@every {text}` runs every second, which is the shortest interval"))
    } else if nanos % NANOS_PER_SECOND != 0 {
        Some(format!("`@every {text}` is rounded down to whole seconds: {seconds}s"))
    } else {
        None
    };
    Ok(Interval { seconds: seconds.max(1), warning })
}

/// Reads one number with its unit from the beginning of `text`; how many nanoseconds, and how many bytes.
fn part(text: &str, at: usize) -> Result<(i128, usize), ScheduleError> {
    let whole_length = digits(text);
    let mut length = whole_length;
    let mut fraction = "";
    if text[length..].starts_with('.') {
        let fraction_length = digits(&text[length + 1..]);
        fraction = &text[length + 1..length + 1 + fraction_length];
        length += 1 + fraction_length;
    }
    if whole_length == 0 && fraction.is_empty() {
        let end = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()).max(1);
        return Err(ScheduleError::at(at..at + end, format!("`{}` is not a duration", &text[..end]))
            .help("write numbers with their units, as in `1h30m` or `90s`"));
    }
    let number = &text[..length];
    let unit_length =
        text[length..].find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(text.len() - length);
    let unit = &text[length..length + unit_length];
    let (nanos, span) = (nanos_of(unit), at + length..at + length + unit_length);
    let Some(nanos) = nanos else {
        return Err(match unit {
            "" => ScheduleError::at(at..at + length, format!("`{number}` has no unit"))
                .help(format!("units are ns, us, ms, s, m and h: did you mean `{number}s`?")),
            "d" => ScheduleError::at(span, "a duration has no unit `d`").help("a day is `24h`"),
            _ => ScheduleError::at(span, format!("a duration has no unit `{unit}`"))
                .help("units are ns, us, ms, s, m and h"),
        });
    };
    let too_long = || ScheduleError::at(at..at + length, format!("`{number}` is too large for a duration"));
    let whole: i64 =
        if whole_length == 0 { 0 } else { text[..whole_length].parse().map_err(|_| too_long())? };
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS_MAX)];
    let mut total = i128::from(whole) * nanos;
    if let Ok(parts) = fraction.parse::<i128>() {
        let mut scale: i128 = 1;
        for _ in 0..fraction.len() {
            scale *= 10;
        }
        total += parts * nanos / scale;
    }
    Ok((total, length + unit_length))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn nanos_of(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        // Go takes both characters that look like a small mu.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "h" => 3_600 * NANOS_PER_SECOND,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, seconds) in [
            ("5s", 5),
            ("1h", 3_600),
            ("1h30m", 5_400),
            ("1.5h", 5_400),
            (".5h", 1_800),
            ("1.h", 3_600),
            ("90m10s", 5_410),
            ("+2m", 120),
            ("1m1m", 120),
            ("3000ms", 3),
            ("2000000us", 2),
            ("2000000\u{b5}s", 2),
            ("1000000000ns", 1),
            ("0.0000000000000000001h1s", 1),
        ] {
            assert_eq!(parse(text, 0), Ok(Interval { seconds, warning: None }), "{text}");
        }
    }

    #[test]
    fn the_shortest_is_a_second_and_fractions_go() {
        for text in ["0", "0s", "-5m", "10ms", "-0"] {
            let read = parse(text, 0).unwrap();
            assert_eq!(read.seconds, 1, "{text}");
            assert!(read.warning.unwrap().contains("every second"), "{text}");
        }
        let read = parse("2.5s", 0).unwrap();
        assert_eq!(read.seconds, 2);
        assert!(read.warning.unwrap().contains("2s"));
    }

    #[test]
    fn faults_have_their_place() {
        for (text, span, words) in [
            ("", 7..7, "needs a duration"),
            ("-", 7..8, "needs a duration"),
            ("5", 7..8, "`5` has no unit"),
            ("1h5", 9..10, "`5` has no unit"),
            ("1d", 8..9, "no unit `d`"),
            ("1h 5m", 8..10, "no unit `h `"),
            ("5S", 8..9, "no unit `S`"),
            ("h", 7..8, "`h` is not a duration"),
            (".s", 7..9, "`.s` is not a duration"),
            ("fast", 7..11, "`fast` is not a duration"),
            ("3000000h", 7..15, "292 years"),
            ("99999999999999999999s", 7..27, "too large"),
            ("1\u{e9}", 8..10, "no unit `\u{e9}`"),
            ("\u{e9}", 7..9, "is not a duration"),
        ] {
            let error = parse(text, 7).unwrap_err();
            assert_eq!(error.span, Some(span), "{text}");
            assert!(error.message.contains(words), "{text}: {}", error.message);
        }
    }
}
