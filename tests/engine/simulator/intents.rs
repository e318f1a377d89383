//! What operators were promised. A wish stands from its answer on, until another one that may touch it is so
//! much as asked for.

use supd::engine::event::Command;
use supd::unit::name::UnitName;

use super::ledger::{Ledger, Wish};

impl Ledger {
    /// A wish is on its way: what it may revoke can no longer be relied on.
    pub fn on_asked(&mut self, command: &Command) {
        self.excused |= matches!(command, Command::StopPod(_) | Command::RestartPod(_));
        match command {
            // With all that it requires or wants.
            Command::Start(_) | Command::Restart(_) | Command::Run(_) => {
                self.intents.retain(|(_, wish), _| matches!(wish, Wish::Suspended | Wish::Enabled));
            }
            Command::Enable { .. } => {
                self.intents.retain(|(_, wish), _| matches!(wish, Wish::Suspended));
            }
            Command::Scale { unit, .. } => self.revoke(unit, &[Wish::Scaled]),
            Command::Suspend(name) | Command::Resume(name) => {
                if let Ok(unit) = UnitName::parse(name) {
                    self.revoke(&unit, &[Wish::Suspended]);
                }
            }
            Command::DeleteUnit(unit) => self.revoke_all(unit),
            Command::DeleteJob(job) => {
                if let Ok(unit) = UnitName::parse(job) {
                    self.revoke_all(&unit);
                }
            }
            _ => {}
        }
    }

    /// It was done and stored, and the operator told so.
    pub fn on_answered(&mut self, command: &Command) {
        let (unit, wish, count) = match command {
            Command::Stop(unit) => (unit.clone(), Wish::Stopped, 1),
            Command::Scale { unit, replicas } => (unit.clone(), Wish::Scaled, *replicas),
            Command::Enable { unit, enabled, .. } => (unit.clone(), Wish::Enabled, u32::from(*enabled)),
            Command::Suspend(name) | Command::Resume(name) => match UnitName::parse(name) {
                Ok(unit) => (unit, Wish::Suspended, u32::from(matches!(command, Command::Suspend(_)))),
                Err(_) => return,
            },
            _ => return,
        };
        // A unit without a file is gone once it is stopped, and a later one of its name is another.
        if !self.may_go.contains(&unit) {
            self.intents.insert((unit, wish), count);
        }
    }

    /// It is to go.
    pub fn revoke_all(&mut self, unit: &UnitName) {
        self.may_go.insert(unit.clone());
        self.intents.retain(|(name, _), _| name != unit);
    }

    pub fn revoke(&mut self, unit: &UnitName, wishes: &[Wish]) {
        self.intents.retain(|(name, wish), _| name != unit || !wishes.contains(wish));
    }
}
