//! Names of units: the single gate through which a name comes in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::UNIT_NAME_BYTES_MAX;

/// The name of a unit: a lower-case DNS label of at most 52 characters, or `template@instance`.
///
/// Made only by [`UnitName::parse`], so it is safe as a file name, in a path, a log line and a label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(Box<str>);

/// Why a text is no unit name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing was written.
    Empty,
    /// More than 52 characters.
    TooLong(usize),
    /// A character that no name may have.
    BadCharacter(char),
    /// A `-` at the start or the end.
    BadEdge,
    /// More than one `@`, or nothing before it.
    BadInstance,
}

impl UnitName {
    /// Reads a name, or says why it is none. A template (`worker@`) is a name too.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > UNIT_NAME_BYTES_MAX {
            return Err(NameError::TooLong(text.chars().count()));
        }
        if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '@')) {
            return Err(NameError::BadCharacter(bad));
        }
        let (stem, instance) = match text.split_once('@') {
            None => (text, None),
            Some((stem, instance)) => (stem, Some(instance)),
        };
        if stem.is_empty() || instance.is_some_and(|i| i.contains('@')) {
            return Err(NameError::BadInstance);
        }
        let edge = |part: &str| part.starts_with('-') || part.ends_with('-');
        if edge(stem) || instance.is_some_and(edge) {
            return Err(NameError::BadEdge);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `worker@`: nothing that runs, only something to make instances of.
    pub fn is_template(&self) -> bool {
        self.0.ends_with('@')
    }

    /// The template of `worker@eu`: `worker@`, with the instance: `eu`.
    pub fn instance(&self) -> Option<(UnitName, &str)> {
        let at = self.0.find('@')?;
        let instance = &self.0[at + 1..];
        (!instance.is_empty()).then(|| (Self(self.0[..=at].into()), instance))
    }

    /// The name as part of a pod's name, where `@` has no place: `worker-eu`.
    pub fn pod_stem(&self) -> String {
        self.0.replace('@', "-")
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for UnitName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "a unit name is not empty"),
            Self::TooLong(length) => {
                write!(f, "a unit name has at most {UNIT_NAME_BYTES_MAX} characters; this one has {length}")
            }
            Self::BadCharacter(bad) if bad.is_ascii_uppercase() => {
                write!(f, "a unit name is lower-case; `{bad}` is not")
            }
            Self::BadCharacter(bad) => write!(
                f,
                "a unit name has only lower-case letters, digits and `-`; `{}` is neither",
                bad.escape_default()
            ),
            Self::BadEdge => write!(f, "a unit name neither begins nor ends with `-`"),
            Self::BadInstance => write!(f, "an instance is written `template@instance`, with one `@`"),
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate() {
        for good in ["web", "a", "web-1", "worker@", "worker@eu", "0day", &"x".repeat(52)] {
            assert!(UnitName::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "../../etc/x", "a/b", ".", "..", "-rf", "a-", "Web", "a\nb", "%n", "а", "a@b@c", "@x", "a@-"]
        {
            assert!(UnitName::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(UnitName::parse(&"x".repeat(53)), Err(NameError::TooLong(53)));
    }

    #[test]
    fn instances() {
        let eu = UnitName::parse("worker@eu").unwrap();
        let (template, instance) = eu.instance().unwrap();
        assert_eq!((template.as_str(), instance), ("worker@", "eu"));
        assert!(template.is_template() && !eu.is_template());
        assert_eq!(eu.pod_stem(), "worker-eu");
    }
}
