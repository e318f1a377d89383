//! Revisions of services: their texts are in the store, their numbers in the engine.

use std::io;

use tokio::sync::oneshot;

use super::Manager;
use super::answer::Then;
use super::look::not_found;
use super::recall::read_version;
use crate::control::objects::{Object, Revision, RevisionList, Status, StatusReason, UndoOptions};
use crate::control::request::{Answer, Collection};
use crate::engine::event::Command;
use crate::unit::name::UnitName;

impl Manager {
    /// The templates that a service has had; or the one of this number, with its text.
    pub(super) fn revisions_object(&self, unit: &UnitName, number: Option<u32>) -> Result<Object, Status> {
        let known = self.engine.revisions(unit);
        let known = known.ok_or_else(|| not_found(Collection::Deployments, unit.as_str()))?;
        let meant = known.iter().filter(|revision| number.is_none_or(|number| revision.number == number));
        let items = meant.map(|view| {
            let text = number.and_then(|_| self.store.version(view.version)).map(|version| version.text);
            Revision { text: text.unwrap_or_default(), ..Revision::from(view) }
        });
        let items: Vec<Revision> = items.collect();
        match (items.is_empty(), number) {
            (true, Some(number)) => {
                let message = format!("`{unit}` has no revision {number}");
                Err(Status::failure(StatusReason::NotFound, message))
            }
            _ => Ok(RevisionList::new(unit.clone(), items).into()),
        }
    }

    /// `rollout undo`: the engine is told what the revision was made of, as far as that is known.
    pub(super) fn undo(
        &mut self,
        unit: UnitName,
        options: UndoOptions,
        answer: oneshot::Sender<Answer>,
    ) -> io::Result<()> {
        let to = options.to_revision;
        let known = self.engine.revisions(&unit).unwrap_or_default();
        let meant = match to {
            Some(number) => known.iter().find(|revision| revision.number == number),
            None => known.iter().rev().nth(1),
        };
        let version =
            meant.and_then(|revision| Some((revision.version, self.store.version(revision.version)?)));
        let template = version.and_then(|(hash, version)| read_version(hash, &version));
        self.wish(Command::Undo { unit, to, template }, Then::Say, answer)
    }
}
