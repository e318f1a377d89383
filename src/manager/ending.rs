//! An operator wants all to end: supd, or the machine whose init it is.

use std::io;
use std::time::Duration;

use crate::control::objects::{MachineEnd, ShutdownOptions, Status, StatusReason};
use crate::control::request::{Answer, Reply};
use crate::engine::event::Event;
use crate::settings::Settings;
use crate::wire::after::After;

use super::Manager;

impl Manager {
    /// Begins the end. The keeper hears of it first: should this manager die of it, the next goes on.
    pub(super) fn end_all(&mut self, options: ShutdownOptions) -> io::Result<Answer> {
        let said = match outlook(&self.settings, options.machine) {
            Ok(said) => said,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let asked = options.timeout_seconds.map(Duration::from_secs);
        let within = asked.unwrap_or(self.settings.shutdown_timeout);
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.keeper.ending(after(options.machine), within_ms)?;
        self.ending = true;
        self.take_in(Event::Shutdown { within });
        self.settle()?;
        Ok(Ok(Reply::Status(Status::success(said))))
    }
}

/// In safe mode nobody stops units in their order: the keeper is asked by this signal, as anybody may ask it. With
/// what is to be answered.
pub(super) fn unmanaged_end(
    settings: &Settings,
    options: ShutdownOptions,
) -> Result<(&'static str, i32), Status> {
    let said = outlook(settings, options.machine)?;
    Ok((said, options.machine.map_or(nix::libc::SIGTERM, |machine| after(Some(machine)).signal())))
}

/// What is going to happen, in words; or why it is not.
fn outlook(settings: &Settings, machine: Option<MachineEnd>) -> Result<&'static str, Status> {
    match machine {
        Some(_) if !settings.is_machine() => {
            let message = "supd is not the init of this machine; `supctl shutdown` ends supd alone";
            Err(Status::failure(StatusReason::Conflict, message))
        }
        None if !settings.is_machine() => Ok("supd is ending"),
        _ => Ok(after(machine).words()),
    }
}

/// The init of a machine cannot end alone: without a word the machine is switched off.
fn after(machine: Option<MachineEnd>) -> After {
    match machine {
        None | Some(MachineEnd::PowerOff) => After::PowerOff,
        Some(MachineEnd::Reboot) => After::Reboot,
        Some(MachineEnd::Halt) => After::Halt,
    }
}
