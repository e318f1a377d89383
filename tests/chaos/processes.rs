//! Who lives in this namespace, read from /proc.

use std::fs;

use super::ledger::mark;

/// A process of a unit: a program of this test.
#[derive(Clone, Debug)]
pub struct Member {
    pub pid: i32,
    pub parent: i32,
    pub unit: String,
    pub run: String,
}

/// All processes of units.
pub fn members() -> Vec<Member> {
    pids().into_iter().filter_map(member).collect()
}

/// All processes that have ended and were not reaped, with their parents.
pub fn zombies() -> Vec<(i32, i32)> {
    let all = pids().into_iter().filter_map(|pid| Some((pid, state(pid)?)));
    // Our own are clients that we have not asked for yet.
    let ours = std::process::id() as i32;
    all.filter(|(_, (state, parent))| state == "Z" && *parent != ours)
        .map(|(pid, (_, parent))| (pid, parent))
        .collect()
}

pub fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

pub fn command_line(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

pub fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

fn member(pid: i32) -> Option<Member> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    if line.split(|byte| *byte == 0).nth(1) != Some(b"program") {
        return None;
    }
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |name: &str| {
        let mut variables = environment.split(|byte| *byte == 0);
        let found = variables.find_map(|one| one.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        found.map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let (_, parent) = state(pid)?;
    Some(Member { pid, parent, unit: value("SUPD_UNIT")?, run: mark(&value("SUPD_RUN")?) })
}

fn state(pid: i32) -> Option<(String, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
