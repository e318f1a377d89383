//! Where a pod's logs are. The manager checks the right to read; supctl reads.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Time, lossy};
use crate::unit::name::UnitName;

/// Where a pod's logs are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLocation {
    /// `supd/v1`
    pub api_version: Cow<'static, str>,
    /// `LogLocation`
    pub kind: Cow<'static, str>,
    /// The pod.
    pub pod: String,
    /// Its identity.
    pub uid: String,
    /// Its unit.
    pub unit: UnitName,
    /// `<log directory>/<unit>_<pod>_<uid>`. A pod that has printed nothing has none yet.
    #[serde(serialize_with = "lossy")]
    pub directory: PathBuf,
    /// Runs that are known, oldest first: main's, and init steps'.
    pub runs: Vec<RunLog>,
}

/// Where the log of one run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunLog {
    /// `main`, or the init step's name.
    pub process: String,
    /// 0 for the first run of this process.
    pub attempt: u32,
    /// Below the directory: `<process>/<attempt>.log`. Rotated ones are beside it.
    pub path: PathBuf,
    /// When it was started, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

impl LogLocation {
    /// The object.
    pub fn new(pod: String, uid: String, unit: UnitName, directory: PathBuf, runs: Vec<RunLog>) -> Self {
        Self {
            api_version: Cow::Borrowed("supd/v1"),
            kind: Cow::Borrowed("LogLocation"),
            pod,
            uid,
            unit,
            directory,
            runs,
        }
    }
}

impl From<LogLocation> for super::Object {
    fn from(location: LogLocation) -> Self {
        Self::LogLocation(Box::new(location))
    }
}

impl RunLog {
    /// Of this process and attempt.
    pub fn new(process: &str, attempt: u32, started_at: Option<Time>, finished_at: Option<Time>) -> Self {
        let path = PathBuf::from(process).join(format!("{attempt}.log"));
        Self { process: process.to_owned(), attempt, path, started_at, finished_at }
    }
}
