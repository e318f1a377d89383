//! What the control API speaks of: Kubernetes' objects in Kubernetes' shape, and a few of ours.
//!
//! Made from the engine's views for the server, read back by `supctl`. Kubernetes' fields keep their
//! names and meanings; what is ours stands beside them. Zeros are printed, what is unknown is left out.

mod bodies;
mod container;
mod cronjob;
mod deployment;
mod event;
mod exec;
mod history;
mod info;
mod job;
mod list;
mod log;
mod meta;
mod pod;
mod policies;
mod revision;
mod run;
mod selector;
mod status;
mod switch_root;
mod template;
mod time;
mod unit;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use bodies::*;
pub use container::*;
pub use cronjob::*;
pub use deployment::*;
pub use event::*;
pub use exec::*;
pub use history::*;
pub use info::*;
pub use job::*;
pub use list::*;
pub use log::*;
pub use meta::*;
pub use pod::*;
pub use policies::*;
pub use revision::*;
pub use run::*;
pub use selector::*;
pub use status::*;
pub use switch_root::*;
pub use template::*;
pub use time::*;
pub use unit::*;

/// An object with what is wished (`spec`) and what is (`status`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource<Spec, Status> {
    /// `v1`, `batch/v1`, …
    pub api_version: Cow<'static, str>,
    /// `Pod`, `Job`, …
    pub kind: Cow<'static, str>,
    /// Who it is.
    pub metadata: Metadata,
    /// What is wished.
    pub spec: Spec,
    /// What is.
    pub status: Status,
}

/// A kind of object that the API lists: where it is found and what it calls itself.
pub trait Noun {
    /// `v1`, `batch/v1`, …
    const API_VERSION: &'static str;
    /// `Pod`, `Job`, …
    const KIND: &'static str;
    /// Where its list is; an object is one step below.
    const PATH: &'static str;

    /// Who it is.
    fn metadata(&self) -> &Metadata;
}

/// Any object that the server answers with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Object {
    /// See [`Pod`].
    Pod(Box<Pod>),
    /// See [`Job`].
    Job(Box<Job>),
    /// See [`CronJob`].
    CronJob(Box<CronJob>),
    /// See [`Deployment`].
    Deployment(Box<Deployment>),
    /// See [`Scale`].
    Scale(Box<Scale>),
    /// See [`Event`].
    Event(Box<Event>),
    /// See [`Unit`].
    Unit(Box<Unit>),
    /// See [`Run`].
    Run(Box<Run>),
    /// See [`HistoryEntry`].
    HistoryEntry(Box<HistoryEntry>),
    /// See [`Info`].
    Info(Box<Info>),
    /// See [`LogLocation`].
    LogLocation(Box<LogLocation>),
    /// See [`RevisionList`].
    RevisionList(Box<RevisionList>),
}

/// The path, names and conversion of one kind.
macro_rules! noun {
    ($type:ident, $version:literal, $path:literal) => {
        impl Noun for $type {
            const API_VERSION: &'static str = $version;
            const KIND: &'static str = stringify!($type);
            const PATH: &'static str = $path;

            fn metadata(&self) -> &Metadata {
                &self.metadata
            }
        }

        impl From<$type> for Object {
            fn from(object: $type) -> Self {
                Self::$type(Box::new(object))
            }
        }
    };
}

noun!(Pod, "v1", "/api/v1/namespaces/default/pods");
noun!(Job, "batch/v1", "/apis/batch/v1/namespaces/default/jobs");
noun!(CronJob, "batch/v1", "/apis/batch/v1/namespaces/default/cronjobs");
noun!(Deployment, "apps/v1", "/apis/apps/v1/namespaces/default/deployments");
noun!(Event, "v1", "/api/v1/namespaces/default/events");
noun!(Unit, "supd/v1", "/apis/supd/v1/units");
noun!(Run, "supd/v1", "/apis/supd/v1/runs");
noun!(HistoryEntry, "supd/v1", "/apis/supd/v1/history");

impl<Spec, Status> Resource<Spec, Status>
where
    Self: Noun,
{
    /// An object of its kind.
    fn new(metadata: Metadata, spec: Spec, status: Status) -> Self {
        Self {
            api_version: Cow::Borrowed(<Self as Noun>::API_VERSION),
            kind: Cow::Borrowed(<Self as Noun>::KIND),
            metadata,
            spec,
            status,
        }
    }
}

impl Object {
    /// Who it is; [`Info`], [`LogLocation`] and [`RevisionList`] are nobody that could be watched.
    pub fn metadata(&self) -> Option<&Metadata> {
        Some(match self {
            Self::Pod(object) => &object.metadata,
            Self::Job(object) => &object.metadata,
            Self::CronJob(object) => &object.metadata,
            Self::Deployment(object) => &object.metadata,
            Self::Scale(object) => &object.metadata,
            Self::Event(object) => &object.metadata,
            Self::Unit(object) => &object.metadata,
            Self::Run(object) => &object.metadata,
            Self::HistoryEntry(object) => &object.metadata,
            Self::Info(_) | Self::LogLocation(_) | Self::RevisionList(_) => return None,
        })
    }

    /// See [`Object::metadata`].
    pub fn metadata_mut(&mut self) -> Option<&mut Metadata> {
        Some(match self {
            Self::Pod(object) => &mut object.metadata,
            Self::Job(object) => &mut object.metadata,
            Self::CronJob(object) => &mut object.metadata,
            Self::Deployment(object) => &mut object.metadata,
            Self::Scale(object) => &mut object.metadata,
            Self::Event(object) => &mut object.metadata,
            Self::Unit(object) => &mut object.metadata,
            Self::Run(object) => &mut object.metadata,
            Self::HistoryEntry(object) => &mut object.metadata,
            Self::Info(_) | Self::LogLocation(_) | Self::RevisionList(_) => return None,
        })
    }
}

/// Whether a number or a flag has nothing to say: only for what Kubernetes itself leaves out.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A path as text, whatever its bytes: an odd directory must not make an object unprintable.
fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// See [`lossy`].
fn lossy_all<S: serde::Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

/// See [`lossy`].
fn lossy_some<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.as_deref().unwrap_or(Path::new("")).display())
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
