//! supd in containers of a real runtime: podman with runc, on an image built from packaging/container without any
//! registry. Its own main, since it can be SKIPPED: where podman is missing or cannot run anything here.
// A test has no public face, and fails by panic.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::disallowed_types)]

mod base;
mod examples;
mod image;
mod podman;
mod promises;
#[path = "../e2e/skipped.rs"]
mod skipped;
#[allow(dead_code, reason = "what only other tests use")]
#[path = "../e2e/waiting.rs"]
mod waiting;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use podman::Podman;
use promises::Test;

/// What the waits of tests/e2e take from there.
mod space {
    /// Far longer than any container here takes to say something.
    pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
}

fn main() -> ExitCode {
    // Words are parts of names, as with other tests; options of the usual harness mean nothing here.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let wanted = |all: &'static [Test]| all.iter().filter(|(name, _)| is_wanted(name)).collect::<Vec<_>>();
    let (mut tests, examples) = (wanted(promises::ALL), wanted(examples::ALL));
    let all = tests.len() + examples.len();
    println!("\nrunning {all} tests in containers");
    if all == 0 {
        return ExitCode::SUCCESS;
    }
    let podman = match Podman::new() {
        Ok(podman) => podman,
        Err(reason) => {
            tests.iter().chain(&examples).for_each(|(name, _)| skipped::skipped(name, &reason));
            println!("\ntest result: ok. 0 passed; 0 failed; {all} skipped\n");
            return ExitCode::SUCCESS;
        }
    };
    if !examples.is_empty() {
        match base::archive().and_then(|archive| podman.import_base(&archive)) {
            Ok(()) => tests.extend(examples),
            Err(reason) => examples.iter().for_each(|(name, _)| skipped::skipped(name, &reason)),
        }
    }
    let mut failed = 0;
    for (name, test) in &tests {
        let passed = catch_unwind(AssertUnwindSafe(|| test(&podman))).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    let (word, passed) = (if failed == 0 { "ok" } else { "FAILED" }, tests.len() - failed);
    println!("\ntest result: {word}. {passed} passed; {failed} failed; {} skipped\n", all - tests.len());
    ExitCode::from(u8::from(failed > 0))
}
