//! A seeded simulator: random units, outcomes, operators, clocks and deaths against the engine, with
//! invariants that hold whatever happens.
//!
//! The manager dies between any two events, and between any two actions of one; supd and the machine die;
//! orders, news and commits are late or lost, and news come twice.
//!
//! ```text
//!   SUPD_SEED=17 cargo test --test engine simulator -- --nocapture     one seed, step by step
//!   SUPD_SEEDS=0..1000000 cargo test --test engine simulator           a night of them
//! ```

mod intents;
mod judge;
mod keeper;
mod ledger;
mod life;
mod model;
mod parts;
mod random;
mod seeds;
mod site;
mod units;

use std::time::Duration;

use life::{Life, Profile};
use seeds::each_seed;

const SEEDS: u64 = 10_000;
const STEPS: u32 = 150;

#[test]
fn simulator() {
    each_seed("simulator::simulator", SEEDS, simulate);
}

fn simulate(seed: u64, loud: bool) {
    let profile = Profile { people: seed % 2 == 1, worse: seed / 2 % 2 == 1, parts: seed.is_multiple_of(3) };
    let mut life = Life::new(seed, profile, loud);
    for _ in 0..STEPS {
        life.step();
    }
    life.come_to_rest(Duration::from_secs(700));
    life.judge();
    life.end();
    life.site.commit_all();
}
