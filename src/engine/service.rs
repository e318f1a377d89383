//! Services: a number of pods that is kept (RS-001ff).
//!
//! Each replica number has one place, and a pod that is on its way out keeps it until it is gone: its port
//! and its files are still in use, so a service never has two copies of one replica.

use std::ops::RangeFrom;
use std::sync::Arc;

use super::action::{Action, Actions};
use super::entry::{Entry, Judged, KindState, Replicas};
use super::id::{ObjectRef, PodUid};
use super::places::{Done, Place};
use super::pod::{Count, Owner, Pod, PodSeed};
use super::time::Now;
use super::view::{Phase, ServiceView, UnitState};
use super::{Engine, report};
use crate::unit::model::{Body, RestartPolicy};
use crate::unit::name::UnitName;

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
        self.remove_surplus(now, name, desired, out);
        if on && desired > 0 && self.release(name) {
            self.fill_places(now, name, desired, out);
            self.replace_one(now, name, desired, out);
        }
        if desired == 0 {
            self.wait_for_nothing(name);
        }
        self.judge_service(name, on, desired)
    }

    /// Scaling down removes the highest.
    fn remove_surplus(&mut self, now: Now, name: &UnitName, desired: u32, out: &mut Actions) {
        let may_stop = self.may_stop(name);
        let Some(replicas) = self.replicas_mut(name) else { return };
        let stop: Vec<PodUid> = replicas.places.live_beyond(desired..).collect();
        self.retire_done(name, desired.., out);
        if may_stop {
            for uid in stop {
                self.stop_pod(now, uid, Count::Nothing, out);
            }
        }
    }

    fn fill_places(&mut self, now: Now, name: &UnitName, desired: u32, out: &mut Actions) {
        let Some(entry) = self.units.get(name) else { return };
        let KindState::Service(replicas) = &entry.kind else { return };
        if replicas.places.len() >= desired as usize {
            return;
        }
        let unit = Arc::clone(&entry.unit);
        let missing: Vec<u32> = (0..desired).filter(|ordinal| !replicas.places.has(*ordinal)).collect();
        for ordinal in missing {
            // A manifest's Pod keeps its own name.
            let own = unit.manifest.as_deref() == Some("Pod") && ordinal == 0;
            let stem = unit.name.pod_stem();
            let seed = PodSeed {
                unit: Arc::clone(&unit),
                name: if own { stem } else { format!("{stem}-{ordinal}") },
                owner: Owner::Service { ordinal },
                scheduled: None,
            };
            let uid = self.make_pod(now, seed, out);
            if let Some(replicas) = self.replicas_mut(name) {
                replicas.places.set(ordinal, Place::Live(uid));
            }
        }
    }

    /// Pods that are to be replaced go one by one: the next only when all the others are ready. One that is
    /// not ready anyway goes at once.
    fn replace_one(&mut self, now: Now, name: &UnitName, desired: u32, out: &mut Actions) {
        let Some(KindState::Service(replicas)) = self.units.get(name).map(|entry| &entry.kind) else {
            return;
        };
        if replicas.replace.is_empty() {
            return;
        }
        let live: Vec<PodUid> = replicas.places.live().collect();
        let pod = |uid: &PodUid| self.pods.get(uid);
        let leaving = live.iter().any(|uid| pod(uid).is_some_and(|pod| pod.leaving.is_some()));
        let ready = live.iter().filter(|uid| pod(uid).is_some_and(|pod| pod.is_ready())).count();
        let marked: Vec<PodUid> =
            live.iter().rev().filter(|uid| replicas.replace.contains(uid)).copied().collect();
        let unready = marked.iter().find(|uid| pod(uid).is_some_and(|pod| !pod.is_ready())).copied();
        let all_ready = ready + replicas.places.len() - live.len() >= desired as usize;
        let next = match unready {
            _ if leaving => None,
            Some(uid) => Some(uid),
            None if all_ready => marked.first().copied(),
            None => None,
        };
        if marked.is_empty()
            && let Some(replicas) = self.replicas_mut(name)
        {
            replicas.replace.clear();
        }
        if let Some(uid) = next {
            if let Some(replicas) = self.replicas_mut(name) {
                replicas.replace.remove(&uid);
            }
            self.stop_pod(now, uid, Count::Nothing, out);
        }
    }

    /// Marks all pods of a service for replacement: `restart`, or a template that changed.
    pub(super) fn replace_all(&mut self, name: &UnitName, out: &mut Actions) {
        let Some(replicas) = self.replicas_mut(name) else { return };
        replicas.replace.extend(replicas.places.live());
        self.retire_done(name, 0.., out);
        self.mark(name);
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

    /// Marks the pods that were made from another template than the unit's.
    pub(super) fn replace_outdated(&mut self, name: &UnitName) {
        let Some(entry) = self.units.get(name) else { return };
        let hash = entry.unit.template_hash;
        let outdated = |uid: &PodUid| self.pods.get(uid).is_some_and(|pod| pod.unit.template_hash != hash);
        let pods: Vec<PodUid> = self.pods_of(name).into_iter().filter(outdated).collect();
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.replace.extend(pods);
        }
    }

    /// A pod of a service is final.
    pub(super) fn on_replica_final(&mut self, pod: Pod, ordinal: u32, phase: Phase, out: &mut Actions) {
        let name = pod.unit.name.clone();
        let bare = pod.template().restart_policy != RestartPolicy::Always;
        let code = pod.last_end().map_or(0, |end| end.exit.code());
        let Some(replicas) = self.replicas_mut(&name) else {
            out.push(Action::ForgetPod { uid: pod.uid, unit: name, name: pod.name });
            return;
        };
        replicas.replace.remove(&pod.uid);
        // A later pod may have its place already: a manager died before it had stored that this one leaves.
        let in_place = replicas.places.live().any(|uid| uid == pod.uid);
        // A pod that was stopped, or that failed for a reason of its own under Always, is replaced (RS-003).
        if in_place && (pod.leaving.is_none() || (bare && !pod.reason.is_empty())) {
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

    fn judge_service(&self, name: &UnitName, on: bool, desired: u32) -> Judged {
        let Some(entry) = self.units.get(name) else { return Judged::plain(UnitState::Stopped) };
        let KindState::Service(replicas) = &entry.kind else { return Judged::plain(UnitState::Stopped) };
        let numbers = self.count_service(entry);
        let live = || replicas.places.live().filter_map(|uid| self.pods.get(&uid));
        if !on || desired == 0 {
            return match live().next() {
                Some(_) => Judged::plain(UnitState::Stopping),
                None => Self::at_rest(entry),
            };
        }
        if !entry.released && replicas.places.is_empty() {
            return Judged { state: UnitState::Waiting, reason: Self::waiting_words(entry), next: None };
        }
        let failed = replicas.places.done().any(|done| !done.succeeded);
        let done = replicas.places.done().count();
        let next = live().filter_map(|pod| pod.backoff_until()).min();
        let ready = numbers.ready as usize;
        if done == replicas.places.len() && done >= desired as usize {
            return Judged::plain(if failed { UnitState::Failed } else { UnitState::Complete });
        }
        if ready + done >= desired as usize && replicas.replace.is_empty() {
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

    /// A service's numbers.
    pub(super) fn count_service(&self, entry: &Entry) -> ServiceView {
        let KindState::Service(replicas) = &entry.kind else { return ServiceView::default() };
        let desired = if self.is_on(entry) { self.desired(entry) } else { 0 };
        let mut numbers = ServiceView { desired, ..ServiceView::default() };
        for uid in replicas.places.live() {
            let Some(pod) = self.pods.get(&uid).filter(|pod| pod.leaving.is_none()) else { continue };
            numbers.replicas += 1;
            numbers.updated += u32::from(pod.unit.template_hash == entry.unit.template_hash);
            numbers.ready += u32::from(pod.is_ready());
            numbers.available += u32::from(pod.is_ready());
        }
        numbers
    }
}
