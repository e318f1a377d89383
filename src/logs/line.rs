//! The format of a log line: CRI's, which every Kubernetes log shipper reads.
//!
//! ```text
//! 2026-11-23T16:27:00.123456789Z stdout F hello
//! ```
//!
//! A time (RFC 3339, nine digits, UTC), the stream, `F` for a whole line or its last part and `P` for a part
//! of a longer one, then the bytes as they came, NULs and all.

use std::fmt;

use crate::engine::time::Wall;

/// Length of everything before the text, as supd writes it.
pub const HEADER_BYTES: usize = TIME_BYTES + " stdout F ".len();
/// Length of a time, as supd writes it.
pub const TIME_BYTES: usize = "2026-11-23T16:27:00.123456789Z".len();

/// Where a process wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Whether a line of a file ends a line of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// It does (`F`).
    Full,
    /// The line goes on in the next one of the same stream (`P`).
    Part,
}

/// A line of a log file, without its newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// When it was read from the pipe.
    pub time: Wall,
    /// Where it was written.
    pub stream: Stream,
    /// Whether more of it follows.
    pub tag: Tag,
    /// What was written.
    pub text: &'a [u8],
}

impl Stream {
    /// Its name in a log file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<'a> Line<'a> {
    /// Reads a line of a log file; nothing if it is none, for somebody else may have written there.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let space = line.iter().take(40).position(|byte| *byte == b' ')?;
        let time = parse_time(&line[..space])?;
        let rest = &line[space + 1..];
        let (stream, rest) = match rest.split_at_checked(7)? {
            (b"stdout ", rest) => (Stream::Stdout, rest),
            (b"stderr ", rest) => (Stream::Stderr, rest),
            _ => return None,
        };
        // More tags may come one day, after a colon; the first one is what the format promises.
        let end = rest.iter().position(|byte| *byte == b' ')?;
        let tag = match rest[..end].split(|byte| *byte == b':').next()? {
            b"F" => Tag::Full,
            b"P" => Tag::Part,
            _ => return None,
        };
        Some(Self { time, stream, tag, text: &rest[end + 1..] })
    }
}

/// Appends everything that stands before the text.
pub fn write_header(out: &mut Vec<u8>, time: &[u8; TIME_BYTES], stream: Stream, tag: Tag) {
    out.extend_from_slice(time);
    out.extend_from_slice(match (stream, tag) {
        (Stream::Stdout, Tag::Full) => b" stdout F ",
        (Stream::Stdout, Tag::Part) => b" stdout P ",
        (Stream::Stderr, Tag::Full) => b" stderr F ",
        (Stream::Stderr, Tag::Part) => b" stderr P ",
    });
}

/// Writes a time, in UTC with nanoseconds. Years outside of 0 to 9999 come out as the nearest of them.
pub fn format_time(time: Wall) -> [u8; TIME_BYTES] {
    const YEARS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;
    let seconds = time.seconds().clamp(*YEARS.start(), *YEARS.end());
    let nanos = time.0.rem_euclid(1_000_000_000);
    let (year, month, day) = civil_of_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], of_day / 3600);
    put(&mut text[14..16], of_day / 60 % 60);
    put(&mut text[17..19], of_day % 60);
    put(&mut text[20..29], nanos);
    text
}

/// Reads a time: RFC 3339 with any number of digits and any offset, since other runtimes write local time.
pub fn parse_time(text: &[u8]) -> Option<Wall> {
    let (date, rest) = text.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| date[*at] != *mark) {
        return None;
    }
    let (year, month, day) = (number(&date[0..4])?, number(&date[5..7])?, number(&date[8..10])?);
    let (hour, minute, second) = (number(&date[11..13])?, number(&date[14..16])?, number(&date[17..19])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let digits = rest.strip_prefix(b".").unwrap_or_default();
    let digits = &digits[..digits.iter().take_while(|byte| byte.is_ascii_digit()).count()];
    let zone = if digits.is_empty() { rest } else { &rest[1 + digits.len()..] };
    let nanos =
        (0..9).fold(0, |sum, at| sum * 10 + i64::from(digits.get(at).map_or(0, |digit| digit - b'0')));
    let offset = match zone {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let ahead = number(&[*h1, *h2])? * 3600 + number(&[*m1, *m2])? * 60;
            if *sign == b'+' { ahead } else { -ahead }
        }
        _ => return None,
    };
    let seconds = days_of_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(Wall(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}

/// Writes a number right-aligned over the digits of `place`.
fn put(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10).unsigned_abs() as u8;
        number /= 10;
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// Days from 0000-03-01 to 1970-01-01. Years are counted from March, so that a leap day is a year's last.
const DAYS_TO_1970: i64 = 719_468;
const DAYS_OF_400_YEARS: i64 = 146_097;

fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let months_since_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * months_since_march + 2) / 5 + day - 1 - DAYS_TO_1970
}

fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_1970;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
    // Takes the leap days away that lie before this day: one in 4 years, none in 100, one in 400.
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(time: Wall) -> String {
        String::from_utf8(format_time(time).to_vec()).unwrap()
    }

    #[test]
    fn times_agree_with_another_library() {
        // Nanoseconds of 64 bits reach from 1677 to 2262.
        for seconds in (-9_000_000_000_i64..9_000_000_000).step_by(86_400 * 13 + 12_345) {
            let other = chrono::DateTime::from_timestamp(seconds, 987_654_321).unwrap();
            let ours = Wall::from_seconds(seconds) + std::time::Duration::from_nanos(987_654_321);
            assert_eq!(shown(ours), other.format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string());
            assert_eq!(parse_time(shown(ours).as_bytes()), Some(ours));
        }
    }

    #[test]
    fn times_of_others() {
        let plain = parse_time(b"2024-02-29T23:59:59Z").unwrap();
        assert_eq!(shown(plain), "2024-02-29T23:59:59.000000000Z");
        assert_eq!(
            shown(parse_time(b"2024-03-01T01:29:59.5+01:30").unwrap()),
            "2024-02-29T23:59:59.500000000Z"
        );
        assert_eq!(parse_time(b"2024-02-29T23:59:59.123456789123-00:00").unwrap().0 - plain.0, 123_456_789);
        for bad in ["", "2024-02-29", "2024-02-29T23:59:59", "2024-13-01T00:00:00Z", "2024-02-29 23:59:59Z"] {
            assert_eq!(parse_time(bad.as_bytes()), None, "{bad}");
        }
        for bad in ["2024-02-29T23:59:59.Z", "2024-02-29T23:59:59+0100", "2O24-02-29T23:59:59Z"] {
            assert_eq!(parse_time(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn lines_read_back() {
        let texts: [&[u8]; 5] =
            [b"", b" two  spaces ", b"a\0b\xff\x1b[31m\r", b"F P stdout", "grün".as_bytes()];
        for stream in [Stream::Stdout, Stream::Stderr] {
            for tag in [Tag::Full, Tag::Part] {
                for text in texts {
                    let time = Wall(1_795_450_020_123_456_789);
                    let mut line = Vec::new();
                    write_header(&mut line, &format_time(time), stream, tag);
                    assert_eq!(line.len(), HEADER_BYTES);
                    line.extend_from_slice(text);
                    assert_eq!(Line::parse(&line), Some(Line { time, stream, tag, text }));
                }
            }
        }
    }

    #[test]
    fn what_is_no_line() {
        let time = "2026-11-23T16:27:00.123456789Z";
        for bad in ["", "hello", time] {
            assert_eq!(Line::parse(bad.as_bytes()), None);
        }
        for rest in ["", "stdout", "stdout F", "stdin F x", "stdout X x", "stdout  F x"] {
            assert_eq!(Line::parse(format!("{time} {rest}").as_bytes()), None, "{rest}");
        }
        assert!(
            Line::parse(format!("{time} stdout P:more x").as_bytes()).is_some_and(|l| l.tag == Tag::Part)
        );
    }
}
