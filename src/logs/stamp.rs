//! Time stamps for log lines: cheap, and no two alike.
//!
//! The clock is read once for each read of a pipe, and each line gets a nanosecond more than the one before.
//! So the stamps of a logger give the order in which it saw the lines, over all pods, and a log collector
//! that takes equal stamp and text for a repetition finds none.

use crate::engine::time::Wall;
use crate::logs::line::{TIME_BYTES, format_time};

/// A clock that was set back by more than this is believed; by less, stamps go on where they were.
const BACKWARD_NS_MAX: i64 = 10_000_000;

/// The last stamp that was given out.
pub(super) struct Stamper {
    time: Wall,
    text: [u8; TIME_BYTES],
}

impl Stamper {
    /// Nothing was stamped yet.
    pub(super) fn new() -> Self {
        Self { time: Wall(0), text: format_time(Wall(0)) }
    }

    /// The clock was read: the next stamp is `now`, or just behind the last one.
    pub(super) fn set(&mut self, now: Wall) {
        let behind = self.time.0.saturating_sub(now.0);
        if (0..BACKWARD_NS_MAX).contains(&behind) {
            return;
        }
        let before = Wall(now.0.saturating_sub(1));
        if before.seconds() == self.time.seconds() {
            let mut nanos = before.0.rem_euclid(1_000_000_000);
            for digit in self.text[20..29].iter_mut().rev() {
                *digit = b'0' + (nanos % 10).unsigned_abs() as u8;
                nanos /= 10;
            }
        } else {
            self.text = format_time(before);
        }
        self.time = before;
    }

    /// The last stamp that was given out.
    pub(super) fn last(&self) -> Wall {
        self.time
    }

    /// Goes on behind this stamp, whatever came before: the next ones are those that came behind it once.
    pub(super) fn go_on_behind(&mut self, last: Wall) {
        *self = Self { time: last, text: format_time(last) };
    }

    /// The stamp of the next line.
    pub(super) fn next(&mut self) -> &[u8; TIME_BYTES] {
        self.time = Wall(self.time.0.saturating_add(1));
        for digit in self.text[20..29].iter_mut().rev() {
            if *digit != b'9' {
                *digit += 1;
                return &self.text;
            }
            *digit = b'0';
        }
        // All nines: a new second.
        self.text = format_time(self.time);
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::line::parse_time;

    #[test]
    fn text_and_time_agree() {
        let mut stamper = Stamper::new();
        for now in [5, 999_999_990, 1_999_999_999, 86_400_000_000_000, 1_795_450_020_123_456_789] {
            stamper.set(Wall(now));
            for ahead in 0..25 {
                let text = *stamper.next();
                assert_eq!(parse_time(&text), Some(Wall(now + ahead)));
                assert_eq!(stamper.time, Wall(now + ahead));
            }
        }
    }

    #[test]
    fn the_same_stamps_again() {
        let (mut one, mut next) = (Stamper::new(), Stamper::new());
        one.set(Wall(1_999_999_998));
        next.go_on_behind(one.last());
        for _ in 0..5 {
            assert_eq!(one.next(), next.next());
        }
    }

    #[test]
    fn no_stamp_twice_while_the_clock_stands() {
        let mut stamper = Stamper::new();
        stamper.set(Wall(1_000));
        stamper.next();
        stamper.next();
        stamper.set(Wall(1_000));
        assert_eq!(parse_time(stamper.next()), Some(Wall(1_002)));
        // An hour back is somebody's wish.
        stamper.set(Wall(7_200_000_000_000));
        stamper.next();
        stamper.set(Wall(3_600_000_000_000));
        assert_eq!(parse_time(stamper.next()), Some(Wall(3_600_000_000_000)));
    }
}
