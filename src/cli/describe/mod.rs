//! `describe`: all that is known of an object, in kubectl's sections and their order (OUT-014 to OUT-016).
//!
//! What means nothing on one host (nodes, images, volumes, tolerations) is left out; what is ours stands in a
//! section `Unit` before the events.

mod container;
mod cronjob;
mod event;
mod job;
mod page;
mod pod;
mod service;
mod unit;

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::name::{Noun, Query, Reference};
use super::namespace::Namespace;
use super::rows::{Look, Tabular};
use super::server::Server;
use super::target::{self, Asker};
use crate::control::client::Selection;
use crate::control::objects::{CronJob, Deployment, Event, Job, Pod, Selector, Unit};

/// Arguments of `describe`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl describe pod web-0\n  supctl describe cronjob/backup\n\nExit codes: 0 done, 4 no such object, 69 supd cannot be reached"
)]
pub struct Options {
    /// NOUN NAME..., NOUN/NAME..., or names of units, pods and jobs; a noun alone: all its objects
    #[arg(value_name = "NOUN|NAME", required = true)]
    words: Vec<String>,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Without the events
    #[arg(long, num_args = 0..=1, default_value = "true", default_missing_value = "true", hide = true)]
    show_events: String,
    #[command(flatten)]
    namespace: Namespace,
}

/// What all pages are made with.
struct Surroundings<'a> {
    server: &'a Server,
    look: Look,
    events: bool,
}

/// `supctl describe NOUN/NAME...`
pub fn run(options: &Options, context: &Context) -> Outcome {
    if let Some(selector) = options.selector.as_deref() {
        Selector::parse(selector).map_err(Failure::usage)?;
    }
    let server = Server::connect(context, Asker::Question)?;
    let events = !options.show_events.eq_ignore_ascii_case("false");
    let around = Surroundings { server: &server, look: context.look(), events };
    let query = Query::parse(&options.words)?;
    let selection = Selection { labels: options.selector.as_deref(), fields: None };
    let mut pages = Vec::new();
    let mut exit = Exit::DONE;
    let references: Vec<(Noun, Option<Reference>)> = if query.names.is_empty() {
        query.nouns.iter().map(|noun| (*noun, None)).collect()
    } else {
        let mut references = Vec::new();
        for reference in query.names {
            let written = reference.noun.or(query.nouns.first().copied());
            match written.map_or_else(|| target::noun_of(&server, &reference.name), |noun| Ok(Ok(noun)))? {
                Ok(noun) => references.push((noun, Some(reference))),
                Err(failure) => {
                    context.complain(&failure);
                    exit = exit.and(failure.exit);
                }
            }
        }
        references
    };
    for (noun, reference) in &references {
        let found = around.pages(*noun, reference.as_ref(), selection)?;
        if let (true, Some(reference)) = (found.is_empty(), reference) {
            let what = format!("there is no {} `{}`", noun.singular(), reference.name);
            let failure = Failure::new(Exit::NOT_FOUND, what);
            context.complain(&failure);
            exit = exit.and(failure.exit);
        }
        pages.extend(found);
    }
    if pages.is_empty() && exit == Exit::DONE {
        context.note("No resources found");
    }
    context.print(&pages.join("\n\n"))?;
    Ok(exit)
}

impl Surroundings<'_> {
    /// A page for each object that is meant. As in kubectl a name that nobody bears is the beginning of one.
    fn pages(
        &self,
        noun: Noun,
        reference: Option<&Reference>,
        selection: Selection<'_>,
    ) -> Result<Vec<String>, Failure> {
        match noun {
            Noun::Pod => self.each::<Pod>(reference, selection, pod::page),
            Noun::Job => self.each::<Job>(reference, selection, job::page),
            Noun::CronJob => self.each::<CronJob>(reference, selection, cronjob::page),
            Noun::Service => self.each::<Deployment>(reference, selection, service::page),
            Noun::Event => self.each::<Event>(reference, selection, event::page),
            Noun::Unit | Noun::Target => self.each::<Unit>(reference, selection, unit::page),
            Noun::Run | Noun::History => {
                let noun = noun.plural();
                Err(Failure::usage(format!("`describe` is not for {noun}"))
                    .hint(format!("nearest: supctl get {noun} -o yaml")))
            }
        }
    }

    fn each<T: Tabular>(
        &self,
        reference: Option<&Reference>,
        selection: Selection<'_>,
        page: fn(&T, &Self) -> Result<String, Failure>,
    ) -> Result<Vec<String>, Failure> {
        let objects: Vec<T> = self.server.select(selection)?;
        let named =
            |object: &&T| reference.is_none_or(|reference| reference.matches(&object.metadata().name));
        let begins = |object: &&T| {
            reference.is_some_and(|reference| object.metadata().name.starts_with(&reference.name))
        };
        let exact: Vec<&T> = objects.iter().filter(named).collect();
        let meant = if exact.is_empty() { objects.iter().filter(begins).collect() } else { exact };
        meant.into_iter().map(|object| page(object, self)).collect()
    }

    /// Events about an object, oldest first.
    fn events_of(&self, kind: &str, name: &str) -> Result<Vec<Event>, Failure> {
        if !self.events {
            return Ok(Vec::new());
        }
        let fields = format!("involvedObject.kind={kind},involvedObject.name={name}");
        self.server.select(Selection { labels: None, fields: Some(&fields) })
    }

    fn unit(&self, name: &str) -> Result<Option<Unit>, Failure> {
        self.server.find(name)
    }
}

#[cfg(test)]
mod tests;
