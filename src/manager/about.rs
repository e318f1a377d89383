//! What an event is about, should the manager die of it: a name for people, and a fingerprint by which it is
//! known when it comes again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::engine::event::{Command, Event, Target};
use crate::engine::id::{PodUid, RunId};
use crate::unit::name::UnitName;

use super::facts::PodFacts;

/// An event, in so far as it may be to blame.
pub(super) struct About<'a> {
    pub(super) fingerprint: u64,
    pub(super) point: &'static str,
    /// `exit of `
    pub(super) what: &'static str,
    /// Nothing where it belongs to none.
    pub(super) unit: &'a str,
    /// A pod, a unit, or nothing.
    pub(super) subject: &'a str,
}

/// What an event is about. Nothing here costs more than some nanoseconds, but for an operator's wish.
pub(super) fn about<'a>(pods: &'a HashMap<PodUid, Box<PodFacts>>, event: &'a Event) -> About<'a> {
    let of_run = |point, what, run: RunId, more: &str| {
        let facts = pods.get(&run.pod);
        let unit = facts.map_or("", |facts| facts.unit.name.as_str());
        let subject = facts.map_or("", |facts| facts.label.pod.as_str());
        About { fingerprint: fingerprint((point, run, more)), point, what, unit, subject }
    };
    let of_unit = |fingerprint, unit: Option<&'a str>| {
        let unit = unit.unwrap_or_default();
        About { fingerprint, point: "command", what: "a wish about ", unit, subject: unit }
    };
    let of_supd =
        |what| About { fingerprint: fingerprint(what), point: "other", what, unit: "", subject: "" };
    match event {
        Event::Started { run, .. } => of_run("started", "start of ", *run, ""),
        Event::Exited { run, .. } => of_run("exit", "exit of ", *run, ""),
        Event::Probed { run, probe, good, .. } => {
            of_run("probed", "a probe of ", *run, &format!("{probe:?} {good}"))
        }
        Event::ProbeFailed { run, probe, .. } => {
            of_run("probe-failed", "a failed probe of ", *run, &format!("{probe:?}"))
        }
        Event::Hooked { run, hook, .. } => of_run("hooked", "a hook of ", *run, &format!("{hook:?}")),
        Event::StatusText { run, text } => of_run("status", "status text of ", *run, text),
        Event::Lingers { run, left } => of_run("lingers", "what is left of ", *run, &format!("{left:?}")),
        Event::Command { command, .. } => {
            of_unit(fingerprint(("command", format!("{command:?}"))), unit_of(command))
        }
        Event::Lifted { unit, .. } => of_unit(fingerprint(("lifted", unit.as_str())), Some(unit.as_str())),
        Event::Begin { .. } => of_supd("the start"),
        Event::Loaded { .. } => of_supd("a load of units"),
        Event::Deadline => of_supd("a deadline"),
        Event::ClockStepped => of_supd("a step of the clock"),
        Event::Shutdown { .. } => of_supd("the end"),
    }
}

/// The same for the same thing in every manager of one build.
fn fingerprint(about: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    about.hash(&mut hasher);
    hasher.finish().max(1)
}

pub(super) fn start_of(unit: &UnitName) -> u64 {
    fingerprint(("order", unit.as_str()))
}

/// The unit that a wish names.
pub(super) fn unit_of(command: &Command) -> Option<&str> {
    match command {
        Command::Start(unit)
        | Command::Stop(unit)
        | Command::Restart(unit)
        | Command::Pause(unit)
        | Command::Unpause(unit)
        | Command::DeleteUnit(unit) => Some(unit.as_str()),
        Command::Kill { target: Target::Unit(unit), .. }
        | Command::Scale { unit, .. }
        | Command::Undo { unit, .. }
        | Command::Enable { unit, .. }
        | Command::CreateJob { from: unit, .. }
        | Command::ResetFailed(Some(unit)) => Some(unit.as_str()),
        Command::Suspend(name) | Command::Resume(name) | Command::DeleteJob(name) => Some(name),
        Command::Run(unit) => Some(unit.name.as_str()),
        Command::Kill { target: Target::Pod(_), .. }
        | Command::StopPod(_)
        | Command::HastenPod { .. }
        | Command::RestartPod(_)
        | Command::ResetFailed(None) => None,
    }
}
