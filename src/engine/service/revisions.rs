//! Revisions: which templates a service has had (DEP-004, DEP-007).
//!
//! Only their numbers and names are held here. The text of a version is in the store, which keeps it for as
//! long as a revision needs it ([`crate::engine::Engine::versions`]).

use serde::{Deserialize, Serialize};

use crate::engine::time::Wall;
use crate::limits::REVISIONS_MAX;
use crate::unit::model::Unit;

/// One template that a service had, or has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Revision {
    /// From 1; a template that comes again gets a new one.
    pub(in crate::engine) number: u32,
    /// The version of the unit that it came with.
    pub(in crate::engine) hash: u64,
    /// What tells it from others.
    pub(in crate::engine) template_hash: u64,
    /// When it came.
    pub(in crate::engine) since: Wall,
    /// Why, in words.
    pub(in crate::engine) change: Box<str>,
}

/// All that are remembered, the present one last. Empty: there was never another than the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::engine) struct Revisions(Vec<Revision>);

/// What a user says of a change: Kubernetes' annotation.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

impl Revision {
    /// A revision of this template. What its unit says of the change counts more than `change`.
    pub(in crate::engine) fn new(number: u32, unit: &Unit, since: Wall, change: &str) -> Self {
        let change = unit.annotations.get(CHANGE_CAUSE).map_or(change, String::as_str);
        Self { number, hash: unit.hash, template_hash: unit.template_hash, since, change: change.into() }
    }
}

impl Revisions {
    /// Whether there was never another than the first.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of the present one.
    pub(in crate::engine) fn present(&self) -> u32 {
        self.0.last().map_or(1, |revision| revision.number)
    }

    /// All, oldest first.
    pub(in crate::engine) fn all(&self) -> impl DoubleEndedIterator<Item = &Revision> + '_ {
        self.0.iter()
    }

    /// The one of this number.
    pub(in crate::engine) fn get(&self, number: u32) -> Option<&Revision> {
        self.0.iter().find(|revision| revision.number == number)
    }

    /// The one before the present one.
    pub(in crate::engine) fn previous(&self) -> Option<&Revision> {
        self.0.iter().rev().nth(1)
    }

    /// Another template comes. One that comes again leaves its old number (DEP-007).
    pub(in crate::engine) fn push(&mut self, first: Revision, next: Revision) {
        if self.0.is_empty() {
            self.0.push(first);
        }
        let number = self.present().saturating_add(1);
        self.0.retain(|revision| revision.template_hash != next.template_hash);
        self.0.push(Revision { number, ..next });
        self.trim(REVISIONS_MAX);
    }

    /// Forgets the oldest; so many old ones stay.
    pub(in crate::engine) fn trim(&mut self, old: u32) {
        let most = (old as usize).saturating_add(1);
        let surplus = self.0.len().saturating_sub(most);
        self.0.drain(..surplus);
    }
}
