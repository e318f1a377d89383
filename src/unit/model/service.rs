//! Services: pods that are kept at a number, and how a changed template comes to them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pod::PodTemplate;

/// A service: pods that are kept at a number.
#[derive(Clone, Debug)]
pub struct Service {
    /// What its pods are made from.
    pub pod: PodTemplate,
    /// How many.
    pub replicas: u32,
    /// How a changed template comes to them.
    pub rollout: Rollout,
}

/// How a changed template comes to the pods of a service (DEP-001ff).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Side by side, or one after the other.
    pub strategy: Strategy,
    /// Pods that may be missing meanwhile; rounded down.
    pub max_unavailable: Share,
    /// Pods that may be too many meanwhile; rounded up.
    pub max_surge: Share,
    /// A pod is available once it has been ready for so long (DEP-006).
    pub min_ready: Duration,
    /// Without any progress for so long it is said to have failed; it goes on (DEP-005).
    pub progress_deadline: Duration,
    /// Old revisions that are kept (DEP-004).
    pub history: u32,
    /// Which pods go first where there are too many.
    pub surplus: Surplus,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            strategy: Strategy::RollingUpdate,
            max_unavailable: Share::Number(1),
            max_surge: Share::Number(0),
            min_ready: Duration::ZERO,
            progress_deadline: Duration::from_secs(600),
            history: 10,
            surplus: Surplus::Highest,
        }
    }
}

/// See [`Rollout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Old pods go as new ones come.
    RollingUpdate,
    /// All old pods are gone before the first new one comes (DEP-003).
    Recreate,
}

/// A number of pods, or a part of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Share {
    /// So many.
    Number(u32),
    /// So many of a hundred.
    Percent(u32),
}

impl Share {
    /// So many of `all`; parts of a pod count as one, or not at all.
    pub fn of(self, all: u32, up: bool) -> u32 {
        match self {
            Self::Number(number) => number,
            Self::Percent(percent) => {
                let parts = u64::from(all) * u64::from(percent);
                let whole = if up { parts.div_ceil(100) } else { parts / 100 };
                u32::try_from(whole).unwrap_or(u32::MAX)
            }
        }
    }
}

/// Which pods go first where there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Surplus {
    /// Those with the highest replica number.
    Highest,
    /// As Kubernetes chooses (RS-005).
    Kubernetes,
}
