//! What a service remembers of its pods, and of how its template comes to them.
//!
//! Two templates are told apart. The *wanted* one is what the service is to be made from: the unit in force,
//! or what an operator has gone back to. New pods are made from the *present* one, which is the same unless a
//! rollout is paused: then the wanted one waits, and pods that are missing are made as they were.

use std::collections::VecDeque;
use std::sync::Arc;

use super::progress::Progress;
use super::revisions::Revisions;
use crate::engine::entry::{Entry, KindState};
use crate::engine::id::PodUid;
use crate::engine::places::Places;
use crate::engine::pod::Pod;
use crate::unit::model::{Body, Service, Unit};

/// The pods of a service.
#[derive(Debug, Default)]
pub(in crate::engine) struct Replicas {
    /// An operator's number; else the unit's.
    pub(in crate::engine) scaled: Option<u32>,
    /// How often what is wished of it has changed (Kubernetes' `metadata.generation`, less one).
    pub(in crate::engine) changes: u32,
    /// Pods that were made from another template stay as they are until `apply`: nobody has asked for their
    /// replacement, their file has changed while supd was away.
    pub(in crate::engine) held: bool,
    /// The wanted template was once in all pods, and they were available: what happens from then on is no
    /// part of a rollout (DEP-005).
    pub(in crate::engine) complete: bool,
    /// By replica number. A pod that is on its way out keeps its place: its port, its files.
    pub(in crate::engine) places: Places,
    /// Pods up to this one are to be replaced, whatever they were made from: an operator's `restart`.
    pub(in crate::engine) renewed: PodUid,
    /// Pods that were replaced or stopped, oldest first: kept for their logs.
    pub(in crate::engine) past: VecDeque<(PodUid, String)>,
    /// What most services have nothing of.
    pub(in crate::engine) rolling: Option<Box<Rolling>>,
}

/// What a service has while its template changes, and afterwards.
#[derive(Debug, Default)]
pub(in crate::engine) struct Rolling {
    /// Templates do not come to pods any more, until `rollout resume`.
    pub(in crate::engine) paused: bool,
    /// Pods are made from this and not from the unit: an operator has gone back to it (`undone`), or the
    /// unit's own template waits for the end of a pause.
    pub(in crate::engine) template: Option<Arc<Unit>>,
    /// See `template`.
    pub(in crate::engine) undone: bool,
    /// See [`Revisions`].
    pub(in crate::engine) revisions: Revisions,
    /// How a rollout gets on that is not complete.
    pub(in crate::engine) progress: Option<Progress>,
}

impl Rolling {
    /// Whether there is nothing to remember.
    fn is_idle(&self) -> bool {
        !self.paused && self.template.is_none() && self.revisions.is_empty() && self.progress.is_none()
    }
}

impl Replicas {
    /// What its pods are to be made from. `unit` is the one in force.
    pub(in crate::engine) fn wanted<'a>(&'a self, unit: &'a Arc<Unit>) -> &'a Arc<Unit> {
        match &self.rolling {
            Some(rolling) if rolling.undone => rolling.template.as_ref().unwrap_or(unit),
            _ => unit,
        }
    }

    /// What new pods are made from.
    pub(in crate::engine) fn present<'a>(&'a self, unit: &'a Arc<Unit>) -> &'a Arc<Unit> {
        self.rolling.as_ref().and_then(|rolling| rolling.template.as_ref()).unwrap_or(unit)
    }

    /// Whether a pod is to be replaced, sooner or later.
    pub(in crate::engine) fn is_outdated(&self, unit: &Arc<Unit>, pod: &Pod) -> bool {
        pod.uid <= self.renewed || pod.unit.template_hash != self.wanted(unit).template_hash
    }

    /// Whether an operator has gone back to an older template.
    pub(in crate::engine) fn is_undone(&self) -> bool {
        self.rolling.as_ref().is_some_and(|rolling| rolling.undone)
    }

    /// Whether templates come to pods no more.
    pub(in crate::engine) fn is_paused(&self) -> bool {
        self.rolling.as_ref().is_some_and(|rolling| rolling.paused)
    }

    /// Whether pods that are outdated are replaced now.
    pub(in crate::engine) fn rolls(&self) -> bool {
        !self.is_paused() && !self.held
    }

    /// The number of the present revision.
    pub(in crate::engine) fn revision(&self) -> u32 {
        self.rolling.as_ref().map_or(1, |rolling| rolling.revisions.present())
    }

    /// How a rollout gets on.
    pub(in crate::engine) fn progress(&self) -> Option<&Progress> {
        self.rolling.as_ref()?.progress.as_ref()
    }

    /// See [`Rolling`].
    pub(in crate::engine) fn rolling_mut(&mut self) -> &mut Rolling {
        self.rolling.get_or_insert_default()
    }

    /// Lets go of what is not needed any more.
    pub(in crate::engine) fn tidy(&mut self) {
        if self.rolling.as_ref().is_some_and(|rolling| rolling.is_idle()) {
            self.rolling = None;
        }
    }
}

/// A service's definition, and its pods; nothing where it is another kind of unit.
pub(in crate::engine) fn service_of(entry: &Entry) -> Option<(&Service, &Replicas)> {
    match (&entry.unit.body, &entry.kind) {
        (Body::Service(service), KindState::Service(replicas)) => Some((service, replicas)),
        _ => None,
    }
}
