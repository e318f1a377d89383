//! What the programs wrote down themselves: the truth that supd's account is compared with.
//!
//! `S` a start, `P` so many lines were taken by then, `E` the end with its code, `D` another copy was alive,
//! `B` nobody read what it wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Default)]
pub struct Ledger {
    /// By run mark.
    pub runs: BTreeMap<String, Run>,
    /// What was wrong while they ran.
    pub faults: Vec<String>,
}

/// One run, as its program saw it.
pub struct Run {
    pub unit: String,
    pub pod: String,
    pub process: String,
    pub attempt: u32,
    /// Replica or completion index.
    pub ordinal: String,
    pub scheduled: String,
    pub pid: i32,
    /// Lines that were surely taken.
    pub lines: u64,
    pub end: Option<End>,
}

/// How a run ended that ended by itself.
pub struct End {
    pub at_ms: u64,
    pub code: i64,
}

/// A run mark without the place of its supd, which is the same for all.
pub fn mark(text: &str) -> String {
    text.split('@').next().unwrap_or_default().to_owned()
}

impl Ledger {
    pub fn read(dir: &Path) -> Self {
        let text = fs::read_to_string(dir.join("ledger")).unwrap_or_default();
        let mut ledger = Self::default();
        for line in text.lines() {
            ledger.note(line);
        }
        ledger
    }

    fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["S", _, run, unit, pod, process, attempt, ordinal, scheduled, pid] => {
                let started = Run {
                    unit: (*unit).to_owned(),
                    pod: (*pod).to_owned(),
                    process: (*process).to_owned(),
                    attempt: attempt.parse().unwrap(),
                    ordinal: (*ordinal).to_owned(),
                    scheduled: (*scheduled).to_owned(),
                    pid: pid.parse().unwrap(),
                    lines: 0,
                    end: None,
                };
                if let Some(before) = self.runs.insert((*run).to_owned(), started) {
                    self.faults.push(format!("started twice: {run} of {pod}, first as pid {}", before.pid));
                }
            }
            ["P", run, lines] => self.run(run).lines = lines.parse().unwrap(),
            ["E", at, run, code, lines] => {
                let run = self.run(run);
                run.lines = lines.parse().unwrap();
                run.end = Some(End { at_ms: at.parse().unwrap(), code: code.parse().unwrap() });
            }
            ["D", run] => {
                let pod = self.run(run).pod.clone();
                self.faults.push(format!("two copies alive: {run} of {pod} found another one"));
            }
            ["B", run] => {
                let pod = self.run(run).pod.clone();
                self.faults.push(format!("broken pipe: nobody reads what {run} of {pod} prints"));
            }
            _ => panic!("the ledger has {line:?}"),
        }
    }

    fn run(&mut self, run: &str) -> &mut Run {
        self.runs.get_mut(run).expect("a run's first note is its start")
    }

    /// The runs of a unit with their marks.
    pub fn of<'a>(&'a self, unit: &'a str) -> impl Iterator<Item = (&'a str, &'a Run)> {
        self.runs.iter().filter(move |(_, run)| run.unit == unit).map(|(mark, run)| (mark.as_str(), run))
    }
}
