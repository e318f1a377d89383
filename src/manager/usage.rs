//! CPU and memory of pods that run, read when somebody looks and never otherwise: of everything in a pod's
//! cgroup, as far as the kernel counts there; else of its main process, in /proc.
//!
//! CPU is what was used since somebody looked last, where that was not long ago; else since the process
//! was started.

use std::collections::HashMap;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use crate::engine::time::Mono;
use crate::place::stat::Stat;
use crate::runtime::clock;
use crate::wire::cgroup::{Tree, field};

/// Reads, and remembers what it read last.
pub(super) struct Meter {
    ticks_per_second: f64,
    page_bytes: u64,
    last: HashMap<u32, Sample>,
}

/// What processes use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Used {
    /// 100 is one CPU.
    pub(super) cpu_percent: f64,
    pub(super) memory_bytes: u64,
}

/// What the kernel has counted in a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counted {
    /// Seconds of CPU since it was made, which may have been for another pod.
    cpu_seconds: Option<f64>,
    /// Without what the kernel takes back when it needs it: Kubernetes' working set.
    memory_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    at: Mono,
    /// Of its cgroup, then.
    counted: Option<f64>,
    /// When the process was started, in ticks since boot: a pid that was given anew starts anew.
    start: u64,
    /// CPU used since then, in ticks.
    ticks: u64,
    used: Used,
}

/// A look this soon after the last one sees what that one saw: the clock of the ticks is too coarse.
const FRESH: Duration = Duration::from_millis(200);
/// A look that was longer ago says nothing about now.
const OLD: Duration = Duration::from_secs(60);

impl Meter {
    pub(super) fn new() -> Self {
        let value = |name| sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok());
        Self {
            ticks_per_second: value(SysconfVar::CLK_TCK).unwrap_or(100).max(1) as f64,
            page_bytes: value(SysconfVar::PAGE_SIZE).unwrap_or(4096),
            last: HashMap::new(),
        }
    }

    /// Somebody looks at all processes: what is remembered of others is dropped.
    pub(super) fn begin(&mut self, pids: impl Iterator<Item = u32>) {
        let mut kept = HashMap::new();
        for pid in pids {
            if let Some(sample) = self.last.remove(&pid) {
                kept.insert(pid, sample);
            }
        }
        self.last = kept;
    }

    /// What these pods use together, by their main processes; nothing, where none of them is there.
    pub(super) fn sum(&mut self, pods: impl Iterator<Item = (u32, Counted)>) -> Option<Used> {
        let mut sum: Option<Used> = None;
        for used in pods.filter_map(|(pid, counted)| self.look(pid, counted)) {
            let sum = sum.get_or_insert_default();
            sum.cpu_percent += used.cpu_percent;
            sum.memory_bytes += used.memory_bytes;
        }
        sum
    }

    fn look(&mut self, pid: u32, counted: Counted) -> Option<Used> {
        let now = clock::mono();
        let last = self.last.get(&pid).copied();
        if let Some(last) = last.filter(|last| now.since(last.at) < FRESH) {
            return Some(last.used);
        }
        let stat = i32::try_from(pid).ok().and_then(|pid| Stat::of(pid).ok())?;
        let (start, (user, system), pages) = (stat.started()?, stat.ticks()?, stat.resident_pages()?);
        let ticks = user + system;
        let since_last = last.filter(|last| last.start == start && now.since(last.at) < OLD);
        let seconds = |ticks: u64| ticks as f64 / self.ticks_per_second;
        let (used, within) = match (since_last, since_last.and_then(|last| last.counted), counted.cpu_seconds)
        {
            (Some(last), Some(before), Some(cpu)) => (cpu - before, now.since(last.at).as_secs_f64()),
            (Some(last), ..) => (seconds(ticks.saturating_sub(last.ticks)), now.since(last.at).as_secs_f64()),
            // Its cgroup may have counted for others before it.
            (None, ..) => (seconds(ticks), now.since(Mono(0)).as_secs_f64() - seconds(start)),
        };
        let cpu_percent = if within > 0.0 { (used / within * 100.0).max(0.0) } else { 0.0 };
        let memory_bytes = counted.memory_bytes.unwrap_or(pages * self.page_bytes);
        let used = Used { cpu_percent, memory_bytes };
        self.last.insert(pid, Sample { at: now, counted: counted.cpu_seconds, start, ticks, used });
        Some(used)
    }
}

impl Counted {
    /// What is counted in the cgroup of a pod, and of everything below it.
    pub(super) fn of(tree: &Tree, group: &str) -> Self {
        let read = |file| tree.read(group, file).unwrap_or_default();
        let memory: Option<u64> = read("memory.current").trim().parse().ok();
        let given_back = || field(&read("memory.stat"), "inactive_file").unwrap_or(0);
        Self {
            cpu_seconds: field(&read("cpu.stat"), "usage_usec").map(|micros| micros as f64 / 1_000_000.0),
            memory_bytes: memory.map(|memory| memory.saturating_sub(given_back())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_a_missing_one_has_nothing() {
        let mut meter = Meter::new();
        fn pods(pids: &[u32]) -> impl Iterator<Item = (u32, Counted)> {
            pids.iter().map(|pid| (*pid, Counted::default()))
        }
        let used = meter.sum(pods(&[std::process::id(), u32::MAX])).unwrap();
        assert!(used.memory_bytes > 0 && used.cpu_percent >= 0.0);
        assert_eq!(meter.sum(pods(&[std::process::id()])), Some(used), "too soon to differ");
        assert_eq!(meter.sum(pods(&[u32::MAX])), None);
        meter.begin(std::iter::empty());
        assert!(meter.last.is_empty());
    }
}
