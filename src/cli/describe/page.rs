//! A page of labels and values, whose columns end together: elastic tab stops, as kubectl's.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr;

use super::super::rows::Look;
use super::super::style::printable;
use crate::control::objects::{Metadata, OwnerReference, Time};

/// Lines, with tabs between their cells.
pub(super) struct Page {
    lines: Vec<Vec<String>>,
    look: Look,
}

/// Between a column and the next.
const GAP: usize = 2;

impl Page {
    /// Begins as every page does.
    pub(super) fn new(metadata: &Metadata, look: Look) -> Self {
        let mut page = Self { lines: Vec::new(), look };
        page.put(0, "Name", &metadata.name);
        if let Some(namespace) = &metadata.namespace {
            page.put(0, "Namespace", namespace);
        }
        page
    }

    /// A label and its value.
    pub(super) fn put(&mut self, level: usize, label: &str, value: impl AsRef<str>) {
        self.row(level, &[&format!("{label}:"), value.as_ref()]);
    }

    /// The same, where there is something to say.
    pub(super) fn put_some(&mut self, level: usize, label: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.put(level, label, value);
        }
    }

    /// A line without a value, below which others stand.
    pub(super) fn head(&mut self, level: usize, label: &str) {
        self.row(level, &[&format!("{label}:")]);
    }

    /// Cells of a line.
    pub(super) fn row(&mut self, level: usize, cells: &[&str]) {
        let mut line: Vec<String> = cells.iter().map(|cell| printable(cell).into_owned()).collect();
        if let Some(first) = line.first_mut() {
            first.insert_str(0, &"  ".repeat(level));
        }
        self.lines.push(line);
    }

    /// A header and a line of dashes below it.
    pub(super) fn columns(&mut self, level: usize, headers: &[&str]) {
        self.row(level, headers);
        let dashes: Vec<String> = headers.iter().map(|header| "-".repeat(header.len())).collect();
        self.row(level, &dashes.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Several values below each other; none of them is `<none>`.
    pub(super) fn list(&mut self, level: usize, label: &str, values: impl IntoIterator<Item = String>) {
        let mut label = format!("{label}:");
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            self.row(level, &[&label, "<none>"]);
        }
        for value in values {
            self.row(level, &[&std::mem::take(&mut label), &value]);
        }
    }

    /// Labels as `app=web`.
    pub(super) fn labels(&mut self, level: usize, labels: &BTreeMap<String, String>) {
        self.list(level, "Labels", labels.iter().map(|(key, value)| format!("{key}={value}")));
    }

    /// Annotations as `key: value`.
    pub(super) fn annotations(&mut self, metadata: &Metadata) {
        let annotations = metadata.annotations.iter().map(|(key, value)| format!("{key}: {value}"));
        self.list(0, "Annotations", annotations);
    }

    /// Who makes and ends it.
    pub(super) fn controller(&mut self, metadata: &Metadata) {
        let owner = metadata.owner_references.iter().find(|owner| owner.controller);
        let words = |owner: &OwnerReference| format!("{}/{}", owner.kind, owner.name);
        self.put_some(0, "Controlled By", owner.map(words));
    }

    /// A time, in full.
    pub(super) fn time(&mut self, level: usize, label: &str, time: Option<Time>) {
        let look = self.look;
        self.put_some(level, label, time.map(|time| look.rfc1123(time)));
    }

    /// The text. The cells of a column end together where lines with that column follow each other.
    pub(super) fn render(&self) -> String {
        let mut widths: Vec<Vec<usize>> =
            self.lines.iter().map(|line| line.iter().map(|cell| cell.width()).collect()).collect();
        let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
        for column in 0..columns {
            let mut from = 0;
            while from < widths.len() {
                // The last cell of a line is followed by nothing, and so is no part of a column.
                let run = widths[from..].iter().take_while(|line| line.len() > column + 1).count();
                let widest = widths[from..from + run].iter().map(|line| line[column]).max().unwrap_or(0);
                for line in &mut widths[from..from + run] {
                    line[column] = widest;
                }
                from += run.max(1);
            }
        }
        let mut text = String::new();
        for (line, widths) in self.lines.iter().zip(widths) {
            let start = text.len();
            for (at, (cell, width)) in line.iter().zip(widths).enumerate() {
                text.push_str(cell);
                if at + 1 < line.len() {
                    text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + GAP));
                }
            }
            let end = text.trim_end_matches(' ').len().max(start);
            text.truncate(end);
            text.push('\n');
        }
        text
    }
}
