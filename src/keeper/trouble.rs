//! Faults of the keeper that a test has ordered, in builds for tests only.
//!
//! `SUPD_KEEPER_FAULT=HOW:POINT[@N]`: at a point, as long as there were fewer than N faults (1 if nothing is said).
//!
//! | HOW | what happens |
//! |---|---|
//! | `panic` | a panic |
//! | `abort` | SIGABRT of our own |
//! | `overflow` | all of the stack is used |
//!
//! | POINT | |
//! |---|---|
//! | `usr2` | a SIGUSR2 has come |
//! | `ended` | an end is written into the table, and the process is not reaped |
//! | `reaped` | it is |
//! | `resume` | a program begins that goes on after a fault |

/// A place at which a test may want a fault.
#[inline]
pub(super) fn point(point: &str) {
    #[cfg(debug_assertions)]
    strike(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

#[cfg(debug_assertions)]
fn strike(point: &str) {
    let Ok(text) = std::env::var("SUPD_KEEPER_FAULT") else { return };
    let (rule, times) = text.split_once('@').unwrap_or((&text, "1"));
    let Some((how, wanted)) = rule.split_once(':') else { return };
    if wanted != point || super::will::faults().count >= times.parse().unwrap_or(1) {
        return;
    }
    match how {
        "panic" => panic!("a test wants it at {point}"),
        "overflow" => _ = overflow(0),
        _ => std::process::abort(),
    }
}

#[cfg(debug_assertions)]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { room[0] } else { overflow(depth + 1) + room[1] }
}
