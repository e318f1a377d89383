//! A unit as all its files together make it: TOML again, each value with the place it is from.

use std::fmt::Write as _;

use super::check::Draft;
use super::source::{Sources, Span};
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
            let value = self.sources.slice(entry.node.span);
            let value = if entry.seconds { format!("\"{value}s\"") } else { value.to_owned() };
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

    /// A table, or an array of tables under headers. Inline arrays stay as they are.
    fn has_header(&self, node: &Node) -> bool {
        match &node.value {
            Value::Table(_) => true,
            Value::Array(items) => items
                .first()
                .is_some_and(|item| item.as_table().is_some() && self.sources.in_header(item.span)),
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
    if !key.is_empty() && key.chars().all(bare) {
        return key.to_owned();
    }
    let mut text = String::from("\"");
    for c in key.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}
