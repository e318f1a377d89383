//! Where a process is in the tree of cgroups, and what it may use there.

use crate::unit::model::{Limits, Process, Unit};
use crate::wire::cgroup::setting::Setting;
use crate::wire::plan::Cgroup;

/// The kernel's usual period in which a share of CPU is given out, in microseconds.
const PERIOD_US: u64 = 100_000;
/// The least that it gives.
const QUOTA_MIN_US: u64 = 1_000;

/// The cgroup of a process of a pod. A pod of several has one for each of them, since each may end alone. What
/// the place cannot limit is left out: whoever loads the unit has said so.
pub(super) fn of(pod: &str, unit: &Unit, process: &Process, controllers: &[String]) -> Cgroup {
    let several = unit.pod().is_some_and(|pod| pod.processes().count() > 1);
    let path = if several { format!("{pod}/{}", process.name) } else { pod.to_owned() };
    let mut settings = settings(&process.limits);
    settings.retain(|setting| controllers.iter().any(|known| known == setting.controller()));
    Cgroup { path, settings, owner: true }
}

fn settings(limits: &Limits) -> Vec<Setting> {
    let Limits { memory_max, memory_high, cpu_max, cpu_weight, pids_max } = limits;
    let mut settings = Vec::new();
    let mut set = |file: &str, value: Option<String>| {
        settings.extend(value.map(|value| Setting::new(file, value)));
    };
    set("memory.high", memory_high.map(|bytes| bytes.to_string()));
    set("memory.max", memory_max.map(|bytes| bytes.to_string()));
    // As Kubernetes does it: what has lost one of its processes is not what it was.
    set("memory.oom.group", memory_max.map(|_| "1".to_owned()));
    let quota = |millis: u64| (millis * PERIOD_US / 1_000).max(QUOTA_MIN_US);
    set("cpu.max", cpu_max.map(|millis| format!("{} {PERIOD_US}", quota(millis))));
    set("cpu.weight", cpu_weight.map(|weight| weight.to_string()));
    set("pids.max", pids_max.map(|count| count.to_string()));
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_as_the_kernel_reads_them() {
        let limits = Limits {
            memory_max: Some(64 << 20),
            memory_high: Some(48 << 20),
            cpu_max: Some(1_500),
            cpu_weight: Some(50),
            pids_max: Some(9),
        };
        let written: Vec<(String, String)> =
            settings(&limits).into_iter().map(|setting| (setting.file, setting.value)).collect();
        let expected = [
            ("memory.high", "50331648"),
            ("memory.max", "67108864"),
            ("memory.oom.group", "1"),
            ("cpu.max", "150000 100000"),
            ("cpu.weight", "50"),
            ("pids.max", "9"),
        ];
        assert_eq!(written, expected.map(|(file, value)| (file.to_owned(), value.to_owned())));
        assert!(settings(&Limits::default()).is_empty());
        let least = Limits { cpu_max: Some(1), ..Limits::default() };
        assert_eq!(settings(&least)[0].value, "1000 100000");
    }
}
