//! Where the log of a run is, below the log directory: `<unit>_<pod>_<uid8>/<process>/<attempt>.log`.
//!
//! No name has a `_`, so the parts can be told apart again. These paths come over a channel and name files
//! that a privileged process opens: they are checked here, once, and the type is the proof.

use std::fmt;

use crate::limits::LOG_PATH_BYTES_MAX;

/// The log of one run. Three plain names joined by `/`: nothing absolute, no `.` or `..`, no odd characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunPath(Box<str>);

/// The directory of a pod's logs: `<unit>_<pod>_<uid8>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodDir(Box<str>);

impl PodDir {
    /// Reads the name of a directory.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let (unit, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
        let short = uid.len() == 8 && uid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let fits = text.len() <= LOG_PATH_BYTES_MAX;
        (parts.next().is_none() && short && fits && is_name(unit) && is_name(pod)).then(|| Self(text.into()))
    }

    /// As it is in the log directory.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the unit.
    pub fn unit(&self) -> &str {
        self.part(0)
    }

    /// The name of the pod.
    pub fn pod(&self) -> &str {
        self.part(1)
    }

    /// The first eight characters of the pod's uid.
    pub fn uid(&self) -> &str {
        self.part(2)
    }

    fn part(&self, index: usize) -> &str {
        self.0.split('_').nth(index).unwrap_or_default()
    }
}

impl RunPath {
    /// Reads a path, or says that it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (dir, process, file) = (parts.next()?, parts.next()?, parts.next()?);
        PodDir::parse(dir)?;
        parse_file_name(file)?;
        (parts.next().is_none() && text.len() <= LOG_PATH_BYTES_MAX && is_name(process))
            .then(|| Self(text.into()))
    }

    /// Joins a path from its parts.
    pub fn new(dir: &PodDir, process: &str, attempt: u32) -> Option<Self> {
        Self::parse(&format!("{}/{process}/{attempt}.log", dir.as_str()))
    }

    /// As it is below the log directory.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory of the pod.
    pub fn pod_dir(&self) -> PodDir {
        PodDir(self.part(0).into())
    }

    /// The directory in which the file is: `<unit>_<pod>_<uid8>/<process>`.
    pub fn parent(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(parent, _)| parent)
    }

    /// The name of the file: `<attempt>.log`.
    pub fn file_name(&self) -> &str {
        self.part(2)
    }

    /// The name of the pod.
    pub fn pod(&self) -> &str {
        self.0.split('_').nth(1).unwrap_or_default()
    }

    /// The name of the process.
    pub fn process(&self) -> &str {
        self.part(1)
    }

    /// Which run of the process it is, counted from 0.
    pub fn attempt(&self) -> u32 {
        parse_file_name(self.file_name()).unwrap_or_default()
    }

    fn part(&self, index: usize) -> &str {
        self.0.split('/').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for RunPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RunPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for PodDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The attempt of a log file that is written to: `3.log`.
pub fn parse_file_name(name: &str) -> Option<u32> {
    let number = name.strip_suffix(".log")?;
    let plain = number == "0" || !number.starts_with(['0', '+']);
    number.parse().ok().filter(|_| plain)
}

/// The attempt of any log file, the rotated ones included: `3.log.2`.
pub fn parse_any_file_name(name: &str) -> Option<u32> {
    parse_file_name(name).or_else(|| {
        let (name, age) = name.rsplit_once('.')?;
        age.parse::<u32>().ok().and_then(|_| parse_file_name(name))
    })
}

/// The name that a log file has after `age` rotations.
pub fn rotated_name(name: &str, age: u32) -> String {
    if age == 0 { name.to_owned() } else { format!("{name}.{age}") }
}

/// Names of units, pods and processes, as wide as any of them may be.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'@');
    !text.is_empty() && !text.starts_with(['.', '-']) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_parts() {
        let path = RunPath::parse("worker@eu_worker-eu-0_0000002a/main/12.log").unwrap();
        let dir = path.pod_dir();
        assert_eq!((dir.unit(), dir.pod(), dir.uid()), ("worker@eu", "worker-eu-0", "0000002a"));
        assert_eq!((path.pod(), path.process(), path.attempt()), ("worker-eu-0", "main", 12));
        assert_eq!(path.parent(), "worker@eu_worker-eu-0_0000002a/main");
        assert_eq!(RunPath::new(&dir, "main", 12), Some(path));
    }

    #[test]
    fn what_is_no_path_of_ours() {
        let long = format!("{}_p_0000002a/main/0.log", "x".repeat(LOG_PATH_BYTES_MAX));
        for bad in [
            "",
            "a_b_0000002a",
            "a_b_0000002a/main",
            "/a_b_0000002a/main/0.log",
            "a_b_0000002a/../0.log",
            "a_b_0000002a/main/../0.log",
            "../a_b_0000002a/main/0.log",
            "a_b_0000002a/main/0.log/x",
            "a_b_0000002a//0.log",
            "a_b_0000002A/main/0.log",
            "a_b_2a/main/0.log",
            "a_b_c_0000002a/main/0.log",
            "_b_0000002a/main/0.log",
            "a_.._0000002a/main/0.log",
            "a_b_0000002a/ma in/0.log",
            "a_b_0000002a/ma\0in/0.log",
            "a_b_0000002a/main/00.log",
            "a_b_0000002a/main/+1.log",
            "a_b_0000002a/main/0.log.1",
            "a_b_0000002a/main/4294967296.log",
            &long,
        ] {
            assert_eq!(RunPath::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_of_files() {
        assert_eq!(parse_any_file_name("7.log"), Some(7));
        assert_eq!(parse_any_file_name("7.log.4"), Some(7));
        assert_eq!(parse_any_file_name("7.log.gz"), None);
        assert_eq!(rotated_name("7.log", 0), "7.log");
        assert_eq!(rotated_name("7.log", 3), "7.log.3");
    }
}
