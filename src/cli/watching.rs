//! `get -w`: each change as it happens.
//!
//! A watch that ends because supd's manager was started anew begins again: what has changed or gone
//! meanwhile is shown then, and nothing twice. Several nouns are watched by a thread each.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::follow::again;
use super::format::{self, Format};
use super::get::{Options, Section};
use super::listing::{Item, Shape};
use super::name::Noun;
use super::output::{self, Output};
use super::rows::{Look, Tabular};
use super::server::{self, Server};
use super::style::Tone;
use super::table::Table;
use super::target::Asker;
use crate::control::client::{Client, ClientError};
use crate::control::objects::{
    Change, CronJob, Deployment, Event, HistoryEntry, Job, Metadata, Pod, Run, Unit,
};
use crate::unit::model::Kind;

/// What was shown so far of one noun.
struct Watching<'a> {
    options: &'a Options,
    shape: &'a Shape<'a>,
    context: &'a Context,
    section: &'a Section,
    /// In whose columns rows are shown.
    above: Table,
    seen: Vec<Item>,
}

/// Prints each change as it happens: its row again, in the columns of the table above.
pub(super) fn watch(
    options: &Options,
    shape: &Shape<'_>,
    context: &Context,
    server: &Server,
    found: Vec<(&Section, Vec<Item>)>,
) -> Result<(), Failure> {
    let mut watchings = Vec::new();
    for (section, items) in found {
        let mut above = shape.table(section.noun).headers(true);
        for item in &items {
            above.push(Tone::Plain, shape.row(section.noun, item)?);
        }
        watchings.push(Watching { options, shape, context, section, above, seen: items });
    }
    let socket = server.socket().as_path();
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for mut watching in watchings {
            let thread = std::thread::Builder::new().spawn_scoped(scope, move || watching.all(socket));
            threads.push(thread.map_err(|error| {
                Failure::new(Exit::FAILED, format!("no thread can be started to watch: {error}"))
            })?);
        }
        let ends = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(Failure::new(Exit::FAILED, "a thread that watched has ended")))
        });
        ends.collect()
    })
}

impl Watching<'_> {
    fn all(&mut self, socket: &Path) -> Result<(), Failure> {
        match self.section.noun {
            Noun::Unit | Noun::Target => self.follow::<Unit>(socket, |unit| Some(unit.status.kind)),
            Noun::Service => self.follow::<Deployment>(socket, |_| None),
            Noun::Pod => self.follow::<Pod>(socket, |_| None),
            Noun::Job => self.follow::<Job>(socket, |_| None),
            Noun::CronJob => self.follow::<CronJob>(socket, |_| None),
            Noun::Event => self.follow::<Event>(socket, |_| None),
            Noun::Run => self.follow::<Run>(socket, |_| None),
            Noun::History => self.follow::<HistoryEntry>(socket, |_| None),
        }
    }

    /// One watch after the other.
    fn follow<T: Tabular>(&mut self, socket: &Path, kind: fn(&T) -> Option<Kind>) -> Result<(), Failure> {
        let mut first = true;
        let mut unprinted = None;
        let ended = again(|| {
            let begins = std::mem::replace(&mut first, false);
            let client = Client::connect(socket)?;
            let failed = self.once(&client, begins, kind)?;
            let stops = failed.is_some();
            unprinted = failed;
            Ok(stops)
        });
        match unprinted {
            Some(failure) => Err(failure),
            None => ended.map_err(|error| server::failure(&error, Asker::Question)),
        }
    }

    /// One watch, to its end. A failure: what changes cannot be printed.
    fn once<T: Tabular>(
        &mut self,
        client: &Client,
        begins: bool,
        kind: fn(&T) -> Option<Kind>,
    ) -> Result<Option<Failure>, ClientError> {
        let selection = self.options.selection();
        // First the watch, then the list: so nothing can happen between them unseen.
        let changes = client.watch::<T>(selection)?;
        if !begins {
            let present = client.list::<T>(selection)?.items;
            if let Err(failure) = self.keep_only(present.iter().map(T::metadata)) {
                return Ok(Some(failure));
            }
        }
        for event in changes {
            let event = event?;
            let look = Look { now: self.context.look().now, ..self.shape.look };
            let told = Item::new(&event.object, look).and_then(|mut item| {
                item.kind = kind(&event.object);
                self.tell(item, event.change == Change::Deleted)
            });
            if let Err(failure) = told {
                return Ok(Some(failure));
            }
        }
        Ok(None)
    }

    /// A watch begins with what there is, and that was printed. What goes is shown once more.
    fn tell(&mut self, item: Item, gone: bool) -> Result<(), Failure> {
        let was = self.seen.iter().position(|seen| seen.name == item.name);
        let known = was.map(|place| self.seen.swap_remove(place));
        let unchanged = !gone && known.is_some_and(|known| same(&known.value, &item.value));
        if !unchanged && self.options.wants(self.section, &item) {
            self.context.print(&self.change(&item)?)?;
        }
        if !gone {
            self.seen.push(item);
        }
        Ok(())
    }

    /// What has gone while nobody watched.
    fn keep_only<'m>(&mut self, present: impl Iterator<Item = &'m Metadata>) -> Result<(), Failure> {
        // These make room by themselves: none of them is said to go.
        if matches!(self.section.noun, Noun::Event | Noun::Run | Noun::History) {
            return Ok(());
        }
        let present: BTreeSet<&str> = present.map(|metadata| metadata.name.as_str()).collect();
        let (here, gone) =
            std::mem::take(&mut self.seen).into_iter().partition(|item| present.contains(item.name.as_str()));
        self.seen = here;
        let gone: Vec<Item> = gone;
        gone.into_iter().try_for_each(|item| self.tell(item, true))
    }

    fn change(&self, item: &Item) -> Result<String, Failure> {
        let noun = self.section.noun;
        Ok(match self.shape.output {
            Output::Format(Format::Table | Format::Wide) | Output::Columns(_) => {
                let mut table = self.above.clone();
                table.push(Tone::Plain, self.shape.row(noun, item)?);
                let text = table.render(self.context.screen);
                let line = text.lines().next_back().unwrap_or_default();
                format!("{line}\n")
            }
            Output::Format(Format::Json | Format::JsonLines) => format::json_line(&item.value)?,
            Output::Format(Format::Yaml) => format!("---\n{}", format::yaml(&item.value)?),
            Output::Format(Format::Name) => format!("{}/{}\n", noun.singular(), item.name),
            Output::Template(template) => output::fill(template, &item.value)?,
        })
    }
}

/// Whether there is nothing new: as of which change an object is says nothing about it.
fn same(one: &Value, other: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        value
    };
    one == other || bare(one) == bare(other)
}
