//! An operator wants all to end: supd, or the machine whose init it is.

use std::fs::{self, File};
use std::io::{self, Read};
use std::time::Duration;

use crate::control::objects::{MachineEnd, ShutdownOptions, Status, StatusReason};
use crate::control::request::{Answer, Reply};
use crate::engine::event::Event;
use crate::limits::{PLAN_FILE_BYTES_MAX, SHUTDOWN_MESSAGE_BYTES_MAX};
use crate::settings::Settings;
use crate::wire::after::{After, KILLED_AT_SHUTDOWN, REBOOT_ARGUMENT};

use super::Manager;

/// Where the kernel says whether there is one that could take over from it.
const KEXEC_LOADED: &str = "/sys/kernel/kexec_loaded";

impl Manager {
    /// Begins the end, or plans it.
    pub(super) fn end_all(&mut self, options: ShutdownOptions) -> io::Result<Answer> {
        let said = match outlook(&self.settings, &options) {
            Ok(said) => said,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let (Some(machine), Some(when)) = (options.machine, options.when) {
            return Ok(self.plan(machine, when, options));
        }
        let is_bare = options.machine.is_none() && options.exit_code.is_none();
        if self.ending && !options.force && !is_bare {
            let message = "supd is ending already, and the first request stands";
            return Ok(Err(Status::failure(StatusReason::Conflict, message)));
        }
        if !self.ending {
            if let Some(argument) = &options.argument
                && let Err(error) = fs::write(self.settings.runtime_dir.join(REBOOT_ARGUMENT), argument)
            {
                let message = format!("the argument cannot be kept until the restart: {error}");
                return Ok(Err(Status::failure(StatusReason::InternalError, message)));
            }
            if self.settings.is_machine() {
                self.announce_end(options.machine.unwrap_or(MachineEnd::PowerOff), &options);
            }
        }
        self.begin_end(&options)?;
        Ok(Ok(Reply::Status(Status::success(said))))
    }

    /// Who had to be killed when the machine went down last, beside the units' own: told once.
    pub(super) fn tell_who_was_killed(&mut self) {
        let file = self.settings.state_dir.join(KILLED_AT_SHUTDOWN);
        if !self.settings.is_machine() || !file.exists() {
            return;
        }
        let mut text = Vec::new();
        let read = File::open(&file).and_then(|file| file.take(PLAN_FILE_BYTES_MAX).read_to_end(&mut text));
        let names = String::from_utf8_lossy(&text).lines().collect::<Vec<_>>().join(", ");
        match read.and_then(|_| fs::remove_file(&file)) {
            Ok(()) => {
                let message = format!("when the machine went down, these had to be killed: {names}");
                self.report_of_machine(true, "KilledAtShutdown", &message);
            }
            Err(error) => tracing::warn!("{}: {error}", file.display()),
        }
    }

    /// The keeper hears of it first: should this manager die of it, the next goes on.
    fn begin_end(&mut self, options: &ShutdownOptions) -> io::Result<()> {
        let within = within(&self.settings, options);
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.keeper.ending(after(options), within_ms)?;
        self.ending = true;
        self.take_in(Event::Shutdown { within });
        self.settle()
    }
}

/// In safe mode nobody stops units in their order: the keeper is told what is to become of the machine, and ends
/// what runs. With what is to be answered.
pub(super) fn unmanaged_end(
    settings: &Settings,
    options: &ShutdownOptions,
) -> Result<(&'static str, After, Duration), Status> {
    let said = outlook(settings, options)?;
    if options.when.is_some() {
        let message = "supd is in safe mode and plans nothing; without a time it is done at once";
        return Err(Status::failure(StatusReason::Conflict, message));
    }
    Ok((said, after(options), within(settings, options)))
}

fn within(settings: &Settings, options: &ShutdownOptions) -> Duration {
    match options.timeout_seconds {
        _ if options.force => Duration::ZERO,
        Some(seconds) => Duration::from_secs(seconds),
        None => settings.shutdown_timeout,
    }
}

/// What is going to happen, in words; or why it is not.
fn outlook(settings: &Settings, options: &ShutdownOptions) -> Result<&'static str, Status> {
    let conflict = |message: &str| Err(Status::failure(StatusReason::Conflict, message));
    let invalid = |message: String| Err(Status::failure(StatusReason::Invalid, message));
    match (options.machine, options.exit_code) {
        (Some(_), _) if !settings.is_machine() => {
            return conflict("supd is not the init of this machine; `supctl shutdown` ends supd alone");
        }
        (_, Some(_)) if settings.is_machine() => {
            return conflict("supd is the init of this machine and cannot end; `supctl poweroff` ends both");
        }
        (Some(_), Some(_)) => return invalid("`machine` and `exitCode` are two different ends".to_owned()),
        (None, _) if options.when.is_some() => {
            return invalid("only the end of a machine can be planned".to_owned());
        }
        (Some(MachineEnd::Kexec), None) if options.when.is_none() && !kexec_is_loaded() => {
            return conflict("no kernel is loaded that could take over; `kexec -l` loads one");
        }
        _ => {}
    }
    if options.argument.is_some() && options.machine != Some(MachineEnd::Reboot) {
        return invalid("an argument is for a reboot".to_owned());
    }
    let texts = [Some(&options.message), options.argument.as_ref()];
    for text in texts.into_iter().flatten() {
        if text.len() > SHUTDOWN_MESSAGE_BYTES_MAX || text.contains('\0') {
            return invalid(format!("a message is text of {SHUTDOWN_MESSAGE_BYTES_MAX} bytes at most"));
        }
    }
    Ok(if settings.is_machine() { after(options).words() } else { "supd is ending" })
}

fn kexec_is_loaded() -> bool {
    fs::read_to_string(KEXEC_LOADED).is_ok_and(|text| text.trim() == "1")
}

/// The init of a machine cannot end alone: without a word the machine is switched off.
fn after(options: &ShutdownOptions) -> After {
    match (options.machine, options.exit_code) {
        (None, Some(code)) => After::Exit(code),
        (None | Some(MachineEnd::PowerOff), _) => After::PowerOff,
        (Some(MachineEnd::Reboot), _) => After::Reboot,
        (Some(MachineEnd::Halt), _) => After::Halt,
        (Some(MachineEnd::Kexec), _) => After::Kexec,
        (Some(MachineEnd::SoftReboot), _) => After::SoftReboot,
        (Some(MachineEnd::Rescue), _) => After::Rescue,
    }
}
