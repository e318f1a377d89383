//! Death at every boundary: each role is killed at each system call of an operation in turn, and each time
//! there is one run and one count. And the faults of the catalogue that are about what is kept on disk.
//!
//! In CI each test takes a sample of the calls, other ones each time; `SUPD_BOUNDARIES=all` takes them all,
//! `SUPD_BOUNDARIES_SEED=n` the same sample again. Needs root, strace and unshare.
// A test has no public face, and fails by panic.
#![allow(unreachable_pub, clippy::unwrap_used)]

mod calls;
mod cron;
mod disk;
mod jobs;
mod promised;
mod record;
mod services;
#[path = "../e2e/space.rs"]
mod space;
mod stopped;
#[allow(dead_code, reason = "what only other tests use")]
#[path = "../e2e/waiting.rs"]
mod waiting;
