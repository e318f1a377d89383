//! Objects of one noun as `get` lists them: fetched, put in order, made into rows and documents.

use serde_json::Value;

use super::exit::{Exit, Failure};
use super::format::{self, Format};
use super::jsonpath::{self, Path};
use super::name::Noun;
use super::output::{self, Output};
use super::rows::{self, Look, Tabular};
use super::server::Server;
use super::style::{Screen, Tone};
use super::table::{Cell, Table};
use crate::control::client::Selection;
use crate::control::objects::{
    CronJob, Deployment, Event, HistoryEntry, Job, List, Metadata, Pod, Run, Unit,
};
use crate::unit::model::Kind;

/// An object, ready to be printed in any way.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) kind: Option<Kind>,
    pub(super) value: Value,
    pub(super) state: String,
    pub(super) failing: bool,
    cells: Vec<Cell>,
}

/// How a list looks.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) output: &'a Output,
    pub(super) look: Look,
    pub(super) headers: bool,
    pub(super) label_columns: &'a [String],
    pub(super) show_labels: bool,
    /// Names carry their noun, as kubectl has it where there are several.
    pub(super) with_noun: bool,
}

/// What rows depend on, with the columns that were asked for.
pub(super) fn look(output: &Output, look: Look) -> Look {
    Look { wide: *output == Output::Format(Format::Wide), ..look }
}

/// The objects of a noun that are selected.
pub(super) fn items(
    server: &Server,
    noun: Noun,
    selection: Selection<'_>,
    look: Look,
) -> Result<Vec<Item>, Failure> {
    fn of<T: Tabular>(server: &Server, selection: Selection<'_>, look: Look) -> Result<Vec<Item>, Failure> {
        server.select::<T>(selection)?.iter().map(|object| Item::new(object, look)).collect()
    }
    match noun {
        Noun::Unit | Noun::Target => {
            let units: Vec<Unit> = server.select(selection)?;
            units
                .iter()
                .map(|unit| Ok(Item { kind: Some(unit.status.kind), ..Item::new(unit, look)? }))
                .collect()
        }
        Noun::Service => of::<Deployment>(server, selection, look),
        Noun::Pod => of::<Pod>(server, selection, look),
        Noun::Job => of::<Job>(server, selection, look),
        Noun::CronJob => of::<CronJob>(server, selection, look),
        Noun::Event => of::<Event>(server, selection, look),
        Noun::Run => of::<Run>(server, selection, look),
        Noun::History => of::<HistoryEntry>(server, selection, look),
    }
}

/// Puts objects in the order of a field; those without it come first. That none has it is a slip.
pub(super) fn sort(items: &mut Vec<Item>, path: &Path) -> Result<(), Failure> {
    let key = |item: &Item| -> Result<Option<Value>, Failure> {
        let found = path.find(&item.value).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(found.first().map(|value| value.as_ref().clone()))
    };
    let keys = items.iter().map(key).collect::<Result<Vec<_>, _>>()?;
    if !keys.is_empty() && keys.iter().all(Option::is_none) {
        return Err(Failure::usage(format!("none of the objects has the field `{}`", path.text())));
    }
    let mut keyed: Vec<_> = keys.into_iter().zip(items.drain(..)).collect();
    keyed.sort_by(|(one, _), (other, _)| jsonpath::order(one.as_ref(), other.as_ref()));
    items.extend(keyed.into_iter().map(|(_, item)| item));
    Ok(())
}

impl Item {
    pub(super) fn new<T: Tabular>(object: &T, look: Look) -> Result<Self, Failure> {
        let value = serde_json::to_value(object)
            .map_err(|error| Failure::new(Exit::FAILED, format!("cannot print the answer: {error}")))?;
        let Metadata { name, .. } = object.metadata();
        Ok(Self {
            name: name.clone(),
            kind: None,
            value,
            cells: rows::cells(object, look),
            state: object.state(),
            failing: object.tone() == Tone::Failing,
        })
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.value.get("metadata")?.get("labels")?.get(key)?.as_str()
    }

    /// All labels, as kubectl joins them.
    fn labels(&self) -> String {
        let labels = self.value.get("metadata").and_then(|metadata| metadata.get("labels")?.as_object());
        let words =
            labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", jsonpath::text(value)));
        let words: Vec<String> = words.collect();
        if words.is_empty() { "<none>".to_owned() } else { words.join(",") }
    }
}

impl Shape<'_> {
    /// Whether it is a table of ours.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.output, Output::Format(Format::Table | Format::Wide))
    }

    /// A table for objects of a noun, with nothing in it yet.
    pub(super) fn table(&self, noun: Noun) -> Table {
        if let Output::Columns(columns) = self.output {
            return output::empty(columns).headers(self.headers);
        }
        let headers = headers(noun, self.look.wide).iter().map(|header| (*header).into());
        // `example.org/tier` is headed TIER, as kubectl has it.
        let of_labels = self.label_columns.iter().map(|label| {
            label.rsplit_once('/').map_or(label.as_str(), |(_, name)| name).to_uppercase().into()
        });
        let all = self.show_labels.then_some("LABELS".into());
        Table::of(headers.chain(of_labels).chain(all)).headers(self.headers)
    }

    /// An object's row in it.
    pub(super) fn row(&self, noun: Noun, item: &Item) -> Result<Vec<Cell>, Failure> {
        if let Output::Columns(columns) = self.output {
            return output::cells(columns, &item.value);
        }
        let mut cells = item.cells.clone();
        // The name of an event is of no use to anybody, and is not shown.
        if self.with_noun
            && noun != Noun::Event
            && let Some(first) = cells.first_mut()
        {
            *first = format!("{}/{}", noun.singular(), item.name).into();
        }
        cells.extend(
            self.label_columns.iter().map(|label| Cell::plain(item.label(label).unwrap_or_default())),
        );
        cells.extend(self.show_labels.then(|| Cell::plain(item.labels())));
        Ok(cells)
    }
}

fn headers(noun: Noun, wide: bool) -> &'static [&'static str] {
    match noun {
        Noun::Unit | Noun::Target => rows::headers::<Unit>(wide),
        Noun::Service => rows::headers::<Deployment>(wide),
        Noun::Pod => rows::headers::<Pod>(wide),
        Noun::Job => rows::headers::<Job>(wide),
        Noun::CronJob => rows::headers::<CronJob>(wide),
        Noun::Event => rows::headers::<Event>(wide),
        Noun::Run => rows::headers::<Run>(wide),
        Noun::History => rows::headers::<HistoryEntry>(wide),
    }
}

/// What was found, as text. One name that was asked for (`one`) is the object itself, all else is a list.
pub(super) fn print(
    shape: &Shape<'_>,
    screen: Screen,
    found: &[(Noun, Vec<Item>)],
    one: bool,
) -> Result<String, Failure> {
    let all = || found.iter().flat_map(|(noun, items)| items.iter().map(move |item| (*noun, item)));
    let document = || match all().next() {
        Some((_, item)) if one && all().count() == 1 => Ok(item.value.clone()),
        None if one => Ok(Value::Null),
        _ => serde_json::to_value(List::mixed(all().map(|(_, item)| &item.value).collect()))
            .map_err(|error| Failure::new(Exit::FAILED, error.to_string())),
    };
    match shape.output {
        Output::Format(Format::Table | Format::Wide) => tables(shape, screen, found),
        Output::Format(Format::JsonLines) => all().map(|(_, item)| format::json_line(&item.value)).collect(),
        Output::Format(Format::Name) => {
            Ok(all().map(|(noun, item)| format!("{}/{}\n", noun.singular(), item.name)).collect())
        }
        // The one that was asked for is not there, which was said.
        Output::Format(_) | Output::Template(_) if one && all().next().is_none() => Ok(String::new()),
        Output::Format(format) => output::document(*format, &document()?),
        Output::Template(template) => output::fill(template, &document()?),
        Output::Columns(_) => columns(shape, screen, found),
    }
}

/// A table for each noun.
fn tables(shape: &Shape<'_>, screen: Screen, found: &[(Noun, Vec<Item>)]) -> Result<String, Failure> {
    let filled = found.iter().filter(|(_, items)| !items.is_empty());
    let tables = filled.map(|(noun, items)| {
        let mut table = shape.table(*noun);
        for item in items {
            table.push(Tone::Plain, shape.row(*noun, item)?);
        }
        Ok(table.render(screen))
    });
    Ok(tables.collect::<Result<Vec<_>, Failure>>()?.join("\n"))
}

/// One table for all nouns: a user's columns are the same for each.
fn columns(shape: &Shape<'_>, screen: Screen, found: &[(Noun, Vec<Item>)]) -> Result<String, Failure> {
    let mut table = shape.table(Noun::Unit);
    for (noun, items) in found {
        for item in items {
            table.push(Tone::Plain, shape.row(*noun, item)?);
        }
    }
    Ok(table.render(screen))
}
