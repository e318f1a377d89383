//! Relations: what a unit wants of others before it starts.

use serde::{Deserialize, Serialize};

use super::super::name::UnitName;

/// Order and requirements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// Started with this unit, and waited for as long as it takes. They exist: load checked it.
    pub requires: Vec<Relation>,
    /// Started with this unit, and waited for, unless they have failed or do not exist.
    pub wants: Vec<Relation>,
    /// Waited for if they are to be started too.
    pub after: Vec<Relation>,
    /// The same, seen from the other side.
    pub before: Vec<Relation>,
}

/// One relation to another unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The other unit.
    pub unit: UnitName,
    /// What it must have reached; `None` is the default of its kind (service ready, job succeeded,
    /// cronjob started, target reached).
    pub condition: Option<Condition>,
}

/// What another unit must have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Its processes were started (a cronjob: it is armed).
    Started,
    /// It is ready (a target: reached).
    Ready,
    /// It has ended, however.
    Completed,
    /// It has ended well.
    Succeeded,
}

impl Condition {
    /// As users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Completed => "completed",
            Self::Succeeded => "succeeded",
        }
    }
}
