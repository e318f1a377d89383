//! A service after a death: what was stored of it, and what its unit has become meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Rolling, service_of};
use crate::engine::Engine;
use crate::engine::action::Actions;
use crate::engine::places::Place;
use crate::engine::pod::Pod;
use crate::engine::recall::Recall;
use crate::engine::saved::{SavedReplicas, SavedRolling};
use crate::unit::model::Unit;
use crate::unit::name::UnitName;

impl Engine {
    /// `hash` is the version that was in force when this was stored.
    pub(in crate::engine) fn recall_service(
        &mut self,
        name: &UnitName,
        hash: u64,
        saved: SavedReplicas,
        recall: &Recall,
        out: &mut Actions,
    ) {
        let Some(unit) = self.units.get(name).map(|entry| Arc::clone(&entry.unit)) else { return };
        let edited = unit.hash != hash;
        let before = recall.exactly(hash);
        let Some(replicas) = self.replicas_mut(name) else { return };
        replicas.scaled = saved.scaled.filter(|_| !edited);
        replicas.changes = saved.changes.saturating_add(u32::from(edited));
        replicas.renewed = saved.replace.into_iter().max().unwrap_or(saved.renewed);
        replicas.rolling = saved.rolling.map(|rolling| Box::new(recall_rolling(*rolling, recall)));
        replicas.past = saved.past.into();
        if recall.is_anew() {
            // Services are brought up again, and those that had come to their end with them.
            replicas.past.extend(saved.done.into_iter().map(|(_, done)| (done.uid, done.name)));
            if let Some(rolling) = &mut replicas.rolling {
                rolling.progress = None;
            }
        } else {
            (replicas.held, replicas.complete) = (saved.held, saved.complete);
            for (ordinal, done) in saved.done {
                replicas.places.set(ordinal, Place::Done(Box::new(done)));
            }
        }
        self.trim_past(name, out);
        if edited {
            self.recall_edited(name, before, recall, out);
        }
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.tidy();
        }
    }

    /// Its file has changed while supd was away. Pods that live are left alone until `apply`.
    fn recall_edited(
        &mut self,
        name: &UnitName,
        before: Option<&Arc<Unit>>,
        recall: &Recall,
        out: &mut Actions,
    ) {
        let Some(unit) = self.units.get(name).map(|entry| Arc::clone(&entry.unit)) else { return };
        let Some(replicas) = self.replicas_mut(name) else { return };
        // Of a version that is not known any more nobody can say whether it is another template.
        let unknown = before.is_none();
        let present = Arc::clone(replicas.present(before.unwrap_or(&unit)));
        if replicas.is_paused() {
            let rolling = replicas.rolling_mut();
            rolling.undone = false;
            rolling.template = Some(present).filter(|present| present.template_hash != unit.template_hash);
            return;
        }
        let changed = present.template_hash != unit.template_hash;
        self.take_template(recall.now, name, &present, "changed while supd was away", out);
        if let Some(replicas) = self.replicas_mut(name) {
            replicas.held = (changed || unknown) && !recall.is_anew();
        }
    }

    /// Services of which nothing was stored: pods that were made from something else are left alone.
    pub(in crate::engine) fn hold_unknown(&mut self, known: &BTreeMap<UnitName, bool>) {
        let unknown = self.units.iter().filter(|(name, entry)| {
            let Some((_, replicas)) = service_of(entry) else { return false };
            let outdated = |pod: &Pod| replicas.is_outdated(&entry.unit, pod);
            !known.contains_key(*name) && self.active_pods_of(entry).any(outdated)
        });
        for name in unknown.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            if let Some(replicas) = self.replicas_mut(&name) {
                replicas.held = true;
            }
        }
    }
}

fn recall_rolling(saved: SavedRolling, recall: &Recall) -> Rolling {
    let template = saved.template.and_then(|hash| recall.exactly(hash).cloned());
    Rolling {
        paused: saved.paused,
        undone: saved.undone && template.is_some(),
        template,
        revisions: saved.revisions,
        progress: saved.progress.map(|progress| progress.recalled(recall)),
    }
}
