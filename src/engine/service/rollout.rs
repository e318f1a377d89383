//! From the pods there are to those that should be: which are made and which are stopped (DEP-001ff).
//!
//! Nothing here remembers a rollout: each step follows from what there is, so that a new manager goes on in
//! the middle of one. Side by side with the old pods there are `max_surge` new ones at most, and
//! `max_unavailable` may be missing from those wanted (DEP-002).
//!
//! A new pod takes the lowest replica number that is free. A number is free when the pod that had it is gone:
//! its port and its files are in use until then, so one replica never runs twice. Where Kubernetes' rules
//! hold to the letter there is always another number, and a pod that is slow to stop delays nobody (RS-003).

use std::sync::Arc;

use super::census::Census;
use super::replicas::service_of;
use super::surplus::{Standing, who_goes_first};
use crate::engine::action::Actions;
use crate::engine::entry::Entry;
use crate::engine::id::PodUid;
use crate::engine::places::Place;
use crate::engine::pod::{Count, Owner, Pod, PodSeed};
use crate::engine::time::Now;
use crate::engine::{Engine, report};
use crate::unit::model::{Rollout, Strategy, Surplus, Unit};
use crate::unit::name::UnitName;

/// What is to be done at once.
#[derive(Default)]
struct Step {
    make: Vec<(u32, Arc<Unit>)>,
    stop: Vec<PodUid>,
}

/// The numbers that bound a rollout.
#[derive(Clone, Copy)]
struct Bounds {
    rollout: Rollout,
    /// Pods that are to be available.
    least: u32,
    /// Old pods are replaced now.
    rolls: bool,
    /// Pods there may be.
    most: u32,
}

impl Engine {
    /// Makes what is missing and stops what is too much, until there is nothing to do at once.
    pub(super) fn balance(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let released = self.release(name);
        loop {
            let Some(step) = self.next_step(now, name, released) else { return };
            if step.make.is_empty() && step.stop.is_empty() {
                return;
            }
            self.tell_step(now, name, &step, out);
            for (ordinal, unit) in step.make {
                self.make_replica(now, name, ordinal, unit, out);
            }
            for uid in step.stop {
                self.stop_pod(now, uid, Count::Nothing, out);
            }
        }
    }

    fn make_replica(&mut self, now: Now, name: &UnitName, ordinal: u32, unit: Arc<Unit>, out: &mut Actions) {
        // A manifest's Pod keeps its own name.
        let own = unit.is_bare_pod() && ordinal == 0;
        let stem = unit.name.pod_stem();
        let seed = PodSeed {
            name: if own { stem } else { format!("{stem}-{ordinal}") },
            unit,
            owner: Owner::Service { ordinal },
            scheduled: None,
        };
        let uid = self.make_pod(now, seed, out);
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.places.set(ordinal, Place::Live(uid));
        }
    }

    fn next_step(&self, now: Now, name: &UnitName, released: bool) -> Option<Step> {
        let entry = self.units.get(name)?;
        let census = self.census(now, entry)?;
        if census.total() == census.wanted && census.old == 0 {
            return None;
        }
        let bounds = self.bounds(entry, &census)?;
        let excess = census.total().saturating_sub(bounds.most);
        if excess > 0 {
            let going = self.going(now, entry, bounds, |_, _| true);
            return Some(Step { stop: first(going, excess), ..Step::default() });
        }
        if !released {
            return None;
        }
        let recreate = bounds.rolls && bounds.rollout.strategy == Strategy::Recreate;
        if recreate && census.old + census.old_leaving > 0 {
            // All are gone before the first new one comes (DEP-003).
            let stop = self.going(now, entry, bounds, |_, old| old);
            return Some(Step { stop, ..Step::default() });
        }
        let make = self.missing(entry, &census, bounds);
        if !make.is_empty() || !bounds.rolls {
            return Some(Step { make, ..Step::default() });
        }
        Some(Step { stop: self.replaceable(now, entry, &census, bounds), ..Step::default() })
    }

    fn bounds(&self, entry: &Entry, census: &Census) -> Option<Bounds> {
        let (service, replicas) = service_of(entry)?;
        let (surge, unavailable) = service.rollout.bounds(census.wanted);
        let mixed = census.old > 0;
        Some(Bounds {
            rollout: service.rollout,
            least: census.wanted.saturating_sub(unavailable),
            rolls: replicas.rolls() && census.old + census.old_leaving > 0,
            most: census.wanted.saturating_add(if mixed { surge } else { 0 }),
        })
    }

    /// The pods to be made, by their numbers.
    fn missing(&self, entry: &Entry, census: &Census, bounds: Bounds) -> Vec<(u32, Arc<Unit>)> {
        let Some((_, replicas)) = service_of(entry) else { return Vec::new() };
        let wanted = census.wanted;
        let count = match bounds.rolls {
            true => (bounds.most.saturating_sub(census.total()))
                .min(wanted.saturating_sub(census.updated_total())),
            false => wanted.saturating_sub(census.total()),
        };
        let highest = match bounds.rollout.surplus {
            Surplus::Highest => bounds.most,
            Surplus::Kubernetes => u32::MAX,
        };
        let free = (0..highest).filter(|ordinal| !replicas.places.has(*ordinal)).take(count as usize);
        let mut shares = self.shares(entry, wanted);
        free.map(|ordinal| (ordinal, shares.next(replicas.present(&entry.unit)))).collect()
    }

    /// Old pods that may go now: first who is not available, as far as that makes no difference to those who
    /// use the service; then who is, as far as there are enough.
    fn replaceable(&self, now: Now, entry: &Entry, census: &Census, bounds: Bounds) -> Vec<PodUid> {
        let min_ready = bounds.rollout.min_ready;
        let available =
            |pod: &Pod| super::census::available_at(pod, min_ready).is_some_and(|at| at <= now.mono);
        let kept = bounds.least.saturating_add(census.updated_unavailable());
        let room = census.total().saturating_sub(kept);
        let unavailable = self.going(now, entry, bounds, |pod, old| old && !available(pod));
        let mut stop = first(unavailable, room);
        if stop.is_empty() && census.leaving == 0 && bounds.rollout.surplus == Surplus::Highest {
            // Ours: one that is not ready is of no use to anybody, so it waits for nobody.
            stop = first(self.going(now, entry, bounds, |pod, old| old && !pod.is_ready()), 1);
        }
        if room > 0 {
            let spare = census.available_total().saturating_sub(bounds.least);
            let going = self.going(now, entry, bounds, |pod, old| old && available(pod));
            stop.extend(first(going, spare));
        }
        stop
    }

    /// The active pods that are meant, first who goes first.
    fn going(
        &self,
        now: Now,
        entry: &Entry,
        bounds: Bounds,
        meant: impl Fn(&Pod, bool) -> bool,
    ) -> Vec<PodUid> {
        let Some((_, replicas)) = service_of(entry) else { return Vec::new() };
        let min_ready = bounds.rollout.min_ready;
        let pods = self.active_pods_of(entry).filter_map(|pod| {
            let old = replicas.is_outdated(&entry.unit, pod);
            meant(pod, old).then(|| (pod.uid, Standing::of(pod, old, now, min_ready)))
        });
        who_goes_first(now, pods, bounds.rollout.surplus, bounds.rolls)
    }

    /// While a rollout is paused halfway, each of its two templates keeps its share of the pods, as in
    /// Kubernetes: neither scaling nor the loss of a pod goes on with it.
    fn shares(&self, entry: &Entry, wanted: u32) -> Shares {
        let mut shares = Shares { wanted, ..Shares::default() };
        let Some((_, replicas)) = service_of(entry).filter(|(_, replicas)| replicas.is_paused()) else {
            return shares;
        };
        let present = replicas.present(&entry.unit).template_hash;
        for pod in replicas.places.live().filter_map(|uid| self.pods.get(&uid)) {
            let active = u32::from(pod.leaving.is_none());
            if pod.unit.template_hash == present {
                shares.new = (shares.new.0 + 1, shares.new.1 + active);
            } else {
                shares.old = (shares.old.0 + 1, shares.old.1 + active);
                shares.old_unit = Some(Arc::clone(&pod.unit));
            }
        }
        shares
    }

    /// Says what a rollout does, as Kubernetes' events do.
    fn tell_step(&self, now: Now, name: &UnitName, step: &Step, out: &mut Actions) {
        let Some(entry) = self.units.get(name) else { return };
        let (Some((_, replicas)), Some(census)) = (service_of(entry), self.census(now, entry)) else {
            return;
        };
        if !replicas.rolls() || census.old + census.old_leaving == 0 {
            return;
        }
        let about = ("Deployment", name.as_str(), name);
        let made = u32::try_from(step.make.len()).unwrap_or(u32::MAX);
        if made > 0 {
            let (revision, there) = (replicas.revision(), census.active - census.old);
            let words =
                format!("Scaled up replica set {name} from {there} to {}, revision {revision}", there + made);
            report(out, false, "ScalingReplicaSet", about, words);
        }
        let stops =
            |uid: &&PodUid| self.pods.get(*uid).is_some_and(|pod| replicas.is_outdated(&entry.unit, pod));
        let stopped = u32::try_from(step.stop.iter().filter(stops).count()).unwrap_or(u32::MAX);
        if stopped > 0 {
            let words = format!(
                "Scaled down replica set {name} from {} to {}, old revisions",
                census.old,
                census.old - stopped
            );
            report(out, false, "ScalingReplicaSet", about, words);
        }
    }
}

/// How many pods of each template there are, and how many of them are active.
#[derive(Default)]
struct Shares {
    wanted: u32,
    old: (u32, u32),
    new: (u32, u32),
    old_unit: Option<Arc<Unit>>,
}

impl Shares {
    /// What the next pod is made from: of that template of which there are too few.
    fn next(&mut self, present: &Arc<Unit>) -> Arc<Unit> {
        let Some(old) = &self.old_unit else { return Arc::clone(present) };
        let lack = |(share, active): (u32, u32)| {
            let all = u64::from(self.old.0 + self.new.0);
            i128::from(u64::from(self.wanted) * u64::from(share)) - i128::from(all * u64::from(active))
        };
        if lack(self.old) > lack(self.new) {
            self.old.1 += 1;
            Arc::clone(old)
        } else {
            self.new.1 += 1;
            Arc::clone(present)
        }
    }
}

/// The first so many.
fn first(mut pods: Vec<PodUid>, count: u32) -> Vec<PodUid> {
    pods.truncate(count as usize);
    pods
}
