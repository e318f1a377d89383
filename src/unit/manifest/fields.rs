//! Fields of Kubernetes' objects, read strictly: each by its name and its type, whatever else is there is a
//! fault or a warning.
//!
//! A method answers nothing both where a field is missing (or null) and where its value is bad; a fault was
//! counted then, and the unit is refused in the end.

use std::ops::RangeInclusive;

use super::super::diagnostic::{Code, Diagnostic, Faults};
use super::super::keys::nearest;
use super::super::reader::short;
use super::super::source::{Sources, Span};
use super::super::tree::{Entry, Node, Table, Value};
use super::defaults::is_plain;

/// The fields of one type.
pub(super) struct Spec {
    /// How people call it: `a container`.
    pub(super) name: &'static str,
    /// Fields that are translated.
    pub(super) taken: &'static [&'static str],
    /// Fields that have no meaning on one host, with the reason; nothing is said of those without one.
    pub(super) idle: &'static [(&'static str, &'static str)],
    /// Fields whose meaning cannot be kept here, with what to do.
    pub(super) refused: &'static [(&'static str, &'static str)],
}

impl Spec {
    /// All fields of the type.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let others = self.idle.iter().chain(self.refused).map(|(name, _)| *name);
        self.taken.iter().copied().chain(others)
    }
}

/// What is needed to read manifests, and the faults found so far.
pub(super) struct Fields<'a> {
    pub(super) sources: &'a Sources,
    pub(super) faults: Faults<'a>,
    /// Fields that unknown ones seem to be, each with the first place of its object. So what is misspelt is not
    /// said to be missing, too.
    misspelt: Vec<(Span, &'static str)>,
}

impl<'a> Fields<'a> {
    /// Nothing is read yet.
    pub(super) fn new(sources: &'a Sources, faults: Faults<'a>) -> Self {
        Self { sources, faults, misspelt: Vec::new() }
    }
}

impl Fields<'_> {
    /// One more fault.
    pub(super) fn fault(&mut self, span: Span, code: Code, message: impl Into<String>) -> &mut Diagnostic {
        self.faults.add(span, code, message)
    }

    /// Looks at all fields of an object: unknown ones, and those that are not translated.
    pub(super) fn check(&mut self, object: &Table, spec: &Spec) {
        for entry in &object.entries {
            let key = entry.key.as_str();
            if spec.taken.contains(&key) {
                continue;
            }
            let named = |list: &[(&str, &'static str)]| {
                list.iter().find(|(name, _)| *name == key).map(|(_, why)| *why)
            };
            let plain = is_plain(entry);
            // Where no value has a meaning, an empty object has none at all.
            let nothing =
                plain || matches!(&entry.node.value, Value::Table(table) if table.entries.is_empty());
            match (named(spec.idle), named(spec.refused)) {
                (Some(why), _) if !why.is_empty() && !nothing => self.no_meaning(entry, why),
                (_, Some(why)) if !plain => self.refuse(entry.key_span, key, why),
                (None, None) => self.unknown(object, entry, spec),
                _ => {}
            }
        }
    }

    /// A field that changes nothing here.
    pub(super) fn no_meaning(&mut self, entry: &Entry, why: &str) {
        let message = format!("`{}` has no meaning here", short(&entry.key));
        self.fault(entry.key_span, Code::NoMeaning, message).label(why);
    }

    /// A field, or a value of it, that cannot mean here what it means to Kubernetes.
    pub(super) fn refuse(&mut self, span: Span, what: &str, why: &str) {
        let message = format!("`{}` cannot be honoured here", short(what));
        self.fault(span, Code::NotHere, message).label(why);
    }

    fn unknown(&mut self, object: &Table, entry: &Entry, spec: &Spec) {
        let near = if self.faults.is_full() { None } else { nearest(&entry.key, spec.names()) };
        let message = format!("unknown field `{}`", short(&entry.key));
        let fault = self.fault(entry.key_span, Code::UnknownKey, message);
        fault.label(format!("not a field of {}", spec.name));
        if let Some(near) = near {
            fault.help(format!("did you mean `{near}`?"));
            self.misspelt.extend(place(object).map(|place| (place, near)));
        }
    }

    /// Whether an unknown field of the object was said to be this one.
    pub(super) fn is_misspelt(&self, object: &Table, key: &str) -> bool {
        let place = place(object);
        self.misspelt.iter().any(|(at, name)| Some(*at) == place && *name == key)
    }

    /// A field that must be there; `of` is where it is missing.
    pub(super) fn needed<'t>(
        &mut self,
        object: &'t Table,
        key: &str,
        of: Span,
        what: &str,
    ) -> Option<&'t Entry> {
        let entry = present(object, key);
        if entry.is_none() && !self.is_misspelt(object, key) {
            self.fault(of, Code::MissingKey, format!("{what} needs `{key}`"));
        }
        entry
    }

    /// A value of the wrong type.
    pub(super) fn wrong_type(&mut self, key: &str, node: &Node, wanted: &str) {
        let message = format!("`{}` takes {wanted}", short(key));
        let written = short(self.sources.slice(node.span)).to_owned();
        let scalar = matches!(node.value, Value::Integer(..) | Value::Float(_) | Value::Boolean(_));
        let quoted = matches!(&node.value, Value::String(text) if text.parse::<i64>().is_ok());
        let fault = self.fault(node.span, Code::WrongType, message);
        fault.label(format!("this is {}", node.type_name()));
        if wanted.starts_with("a string") && scalar {
            fault.help(format!("write `\"{written}\"`, in quotes"));
        } else if wanted.starts_with("an integer") && quoted {
            fault.help("write it without quotes");
        }
    }

    /// A string with its place.
    pub(super) fn string<'t>(&mut self, object: &'t Table, key: &str) -> Option<(&'t str, Span)> {
        let entry = present(object, key)?;
        match &entry.node.value {
            Value::String(text) => Some((text, entry.node.span)),
            _ => {
                self.wrong_type(key, &entry.node, "a string");
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, object: &Table, key: &str) -> Option<(bool, Span)> {
        let entry = present(object, key)?;
        match entry.node.value {
            Value::Boolean(value) => Some((value, entry.node.span)),
            _ => {
                self.wrong_type(key, &entry.node, "true or false");
                None
            }
        }
    }

    /// A whole number of a range.
    pub(super) fn integer(
        &mut self,
        object: &Table,
        key: &str,
        range: RangeInclusive<i64>,
    ) -> Option<(i64, Span)> {
        let entry = present(object, key)?;
        let Value::Integer(value, _) = entry.node.value else {
            self.wrong_type(key, &entry.node, "an integer");
            return None;
        };
        match value.filter(|value| range.contains(value)) {
            Some(value) => Some((value, entry.node.span)),
            None => {
                let written = short(self.sources.slice(entry.node.span)).to_owned();
                let (low, high) = (range.start(), range.end());
                let label = match *high {
                    i64::MAX => format!("it is at least {low}"),
                    INT32_MAX if value.is_some_and(|value| value < *low) => format!("it is at least {low}"),
                    high => format!("it is {low} to {high}"),
                };
                let message = format!("`{key}: {written}` is out of range");
                self.fault(entry.node.span, Code::OutOfRange, message).label(label);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<'w>(
        &mut self,
        object: &Table,
        key: &str,
        words: &[&'w str],
    ) -> Option<(&'w str, Span)> {
        let (text, span) = self.string(object, key)?;
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some((word, span));
        }
        let near = nearest(text, words.iter().copied());
        let list: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        let message = format!("`{key}: {}` is not one of its words", short(text));
        let fault = self.fault(span, Code::NotAWord, message);
        fault.label(format!("it is {}", list.join(" or ")));
        if let Some(near) = near {
            fault.help(format!("did you mean `{near}`?"));
        }
        None
    }

    /// An object.
    pub(super) fn object<'t>(&mut self, object: &'t Table, key: &str) -> Option<(&'t Table, &'t Entry)> {
        let entry = present(object, key)?;
        match &entry.node.value {
            Value::Table(inner) => Some((inner, entry)),
            _ => {
                self.wrong_type(key, &entry.node, "an object");
                None
            }
        }
    }

    /// A list.
    pub(super) fn list<'t>(&mut self, object: &'t Table, key: &str) -> &'t [Node] {
        let Some(entry) = present(object, key) else { return &[] };
        match &entry.node.value {
            Value::Array(items) => items,
            _ => {
                self.wrong_type(key, &entry.node, "a list");
                &[]
            }
        }
    }

    /// A list of objects.
    pub(super) fn objects<'t>(&mut self, object: &'t Table, key: &str) -> Vec<(&'t Table, &'t Node)> {
        let items = self.list(object, key);
        let mut objects = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Table(table) => objects.push((table, item)),
                _ => self.wrong_type(key, item, "a list of objects"),
            }
        }
        objects
    }

    /// A list of strings.
    pub(super) fn strings<'t>(&mut self, object: &'t Table, key: &str) -> Option<Vec<(&'t str, Span)>> {
        present(object, key)?;
        let items = self.list(object, key);
        let mut strings = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::String(text) => strings.push((text.as_str(), item.span)),
                _ => self.wrong_type(key, item, "a string for each item"),
            }
        }
        Some(strings)
    }

    /// An object whose values are strings.
    pub(super) fn string_map<'t>(&mut self, object: &'t Table, key: &str) -> Vec<(&'t Entry, &'t str)> {
        let Some((inner, _)) = self.object(object, key) else { return Vec::new() };
        let mut map = Vec::with_capacity(inner.entries.len());
        for entry in &inner.entries {
            match &entry.node.value {
                Value::String(text) => map.push((entry, text.as_str())),
                _ => self.wrong_type(&entry.key, &entry.node, "a string"),
            }
        }
        map
    }
}

/// What 32 bits hold: Kubernetes' `int32`.
pub(super) const INT32_MAX: i64 = i32::MAX as i64;

/// What tells an object from others: where its first field stands.
fn place(object: &Table) -> Option<Span> {
    object.entries.first().map(|entry| entry.key_span)
}

/// A field that has a value: null is none.
pub(super) fn present<'t>(object: &'t Table, key: &str) -> Option<&'t Entry> {
    object.get(key).filter(|entry| !matches!(entry.node.value, Value::Null))
}
