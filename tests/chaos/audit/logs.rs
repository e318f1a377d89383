//! Every line of every run: once, in order, none missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Account, Followed, items};
use crate::ledger::Run;
use crate::promised::Part;

/// Attempts of one process whose logs supd keeps.
const ATTEMPTS_KEPT: u32 = 5;

impl Account<'_> {
    pub(super) fn log_lines(&mut self) {
        let mut faults = Vec::new();
        let (mut files, mut all) = (0, 0);
        let pods = self.supd.json("get pods");
        let known: BTreeSet<&str> =
            items(&pods).iter().filter_map(|pod| pod["metadata"]["uid"].as_str()?.get(..8)).collect();
        for (mark, run) in &self.ledger.runs {
            let uid = mark.split('.').next().unwrap_or_default();
            let pod = self.logs.join(format!("{}_{}_{uid}", run.unit, run.pod));
            let process = pod.join(&run.process);
            let path = process.join(format!("{}.log", run.attempt));
            let text = read(&path);
            // Its pod is forgotten, or it is one attempt of too many: its logs went with it. (A logger that was
            // killed while it removed them leaves the empty directory.)
            if !pod.exists()
                || !known.contains(uid)
                || run.attempt + ATTEMPTS_KEPT <= newest_attempt(&process)
            {
                continue;
            }
            files += 1;
            match in_order(mark, text.lines()) {
                Ok(lines) => {
                    all += lines;
                    faults.extend(too_few(mark, run, lines));
                }
                Err(fault) => faults.push(format!("{}: {fault}", path.display())),
            }
        }
        self.count("logs", files);
        self.count("lines", all as usize);
        self.fault(Part::Logs, faults);
    }

    /// The client that followed a log from beginning to end has seen each line once.
    pub fn follower(&mut self, followed: Followed) {
        if !followed.lived {
            self.fault(Part::Following, ["a client that followed has gone".to_owned()]);
        }
        let mark = followed.lines.split(' ').next().unwrap_or_default().to_owned();
        let as_logged: Vec<String> =
            followed.lines.lines().map(|line| format!("- stdout F {line}")).collect();
        match in_order(&mark, as_logged.iter().map(String::as_str)) {
            Ok(lines) => self.count("lines followed", lines as usize),
            Err(fault) => self.fault(Part::Logs, [format!("logs -f: {fault}")]),
        }
    }
}

/// The log of a run; of one that prints nothing there is none. A file that was rotated is not looked for:
/// none here is that large.
fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// How many lines there are, if they are numbered from 1 without a gap.
fn in_order<'a>(mark: &str, lines: impl Iterator<Item = &'a str>) -> Result<u64, String> {
    let mut last = 0;
    for line in lines {
        let mut parts = line.splitn(4, ' ');
        let (stream, tag, text) = (parts.nth(1), parts.next(), parts.next());
        let wanted = format!("{mark} {}", last + 1);
        if (stream, tag, text) != (Some("stdout"), Some("F"), Some(wanted.as_str())) {
            return Err(format!("after line {last}: {line:?}"));
        }
        last += 1;
    }
    Ok(last)
}

/// The newest attempt that has a log, or is about to have one.
fn newest_attempt(process: &Path) -> u32 {
    let entries = fs::read_dir(process).into_iter().flatten().flatten();
    let numbers =
        entries.filter_map(|entry| entry.file_name().to_str()?.split('.').next()?.parse::<u32>().ok());
    numbers.max().map_or(0, |newest| newest + 1)
}

fn too_few(mark: &str, run: &Run, lines: u64) -> Option<String> {
    let fault = match run.end {
        Some(_) => lines != run.lines,
        None => lines < run.lines,
    };
    fault.then(|| format!("{mark} of {} wrote {} lines, {lines} are in its log", run.pod, run.lines))
}
