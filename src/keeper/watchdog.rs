//! The hardware watchdog, fed by the keeper's own loop: a keeper that hangs is one that the machine is reset for.
//! The manager has a watchdog of its own, in the keeper.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::heirloom::Heirloom;
use super::{Keeper, will};
use crate::limits::{WATCHDOG_TRIES_MAX, WATCHDOG_TRY_MS};
use crate::settings::Settings;
use crate::sys::watchdog;

/// When it is fed, or looked for.
pub(super) struct Watchdog {
    wanted: Option<Duration>,
    due: Option<u64>,
    tries: u32,
}

impl Watchdog {
    pub(super) fn new(settings: &Settings) -> Self {
        let wanted = settings.watchdog.filter(|_| settings.is_machine());
        Self { wanted, due: wanted.map(|_| 0), tries: 0 }
    }

    /// Nothing where none was asked for, and where there is none: then nobody is woken.
    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }
}

/// It was armed by the program before us. The copy is for ever, as all of this is.
pub(super) fn go_on_feeding(device: &OwnedFd) {
    if let Ok(device) = device.try_clone() {
        watchdog::adopt(device);
        note();
    }
}

/// It goes along, whatever happens.
fn note() {
    if let Some(device) = watchdog::fd() {
        will::note_heirloom(device, Heirloom::HardwareWatchdog);
    }
}

impl Keeper {
    pub(super) fn watchdog_on_time(&mut self, now: u64) {
        if self.watchdog.due.is_none_or(|due| due > now) {
            return;
        }
        let after = |wait: Duration| now + u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX / 2);
        if let Some(interval) = watchdog::interval() {
            watchdog::feed();
            self.watchdog.due = Some(after(interval));
            return;
        }
        let Some(wanted) = self.watchdog.wanted else {
            self.watchdog.due = None;
            return;
        };
        self.watchdog.tries += 1;
        self.watchdog.due = match watchdog::arm(wanted) {
            Ok(taken) => {
                note();
                self.voice.info(format_args!(
                    "the hardware watchdog is armed: it resets the machine if supd hangs for {} s",
                    taken.as_secs()
                ));
                watchdog::interval().map(after)
            }
            // Its driver may be one that the boot loads.
            Err(_) if self.watchdog.tries < WATCHDOG_TRIES_MAX => {
                Some(after(Duration::from_millis(WATCHDOG_TRY_MS)))
            }
            Err(error) => {
                self.voice.warn(format_args!(
                    "no hardware watchdog, though one was asked for: /dev/watchdog0: {error}; going on without"
                ));
                None
            }
        };
    }
}
