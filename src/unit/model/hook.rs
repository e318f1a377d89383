//! Hooks: what runs at a moment of a process's life.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::text::Text;
use super::probe::Http;

/// What runs at a moment of a process's life (HOK-001ff).
#[derive(Clone, Debug)]
pub enum Hook {
    /// A command, as the process's own user and with its environment.
    Exec(Vec<Text>),
    /// A GET.
    Http(Http),
    /// Nothing but time.
    Sleep(Duration),
}

/// A moment of a process's life at which something may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HookKind {
    /// Right after its start.
    PostStart,
    /// Before it is asked to end.
    PreStop,
}
