//! Keys that do not belong where they stand: unknown, misspelt, not built, below the wrong header.

use super::diagnostic::Code;
use super::keys::{TableSpec, UNIT, has, meant};
use super::reader::{Reader, short};
use super::source::Span;
use super::tree::{Entry, Node, Table, Value};

impl Reader<'_> {
    /// Refuses keys that the table does not have, and those that this build does not honour.
    pub(super) fn check_keys(&mut self, table: &Table, spec: &TableSpec, unit: &Table) {
        for entry in &table.entries {
            let key = entry.key.as_str();
            if spec.built.contains(&key) {
                continue;
            }
            if spec.later.contains(&key) {
                self.not_yet(entry, spec);
            } else if !self.misplaced(entry, spec, table, unit) {
                self.unknown(entry, spec);
            }
        }
    }

    fn not_yet(&mut self, entry: &Entry, spec: &TableSpec) {
        let header = self.sources.in_header(entry.key_span);
        let shown = if header { self.sources.header(entry.key_span) } else { entry.key.as_str() };
        let message = format!("`{shown}` is not built yet");
        let label = match spec.name {
            "a unit" => "this release would ignore it, so it is refused".to_owned(),
            name => format!("this release has no such key of {name} yet"),
        };
        self.fault(entry.key_span, Code::NotYet, message).label(label);
    }

    fn unknown(&mut self, entry: &Entry, spec: &TableSpec) {
        let written = unquoted(self.sources.slice(entry.key_span)).to_owned();
        // Looking for what was meant takes its time, and a hostile file may have 100,000 such keys.
        let help = if self.faults.is_full() { None } else { meant(spec, &written) };
        let shown = short(&written);
        let fault = self.fault(entry.key_span, Code::UnknownKey, format!("unknown key `{shown}`"));
        fault.label(format!("not a key of {}", spec.name));
        if let Some(help) = help {
            fault.help(help);
        }
    }

    /// TOML's trap: a key of the unit that stands below a table header.
    fn misplaced(&mut self, entry: &Entry, spec: &TableSpec, table: &Table, unit: &Table) -> bool {
        let is_units = std::ptr::eq(table, unit);
        if is_units || !has(&UNIT, &entry.key) || self.sources.in_header(entry.key_span) {
            return false;
        }
        let Some((header, first)) = self.headers(table, unit, entry.key_span.source) else { return false };
        let header = self.sources.header(header).to_owned();
        let line = self.sources.line(first);
        let key = &entry.key;
        self.fault(
            entry.key_span,
            Code::BelowTable,
            format!("`{key}` belongs above `{header}`: move it to line {line}"),
        )
        .label(format!("below this header it is a key of {}", spec.name));
        true
    }

    /// The header of a table and the first header of its unit, where both are in that source.
    pub(super) fn headers(&self, table: &Table, unit: &Table, source: u32) -> Option<(Span, Span)> {
        let mut own = None;
        let mut first: Option<Span> = None;
        for entry in &unit.entries {
            let candidates: Vec<&Node> = match &entry.node.value {
                Value::Table(_) => vec![&entry.node],
                Value::Array(items) => items.iter().collect(),
                _ => continue,
            };
            for node in candidates {
                let (true, Some(inner)) = (self.sources.in_header(node.span), node.as_table()) else {
                    continue;
                };
                if node.span.source != source {
                    continue;
                }
                if first.is_none_or(|first| node.span.start < first.start) {
                    first = Some(node.span);
                }
                let below =
                    inner.entries.iter().find(|e| e.node.as_table().is_some_and(|t| std::ptr::eq(t, table)));
                match below {
                    Some(below) if self.sources.in_header(below.node.span) => own = Some(below.node.span),
                    _ if std::ptr::eq(inner, table) => own = Some(node.span),
                    _ => {}
                }
            }
        }
        Some((own?, first?))
    }
}

/// A key without the quotes it may stand in.
fn unquoted(key: &str) -> &str {
    key.strip_prefix(['"', '\'']).and_then(|key| key.strip_suffix(['"', '\''])).unwrap_or(key)
}
