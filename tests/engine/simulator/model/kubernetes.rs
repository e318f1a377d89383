//! Kubernetes' rules for jobs, counted anew from the first fact on, each rule as one plain step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use supd::engine::id::PodUid;
use supd::engine::time::Mono;

use super::facts::Fact;
use super::spec::Spec;

/// Where the job must stand.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub suspended: bool,
    /// It was seen suspended before it had its end, and says so.
    pub says_suspended: bool,
    pub parallelism: u32,
    /// When it began, or went on (JOB-082).
    pub start: Option<Mono>,
    pub pods: BTreeMap<PodUid, Pod>,
    pub succeeded: u32,
    pub failed: u32,
    pub completed: BTreeSet<u32>,
    pub failed_indexes: BTreeSet<u32>,
    /// Kubernetes' reason of the end that was decided upon.
    pub end: Option<&'static str>,
    /// Failures since the last success, those included that do not count.
    row: Failures,
    /// The same of each index, which no success ends (BPI-004); and those that count.
    rows: BTreeMap<u32, Failures>,
    counted: BTreeMap<u32, u32>,
    /// A rule said that the job fails.
    fail_job: bool,
    /// What was begun and was not to be, in words.
    pub faults: Vec<String>,
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    last: Option<Mono>,
}

/// A pod that is not over.
#[derive(Clone, Debug)]
pub struct Pod {
    pub index: Option<u32>,
    pub restarts: u32,
    /// Asked to end.
    pub asked: bool,
    /// It has counted already: it was deleted (JOB-014, PRP-001).
    pub counted: bool,
    /// Deleted, and to be counted when it is gone (PRP-002).
    pub deleted: bool,
    /// Asked to end by supd, and not since the job has failed: it was suspended, there were too many, or enough
    /// had succeeded.
    pub spared: bool,
}

/// Of all that happened.
pub fn count(spec: &Spec, facts: &[(Mono, Fact)]) -> Expected {
    let mut job = Expected { suspended: spec.suspend, parallelism: spec.parallelism, ..Expected::default() };
    for (at, (now, fact)) in facts.iter().enumerate() {
        job.take(spec, *now, fact);
        let next = facts.get(at + 1).filter(|(then, _)| then == now).map(|(_, next)| next);
        // What begins again at this instant is seen with it (JOB-061).
        if !matches!(next, Some(Fact::Restarted(_))) {
            job.judge(spec, *now);
        }
    }
    job
}

impl Expected {
    fn take(&mut self, spec: &Spec, now: Mono, fact: &Fact) {
        match fact {
            Fact::Suspended(suspended) => {
                if self.end.is_none() && self.suspended != *suspended {
                    self.suspended = *suspended;
                    self.start = None;
                }
            }
            Fact::Parallelism(pods) => self.parallelism = *pods,
            Fact::Made(pod, index) => self.made(spec, now, *pod, *index),
            Fact::Restarted(pod) => self.pod(*pod).restarts += 1,
            Fact::Asked(pod) => self.ask(*pod),
            Fact::Deleted(pod) => self.delete(spec, now, *pod),
            Fact::Ended(pod, code) => self.ended(spec, now, *pod, *code),
            Fact::Dropped(pod) => {
                self.ask(*pod);
                self.over(spec, now, *pod, None);
            }
            Fact::Nothing => {}
            // A job that is complete once its pods were asked to end was never suspended (JOB-085).
            Fact::Rest if self.end.is_none() => self.says_suspended = self.suspended,
            Fact::Rest => {}
        }
    }

    fn pod(&mut self, uid: PodUid) -> &mut Pod {
        self.pods.get_mut(&uid).expect("a pod that was made, and is not over")
    }

    fn ask(&mut self, uid: PodUid) {
        let spared = self.end.is_none_or(is_success);
        let pod = self.pod(uid);
        // Who is asked already is not asked for another reason.
        pod.spared |= spared && !pod.asked;
        pod.asked = true;
    }

    /// PRP-001 at once, PRP-002 when it is gone.
    fn delete(&mut self, spec: &Spec, now: Mono, uid: PodUid) {
        let at_once = self.end.is_none() && !spec.replaces_failed_only;
        let later = self.end.is_none() && !at_once;
        let pod = self.pod(uid);
        pod.asked = true;
        (pod.counted, pod.deleted) = (at_once, later);
        let index = pod.index;
        if at_once {
            self.failure(spec, now, index, None);
        }
    }

    fn made(&mut self, spec: &Spec, now: Mono, uid: PodUid, index: Option<u32>) {
        assert_eq!(index.is_some(), spec.indexed);
        if self.suspended || self.end.is_some() || self.waits(spec, now, index) {
            self.faults.push(format!("{uid:?} was made too early"));
        }
        if let Some(index) = index {
            // The lowest that is to be done (IDX-003), except those that wait, each of which keeps a slot (BPI-005).
            let pending = self.pending(spec);
            let lower: Vec<u32> = pending.iter().copied().filter(|lower| *lower < index).collect();
            let all_wait = lower.iter().all(|lower| self.waits(spec, now, Some(*lower)));
            if !pending.contains(&index) || !all_wait || lower.len() >= self.free(spec) {
                self.faults.push(format!("index {index} was begun out of order"));
            }
        }
        self.pods.insert(
            uid,
            Pod { index, restarts: 0, asked: false, counted: false, deleted: false, spared: false },
        );
    }

    fn ended(&mut self, spec: &Spec, now: Mono, uid: PodUid, code: u8) {
        // A failure in place is no end of the pod, unless it is to end (RST-003, RST-017).
        if code == 0 || !spec.on_failure || self.pod(uid).asked {
            self.over(spec, now, uid, Some(code));
        }
    }

    /// A pod is over, and counts; once. `None`: nothing of it ran.
    fn over(&mut self, spec: &Spec, now: Mono, uid: PodUid, code: Option<u8>) {
        let pod = self.pods.remove(&uid).expect("it was there");
        let failing = self.end.is_some_and(|reason| !is_success(reason));
        // One that had been asked to end and has done its work counts, as long as that is wanted.
        let missing = spec.completions.is_none_or(|completions| self.succeeded < completions);
        let wanted = !pod.spared || self.end.is_none() && missing;
        match (failing, code) {
            _ if pod.counted => {}
            // PRP-003
            (_, Some(0)) if pod.deleted => self.success(pod.index),
            // JOB-051: with its job, even if it ends well, unless a rule ignores it.
            (true, _) if !pod.spared => self.failed += u32::from(ruling(spec, code) != "Ignore"),
            (_, Some(0)) if wanted => self.success(pod.index),
            // JOB-081, JOB-007, SUC-003: what supd itself stops does not count.
            _ if pod.spared || code == Some(0) => {}
            _ => self.failure(spec, now, pod.index, code),
        }
    }

    fn success(&mut self, index: Option<u32>) {
        match index {
            // IDX-005
            Some(index) => {
                self.completed.insert(index);
                self.succeeded = to_u32(self.completed.len());
            }
            None => self.succeeded += 1,
        }
        self.row.count = 0;
    }

    fn failure(&mut self, spec: &Spec, now: Mono, index: Option<u32>, code: Option<u8>) {
        let action = ruling(spec, code);
        self.row = Failures { count: self.row.count + 1, last: Some(now) };
        self.failed += u32::from(action != "Ignore");
        self.fail_job |= action == "FailJob";
        let (Some(index), Some(limit)) = (index, spec.backoff_limit_per_index) else { return };
        let row = self.rows.entry(index).or_default();
        *row = Failures { count: row.count + 1, last: Some(now) };
        let counted = self.counted.entry(index).or_default();
        *counted += u32::from(action != "Ignore");
        if *counted > limit || action == "FailIndex" {
            self.failed_indexes.insert(index);
        }
    }

    /// The first reason that holds, and for ever (JOB-105).
    fn judge(&mut self, spec: &Spec, now: Mono) {
        if self.end.is_some() {
            return;
        }
        if !self.suspended && self.start.is_none() {
            self.start = Some(now);
        }
        let limit = spec.failures_allowed();
        // Those on their way out run still (JOB-041).
        let restarts: u32 = self.pods.values().map(|pod| pod.restarts).sum();
        let passed = self.start.map(|start| now.since(start).as_secs());
        let overdue = spec.active_deadline.zip(passed).is_some_and(|(deadline, passed)| passed >= deadline);
        let failed = to_u32(self.failed_indexes.len());
        let enough = match spec.completions {
            Some(completions) => self.succeeded >= completions,
            None => self.succeeded > 0,
        };
        self.end = if self.fail_job {
            Some("PodFailurePolicy")
        } else if self.failed > limit || spec.on_failure && restarts >= limit.max(1) {
            Some("BackoffLimitExceeded")
        } else if overdue {
            Some("DeadlineExceeded")
        } else if spec.max_failed_indexes.is_some_and(|most| failed > most) {
            Some("MaxFailedIndexesExceeded")
        } else if failed > 0 && Some(failed + self.succeeded) >= spec.completions {
            Some("FailedIndexes")
        } else if self.succeeded > 0 && self.is_enough(spec) {
            Some("SuccessPolicy")
        } else if enough && self.active().count() == 0 {
            Some("CompletionsReached")
        } else {
            None
        };
    }

    /// SUC-002
    fn is_enough(&self, spec: &Spec) -> bool {
        spec.success_policy.iter().any(|rule| {
            let every: BTreeSet<u32> = (0..spec.completions.unwrap_or(0)).collect();
            let set = rule.indexes.as_ref().unwrap_or(&every);
            let wanted = rule.count.unwrap_or(to_u32(set.len()));
            to_u32(self.completed.intersection(set).count()) >= wanted
        })
    }

    /// Pods that run or wait, and nobody has asked to end (JOB-016).
    pub fn active(&self) -> impl Iterator<Item = &Pod> {
        self.pods.values().filter(|pod| !pod.asked)
    }

    /// Whether the job, or where each has its own this index, is in back-off (JOB-043 to JOB-047, BPI-004).
    pub fn waits(&self, spec: &Spec, now: Mono, index: Option<u32>) -> bool {
        let row = match (spec.backoff_limit_per_index, index) {
            (Some(_), Some(index)) => self.rows.get(&index).copied().unwrap_or_default(),
            _ => self.row,
        };
        let Some(last) = row.last.filter(|_| row.count > 0) else { return false };
        let seconds = (0..row.count).fold(5, |delay: u64, _| (delay * 2).min(600));
        now.since(last) < Duration::from_secs(seconds)
    }

    /// Indexes that are to be begun some time, lowest first (IDX-003).
    pub fn pending(&self, spec: &Spec) -> Vec<u32> {
        let taken = |index: &u32| {
            let holds = |pod: &Pod| pod.index == Some(*index) && (!pod.asked || spec.replaces_failed_only);
            self.completed.contains(index)
                || self.failed_indexes.contains(index)
                || self.pods.values().any(holds)
        };
        (0..spec.completions.unwrap_or(0)).filter(|index| !taken(index)).collect()
    }

    /// How many pods may be active.
    pub fn wanted(&self, spec: &Spec) -> usize {
        if self.suspended || self.end.is_some() {
            return 0;
        }
        let wanted = match spec.completions {
            Some(completions) => self.parallelism.min(completions.saturating_sub(self.succeeded)),
            // JOB-003
            None if self.succeeded > 0 => to_u32(self.active().count()),
            None => self.parallelism,
        };
        wanted as usize
    }

    /// How many pods are to be made, if nothing waits.
    pub fn free(&self, spec: &Spec) -> usize {
        let leaving = self.pods.values().filter(|pod| pod.asked && spec.replaces_failed_only).count();
        self.wanted(spec).saturating_sub(self.active().count() + leaving)
    }
}

/// What the failure policy says of an end: the first rule that matches (PFP-001); 0 never does (PFP-004).
fn ruling(spec: &Spec, code: Option<u8>) -> &'static str {
    let code = code.filter(|code| *code != 0);
    let mut rules = spec.failure_policy.iter();
    let rule = rules.find(|rule| code.is_some_and(|code| rule.codes.contains(&code) == rule.within));
    rule.map_or("Count", |rule| rule.action)
}

/// Whether a reason is one of success.
pub fn is_success(reason: &str) -> bool {
    ["CompletionsReached", "SuccessPolicy"].contains(&reason)
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("few")
}
