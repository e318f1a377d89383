//! supd's own helper, run beside a process for its probes: looks at what the manager may not touch itself,
//! since a path that a unit names may hang for as long as somebody's disk likes.
//!
//! One line on standard output, and an exit code: 0 yes, 1 no, anything else: it could not look. Whoever
//! runs it bounds its time. Run as the process's own user, but for `log`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::logs::discover::{Attempts, Wanted};
use crate::logs::follow::Follow;
use crate::logs::path::RunPath;
use crate::logs::read::LogQuery;

/// What was found, in words for `status`.
type Found = Result<String, String>;

/// Looks as the arguments behind `look` say: `file PATH`, `unix PATH`, `log DIRECTORY RUN REGEX`.
pub fn run(arguments: &[OsString]) -> u8 {
    let words: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    let kind = words.first().and_then(|kind| kind.to_str());
    let found = match (kind, words.get(1..).unwrap_or_default()) {
        (Some("file"), [path]) => file(Path::new(path)),
        (Some("unix"), [path]) => unix(Path::new(path)),
        (Some("log"), [directory, run, pattern]) => match log(Path::new(directory), run, pattern) {
            Ok(found) => Ok(found),
            Err(error) => return tell(2, &format!("log: {error}")),
        },
        _ => return tell(2, "look: wrong arguments"),
    };
    match found {
        Ok(words) => tell(0, &words),
        Err(words) => tell(1, &words),
    }
}

fn tell(code: u8, words: &str) -> u8 {
    println!("{words}");
    code
}

fn file(path: &Path) -> Found {
    match std::fs::metadata(path) {
        Ok(_) => Ok(format!("file {}: it is there", path.display())),
        Err(error) => Err(format!("file {}: {error}", path.display())),
    }
}

fn unix(path: &Path) -> Found {
    match UnixStream::connect(path) {
        Ok(_) => Ok(format!("unix {}: connected", path.display())),
        Err(error) => Err(format!("unix {}: {error}", path.display())),
    }
}

/// Waits for a line of a run's output that matches. The log is read from its beginning: a line that came
/// before anybody looked counts.
fn log(directory: &Path, run: &OsStr, pattern: &OsStr) -> io::Result<String> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let run = run.to_str().and_then(RunPath::parse).ok_or_else(|| invalid("no path of a run's log"))?;
    let pattern = pattern.to_str().ok_or_else(|| invalid("no regular expression"))?;
    let pattern = regex_lite::Regex::new(pattern).map_err(|error| invalid(&error.to_string()))?;
    let pod = run.pod_dir();
    let wanted = Wanted {
        unit: Some(pod.unit().to_owned()),
        pod: Some(pod.pod().to_owned()),
        uid: Some(pod.uid().to_owned()),
        process: Some(run.process().to_owned()),
        attempts: Attempts::Number(run.attempt()),
    };
    let mut follow = Follow::open(directory, vec![wanted], LogQuery::default())?;
    loop {
        while let Some(entry) = follow.next()? {
            let line = String::from_utf8_lossy(&entry.text);
            if *entry.run == run && pattern.is_match(&line) {
                return Ok(format!("log: {line}"));
            }
        }
        if !follow.wait(Some(std::io::stdout().as_fd()))? {
            return Err(invalid("nobody wants to know any more"));
        }
    }
}

/// Whether the arguments of supd ask for this.
pub fn is_meant(arguments: &[OsString]) -> bool {
    arguments.first().is_some_and(|word| word.as_bytes() == b"look")
}
