//! What an orchestrator asks: does supd live (`/livez`, `/healthz`), and is what should be up ready (`/readyz`)?
//!
//! Answered in Kubernetes' own words: `ok`, or a line for each check. Not ready are services and targets that are not
//! as they should be, whatever waits for its turn, and a unit that could not be loaded. A job or cronjob that has failed is no reason to send a
//! container no more requests: `is-system-running` tells of it.

use std::fmt::Write;

use hyper::StatusCode;

use crate::engine::view::{UnitState, UnitView};
use crate::unit::model::Kind;

/// Which question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The last step of its path.
    pub name: &'static str,
    /// The manager must look at the units; else it is enough that we answer.
    pub of_units: bool,
    /// A line for each check that is good, too.
    pub verbose: bool,
}

/// The checks: what each is called, and its trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health(Vec<(String, Option<String>)>);

impl Check {
    /// By the step of a path.
    pub fn named(step: &str) -> Option<Self> {
        ["healthz", "livez", "readyz"].into_iter().find(|name| *name == step).map(|name| Self {
            name,
            of_units: name == "readyz",
            verbose: false,
        })
    }
}

impl Health {
    /// Of a supd that answers.
    pub fn alive() -> Self {
        Self(vec![("supd".to_owned(), None)])
    }

    /// Of everything that should be up. `not_loaded`: files or units that have faults, and which.
    pub fn of(units: &[UnitView], not_loaded: Vec<(String, String)>, ending: bool) -> Self {
        let supd = ("supd".to_owned(), ending.then(|| "is ending".to_owned()));
        let units = units.iter().map(|unit| (unit.name.to_string(), trouble(unit)));
        let not_loaded = not_loaded.into_iter().map(|(name, why)| (name, Some(why)));
        Self(std::iter::once(supd).chain(units).chain(not_loaded).collect())
    }

    /// The answer to a check.
    pub fn answer(&self, check: Check) -> (StatusCode, String) {
        let good = self.0.iter().all(|(_, trouble)| trouble.is_none());
        let code = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        if good && !check.verbose {
            return (code, "ok\n".to_owned());
        }
        let mut text = String::new();
        for (name, trouble) in &self.0 {
            // A String takes everything.
            let _ = match trouble {
                None => writeln!(text, "[+]{name} ok"),
                Some(trouble) => writeln!(text, "[-]{name} failed: {trouble}"),
            };
        }
        let _ = writeln!(text, "{} check {}", check.name, if good { "passed" } else { "failed" });
        (code, text)
    }
}

/// Why a unit is not as it should be.
fn trouble(unit: &UnitView) -> Option<String> {
    let is_to_stay = matches!(unit.kind, Kind::Service | Kind::Target);
    let is_bad = match unit.state {
        UnitState::Starting | UnitState::Waiting => true,
        UnitState::Degraded | UnitState::CrashLoopBackOff | UnitState::Failed => is_to_stay,
        UnitState::Running
        | UnitState::Stopping
        | UnitState::Stopped
        | UnitState::Complete
        | UnitState::Suspended
        | UnitState::Armed
        | UnitState::Disabled => false,
    };
    let mut words = unit.state.as_str().to_owned();
    if let Some(desired) = unit.desired.filter(|_| unit.kind == Kind::Service) {
        // A String takes everything.
        let _ = write!(words, ", {} of {desired} ready", unit.ready);
    }
    if !unit.reason.is_empty() {
        let _ = write!(words, ": {}", unit.reason);
    }
    is_bad.then_some(words)
}
