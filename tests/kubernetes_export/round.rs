//! There and back: what a unit and a manifest can both say, is the same after units → manifests → units.
//!
//! The unit that is read back is exported again: its manifests are those that it was read from, and nothing
//! is lost a second time. Since an export says all that it does not name as lost, the two units then agree in
//! everything that both can say.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;
use supd::kubernetes::export::{Loss, export};
use supd::kubernetes::yaml;
use supd::unit::diagnostic::{Code, Severity};
use supd::unit::load::parse_one;
use supd::unit::model::Unit;

use crate::models;
use crate::shipped;

/// Random units beside those that are shipped.
const RANDOM: usize = 400;

#[test]
fn what_both_can_say_survives_the_way_there_and_back() {
    let mut runner = TestRunner::deterministic();
    let random = || models::unit().new_tree(&mut runner).unwrap().current();
    let units: Vec<Unit> = shipped().into_iter().chain(std::iter::repeat_with(random).take(RANDOM)).collect();
    let (mut same, mut beyond, mut wrong) = (0, BTreeMap::<String, u32>::new(), Vec::new());
    for unit in &units {
        match back_and_forth(unit) {
            Way::Same => same += 1,
            Way::Beyond(why) => *beyond.entry(why).or_default() += 1,
            Way::Wrong(words) => wrong.push(words),
        }
    }
    eprintln!("{same} units came back; others have something that is not read: {beyond:#?}");
    let count = wrong.len();
    wrong.truncate(5);
    assert!(wrong.is_empty(), "{count} are others now:\n{}", wrong.join("\n=====\n"));
    assert!(same > 300, "{same}");
}

/// How it went.
enum Way {
    /// The same manifests came of it.
    Same,
    /// The unit has something that this build does not read, or that Kubernetes reads as a plain text.
    Beyond(String),
    /// In words.
    Wrong(String),
}

fn back_and_forth(unit: &Unit) -> Way {
    let exported = export(unit, "debian:12", None);
    // A reference to nothing: there to be seen and defined by somebody.
    // So is a Secret that is still to be made.
    let later =
        |loss: &Loss| loss.why.contains("which only you can define") || loss.key.ends_with("env_file");
    if let Some(loss) = exported.losses.iter().find(|loss| later(loss)) {
        let why =
            if loss.key.ends_with("env_file") { "a Secret to be made" } else { "a variable to be defined" };
        return Way::Beyond(why.to_owned());
    }
    let there = exported.objects;
    let text = yaml::documents(&there);
    let back = parse_one(text.as_bytes(), Path::new("all.yaml"), &|_| None, false);
    let errors = || back.faults.iter().filter(|fault| fault.severity == Severity::Error);
    let not_yet = |code: Code| matches!(code, Code::NotYet | Code::ConfigMissing);
    if let Some(fault) = errors().find(|fault| not_yet(fault.code)) {
        return Way::Beyond(fault.message.clone());
    }
    let words: String = errors().map(|fault| fault.render(false)).collect();
    if !words.is_empty() {
        return Way::Wrong(words);
    }
    for again in &back.units {
        let name = again.name.as_str();
        let before = there.iter().find(|object| object["metadata"]["name"] == name).unwrap();
        let again = export(again, "debian:12", None);
        let now: Vec<&Value> = again.objects.iter().filter(|object| object["kind"] != "Secret").collect();
        if now != [before] {
            let now = yaml::documents(now);
            let new: Vec<&str> = now.lines().filter(|line| !text.lines().any(|old| old == *line)).collect();
            let gone: Vec<&str> = text.lines().filter(|line| !now.lines().any(|new| new == *line)).collect();
            let lines = now.lines().count();
            return Way::Wrong(format!("{}: gone {gone:#?}, new {new:#?}, {lines} lines", unit.name));
        }
    }
    let workloads = there.iter().filter(|object| object["kind"] != "Secret").count();
    if back.units.len() != workloads {
        return Way::Wrong(format!("{text}\n{} units came of it", back.units.len()));
    }
    Way::Same
}
