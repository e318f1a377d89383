//! JSONPath as kubectl has it: templates with `{...}` (`-o jsonpath=`), and single paths (`--sort-by`,
//! `-o custom-columns=`, `wait --for=jsonpath=`).
//!
//! Kubernetes' dialect is one of its own: text around the braces, `{range}` and `{end}`, filters that compare
//! one value, dictionary keys in quotes, and no scripts. What is not there is nothing, and no error; an index
//! beyond a list is one.

mod compare;
mod eval;
mod parse;
mod print;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// A text with expressions in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Piece>);

/// One expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    steps: Vec<Step>,
    /// As it was written, for what is said about it.
    text: String,
}

/// What cannot be read or cannot be looked up, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub String);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// Stands for itself.
    Text(String),
    /// Stands for what it leads to, with spaces between several.
    Values(Path),
    /// `{range PATH}...{end}`: the pieces, for each value.
    Range(Path, Vec<Piece>),
}

/// A step of a path, from some values to others.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// `.name`, `['name']`
    Field(String),
    /// `[2]`, `[-1]`, `[0:4:2]`
    Slice(Slice),
    /// `.*`, `[*]`
    Each,
    /// `..`: the value and all below it that has parts.
    Below,
    /// `[0,2]`, `['name','uid']`
    Union(Vec<Path>),
    /// `[?(@.name=="main")]`
    Filter(Box<Filter>),
    /// `{"text"}`, `{3}`, `{true}`: it does not depend on anything.
    Literal(Value),
}

/// A part of a list. A lone index is a slice of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
    /// An index, not a slice.
    one: bool,
}

/// Which elements of a list are meant.
#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Path,
    /// Without one: those where `left` leads anywhere.
    test: Option<(Operator, Path)>,
}

/// How a filter compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Template {
    /// Reads a template. A lone path without braces (`.metadata.name`) is taken for what was meant.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if !text.contains('{') && text.starts_with(['.', '$', '[']) {
            return Ok(Self(vec![Piece::Values(Path::parse(text)?)]));
        }
        parse::template(text).map(Self)
    }

    /// The text that it comes to for an object.
    pub fn render(&self, object: &Value) -> Result<String, Error> {
        eval::render(&self.0, object)
    }
}

impl Path {
    /// Reads a path in any of kubectl's forms: `{.a.b}`, `.a.b`, `a.b`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim();
        let bare = trimmed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(trimmed);
        if bare.is_empty() || bare.contains(['{', '}']) {
            return Err(Error(format!("`{text}` is no path; write it like `.metadata.name`")));
        }
        let rooted =
            if bare.starts_with(['.', '[', '$', '@']) { bare.to_owned() } else { format!(".{bare}") };
        Ok(Self { text: text.to_owned(), ..parse::path(&rooted)? })
    }

    /// All values that it leads to.
    pub fn find<'v>(&self, object: &'v Value) -> Result<Vec<Cow<'v, Value>>, Error> {
        eval::find(self, Cow::Borrowed(object))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

pub use compare::order;
pub use print::{cell, text};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
