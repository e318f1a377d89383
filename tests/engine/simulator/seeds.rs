//! Runs a simulation for many seeds, on all cores, and names the lowest that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// `SUPD_SEED`: one, loudly. `SUPD_SEEDS`: a range of them, all of it, whatever fails. Else the first `count`,
/// up to one that fails.
pub fn each_seed(test: &str, count: u64, simulate: fn(u64, bool)) {
    if let Ok(seed) = std::env::var("SUPD_SEED") {
        return simulate(seed.parse().expect("SUPD_SEED is a number"), true);
    }
    let all = std::env::var("SUPD_SEEDS").is_ok();
    let (from, to) = match std::env::var("SUPD_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("SUPD_SEEDS is a range: 0..1000");
            (from.parse().expect("a number"), to.parse().expect("a number"))
        }
        Err(_) => (0, count),
    };
    let (next, failed) = (AtomicU64::new(from), AtomicU64::new(u64::MAX));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                // The lowest seed that fails is the one to look at.
                while all || failed.load(Ordering::Relaxed) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| simulate(seed, false))).is_err() {
                        eprintln!("seed {seed} fails");
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
        "seed {failed} fails: SUPD_SEED={failed} cargo test --test engine {test} -- --nocapture"
    );
}
