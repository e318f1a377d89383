//! Who an object is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Time, is_default};
use crate::engine::id::PodUid;

/// Kubernetes' ObjectMeta, as far as we have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Its name, unique among its kind.
    pub name: String,
    /// `default`; our own kinds have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Cow<'static, str>>,
    /// Its identity.
    #[serde(default, skip_serializing_if = "is_default")]
    pub uid: String,
    /// As of which change this is; opaque.
    #[serde(default, skip_serializing_if = "is_default")]
    pub resource_version: String,
    /// How often what is wished of it has changed; only of a Deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Time>,
    /// When it was asked to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Time>,
    /// For selection.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// For tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
}

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference {
    /// Of the owner.
    pub api_version: Cow<'static, str>,
    /// Of the owner.
    pub kind: Cow<'static, str>,
    /// Of the owner.
    pub name: String,
    /// Of the owner.
    #[serde(default, skip_serializing_if = "is_default")]
    pub uid: String,
    /// Whether the owner makes and ends it; always so here.
    #[serde(default)]
    pub controller: bool,
}

/// The label and its older name that tell a pod's job (JOB-011).
pub(super) const JOB_NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];
/// The label of the same meaning for the uid.
pub(super) const CONTROLLER_UID_LABELS: [&str; 2] = ["batch.kubernetes.io/controller-uid", "controller-uid"];
/// The label and annotation that tell an indexed pod's number (IDX-002).
pub(super) const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// The annotations that tell how often a pod's index had failed before it (BPI-007).
pub(super) const FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-failure-count";
/// See [`FAILURE_COUNT`]: those that a rule has told to ignore.
pub(super) const IGNORED_FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
/// The annotation that tells a job's slot (CJB-020).
pub(super) const SCHEDULED_TIMESTAMP: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// The annotation of a job that an operator made from a cronjob (CJB-028); its value is `manual`.
pub(super) const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";

/// The annotation that tells the number of a deployment's template (DEP-004).
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";

impl Metadata {
    /// Of an object in the one namespace.
    pub(super) fn namespaced(name: &str, uid: String, created: impl Into<Time>) -> Self {
        Self { namespace: Some(Cow::Borrowed("default")), ..Self::global(name, uid, created) }
    }

    /// Of an object of ours, outside any namespace.
    pub(super) fn global(name: &str, uid: String, created: impl Into<Time>) -> Self {
        Self { name: name.to_owned(), uid, creation_timestamp: Some(created.into()), ..Self::default() }
    }
}

impl OwnerReference {
    /// The owner that makes and ends the object.
    pub(super) fn controller(api_version: &'static str, kind: &'static str, name: &str, uid: String) -> Self {
        Self {
            api_version: Cow::Borrowed(api_version),
            kind: Cow::Borrowed(kind),
            name: name.to_owned(),
            uid,
            controller: true,
        }
    }
}

/// The identity of what has no number of its own (units, deployments, cronjobs): made from kind and name,
/// so that it is the same after any restart. FNV-1a, of which only few collisions are asked.
pub(super) fn uid_of_name(kind: &str, name: &str) -> String {
    let bytes = kind.bytes().chain([b'/']).chain(name.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The third group tells it from a pod's, whose is 8000.
    PodUid(hash).to_string().replacen("-8000-", "-8001-", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_of_names_differ_by_kind_and_name_and_are_no_pods() {
        let uids = [uid_of_name("Unit", "web"), uid_of_name("Deployment", "web"), uid_of_name("Unit", "db")];
        assert!(uids[0] != uids[1] && uids[0] != uids[2]);
        assert_eq!(uids[0], uid_of_name("Unit", "web"));
        assert_eq!((uids[0].len(), &uids[0][14..19]), (36, "8001-"));
    }
}
