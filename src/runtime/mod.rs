//! What the manager does for the engine: clocks, probes, notify sockets, and the way to the keeper.

pub mod clock;
pub mod notify;
pub mod probe;
pub mod watched;
