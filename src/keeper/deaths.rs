//! Deaths of managers: how often, how the last one, and when the next is started.
//!
//! One that had reconciled is followed at once, however often. One that dies before that may do so each
//! time: it is tried again after 1, 2, 4 … s, and after so many in a minute there is one in safe mode, which
//! touches nothing and says why.

use super::roles::back_off_ns;
use crate::limits::{SAFE_MODE_DEATHS, SAFE_MODE_WITHIN_MS};
use crate::settings::exit;
use crate::sys::process::How;
use crate::wire::message::Death;

/// All of them.
#[derive(Default)]
pub(super) struct Deaths {
    pub(super) total: u32,
    /// Those in a row before the present one that died before they were ready.
    pub(super) unready: u32,
    pub(super) last: Death,
    /// When the last of those did.
    times: [Option<u64>; SAFE_MODE_DEATHS],
    /// The next manager, or the present one, is in safe mode.
    pub(super) safe: bool,
    /// We ended it, since it was silent.
    pub(super) silenced: bool,
}

/// What follows a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another one, as if nothing had happened.
    AtOnce,
    /// The same, in safe mode.
    Safe,
    /// Another one after so many nanoseconds.
    After(u64),
    /// It asked for that.
    Again,
}

impl Deaths {
    /// A manager has died.
    pub(super) fn count(&mut self, how: How, was_ready: bool, now: u64) -> Next {
        if self.safe && how == How::Exited(exit::AGAIN) {
            *self = Self { total: self.total, last: self.last, ..Self::default() };
            return Next::Again;
        }
        self.total = self.total.saturating_add(1);
        // How one in safe mode died says nothing about why there is one.
        if !self.safe {
            self.last = match how {
                _ if std::mem::take(&mut self.silenced) => Death::Silent,
                How::Exited(code) => Death::Exited(code),
                How::Signaled(signal, _) => Death::Signaled(signal),
            };
        }
        match was_ready {
            true => {
                self.ready();
                Next::AtOnce
            }
            false => self.count_unready(now),
        }
    }

    /// One died before it was ready, or could not even be started.
    pub(super) fn count_unready(&mut self, now: u64) -> Next {
        self.unready = self.unready.saturating_add(1);
        self.times.rotate_left(1);
        if let Some(last) = self.times.last_mut() {
            *last = Some(now);
        }
        let within = SAFE_MODE_WITHIN_MS * 1_000_000;
        let first = self.times.first().copied().flatten();
        if !self.safe && first.is_some_and(|first| now.saturating_sub(first) <= within) {
            self.safe = true;
            return Next::Safe;
        }
        Next::After(back_off_ns(self.unready))
    }

    /// The present one has reconciled.
    pub(super) fn ready(&mut self) {
        self.unready = 0;
        self.times = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const PANIC: How = How::Exited(101);

    #[test]
    fn five_in_a_minute_are_followed_by_one_in_safe_mode() {
        let mut deaths = Deaths::default();
        for (at, next) in [(0, 1), (1, 2), (3, 4), (7, 8)] {
            assert_eq!(deaths.count(PANIC, false, at * SECOND), Next::After(next * SECOND));
        }
        assert_eq!(deaths.count(How::Signaled(11, true), false, 15 * SECOND), Next::Safe);
        assert!(deaths.safe && deaths.last == Death::Signaled(11));
        assert!(matches!(deaths.count(PANIC, false, 16 * SECOND), Next::After(_)), "no loop there, either");
        assert_eq!(deaths.last, Death::Signaled(11));
        assert_eq!(deaths.count(How::Exited(exit::AGAIN), false, 17 * SECOND), Next::Again);
        assert!(!deaths.safe);
        assert_eq!(deaths.count(PANIC, false, 18 * SECOND), Next::After(SECOND));
    }

    #[test]
    fn those_that_had_reconciled_and_those_of_long_ago_do_not_count() {
        let mut deaths = Deaths::default();
        for _ in 0..20 {
            assert_eq!(deaths.count(How::Signaled(9, false), true, 0), Next::AtOnce);
        }
        for death in 0..20 {
            assert!(matches!(deaths.count(PANIC, false, death * 16 * SECOND), Next::After(_)));
        }
        deaths.silenced = true;
        deaths.count(How::Signaled(9, false), true, 0);
        assert_eq!((deaths.last, deaths.unready), (Death::Silent, 0));
        deaths.count(How::Signaled(9, false), true, 0);
        assert_eq!(deaths.last, Death::Signaled(9));
    }
}
