//! An operator, or a unit of an initramfs, wants the machine to go on with another root.

use std::io;

use super::Manager;
use crate::control::objects::{Status, StatusReason, SwitchRootOptions};
use crate::control::request::{Answer, Reply};
use crate::engine::event::Event;
use crate::settings::NEXT_ROOT_FILE;
use crate::wire::after::After;

impl Manager {
    /// Begins the end of all units; PID 1 does the rest once they have ended, and reads there what was wished.
    pub(super) fn switch_root(&mut self, wish: &SwitchRootOptions) -> io::Result<Answer> {
        let refused = |why: &str| Ok(Err(Status::failure(StatusReason::Conflict, why)));
        if !self.settings.is_machine() {
            return refused("supd is not the init of this machine: it has no root to switch");
        }
        if self.ending {
            return refused("supd is ending already, and the first request stands");
        }
        let text = format!("{}\0{}", wish.root, wish.init.as_deref().unwrap_or_default());
        if let Err(error) = std::fs::write(NEXT_ROOT_FILE, text) {
            return refused(&format!("cannot write {NEXT_ROOT_FILE}: {error}"));
        }
        let within = self.settings.shutdown_timeout;
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.keeper.ending(After::SwitchRoot, within_ms)?;
        self.ending = true;
        self.take_in(Event::Shutdown { within });
        self.settle()?;
        Ok(Ok(Reply::Status(Status::success(After::SwitchRoot.words()))))
    }
}
