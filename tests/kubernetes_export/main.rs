//! Promise: what `supctl export` writes, a Kubernetes of today takes, and what it cannot say, it tells.
//!
//! Three judges that know nothing of the exporter: the schemas of the newest Kubernetes that
//! `kubernetes-validate` (from pip) knows, in strict mode; the rules that no schema says (`rules.rs`, JVL);
//! and PyYAML, which must read from the YAML what the JSON says. They judge the units of `units/`, the good
//! golden ones, and random models of everything that a unit can be (`models.rs`).
#![allow(clippy::unwrap_used)] // A test fails by panic.

mod command;
mod losses;
mod models;
mod round;
mod rules;
mod schema;
#[path = "../e2e/skipped.rs"]
mod skipped;

use std::path::{Path, PathBuf};

use supd::unit::load::{LoadOptions, load};
use supd::unit::model::Unit;

/// All units that the repository shows as good ones, each once for each place.
fn shipped() -> Vec<Unit> {
    let mut places = vec![PathBuf::from("units")];
    let golden = std::fs::read_dir(Path::new("tests/golden/good")).unwrap();
    places.extend(golden.map(|entry| entry.unwrap().path()));
    places.retain(|path| path.is_dir() || path.extension().is_some_and(|ending| ending == "toml"));
    places.sort();
    let environment = |name: &str| (name == "HOME").then(|| "/root".to_owned());
    let mut units = Vec::new();
    for place in places {
        let loaded = load(&LoadOptions {
            paths: &[place],
            must_exist: true,
            instances: &[],
            env: &environment,
            as_root: false,
            look_up: false,
        });
        assert!(!loaded.has_errors());
        units.extend(loaded.units.iter().map(|unit| Unit::clone(unit)));
    }
    assert!(units.len() > 30, "{}", units.len());
    units
}
