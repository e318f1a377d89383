//! Writing the tree of a unit: keys in our spelling, places in the manifest.

use super::super::source::Span;
use super::super::tree::{Entry, Node, Table, Value};

impl Table {
    /// Adds a key, or replaces its value.
    pub(super) fn put(&mut self, key: &str, span: Span, value: impl Into<Value>) {
        self.put_at(key, span, Node { value: value.into(), span });
    }

    /// The same, with a value that has a place of its own.
    pub(super) fn put_at(&mut self, key: &str, key_span: Span, node: Node) {
        let entry = Entry { key: key.to_owned(), key_span, seconds: false, default: false, node };
        match self.entries.iter_mut().find(|entry| entry.key == key) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }

    /// Adds a table, unless nothing is in it.
    pub(super) fn put_table(&mut self, key: &str, span: Span, table: Self) {
        if !table.entries.is_empty() {
            self.put(key, span, Value::Table(table));
        }
    }

    /// Adds a table to the array of tables below a key.
    pub(super) fn push(&mut self, key: &str, span: Span, table: Table) {
        let node = Node { value: Value::Table(table), span };
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key)
            && let Value::Array(items) = &mut entry.node.value
        {
            items.push(node);
            return;
        }
        self.put(key, span, Value::Array(vec![node]));
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number), 10)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

/// A string with a place.
pub(super) fn text(text: impl Into<String>, span: Span) -> Node {
    Node { value: Value::String(text.into()), span }
}

/// Seconds as our durations are written.
pub(super) fn seconds(number: i64) -> String {
    format!("{number}s")
}
