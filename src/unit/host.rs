//! What this machine lacks now: users, groups, programs. Warnings only, and only where they are asked for.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;

use super::diagnostic::{Code, Diagnostic};
use super::model::{Account, Process, Unit};
use super::source::{Sources, Span};
use super::tree::{Node, Table, Value};

/// The names this machine knows, read once.
#[derive(Default)]
pub(super) struct Host {
    users: Option<HashSet<String>>,
    groups: Option<HashSet<String>>,
}

impl Host {
    /// The warnings of one unit.
    pub(super) fn check(&mut self, unit: &Unit, table: &Table, sources: &Sources) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        let Some(pod) = unit.pod() else { return faults };
        self.process(&pod.main, table, unit, sources, &mut faults);
        // As they were read: steps, then sidecars; further ones behind main.
        let (init, beside) = (pod.init.iter(), pod.beside.iter());
        let before = list(table, "init").chain(list(table, "sidecar"));
        for (process, node) in init.zip(before).chain(beside.zip(list(table, "process"))) {
            if let Some(table) = node.as_table() {
                self.process(process, table, unit, sources, &mut faults);
            }
        }
        faults
    }

    fn process(
        &mut self,
        process: &Process,
        table: &Table,
        unit: &Unit,
        sources: &Sources,
        faults: &mut Vec<Diagnostic>,
    ) {
        let mut warn = |span: Span, code, message: String, label: &str| {
            let mut fault = Diagnostic::at(sources, span, code, message);
            fault.unit = Some(unit.name.clone());
            fault.label(label);
            faults.push(fault);
        };
        let span = |key: &str| table.get(key).map(|entry| entry.node.span);
        if let (Some(Account::Name(name)), Some(span)) = (&process.user, span("user"))
            && !names(&mut self.users, "/etc/passwd").contains(name)
        {
            warn(span, Code::NoSuchAccount, format!("there is no user `{name}`"), "not in /etc/passwd now");
        }
        if let (Some(Account::Name(name)), Some(span)) = (&process.group, span("group"))
            && !names(&mut self.groups, "/etc/group").contains(name)
        {
            warn(span, Code::NoSuchAccount, format!("there is no group `{name}`"), "not in /etc/group now");
        }
        let Some(Value::Array(items)) = table.get("exec").map(|entry| &entry.node.value) else { return };
        let (Some(program), Some(item)) = (process.exec.first(), items.first()) else { return };
        let path = program.to_string();
        if !path.starts_with('/') || program.variables().next().is_some() {
            return;
        }
        let label = match std::fs::metadata(&path) {
            Ok(file) if !file.is_file() => "not a file",
            Ok(file) if file.permissions().mode() & 0o111 == 0 => "may not be executed: no x bit",
            Ok(_) => return,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "no such file now",
            Err(_) => "cannot be looked at",
        };
        warn(item.span, Code::NoSuchProgram, format!("there is no program `{path}`"), label);
    }
}

/// The items of an array.
fn list<'t>(table: &'t Table, key: &str) -> std::slice::Iter<'t, Node> {
    match table.get(key).map(|entry| &entry.node.value) {
        Some(Value::Array(items)) => items.iter(),
        _ => [].iter(),
    }
}

/// The first field of each line.
fn names<'n>(known: &'n mut Option<HashSet<String>>, path: &str) -> &'n HashSet<String> {
    known.get_or_insert_with(|| {
        // Where the file cannot be read no name is known, and each is warned of: the start would fail too.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
    })
}
