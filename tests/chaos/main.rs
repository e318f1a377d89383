//! Whatever dies: no service restarts, no completion is counted twice or forgotten, no exit status or log line
//! is lost.
//!
//! Goal: to show this promise with real processes. Method: two hundred units of all kinds run while supd's
//! roles, services and clients are killed, stopped and starved at random; each program writes down for itself
//! what it did (`program.rs`), and in the end supd's counts, history, logs and process table are compared with
//! that (`audit/`).
//!
//! ```sh
//! cargo test --test chaos                                    # one minute, as in CI
//! SUPD_CHAOS_SECONDS=600 cargo test --test chaos             # ten minutes
//! SUPD_CHAOS_SEED=17 cargo test --test chaos                 # the same choices in the same order
//! SUPD_CHAOS_KEEP=/tmp/chaos cargo test --test chaos         # leaves logs, units and the ledger there
//! ```
//!
//! The seed decides what is done to whom and when; what the kernel makes of it differs from run to run.
//! Needs root: all of it is in a PID namespace of its own, so that nothing outlives the test.
// A test has no public face, and fails by panic; it has children of its own.
#![allow(unreachable_pub, unsafe_code, clippy::unwrap_used, clippy::disallowed_types)]

mod audit;
mod calm_down;
mod clients;
mod dice;
mod ledger;
mod namespace;
mod operator;
mod processes;
mod program;
mod promised;
#[allow(dead_code, reason = "what only the simulator uses")]
#[path = "../engine/simulator/random.rs"]
mod random;
#[path = "../e2e/space.rs"]
mod space;
mod stage;
mod trouble;
mod units;
#[allow(dead_code, reason = "what only other tests use")]
#[path = "../e2e/waiting.rs"]
mod waiting;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("program") => program::run(args),
        Some("namespace") => namespace::init(),
        Some("stage") => stage::play(),
        first => {
            // As the usual harness: a filter that means another test, or only the list.
            let others = first.into_iter().map(str::to_owned).chain(args);
            for word in others {
                let is_filter = !word.starts_with('-');
                if word == "--list" || is_filter && !"chaos".contains(&word) {
                    return ExitCode::SUCCESS;
                }
            }
            namespace::enter()
        }
    }
}
