//! Job counts and cron slots: neither twice nor forgotten. And what operators asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, items};
use crate::clients::Intent;
use crate::ledger::Run;
use crate::processes::members;
use crate::promised::Part;
use crate::units::{Group, Unit};

impl Account<'_> {
    /// Each job has exactly as many successes as it wants, and says so.
    pub(super) fn job_counts(&mut self, suspends: &BTreeMap<String, u64>) {
        let mut faults = Vec::new();
        let mut completions = 0;
        let jobs = self.units.iter().filter(|unit| {
            matches!(unit.group, Group::Steady | Group::Hit)
                || unit.group == Group::Dependent && unit.text.contains("[job]")
        });
        for unit in jobs {
            let runs: Vec<(&str, &Run)> = self.ledger.of(&unit.name).collect();
            let well = runs.iter().filter(|(_, run)| run.end.as_ref().is_some_and(|end| end.code == 0));
            let well: Vec<&(&str, &Run)> = well.collect();
            completions += well.len();
            // One that was killed after its last word has failed, whatever that was.
            let doubtful = well.iter().filter(|(mark, _)| self.killed.contains(*mark)).count() as u64;
            let count = well.len() as u64;
            if !(unit.completions..=unit.completions + doubtful).contains(&count) {
                faults.push(format!("{}: {count} successes for {} completions", unit.name, unit.completions));
            }
            faults.extend(indexes(unit, &well, self.killed));
            let suspended = suspends.get(&unit.name).copied().unwrap_or(0);
            faults.extend(self.told_counts(unit, &runs, doubtful, suspended));
        }
        self.count("completions", completions);
        self.fault(Part::Counts, faults);
    }

    /// The job's own status against the ledger.
    fn told_counts(&self, unit: &Unit, runs: &[(&str, &Run)], doubtful: u64, suspended: u64) -> Vec<String> {
        let job = self.supd.json(&format!("get job {}", unit.name));
        let status = &job["status"];
        let mut faults = Vec::new();
        if status["succeeded"].as_u64() != Some(unit.completions) {
            faults.push(format!(
                "{} says {} succeeded of {}",
                unit.name, status["succeeded"], unit.completions
            ));
        }
        let failed = runs.iter().filter(|(mark, run)| match &run.end {
            Some(end) => end.code != 0,
            None => self.killed.contains(*mark),
        });
        let failed = if unit.never { failed.count() as u64 } else { 0 };
        let told = status["failed"].as_u64().unwrap_or(u64::MAX);
        // A run that was killed before its first note has failed, too; only Hit has such.
        let unseen = if unit.group == Group::Hit { self.killed.len() as u64 } else { 0 };
        // One that failed just as it was asked to end, for a suspend, is not counted (JOB-081); two at once may.
        let excused = 2 * suspended;
        if !(failed.saturating_sub(excused)..=failed + doubtful + unseen).contains(&told) {
            faults.push(format!("{} says {told} failed, its programs say {failed}", unit.name));
        }
        if unit.indexed {
            let all = match unit.completions {
                1 => "0".to_owned(),
                2 => "0,1".to_owned(),
                count => format!("0-{}", count - 1),
            };
            if status["completedIndexes"].as_str() != Some(&all) {
                faults.push(format!("{} says {} are complete", unit.name, status["completedIndexes"]));
            }
        }
        faults
    }

    /// No time of a calendar has two jobs, and no job has run twice.
    pub(super) fn cron_slots(&mut self) {
        let mut faults = Vec::new();
        let mut slots: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (mark, run) in &self.ledger.runs {
            if run.scheduled != "-" {
                slots.entry((&run.unit, &run.scheduled)).or_default().push(mark);
            }
        }
        for ((unit, slot), marks) in &slots {
            if marks.len() > 1 {
                faults.push(format!("{unit} has run {} times for {slot}: {marks:?}", marks.len()));
            }
        }
        let silent = self.units.iter().filter(|unit| unit.group == Group::Cron);
        for unit in silent.filter(|unit| !slots.keys().any(|(name, _)| *name == unit.name)) {
            faults.push(format!("{} has never run", unit.name));
        }
        let jobs = self.supd.json("get jobs");
        let mut told = 0;
        for job in items(&jobs).iter().filter(|job| job["metadata"]["ownerReferences"].is_array()) {
            let name = job["metadata"]["name"].as_str().unwrap_or_default();
            let pod = format!("{name}-0");
            let Some(run) = self.ledger.runs.values().find(|run| run.pod == pod) else { continue };
            let Some(end) = &run.end else { continue };
            let (succeeded, failed) = (&job["status"]["succeeded"], &job["status"]["failed"]);
            let right = if end.code == 0 { (1, 0) } else { (0, 1) };
            told += 1;
            if (succeeded.as_u64(), failed.as_u64()) != (Some(right.0), Some(right.1)) {
                faults.push(format!("{name} says {succeeded} and {failed}, its program {}", end.code));
            }
        }
        self.count("cron slots", slots.len());
        self.count("cron jobs told", told);
        self.fault(Part::Counts, faults);
    }

    /// What the last successful verb asked for is so.
    pub(super) fn intents(&mut self, intents: &BTreeMap<String, Intent>) {
        let mut faults = Vec::new();
        let all = members();
        let alive = |unit: &str| all.iter().filter(|member| member.unit == unit).count() as u64;
        let mut known = 0;
        for (unit, intent) in intents {
            let fault = match intent {
                Intent::Unknown => continue,
                Intent::Stopped => (alive(unit) != 0).then(|| format!("{} alive", alive(unit))),
                Intent::Running(pods) => (alive(unit) != *pods).then(|| format!("{} alive", alive(unit))),
                // Jobs were resumed since.
                Intent::Suspended | Intent::Resumed if unit.starts_with("hit") => continue,
                Intent::Suspended | Intent::Resumed => {
                    let told = self.supd.json(&format!("get cronjob {unit}"))["spec"]["suspend"].clone();
                    (told != (*intent == Intent::Suspended)).then(|| format!("suspend is {told}"))
                }
            };
            known += 1;
            faults.extend(fault.map(|fault| format!("{unit} should be {intent:?}: {fault}")));
        }
        self.count("intents", known);
        self.fault(Part::Intents, faults);
    }
}

/// Each index is completed once.
fn indexes(unit: &Unit, well: &[&(&str, &Run)], killed: &BTreeSet<String>) -> Vec<String> {
    if !unit.indexed {
        return Vec::new();
    }
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (mark, run) in well {
        if !killed.contains(*mark) {
            seen.entry(&run.ordinal).or_default().push(mark);
        }
    }
    let twice = seen.iter().filter(|(_, marks)| marks.len() > 1);
    twice.map(|(index, marks)| format!("{}: index {index} is completed by {marks:?}", unit.name)).collect()
}
