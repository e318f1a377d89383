//! A row: what was looked at, how it is, and what that means.

use std::borrow::Cow;

use serde::Serialize;

use crate::cli::style::Tone;

/// Rows that belong together.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    /// What they are about.
    pub(super) name: &'static str,
    /// For whom they hold, where that is not everybody here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) holds_for: Option<String>,
    /// The rows.
    pub(super) checks: Vec<Check>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Check {
    /// What was looked at.
    #[serde(rename = "check")]
    pub(super) name: Cow<'static, str>,
    /// How it is.
    pub(super) status: Status,
    /// What was found, or what is worse without it.
    pub(super) means: String,
    /// What would bring it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It is there.
    Yes,
    /// It is not, or not wholly: supd does less, or does it in another way.
    Degraded,
    /// It is not, and supd cannot work without it.
    No,
    /// It is not, and nobody needs it here.
    None,
}

impl Group {
    /// That holds for everybody here.
    pub(super) fn new(name: &'static str, checks: Vec<Check>) -> Self {
        Self { name, holds_for: None, checks }
    }

    /// That holds for somebody.
    pub(super) fn of(name: &'static str, holds_for: String, checks: Vec<Check>) -> Self {
        Self { name, holds_for: Some(holds_for), checks }
    }
}

impl Check {
    /// It is there.
    pub(super) fn yes(name: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::Yes, means: found.into(), remedy: None }
    }

    /// It is not needed, and not there.
    pub(super) fn none(name: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::None, means: found.into(), remedy: None }
    }

    /// It is not there.
    pub(super) fn degraded(name: impl Into<Cow<'static, str>>, means: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::Degraded, means: means.into(), remedy: None }
    }

    /// It is not there, and must be.
    pub(super) fn no(name: impl Into<Cow<'static, str>>, means: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::No, means: means.into(), remedy: None }
    }

    /// With what would bring it.
    #[must_use]
    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// The last column.
    pub(super) fn words(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; to have it: {remedy}", self.means),
            None => self.means.clone(),
        }
    }
}

impl Status {
    /// All of them, the good ones first.
    pub(super) const ALL: [Self; 4] = [Self::Yes, Self::Degraded, Self::No, Self::None];

    /// As users read it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Degraded => "degraded",
            Self::No => "no",
            Self::None => "none",
        }
    }

    pub(super) fn glyph(self, unicode: bool) -> &'static str {
        let (pretty, ascii) = match self {
            Self::Yes => ("✓", "+"),
            Self::Degraded => ("!", "!"),
            Self::No => ("×", "x"),
            Self::None => ("○", "o"),
        };
        if unicode { pretty } else { ascii }
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Yes => Tone::Well,
            Self::Degraded => Tone::Moving,
            Self::No => Tone::Failing,
            Self::None => Tone::Rest,
        }
    }
}
