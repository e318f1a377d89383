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
use crate::control::objects::{
    Change, CronJob, Deployment, Event, HistoryEntry, Job, List, Metadata, Pod, Run, Selector, Unit,
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
    output: OutputOptions,
    /// Print each change as it happens
    #[arg(short, long)]
    watch: bool,
    /// Only objects with these labels: k=v, k!=v, k, !k, with commas
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
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
struct Item {
    name: String,
    kind: Option<Kind>,
    value: Value,
    cells: Vec<Cell>,
    state: String,
    failing: bool,
}

/// What is asked of one noun.
#[derive(Debug)]
struct Section {
    noun: Noun,
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
        watch(options, context, &server, section, &found, look)?;
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
    fn wants(&self, section: &Section, item: &Item) -> bool {
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
    fn new<T: Tabular>(object: &T, look: Look) -> Result<Self, Failure> {
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

fn table(options: &Options, noun: Noun, items: &[Item], with_noun: bool) -> Table {
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

/// Prints each change as it happens: its row again, in the columns of the table above.
fn watch(
    options: &Options,
    context: &Context,
    server: &Server,
    section: &Section,
    found: &[(Noun, Vec<Item>)],
    look: Look,
) -> Result<(), Failure> {
    let seen = found.iter().flat_map(|(_, items)| items);
    let mut seen: Vec<(String, Value)> = seen.map(|item| (item.name.clone(), item.value.clone())).collect();
    let none = Vec::new();
    let above = found.first().map_or(&none, |(_, items)| items);
    let above = table(options, section.noun, above, false).headers(true);
    let mut tell = |item: Item, gone: bool| -> Result<(), Failure> {
        // A watch begins with what there is, and that was printed. What goes is shown once more.
        let was = seen.iter().position(|(name, _)| *name == item.name);
        let known = was.map(|place| seen.swap_remove(place).1);
        if !gone {
            seen.push((item.name.clone(), item.value.clone()));
        }
        if (!gone && known.as_ref() == Some(&item.value)) || !options.wants(section, &item) {
            return Ok(());
        }
        context.print(&change(options, context.screen, section.noun, &above, &item)?)
    };
    let selector = options.selector.as_deref();
    match section.noun {
        Noun::Unit | Noun::Target => {
            changes::<Unit>(server, selector, context, look, |object, item, gone| {
                tell(Item { kind: Some(object.status.kind), ..item }, gone)
            })
        }
        Noun::Service => {
            changes::<Deployment>(server, selector, context, look, |_, item, gone| tell(item, gone))
        }
        Noun::Pod => changes::<Pod>(server, selector, context, look, |_, item, gone| tell(item, gone)),
        Noun::Job => changes::<Job>(server, selector, context, look, |_, item, gone| tell(item, gone)),
        Noun::CronJob => {
            changes::<CronJob>(server, selector, context, look, |_, item, gone| tell(item, gone))
        }
        Noun::Event => changes::<Event>(server, selector, context, look, |_, item, gone| tell(item, gone)),
        Noun::Run => changes::<Run>(server, selector, context, look, |_, item, gone| tell(item, gone)),
        Noun::History => {
            changes::<HistoryEntry>(server, selector, context, look, |_, item, gone| tell(item, gone))
        }
    }
}

fn change(
    options: &Options,
    screen: Screen,
    noun: Noun,
    above: &Table,
    item: &Item,
) -> Result<String, Failure> {
    Ok(match options.output.format() {
        Format::Table | Format::Wide => {
            let mut table = above.clone();
            table.push(Tone::Plain, item.cells.clone());
            let text = table.render(screen);
            let line = text.lines().next_back().unwrap_or_default();
            format!("{line}\n")
        }
        Format::Json | Format::JsonLines => format::json_line(&item.value)?,
        Format::Yaml => format!("---\n{}", format::yaml(&item.value)?),
        Format::Name => format!("{}/{}\n", noun.singular(), item.name),
    })
}

fn changes<T: Tabular>(
    server: &Server,
    selector: Option<&str>,
    context: &Context,
    look: Look,
    mut tell: impl FnMut(&T, Item, bool) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for event in server.checked(server.client().watch::<T>(None, selector))? {
        let event = server.checked(event)?;
        let look = Look { now: context.look().now, ..look };
        tell(&event.object, Item::new(&event.object, look)?, event.change == Change::Deleted)?;
    }
    Ok(())
}
