//! Kubernetes' rules by number: what supd is held to, and the tests that hold it.
//!
//! `rules/` lists every rule in a sentence, with what supd makes of it. A test that shows a rule carries its
//! number in its name, wherever it stands: `fn job_040_a_limit_of_zero_allows_one_attempt()`, or several,
//! `fn job_003_004_…`; so `cargo test job_040` runs all there is about one. `checks` compares list, tests and
//! manual; a test of what is not built yet is ignored, and its rule says so. The scenarios in the chapters below were written from the rules, not from the code that follows
//! them; they use the world of `tests/engine`, with its own clock.
// A test has no public face, and fails by panic.
#![allow(unreachable_pub, clippy::unwrap_used)]

mod backoff;
mod checks;
mod conditions;
mod cronjobs;
mod deadline;
mod indexed;
mod jobs;
mod list;
mod look;
mod manual;
mod output;
mod phase;
mod policies;
mod probes;
mod replicas;
mod restart;
mod schedule;
mod sidecars;
mod sources;
mod states;
mod termination;
mod validation;

#[allow(dead_code, reason = "the world of tests/engine; not all of it is needed here")]
#[path = "../engine/outside.rs"]
mod outside;
#[allow(dead_code, reason = "see outside")]
#[path = "../engine/store.rs"]
mod store;
#[allow(dead_code, reason = "see outside")]
#[path = "../engine/world/mod.rs"]
mod world;

use std::path::Path;
use std::sync::Arc;

use supd::unit::load;
use supd::unit::model::Unit;

/// What is said of a unit's text: the unit, or the faults in words.
fn load(name: &str, text: &str) -> Result<Arc<Unit>, String> {
    let path = format!("{name}.toml");
    let loaded = load::parse_one(text.as_bytes(), Path::new(&path), &|_| None, false);
    let words: Vec<String> = loaded.faults.iter().map(|fault| fault.render(false)).collect();
    loaded.units.first().map(Arc::clone).ok_or_else(|| words.join("\n"))
}

/// A unit from its text; the text must be right.
fn parse(name: &str, text: &str) -> Arc<Unit> {
    load(name, text).unwrap_or_else(|words| panic!("{words}"))
}
