//! What the manager does for the engine: clocks, plans, probes, hooks, notify sockets, and the way to the keeper.

pub mod clock;
pub mod fault;
pub mod hook;
pub mod keeper;
mod kernel_log;
pub mod label;
pub mod notify;
pub mod plan;
pub mod probe;
pub mod question;
pub mod watched;
