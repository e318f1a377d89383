//! The two clocks, and the two timers that wake the manager: the engine's next deadline, and a wall clock
//! that was stepped. Between them nothing ticks: an idle supd is never woken.

use std::io;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::watched::{Watched, watch};
use crate::engine::time::{Mono, Now, Wall};

/// What time it is, on both clocks.
pub fn now() -> Now {
    Now { mono: mono(), wall: wall() }
}

/// CLOCK_MONOTONIC.
pub fn mono() -> Mono {
    let time = read(nix::time::ClockId::CLOCK_MONOTONIC);
    Mono(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

/// CLOCK_REALTIME.
pub fn wall() -> Wall {
    let time = read(nix::time::ClockId::CLOCK_REALTIME);
    Wall(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

/// A clock that every Linux has can always be read; should a filter refuse even that, time stands still,
/// which delays restarts but ends nothing.
fn read(clock: nix::time::ClockId) -> Duration {
    clock_gettime(clock).map(Duration::from).unwrap_or_default()
}

/// Wakes the manager when the engine's next deadline has come, to the microsecond (tokio's own timers
/// round up to the millisecond).
pub struct DeadlineTimer {
    timer: AsyncFd<Watched<TimerFd>>,
    armed: Option<Mono>,
}

impl DeadlineTimer {
    /// A timer that is not armed. Needs a running runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self { timer: timer(ClockId::CLOCK_MONOTONIC)?, armed: None })
    }

    /// Arms it for this instant, or disarms it. Costs nothing where nothing has changed.
    pub fn arm(&mut self, deadline: Option<Mono>) -> io::Result<()> {
        if self.armed == deadline {
            return Ok(());
        }
        let timer = &self.timer.get_ref().0;
        match deadline {
            // Zero would disarm it; an instant in the past fires at once.
            Some(Mono(at)) => timer.set(
                Expiration::OneShot(TimeSpec::from_duration(Duration::from_nanos(at.max(1).unsigned_abs()))),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            )?,
            None => timer.unset()?,
        }
        self.armed = deadline;
        Ok(())
    }

    /// Waits until it has fired, and then is no longer armed.
    pub async fn fired(&mut self) -> io::Result<()> {
        consume(&self.timer).await?;
        self.armed = None;
        Ok(())
    }
}

/// Wakes the manager when somebody has stepped the wall clock, and after a machine's sleep.
pub struct StepWatch {
    timer: AsyncFd<Watched<TimerFd>>,
}

impl StepWatch {
    /// Begins to watch. Needs a running runtime.
    pub fn new() -> io::Result<Self> {
        let watch = Self { timer: timer(ClockId::CLOCK_REALTIME)? };
        watch.arm()?;
        Ok(watch)
    }

    /// Waits until the clock has been stepped.
    pub async fn stepped(&self) -> io::Result<()> {
        consume(&self.timer).await?;
        self.arm()
    }

    /// A timer that never fires, but is cancelled when the clock under it is set.
    fn arm(&self) -> io::Result<()> {
        let never = TimeSpec::new(libc::time_t::MAX, 0);
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        self.timer.get_ref().0.set(Expiration::OneShot(never), flags)?;
        Ok(())
    }
}

/// A timerfd that is not armed.
fn timer(clock: ClockId) -> io::Result<AsyncFd<Watched<TimerFd>>> {
    watch(TimerFd::new(clock, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?, Interest::READABLE)
}

/// Waits for the timer and takes its count out. A timer that was armed anew in between reads EAGAIN; then
/// it is waited for again.
async fn consume(timer: &AsyncFd<Watched<TimerFd>>) -> io::Result<()> {
    loop {
        let mut guard = timer.readable().await?;
        if let Ok(result) = guard.try_io(|timer| timer.get_ref().0.wait().map_err(io::Error::from)) {
            return result;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn both_clocks_run() {
        let first = now();
        let second = now();
        assert!(second.mono >= first.mono && first.wall.seconds() > 1_600_000_000);
    }

    #[test]
    fn fires_at_the_deadline_and_not_before() {
        block_on(async {
            let mut timer = DeadlineTimer::new().unwrap();
            let deadline = mono() + Duration::from_millis(3);
            timer.arm(Some(deadline + Duration::from_secs(3600))).unwrap();
            timer.arm(Some(deadline)).unwrap();
            timer.fired().await.unwrap();
            assert!(mono() >= deadline);
            timer.arm(Some(Mono(0))).unwrap();
            timer.fired().await.unwrap();
            timer.arm(Some(deadline)).unwrap();
            timer.arm(None).unwrap();
            let silent = tokio::time::timeout(Duration::from_millis(5), timer.fired()).await;
            assert!(silent.is_err());
        });
    }

    #[test]
    fn the_step_watch_is_silent_while_nobody_steps() {
        block_on(async {
            let watch = StepWatch::new().unwrap();
            assert!(tokio::time::timeout(Duration::from_millis(5), watch.stepped()).await.is_err());
        });
    }
}
