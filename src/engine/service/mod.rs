//! Services: a number of pods that is kept (RS-001ff), and a template that comes to them (DEP-001ff).
//!
//! ```text
//!   census ──▶ rollout ──▶ pods made and stopped      surplus: who goes first
//!      └─────▶ progress: whether it gets on           revisions, template: what pods are made from
//! ```
//!
//! Each replica number has one place, and a pod that is on its way out keeps it until it is gone: its port
//! and its files are still in use, so a service never has two copies of one replica.

use std::ops::RangeFrom;

mod census;
mod progress;
mod recall;
mod replicas;
mod revisions;
mod rollout;
mod surplus;
mod template;

use super::action::{Action, Actions};
use super::entry::{Entry, Judged, KindState};
use super::id::{ObjectRef, PodUid};
use super::places::{Done, Place};
use super::pod::{Count, Pod};
use super::time::Now;
use super::view::{Phase, Progressing, ServiceView, UnitState};
use super::{Engine, report};
use crate::unit::model::{Body, RestartPolicy};
use crate::unit::name::UnitName;
pub(super) use progress::Progress;
pub(super) use replicas::{Replicas, Rolling, service_of};
pub(super) use revisions::{Revision, Revisions};

/// Stopped and replaced pods whose logs are kept, for each service.
const PAST_KEPT: usize = 5;

impl Engine {
    /// How many pods a service should have, were it on.
    pub(super) fn desired(&self, entry: &Entry) -> u32 {
        match (&entry.kind, &entry.unit.body) {
            (KindState::Service(replicas), Body::Service(service)) => {
                replicas.scaled.unwrap_or(service.replicas)
            }
            _ => 0,
        }
    }

    pub(super) fn reconcile_service(&mut self, now: Now, name: &UnitName, out: &mut Actions) -> Judged {
        let Some(entry) = self.units.get(name) else { return Judged::plain(UnitState::Stopped) };
        let on = self.is_on(entry);
        let desired = if on { self.desired(entry) } else { 0 };
        if desired == 0 {
            self.stop_service(now, name, out);
            self.wait_for_nothing(name);
        } else {
            // Scaling down takes the highest.
            self.retire_done(name, desired.., out);
            self.balance(now, name, out);
        }
        self.note_progress(now, name, out);
        self.judge_service(now, name, on, desired)
    }

    /// To no pods.
    fn stop_service(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        self.retire_done(name, 0.., out);
        let Some(entry) = self.units.get(name) else { return };
        let stop: Vec<PodUid> = self.active_pods_of(entry).map(|pod| pod.uid).collect();
        if stop.is_empty() || !self.takes_turn(now, name) {
            return;
        }
        for uid in stop.into_iter().rev() {
            self.stop_pod(now, uid, Count::Nothing, out);
        }
    }

    /// Bare pods that are final give up their places, from this number on; their logs stay for a while.
    pub(super) fn retire_done(&mut self, name: &UnitName, from: RangeFrom<u32>, out: &mut Actions) {
        let Some(replicas) = self.replicas_mut(name) else { return };
        for done in replicas.places.take_done(from) {
            replicas.past.push_back((done.uid, done.name));
            out.push(Action::Gone(ObjectRef::Pod(done.uid)));
        }
        self.trim_past(name, out);
    }

    /// A pod of a service is final.
    pub(super) fn on_replica_final(&mut self, pod: Pod, ordinal: u32, phase: Phase, out: &mut Actions) {
        let name = pod.unit.name.clone();
        let bare = pod.template().restart_policy != RestartPolicy::Always;
        let code = pod.last_end().map_or(0, |end| end.exit.code());
        // Where the present template is on its way, one of another makes room for it.
        let outdated = self.units.get(&name).is_some_and(|entry| {
            service_of(entry).is_some_and(|(_, it)| it.rolls() && it.is_outdated(&entry.unit, &pod))
        });
        let Some(replicas) = self.replicas_mut(&name) else {
            out.push(Action::ForgetPod { uid: pod.uid, unit: name, name: pod.name });
            return;
        };
        // A later pod may have its place already: a manager died before it had stored that this one leaves.
        let in_place = replicas.places.live().any(|uid| uid == pod.uid);
        // A pod that was stopped, or that failed for a reason of its own under Always, is replaced (RS-003).
        if in_place && !outdated && (pod.leaving.is_none() || (bare && !pod.reason.is_empty())) {
            let succeeded = phase == Phase::Succeeded;
            let done = Done { uid: pod.uid, name: pod.name.clone(), succeeded, restarts: pod.restarts() };
            replicas.places.set(ordinal, Place::Done(Box::new(done)));
            let words = if succeeded { "succeeded".to_owned() } else { format!("failed, exit {code}") };
            let about = ("Pod", pod.name.as_str(), &name);
            report(out, !succeeded, if succeeded { "Completed" } else { "Failed" }, about, words);
            self.note_essential_end(&name, code);
            return;
        }
        if in_place {
            replicas.places.free(ordinal);
        }
        self.retire(&name, (pod.uid, pod.name), out);
        out.push(Action::Gone(ObjectRef::Pod(pod.uid)));
    }

    /// A pod is no longer one of the service's; its logs stay for a while.
    pub(super) fn retire(&mut self, name: &UnitName, pod: (PodUid, String), out: &mut Actions) {
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.past.push_back(pod);
        }
        self.trim_past(name, out);
    }

    pub(super) fn trim_past(&mut self, name: &UnitName, out: &mut Actions) {
        let Some(replicas) = self.replicas_mut(name) else { return };
        let surplus = replicas.past.len().saturating_sub(PAST_KEPT);
        for (uid, pod) in replicas.past.drain(..surplus) {
            out.push(Action::ForgetPod { uid, unit: name.clone(), name: pod });
        }
    }

    pub(super) fn replicas_mut(&mut self, name: &UnitName) -> Option<&mut Replicas> {
        match self.units.get_mut(name).map(|entry| &mut entry.kind) {
            Some(KindState::Service(replicas)) => Some(replicas),
            _ => None,
        }
    }

    fn judge_service(&self, now: Now, name: &UnitName, on: bool, desired: u32) -> Judged {
        let Some(entry) = self.units.get(name) else { return Judged::plain(UnitState::Stopped) };
        let KindState::Service(replicas) = &entry.kind else { return Judged::plain(UnitState::Stopped) };
        let Some(census) = self.census(now, entry) else { return Judged::plain(UnitState::Stopped) };
        let live = || replicas.places.live().filter_map(|uid| self.pods.get(&uid));
        if !on || desired == 0 {
            return match live().next() {
                Some(_) => Judged::plain(UnitState::Stopping),
                None => Self::at_rest(entry),
            };
        }
        if !entry.released && replicas.places.is_empty() {
            return Self::judge_waiting(entry);
        }
        let failed = replicas.places.done().any(|done| !done.succeeded);
        let done = replicas.places.done().count();
        let next = live().filter_map(|pod| pod.backoff_until()).min();
        let ready = census.ready as usize;
        if done == replicas.places.len() && done >= desired as usize {
            return Judged::plain(if failed { UnitState::Failed } else { UnitState::Complete });
        }
        if ready + done >= desired as usize {
            let state = if failed { UnitState::Degraded } else { UnitState::Running };
            return Judged::plain(state);
        }
        match next {
            Some(_) if ready == 0 => {
                Judged { state: UnitState::CrashLoopBackOff, reason: String::new(), next }
            }
            Some(_) => Judged { state: UnitState::Degraded, reason: String::new(), next },
            None if live().any(|pod| !pod.is_ready() && (pod.was_ready || pod.restarts() > 0)) || failed => {
                Judged::plain(UnitState::Degraded)
            }
            None => Judged::plain(UnitState::Starting),
        }
    }

    /// A service's numbers, as of the last event.
    pub(super) fn count_service(&self, entry: &Entry) -> Option<ServiceView> {
        let (service, replicas) = service_of(entry)?;
        let census = self.census(self.as_of, entry)?;
        let progress = match replicas.progress() {
            Some(progress) if progress.reason == Progressing::ProgressDeadlineExceeded => progress.reason,
            _ if replicas.is_paused() => Progressing::DeploymentPaused,
            Some(progress) => progress.reason,
            None if replicas.complete => Progressing::NewReplicaSetAvailable,
            None => Progressing::ReplicaSetUpdated,
        };
        Some(ServiceView {
            desired: census.wanted,
            replicas: census.active,
            updated: census.active - census.old,
            ready: census.ready,
            available: census.available,
            terminating: census.leaving,
            done: census.done,
            revision: replicas.revision(),
            generation: replicas.changes.saturating_add(1),
            paused: replicas.is_paused(),
            progress,
            progress_since: replicas.progress().map_or(entry.since.wall, |progress| progress.since.wall),
            rollout: service.rollout,
        })
    }
}
