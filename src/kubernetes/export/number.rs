//! Numbers and durations as Kubernetes has them: whole seconds, 32 bits with a sign.

use std::time::Duration;

use super::Writer;

/// The greatest number that most of Kubernetes' fields hold.
const MOST: u64 = i32::MAX as u64;

impl Writer<'_> {
    /// A duration as whole seconds, rounded up, and not below `least`.
    pub(super) fn seconds(&mut self, key: &str, time: Duration, least: u64) -> u64 {
        let up = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let seconds = up.clamp(least, MOST);
        if Duration::from_secs(seconds) != time {
            self.lose(key, format!("{time:?} is {seconds} s there: whole seconds, {least} to {MOST}"));
        }
        seconds
    }

    /// A number that Kubernetes may not be able to hold.
    pub(super) fn number(&mut self, key: &str, number: u32, most: u32) -> u32 {
        let most = most.min(i32::MAX as u32);
        if number > most {
            self.lose(key, format!("{number} is {most} there, the most it takes"));
        }
        number.min(most)
    }
}
