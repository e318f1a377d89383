//! Units that are set aside: the manager died twice of something that they did, so they are left alone.
//!
//! Nothing of such a unit is started, stopped or adopted: whatever it was that killed the manager is not done
//! again. Its processes run on, unknown here. An operator lifts the quarantine, and tells what lives.

use super::action::Actions;
use super::entry::Judged;
use super::event::Adopted;
use super::recall::Recall;
use super::time::Now;
use super::view::UnitState;
use super::{Engine, report};
use crate::unit::name::UnitName;

impl Engine {
    /// These units are left alone, for these reasons.
    pub(super) fn set_aside(&mut self, quarantined: Vec<(UnitName, String)>, out: &mut Actions) {
        for (name, reason) in quarantined {
            let Some(entry) = self.units.get_mut(&name) else { continue };
            report(out, true, "Quarantined", ("Unit", name.as_str(), &name), reason.clone());
            entry.quarantined = Some(format!("Quarantined: {reason}").into());
        }
    }

    /// Whether a unit is left alone.
    pub(super) fn is_aside(&self, name: &UnitName) -> bool {
        self.units.get(name).is_some_and(|entry| entry.quarantined.is_some())
    }

    /// Whether any unit is.
    pub(super) fn any_is_aside(&self) -> bool {
        self.units.values().any(|entry| entry.quarantined.is_some())
    }

    /// How such a unit is shown.
    pub(super) fn judge_aside(&self, name: &UnitName) -> Option<Judged> {
        let reason = self.units.get(name)?.quarantined.as_deref()?.to_owned();
        Some(Judged { state: UnitState::Failed, reason, next: None })
    }

    /// An operator has lifted the quarantine: what lives is taken over, and the unit is reconciled again.
    pub(super) fn on_lifted(&mut self, now: Now, name: &UnitName, adopted: Vec<Adopted>, out: &mut Actions) {
        let Some(entry) = self.units.get_mut(name) else { return };
        if entry.quarantined.take().is_none() {
            return;
        }
        let about = ("Unit", name.as_str(), name);
        report(out, false, "QuarantineLifted", about, "supd looks after it again".to_owned());
        // Who has ended meanwhile is not among them.
        self.adopt_pods(adopted, &self.pods_of(name), &Recall::of_now(now), out);
        self.mark(name);
    }
}
