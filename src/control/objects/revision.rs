//! Revisions of a service: which templates it has had, for `rollout history` (DEP-004).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Time, is_default};
use crate::engine::view::RevisionView;
use crate::unit::name::UnitName;

/// The templates of a service, oldest first; or one of them, with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionList {
    /// `supd/v1`
    pub api_version: Cow<'static, str>,
    /// `RevisionList`
    pub kind: Cow<'static, str>,
    /// The service.
    pub unit: UnitName,
    /// Its revisions.
    pub items: Vec<Revision>,
}

/// One template that a service had, or has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its number, from 1.
    pub revision: u32,
    /// Why it came: what the unit says (`kubernetes.io/change-cause`), or what was done.
    pub change: String,
    /// When it came.
    pub since: Time,
    /// Pods are made from it.
    pub present: bool,
    /// The unit that it came with; only where one revision was asked for, and its text is still known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub text: String,
}

impl RevisionList {
    /// These revisions of a service.
    pub fn new(unit: UnitName, items: Vec<Revision>) -> Self {
        Self { api_version: Cow::Borrowed("supd/v1"), kind: Cow::Borrowed("RevisionList"), unit, items }
    }
}

impl From<&RevisionView> for Revision {
    fn from(view: &RevisionView) -> Self {
        Self {
            revision: view.number,
            change: view.change.clone(),
            since: view.since.into(),
            present: view.present,
            text: String::new(),
        }
    }
}

impl From<RevisionList> for super::Object {
    fn from(list: RevisionList) -> Self {
        Self::RevisionList(Box::new(list))
    }
}
