//! Who may ask, and in which words: the control API on the unix socket.
//!
//! A request goes `server` (HTTP, rights, limits) → `route` (the closed list of what can be asked) →
//! `request` (a message to the manager, and its answer; `fields` is a part of it) → `body` (bytes, piece by piece). `objects` are
//! what both sides speak of; `watch` is how changes reach those who wait for them; `client` is supctl's
//! end. None of it decides anything: the manager does.

mod body;
pub mod client;
pub mod fields;
pub mod health;
pub mod objects;
pub mod past;
mod places;
pub mod request;
pub mod route;
pub mod server;
mod stall;
pub mod stream;
pub mod watch;
