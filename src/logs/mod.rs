//! (being built)

/// Replaced by the logger's own branch.
pub mod logger {
    /// Replaced by the logger's own branch.
    pub fn run(_settings: crate::settings::Settings) -> i32 {
        70
    }
}
