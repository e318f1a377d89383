//! The text of a manifest → a tree for each of its documents, each key and value with its place.
//!
//! Read from the events of `granit-parser` (what `serde-saphyr` reads with), which alone know where a key
//! stands. Everything is bounded: nesting by the parser, values by a count that aliases are charged to, so
//! that a bomb of aliases costs what its limit costs. Anchors hold within their document.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span as ParserSpan};

use super::super::diagnostic::{Code, Faults};
use super::super::source::{Sources, Span};
use super::super::tree::{Entry, Node, Table, Value};
use super::scalar::resolve;
use crate::limits::{MANIFEST_NESTING_MAX, MANIFEST_VALUES_MAX};

/// One document of a stream.
#[derive(Debug)]
pub(super) struct Document {
    /// Its value.
    pub(super) root: Node,
    /// Its text, without the line that begins it.
    pub(super) span: Span,
    /// It has faults as YAML.
    pub(super) broken: bool,
    /// How many faults there were before it.
    pub(super) since: usize,
}

/// Reads a source. What cannot be read is a fault, and ends the reading: the documents before it stand.
pub(super) fn documents(sources: &Sources, source: u32, faults: &mut Faults<'_>) -> Vec<Document> {
    let text = sources.text(source);
    let options = granit_parser::options! {
        flow_nesting_limit: MANIFEST_NESTING_MAX,
        block_nesting_limit: MANIFEST_NESTING_MAX,
    };
    let mut builder = Builder {
        source,
        sources,
        faults,
        open: Vec::new(),
        anchors: HashMap::new(),
        values: 0,
        root: None,
        begin: 0,
        errors: 0,
        since: 0,
        documents: Vec::new(),
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                if builder.take(event, span).is_err() {
                    break;
                }
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                let at = builder.span(at, at);
                match error.kind() {
                    ErrorKind::RecursionLimitExceeded => builder.too_deep(at),
                    _ => builder.refuse(at, &error.info()),
                }
                break;
            }
        }
    }
    builder.documents
}

/// Reading ends: a fault was told.
struct Ended;

struct Builder<'b, 's> {
    source: u32,
    sources: &'b Sources,
    faults: &'b mut Faults<'s>,
    /// Arrays and tables that have begun and not ended.
    open: Vec<Open>,
    /// Values that a later alias of this document may stand for, by the parser's number.
    anchors: HashMap<usize, Node>,
    /// Values made so far, those of aliases included.
    values: usize,
    root: Option<Node>,
    /// Where the document begins.
    begin: usize,
    /// Faults before it: those that refuse, and all.
    errors: usize,
    since: usize,
    documents: Vec<Document>,
}

struct Open {
    kind: OpenKind,
    span: Span,
    anchor: usize,
}

enum OpenKind {
    Array(Vec<Node>),
    /// A table, the places of its keys, and the key that waits for its value.
    Table {
        table: Table,
        seen: HashMap<String, Span>,
        key: Option<(String, Span)>,
        merges: Vec<Node>,
    },
}

impl Builder<'_, '_> {
    fn take(&mut self, event: Event<'_>, span: ParserSpan) -> Result<(), Ended> {
        let span = match span.byte_range() {
            Some(range) => self.span(range.start, range.end),
            None => self.span(0, 0),
        };
        match event {
            Event::DocumentStart(..) => {
                self.begin = span.end as usize;
                self.anchors.clear();
                (self.errors, self.since) = (self.faults.errors(), self.faults.count());
            }
            Event::DocumentEnd => {
                if let Some(root) = self.root.take() {
                    let span = self.span(self.begin, span.start as usize);
                    let broken = self.faults.errors() > self.errors;
                    self.documents.push(Document { root, span, broken, since: self.since });
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = match tag.as_deref().map(|tag| tag.core_suffix()) {
                    Some(Some("str")) => Value::String(text.into_owned()),
                    Some(None) => {
                        self.refuse(span, "a tag that is not YAML's own");
                        return Err(Ended);
                    }
                    _ if style == ScalarStyle::Plain => resolve(&text),
                    _ => Value::String(text.into_owned()),
                };
                self.count(1, span)?;
                self.add(Node { value, span }, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.count(1, span)?;
                self.open.push(Open { kind: OpenKind::Array(Vec::new()), span, anchor });
            }
            Event::MappingStart(_, anchor, _) => {
                self.count(1, span)?;
                let kind = OpenKind::Table {
                    table: Table::default(),
                    seen: HashMap::new(),
                    key: None,
                    merges: Vec::new(),
                };
                self.open.push(Open { kind, span, anchor });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    self.refuse(span, "an alias within what it stands for");
                    return Err(Ended);
                };
                let (size, depth) = measure(node);
                if self.open.len() + depth > MANIFEST_NESTING_MAX {
                    self.too_deep(span);
                    return Err(Ended);
                }
                self.count(size, span)?;
                let Some(mut node) = self.anchors.get(&anchor).cloned() else { return Err(Ended) };
                node.span = span;
                self.add(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Charges values to the document; an alias costs what it stands for.
    fn count(&mut self, values: usize, span: Span) -> Result<(), Ended> {
        self.values = self.values.saturating_add(values);
        if self.values <= MANIFEST_VALUES_MAX {
            return Ok(());
        }
        self.faults
            .add(span, Code::TooLarge, format!("more than {MANIFEST_VALUES_MAX} values"))
            .label("those that aliases stand for are counted each time");
        Err(Ended)
    }

    /// A value is complete: it goes where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Ended> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
            self.count(measure(&node).0, node.span)?;
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::Array(items)) => items.push(node),
            Some(OpenKind::Table { table, key, merges, .. }) => match key.take() {
                Some((key, _)) if key == "<<" && matches!(node.value, Value::Table(_) | Value::Array(_)) => {
                    merges.push(node);
                }
                Some((key, key_span)) => {
                    table.entries.push(Entry { key, key_span, seconds: false, default: false, node });
                }
                None => return self.key(node),
            },
        }
        Ok(())
    }

    /// A value in the place of a key. Numbers and booleans are read as the text they were written as.
    fn key(&mut self, node: Node) -> Result<(), Ended> {
        let text = match node.value {
            Value::String(text) => text,
            Value::Array(_) | Value::Table(_) => {
                self.refuse(node.span, "a key that is no text");
                return Err(Ended);
            }
            _ => self.sources.slice(node.span).to_owned(),
        };
        let Some(OpenKind::Table { seen, key, .. }) = self.open.last_mut().map(|open| &mut open.kind) else {
            return Ok(());
        };
        let first = seen.insert(text.clone(), node.span);
        *key = Some((text.clone(), node.span));
        if let Some(first) = first {
            let line = self.sources.line(first);
            let shown = super::super::reader::short(&text).to_owned();
            self.faults
                .add(node.span, Code::KeyTwice, format!("`{shown}` is written twice"))
                .label(format!("it is written in line {line} already"))
                .help("keep one of the two");
        }
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Ended> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.kind {
            OpenKind::Array(items) => Value::Array(items),
            OpenKind::Table { mut table, merges, .. } => {
                for merge in merges {
                    self.merge(&mut table, merge)?;
                }
                Value::Table(table)
            }
        };
        // What begins with a bracket ends with one; a block ends where the next thing begins.
        let close = self.sources.slice(end);
        let end = if matches!(close, "]" | "}") { end.end } else { end.start.max(open.span.start) };
        self.add(Node { value, span: Span { end, ..open.span } }, open.anchor)
    }

    /// `<<`: keys of another table, or of several, below the table's own.
    fn merge(&mut self, table: &mut Table, from: Node) -> Result<(), Ended> {
        let (span, tables) = match from.value {
            Value::Array(items) => (from.span, items),
            value => (from.span, vec![Node { value, span: from.span }]),
        };
        for node in tables {
            let Value::Table(other) = node.value else {
                self.refuse(span, "`<<` merges tables");
                return Err(Ended);
            };
            for entry in other.entries {
                if table.get(&entry.key).is_none() {
                    table.entries.push(entry);
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, span: Span, why: &str) {
        let tab = self.sources.line_text(span).contains('\t');
        let fault = self.faults.add(span, Code::BadYaml, format!("this is no YAML: {why}"));
        if tab {
            fault.help("a tab does not indent: use spaces");
        }
    }

    fn too_deep(&mut self, span: Span) {
        self.faults
            .add(span, Code::TooLarge, format!("more than {MANIFEST_NESTING_MAX} levels"))
            .label("tables and arrays go no deeper");
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source: self.source, start: offset(start), end: offset(end) }
    }
}

/// How many values a node is made of, and how many levels.
fn measure(node: &Node) -> (usize, usize) {
    let mut queue = vec![(node, 1)];
    let (mut count, mut depth) = (0usize, 0usize);
    while let Some((node, level)) = queue.pop() {
        (count, depth) = (count + 1, depth.max(level));
        match &node.value {
            Value::Array(items) => queue.extend(items.iter().map(|item| (item, level + 1))),
            Value::Table(table) => {
                queue.extend(table.entries.iter().map(|entry| (&entry.node, level + 1)));
            }
            _ => {}
        }
    }
    (count, depth)
}
