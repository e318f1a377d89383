//! What time it is.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of CLOCK_MONOTONIC and of CLOCK_REALTIME.
pub fn now() -> (u64, i64) {
    let read = |clock| clock_gettime(clock).map_or((0, 0), |time| (time.tv_sec(), time.tv_nsec()));
    let nanos = |(seconds, nanos): (i64, i64)| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    let mono = u64::try_from(nanos(read(ClockId::CLOCK_MONOTONIC))).unwrap_or(0);
    (mono, nanos(read(ClockId::CLOCK_REALTIME)))
}
