//! `get -w`: each change as it happens.
//!
//! A watch that ends because supd's manager was started anew begins again: what has changed or gone
//! meanwhile is shown then, and nothing twice.

use std::collections::BTreeSet;

use serde_json::Value;

use super::context::Context;
use super::exit::Failure;
use super::follow::again;
use super::format::{self, Format};
use super::get::{Item, Options, Section, table};
use super::name::Noun;
use super::rows::{Look, Tabular};
use super::server::{self, Server};
use super::table::Table;
use super::target::Asker;
use crate::control::client::{Client, ClientError};
use crate::control::objects::{
    Change, CronJob, Deployment, Event, HistoryEntry, Job, Metadata, Pod, Run, Unit,
};
use crate::unit::model::Kind;

/// What was shown so far.
struct Watching<'a> {
    options: &'a Options,
    context: &'a Context,
    section: &'a Section,
    /// In whose columns rows are shown.
    above: Table,
    seen: Vec<Item>,
}

/// Prints each change as it happens: its row again, in the columns of the table above.
pub(super) fn watch(
    options: &Options,
    context: &Context,
    server: &Server,
    section: &Section,
    found: Vec<Item>,
    look: Look,
) -> Result<(), Failure> {
    let above = table(options, section.noun, &found, false).headers(true);
    let mut watching = Watching { options, context, section, above, seen: found };
    match section.noun {
        Noun::Unit | Noun::Target => watching.follow::<Unit>(server, look, |unit| Some(unit.status.kind)),
        Noun::Service => watching.follow::<Deployment>(server, look, |_| None),
        Noun::Pod => watching.follow::<Pod>(server, look, |_| None),
        Noun::Job => watching.follow::<Job>(server, look, |_| None),
        Noun::CronJob => watching.follow::<CronJob>(server, look, |_| None),
        Noun::Event => watching.follow::<Event>(server, look, |_| None),
        Noun::Run => watching.follow::<Run>(server, look, |_| None),
        Noun::History => watching.follow::<HistoryEntry>(server, look, |_| None),
    }
}

impl Watching<'_> {
    /// One watch after the other.
    fn follow<T: Tabular>(
        &mut self,
        server: &Server,
        look: Look,
        kind: fn(&T) -> Option<Kind>,
    ) -> Result<(), Failure> {
        let mut first = true;
        let mut unprinted = None;
        let ended = again(|| {
            let begins = std::mem::replace(&mut first, false);
            let client = Client::connect(server.socket())?;
            let failed = self.once(&client, begins, look, kind)?;
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
        look: Look,
        kind: fn(&T) -> Option<Kind>,
    ) -> Result<Option<Failure>, ClientError> {
        let selector = self.options.selector.as_deref();
        // First the watch, then the list: so nothing can happen between them unseen.
        let changes = client.watch::<T>(None, selector)?;
        if !begins {
            let present = client.list::<T>(selector)?.items;
            if let Err(failure) = self.keep_only(present.iter().map(T::metadata)) {
                return Ok(Some(failure));
            }
        }
        for event in changes {
            let event = event?;
            let look = Look { now: self.context.look().now, ..look };
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
        Ok(match self.options.output.format() {
            Format::Table | Format::Wide => {
                let mut table = self.above.clone();
                table.push(super::style::Tone::Plain, item.cells.clone());
                let text = table.render(self.context.screen);
                let line = text.lines().next_back().unwrap_or_default();
                format!("{line}\n")
            }
            Format::Json | Format::JsonLines => format::json_line(&item.value)?,
            Format::Yaml => format!("---\n{}", format::yaml(&item.value)?),
            Format::Name => format!("{}/{}\n", self.section.noun.singular(), item.name),
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
