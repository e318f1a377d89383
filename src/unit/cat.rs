//! A unit as all its files together make it: TOML again, each value with the place it is from.

use std::fmt::Write as _;

use super::check::Draft;
use super::source::{Sources, Span};
use super::transient::quoted;
use super::tree::{Entry, Node, Table, Value};

/// The unit as a text that loads as the same unit, but for a default that has no effect in it.
pub(super) fn text(draft: &Draft, sources: &Sources) -> String {
    let mut out = format!("# {}\n", draft.path.display());
    for path in &draft.drop_ins {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# with {}", path.display());
    }
    let mut writer = Writer { out, sources };
    writer.table(&draft.table, "");
    writer.out
}

struct Writer<'s> {
    out: String,
    sources: &'s Sources,
}

// Recursive, as the tree is; reading has bounded it.
impl Writer<'_> {
    /// Plain values first, as TOML wants it, then tables under headers of their own.
    fn table(&mut self, table: &Table, path: &str) {
        let (tables, plain): (Vec<&Entry>, Vec<&Entry>) =
            table.entries.iter().partition(|entry| self.has_header(&entry.node));
        let width = plain.iter().map(|entry| key_text(&entry.key).len()).max().unwrap_or(0);
        for entry in plain {
            let value = self.value(entry);
            let (key, place) = (key_text(&entry.key), self.place(entry.key_span));
            let _ = writeln!(self.out, "{key:width$} = {value}    # {place}");
        }
        for entry in tables {
            let below = match path {
                "" => key_text(&entry.key),
                path => format!("{path}.{}", key_text(&entry.key)),
            };
            match &entry.node.value {
                Value::Table(inner) => {
                    let _ = writeln!(self.out, "\n[{below}]");
                    self.table(inner, &below);
                }
                Value::Array(items) => {
                    for inner in items.iter().filter_map(Node::as_table) {
                        let _ = writeln!(self.out, "\n[[{below}]]");
                        self.table(inner, &below);
                    }
                }
                _ => {}
            }
        }
    }

    /// A value as it was written; as TOML would have it where it is from a manifest.
    fn value(&self, entry: &Entry) -> String {
        if self.sources.is_manifest(entry.node.span.source) {
            return toml_text(&entry.node.value);
        }
        let value = self.sources.slice(entry.node.span);
        if entry.seconds { format!("\"{value}s\"") } else { value.to_owned() }
    }

    /// A table, or an array of tables under headers. Inline arrays stay as they are.
    fn has_header(&self, node: &Node) -> bool {
        match &node.value {
            Value::Table(_) => true,
            Value::Array(items) => items.first().is_some_and(|item| {
                let headed = self.sources.in_header(item.span) || self.sources.is_manifest(item.span.source);
                item.as_table().is_some() && headed
            }),
            _ => false,
        }
    }

    fn place(&self, span: Span) -> String {
        format!("{}:{}", self.sources.path(span.source).display(), self.sources.line(span))
    }
}

/// A key, in quotes where it needs them.
fn key_text(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

/// A value of a manifest's unit. Recursive, as the tree is.
fn toml_text(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Integer(number, _) => number.unwrap_or_default().to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(value) => value.to_string(),
        Value::Datetime | Value::Null => "\"\"".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| toml_text(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let row = |entry: &Entry| format!("{} = {}", key_text(&entry.key), toml_text(&entry.node.value));
            let rows: Vec<String> = table.entries.iter().map(row).collect();
            format!("{{ {} }}", rows.join(", "))
        }
    }
}
