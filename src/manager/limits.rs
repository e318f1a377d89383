//! Limits that this place cannot enforce: said by name when a unit is loaded, and in `status` for as long as that
//! is so.

use crate::unit::model::Unit;

use super::Manager;
use super::own_log::EVENTS;

impl Manager {
    /// Of every unit that is known, a line each.
    pub(super) fn unenforced(&self) -> Vec<String> {
        let names = self.engine.view().units.into_iter().map(|unit| unit.name);
        names.filter_map(|name| self.unenforced_of(self.engine.unit(&name)?)).collect()
    }

    /// Into supd's own log.
    pub(super) fn warn_of_unenforced<'a>(&self, units: impl Iterator<Item = &'a Unit>) {
        for line in units.filter_map(|unit| self.unenforced_of(unit)) {
            tracing::warn!(target: EVENTS, "{line}");
        }
    }

    fn unenforced_of(&self, unit: &Unit) -> Option<String> {
        let controllers = self.planner.controllers();
        let processes = unit.pod()?.processes();
        let limits = processes.flat_map(|process| process.limits.keys());
        let mut missing: Vec<(&str, &str)> =
            limits.filter(|(_, needed)| !controllers.iter().any(|known| known == needed)).collect();
        missing.sort_unstable();
        missing.dedup();
        let (keys, mut needed): (Vec<&str>, Vec<&str>) = missing.into_iter().unzip();
        needed.sort_unstable();
        needed.dedup();
        let first = keys.first()?;
        let keys = if keys.len() == 1 { (*first).to_owned() } else { keys.join(", ") };
        let why = match self.tree {
            Some(_) => format!("supd was handed no {} controller of cgroups (version 2)", needed.join(", ")),
            None => "there are no cgroups of version 2 that supd may write to".to_owned(),
        };
        Some(format!("{}: {keys}: not enforced here: {why}", unit.name))
    }
}
