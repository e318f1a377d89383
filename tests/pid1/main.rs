//! supd as PID 1 of PID namespaces of its own: `supd -- CMD` as transparent as if it were not there, and
//! supervised mode in places that lack something. Needs root.
// A test has no public face, and fails by panic.
#![allow(unreachable_pub, clippy::unwrap_used)]

mod bare;
mod codes;
mod fault;
mod filter;
mod health;
mod places;
mod pty;
mod signals;
mod solo;
#[path = "../e2e/space.rs"]
mod space;
mod stop;
mod terminal;
mod transparent;
#[allow(dead_code, reason = "what only other tests use")]
#[path = "../e2e/waiting.rs"]
mod waiting;
