//! A manifest's objects, each with a text of its own: what `supctl apply` keeps and `delete -f` names.

use std::path::Path;

use serde_json::{Map, Value as Json};

use super::super::diagnostic::{Diagnostic, Faults};
use super::super::file::checked_text;
use super::super::source::{Sources, Span};
use super::super::tree::{Node, Table, Value};
use super::object::{self, Kind, Manifest};

/// One object of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its kind.
    pub kind: Kind,
    /// Its name; that of a workload is its unit's.
    pub name: String,
    /// YAML that is this object and nothing else.
    pub text: String,
}

/// All objects of a manifest.
#[derive(Debug, Default)]
pub struct Pieces {
    /// In the order written.
    pub objects: Vec<Piece>,
    /// What could not be read, and what was passed over.
    pub faults: Vec<Diagnostic>,
}

impl Piece {
    /// `job.pi.yaml`: one file for each object, whichever manifest it came in.
    pub fn file_name(&self) -> String {
        file_name(self.kind, &self.name)
    }

    /// `job.batch/pi`, as kubectl prints it.
    pub fn resource(&self) -> String {
        format!("{}/{}", self.kind.resource(), self.name)
    }
}

/// The file in which `apply` keeps an object of this kind and name.
pub fn file_name(kind: Kind, name: &str) -> String {
    format!("{}.{name}.yaml", kind.as_str().to_ascii_lowercase())
}

/// The objects of a manifest.
pub fn pieces(text: &[u8], path: &Path) -> Pieces {
    let text = match checked_text(text, path) {
        Ok(text) => text,
        Err(fault) => return Pieces { objects: Vec::new(), faults: vec![*fault] },
    };
    let mut sources = Sources::default();
    let source = sources.add(path.to_owned(), text);
    let mut faults = Faults::new(&sources, None);
    let manifests = object::read(&sources, source, &mut faults);
    let objects = manifests.into_iter().map(|manifest| piece(manifest, &sources)).collect();
    Pieces { objects, faults: faults.finish() }
}

/// The object's own lines, with its comments, where they are the same object by themselves; else JSON.
fn piece(manifest: Manifest, sources: &Sources) -> Piece {
    let Manifest { kind, name, object, span, whole, .. } = manifest;
    let value = of_table(&object);
    let lines = if whole {
        sources.slice(span).trim_matches('\n').to_owned() + "\n"
    } else {
        outdented(sources, span)
    };
    let text = match reads_as(&lines, &value) {
        true => lines,
        // A JSON value is one by itself.
        false => serde_json::to_string_pretty(&value).unwrap_or_default() + "\n",
    };
    Piece { kind, name, text }
}

fn reads_as(text: &str, value: &Json) -> bool {
    let mut sources = Sources::default();
    let source = sources.add("piece.yaml".into(), text.to_owned());
    let mut faults = Faults::new(&sources, None);
    let read = object::read(&sources, source, &mut faults);
    matches!(&read[..], [one] if faults.errors() == 0 && of_table(&one.object) == *value)
}

/// The lines of an item of a list, as far to the left as its first key stands.
fn outdented(sources: &Sources, span: Span) -> String {
    let column = sources.position(Span { end: span.start, ..span }).column - 1;
    let mut out = String::new();
    for (number, line) in sources.slice(span).lines().enumerate() {
        let spaces = line.bytes().take_while(|byte| *byte == b' ').count().min(column);
        out.push_str(if number == 0 { line } else { &line[spaces..] });
        out.push('\n');
    }
    out
}

fn of_table(table: &Table) -> Json {
    let rows = table.entries.iter().map(|entry| (entry.key.clone(), of_node(&entry.node)));
    Json::Object(rows.collect::<Map<_, _>>())
}

// Recursive, as the tree is; reading has bounded it.
fn of_node(node: &Node) -> Json {
    match &node.value {
        Value::Null | Value::Datetime => Json::Null,
        Value::String(text) => Json::from(text.as_str()),
        Value::Integer(number, _) => number.map_or(Json::Null, Json::from),
        Value::Float(number) => Json::from(*number),
        Value::Boolean(value) => Json::from(*value),
        Value::Array(items) => items.iter().map(of_node).collect(),
        Value::Table(table) => of_table(table),
    }
}
