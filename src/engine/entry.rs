//! A unit as the engine holds it: what runs, what is on disk, what is wanted.

use std::sync::Arc;

use super::action::{Action, Actions};
use super::cron::Calendar;
use super::id::ObjectRef;
use super::service::Replicas;
use super::time::{Now, Wall};
use super::timer::Timer;
use super::view::{LastExit, Stale, UnitState, Waiting};
use super::{Engine, order, report};
use crate::unit::model::{Body, Unit};
use crate::unit::name::UnitName;

/// Why a unit has failed that was never started: what it requires has.
const DEPENDENCY_FAILED: &str = "DependencyFailed";

/// A unit.
#[derive(Debug)]
pub(super) struct Entry {
    /// In force: what runs was made from it, or will be.
    pub(super) unit: Arc<Unit>,
    /// What is on disk, if that is something else; it comes into force by `apply` or at the next start.
    pub(super) pending: Option<Arc<Unit>>,
    /// Its file is gone.
    pub(super) removed: bool,
    /// Made by `supctl run`.
    pub(super) transient: bool,
    /// Started at boot.
    pub(super) enabled: bool,
    /// Loaded by `daemon-reload` only, and neither started nor stopped since: `apply` starts it.
    pub(super) only_loaded: bool,
    /// Desired: on or off.
    pub(super) wanted: bool,
    /// An operator has stopped it: it stays so over restarts of supd, until `start`.
    pub(super) stopped: bool,
    /// What it requires was there once since it was wanted; it is not asked for again.
    pub(super) released: bool,
    /// What it waits for.
    pub(super) waiting: Vec<Waiting>,
    /// Of that, what has failed: by itself it will never be released.
    pub(super) lost: Option<Box<Waiting>>,
    /// It is left alone, for this reason: see [`super::quarantine`].
    pub(super) quarantined: Option<Box<str>>,
    /// It goes as soon as its pods are gone.
    pub(super) deleting: bool,
    /// When it was first loaded.
    pub(super) created: Now,
    /// How it is. Only [`Engine::set_state`] writes these four.
    pub(super) state: UnitState,
    /// See `state`.
    pub(super) reason: String,
    /// See `state`.
    pub(super) since: Now,
    /// See `state`.
    pub(super) next: Option<Wall>,
    /// The last end of one of its runs.
    pub(super) last_exit: Option<Box<LastExit>>,
    /// When a process of it was last started again.
    pub(super) last_restart: Option<Wall>,
    /// It is essential, and has ended with this code.
    pub(super) essential_end: Option<u8>,
    /// What its kind needs.
    pub(super) kind: KindState,
}

/// What each kind needs.
#[derive(Debug)]
pub(super) enum KindState {
    /// Nothing.
    Target,
    /// See [`super::service`].
    Service(Replicas),
    /// Its job has the unit's name.
    Job {
        /// A new job is to be made once the pods of the old one are gone.
        again: bool,
    },
    /// See [`super::cron`].
    CronJob(Box<Calendar>),
}

impl Entry {
    /// A unit that was just loaded: at rest.
    pub(super) fn new(now: Now, unit: Arc<Unit>) -> Self {
        let kind = match &unit.body {
            Body::Target => KindState::Target,
            Body::Service(_) => KindState::Service(Replicas::default()),
            Body::Job(_) => KindState::Job { again: false },
            Body::CronJob(cron) => KindState::CronJob(Box::new(Calendar::new(now, cron.suspend))),
        };
        Self {
            unit,
            pending: None,
            removed: false,
            transient: false,
            enabled: true,
            only_loaded: false,
            wanted: false,
            stopped: false,
            released: false,
            waiting: Vec::new(),
            lost: None,
            quarantined: None,
            deleting: false,
            created: now,
            state: UnitState::Stopped,
            reason: String::new(),
            since: now,
            next: None,
            last_exit: None,
            last_restart: None,
            essential_end: None,
            kind,
        }
    }

    /// Why what runs and what is on disk differ.
    pub(super) fn stale(&self) -> Option<Stale> {
        // An operator has gone back to an older template: the file says otherwise.
        let undone = matches!(&self.kind, KindState::Service(replicas) if replicas.is_undone());
        match (self.removed, &self.pending) {
            (true, _) => Some(Stale::Removed),
            (false, Some(_)) => Some(Stale::Changed),
            (false, None) => undone.then_some(Stale::Changed),
        }
    }
}

/// A state with its words, before it is known whether it is new.
pub(super) struct Judged {
    /// The state.
    pub(super) state: UnitState,
    /// More words.
    pub(super) reason: String,
    /// When it will change by itself.
    pub(super) next: Option<Wall>,
}

impl Judged {
    /// A state that needs no words.
    pub(super) fn plain(state: UnitState) -> Self {
        Self { state, reason: String::new(), next: None }
    }
}

impl Engine {
    pub(super) fn entry_mut(&mut self, name: &UnitName) -> Option<&mut Entry> {
        self.units.get_mut(name).map(AsMut::as_mut)
    }

    pub(super) fn kind_mut(&mut self, name: &UnitName) -> Option<&mut KindState> {
        self.units.get_mut(name).map(|entry| &mut entry.kind)
    }

    /// Compares what a unit is with what it should be, and orders the difference.
    pub(super) fn reconcile(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        if let Some(judged) = self.judge_aside(name) {
            return self.set_state(now, name, judged, out);
        }
        let Some(entry) = self.units.get(name) else { return };
        if !self.is_on(entry) {
            self.wait_for_nothing(name);
        }
        let Some(entry) = self.units.get(name) else { return };
        let judged = match entry.kind {
            KindState::Target => self.reconcile_target(name),
            KindState::Service(_) => self.reconcile_service(now, name, out),
            KindState::Job { .. } => self.reconcile_job_unit(now, name, out),
            KindState::CronJob(_) => self.reconcile_cron(now, name, out),
        };
        self.set_state(now, name, judged, out);
        self.drop_if_done(name, out);
    }

    /// Whether the unit is to have pods now.
    pub(super) fn is_on(&self, entry: &Entry) -> bool {
        entry.wanted && !entry.deleting && entry.quarantined.is_none() && self.ending.is_none()
    }

    /// Whether what the unit requires is there, or has been since it was wanted. Notes what is missing.
    pub(super) fn release(&mut self, name: &UnitName) -> bool {
        let Some(entry) = self.units.get(name) else { return false };
        if entry.released {
            return true;
        }
        let waits = order::waits_of(self, name);
        let released = waits.waiting.is_empty();
        if let Some(entry) = self.units.get_mut(name) {
            (entry.waiting, entry.lost) = (waits.waiting, waits.lost.map(Box::new));
            entry.released = released;
        }
        released
    }

    /// Who is to have no pods waits for nobody.
    pub(super) fn wait_for_nothing(&mut self, name: &UnitName) {
        let waits = self.units.get(name).is_some_and(|entry| !entry.waiting.is_empty());
        if waits && let Some(entry) = self.entry_mut(name) {
            entry.waiting.clear();
            entry.lost = None;
        }
    }

    /// The state of a unit that waits for others; where one of them has failed, so has this one, until somebody
    /// starts that again.
    pub(super) fn judge_waiting(entry: &Entry) -> Judged {
        let words = |waiting: &Waiting| format!("{} ({})", waiting.unit, waiting.condition.as_str());
        let (state, reason) = match &entry.lost {
            Some(lost) => (UnitState::Failed, format!("{DEPENDENCY_FAILED}: {}", words(lost))),
            None => {
                let names: Vec<String> = entry.waiting.iter().map(words).collect();
                (UnitState::Waiting, names.join(", "))
            }
        };
        Judged { state, reason, next: None }
    }

    /// The state of a unit at rest.
    pub(super) fn at_rest(entry: &Entry) -> Judged {
        match entry.enabled {
            true => Judged::plain(UnitState::Stopped),
            false => Judged::plain(UnitState::Disabled),
        }
    }

    fn reconcile_target(&mut self, name: &UnitName) -> Judged {
        let on = self.units.get(name).is_some_and(|entry| self.is_on(entry));
        let released = on && self.release(name);
        let Some(entry) = self.units.get(name) else { return Judged::plain(UnitState::Stopped) };
        match (on, released) {
            (false, _) => Self::at_rest(entry),
            (true, true) => Judged::plain(UnitState::Running),
            (true, false) => Self::judge_waiting(entry),
        }
    }

    /// The only way a unit's state changes: records it, and wakes those who wait for it.
    fn set_state(&mut self, now: Now, name: &UnitName, judged: Judged, out: &mut Actions) {
        let Some(entry) = self.units.get_mut(name) else { return };
        if entry.state != judged.state {
            entry.since = now;
            if let Some(lost) = entry.lost.as_ref().filter(|_| judged.state == UnitState::Failed) {
                let about = ("Unit", name.as_str(), name);
                report(out, true, DEPENDENCY_FAILED, about, format!("not started: {} has failed", lost.unit));
            }
        } else if entry.reason == judged.reason && entry.next == judged.next {
            return;
        }
        (entry.state, entry.reason, entry.next) = (judged.state, judged.reason, judged.next);
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        self.wake_neighbours(name);
    }

    /// Those who wait for this unit, and in a shutdown those whom it kept from stopping, are looked at.
    pub(super) fn wake_neighbours(&mut self, name: &UnitName) {
        match self.ending {
            Some(_) => self.marked.extend(self.kept_by(name)),
            None => self.marked.extend(self.graph.after(name).iter().cloned()),
        }
    }

    /// A unit that is to go, goes when nothing of it is left.
    fn drop_if_done(&mut self, name: &UnitName, out: &mut Actions) {
        let Some(entry) = self.units.get(name) else { return };
        let at_rest = matches!(entry.state, UnitState::Stopped | UnitState::Disabled);
        let gone = entry.deleting || (entry.removed && !entry.wanted && at_rest);
        if !gone || self.has_pods(name) {
            return;
        }
        self.forget_past(name, out);
        let jobs: Vec<String> =
            self.jobs.values().filter(|job| &job.unit.name == name).map(|job| job.name.clone()).collect();
        for job in jobs {
            self.forget_job(&job, out);
        }
        self.timers.clear(&Timer::Slot(name.clone()));
        self.timers.clear(&Timer::Rollout(name.clone()));
        self.units.remove(name);
        self.rebuild_graph();
        out.push(Action::Gone(ObjectRef::Unit(name.clone())));
        self.marked.extend(self.graph.after(name).iter().cloned());
    }

    /// Whether a pod of this unit is not final.
    pub(super) fn has_pods(&self, name: &UnitName) -> bool {
        match self.units.get(name).map(|entry| &entry.kind) {
            Some(KindState::Service(replicas)) => replicas.places.live().next().is_some(),
            // Those of a job that was deleted, too.
            _ => self.pods.values().any(|pod| &pod.unit.name == name),
        }
    }

    /// Logs and records of pods that a service no longer has.
    fn forget_past(&mut self, name: &UnitName, out: &mut Actions) {
        let Some(KindState::Service(replicas)) = self.kind_mut(name) else { return };
        let past = std::mem::take(&mut replicas.past);
        for (uid, pod) in past {
            out.push(Action::ForgetPod { uid, unit: name.clone(), name: pod });
        }
        for done in std::mem::take(&mut replicas.places).take_done(0..) {
            out.push(Action::ForgetPod { uid: done.uid, unit: name.clone(), name: done.name });
        }
    }
}
