//! Who is who: pods, runs, jobs. A pid is never an identity.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::unit::name::UnitName;

/// The number of a pod: new for every pod ever made, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodUid(pub u64);

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The application.
    Main,
    /// A step before it.
    Init,
    /// A probe of kind exec: bounded output, no history.
    Probe,
    /// `supctl exec`.
    Exec,
    /// A process beside the application, for as long as it runs.
    Sidecar,
    /// A hook of a process: bounded output, no history.
    Hook,
}

/// One execution of one process of one pod. An event of an older run is recognised and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId {
    /// The pod.
    pub pod: PodUid,
    /// What it is for.
    pub class: Class,
    /// Place of the process in the pod: init steps and sidecars from 0 in order, then main, then those beside
    /// it. For probes, hooks and execs a number that the manager chose.
    pub process: u16,
    /// 0 for the first run of this process in this pod.
    pub attempt: u32,
}

/// The name of a pod, as in `get pods`: a DNS label.
pub type PodName = String;

/// The name of a job: its unit's, or made from a cronjob's and a time, or given by an operator.
pub type JobName = String;

/// A thing that users can name, and that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ObjectRef {
    /// A unit, with the service or cronjob that it is.
    Unit(UnitName),
    /// A job.
    Job(JobName),
    /// A pod; the uid, since a replacement may have its predecessor's name for a while.
    Pod(PodUid),
}

impl Class {
    /// As a number, for the wire.
    pub fn to_wire(self) -> u8 {
        match self {
            Self::Main => 0,
            Self::Init => 1,
            Self::Probe => 2,
            Self::Exec => 3,
            Self::Sidecar => 4,
            Self::Hook => 5,
        }
    }

    /// From a number of the wire.
    pub fn from_wire(number: u8) -> Option<Self> {
        [Self::Main, Self::Init, Self::Probe, Self::Exec, Self::Sidecar, Self::Hook]
            .into_iter()
            .nth(usize::from(number))
    }

    /// A process of the pod itself, whose end the engine decides upon.
    pub fn is_process(self) -> bool {
        matches!(self, Self::Main | Self::Init | Self::Sidecar)
    }
}

/// In the shape of a UUID, as tools expect it, with the part that differs in front: log directories carry
/// the first eight characters.
impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (self.0 & 0xffff_ffff, self.0 >> 32);
        write!(f, "{low:08x}-0000-8000-8000-{high:012x}")
    }
}

impl PodUid {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let low = u64::from_str_radix(text.get(..8)?, 16).ok()?;
        let high = u64::from_str_radix(text.get(24..36)?, 16).ok()?;
        (text.len() == 36).then_some(Self(high << 32 | low))
    }

    /// The part that log directories carry.
    pub fn short(self) -> String {
        format!("{:08x}", self.0 & 0xffff_ffff)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.pod.short(), self.process, self.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_reads_back() {
        for number in [1, 0xffff_ffff, 0x1_0000_0001] {
            let uid = PodUid(number);
            assert_eq!(PodUid::parse(&uid.to_string()), Some(uid));
        }
        assert_eq!(PodUid(42).to_string(), "0000002a-0000-8000-8000-000000000000");
        assert_eq!(PodUid::parse("x"), None);
    }
}
