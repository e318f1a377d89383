//! `get`: which objects, and how they are printed.

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::jsonpath::Path;
use super::listing::{self, Item, Shape};
use super::name::{Noun, Query, Reference, nearest};
use super::namespace::Namespace;
use super::not_yet::quoted;
use super::output::{Output, OutputFlags};
use super::server::Server;
use super::target::{self, Asker};
use super::watching;
use crate::control::client::Selection;
use crate::control::objects::Selector;
use crate::unit::model::Kind;

/// Arguments of `get`.
#[derive(clap::Args, Debug, Default)]
#[command(
    after_help = "Examples:\n  supctl get pods -w\n  supctl get --raw /readyz?verbose\n\nExit codes: 0 done, 1 `--raw`: not ready, 2 no such noun, 4 no such object, 69 supd cannot be reached"
)]
pub struct Options {
    /// pods, jobs, cronjobs, services, units, targets, events, runs, history or all, then names; or NOUN/NAME
    #[arg(value_name = "NOUN|NAME")]
    words: Vec<String>,
    #[command(flatten)]
    output: OutputFlags,
    /// Print each change as it happens
    #[arg(short, long)]
    watch: bool,
    /// The same, without what there is now
    #[arg(long)]
    watch_only: bool,
    /// Only objects with these labels: k=v, k!=v, k in (a,b), k notin (a,b), k, !k
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Only objects that say this of themselves: status.phase=Running, type!=Normal, with commas
    #[arg(long, value_name = "FIELDS")]
    field_selector: Option<String>,
    /// In the order of this field: .metadata.creationTimestamp
    #[arg(long, value_name = "PATH")]
    sort_by: Option<String>,
    /// A column for each of these labels
    #[arg(short = 'L', long, value_name = "LABELS", value_delimiter = ',')]
    label_columns: Vec<String>,
    /// A last column with all labels
    #[arg(long)]
    show_labels: bool,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
    /// What this path of the API answers, as it is: /readyz?verbose
    #[arg(long, value_name = "PATH", conflicts_with = "words")]
    raw: Option<String>,
    /// Only objects in this state, by its word in STATUS
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only objects that have failed
    #[arg(long)]
    failed: bool,
    /// Accepted for the habit: finished ones are shown anyway
    #[arg(short, long)]
    all: bool,
    /// A name that is unknown is no failure
    #[arg(long)]
    ignore_not_found: bool,
    #[command(flatten)]
    namespace: Namespace,
    /// The noun before each name; where there are several nouns it is there anyway
    #[arg(long, hide = true)]
    show_kind: bool,
    /// For docker's and systemctl's hands: names are never cut in a pipe
    #[arg(long, hide = true)]
    plain: bool,
    /// Of events: only later ones than the one of this number
    #[arg(skip)]
    since_sequence: Option<u64>,
}

/// What `events` asks for.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) output: OutputFlags,
    pub(super) fields: String,
    pub(super) watch: bool,
    pub(super) no_headers: bool,
    pub(super) since: Option<u64>,
}

/// What is asked of one noun.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) noun: Noun,
    names: Vec<Reference>,
}

/// `supctl get [NOUN] [NAME...]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    if let Some(path) = options.raw.as_deref() {
        return raw(path, context);
    }
    if let Some(selector) = options.selector.as_deref() {
        Selector::parse(selector).map_err(Failure::usage)?;
    }
    let order = options.sort_by.as_deref().map(Path::parse).transpose();
    let order = order.map_err(|error| Failure::usage(error.to_string()))?;
    let query = Query::parse(&options.words)?;
    let output = options.output.output()?;
    let server = Server::connect(context, Asker::Question)?;
    let mut exit = Exit::DONE;
    let sections = sections(query, &server, context, &mut exit)?;
    let shape = options.shape(&output, context, sections.len() > 1);
    let mut found = Vec::new();
    for section in &sections {
        let mut items = listing::items(&server, section.noun, options.selection(), shape.look)?;
        let missing = if options.ignore_not_found { Vec::new() } else { missing(section, &items) };
        for failure in missing {
            context.complain(&failure);
            exit = exit.and(failure.exit);
        }
        items.retain(|item| options.wants(section, item));
        if let Some(order) = &order {
            listing::sort(&mut items, order)?;
        }
        found.push((section.noun, items));
    }
    let named = sections.iter().map(|section| section.names.len()).sum::<usize>();
    // A name that is unknown is a failure; what else was asked for is printed all the same.
    let any = found.iter().any(|(_, items)| !items.is_empty());
    if !options.watch_only && (any || exit == Exit::DONE) {
        if !any && shape.is_table() && named == 0 {
            context.note("No resources found");
        }
        context.print(&listing::print(&shape, context.screen, &found, named == 1)?)?;
    }
    if options.watch || options.watch_only {
        let watched = sections.iter().zip(found).map(|(section, (_, items))| (section, items)).collect();
        watching::watch(options, &shape, context, &server, watched)?;
    }
    Ok(exit)
}

/// `supctl get --raw PATH`
fn raw(path: &str, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Question)?;
    let answer = server.checked(server.client().raw(path)).map_err(|failure| Failure {
        message: verdict_first(&failure.message).unwrap_or(failure.message),
        ..failure
    })?;
    context.write(&answer)?;
    Ok(Exit::DONE)
}

/// The lines of a check that has failed end with the verdict; an error begins with it.
fn verdict_first(lines: &str) -> Option<String> {
    let (lines, verdict) = lines.trim_end().rsplit_once('\n')?;
    verdict.ends_with(" check failed").then(|| format!("{verdict}\n{lines}"))
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
    /// Events, in the order in which they came.
    pub(super) fn of_events(events: Events) -> Self {
        Self {
            words: vec!["events".to_owned()],
            output: events.output,
            field_selector: Some(events.fields).filter(|fields| !fields.is_empty()),
            watch: events.watch,
            no_headers: events.no_headers,
            since_sequence: events.since,
            ..Self::default()
        }
    }

    /// Which objects supd is asked for.
    pub(super) fn selection(&self) -> Selection<'_> {
        Selection { labels: self.selector.as_deref(), fields: self.field_selector.as_deref() }
    }

    fn shape<'a>(&'a self, output: &'a Output, context: &Context, several: bool) -> Shape<'a> {
        Shape {
            output,
            look: listing::look(output, context.look()),
            headers: !self.no_headers,
            label_columns: &self.label_columns,
            show_labels: self.show_labels,
            with_noun: several || self.show_kind,
        }
    }

    pub(super) fn wants(&self, section: &Section, item: &Item) -> bool {
        let named = section.names.is_empty() || section.names.iter().any(|name| name.matches(&item.name));
        let of_kind = section.noun != Noun::Target || item.kind == Some(Kind::Target);
        let state = self.state.as_deref().is_none_or(|state| state.eq_ignore_ascii_case(&item.state));
        let sequence = item.value.get("sequence").and_then(serde_json::Value::as_u64);
        let later = self.since_sequence.is_none_or(|since| sequence > Some(since));
        named && of_kind && state && later && (!self.failed || item.failing)
    }
}
