//! Where a process is in the tree of cgroups, and what it may use there.

use crate::unit::model::{Process, Unit};
use crate::wire::plan::Cgroup;

/// The cgroup of a process of a pod. A pod of several has one for each of them, since each may end alone.
pub(super) fn of(pod: &str, unit: &Unit, process: &Process, controllers: &[String]) -> Cgroup {
    let several = unit.pod().is_some_and(|pod| pod.processes().count() > 1);
    let path = if several { format!("{pod}/{}", process.name) } else { pod.to_owned() };
    let _ = controllers;
    Cgroup { path, settings: Vec::new(), owner: true }
}
