//! What a manager before this one knew of units, and their files do not say any more.

use std::sync::Arc;

use crate::unit::load::Loaded;
use crate::unit::transient::read_transient;

use super::Manager;
use super::change::own_variable;

impl Manager {
    /// Keeps the units that are good, with those that were before they were refused.
    pub(super) fn keep_good(&mut self, loaded: &Loaded) {
        let kept = loaded.units.iter().try_for_each(|unit| match loaded.texts.get(&unit.name) {
            Some(text) => self.good.keep(&unit.name, unit.hash, text),
            None => Ok(()),
        });
        if let Err(error) = kept {
            tracing::warn!("units cannot be kept for the next manager: {error}; ignoring");
        }
        self.good.keep_only(|name| loaded.texts.contains_key(name) || loaded.refused.contains(name));
    }

    /// The first manager of a supd forgets what another supd has left; every other one asks for the
    /// instances of templates that the one before it had.
    pub(super) fn recall_instances(&mut self, first: bool) {
        let names = if first { self.good.clear().map(|()| Vec::new()) } else { self.good.names() };
        match names {
            Ok(names) => self.sources.add_instances(names),
            Err(error) => tracing::warn!("units of the last manager cannot be read: {error}; ignoring"),
        }
    }

    /// Units that are refused now are as they were when the last manager loaded them: what runs of them
    /// must not end because their file was broken at this moment.
    pub(super) fn recall_refused(&mut self, loaded: &mut Loaded) {
        for name in &loaded.refused {
            let text = match self.good.read(name) {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!("the last good version of {name} cannot be read: {error}; ignoring");
                    continue;
                }
            };
            let place = loaded.units.binary_search_by(|unit| unit.name.cmp(name));
            if let (Err(place), Ok(unit)) = (place, read_transient(name, &text, &own_variable)) {
                loaded.units.insert(place, Arc::new(unit));
            }
        }
    }
}
