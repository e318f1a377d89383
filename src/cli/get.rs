//! `get`: tables and objects of every noun.

use serde_json::Value;

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::format::{self, Format, OutputOptions};
use super::name::{Noun, Query, Reference, nearest};
use super::not_yet::quoted;
use super::rows::{self, Look, Tabular};
use super::server::Server;
use super::style::{Screen, Tone};
use super::table::{Cell, Table};
use super::target::{self, Asker};
use super::watching;
use crate::control::objects::{
    CronJob, Deployment, Event, HistoryEntry, Job, List, Metadata, Pod, Run, Selector, Unit,
};
use crate::unit::model::Kind;

/// Arguments of `get`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl get pods -w\n  supctl get jobs import -o json\n\nExit codes: 0 done, 2 no such noun, 4 no such object, 69 supd cannot be reached"
)]
pub struct Options {
    /// pods, jobs, cronjobs, services, units, targets, events, runs, history or all, then names; or NOUN/NAME
    #[arg(value_name = "NOUN|NAME")]
    words: Vec<String>,
    #[command(flatten)]
    pub(super) output: OutputOptions,
    /// Print each change as it happens
    #[arg(short, long)]
    watch: bool,
    /// Only objects with these labels: k=v, k!=v, k, !k, with commas
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub(super) selector: Option<String>,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
    /// Only objects in this state, by its word in STATUS
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only objects that have failed
    #[arg(long)]
    failed: bool,
    /// Accepted for the habit: finished ones are shown anyway
    #[arg(short, long)]
    all: bool,
    /// For docker's and systemctl's hands: names are never cut in a pipe
    #[arg(long, hide = true)]
    plain: bool,
}

/// An object, ready to be printed in any way.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) kind: Option<Kind>,
    pub(super) value: Value,
    pub(super) cells: Vec<Cell>,
    state: String,
    failing: bool,
}

/// What is asked of one noun.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) noun: Noun,
    names: Vec<Reference>,
}

/// `supctl get [NOUN] [NAME...]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    if let Some(selector) = options.selector.as_deref() {
        Selector::parse(selector).map_err(Failure::usage)?;
    }
    let query = Query::parse(&options.words)?;
    let server = Server::connect(context, Asker::Question)?;
    let mut exit = Exit::DONE;
    let sections = sections(query, &server, context, &mut exit)?;
    let look = Look { wide: options.output.format() == Format::Wide, ..context.look() };
    let mut found = Vec::new();
    for section in &sections {
        let items = items(&server, section.noun, options.selector.as_deref(), look)?;
        for failure in missing(section, &items) {
            context.complain(&failure);
            exit = exit.and(failure.exit);
        }
        let items = items.into_iter().filter(|item| options.wants(section, item));
        found.push((section.noun, items.collect::<Vec<_>>()));
    }
    let named = sections.iter().map(|section| section.names.len()).sum::<usize>();
    // A name that is unknown is a failure; what else was asked for is printed all the same.
    if found.iter().any(|(_, items)| !items.is_empty()) || exit == Exit::DONE {
        print(options, context, &found, named == 1)?;
    }
    if options.watch {
        let [section] = sections.as_slice() else {
            return Err(Failure::usage("`--watch` is for one noun at a time"));
        };
        let above = found.pop().map(|(_, items)| items).unwrap_or_default();
        watching::watch(options, context, &server, section, above, look)?;
    }
    Ok(exit)
}

/// What is asked of each noun. Bare names say themselves which noun they are.
fn sections(
    query: Query,
    server: &Server,
    context: &Context,
    exit: &mut Exit,
) -> Result<Vec<Section>, Failure> {
    if query.names.is_empty() {
        let nouns = if query.nouns.is_empty() { vec![Noun::Unit] } else { query.nouns };
        return Ok(nouns.into_iter().map(|noun| Section { noun, names: Vec::new() }).collect());
    }
    if !query.nouns.is_empty() {
        let section = |noun| Section { noun, names: query.names.clone() };
        return Ok(query.nouns.iter().copied().map(section).collect());
    }
    let mut sections: Vec<Section> = Vec::new();
    for reference in query.names {
        let noun = match reference.noun {
            Some(noun) => noun,
            None => {
                let found = target::resolve(server, std::slice::from_ref(&reference.name), Asker::Question)?;
                if let Some(failure) = found.missing.first() {
                    context.complain(failure);
                    *exit = exit.and(failure.exit);
                    continue;
                }
                found.subjects.first().map_or(Noun::Unit, super::subject::Subject::noun)
            }
        };
        match sections.iter_mut().find(|section| section.noun == noun) {
            Some(section) => section.names.push(reference),
            None => sections.push(Section { noun, names: vec![reference] }),
        }
    }
    Ok(sections)
}

/// Names without an object.
fn missing(section: &Section, items: &[Item]) -> Vec<Failure> {
    let absent = section.names.iter().filter(|reference| {
        !reference.is_pattern() && !items.iter().any(|item| reference.matches(&item.name))
    });
    let failure = |reference: &Reference| {
        let failure = Failure::new(
            Exit::NOT_FOUND,
            format!("there is no {} `{}`", section.noun.singular(), reference.name),
        );
        match nearest(&reference.name, items.iter().map(|item| item.name.as_str())).as_slice() {
            [] => failure,
            names => failure.hint(format!("did you mean {}?", quoted(names))),
        }
    };
    absent.map(failure).collect()
}

impl Options {
    pub(super) fn wants(&self, section: &Section, item: &Item) -> bool {
        let named = section.names.is_empty() || section.names.iter().any(|name| name.matches(&item.name));
        let of_kind = section.noun != Noun::Target || item.kind == Some(Kind::Target);
        let state = self.state.as_deref().is_none_or(|state| state.eq_ignore_ascii_case(&item.state));
        named && of_kind && state && (!self.failed || item.failing)
    }
}

/// All objects of a noun.
fn items(server: &Server, noun: Noun, selector: Option<&str>, look: Look) -> Result<Vec<Item>, Failure> {
    fn of<T: Tabular>(server: &Server, selector: Option<&str>, look: Look) -> Result<Vec<Item>, Failure> {
        server.select::<T>(selector)?.iter().map(|object| Item::new(object, look)).collect()
    }
    match noun {
        Noun::Unit | Noun::Target => {
            let units: Vec<Unit> = server.select(selector)?;
            units
                .iter()
                .map(|unit| Ok(Item { kind: Some(unit.status.kind), ..Item::new(unit, look)? }))
                .collect()
        }
        Noun::Service => of::<Deployment>(server, selector, look),
        Noun::Pod => of::<Pod>(server, selector, look),
        Noun::Job => of::<Job>(server, selector, look),
        Noun::CronJob => of::<CronJob>(server, selector, look),
        Noun::Event => of::<Event>(server, selector, look),
        Noun::Run => of::<Run>(server, selector, look),
        Noun::History => of::<HistoryEntry>(server, selector, look),
    }
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

/// Prints what was found. One name that was asked for is the object itself, all else is a list.
fn print(
    options: &Options,
    context: &Context,
    found: &[(Noun, Vec<Item>)],
    one: bool,
) -> Result<(), Failure> {
    let all = || found.iter().flat_map(|(noun, items)| items.iter().map(move |item| (*noun, item)));
    let document = || match all().next() {
        Some((_, item)) if one && all().count() == 1 => Ok(item.value.clone()),
        _ => serde_json::to_value(List::mixed(all().map(|(_, item)| &item.value).collect())),
    };
    let document = || document().map_err(|error| Failure::new(Exit::FAILED, error.to_string()));
    let text = match options.output.format() {
        Format::Table | Format::Wide => {
            if all().next().is_none() {
                context.note("No resources found");
            }
            tables(options, context.screen, found)
        }
        Format::Json => format::json(&document()?)?,
        Format::Yaml => format::yaml(&document()?)?,
        Format::JsonLines => {
            all().map(|(_, item)| format::json_line(&item.value)).collect::<Result<_, _>>()?
        }
        Format::Name => all().map(|(noun, item)| format!("{}/{}\n", noun.singular(), item.name)).collect(),
    };
    context.print(&text)
}

/// A table for each noun; where there are several, names carry their noun, as kubectl has it.
fn tables(options: &Options, screen: Screen, found: &[(Noun, Vec<Item>)]) -> String {
    let filled: Vec<&(Noun, Vec<Item>)> = found.iter().filter(|(_, items)| !items.is_empty()).collect();
    let several = found.len() > 1;
    let tables = filled.iter().map(|(noun, items)| table(options, *noun, items, several).render(screen));
    tables.collect::<Vec<_>>().join("\n")
}

pub(super) fn table(options: &Options, noun: Noun, items: &[Item], with_noun: bool) -> Table {
    let wide = options.output.format() == Format::Wide;
    let mut table = Table::new(headers(noun, wide)).headers(!options.no_headers);
    for item in items {
        let mut cells = item.cells.clone();
        if with_noun && let Some(first) = cells.first_mut() {
            *first = format!("{}/{}", noun.singular(), item.name).into();
        }
        table.push(Tone::Plain, cells);
    }
    table
}
