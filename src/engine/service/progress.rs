//! Whether a rollout gets on (DEP-005), and when a pod that is ready becomes available (DEP-006).
//!
//! Both wait for time to pass: a service has one timer, for whatever comes first.

use serde::{Deserialize, Serialize};

use super::census::Census;
use super::replicas::service_of;
use crate::engine::action::{Action, Actions};
use crate::engine::id::ObjectRef;
use crate::engine::recall::Recall;
use crate::engine::time::{Mono, Now};
use crate::engine::timer::Timer;
use crate::engine::view::Progressing;
use crate::engine::{Engine, report};
use crate::unit::name::UnitName;

/// How a rollout gets on that is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Progress {
    /// When it last did.
    pub(in crate::engine) since: Now,
    /// Kubernetes' reason.
    pub(in crate::engine) reason: Progressing,
    /// The numbers by which that is judged.
    seen: Seen,
}

/// Numbers of pods, as Kubernetes compares them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    updated: u32,
    old: u32,
    ready: u32,
    available: u32,
}

impl Progress {
    /// A rollout begins, or goes on after a pause.
    pub(in crate::engine) fn new(since: Now, reason: Progressing) -> Self {
        Self { since, reason, seen: Seen::default() }
    }

    /// The same, in the time of this boot.
    pub(super) fn recalled(self, recall: &Recall) -> Self {
        Self { since: recall.time(self.since), ..self }
    }

    /// Compares with what was; anything that is better is progress.
    fn judge(&mut self, now: Now, census: &Census, deadline: Option<Mono>) {
        let seen = Seen {
            updated: census.updated_total(),
            old: census.old,
            ready: census.ready,
            available: census.available,
        };
        let before = std::mem::replace(&mut self.seen, seen);
        let better = seen.updated > before.updated
            || seen.old < before.old
            || seen.ready > before.ready
            || seen.available > before.available;
        if better {
            (self.since, self.reason) = (now, Progressing::ReplicaSetUpdated);
        } else if deadline.is_some_and(|deadline| deadline <= now.mono) {
            self.reason = Progressing::ProgressDeadlineExceeded;
        }
    }
}

impl Engine {
    /// Notes how far a service is, and when to look again.
    pub(super) fn note_progress(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let Some(entry) = self.units.get(name) else { return };
        let Some((service, replicas)) = service_of(entry) else { return };
        let (on, waits) = (self.is_on(entry), !entry.released);
        let rollout = service.rollout;
        if !on || waits {
            if replicas.complete || replicas.progress().is_some() {
                self.forget_progress(name);
            }
            return;
        }
        if replicas.complete && rollout.min_ready.is_zero() {
            return;
        }
        let Some(census) = self.census(now, entry) else { return };
        let mut deadline = None;
        if !replicas.complete && replicas.rolls() {
            deadline = self.judge_progress(now, name, &census, out);
        }
        let timer = Timer::Rollout(name.clone());
        match [census.available_next, deadline].into_iter().flatten().min() {
            Some(at) => self.timers.set(timer, at),
            None => self.timers.clear(&timer),
        }
    }

    /// One step of a rollout that is not complete. Returns when it is to have gone on.
    fn judge_progress(
        &mut self,
        now: Now,
        name: &UnitName,
        census: &Census,
        out: &mut Actions,
    ) -> Option<Mono> {
        let entry = self.units.get(name)?;
        let (service, replicas) = service_of(entry)?;
        let rollout = service.rollout;
        let before = replicas.progress().copied();
        if census.is_complete() {
            let replicas = self.replicas_mut(name)?;
            replicas.complete = true;
            if let Some(rolling) = &mut replicas.rolling {
                rolling.progress = None;
                rolling.revisions.trim(rollout.history);
            }
            replicas.tidy();
            out.push(Action::Changed(ObjectRef::Unit(name.clone())));
            return None;
        }
        let mut progress = before.unwrap_or(Progress::new(now, Progressing::NewReplicaSetCreated));
        let due = |progress: &Progress| {
            let until = progress.since.mono + rollout.progress_deadline;
            (rollout.progress_deadline < std::time::Duration::MAX).then_some(until)
        };
        progress.judge(now, census, due(&progress));
        if before != Some(progress) {
            self.replicas_mut(name)?.rolling_mut().progress = Some(progress);
            out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        }
        if progress.reason != Progressing::ProgressDeadlineExceeded {
            return due(&progress);
        }
        if before.is_none_or(|before| before.reason != progress.reason) {
            let seconds = rollout.progress_deadline.as_secs_f64();
            let words = format!("its rollout has made no progress for {seconds}s; it goes on");
            report(out, true, "ProgressDeadlineExceeded", ("Deployment", name.as_str(), name), words);
        }
        None
    }

    /// A rollout begins anew, or there is none any more.
    pub(super) fn forget_progress(&mut self, name: &UnitName) {
        self.timers.clear(&Timer::Rollout(name.clone()));
        let Some(replicas) = self.replicas_mut(name) else { return };
        replicas.complete = false;
        if let Some(rolling) = &mut replicas.rolling {
            rolling.progress = None;
        }
        replicas.tidy();
    }
}
