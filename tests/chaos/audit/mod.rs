//! supd's account of what happened, compared with what the programs wrote down.

mod jobs;
mod logs;
mod running;
mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::clients::Intent;
use super::ledger::Ledger;
use super::processes;
use super::program::now_ms;
use super::promised::Part;
use super::space::Supd;
use super::units::Unit;

/// Faults of one part that are told in full.
const TOLD_MAX: usize = 12;

/// Descriptors that may have come since: a role may have more of its own open than at its beginning.
const LEVEL_SLACK: usize = 8;

/// What an audit found.
pub type Faults = Vec<(Part, String)>;

pub struct Account<'a> {
    supd: &'a Supd,
    units: &'a [Unit],
    /// Run marks of programs that the trouble has killed.
    killed: &'a BTreeSet<String>,
    ledger: Ledger,
    logs: PathBuf,
    /// When supd was asked for its history, as the ledger tells time.
    asked_ms: u64,
    faults: Faults,
    /// How much was looked at.
    counted: BTreeMap<&'static str, u64>,
}

/// What a client printed that was there all the time.
pub struct Followed {
    pub lived: bool,
    pub lines: String,
}

impl<'a> Account<'a> {
    pub fn new(supd: &'a Supd, units: &'a [Unit], killed: &'a BTreeSet<String>) -> Self {
        let (ledger, logs) = (Ledger::default(), supd.path().join("log"));
        Self { supd, units, killed, ledger, logs, asked_ms: 0, faults: Vec::new(), counted: BTreeMap::new() }
    }

    /// Looks at everything that can be seen while supd runs.
    pub fn take(&mut self, intents: &BTreeMap<String, Intent>, suspends: &BTreeMap<String, u64>) {
        self.who_is_alive();
        let first = self.look();
        self.runs();
        self.history(&first);
        self.job_counts(suspends);
        self.cron_slots();
        self.bare_pods();
        self.intents(intents);
        self.log_lines();
    }

    /// Reads the ledger once supd has said what it knows: whatever ends later is in neither's account.
    fn look(&mut self) -> Value {
        // Before, since the answer may take its time on a busy machine.
        self.asked_ms = now_ms();
        let history = self.supd.json("get runs");
        self.ledger = Ledger::read(&self.supd.path().join("own"));
        let own = std::mem::take(&mut self.ledger.faults);
        self.fault(Part::Runs, own);
        history
    }

    pub fn compare_levels(&mut self, before: [usize; 2], after: [usize; 2]) {
        for (role, (before, after)) in ["keeper", "manager"].into_iter().zip(before.into_iter().zip(after)) {
            println!("descriptors of the {role}: {before} before, {after} after");
            if after > before + LEVEL_SLACK {
                self.fault(Part::Processes, [format!("the {role} has {after} descriptors, had {before}")]);
            }
        }
    }

    pub fn fault(&mut self, part: Part, faults: impl IntoIterator<Item = String>) {
        self.faults.extend(faults.into_iter().map(|fault| (part, fault)));
    }

    fn count(&mut self, what: &'static str, number: usize) {
        *self.counted.entry(what).or_default() += number as u64;
    }

    /// All that was found.
    pub fn end(self) -> Faults {
        let counted: Vec<String> =
            self.counted.iter().map(|(what, number)| format!("{number} {what}")).collect();
        println!("audited: {}", counted.join(", "));
        self.faults
    }
}

/// Processes of units that are alive after supd has ended.
pub fn left_behind() -> Vec<String> {
    let left = processes::pids().into_iter().filter(|pid| *pid != 1 && *pid != std::process::id() as i32);
    left.map(|pid| format!("{pid} {}", processes::command_line(pid))).collect()
}

/// Tells what was found, and whether the test has failed.
pub fn tell(faults: Faults, code: i32, left: &[String]) -> bool {
    let mut parts: BTreeMap<Part, Vec<String>> = BTreeMap::new();
    for (part, fault) in faults {
        parts.entry(part).or_default().push(fault);
    }
    if code != 0 || !left.is_empty() {
        let all = parts.entry(Part::Processes).or_default();
        all.push(format!("supd ended with {code} and left {left:?}"));
    }
    let mut failed = false;
    for (part, faults) in parts {
        failed |= part.is_promised();
        let word = if part.is_promised() { "FAULT" } else { "not promised yet" };
        println!("{word}: {part:?}: {}", faults.len());
        for fault in faults.iter().take(TOLD_MAX) {
            println!("    {fault}");
        }
    }
    failed
}

/// The items of a list.
fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}
