//! Which logs there are: names of units and pods to the runs in a log directory.

use std::io;
use std::path::Path;

use crate::logs::path::{PodDir, RunPath, parse_any_file_name};

/// What somebody wants to read. What is not named is not asked for: an empty one wants everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this unit.
    pub unit: Option<String>,
    /// Of the pods of this name; a replacement may have its predecessor's.
    pub pod: Option<String>,
    /// Of the pod whose uid begins so (eight characters).
    pub uid: Option<String>,
    /// Of this process.
    pub process: Option<String>,
    /// Of which attempts.
    pub attempts: Attempts,
}

/// Runs of one process of one pod. Those that printed nothing have no log and are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attempts {
    /// All that are kept.
    #[default]
    All,
    /// The last one.
    Last,
    /// The one before the last.
    Previous,
    /// This one.
    Number(u32),
}

impl Wanted {
    /// Whether a pod's logs are.
    pub fn wants_pod(&self, dir: &PodDir) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
        is(&self.unit, dir.unit()) && is(&self.pod, dir.pod()) && is(&self.uid, dir.uid())
    }

    /// Whether those of one of its processes are.
    pub fn wants_process(&self, dir: &PodDir, process: &str) -> bool {
        self.wants_pod(dir) && self.process.as_deref().is_none_or(|wanted| wanted == process)
    }

    /// Whether a run that begins while somebody follows is.
    pub(super) fn wants_new(&self, run: &RunPath) -> bool {
        let attempt = match self.attempts {
            Attempts::All | Attempts::Last => true,
            Attempts::Previous => false,
            Attempts::Number(number) => number == run.attempt(),
        };
        attempt && self.wants_process(&run.pod_dir(), run.process())
    }
}

/// The runs below `root` that any of `wanted` wants, in order of their names. No directory: no runs.
pub fn runs(root: &Path, wanted: &[Wanted]) -> io::Result<Vec<RunPath>> {
    let mut found = Vec::new();
    for dir in names(root)?.iter().filter_map(|name| PodDir::parse(name)) {
        if !wanted.iter().any(|wanted| wanted.wants_pod(&dir)) {
            continue;
        }
        for process in names(&root.join(dir.as_str()))? {
            let attempts = attempts(root, &dir, &process)?;
            let wanted = wanted.iter().filter(|wanted| wanted.wants_process(&dir, &process));
            for attempt in wanted.flat_map(|wanted| choose(wanted.attempts, &attempts)) {
                found.extend(RunPath::new(&dir, &process, attempt));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The attempts of a process that have files, lowest first.
pub(super) fn attempts(root: &Path, dir: &PodDir, process: &str) -> io::Result<Vec<u32>> {
    let names = names(&root.join(dir.as_str()).join(process))?;
    let mut attempts: Vec<_> = names.iter().filter_map(|name| parse_any_file_name(name)).collect();
    attempts.sort_unstable();
    attempts.dedup();
    Ok(attempts)
}

fn choose(wanted: Attempts, there: &[u32]) -> Vec<u32> {
    let from_end = |place: usize| there.iter().rev().nth(place).copied().into_iter().collect();
    match wanted {
        Attempts::All => there.to_vec(),
        Attempts::Last => from_end(0),
        Attempts::Previous => from_end(1),
        Attempts::Number(number) => there.iter().copied().filter(|there| *there == number).collect(),
    }
}

/// The names in a directory; none where there is no directory (any more).
pub(super) fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_to_runs() {
        let temp = tempfile::tempdir().unwrap();
        for path in [
            "web_web-0_0000002a/main/0.log",
            "web_web-0_0000002a/main/0.log.1",
            "web_web-0_0000002a/main/2.log",
            "web_web-0_0000002a/main/10.log.1",
            "web_web-0_0000002a/migrate/0.log",
            "web_web-0_0000002b/main/0.log",
            "db_db-0_0000002c/main/0.log",
            "db_db-0_0000002c/main/notes",
            "lost+found/main/0.log",
        ] {
            let path = temp.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let find = |wanted: Wanted| {
            let runs = runs(temp.path(), &[wanted]).unwrap();
            runs.into_iter().map(|run| run.as_str().to_owned()).collect::<Vec<_>>().join(" ")
        };
        let some = |text: &str| Some(text.to_owned());
        let web = Wanted { unit: some("web"), process: some("main"), ..Wanted::default() };
        assert_eq!(find(Wanted { unit: some("db"), ..Wanted::default() }), "db_db-0_0000002c/main/0.log");
        assert_eq!(
            find(Wanted { attempts: Attempts::Last, ..web.clone() }),
            "web_web-0_0000002a/main/10.log web_web-0_0000002b/main/0.log"
        );
        assert_eq!(
            find(Wanted { attempts: Attempts::Previous, ..web.clone() }),
            "web_web-0_0000002a/main/2.log"
        );
        assert_eq!(find(Wanted { attempts: Attempts::Number(7), ..web.clone() }), "");
        assert_eq!(find(Wanted { uid: some("0000002b"), ..web }), "web_web-0_0000002b/main/0.log");
        assert_eq!(runs(temp.path(), &[Wanted::default(), Wanted::default()]).unwrap().len(), 6);
        assert_eq!(runs(&temp.path().join("nowhere"), &[Wanted::default()]).unwrap(), []);
        assert_eq!(runs(temp.path(), &[]).unwrap(), []);
    }
}
