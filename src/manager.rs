//! The loop that joins the modules.

/// Replaced by the manager's own branch.
pub fn run(_settings: crate::settings::Settings) -> i32 {
    70
}
