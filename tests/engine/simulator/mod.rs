//! A seeded simulator: random units, outcomes, operators, clocks and deaths against the engine, with
//! invariants that hold whatever happens.
//!
//! The manager dies between any two events, and between any two actions of one; supd and the machine die;
//! orders, news and commits are late or lost, and news come twice.
//!
//! ```text
//!   SUPD_SEED=17 cargo test --test engine simulator -- --nocapture     one seed, step by step
//!   SUPD_SEEDS=0..1000000 cargo test --test engine simulator           a night of them; from 10,000 on with
//!                                                                      pods of several processes, hooks, probes
//! ```

mod intents;
mod judge;
mod keeper;
mod ledger;
mod life;
mod parts;
mod random;
mod site;
mod units;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use life::{Life, Profile};

const SEEDS: u64 = 10_000;
const STEPS: u32 = 150;

#[test]
fn simulator() {
    if let Ok(seed) = std::env::var("SUPD_SEED") {
        return simulate(seed.parse().expect("SUPD_SEED is a number"), true);
    }
    let (from, to) = match std::env::var("SUPD_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("SUPD_SEEDS is a range: 0..1000");
            (from.parse().expect("a number"), to.parse().expect("a number"))
        }
        Err(_) => (0, SEEDS),
    };
    let (next, failed) = (AtomicU64::new(from), AtomicU64::new(u64::MAX));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                // The lowest seed that fails is the one to look at.
                while failed.load(Ordering::Relaxed) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| simulate(seed, false))).is_err() {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert_eq!(
        failed,
        u64::MAX,
        "seed {failed} fails: SUPD_SEED={failed} cargo test --test engine simulator -- --nocapture"
    );
}

fn simulate(seed: u64, loud: bool) {
    let profile = Profile { people: seed % 2 == 1, worse: seed / 2 % 2 == 1, parts: seed >= SEEDS };
    let mut life = Life::new(seed, profile, loud);
    for _ in 0..STEPS {
        life.step();
    }
    life.come_to_rest(Duration::from_secs(700));
    life.judge();
    life.end();
    life.site.commit_all();
}
