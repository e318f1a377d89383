//! What is promised today.

/// Whether job counts, history and intents survive the manager. Until they do, the tests look only at what
/// does: each run is started once, and the work gets done. `SUPD_STRICT=1` holds supd to all of it.
pub fn state_survives() -> bool {
    const BUILT: bool = false;
    BUILT || std::env::var_os("SUPD_STRICT").is_some()
}
