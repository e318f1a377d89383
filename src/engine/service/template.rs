//! Another template: by `apply`, by `rollout undo`; and the verbs that make pods anew, or hold that back.

use std::sync::Arc;

use super::{Progress, Revision, service_of};
use crate::engine::action::{Action, Actions, Refused, RefusedReason};
use crate::engine::command::{Answer, accept, refuse};
use crate::engine::id::ObjectRef;
use crate::engine::time::Now;
use crate::engine::view::{Progressing, RevisionView};
use crate::engine::{Engine, report};
use crate::unit::model::{Kind, Unit};
use crate::unit::name::UnitName;

impl Engine {
    /// Another definition of a service is in force, instead of `old`.
    pub(in crate::engine) fn redefine_service(
        &mut self,
        now: Now,
        name: &UnitName,
        old: &Arc<Unit>,
        out: &mut Actions,
    ) {
        let Some(unit) = self.units.get(name).map(|entry| Arc::clone(&entry.unit)) else { return };
        let Some(replicas) = self.replicas_mut(name) else { return };
        replicas.scaled = None;
        replicas.changes = replicas.changes.saturating_add(1);
        let present = Arc::clone(replicas.present(old));
        if replicas.is_paused() {
            let rolling = replicas.rolling_mut();
            rolling.undone = false;
            rolling.template = Some(present).filter(|present| present.template_hash != unit.template_hash);
        } else {
            self.take_template(now, name, &present, "applied", out);
        }
        // Since when they are ready is stored only where that matters.
        let pods = self.pods_of(name);
        pods.into_iter().for_each(|uid| self.pods.touch(uid));
    }

    /// `apply`: pods are made from what the unit says, also those that nobody asked for until now.
    pub(in crate::engine) fn roll_out(&mut self, now: Now, name: &UnitName, out: &mut Actions) {
        let Some((_, replicas)) = self.units.get(name).and_then(|entry| service_of(entry)) else { return };
        if !replicas.held && !replicas.is_undone() {
            return;
        }
        let Some(entry) = self.units.get(name) else { return };
        let present = Arc::clone(replicas.present(&entry.unit));
        if replicas.is_paused() {
            if let Some(replicas) = self.replicas_mut(name) {
                replicas.rolling_mut().undone = false;
            }
            return;
        }
        self.take_template(now, name, &present, "applied", out);
    }

    /// From now on pods are made from the unit itself. `before` is what they were made from.
    pub(in crate::engine) fn take_template(
        &mut self,
        now: Now,
        name: &UnitName,
        before: &Arc<Unit>,
        change: &str,
        out: &mut Actions,
    ) {
        let Some(unit) = self.units.get(name).map(|entry| Arc::clone(&entry.unit)) else { return };
        let Some(replicas) = self.replicas_mut(name) else { return };
        let held = std::mem::take(&mut replicas.held);
        if let Some(rolling) = &mut replicas.rolling {
            (rolling.template, rolling.undone) = (None, false);
        }
        replicas.tidy();
        if before.template_hash != unit.template_hash {
            self.note_revision(name, before, Revision::new(0, &unit, now.wall, change));
        } else if !held {
            return;
        }
        self.begin_rollout(name, out);
    }

    /// Another template comes after `before`.
    fn note_revision(&mut self, name: &UnitName, before: &Unit, next: Revision) {
        let Some(created) = self.units.get(name).map(|entry| entry.created.wall) else { return };
        let first = Revision::new(1, before, created, "created");
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.rolling_mut().revisions.push(first, next);
        }
    }

    fn begin_rollout(&mut self, name: &UnitName, out: &mut Actions) {
        self.forget_progress(name);
        // Bare pods at their end make room.
        self.retire_done(name, 0.., out);
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        self.mark(name);
    }

    // ---- verbs

    /// `restart`: every pod is replaced, as by a rollout.
    pub(in crate::engine) fn renew_pods(&mut self, name: &UnitName, out: &mut Actions) {
        let last = crate::engine::id::PodUid(self.last_uid);
        let Some(replicas) = self.replicas_mut(name) else { return };
        replicas.renewed = last;
        replicas.held = false;
        self.begin_rollout(name, out);
    }

    /// `rollout pause` (DEP-007).
    pub(in crate::engine) fn pause_rollout(&mut self, name: &UnitName, out: &mut Actions) -> Answer {
        self.rollout_of(name)?;
        let Some(replicas) = self.replicas_mut(name) else { return no_service(name, Kind::Service) };
        if replicas.is_paused() {
            return refuse(RefusedReason::Conflict, format!("`{name}` is paused already"));
        }
        replicas.rolling_mut().paused = true;
        replicas.changes = replicas.changes.saturating_add(1);
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        self.mark(name);
        accept(name, format!("{name}: paused"))
    }

    /// `rollout resume`: what has waited comes to the pods.
    pub(in crate::engine) fn resume_rollout(
        &mut self,
        now: Now,
        name: &UnitName,
        out: &mut Actions,
    ) -> Answer {
        self.rollout_of(name)?;
        let Some(entry) = self.units.get(name) else { return no_service(name, Kind::Service) };
        let Some((_, replicas)) = service_of(entry) else { return no_service(name, entry.unit.kind()) };
        if !replicas.is_paused() {
            return refuse(RefusedReason::Conflict, format!("`{name}` is not paused"));
        }
        let (present, undone) = (Arc::clone(replicas.present(&entry.unit)), replicas.is_undone());
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.rolling_mut().paused = false;
            replicas.changes = replicas.changes.saturating_add(1);
        }
        if !undone {
            self.take_template(now, name, &present, "applied", out);
        }
        if let Some(replicas) = self.replicas_mut(name)
            && !replicas.complete
        {
            replicas.rolling_mut().progress = Some(Progress::new(now, Progressing::DeploymentResumed));
        }
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.tidy();
        }
        out.push(Action::Changed(ObjectRef::Unit(name.clone())));
        self.mark(name);
        accept(name, format!("{name}: resumed"))
    }

    /// `rollout undo`: the template of another revision, the one before where none is named (DEP-007).
    /// `template` is the version that it came with, as far as its text is known.
    pub(in crate::engine) fn undo_rollout(
        &mut self,
        now: Now,
        name: &UnitName,
        to: Option<u32>,
        template: Option<Arc<Unit>>,
        out: &mut Actions,
    ) -> Answer {
        self.rollout_of(name)?;
        self.refuse_paused(name, "undone")?;
        let Some(entry) = self.units.get(name) else { return no_service(name, Kind::Service) };
        let Some((_, replicas)) = service_of(entry) else { return no_service(name, entry.unit.kind()) };
        let known = replicas.rolling.as_ref().map(|rolling| &rolling.revisions);
        let (number, template_hash) = match (known, to) {
            (Some(known), None) if known.previous().is_some() => {
                known.previous().map_or((0, 0), |revision| (revision.number, revision.template_hash))
            }
            (_, None) => {
                return refuse(RefusedReason::Conflict, format!("`{name}` has no revision before this one"));
            }
            (_, Some(to)) if to == replicas.revision() => {
                return accept(name, format!("{name}: revision {to} is the present one"));
            }
            (known, Some(to)) => match known.and_then(|known| known.get(to)) {
                Some(revision) => (to, revision.template_hash),
                None => {
                    return refuse(RefusedReason::NotFound, format!("`{name}` has no revision {to}"));
                }
            },
        };
        let unit = Arc::clone(&entry.unit);
        let before = Arc::clone(replicas.present(&unit));
        let own = template_hash == unit.template_hash;
        let template = if own { Some(unit) } else { template.filter(|unit| &unit.name == name) };
        let Some(template) = template else {
            let message = format!("the text of revision {number} of `{name}` is not kept any more");
            return refuse(RefusedReason::Conflict, message);
        };
        let words = format!("rolled back to revision {number}");
        self.note_revision(name, &before, Revision::new(0, &template, now.wall, &words));
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.changes = replicas.changes.saturating_add(1);
            replicas.held = false;
            let rolling = replicas.rolling_mut();
            rolling.undone = !own;
            rolling.template = (!own).then_some(template);
        }
        report(out, false, "DeploymentRollback", ("Deployment", name.as_str(), name), words.clone());
        self.begin_rollout(name, out);
        accept(name, format!("{name}: {words}"))
    }

    /// What a service must not be while it is made anew.
    pub(in crate::engine) fn refuse_paused(&self, name: &UnitName, word: &str) -> Result<(), Refused> {
        let replicas = self.units.get(name).and_then(|entry| service_of(entry)).map(|(_, replicas)| replicas);
        match replicas.is_some_and(|replicas| replicas.is_paused()) {
            false => Ok(()),
            true => Err(Refused {
                reason: RefusedReason::Conflict,
                message: format!(
                    "`{name}` is paused and cannot be {word}; resume it first: supctl rollout resume {name}"
                ),
            }),
        }
    }

    fn rollout_of(&self, name: &UnitName) -> Result<(), Refused> {
        let Some(entry) = self.units.get(name) else {
            return Err(Refused { reason: RefusedReason::NotFound, message: format!("no unit `{name}`") });
        };
        match service_of(entry) {
            Some(_) => Ok(()),
            None => no_service(name, entry.unit.kind()).map(drop),
        }
    }

    // ---- what is asked

    /// The templates that a service has had, oldest first; nothing where it is none.
    pub fn revisions(&self, name: &UnitName) -> Option<Vec<RevisionView>> {
        let entry = self.units.get(name)?;
        let (_, replicas) = service_of(entry)?;
        let first = Revision::new(1, &entry.unit, entry.created.wall, "created");
        let known = replicas.rolling.as_ref().map(|rolling| &rolling.revisions);
        let all: Vec<&Revision> = match known.filter(|known| !known.is_empty()) {
            Some(known) => known.all().collect(),
            None => vec![&first],
        };
        let present = replicas.revision();
        let shown = all.into_iter().map(|revision| RevisionView {
            number: revision.number,
            version: revision.hash,
            since: revision.since,
            change: revision.change.to_string(),
            present: revision.number == present,
        });
        Some(shown.collect())
    }
}

fn no_service(name: &UnitName, kind: Kind) -> Answer {
    refuse(RefusedReason::Invalid, format!("`{name}` is a {kind}: only a service has rollouts"))
}
