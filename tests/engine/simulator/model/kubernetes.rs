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
    pub parallelism: u32,
    /// When it began, or went on (JOB-082).
    pub start: Option<Mono>,
    pub pods: BTreeMap<PodUid, Pod>,
    pub succeeded: u32,
    pub failed: u32,
    pub completed: BTreeSet<u32>,
    /// Kubernetes' reason of the end that was decided upon.
    pub end: Option<&'static str>,
    /// Failures since the last success, and the time of the last.
    row: u32,
    last_failure: Option<Mono>,
    /// Pods that were made while none was to be.
    pub too_early: Vec<PodUid>,
    /// Indexes that were begun before a lower one.
    pub out_of_order: Vec<u32>,
}

/// A pod that is not over.
#[derive(Clone, Debug)]
pub struct Pod {
    pub index: Option<u32>,
    pub restarts: u32,
    /// Asked to end by supd.
    pub asked: bool,
    /// Deleted by an operator: it has counted already (JOB-014).
    pub deleted: bool,
    /// Asked to end before the job had its end: it was suspended, or there were too many.
    pub spared: bool,
}

/// Of all that happened.
pub fn count(spec: &Spec, facts: &[(Mono, Fact)]) -> Expected {
    let mut job = Expected { suspended: spec.suspend, parallelism: spec.parallelism, ..Expected::default() };
    for (at, (now, fact)) in facts.iter().enumerate() {
        job.take(spec, *now, fact);
        // What begins again at this instant is seen with it (JOB-061).
        let more = matches!(facts.get(at + 1), Some((then, Fact::Restarted(_))) if then == now);
        if !more {
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
            Fact::Deleted(pod) if self.end.is_some() => self.ask(*pod),
            Fact::Deleted(pod) => {
                self.pod(*pod).deleted = true;
                self.failure(now);
            }
            Fact::Ended(pod, code) => self.ended(spec, now, *pod, *code),
            Fact::Dropped(pod) => {
                self.ask(*pod);
                self.over(spec, now, *pod, false);
            }
            Fact::Nothing => {}
        }
    }

    fn pod(&mut self, uid: PodUid) -> &mut Pod {
        self.pods.get_mut(&uid).expect("a pod that was made, and is not over")
    }

    fn ask(&mut self, uid: PodUid) {
        let spared = self.end.is_none();
        let pod = self.pod(uid);
        pod.spared |= spared;
        pod.asked = true;
    }

    fn made(&mut self, spec: &Spec, now: Mono, uid: PodUid, index: Option<u32>) {
        if self.suspended || self.end.is_some() || self.waits(now) {
            self.too_early.push(uid);
        }
        if let Some(index) = index {
            // The lowest that is neither done nor active (IDX-003).
            let active: BTreeSet<u32> = self.active().filter_map(|pod| pod.index).collect();
            let lower = (0..index).any(|lower| !self.completed.contains(&lower) && !active.contains(&lower));
            if lower || active.contains(&index) || self.completed.contains(&index) {
                self.out_of_order.push(index);
            }
        }
        assert_eq!(index.is_some(), spec.indexed);
        self.pods.insert(uid, Pod { index, restarts: 0, asked: false, deleted: false, spared: false });
    }

    fn ended(&mut self, spec: &Spec, now: Mono, uid: PodUid, code: u8) {
        let pod = self.pod(uid);
        // A failure in place is no end of the pod, unless it is to end (RST-003, RST-017).
        if code == 0 || !spec.on_failure || pod.asked || pod.deleted {
            self.over(spec, now, uid, code == 0);
        }
    }

    /// A pod is over, and counts; once.
    fn over(&mut self, spec: &Spec, now: Mono, uid: PodUid, good: bool) {
        let pod = self.pods.remove(&uid).expect("it was there");
        let failing = self.end.is_some_and(|reason| reason != "CompletionsReached");
        // One that had been asked to end and has done its work counts, as long as that is wanted; a work queue
        // says of no success that it is too many.
        let wanted = spec.completions.is_none_or(|completions| self.succeeded < completions);
        match (failing, good) {
            _ if pod.deleted => {}
            // JOB-051: with its job, even if it ends well.
            (true, _) if !pod.spared => self.failed += 1,
            (_, true) if wanted => self.success(pod.index),
            // JOB-081, JOB-007: what supd itself stops does not count.
            _ if pod.spared => {}
            _ => self.failure(now),
        }
    }

    fn success(&mut self, index: Option<u32>) {
        match index {
            // IDX-005
            Some(index) => {
                self.completed.insert(index);
                self.succeeded = u32::try_from(self.completed.len()).expect("few");
            }
            None => self.succeeded += 1,
        }
        self.row = 0;
    }

    fn failure(&mut self, now: Mono) {
        self.failed += 1;
        self.row += 1;
        self.last_failure = Some(now);
    }

    /// The first reason that holds, and for ever (JOB-105).
    fn judge(&mut self, spec: &Spec, now: Mono) {
        if self.end.is_some() {
            return;
        }
        if !self.suspended && self.start.is_none() {
            self.start = Some(now);
        }
        let limit = spec.backoff_limit.unwrap_or(6);
        let restarts: u32 = self.active().map(|pod| pod.restarts).sum();
        let passed = self.start.map(|start| now.since(start).as_secs());
        let active = self.active().count();
        let enough = match spec.completions {
            Some(completions) => self.succeeded >= completions,
            None => self.succeeded > 0,
        };
        self.end = if self.failed > limit || spec.on_failure && restarts >= limit.max(1) {
            Some("BackoffLimitExceeded")
        } else if spec.active_deadline.is_some_and(|deadline| passed.is_some_and(|passed| passed >= deadline))
        {
            Some("DeadlineExceeded")
        } else if enough && active == 0 {
            Some("CompletionsReached")
        } else {
            None
        };
    }

    /// Pods that run or wait, and nobody has asked to end (JOB-016).
    pub fn active(&self) -> impl Iterator<Item = &Pod> {
        self.pods.values().filter(|pod| !pod.asked && !pod.deleted)
    }

    /// Whether the job is in back-off (JOB-043 to JOB-047).
    pub fn waits(&self, now: Mono) -> bool {
        let Some(last) = self.last_failure.filter(|_| self.row > 0) else { return false };
        let seconds = (0..self.row).fold(5, |delay: u64, _| (delay * 2).min(600));
        now.since(last) < Duration::from_secs(seconds)
    }

    /// How many pods are to be active; `None`: as many as there are, and no more.
    pub fn wanted(&self, spec: &Spec, now: Mono) -> (u32, u32) {
        if self.suspended || self.end.is_some() {
            return (0, 0);
        }
        let there = u32::try_from(self.active().count()).expect("few");
        let wanted = match spec.completions {
            Some(completions) => self.parallelism.min(completions.saturating_sub(self.succeeded)),
            // JOB-003
            None if self.succeeded > 0 => there,
            None => self.parallelism,
        };
        if self.waits(now) { (0, wanted) } else { (wanted, wanted) }
    }
}
