//! Units that `supctl run` made, kept for the manager that comes after this one.

use std::io;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::control::objects::RunRequest;
use crate::control::request::Answer;
use crate::engine::event::Command;
use crate::engine::view::UnitState;
use crate::store::transients::Kept;
use crate::unit::load::Loaded;
use crate::unit::model::Unit;
use crate::unit::name::UnitName;
use crate::unit::transient::read_transient;

use super::Manager;
use super::answer::Then;
use super::change::{log_faults, own_variable};

impl Manager {
    /// Makes the unit that is asked for. It is kept before the engine hears of it: whatever the engine has
    /// started, the next manager must know.
    pub(super) fn run_transient(
        &mut self,
        request: &RunRequest,
        answer: oneshot::Sender<Answer>,
    ) -> io::Result<()> {
        let (unit, text) = match self.transient(request) {
            Ok(made) => made,
            Err(status) => {
                // Nobody listens any more if the client has gone.
                let _ = answer.send(Err(status));
                return Ok(());
            }
        };
        let name = unit.name.clone();
        let is_new = self.engine.unit(&name).is_none();
        if is_new && let Err(error) = self.transients.keep(&name, &text) {
            tracing::warn!("{name} cannot be kept: {error}; it ends with this manager");
        }
        self.wish(Command::Run(unit), Then::Say, answer)?;
        if is_new && self.engine.unit(&name).is_none() {
            self.forget_transient(&name);
        }
        Ok(())
    }

    /// Adds to what was loaded what a manager before this one has kept; whatever now has a file is no
    /// longer transient. The first manager of a supd forgets what another supd has left.
    pub(super) fn load_transients(&mut self, first: bool, loaded: &mut Loaded) -> Vec<(UnitName, bool)> {
        let kept = match first {
            true => self.transients.clear().map(|()| Vec::new()),
            false => self.transients.read(),
        };
        let kept = kept.unwrap_or_else(|error| {
            tracing::warn!("units without a file cannot be read: {error}; ignoring");
            Vec::new()
        });
        let mut transient = Vec::new();
        for Kept { name, text, at_rest } in kept {
            let place = match loaded.units.binary_search_by(|unit| unit.name.cmp(&name)) {
                Err(place) if !loaded.refused.contains(&name) => place,
                _ => {
                    self.forget_transient(&name);
                    continue;
                }
            };
            match read_transient(&name, &text, &own_variable) {
                Ok(unit) => {
                    loaded.units.insert(place, Arc::<Unit>::new(unit));
                    transient.push((name, at_rest));
                }
                Err(faults) => log_faults(&faults),
            }
        }
        transient
    }

    /// A unit has changed: whether a new manager is to start it depends on its state.
    pub(super) fn note_transient(&mut self, name: &UnitName) {
        if !self.transients.contains(name) {
            return;
        }
        let Some(view) = self.engine.unit_view(name) else { return };
        if !view.transient {
            return self.forget_transient(name);
        }
        use UnitState::{Complete, Disabled, Failed, Stopped};
        let at_rest = matches!(view.state, Stopped | Disabled | Complete | Failed);
        if let Err(error) = self.transients.set_at_rest(name, at_rest) {
            tracing::warn!("the state of {name} cannot be kept: {error}; ignoring");
        }
    }

    /// A unit is gone, or has a file now.
    pub(super) fn forget_transient(&mut self, name: &UnitName) {
        if let Err(error) = self.transients.forget(name) {
            tracing::warn!("{name} cannot be forgotten: {error}; ignoring");
        }
    }
}
