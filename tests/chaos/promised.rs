//! What is promised today. Whatever is not is audited, too, but only told.

/// The parts of the promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// Each run is started once; no two copies; who was left alone has not restarted; no broken pipe.
    Runs,
    /// Job counts, exactly N successes, and cron slots, whatever happens to the manager.
    Counts,
    /// Each exit code in the history.
    History,
    /// What operators asked for is kept.
    Intents,
    /// Each line once and in order.
    Logs,
    /// Nobody alive that is unknown, nobody missing, no zombie, no descriptor left.
    Processes,
    /// No client ends in a way that no client should.
    Clients,
    /// Clients that follow go on over a manager's death.
    Following,
}

/// Those that are not built yet.
const LATER: &[Part] = &[];

impl Part {
    /// Whether a fault in it fails the test; `SUPD_CHAOS_STRICT=1` holds supd to all of it.
    pub fn is_promised(self) -> bool {
        !LATER.contains(&self) || std::env::var_os("SUPD_CHAOS_STRICT").is_some()
    }
}
