//! Scenarios of the engine: pure, with a clock of their own, many and fast.
// A test has no public face, and fails by panic.
#![allow(unreachable_pub, clippy::unwrap_used)]

mod cron;
mod dependencies;
mod health;
mod jobs;
mod operator;
mod order;
mod outside;
mod pods;
mod pods_recovery;
mod quarantine;
mod recovery;
mod restarts;
mod rollouts;
mod services;
mod shutdown;
mod simulator;
mod store;
mod world;

use std::path::Path;
use std::sync::Arc;

use supd::unit::load;
use supd::unit::model::Unit;

/// A unit from its text; the text must be right.
fn parse(name: &str, text: &str) -> Arc<Unit> {
    let path = format!("{name}.toml");
    let loaded = load::parse_one(text.as_bytes(), Path::new(&path), &|_| None, false);
    let words: Vec<String> = loaded.faults.iter().map(|fault| fault.render(false)).collect();
    Arc::clone(loaded.units.first().unwrap_or_else(|| panic!("{}", words.join("\n"))))
}
