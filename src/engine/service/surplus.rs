//! Which pods go first, where some must (RS-005).

use std::cmp::Reverse;
use std::time::Duration;

use super::census::available_at;
use crate::engine::id::PodUid;
use crate::engine::pod::{Owner, Pod};
use crate::engine::time::Now;
use crate::engine::view::Phase;
use crate::unit::model::Surplus;

/// What a pod costs that is deleted: cheaper ones go first.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Orders pods by who goes first. In the middle of a rollout (`rolls`) those go first that are missed least.
pub(super) fn who_goes_first(
    now: Now,
    pods: impl Iterator<Item = (PodUid, Standing)>,
    surplus: Surplus,
    rolls: bool,
) -> Vec<PodUid> {
    let mut pods: Vec<(PodUid, Standing)> = pods.collect();
    match surplus {
        Surplus::Highest => pods.sort_by_key(|(_, pod)| {
            let missed = rolls.then_some((pod.ready_for.is_some(), pod.available, !pod.old));
            (missed, Reverse(pod.ordinal))
        }),
        Surplus::Kubernetes => pods.sort_by_key(|(uid, pod)| {
            let missed = rolls.then_some((pod.ready_for.is_some(), pod.available, !pod.old));
            let ready_for = pod.ready_for.map(|since| bucket(now.mono.since(since)));
            let age = Reverse(bucket(now.mono.since(pod.created)));
            (
                missed,
                (pod.running, ready_for.is_some(), pod.deletion_cost, ready_for),
                (Reverse(pod.restarts), Reverse(age), Reverse(*uid)),
            )
        }),
    }
    pods.into_iter().map(|(uid, _)| uid).collect()
}

/// What of a pod decides when it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    ordinal: u32,
    old: bool,
    available: bool,
    running: bool,
    /// Since when it is ready.
    ready_for: Option<crate::engine::time::Mono>,
    deletion_cost: i32,
    restarts: u32,
    created: crate::engine::time::Mono,
}

impl Standing {
    /// How a pod stands.
    pub(super) fn of(pod: &Pod, old: bool, now: Now, min_ready: Duration) -> Self {
        let cost = pod.unit.pod_annotations().get(DELETION_COST).and_then(|cost| cost.parse().ok());
        Self {
            ordinal: match pod.owner {
                Owner::Service { ordinal } => ordinal,
                Owner::Job { .. } => 0,
            },
            old,
            available: available_at(pod, min_ready).is_some_and(|at| at <= now.mono),
            running: pod.phase() == Phase::Running,
            ready_for: pod.is_ready().then(|| pod.ready_since.unwrap_or(pod.created).mono),
            deletion_cost: cost.unwrap_or(0),
            restarts: pod.restarts(),
            created: pod.created.mono,
        }
    }
}

/// Times that differ little count as equal, as in Kubernetes.
fn bucket(time: Duration) -> u32 {
    time.as_secs().checked_ilog2().map_or(0, |bits| bits + 1)
}
