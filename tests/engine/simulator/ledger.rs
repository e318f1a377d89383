//! What really happened, run by run, and what may be said of it. Deliberately naive: nothing here knows how
//! the engine thinks.

use std::collections::{BTreeMap, BTreeSet};

use supd::engine::action::{RunRecord, Spawn};
use supd::engine::event::{Label, Outcome};
use supd::engine::id::{Class, PodUid, RunId};
use supd::engine::time::Now;
use supd::engine::view::{JobOwner, PodView, View};
use supd::unit::model::{Body, Surplus};
use supd::unit::name::UnitName;

use super::units::{Kind, SURGE_MAX};

#[derive(Default)]
pub struct Ledger {
    pub kinds: BTreeMap<UnitName, Kind>,
    pub runs: BTreeMap<RunId, Truth>,
    /// Runs that a manager has sent a signal, whether or not there was a process to hear it.
    pub signalled: BTreeSet<RunId>,
    /// Runs that a manager has decided to end; it may have died before it sent the signal.
    pub condemned: BTreeSet<RunId>,
    /// Pods that were asked to end: what they do before the signal is theirs.
    pub leaving: BTreeSet<PodUid>,
    /// How often the end of a run was stored.
    pub recorded: BTreeMap<RunId, u32>,
    /// Pods of jobs, by the job's name.
    ordered: BTreeMap<String, BTreeSet<PodUid>>,
    /// The job that each slot was given.
    slots: BTreeMap<String, PodUid>,
    /// Units that somebody has deleted, or whose file was removed.
    pub may_go: BTreeSet<UnitName>,
    /// Answers that stand.
    pub intents: BTreeMap<(UnitName, Wish), u32>,
    /// Services and their available pods, as they were last seen.
    before: BTreeMap<UnitName, (u32, BTreeMap<PodUid, u32>)>,
    /// Since then an operator has done something to pods, or one has failed of itself.
    pub excused: bool,
}

/// What an operator has asked for, and was told that it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    Stopped,
    Scaled,
    Suspended,
    Enabled,
}

/// A run, as its process would tell it.
pub struct Truth {
    pub label: Label,
    /// There is, or was, a process.
    pub born: bool,
    pub end: Option<Outcome>,
    /// Nobody was there to see its end.
    pub cut: bool,
}

impl Ledger {
    /// The engine orders a start.
    pub fn on_order(&mut self, spawn: &Spawn) {
        if let Some(job) = &spawn.label.job {
            self.ordered.entry(job.clone()).or_default().insert(spawn.run.pod);
        }
        let unit = &spawn.label.unit;
        let wish = |wish| self.intents.get(&(unit.clone(), wish)).copied();
        assert!(
            wish(Wish::Stopped).is_none() || matches!(self.kinds.get(unit), Some(Kind::Cron(_))),
            "{} is started, and {unit} was stopped",
            spawn.label.pod
        );
        if let (Some(count), Some(ordinal)) = (wish(Wish::Scaled), spawn.label.ordinal) {
            let ours = matches!(&spawn.unit.body, Body::Service(s) if s.rollout.surplus == Surplus::Highest);
            let highest = if ours { count + SURGE_MAX } else { u32::MAX };
            assert!(ordinal < highest, "{} is started, and {unit} was scaled to {count}", spawn.label.pod);
        }
    }

    /// A spawner has read the order: from now on there is, or may be, a process.
    pub fn on_claim(&mut self, run: RunId, label: Label) {
        // What nobody had written down when the keeper died, nobody knows.
        let known = self.runs.get(&run).is_some_and(|truth| !truth.cut);
        assert!(!known, "{run} ({}) is started a second time", label.pod);
        for (other, truth) in self.runs.iter().filter(|(_, truth)| truth.end.is_none() && !truth.cut) {
            let theirs = &truth.label;
            if other.pod == run.pod {
                assert!(other.process != run.process, "two runs of {}: {other}, {run}", label.pod);
                // INI-001: a step runs alone but for sidecars.
                let alone = [other.class, run.class].contains(&Class::Init)
                    && ![other.class, run.class].contains(&Class::Sidecar);
                assert!(!alone, "{other} and {run} of {} side by side", label.pod);
                continue;
            }
            if theirs.unit != label.unit {
                continue;
            }
            let place = label.job.is_none() && theirs.ordinal == label.ordinal;
            assert!(!place, "two copies of {}", label.pod);
            if self.signalled.contains(other) || self.leaving.contains(&other.pod) {
                continue;
            }
            let same_job = label.job.is_some() && theirs.job == label.job;
            let index = same_job && label.ordinal.is_some() && theirs.ordinal == label.ordinal;
            assert!(!index, "index {:?} runs twice: {}, {}", label.ordinal, theirs.pod, label.pod);
            let alone =
                matches!(self.kinds.get(&label.unit), Some(Kind::Cron("Forbid" | "Replace"))) && !same_job;
            if alone && theirs.scheduled.is_some() && label.scheduled.is_some() {
                panic!("{} runs beside {}", label.pod, theirs.pod);
            }
        }
        self.runs.insert(run, Truth { label, born: false, end: None, cut: false });
    }

    pub fn on_born(&mut self, run: RunId) {
        if let Some(truth) = self.runs.get_mut(&run) {
            truth.born = true;
        }
    }

    pub fn on_end(&mut self, run: RunId, outcome: Outcome) {
        if let Some(truth) = self.runs.get_mut(&run) {
            assert!(truth.end.replace(outcome).is_none(), "{run} ends twice");
        }
    }

    /// Nobody will ever tell how it ended.
    pub fn on_cut(&mut self, run: RunId) {
        if let Some(truth) = self.runs.get_mut(&run) {
            truth.cut = true;
        }
    }

    /// The end of a run is stored.
    pub fn on_stored(&mut self, record: &RunRecord) {
        let count = self.recorded.entry(record.run).or_default();
        *count += 1;
        assert_eq!(*count, 1, "the end of {} ({}) is stored twice", record.run, record.pod);
        let truth = self.runs.get(&record.run);
        let cut = truth.is_none_or(|truth| truth.cut);
        match truth.and_then(|truth| truth.end.as_ref()) {
            Some(end) if !cut => {
                assert_eq!(&record.exit.outcome, end, "{} is stored with another end", record.run);
            }
            _ => {
                let unknown = record.exit.outcome == Outcome::Unknown;
                assert!(cut && unknown, "{} ({}) has not ended", record.run, record.pod);
            }
        }
    }

    /// What must hold whenever the engine has come to rest.
    pub fn check(&mut self, view: &View, now: Now) {
        self.leaving.extend(view.pods.iter().filter(|pod| pod.terminating).map(|pod| pod.uid));
        self.check_services(view, now);
        let mut active: BTreeMap<&str, u32> = BTreeMap::new();
        for pod in view.pods.iter().filter(|pod| !pod.terminating) {
            if let Some(job) = &pod.job {
                *active.entry(job).or_default() += 1;
            }
        }
        for job in &view.jobs {
            let pods = active.get(job.name.as_str()).copied().unwrap_or(0);
            // A work queue that has succeeded once takes nothing away (JOB-003).
            let kept = job.completions.is_none() && job.succeeded > 0;
            assert!(pods <= job.parallelism || kept, "{} has {pods} pods at once", job.name);
            assert_eq!(pods, job.active, "{}", job.name);
            let (succeeded, made) = self.job_pods(&job.name);
            assert!(job.succeeded <= succeeded, "{}: {} succeeded", job.name, job.succeeded);
            let counted = job.succeeded + job.failed;
            assert!(counted <= made, "{}: {counted} pods are counted, of {made}", job.name);
            let last = |c: &&supd::engine::view::JobCondition| {
                c.status && ["Complete", "Failed"].contains(&c.kind.as_str())
            };
            let last = job.conditions.iter().filter(last).count();
            assert!(last <= 1, "{} is both complete and failed", job.name);
            assert!(last == 0 || pods == 0, "{} is finished and has pods", job.name);
            if let JobOwner::Schedule(_) = job.owner {
                let ran = self.runs.values().any(|truth| truth.label.job.as_deref() == Some(&job.name));
                let known = self.slots.insert(job.name.clone(), job.uid);
                // Deleted and made again it is another unit, which has given none of its slots.
                let anew = self.may_go.contains(&job.unit);
                assert!(!ran || known == Some(job.uid) || anew, "the slot of {} runs twice", job.name);
            }
        }
        let there = |name: &UnitName| view.units.iter().find(|unit| &unit.name == name);
        self.intents.retain(|(name, wish), _| {
            let is_there = there(name).is_some();
            assert!(is_there || self.may_go.contains(name), "{name} is gone, and {wish:?} was answered");
            is_there
        });
        for ((name, wish), count) in &self.intents {
            let Some(unit) = there(name) else { continue };
            let holds = match wish {
                Wish::Stopped => true,
                Wish::Scaled => unit.service.is_some_and(|s| s.desired == 0 || s.desired == *count),
                Wish::Suspended => unit.cron.as_ref().is_none_or(|cron| cron.suspended == (*count == 1)),
                Wish::Enabled => unit.enabled == (*count == 1),
            };
            assert!(holds, "{name}: {wish:?} {count} was answered, and is not so: {unit:?}");
        }
    }

    /// Never more pods than a rollout may have, and none is taken away that is to be available (DEP-002).
    fn check_services(&mut self, view: &View, now: Now) {
        let mut seen = BTreeMap::new();
        for unit in &view.units {
            let Some(service) = unit.service else { continue };
            let (surge, unavailable) = service.rollout.bounds(service.desired);
            let total = service.replicas + service.done;
            assert!(
                service.desired == 0 || total <= service.desired + surge,
                "{} has {total} pods, and {} are wanted: {service:?}",
                unit.name,
                service.desired
            );
            let own = || view.pods.iter().filter(|pod| pod.unit == unit.name && pod.job.is_none());
            let is_available = |pod: &&PodView| {
                let since = pod.ready_since.filter(|_| pod.ready && !pod.terminating);
                since.is_some_and(|since| since.mono + service.rollout.min_ready <= now.mono)
            };
            // One that was restarted has failed of itself.
            let restarts = |pod: &PodView| pod.processes.iter().map(|process| process.restarts).sum::<u32>();
            let available = own().filter(is_available).map(|pod| (pod.uid, restarts(pod)));
            let available: BTreeMap<PodUid, u32> = available.collect();
            let (desired, before) = self.before.remove(&unit.name).unwrap_or_default();
            let taken = own().any(|pod| pod.terminating && before.get(&pod.uid) == Some(&restarts(pod)));
            let least = service.desired.saturating_sub(unavailable);
            let there = to_u32(available.len()) + service.done;
            let rolls = taken && desired == service.desired && !self.excused && !service.paused;
            assert!(
                !rolls || there >= least,
                "{}: one was taken away that was available, of {least} that are to be there are {there}: {:?}, \
                 before {before:?}",
                unit.name,
                own().map(|pod| (&pod.name, pod.uid, pod.terminating, restarts(pod))).collect::<Vec<_>>()
            );
            seen.insert(unit.name.clone(), (service.desired, available));
        }
        self.before = seen;
        self.excused = false;
    }

    /// Of the pods of jobs of this name: how many have succeeded, and how many there ever were.
    fn job_pods(&self, job: &str) -> (u32, u32) {
        let own = self.runs.iter().filter(|(_, truth)| truth.label.job.as_deref() == Some(job));
        let succeeded =
            own.filter(|(run, truth)| run.class == Class::Main && truth.end == Some(Outcome::Exited(0)));
        (to_u32(succeeded.count()), to_u32(self.ordered.get(job).map_or(0, BTreeSet::len)))
    }
}

pub fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("a simulation is short")
}
