//! Each run once, nobody restarted who was left alone, each exit code in the history.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Account, items};
use crate::ledger::{Ledger, Run};
use crate::processes::members;
use crate::promised::Part;
use crate::units::{CALM_REPLICAS, Group};

/// As many runs as supd keeps in memory: with fewer, all must be there.
const RUNS_KEPT: usize = 2_000;

/// A run that ended this long before supd was asked may not be in the history yet.
const SETTLED_MS: u64 = 2_000;

impl Account<'_> {
    /// Those that nobody touched were started once for each replica, and are still there.
    pub(super) fn runs(&mut self) {
        let alive: Vec<String> = members().into_iter().map(|member| member.run).collect();
        let mut faults = Vec::new();
        for unit in self.units.iter().filter(|unit| unit.group == Group::Calm) {
            let runs: Vec<(&str, &Run)> = self.ledger.of(&unit.name).collect();
            if runs.len() != CALM_REPLICAS {
                faults.push(format!("{}: {} starts for {CALM_REPLICAS} replicas", unit.name, runs.len()));
            }
            for (mark, run) in runs {
                if !alive.iter().any(|other| other == mark) {
                    faults.push(format!("{}: pid {} is gone", run.pod, run.pid));
                }
            }
        }
        // Whom nobody killed ends by itself or is alive. (Operators stop those of Hit, Toy and cronjobs.)
        let left_alone = |group| {
            matches!(group, Group::Calm | Group::Again | Group::Bare | Group::Steady | Group::Dependent)
        };
        let groups: BTreeMap<&str, Group> =
            self.units.iter().map(|unit| (unit.name.as_str(), unit.group)).collect();
        // Read after the look at who is alive: whoever was not has written its last word by now.
        let later = Ledger::read(&self.supd.path().join("own"));
        for mark in self.ledger.runs.keys() {
            let run = &later.runs[mark];
            let own = left_alone(groups[run.unit.as_str()]);
            if own && run.end.is_none() && !alive.contains(mark) {
                faults.push(format!("{mark} of {} (pid {}) ended by nobody's hand", run.pod, run.pid));
            }
        }
        self.count("runs", self.ledger.runs.len());
        self.fault(Part::Runs, faults);
    }

    /// What supd says of how runs ended is how they ended.
    pub(super) fn history(&mut self, history: &Value) {
        let mut faults = Vec::new();
        let mut known: BTreeMap<String, &Value> = BTreeMap::new();
        for item in items(history) {
            let (uid, status) = (item["metadata"]["uid"].as_str().unwrap_or_default(), &item["status"]);
            let mark = format!("{}.0.{}", uid.get(..8).unwrap_or_default(), status["attempt"]);
            if known.insert(mark.clone(), status).is_some() {
                faults.push(format!("{mark} of {} is in the history twice", status["pod"]));
            }
        }
        for (mark, status) in &known {
            let Some(run) = self.ledger.runs.get(mark) else {
                // Killed before it could write anything down; or not started at all.
                if status["exitCode"] == 0 {
                    faults.push(format!("{mark} of {} is in the history, but never ran", status["pod"]));
                }
                continue;
            };
            let told = (status["exitCode"].as_i64(), status["signal"].as_i64());
            let right = match &run.end {
                Some(end) => told == (Some(end.code), None) || self.killed.contains(mark),
                None if self.killed.contains(mark) => told == (Some(137), Some(9)),
                None => told.1.is_some(),
            };
            if !right {
                let own = run.end.as_ref().map(|end| end.code);
                faults.push(format!("{mark} of {}: ended with {own:?}, the history says {told:?}", run.pod));
            }
        }
        let settled = self.asked_ms.saturating_sub(SETTLED_MS);
        let kept = |run: &Run| !run.unit.starts_with("toy");
        let ended = self
            .ledger
            .runs
            .iter()
            .filter(|(_, run)| run.end.as_ref().is_some_and(|end| end.at_ms <= settled) && kept(run));
        let mut ended: Vec<_> =
            ended.map(|(mark, run)| (run.end.as_ref().map(|end| end.at_ms), mark, run)).collect();
        ended.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        // With a margin for those that are the toys'.
        let must = if known.len() >= RUNS_KEPT { RUNS_KEPT / 2 } else { ended.len() };
        for (_, mark, run) in ended.into_iter().take(must) {
            if !known.contains_key(mark) {
                faults.push(format!("{mark} of {} has ended and is not in the history", run.pod));
            }
        }
        self.count("exit codes in the history", known.len());
        self.fault(Part::History, faults);
    }

    /// What has `OnFailure` or `Never` has run as often as it says, and not once more.
    pub(super) fn bare_pods(&mut self) {
        let mut faults = Vec::new();
        for unit in self.units.iter().filter(|unit| unit.group == Group::Bare) {
            let runs: Vec<(&str, &Run)> = self.ledger.of(&unit.name).collect();
            let codes: Vec<Option<i64>> =
                runs.iter().map(|(_, run)| run.end.as_ref().map(|end| end.code)).collect();
            let right = match codes.as_slice() {
                [Some(_)] => unit.never,
                [Some(3), Some(3), Some(3), Some(0)] => !unit.never,
                // Still at it.
                [.., None] => true,
                _ => false,
            };
            if !right {
                faults.push(format!("{} ended with {codes:?}", unit.name));
            }
        }
        self.fault(Part::Counts, faults);
    }
}
