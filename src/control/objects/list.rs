//! Lists of objects, and the lines of a watch.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Noun, is_default};

/// A list as `supctl get -o json` prints it and as the API answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// Of the objects; `v1` where they differ.
    pub api_version: Cow<'static, str>,
    /// `PodList`, …; `List` where they differ.
    pub kind: Cow<'static, str>,
    /// Of the list.
    pub metadata: ListMetadata,
    /// The objects.
    pub items: Vec<T>,
}

/// Of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMetadata {
    /// As of which change it was made; opaque.
    #[serde(default, skip_serializing_if = "is_default")]
    pub resource_version: String,
}

/// One line of a watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchEvent<T> {
    /// What happened to it.
    #[serde(rename = "type")]
    pub change: Change,
    /// The object, as it is now or was last; with `ERROR` a [`super::Status`].
    pub object: T,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Change {
    /// It is new, or was there when the watch began.
    Added,
    /// It is not what it was.
    Modified,
    /// It is gone.
    Deleted,
    /// The watch ends, and the object says why.
    Error,
}

impl<T: Noun> List<T> {
    /// A list of objects of one kind.
    pub fn of(items: Vec<T>) -> Self {
        Self {
            api_version: Cow::Borrowed(T::API_VERSION),
            kind: Cow::Owned(format!("{}List", T::KIND)),
            metadata: ListMetadata::default(),
            items,
        }
    }
}

impl<T> List<T> {
    /// A list of whatever there is, as `supctl get` prints it.
    pub fn mixed(items: Vec<T>) -> Self {
        Self {
            api_version: Cow::Borrowed("v1"),
            kind: Cow::Borrowed("List"),
            metadata: ListMetadata::default(),
            items,
        }
    }
}
