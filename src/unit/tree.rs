//! The TOML of a unit as a tree: each value with the place it was written at, keys in our spelling.
//!
//! Read from `toml`'s own tree, so that syntax is that crate's business; merged from several files by
//! [`merge`]; interpreted by `unit::check`.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Code, Faults};
use super::keys::{FREE_TABLES, canonical};
use super::source::{Sources, Span};
use crate::limits::UNIT_NESTING_MAX;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// What was written.
#[derive(Clone, Debug)]
pub(super) enum Value {
    String(String),
    /// Nothing where it is beyond 64 bits. With the base it was written in.
    Integer(Option<i64>, u32),
    Float(f64),
    Boolean(bool),
    Datetime,
    /// YAML's null: as good as not written.
    Null,
    Array(Vec<Node>),
    Table(Table),
}

/// Keys and values in the order they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// In our spelling.
    pub(super) key: String,
    /// As written.
    pub(super) key_span: Span,
    /// The key's name says that a bare number means seconds.
    pub(super) seconds: bool,
    /// Written in `[defaults]`, for all units.
    pub(super) default: bool,
    pub(super) node: Node,
}

impl Table {
    /// The entry of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Node {
    /// The table it is.
    pub(super) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// What people call its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self.value {
            Value::String(_) => "a string",
            Value::Integer(..) => "an integer",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Datetime => "a date",
            Value::Null => "nothing",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// Whose words the keys of a table are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// Ours, so they are read in any spelling.
    Ours,
    /// The user's.
    Theirs,
    /// The root of a bundle: `unit`, `defaults`.
    Bundle,
    /// `unit` of a bundle: names of units.
    Units,
}

/// Reads a source; what cannot be read is a fault, and the tree has the rest.
pub(super) fn parse(sources: &Sources, source: u32, bundle: bool, faults: &mut Faults<'_>) -> Table {
    let text = sources.text(source);
    let span = |start: usize, end: usize| Span {
        source,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(end).unwrap_or(u32::MAX),
    };
    if let Some(at) = too_deep(text) {
        faults
            .add(span(at, at + 1), Code::TooLarge, format!("more than {UNIT_NESTING_MAX} levels"))
            .label("tables, arrays and dotted keys go no deeper");
        return Table::default();
    }
    let (document, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map_or(usize::MAX, |span| span.start));
    let mut last_line = 0;
    for error in errors {
        let at = error.span().unwrap_or(text.len()..text.len());
        let at = span(at.start, at.end);
        // What comes after the first fault of a line mostly follows from it.
        let line = sources.line(at);
        if line != last_line {
            last_line = line;
            syntax_fault(sources, at, error.message(), faults);
        }
    }
    let bundle = bundle || document.get_ref().contains_key("unit");
    let mut reader = TreeReader { source, sources, faults };
    let words = if bundle { Words::Bundle } else { Words::Ours };
    reader.table(document.into_inner(), words)
}

/// One fault that the parser found, with a guess at what it comes from.
fn syntax_fault(sources: &Sources, at: Span, message: &str, faults: &mut Faults<'_>) {
    if message == "duplicate key" {
        let written = format!("`{}` is written twice", sources.slice(at).trim());
        faults.add(at, Code::KeyTwice, written).help("keep one of the two");
        return;
    }
    let unquoted = message.starts_with("string values must be quoted");
    if unquoted && sources.slice(at).is_empty() {
        faults.add(at, Code::Syntax, "a value is missing");
        return;
    }
    let fault = faults.add(at, Code::Syntax, message);
    if unquoted {
        let written = super::reader::short(sources.slice(at));
        fault.help(format!("write `\"{written}\"`"));
    } else if message.starts_with("missing comma") || message.starts_with("unclosed array") {
        fault.help("is a `]`, a comma or a quote missing here or before?");
    } else if message.starts_with("invalid basic string") {
        fault.help("is the closing quote missing?");
    }
}

struct TreeReader<'r, 's> {
    source: u32,
    sources: &'r Sources,
    faults: &'r mut Faults<'s>,
}

// Recursive, as the tree is; `too_deep` has bounded it.
impl TreeReader<'_, '_> {
    fn table(&mut self, table: DeTable<'_>, words: Words) -> Table {
        let mut rows: Vec<_> = table.into_iter().collect();
        rows.sort_by_key(|(key, _)| key.span().start);
        let mut seen: HashMap<String, Span> = HashMap::with_capacity(rows.len());
        let mut entries = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let key_span = self.span(&key.span());
            let written = key.into_inner();
            let (key, seconds) = match words {
                Words::Ours => {
                    let canonical = canonical(&written);
                    (canonical.key, canonical.seconds)
                }
                Words::Theirs | Words::Bundle | Words::Units => (written.into_owned(), false),
            };
            if let Some(first) = seen.insert(key.clone(), key_span) {
                self.twice(&key, first, key_span);
                continue;
            }
            let below = match words {
                Words::Ours if FREE_TABLES.contains(&key.as_str()) => Words::Theirs,
                Words::Bundle if key == "unit" => Words::Units,
                Words::Theirs => Words::Theirs,
                Words::Ours | Words::Bundle | Words::Units => Words::Ours,
            };
            let node = self.node(value, below);
            entries.push(Entry { key, key_span, seconds, default: false, node });
        }
        Table { entries }
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>, words: Words) -> Node {
        let span = self.span(&value.span());
        let value = match value.into_inner() {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Integer(integer) => {
                Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok(), integer.radix())
            }
            DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(boolean) => Value::Boolean(boolean),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(array) => {
                Value::Array(array.into_iter().map(|value| self.node(value, words)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, words)),
        };
        Node { value, span }
    }

    fn twice(&mut self, key: &str, first: Span, second: Span) {
        let message = format!(
            "`{}` and `{}` are two spellings of one key",
            self.sources.slice(first),
            self.sources.slice(second)
        );
        let label = format!("`{key}` is written in line {} already", self.sources.line(first));
        self.faults.add(second, Code::KeyTwice, message).label(label);
    }

    fn span(&self, range: &std::ops::Range<usize>) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source: self.source, start: offset(range.start), end: offset(range.end) }
    }
}

/// Lays one table over another: tables merge, everything else is replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    // Recursive, as the tree is; `too_deep` has bounded it.
    let places: HashMap<String, usize> =
        base.entries.iter().enumerate().map(|(place, entry)| (entry.key.clone(), place)).collect();
    for entry in over.entries {
        let Some(below) = places.get(&entry.key).and_then(|place| base.entries.get_mut(*place)) else {
            base.entries.push(entry);
            continue;
        };
        match (&mut below.node.value, entry.node.value) {
            (Value::Table(inner), Value::Table(over)) => {
                merge(inner, over);
                (below.key_span, below.default, below.node.span) =
                    (entry.key_span, entry.default, entry.node.span);
            }
            (_, value) => {
                *below = Entry { node: Node { value, span: entry.node.span }, ..entry };
            }
        }
    }
}

/// Marks all that a table has as written in `[defaults]`.
pub(super) fn mark_default(table: &mut Table) {
    for entry in &mut table.entries {
        entry.default = true;
        if let Value::Table(inner) = &mut entry.node.value {
            mark_default(inner);
        }
    }
}

/// Where brackets and dotted keys go deeper than a unit needs. The parser would follow them, and so would
/// everything that walks its tree.
fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut dots) = (0usize, 0usize);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                at = after_string(bytes, at);
                continue;
            }
            b'#' => at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at),
            b'[' | b'{' => (depth, dots) = (depth + 1, 0),
            b']' | b'}' => (depth, dots) = (depth.saturating_sub(1), 0),
            b'.' => dots += 1,
            b'\n' | b'=' | b',' => dots = 0,
            _ => {}
        }
        if depth > UNIT_NESTING_MAX || dots >= UNIT_NESTING_MAX {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The byte after a string that begins at `at`; an unclosed one-line string ends with its line.
fn after_string(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let long = bytes[at..].starts_with(&[quote; 3]);
    let mut end = at + if long { 3 } else { 1 };
    while let Some(&byte) = bytes.get(end) {
        if byte == b'\\' && quote == b'"' {
            end += 2;
        } else if long && bytes[end..].starts_with(&[quote; 3]) {
            // Up to two quotes may stand before the closing three.
            end += 3;
            while end < bytes.len() && bytes[end] == quote {
                end += 1;
            }
            return end;
        } else if !long && (byte == quote || byte == b'\n') {
            return end + 1;
        } else {
            end += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Table, Vec<Code>) {
        let mut sources = Sources::default();
        let source = sources.add("a.toml".into(), text.into());
        let mut faults = Faults::new(&sources, None);
        let table = parse(&sources, source, false, &mut faults);
        (table, faults.finish().into_iter().map(|fault| fault.code).collect())
    }

    #[test]
    fn keys_come_in_our_spelling_but_never_the_users_own() {
        let (table, faults) = read("restartPolicy = 'Never'\n[env]\nrestartPolicy = 'x'\nmy-key = 'y'\n");
        assert!(faults.is_empty());
        let env = table.get("env").and_then(|entry| entry.node.as_table()).unwrap();
        let names: Vec<_> = env.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert!(table.get("restart_policy").is_some());
        assert_eq!(names, ["restartPolicy", "my-key"]);
        assert_eq!(read("a-b = 1\naB = 2\n").1, [Code::KeyTwice]);
    }

    #[test]
    fn depth_is_bounded_in_every_shape() {
        let deep = 10_000;
        for text in [
            format!("x = {}", "[".repeat(deep)),
            format!("x = {}1{}", "[".repeat(deep), "]".repeat(deep)),
            format!("x = {}", "{a=".repeat(deep)),
            format!("[{}a]", "a.".repeat(deep)),
            format!("{}a = 1", "a . ".repeat(deep)),
            format!("x = {{ {}a = 1 }}", "\"a\".".repeat(deep)),
        ] {
            assert_eq!(read(&text).1, [Code::TooLarge], "{}…", &text[..20]);
        }
        for text in [
            "x = '....................'",
            "# ..................",
            "x = \"\"\"\"[[[[[[[[[[[[[[[[[[[[[[[[[[\"\"\"\"\"",
            "x = 1.5\ny = 2.5",
        ] {
            assert_eq!(read(text).1, [], "{text}");
        }
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_survived() {
        let text =
            "exec = ['a', \"b\\n\"]\n[job]\nbackoff = { max = '1s' }\n[[init]]\nexec = [\"\"\"x\"\"\"]\n";
        for end in 0..text.len() {
            read(&text[..end]);
            let mut bytes = text.as_bytes().to_vec();
            for byte in [b'"', b'[', b'{', b'=', b'.', b'\n', b'\\'] {
                bytes[end] = byte;
                read(std::str::from_utf8(&bytes).unwrap());
            }
        }
    }

    #[test]
    fn tables_merge_and_the_rest_is_replaced() {
        let (mut base, _) = read("exec = ['a', 'b']\n[env]\nA = '1'\nB = '2'\n");
        merge(&mut base, read("exec = ['c']\nuser = 'x'\n[env]\nB = '3'\n").0);
        let env = base.get("env").and_then(|entry| entry.node.as_table()).unwrap();
        let text = |table: &Table, key: &str| match &table.get(key).unwrap().node.value {
            Value::String(text) => text.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!((text(env, "A"), text(env, "B")), ("1".into(), "3".into()));
        assert_eq!(text(&base, "user"), "x");
        assert!(matches!(&base.get("exec").unwrap().node.value, Value::Array(items) if items.len() == 1));
    }
}
