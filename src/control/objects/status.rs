//! v1 Status: how a request went. Every error is one, and every verb's success.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::engine::action::{Accepted, Refused, RefusedReason};

/// How a request went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `v1`
    pub api_version: Cow<'static, str>,
    /// `Status`
    pub kind: Cow<'static, str>,
    /// Always empty.
    pub metadata: Empty,
    /// `Success` or `Failure`.
    pub status: Cow<'static, str>,
    /// In words.
    pub message: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<StatusReason>,
    /// What it was about. Boxed: nearly every function of this folder may return a `Status`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub details: Box<StatusDetails>,
    /// The HTTP code.
    pub code: u16,
}

/// An empty object, where Kubernetes has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// What a request was about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusDetails {
    /// The unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The job that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What was found wrong, one by one: the findings of `apply` and `daemon-reload`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// What became of each object, in the order in which they came: `apply` and `delete` of manifests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectResult>,
}

/// What became of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectResult {
    /// As kubectl names it: `job.batch/pi`, `configmap/settings`; of a unit file: `unit/web`.
    pub resource: String,
    /// `created`, `configured`, `unchanged`; `deleted`; empty: there was no such object.
    pub result: String,
    /// The unit that it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What changes: lines that begin with ` `, `-` or `+`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub diff: String,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// `FieldValueInvalid`, or our own word.
    pub reason: String,
    /// Where: a file, or a field of the request.
    #[serde(default, skip_serializing_if = "is_default")]
    pub field: String,
    /// In words; may have several lines.
    pub message: String,
}

/// Kubernetes' reasons. Each has its HTTP code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatusReason {
    /// 400: the request cannot be read.
    BadRequest,
    /// 403: not for this user.
    Forbidden,
    /// 404: no such object, or no such path.
    NotFound,
    /// 405: the path does not know this method.
    MethodNotAllowed,
    /// 408: the request came too slowly.
    Timeout,
    /// 409: the name is taken.
    AlreadyExists,
    /// 409: not now.
    Conflict,
    /// 410: a watcher was too slow; it may begin anew.
    Expired,
    /// 413: longer than a request may be.
    RequestEntityTooLarge,
    /// 422: not for this kind, or not with this value.
    Invalid,
    /// 429: too many connections.
    TooManyRequests,
    /// 500: a bug of ours, or the system refused something.
    InternalError,
    /// 503: supd is starting, restarting or ending.
    ServiceUnavailable,
}

impl Status {
    /// A failure with Kubernetes' reason and code.
    pub fn failure(reason: StatusReason, message: impl Into<String>) -> Self {
        Self {
            status: Cow::Borrowed("Failure"),
            reason: Some(reason),
            code: reason.code(),
            ..Self::success(message)
        }
    }

    /// A success, with a line for people.
    pub fn success(message: impl Into<String>) -> Self {
        Self {
            api_version: Cow::Borrowed("v1"),
            kind: Cow::Borrowed("Status"),
            metadata: Empty {},
            status: Cow::Borrowed("Success"),
            message: message.into(),
            reason: None,
            details: Box::default(),
            code: 200,
        }
    }

    /// The same, with what became of each object.
    pub fn with_objects(mut self, objects: Vec<ObjectResult>) -> Self {
        self.details.objects = objects;
        self
    }

    /// The same, with what was found wrong.
    pub fn with_causes(mut self, causes: Vec<Cause>) -> Self {
        self.details.causes = causes;
        self
    }

    /// Whether it tells of a success.
    pub fn is_success(&self) -> bool {
        self.reason.is_none()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

impl StatusReason {
    /// The HTTP code.
    pub fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::Expired => 410,
            Self::RequestEntityTooLarge => 413,
            Self::Invalid => 422,
            Self::TooManyRequests => 429,
            Self::InternalError => 500,
            Self::ServiceUnavailable => 503,
        }
    }
}

impl From<RefusedReason> for StatusReason {
    fn from(reason: RefusedReason) -> Self {
        match reason {
            RefusedReason::NotFound => Self::NotFound,
            RefusedReason::AlreadyExists => Self::AlreadyExists,
            RefusedReason::Conflict => Self::Conflict,
            RefusedReason::Invalid => Self::Invalid,
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        Self::failure(refused.reason.into(), refused.message)
    }
}

impl From<Accepted> for Status {
    fn from(accepted: Accepted) -> Self {
        let mut status = Self::success(accepted.message);
        status.details.unit = accepted.unit.map(String::from);
        status.details.job = accepted.job;
        status
    }
}
