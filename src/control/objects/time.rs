//! Times as Kubernetes writes them: RFC 3339, whole seconds, UTC (CST-008).

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::engine::time::{Now, Wall};

/// A time in an object: whole seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// The time itself; what no calendar has becomes the nearest that one has.
    pub fn timestamp(self) -> Timestamp {
        let nearest = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_second(self.0).unwrap_or(nearest)
    }
}

impl From<Wall> for Time {
    fn from(wall: Wall) -> Self {
        Self(wall.seconds())
    }
}

impl From<Now> for Time {
    fn from(now: Now) -> Self {
        now.wall.into()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.timestamp())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl FromStr for Time {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let timestamp: Timestamp = text.parse()?;
        Ok(Self(timestamp.as_nanosecond().div_euclid(1_000_000_000) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_in_utc() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_425_242_999_999_999, "2026-11-23T09:14:02Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            let time = Time::from(Wall(nanos));
            assert_eq!(time.to_string(), text);
            let json = serde_json::to_string(&time).unwrap();
            assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), time);
        }
        assert_eq!(
            serde_json::from_str::<Time>(r#""2026-11-23T10:14:02+01:00""#).unwrap(),
            Time(1_795_425_242)
        );
        assert!(serde_json::from_str::<Time>(r#""soon""#).is_err());
    }

    #[test]
    fn a_time_beyond_the_calendar_is_still_printed() {
        assert_eq!(Time(i64::MAX).to_string(), "9999-12-30T22:00:00Z");
        assert_eq!(Time(i64::MIN).to_string(), "-009999-01-02T01:59:59Z");
    }
}
