//! What is promised today.

/// Whether a start that a dying spawner has lost is begun anew. Until it is, it counts as a failure of the pod,
/// and the tests that kill spawners ask only that each run is started once, and that the work gets done.
pub fn lost_starts_are_repeated() -> bool {
    const BUILT: bool = true;
    BUILT || std::env::var_os("SUPD_STRICT").is_some()
}

/// Whether job counts, history and intents survive the manager. Until they do, the tests look only at what
/// does: each run is started once, and the work gets done. `SUPD_STRICT=1` holds supd to all of it.
pub fn state_survives() -> bool {
    const BUILT: bool = true;
    BUILT || std::env::var_os("SUPD_STRICT").is_some()
}
