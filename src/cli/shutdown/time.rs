//! Times as shutdown(8) reads them: `now`, `+5`, `23:00`.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::cli::age;
use crate::cli::exit::Failure;
use crate::cli::time_limit;
use crate::control::objects;

/// When a machine is to go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// At once.
    Now,
    /// So long from now.
    After(Duration),
    /// When the clock shows this next.
    At {
        /// 0 to 23.
        hour: i8,
        /// 0 to 59.
        minute: i8,
    },
    /// A plan is taken back.
    Cancel,
    /// A plan is told.
    Show,
}

/// Reads one.
pub fn parse(text: &str) -> Result<Time, String> {
    let trouble =
        || format!("`{text}` is no time: write now, +MINUTES, +90s or HH:MM; cancel and show are for a plan");
    match text {
        "now" => return Ok(Time::Now),
        "cancel" => return Ok(Time::Cancel),
        "show" => return Ok(Time::Show),
        _ => {}
    }
    if let Some((hour, minute)) = text.split_once(':') {
        let number = |text: &str, below: i8| {
            let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i8>().ok().filter(|number| digits && *number < below)
        };
        let (hour, minute) = (number(hour, 24), number(minute, 60).filter(|_| minute.len() == 2));
        return Ok(Time::At { hour: hour.ok_or_else(trouble)?, minute: minute.ok_or_else(trouble)? });
    }
    let after = text.strip_prefix('+').unwrap_or(text);
    let after = match after.parse::<u32>() {
        Ok(minutes) => Duration::from_secs(u64::from(minutes) * 60),
        Err(_) if text.starts_with('+') => time_limit::parse(after).map_err(|_| trouble())?,
        Err(_) => return Err(trouble()),
    };
    Ok(if after.as_secs() == 0 { Time::Now } else { Time::After(after) })
}

/// The next time at which the clock shows this.
pub fn next(hour: i8, minute: i8, utc: bool) -> Result<objects::Time, Failure> {
    let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
    after(age::now(), hour, minute, &zone)
        .ok_or_else(|| Failure::usage(format!("there is no {hour:02}:{minute:02} in the next days")))
}

fn after(now: objects::Time, hour: i8, minute: i8, zone: &TimeZone) -> Option<objects::Time> {
    let today = now.timestamp().to_zoned_datetime(zone.clone()).date();
    // Where the clock is put forward that minute may be missing; then it is the one after the gap.
    [Some(today), today.tomorrow().ok()].into_iter().flatten().find_map(|day| {
        let at = day.at(hour, minute, 0, 0).to_zoned_datetime(zone.clone()).ok()?;
        let at = objects::Time(at.timestamp().as_second());
        (at > now).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_shutdown() {
        let minutes = |minutes: u64| Time::After(Duration::from_secs(60 * minutes));
        for (text, time) in [
            ("now", Time::Now),
            ("+0", Time::Now),
            ("0", Time::Now),
            ("+5", minutes(5)),
            ("5", minutes(5)),
            ("+90s", Time::After(Duration::from_secs(90))),
            ("+1h", minutes(60)),
            ("23:00", Time::At { hour: 23, minute: 0 }),
            ("7:05", Time::At { hour: 7, minute: 5 }),
            ("cancel", Time::Cancel),
            ("show", Time::Show),
        ] {
            assert_eq!(parse(text), Ok(time), "{text}");
        }
        for text in [
            "",
            "+",
            "-5",
            "24:00",
            "23:60",
            "7:5",
            "a:00",
            "7:00:00",
            "+5x",
            "5m",
            "noon",
            "+1:00",
            "99999999999",
        ] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn a_time_of_the_day_is_today_or_tomorrow() {
        let at = |text: &str| objects::Time(text.parse::<jiff::Timestamp>().unwrap().as_second());
        let now = at("2026-11-29T22:30:00Z");
        assert_eq!(after(now, 23, 0, &TimeZone::UTC), Some(at("2026-11-29T23:00:00Z")));
        assert_eq!(after(now, 22, 30, &TimeZone::UTC), Some(at("2026-11-30T22:30:00Z")));
        assert_eq!(after(now, 7, 5, &TimeZone::UTC), Some(at("2026-11-30T07:05:00Z")));
    }
}
