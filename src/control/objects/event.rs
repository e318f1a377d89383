//! v1 Event: something that was noticed or done.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Metadata, Noun, ObjectReference, Time};
use crate::engine::action::Report;
use crate::engine::time::Wall;
use crate::unit::name::UnitName;

/// Something that was noticed or done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `v1`
    pub api_version: Cow<'static, str>,
    /// `Event`
    pub kind: Cow<'static, str>,
    /// Its name is made from whom it is about and its sequence number.
    pub metadata: Metadata,
    /// Whom it is about.
    pub involved_object: ObjectReference,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub severity: Cow<'static, str>,
    /// Kubernetes' reason: `BackOff`, `SuccessfulCreate`.
    pub reason: String,
    /// In words.
    pub message: String,
    /// How often; each event of ours is one.
    pub count: u32,
    /// When.
    pub first_timestamp: Time,
    /// When.
    pub last_timestamp: Time,
    /// `supd`
    pub reporting_component: Cow<'static, str>,

    /// Its number among all events: a later one has a higher one.
    pub sequence: u64,
    /// The unit that it is about in the end.
    pub unit: UnitName,
}

impl Event {
    /// From what the engine reports.
    pub fn new(report: &Report, sequence: u64, at: Wall) -> Self {
        let about = &report.about;
        let name = format!("{}.{sequence:x}", about.name);
        Self {
            api_version: Cow::Borrowed(Self::API_VERSION),
            kind: Cow::Borrowed(Self::KIND),
            metadata: Metadata::namespaced(&name, super::meta::uid_of_name(Self::KIND, &name), at),
            involved_object: ObjectReference {
                api_version: Cow::Borrowed(api_version(about.kind)),
                kind: Cow::Borrowed(about.kind),
                name: about.name.clone(),
                namespace: (about.kind != super::Unit::KIND).then_some(Cow::Borrowed("default")),
            },
            severity: Cow::Borrowed(if report.warning { "Warning" } else { "Normal" }),
            reason: report.reason.to_owned(),
            message: match &report.lead {
                Some(lead) => format!("{lead}: {}", report.message),
                None => report.message.clone(),
            },
            count: 1,
            first_timestamp: at.into(),
            last_timestamp: at.into(),
            reporting_component: Cow::Borrowed("supd"),
            sequence,
            unit: about.unit.clone(),
        }
    }
}

/// The group of a kind, as the engine's reports name it.
fn api_version(kind: &str) -> &'static str {
    match kind {
        "Job" | "CronJob" => super::Job::API_VERSION,
        "Deployment" => super::Deployment::API_VERSION,
        "Unit" => super::Unit::API_VERSION,
        "Node" => "v1",
        _ => super::Pod::API_VERSION,
    }
}
