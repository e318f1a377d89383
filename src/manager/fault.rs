//! Faults on purpose, for tests: a manager that dies, or hangs, at a place that a test names.
//!
//! Only in builds with debug assertions; in a release there is nothing here. `SUPD_FAULT` in supd's
//! environment is a list, separated by commas, of `HOW:POINT[:UNIT][@N]`:
//!
//! - HOW: `panic`, `abort`, `segv`, `kill` (SIGKILL), `hang` (a busy loop), `leave` (closes what leads to the
//!   keeper and the spawners, then hangs: an end that takes its time);
//! - UNIT: only there; without it, at any;
//! - N: only the first N times, counted over all managers in `<runtime>/fault.<place in the list>`.
//!
//! The keeper's patience with a manager that hangs is `SUPD_SILENCE_MS` there, in such builds.
//!
//! | point | when |
//! |---|---|
//! | `begin` | all is taken in and judged, nothing is said to the keeper |
//! | `exit` `started` `ready` `status` `command` | such an event is about to be taken in (of a unit) |
//! | `start` | the start of a process is about to be ordered (of a unit) |
//! | `ordered` | it has been ordered, and nothing is noted of it yet (of a unit) |
//! | `commit` | what was taken in is judged and performed, and not stored yet |
//! | `before-ack` | it is stored, and the keeper not told |
//! | `after-ack` | the keeper is told |

use std::path::Path;

/// Where counts of faults are kept. To be called once, at the start.
pub(super) fn begin(runtime_dir: &Path) {
    #[cfg(debug_assertions)]
    rules::begin(runtime_dir);
    #[cfg(not(debug_assertions))]
    let _ = runtime_dir;
}

/// A place at which a test may want an end.
#[inline]
pub(super) fn point(point: &str, unit: &str) {
    #[cfg(debug_assertions)]
    rules::point(point, unit);
    #[cfg(not(debug_assertions))]
    let _ = (point, unit);
}

#[cfg(debug_assertions)]
mod rules {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;

    use nix::sys::signal::{Signal, raise};
    use nix::sys::socket::{Shutdown, shutdown};

    use crate::wire::fd;

    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();

    struct Rule {
        how: String,
        point: String,
        unit: Option<String>,
        times: u64,
        count: PathBuf,
    }

    pub(super) fn begin(runtime_dir: &Path) {
        let text = std::env::var("SUPD_FAULT").unwrap_or_default();
        let rules = text.split(',').filter(|rule| !rule.is_empty()).enumerate();
        let rules = rules.filter_map(|(place, text)| {
            let (rule, times) = text.split_once('@').unwrap_or((text, ""));
            let mut words = rule.split(':').map(str::to_owned);
            Some(Rule {
                how: words.next()?,
                point: words.next()?,
                unit: words.next(),
                times: times.parse().unwrap_or(u64::MAX),
                count: runtime_dir.join(format!("fault.{place}")),
            })
        });
        let _ = RULES.set(rules.collect());
    }

    pub(super) fn point(point: &str, unit: &str) {
        for rule in RULES.get().into_iter().flatten() {
            let here = rule.point == point && rule.unit.as_deref().is_none_or(|wanted| wanted == unit);
            if here && rule.is_due() {
                rule.strike(unit);
            }
        }
    }

    impl Rule {
        /// Counts, before it is too late.
        fn is_due(&self) -> bool {
            let file = OpenOptions::new().create(true).append(true).open(&self.count);
            let Ok(mut file) = file else { return true };
            let done = file.metadata().map_or(0, |metadata| metadata.len());
            done < self.times && file.write_all(b"x").is_ok()
        }

        fn strike(&self, unit: &str) {
            match self.how.as_str() {
                "panic" => panic!("a test wants it at {}", [self.point.as_str(), unit].join(" ").trim_end()),
                "abort" => std::process::abort(),
                "kill" => _ = raise(Signal::SIGKILL),
                // The runtime's own handler lets the first one pass, and takes itself away.
                "segv" => (0..2).for_each(|_| _ = raise(Signal::SIGSEGV)),
                "hang" => hang(),
                "leave" => {
                    for socket in [fd::QUEUE, fd::CHANNEL] {
                        let _ = shutdown(socket, Shutdown::Both);
                    }
                    hang()
                }
                other => tracing::error!("SUPD_FAULT knows no `{other}`; ignoring"),
            }
        }
    }

    fn hang() -> ! {
        loop {
            std::hint::spin_loop();
        }
    }
}
