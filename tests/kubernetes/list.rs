//! The list of the rules, as `rules/*.toml` has it: a file for each chapter, a table for each rule.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

/// The chapters, in the order of the manual. Rules are numbered within them.
pub const CHAPTERS: [&str; 21] = [
    "rst", "cst", "phs", "ini", "sid", "crr", "out", "job", "idx", "bpi", "pfp", "suc", "prp", "jvl", "crn",
    "cjb", "rs", "dep", "prb", "hok", "trm",
];

/// The rules of one subject.
#[derive(Deserialize)]
pub struct Chapter {
    /// As the manual calls it.
    pub title: String,
    /// By id: `JOB-040`.
    #[serde(flatten)]
    pub rules: BTreeMap<String, Rule>,
}

/// One rule. It holds unless one of the three below says otherwise, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// What Kubernetes does, in a sentence.
    pub says: String,
    /// supd does otherwise on purpose.
    differs: Option<String>,
    /// There is nothing on one host that it could be about.
    not_applicable: Option<String>,
    /// It is to hold, and does not, or not all of it.
    not_yet: Option<String>,
}

/// What supd makes of a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Status<'r> {
    /// It is so, and tests show it.
    Holds,
    /// Otherwise on purpose, for this reason.
    Differs(&'r str),
    /// Not meaningful here, for this reason.
    NotApplicable(&'r str),
    /// Not so, or not wholly: what is missing.
    NotYet(&'r str),
}

impl Rule {
    /// See [`Status`]. More than one reason is a fault of the list.
    pub fn status(&self) -> Result<Status<'_>, String> {
        match (&self.differs, &self.not_applicable, &self.not_yet) {
            (None, None, None) => Ok(Status::Holds),
            (Some(why), None, None) => Ok(Status::Differs(why)),
            (None, Some(why), None) => Ok(Status::NotApplicable(why)),
            (None, None, Some(what)) => Ok(Status::NotYet(what)),
            _ => Err("has more than one status".to_owned()),
        }
    }
}

impl Status<'_> {
    /// In the words of the manual.
    pub fn words(self) -> String {
        match self {
            Self::Holds => "holds".to_owned(),
            Self::Differs(why) => format!("differs: {why}"),
            Self::NotApplicable(why) => format!("not applicable: {why}"),
            Self::NotYet(what) => format!("not yet: {what}"),
        }
    }
}

/// All of them, in the order of the manual.
pub fn chapters() -> Vec<(&'static str, Chapter)> {
    CHAPTERS.map(|prefix| (prefix, chapter(prefix))).into_iter().collect()
}

fn chapter(prefix: &str) -> Chapter {
    let path = format!("{}/tests/kubernetes/rules/{prefix}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}
