//! What must be true of a site that has come to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use supd::engine::event::Outcome;
use supd::engine::id::{Class, PodUid, RunId};
use supd::engine::view::{JobView, PodView, ProcessState, UnitState, View};
use supd::unit::model::{Part, PodTemplate};

use supd::unit::model::{FailureAction, FailureRule, FailureWhen, Operator};

use super::ledger::{Truth, to_u32};
use super::life::Life;

impl Life {
    pub fn judge(&self) {
        let Some(manager) = &self.site.manager else { panic!("there is no manager") };
        let view = manager.engine.view();
        self.every_end_is_stored();
        self.histories(&view);
        if self.profile.people {
            return;
        }
        view.jobs.iter().for_each(|job| self.job_has_come_to_its_end(job, &view));
        if !self.profile.worse {
            self.services_have_one_pod_a_place();
            view.pods.iter().for_each(|pod| self.restarts_are_those_that_were(pod));
        }
    }

    fn truths(&self) -> impl Iterator<Item = (&RunId, &Truth)> {
        self.site.ledger.runs.iter()
    }

    /// Somebody has decided that it is to end; whether or not anybody could act on that.
    fn was_to_end(&self, run: &RunId) -> bool {
        self.site.ledger.signalled.contains(run) || self.site.ledger.condemned.contains(run)
    }

    /// Each run whose end somebody saw has one record.
    fn every_end_is_stored(&self) {
        for (run, truth) in self.truths().filter(|(_, truth)| truth.end.is_some() && !truth.cut) {
            let stored = self.site.ledger.recorded.contains_key(run);
            // A unit whose file went while supd was down has nobody who would want to know.
            assert!(stored || self.profile.people, "the end of {run} ({}) is not stored", truth.label.pod);
        }
    }

    /// Nothing is kept that no history knows, and no more than it should.
    fn histories(&self, view: &View) {
        let mut known = BTreeSet::new();
        for facts in self.site.stored.job_facts() {
            for list in ["kept_succeeded", "kept_failed"] {
                known.extend(uids(&facts[list], 0));
            }
        }
        let stored: BTreeSet<PodUid> = self.site.final_pods.keys().copied().collect();
        assert!(known.is_subset(&stored), "jobs know {known:?}, stored is {stored:?}");
        for facts in self.site.stored.unit_facts() {
            let service = &facts["kind"]["Service"];
            known.extend(uids(&service["past"], 0));
            for done in service["done"].as_array().into_iter().flatten() {
                known.extend(done[1]["uid"].as_u64().map(PodUid));
            }
        }
        // A service may know pods that were cut off, and have logs and no record.
        assert!(stored.is_subset(&known), "stored is {stored:?}, and histories know {known:?}");
        for job in &view.jobs {
            let kept = self.site.final_pods.values().filter(|of| of.as_deref() == Some(&job.name)).count();
            let unit = manager_unit(self, job);
            let most = unit.as_ref().and_then(|unit| unit.job()).map_or(0, |spec| spec.keep_pods as usize);
            assert!(kept <= most || self.profile.people, "{} keeps {kept} pods", job.name);
        }
        for unit in view.units.iter().filter(|unit| unit.cron.is_some()) {
            let Some(cron) = cron_of(self, unit) else { continue };
            for (kind, most) in [("Complete", cron.0), ("Failed", cron.1)] {
                let ended = |job: &&JobView| job.conditions.iter().any(|c| c.kind == kind && c.status);
                let kept = view.jobs.iter().filter(|job| job.unit == unit.name).filter(ended).count();
                assert!(kept <= most, "{} keeps {kept} jobs, {kind}", unit.name);
            }
        }
    }

    /// All programs succeeded in the end, so no job is left on its way; and its pods are all counted, once.
    fn job_has_come_to_its_end(&self, job: &JobView, view: &View) {
        let unit = view.units.iter().find(|unit| unit.name == job.unit);
        let waits = unit.is_some_and(|unit| !unit.waiting_for.is_empty());
        if job.parallelism == 0
            || job.suspended
            || waits
            || unit.is_some_and(|unit| unit.state == UnitState::Waiting)
        {
            return;
        }
        // Sidecars that don't obey take their grace, pod after pod.
        let young = self.site.now.mono.since(job.created.mono) < Duration::from_secs(240);
        let mut pods = view.pods.iter().filter(|pod| pod.job.as_deref() == Some(&job.name));
        let sidecars_left = pods.any(is_done);
        if sidecars_left
            || (young && manager_unit(self, job).is_some_and(|unit| unit.pod().is_some_and(has_sidecars)))
        {
            return;
        }
        let held = |kind: &str| job.conditions.iter().any(|c| c.kind == kind && c.status);
        assert!(held("Complete") || held("Failed"), "{} is not at its end: {job:?}", job.name);
        if self.profile.worse {
            return;
        }
        let own = self.truths().filter(|(_, truth)| truth.label.job.as_deref() == Some(&job.name));
        let mut pods: BTreeMap<PodUid, (bool, bool)> = BTreeMap::new();
        for (run, truth) in own {
            let pod = pods.entry(run.pod).or_default();
            pod.0 |= run.class == Class::Main && truth.end == Some(Outcome::Exited(0));
            pod.1 |= run.class != Class::Sidecar && self.was_to_end(run);
            // Asked to end when only its sidecars were left: its job may count it either way.
            pod.1 |= self.site.ledger.leaving.contains(&run.pod);
        }
        let (all, counted) = (to_u32(pods.len()), job.succeeded + job.failed);
        let good = to_u32(pods.values().filter(|(good, _)| *good).count());
        let surely = to_u32(pods.values().filter(|(good, signalled)| *good && !signalled).count());
        let early = reason(job) == "SuccessPolicy";
        let rulings = self.rulings(job);
        let counted = counted + to_u32(rulings.iter().filter(|(_, _, action)| *action == "Ignore").count());
        // A manager that dies before it has stored why a run is to end, and sent the signal, leaves an end like
        // any other: the next one may pass over what this one would have counted.
        let either = rulings.iter().filter(|(_, _, action)| *action == "unclear").count();
        let either = if job.failure_policy.is_empty() { 0 } else { to_u32(either) };
        // One index, one success (IDX-005). A pod may fail with its job before it ever had a process.
        assert!(counted + either >= all || job.indexed, "{}: {counted} of {all} pods are counted", job.name);
        assert!(
            (counted..=counted + either).contains(&all) || held("Failed") || early,
            "{}: {counted} of {all} pods are counted",
            job.name
        );
        // What was on its way out when enough had succeeded counts no more (SUC-003).
        let surely = if early { 0 } else { surely };
        assert!((surely..=good).contains(&job.succeeded), "{}: {} of {good}", job.name, job.succeeded);
        if reason(job) == "FailedIndexes" {
            self.failed_indexes_are_those_that_failed(job, &rulings);
        }
        if early {
            let rule = &job.success_policy[0];
            assert!(rule.count.is_none_or(|count| job.succeeded >= count), "{job:?}");
            return;
        }
        if job.indexed && held("Complete") {
            let indexes: BTreeSet<u32> = self
                .truths()
                .filter(|(run, truth)| {
                    truth.label.job.as_deref() == Some(&job.name)
                        && run.class == Class::Main
                        && truth.end == Some(Outcome::Exited(0))
                })
                .filter_map(|(_, truth)| truth.label.ordinal)
                .collect();
            assert_eq!(job.completed_indexes, words(&indexes), "{}", job.name);
        }
    }

    /// What the failure policy says of each pod that failed of itself: pod, index, action.
    fn rulings(&self, job: &JobView) -> Vec<(PodUid, Option<u32>, &'static str)> {
        let mut last: BTreeMap<PodUid, (&RunId, &Truth)> = BTreeMap::new();
        for (run, truth) in self.truths().filter(|(_, t)| t.label.job.as_deref() == Some(&job.name)) {
            let known = last.entry(run.pod).or_insert((run, truth));
            if (run.process, run.attempt) >= (known.0.process, known.0.attempt) {
                *known = (run, truth);
            }
        }
        let mut rulings = Vec::new();
        for (pod, (run, truth)) in last {
            let Some(end) = &truth.end else { continue };
            if *end != Outcome::Exited(0) {
                let rule = |by_supd| action_for(&job.failure_policy, run.class == Class::Main, end, by_supd);
                let surely = self.site.ledger.signalled.contains(run);
                let unclear = self.was_to_end(run) && !surely || self.site.ledger.leaving.contains(&pod);
                rulings.push((pod, truth.label.ordinal, if unclear { "unclear" } else { rule(surely) }));
            }
        }
        rulings
    }

    /// After its limit and one more, or at once where a rule says so (BPI-001, PFP-003).
    fn failed_indexes_are_those_that_failed(
        &self,
        job: &JobView,
        rulings: &[(PodUid, Option<u32>, &'static str)],
    ) {
        let limit = job.backoff_limit_per_index.expect("else no index fails") as usize;
        let failed = |index: u32, passed_over: &[&str]| {
            let own = || rulings.iter().filter(|(_, of, _)| of == &Some(index)).map(|(_, _, action)| *action);
            let failures = own().filter(|action| !passed_over.contains(action)).count();
            failures > limit || own().any(|action| action == "FailIndex")
        };
        let named = job.failed_indexes.as_deref().unwrap_or_default();
        for index in 0..job.completions.unwrap_or(0) {
            let is_named = numbers(named).contains(&index);
            let (surely, perhaps) = (failed(index, &["Ignore", "unclear"]), failed(index, &["Ignore"]));
            assert!(surely <= is_named && is_named <= perhaps, "{}: {index}, of {named}", job.name);
        }
    }

    /// A death of a manager is no reason for another pod.
    fn services_have_one_pod_a_place(&self) {
        let mut places: BTreeMap<(String, Option<u32>), PodUid> = BTreeMap::new();
        for (run, truth) in self.truths().filter(|(_, truth)| truth.label.job.is_none()) {
            let place = (truth.label.unit.to_string(), truth.label.ordinal);
            let pod = places.entry(place).or_insert(run.pod);
            assert_eq!(*pod, run.pod, "{} was made anew", truth.label.pod);
        }
    }

    /// `restartCount` is the number of runs that came after another, and not for want of room.
    fn restarts_are_those_that_were(&self, pod: &PodView) {
        for (place, process) in pod.processes.iter().enumerate() {
            let own: Vec<(&RunId, &Truth)> = self
                .truths()
                .filter(|(run, _)| run.pod == pod.uid && usize::from(run.process) == place)
                .collect();
            let again = own
                .windows(2)
                .filter(|pair| !matches!(pair[0].1.end, Some(Outcome::NotStarted { exhausted: true, .. })));
            assert_eq!(process.restarts, to_u32(again.count()), "restarts of {} {}", pod.name, process.name);
        }
    }
}

/// Why it is at its end.
fn reason(job: &JobView) -> &str {
    let ended =
        |c: &&supd::engine::view::JobCondition| c.status && ["Complete", "Failed"].contains(&c.kind.as_str());
    job.conditions.iter().find(ended).map_or("", |condition| condition.reason.as_str())
}

/// The first rule that matches (PFP-001), the slow way.
fn action_for(rules: &[FailureRule], main: bool, end: &Outcome, by_supd: bool) -> &'static str {
    let (code, signal) = match end {
        Outcome::Exited(code) => (*code, None),
        Outcome::Signaled { signal, .. } => (128 + signal, Some(*signal)),
        Outcome::NotStarted { .. } => (128, None),
        Outcome::OutOfMemory => (137, Some(9)),
        Outcome::Unknown => (137, None),
    };
    for rule in rules {
        let matches = match &rule.when {
            FailureWhen::ExitCodes { process, codes } => {
                let meant = process.as_deref().is_none_or(|name| (name == "main") == main);
                meant && codes.values.contains(&code) == (codes.operator == Operator::In)
            }
            FailureWhen::Signal(signals) => {
                !by_supd && signal.is_some_and(|signal| signals.contains(&signal))
            }
            FailureWhen::Oom | FailureWhen::Deleted => false,
        };
        if matches {
            return match rule.action {
                FailureAction::FailJob => "FailJob",
                FailureAction::FailIndex => "FailIndex",
                FailureAction::Ignore => "Ignore",
                FailureAction::Count => "Count",
            };
        }
    }
    "Count"
}

/// Its application has ended.
fn is_done(pod: &PodView) -> bool {
    let mut application = pod.processes.iter().filter(|process| process.class == Class::Main);
    application.all(|process| matches!(process.state, ProcessState::Terminated(_)))
}

fn has_sidecars(pod: &PodTemplate) -> bool {
    pod.init.iter().any(|process| process.part == Part::Sidecar)
}

fn manager_unit(life: &Life, job: &JobView) -> Option<std::sync::Arc<supd::unit::model::Unit>> {
    life.site.manager.as_ref()?.engine.unit(&job.unit).cloned()
}

/// How many finished jobs a cronjob keeps: complete ones, failed ones.
fn cron_of(life: &Life, unit: &supd::engine::view::UnitView) -> Option<(usize, usize)> {
    match &life.site.manager.as_ref()?.engine.unit(&unit.name)?.body {
        supd::unit::model::Body::CronJob(cron) => {
            Some((cron.successful_history as usize, cron.failed_history as usize))
        }
        _ => None,
    }
}

fn uids(list: &serde_json::Value, at: usize) -> impl Iterator<Item = PodUid> + '_ {
    list.as_array().into_iter().flatten().filter_map(move |entry| entry[at].as_u64().map(PodUid))
}

/// What Kubernetes' notation names.
fn numbers(words: &str) -> BTreeSet<u32> {
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let ranges = words.split(',').filter(|part| !part.is_empty());
    let ranges = ranges.map(|part| part.split_once('-').unwrap_or((part, part)));
    ranges.flat_map(|(from, to)| number(from)..=number(to)).collect()
}

/// Kubernetes' notation, the slow way.
fn words(indexes: &BTreeSet<u32>) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest: Vec<u32> = indexes.iter().copied().collect();
    while let Some(first) = rest.first().copied() {
        let length = rest.iter().zip(first..).take_while(|(have, want)| **have == *want).count();
        let last = rest[length - 1];
        words.push(match length {
            1 => format!("{first}"),
            2 => format!("{first},{last}"),
            _ => format!("{first}-{last}"),
        });
        rest.drain(..length);
    }
    words.join(",")
}
