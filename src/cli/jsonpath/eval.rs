//! From steps to values.

use std::borrow::Cow;

use serde_json::Value;

use super::{Error, Filter, Path, Piece, Slice, Step, compare, print};
use crate::limits::JSONPATH_VALUES_MAX;

/// The text that pieces come to.
pub(super) fn render(pieces: &[Piece], object: &Value) -> Result<String, Error> {
    let mut text = String::new();
    // What is still to be rendered, the next one last: no recursion, whatever the ranges.
    let mut ahead: Vec<(&Piece, Cow<'_, Value>)> =
        pieces.iter().rev().map(|piece| (piece, Cow::Borrowed(object))).collect();
    while let Some((piece, value)) = ahead.pop() {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Values(path) => {
                let values = find(path, value)?;
                let words: Vec<String> = values.iter().map(|value| print::text(value)).collect();
                text.push_str(&words.join(" "));
            }
            Piece::Range(path, inner) => {
                for value in find(path, value)?.into_iter().rev() {
                    ahead.extend(inner.iter().rev().map(|piece| (piece, value.clone())));
                }
                too_many(ahead.len())?;
            }
        }
    }
    Ok(text)
}

/// All values that a path leads to from this one.
pub(super) fn find<'v>(path: &Path, value: Cow<'v, Value>) -> Result<Vec<Cow<'v, Value>>, Error> {
    let mut values = vec![value];
    for step in &path.steps {
        values = take(step, values, path)?;
        too_many(values.len())?;
    }
    Ok(values)
}

fn too_many(values: usize) -> Result<(), Error> {
    if values <= JSONPATH_VALUES_MAX {
        return Ok(());
    }
    Err(Error(format!("it leads to more than {JSONPATH_VALUES_MAX} values")))
}

/// One step, from all values at once.
fn take<'v>(step: &Step, values: Vec<Cow<'v, Value>>, path: &Path) -> Result<Vec<Cow<'v, Value>>, Error> {
    let mut found = Vec::new();
    match step {
        Step::Literal(value) => found.push(Cow::Owned(value.clone())),
        Step::Field(name) => {
            found
                .extend(values.into_iter().filter_map(|value| part(value, |value| value.get(name.as_str()))));
        }
        Step::Each => found.extend(values.into_iter().flat_map(parts)),
        Step::Below => found = below(values)?,
        Step::Slice(slice) => {
            for value in values {
                found.extend(cut(*slice, value, path)?);
            }
        }
        Step::Union(paths) => {
            for value in values {
                for path in paths {
                    found.extend(find(path, value.clone())?);
                }
            }
        }
        Step::Filter(filter) => {
            for value in values {
                let elements = if value.is_array() { parts(value) } else { Vec::new() };
                for element in elements {
                    if passes(filter, &element)? {
                        found.push(element);
                    }
                }
            }
        }
    }
    Ok(found)
}

/// A part of a value, borrowed where the value is.
fn part<'v>(value: Cow<'v, Value>, get: impl Fn(&Value) -> Option<&Value>) -> Option<Cow<'v, Value>> {
    match value {
        Cow::Borrowed(value) => get(value).map(Cow::Borrowed),
        Cow::Owned(value) => get(&value).cloned().map(Cow::Owned),
    }
}

/// All parts of a list or an object.
fn parts(value: Cow<'_, Value>) -> Vec<Cow<'_, Value>> {
    match value {
        Cow::Borrowed(Value::Array(elements)) => elements.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Object(fields)) => fields.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(elements)) => elements.into_iter().map(Cow::Owned).collect(),
        Cow::Owned(Value::Object(fields)) => fields.into_iter().map(|(_, value)| Cow::Owned(value)).collect(),
        _ => Vec::new(),
    }
}

/// Values that have parts, each before what is below it.
fn below(values: Vec<Cow<'_, Value>>) -> Result<Vec<Cow<'_, Value>>, Error> {
    let mut found = Vec::new();
    let mut ahead: Vec<_> = values.into_iter().rev().collect();
    while let Some(value) = ahead.pop() {
        let inner = parts(value.clone());
        if inner.is_empty() {
            continue;
        }
        found.push(value);
        ahead.extend(inner.into_iter().rev());
        too_many(found.len().max(ahead.len()))?;
    }
    Ok(found)
}

/// A part of a list. What is no list has none.
fn cut<'v>(slice: Slice, value: Cow<'v, Value>, path: &Path) -> Result<Vec<Cow<'v, Value>>, Error> {
    let Some(length) = value.as_array().map(Vec::len) else { return Ok(Vec::new()) };
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_end = |number: i64| if number < 0 { number.saturating_add(length) } else { number };
    let beyond = |index: i64| {
        Err(Error(format!("`{}`: index {index} is out of bounds, the length is {length}", path.text())))
    };
    let start = from_end(slice.start.unwrap_or(0));
    if slice.one {
        return match usize::try_from(start) {
            Ok(index) if start < length => Ok(part(value, |value| value.get(index)).into_iter().collect()),
            _ => beyond(slice.start.unwrap_or(0)),
        };
    }
    let end = from_end(slice.end.unwrap_or(length));
    if start < 0 || (start >= length && length > 0) {
        return beyond(slice.start.unwrap_or(0));
    }
    if end < 0 || end > length {
        return beyond(slice.end.unwrap_or(0));
    }
    let step = slice.step.unwrap_or(1);
    let Some(step) = usize::try_from(step).ok().filter(|step| *step > 0) else {
        return Err(Error(format!("`{}`: a step is more than 0", path.text())));
    };
    let (start, count) = (usize::try_from(start).unwrap_or(0), usize::try_from(end - start).unwrap_or(0));
    Ok(parts(value).into_iter().skip(start).take(count).step_by(step).collect())
}

/// Whether an element of a list is one of those that a filter means.
fn passes(filter: &Filter, element: &Value) -> Result<bool, Error> {
    let left = find(&filter.left, Cow::Borrowed(element))?;
    let Some((operator, right)) = &filter.test else { return Ok(!left.is_empty()) };
    let right = find(right, Cow::Borrowed(element))?;
    match (left.as_slice(), right.as_slice()) {
        ([left], [right]) => Ok(compare::holds(left, *operator, right)),
        ([], _) | (_, []) => Ok(false),
        _ => Err(Error(format!("`{}`: a filter compares one value with one", filter.left.text()))),
    }
}
