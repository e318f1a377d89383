//! From text to pieces and steps.

use serde_json::Value;

use super::{Error, Filter, Operator, Path, Piece, Slice, Step};
use crate::limits::{JSONPATH_BYTES_MAX, JSONPATH_DEPTH_MAX};

/// Reads a template: text, expressions in braces, ranges.
pub(super) fn template(text: &str) -> Result<Vec<Piece>, Error> {
    if text.len() > JSONPATH_BYTES_MAX {
        return Err(Error(format!("a template has at most {JSONPATH_BYTES_MAX} bytes")));
    }
    // The ranges that are open: their paths, and the pieces so far; at the bottom the template itself.
    let mut open: Vec<(Option<Path>, Vec<Piece>)> = vec![(None, Vec::new())];
    let mut rest = text;
    while let Some(brace) = rest.find('{') {
        put(&mut open, (brace > 0).then(|| Piece::Text(rest[..brace].to_owned())));
        let inside = &rest[brace + 1..];
        let length = action_length(inside)
            .ok_or_else(|| Error(format!("`{}` is not closed: a `}}` is missing", &rest[brace..])))?;
        let action = inside[..length].trim();
        rest = &inside[length + 1..];
        match (action.strip_prefix("range"), action) {
            (Some(list), _) if list.starts_with([' ', '.', '[', '$', '@']) => {
                if open.len() > JSONPATH_DEPTH_MAX {
                    return Err(Error(format!("ranges nest at most {JSONPATH_DEPTH_MAX} deep")));
                }
                open.push((Some(path(list.trim())?), Vec::new()));
            }
            (_, "end") => match (open.pop(), open.is_empty()) {
                (Some((Some(list), pieces)), false) => put(&mut open, Some(Piece::Range(list, pieces))),
                _ => return Err(Error("`{end}` without a `{range}`".to_owned())),
            },
            _ => put(&mut open, Some(Piece::Values(path(action)?))),
        }
    }
    put(&mut open, (!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
    match (open.pop(), open.is_empty()) {
        (Some((None, pieces)), true) => Ok(pieces),
        _ => Err(Error("a `{range}` has no `{end}`".to_owned())),
    }
}

fn put(open: &mut [(Option<Path>, Vec<Piece>)], piece: Option<Piece>) {
    if let Some((_, pieces)) = open.last_mut() {
        pieces.extend(piece);
    }
}

/// Where an action ends: at the first brace that is not within quotes.
fn action_length(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        match (c, quote) {
            _ if std::mem::take(&mut escaped) => {}
            ('\\', _) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('}', None) => return Some(at),
            _ => {}
        }
        None
    })
}

/// Reads what stands within braces.
pub(super) fn path(text: &str) -> Result<Path, Error> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.path()
}

/// What is left to read.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

/// What ends the name of a field, unless a `\` stands before it.
const ENDS_A_NAME: [char; 9] = [' ', '.', ',', '[', ']', '$', '@', '{', '}'];

impl Reader<'_> {
    fn path(&mut self) -> Result<Path, Error> {
        let mut steps = Vec::new();
        while let Some(c) = self.rest().chars().next() {
            match c {
                // kubectl takes both for the present value, in a range, too.
                ' ' | '@' | '$' => self.at += 1,
                '.' if self.rest().starts_with("..") => {
                    self.at += 2;
                    steps.push(Step::Below);
                    if self.rest().starts_with(|c: char| !ENDS_A_NAME.contains(&c)) {
                        steps.push(self.field());
                    }
                }
                '.' => {
                    self.at += 1;
                    // A dot alone is the value itself.
                    if self.rest().starts_with(|c: char| !ENDS_A_NAME.contains(&c)) {
                        steps.push(self.field());
                    }
                }
                '[' if self.rest().starts_with("[?(") => steps.push(self.filter()?),
                '[' => steps.push(self.brackets()?),
                '"' | '\'' => {
                    let quoted = self.quoted(c)?;
                    steps.push(Step::Literal(Value::String(quoted)));
                }
                _ => steps.push(self.word()?),
            }
        }
        Ok(Path { steps, text: self.text.to_owned() })
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn wrong(&self, what: &str) -> Error {
        Error(format!("`{}`: {what}, at `{}`", self.text, self.rest()))
    }

    /// A name after a dot: `\.` is a dot within it.
    fn field(&mut self) -> Step {
        let mut name = String::new();
        let mut escaped = false;
        let mut length = 0;
        for c in self.rest().chars() {
            match c {
                '\\' if !escaped => escaped = true,
                c if !escaped && ENDS_A_NAME.contains(&c) => break,
                c => {
                    name.push(c);
                    escaped = false;
                }
            }
            length += c.len_utf8();
        }
        self.at += length;
        if name == "*" { Step::Each } else { Step::Field(name) }
    }

    /// A number, `true` or `false`.
    fn word(&mut self) -> Result<Step, Error> {
        let rest = self.rest();
        let word = &rest[..rest.find([' ', ',', ']', '}']).unwrap_or(rest.len())];
        let value = match (word, word.parse::<i64>(), word.parse::<f64>()) {
            ("true", ..) => Value::Bool(true),
            ("false", ..) => Value::Bool(false),
            (_, Ok(number), _) => number.into(),
            (_, _, Ok(number)) => number.into(),
            _ => return Err(self.wrong("this is no part of a path")),
        };
        self.at += word.len();
        Ok(Step::Literal(value))
    }

    /// A text in quotes, with the escapes of Go.
    fn quoted(&mut self, quote: char) -> Result<String, Error> {
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((at, c)) = letters.next() {
            match c {
                c if c == quote => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => match letters.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(c) if c.is_ascii_punctuation() => text.push(c),
                    _ => return Err(self.wrong("an escape is one of \\n, \\t, \\r, \\\\, \\\", \\'")),
                },
                c => text.push(c),
            }
        }
        Err(self.wrong("the quotes are not closed"))
    }

    /// What stands in square brackets, with `self` behind them.
    fn bracketed(&mut self, opening: usize, closing: &str) -> Result<String, Error> {
        let body = &self.rest()[opening..];
        let mut quote = None;
        let mut escaped = false;
        let end = body.char_indices().find_map(|(at, c)| {
            match (c, quote) {
                _ if std::mem::take(&mut escaped) => {}
                ('\\', _) => escaped = true,
                (c, Some(open)) if c == open => quote = None,
                (_, Some(_)) => {}
                ('"' | '\'', None) => quote = Some(c),
                _ if body[at..].starts_with(closing) => return Some(at),
                _ => {}
            }
            None
        });
        let end = end.ok_or_else(|| self.wrong(&format!("`{closing}` is missing")))?;
        let text = body[..end].to_owned();
        self.at += opening + end + closing.len();
        Ok(text)
    }

    /// `[*]`, `[0]`, `[1:3]`, `['name']`, and several of them with commas.
    fn brackets(&mut self) -> Result<Step, Error> {
        let body = self.bracketed(1, "]")?;
        let parts = split(&body);
        let mut steps = parts.iter().map(|part| self.bracket(part.trim())).collect::<Result<Vec<_>, _>>()?;
        if let ([_], Some(step)) = (parts.as_slice(), steps.pop().filter(|_| parts.len() == 1)) {
            return Ok(step);
        }
        let steps = parts.iter().map(|part| self.bracket(part.trim()));
        let paths = steps.map(|step| Ok(Path { steps: vec![step?], text: body.clone() }));
        paths.collect::<Result<_, Error>>().map(Step::Union)
    }

    fn bracket(&mut self, part: &str) -> Result<Step, Error> {
        if part == "*" {
            return Ok(Step::Each);
        }
        let unquoted = ['\'', '"'].iter().find_map(|quote| part.strip_prefix(*quote)?.strip_suffix(*quote));
        if let Some(key) = unquoted {
            // kubectl reads dots in a key as steps, unless a `\` stands before them.
            let path = self.deeper(&format!(".{key}"))?;
            return Ok(match <[Step; 1]>::try_from(path.steps) {
                Ok([step]) => step,
                Err(steps) => Step::Union(vec![Path { steps, text: key.to_owned() }]),
            });
        }
        let numbers: Vec<&str> = part.split(':').collect();
        let number = |at: usize| match numbers.get(at).map(|number| number.trim()) {
            None | Some("") => Ok(None),
            Some(text) => text.parse::<i64>().map(Some),
        };
        match (number(0), number(1), number(2)) {
            (Ok(start), Ok(end), Ok(step)) if numbers.len() <= 3 && !part.is_empty() => {
                Ok(Step::Slice(Slice { start, end, step, one: numbers.len() == 1 }))
            }
            _ => Err(Error(format!("`{}`: `[{part}]` is no index, slice or key in quotes", self.text))),
        }
    }

    /// `[?(@.name=="main")]`
    fn filter(&mut self) -> Result<Step, Error> {
        let body = self.bracketed(3, ")]")?;
        let Some((at, operator, length)) = operator(&body) else {
            return Ok(Step::Filter(Box::new(Filter { left: self.deeper(&body)?, test: None })));
        };
        let left = self.deeper(&body[..at])?;
        let right = self.deeper(&body[at + length..])?;
        Ok(Step::Filter(Box::new(Filter { left, test: Some((operator, right)) })))
    }

    /// A path within this one.
    fn deeper(&self, text: &str) -> Result<Path, Error> {
        if self.depth >= JSONPATH_DEPTH_MAX {
            return Err(Error(format!("`{}`: filters nest at most {JSONPATH_DEPTH_MAX} deep", self.text)));
        }
        Reader { text: text.trim(), at: 0, depth: self.depth + 1 }.path()
    }
}

/// The first operator that is not within quotes: where it is, which, and how long.
fn operator(text: &str) -> Option<(usize, Operator, usize)> {
    const OPERATORS: [(&str, Operator); 6] = [
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => return None,
            ('"' | '\'', None) => quote = Some(c),
            _ => {}
        }
        let found = OPERATORS.iter().find(|(sign, _)| text[at..].starts_with(sign))?;
        Some((at, found.1, found.0.len()))
    })
}

/// Parts between commas that are not within quotes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            (',', None) => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}
