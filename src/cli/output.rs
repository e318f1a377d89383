//! `-o` of `get`: beside the formats of every verb the templates and columns that users write themselves.

use std::path::Path;
use std::str::FromStr;

use serde_json::Value;

use super::exit::{Exit, Failure, os_words};
use super::format::{self, Format};
use super::jsonpath::{self, Template};
use super::table::{Cell, Table};
use crate::limits::JSONPATH_BYTES_MAX;

/// How `get` prints.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// As every verb can.
    Format(Format),
    /// `jsonpath=TEMPLATE`, `jsonpath-file=FILE`
    Template(Template),
    /// `custom-columns=HEADER:PATH,...`, `custom-columns-file=FILE`
    Columns(Vec<Column>),
}

/// A column that a user has written.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    header: String,
    path: jsonpath::Path,
}

/// The flags of `-o`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct OutputFlags {
    /// How to print: table, wide, json, jsonl, yaml, name, jsonpath=TEMPLATE, custom-columns=SPEC; with -file FILE
    #[arg(short, long, value_name = "FORMAT", env = "SUPCTL_OUTPUT", hide_env = true)]
    output: Option<Output>,
    /// The same as -o json
    #[arg(long, hide = true, conflicts_with = "output")]
    json: bool,
    /// kubectl's name for the template of -o jsonpath
    #[arg(long, hide = true, value_name = "TEMPLATE")]
    template: Option<String>,
}

impl OutputFlags {
    /// What was asked for; a table where nothing was.
    pub fn output(&self) -> Result<Output, Failure> {
        if let Some(template) = &self.template {
            return template_of(template).map(Output::Template).map_err(Failure::usage);
        }
        let table = Output::Format(Format::Table);
        Ok(if self.json { Output::Format(Format::Json) } else { self.output.clone().unwrap_or(table) })
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, value) = text.split_once('=').unwrap_or((text, ""));
        match word {
            "jsonpath" | "jsonpath-file" | "custom-columns" | "custom-columns-file" if value.is_empty() => {
                Err(format!("what is missing stands behind the `=`: {word}=..."))
            }
            "jsonpath" => template_of(value).map(Self::Template),
            "jsonpath-file" => template_of(&file(value)?).map(Self::Template),
            "custom-columns" => columns(value).map(Self::Columns),
            "custom-columns-file" => columns_of_file(&file(value)?).map(Self::Columns),
            _ => text.parse().map(Self::Format),
        }
    }
}

fn template_of(text: &str) -> Result<Template, String> {
    Template::parse(text).map_err(|error| error.to_string())
}

/// `NAME:.metadata.name,PHASE:.status.phase`
fn columns(text: &str) -> Result<Vec<Column>, String> {
    let column = |part: &str| {
        let (header, path) = part.split_once(':').ok_or_else(|| {
            format!("`{part}` is no column; write HEADER:.path, with commas between several")
        })?;
        column(header, path)
    };
    outside_brackets(text).into_iter().map(column).collect()
}

/// A line of headers, and below it a line of paths.
fn columns_of_file(text: &str) -> Result<Vec<Column>, String> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut words =
        || lines.next().map(|line| line.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    let (headers, paths) = (words(), words());
    if headers.is_empty() || headers.len() != paths.len() {
        return Err(format!(
            "a file of columns has a line of headers and a line of as many paths, not {} and {}",
            headers.len(),
            paths.len()
        ));
    }
    headers.into_iter().zip(paths).map(|(header, path)| column(header, path)).collect()
}

fn column(header: &str, path: &str) -> Result<Column, String> {
    let path = jsonpath::Path::parse(path).map_err(|error| error.to_string())?;
    Ok(Column { header: header.trim().to_owned(), path })
}

/// Parts between commas; those of `[0,1]` and of `['a','b']` are none.
fn outside_brackets(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth) = (0, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth = depth.saturating_add(1),
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn file(path: &str) -> Result<String, String> {
    use std::io::Read;
    let unreadable = |error: std::io::Error| format!("cannot read `{path}`: {}", os_words(&error));
    let mut text = String::new();
    let limit = u64::try_from(JSONPATH_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let file = std::fs::File::open(Path::new(path)).map_err(unreadable)?;
    file.take(limit).read_to_string(&mut text).map_err(unreadable)?;
    // The last line's end is the editor's, as a shell takes it off.
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// A template, filled in.
pub fn fill(template: &Template, document: &Value) -> Result<String, Failure> {
    template.render(document).map_err(|error| Failure::new(Exit::FAILED, error.to_string()))
}

/// A table with nothing in it but a user's columns.
pub fn empty(columns: &[Column]) -> Table {
    Table::of(columns.iter().map(|column| column.header.clone().into()))
}

/// A row of it.
pub fn cells(columns: &[Column], object: &Value) -> Result<Vec<Cell>, Failure> {
    let cell = |column: &Column| {
        let found =
            column.path.find(object).map_err(|error| Failure::new(Exit::FAILED, error.to_string()))?;
        let words: Vec<String> = found.iter().map(|value| jsonpath::cell(value)).collect();
        Ok(Cell::plain(if words.is_empty() { "<none>".to_owned() } else { words.join(",") }))
    };
    columns.iter().map(cell).collect()
}

/// An object as a document of one of the formats.
pub fn document(format: Format, value: &Value) -> Result<String, Failure> {
    match format {
        Format::Yaml => format::yaml(value),
        _ => format::json(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::style::Screen;
    use super::super::style::Tone;
    use super::*;

    #[test]
    fn words_of_output() {
        assert_eq!("wide".parse(), Ok(Output::Format(Format::Wide)));
        assert!(matches!("jsonpath={.kind}".parse(), Ok(Output::Template(_))));
        assert!(matches!("custom-columns=A:.a".parse(), Ok(Output::Columns(columns)) if columns.len() == 1));
        for (text, part) in [
            ("jsonpath", "behind the `=`"),
            ("jsonpath={.kind", "not closed"),
            ("custom-columns=A", "HEADER:.path"),
            ("custom-columns=A:{.a}{.b}", "no path"),
            ("custom-columns-file=/no/such", "no such file"),
            ("go-template={{.x}}", "no Go templates"),
            ("xml", "not one of"),
        ] {
            let error = text.parse::<Output>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn columns_that_users_write() {
        let columns =
            columns("NAME:.metadata.name,ENDS:.ends[0,1],LABELS:{.metadata.labels},NONE:missing").unwrap();
        let object = json!({"metadata": {"name": "web-0", "labels": {"app": "web"}}, "ends": [1, "x"]});
        let mut table = empty(&columns);
        table.push(Tone::Plain, cells(&columns, &object).unwrap());
        let text = table.render(Screen::pipe());
        assert_eq!(
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect::<Vec<_>>(),
            [["NAME", "ENDS", "LABELS", "NONE"], ["web-0", "1,x", "map[app:web]", "<none>"]]
        );
    }

    #[test]
    fn columns_of_a_file_are_two_lines() {
        let columns = columns_of_file("NAME   PHASE\n.metadata.name  .status.phase\n").unwrap();
        assert_eq!(columns.len(), 2);
        assert!(columns_of_file("NAME PHASE\n.metadata.name").is_err());
        assert!(columns_of_file("").is_err());
    }
}
