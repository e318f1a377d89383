//! What each kind of object shows in a table: Kubernetes' columns first, in its order and with its words.

mod cronjob;
mod event;
mod history;
mod job;
pub mod pod;
mod run;
mod service;
pub mod unit;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::age;
use super::name;
use super::style::Tone;
use super::table::Cell;
use crate::control::objects::{Noun, Time};
use crate::engine::time::Wall;

/// What a row depends on beside its object.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The present.
    pub now: Time,
    /// The columns of `-o wide`, too.
    pub wide: bool,
    /// Whether more than ASCII can be shown.
    pub unicode: bool,
    /// Times in UTC, not in the host's zone.
    pub utc: bool,
}

/// An object that can be a row.
pub trait Tabular: Noun + Serialize + DeserializeOwned {
    /// As users name it.
    const NOUN: name::Noun;
    /// Headers, and how many of them are not for `-o wide` alone.
    const HEADERS: (&'static [&'static str], usize);

    /// A cell for each header; `-o wide` shows them all.
    fn cells(&self, look: Look) -> Vec<Cell>;

    /// Its word in STATUS, for `--state`.
    fn state(&self) -> String;

    /// How well it is.
    fn tone(&self) -> Tone;
}

/// Headers of one kind.
pub fn headers<T: Tabular>(wide: bool) -> &'static [&'static str] {
    let (all, narrow) = T::HEADERS;
    if wide { all } else { &all[..narrow] }
}

/// Cells of one object.
pub fn cells<T: Tabular>(object: &T, look: Look) -> Vec<Cell> {
    let mut cells = object.cells(look);
    cells.truncate(headers::<T>(look.wide).len());
    cells
}

impl Look {
    /// Where there is nothing to say.
    pub fn nothing(self) -> &'static str {
        if self.unicode { "–" } else { "-" }
    }

    /// How long ago; `<unknown>` in kubectl's words where nobody knows.
    pub fn age(self, then: Option<Time>) -> String {
        then.map_or_else(|| "<unknown>".to_owned(), |then| age::since(then, self.now))
    }

    /// `1`, or `12 (37s ago)`.
    pub fn restarts(self, count: u32, last: Option<Time>) -> String {
        match last {
            Some(last) if count > 0 => format!("{count} ({} ago)", age::since(last, self.now)),
            _ => count.to_string(),
        }
    }

    /// A share of CPUs: `11%`.
    pub fn cpu(self, percent: Option<f64>) -> String {
        percent.map_or_else(|| self.nothing().to_owned(), |percent| format!("{percent:.0}%"))
    }

    /// An amount of memory: `312Mi`.
    pub fn memory(self, bytes: Option<u64>) -> String {
        bytes.map_or_else(|| self.nothing().to_owned(), size)
    }

    /// A time of day, with its date where that is not within a day: `02:30`, `Nov 25 02:30`.
    pub fn clock(self, time: Time) -> String {
        let format = match (time.0.saturating_sub(self.now.0).abs() < 86_400, time.0.rem_euclid(60) == 0) {
            (true, true) => "%H:%M",
            (true, false) => "%H:%M:%S",
            (false, _) => "%b %d %H:%M",
        };
        self.zoned(time).strftime(format).to_string()
    }

    /// The time before a log line, as journalctl has it: `Nov 23 13:20:11`.
    pub fn stamp(self, time: Wall) -> String {
        self.zoned(time.into()).strftime("%b %d %H:%M:%S").to_string()
    }

    /// A time in full: `Mon 2026-11-23 09:14:02 UTC`.
    pub fn full(self, time: Time) -> String {
        self.zoned(time).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// A time as `kubectl describe` has it: `Mon, 23 Nov 2026 09:14:02 +0000`.
    pub fn rfc1123(self, time: Time) -> String {
        self.zoned(time).strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
    }

    fn zoned(self, time: Time) -> jiff::ZonedDateTime {
        let zone = if self.utc { jiff::tz::TimeZone::UTC } else { jiff::tz::TimeZone::system() };
        time.timestamp().to_zoned_datetime(zone)
    }
}

/// An amount of bytes in Kubernetes' manner: `312Mi`, `1.5Gi`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let mut unit = 0;
    let mut amount = bytes as f64;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    // One digit behind the point where it says something: 1.5Gi, but 312Mi and 2Gi.
    let tenths = (amount * 10.0).round() / 10.0;
    if unit > 2 && tenths < 10.0 && tenths.fract() != 0.0 {
        format!("{tenths:.1}{}", UNITS[unit])
    } else {
        format!("{amount:.0}{}", UNITS[unit])
    }
}

/// How a run ended: `exit 3`, `signal 9 (KILL)`.
pub fn ending(exit_code: u8, signal: Option<u8>) -> String {
    match signal {
        None => format!("exit {exit_code}"),
        Some(number) => match nix::sys::signal::Signal::try_from(i32::from(number)) {
            Ok(signal) => format!("signal {number} ({})", signal.as_str().trim_start_matches("SIG")),
            Err(_) => format!("signal {number}"),
        },
    }
}

#[cfg(test)]
mod tests;
