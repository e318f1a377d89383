//! How many pods a service has, of which template, and how well they are (RS-006).

use std::sync::Arc;

use super::replicas::service_of;
use crate::engine::Engine;
use crate::engine::entry::Entry;
use crate::engine::pod::Pod;
use crate::engine::time::{Mono, Now};

/// Numbers of a service's pods. One that was asked to end is `leaving`, and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Census {
    /// How many there should be.
    pub(in crate::engine) wanted: u32,
    /// There, and not on their way out.
    pub(in crate::engine) active: u32,
    /// Of those: not made from the wanted template, or to be replaced all the same.
    pub(in crate::engine) old: u32,
    /// Of the active: ready.
    pub(in crate::engine) ready: u32,
    /// Of the ready: for long enough (DEP-006).
    pub(in crate::engine) available: u32,
    /// Of the available: old.
    pub(in crate::engine) old_available: u32,
    /// On their way out.
    pub(in crate::engine) leaving: u32,
    /// Of those: old.
    pub(in crate::engine) old_leaving: u32,
    /// Bare pods at their end, which are shown and not replaced.
    pub(in crate::engine) done: u32,
    /// When the next pod becomes available, if none crashes.
    pub(in crate::engine) available_next: Option<Mono>,
}

impl Census {
    /// All that count towards the number wanted.
    pub(in crate::engine) fn total(&self) -> u32 {
        self.active + self.done
    }

    /// All that need not be replaced.
    pub(in crate::engine) fn updated_total(&self) -> u32 {
        self.total() - self.old
    }

    /// All that do their work, or have done it.
    pub(in crate::engine) fn available_total(&self) -> u32 {
        self.available + self.done
    }

    /// New pods that are not available yet.
    pub(in crate::engine) fn updated_unavailable(&self) -> u32 {
        (self.active - self.old) - (self.available - self.old_available)
    }

    /// Whether a rollout is at its end, as Kubernetes judges it.
    pub(in crate::engine) fn is_complete(&self) -> bool {
        self.old == 0 && self.total() == self.wanted && self.available_total() == self.wanted
    }
}

impl Engine {
    /// Counts the pods of a service; nothing where it is none.
    pub(in crate::engine) fn census(&self, now: Now, entry: &Entry) -> Option<Census> {
        let (service, replicas) = service_of(entry)?;
        let wanted = if self.is_on(entry) { self.desired(entry) } else { 0 };
        let mut census = Census { wanted, ..Census::default() };
        census.done = u32::try_from(replicas.places.done().count()).unwrap_or(u32::MAX);
        for pod in replicas.places.live().filter_map(|uid| self.pods.get(&uid)) {
            let old = replicas.is_outdated(&entry.unit, pod);
            if pod.leaving.is_some() {
                census.leaving += 1;
                census.old_leaving += u32::from(old);
                continue;
            }
            census.active += 1;
            census.old += u32::from(old);
            census.ready += u32::from(pod.is_ready());
            match available_at(pod, service.rollout.min_ready) {
                Some(at) if at <= now.mono => {
                    census.available += 1;
                    census.old_available += u32::from(old);
                }
                Some(at) => {
                    census.available_next = Some(census.available_next.map_or(at, |next| next.min(at)));
                }
                None => {}
            }
        }
        Some(census)
    }

    /// The pods of a service that are not on their way out.
    pub(super) fn active_pods_of<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a Pod> {
        let replicas = service_of(entry).map(|(_, replicas)| replicas);
        let live = replicas.into_iter().flat_map(|replicas| replicas.places.live());
        live.filter_map(|uid| self.pods.get(&uid).map(AsRef::as_ref))
            .filter(|pod: &&Pod| pod.leaving.is_none())
    }

    /// Whether pods are being replaced by others.
    pub(in crate::engine) fn is_rolling(&self, entry: &Entry) -> bool {
        let Some((_, replicas)) = service_of(entry) else { return false };
        let unit: &Arc<_> = &entry.unit;
        replicas.rolls() && self.active_pods_of(entry).any(|pod| replicas.is_outdated(unit, pod))
    }
}

/// When a pod is, or will be, available.
pub(super) fn available_at(pod: &Pod, min_ready: std::time::Duration) -> Option<Mono> {
    if !pod.is_ready() {
        return None;
    }
    if min_ready.is_zero() {
        // Whatever the clock says.
        return Some(Mono(i64::MIN));
    }
    pod.ready_since.map(|since| since.mono + min_ready)
}
