//! `poweroff`, `reboot`, `halt`, `kexec`, `soft-reboot`, `rescue`: the end of a machine, now or at a time.

use std::time::{Duration, Instant};

use nix::sys::reboot::{RebootMode, reboot};

use super::time::{self, Time};
use crate::cli::age;
use crate::cli::context::Context;
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::rows::Look;
use crate::cli::server::Server;
use crate::cli::style::printable;
use crate::cli::target::Asker;
use crate::cli::time_limit;
use crate::control::objects::{MachineEnd, PlannedShutdown, ShutdownOptions, When};

/// Arguments of all but `reboot`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "All units are stopped in their order, then everything else is ended, file systems are unmounted, and the\nmachine goes down. Only where supd is the machine's init; the first request stands.\n\nExamples:\n  supctl poweroff\n  supctl poweroff --when=23:00 --message='back at 7'\n\nExit codes: 0 it has begun or is planned, 1 refused, 4 permission denied, 69 supd cannot be reached"
)]
pub struct MachineOptions {
    /// How long units may take to stop
    #[arg(short, long, value_name = "DURATION", value_parser = time_limit::parse)]
    timeout: Option<Duration>,
    /// Kill what runs, and stop nothing in its order; twice: call reboot(2) at once and lose what is not on the
    /// disk, which needs no supd that answers
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with_all = ["when", "timeout"])]
    force: u8,
    /// When: `now`, `+MINUTES`, `+90s` or `HH:MM`; `cancel` takes a plan back, `show` tells it
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    when: Option<Time>,
    /// What those who are logged in are told beside it
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// Tell them nothing
    #[arg(long)]
    no_wall: bool,
    /// Only tell them
    #[arg(short = 'k', long, hide = true)]
    warn_only: bool,
    /// Accepted for hands that know it: it never waits
    #[arg(long, hide = true)]
    no_block: bool,
}

/// Arguments of `reboot`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "As `poweroff`; ARGUMENT is for machines whose firmware understands one.\n\nExamples:\n  supctl reboot\n  supctl reboot --when=+5 --message='new kernel'\n\nExit codes: 0 it has begun or is planned, 1 refused, 4 permission denied, 69 supd cannot be reached"
)]
pub struct RebootOptions {
    /// What the firmware or the boot loader is told: see reboot(2)
    #[arg(value_name = "ARGUMENT")]
    argument: Option<String>,
    #[command(flatten)]
    machine: MachineOptions,
}

/// How long a supd that is asked to make haste may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// `supctl reboot`
pub fn restart(options: &RebootOptions, context: &Context) -> Outcome {
    ask(MachineEnd::Reboot, &options.machine, options.argument.clone(), context)
}

/// The others.
pub fn run(end: MachineEnd, options: &MachineOptions, context: &Context) -> Outcome {
    ask(end, options, None, context)
}

/// It does not wait: whoever asked is ended, too.
fn ask(end: MachineEnd, options: &MachineOptions, argument: Option<String>, context: &Context) -> Outcome {
    if options.force > 1 {
        return Err(at_once(end));
    }
    let mut server = Server::connect(context, Asker::Action).map_err(|failure| with_way_out(failure, end))?;
    if options.when == Some(Time::Show) {
        return show(&server, context);
    }
    if options.force == 1 {
        server.set_deadline(Some(Instant::now() + PATIENCE));
    }
    let wish = ShutdownOptions {
        timeout_seconds: options.timeout.map(|timeout| timeout.as_secs()),
        machine: Some(end),
        force: options.force > 0,
        argument,
        when: when(options, context)?,
        message: options.message.clone(),
        silent: options.no_wall,
        ..ShutdownOptions::default()
    };
    let answer = server.command("shutdown", &wish).map_err(|failure| with_way_out(failure, end))?;
    context.say(&answer.message)?;
    if matches!(wish.when, Some(When::AfterSeconds(_) | When::At(_))) {
        context.note(&format!("to take it back: supctl {} --when=cancel", end.verb()));
    }
    Ok(Exit::DONE)
}

fn when(options: &MachineOptions, context: &Context) -> Result<Option<When>, Failure> {
    let when = match options.when {
        None | Some(Time::Now | Time::Show) => None,
        Some(Time::Cancel) => Some(When::Cancel),
        Some(Time::After(after)) => Some(When::AfterSeconds(after.as_secs())),
        Some(Time::At { hour, minute }) => Some(When::At(time::next(hour, minute, context.look().utc)?)),
    };
    if !options.warn_only {
        return Ok(when);
    }
    Ok(Some(When::Warn(match when {
        Some(When::AfterSeconds(seconds)) => seconds,
        Some(When::At(at)) => at.0.saturating_sub(age::now().0).max(0).unsigned_abs(),
        _ => 0,
    })))
}

fn show(server: &Server, context: &Context) -> Outcome {
    let info = server.info()?;
    match &info.status.planned_shutdown {
        Some(planned) => context.say(&words(planned, context.look()))?,
        None => context.say("no shutdown is planned")?,
    }
    Ok(Exit::DONE)
}

/// `the machine is switched off at 23:00 (in 4m): back at 7`
pub fn words(planned: &PlannedShutdown, look: Look) -> String {
    let PlannedShutdown { machine, at, message } = planned;
    let (words, clock, left) = (machine.words(), look.clock(*at), age::until(*at, look.now));
    match message.as_str() {
        "" => format!("the machine {words} at {clock} (in {left})"),
        message => format!("the machine {words} at {clock} (in {left}): {}", printable(message)),
    }
}

/// What else there is where supd does not answer.
fn with_way_out(failure: Failure, end: MachineEnd) -> Failure {
    let has_signal = !matches!(end, MachineEnd::SoftReboot | MachineEnd::Rescue);
    match failure.exit {
        Exit::UNREACHABLE | Exit::TIMED_OUT if has_signal => failure
            .hint(format!("without supd, and losing what is not on the disk: supctl {} -ff", end.verb())),
        _ => failure,
    }
}

/// Comes back only with the reason why not.
fn at_once(end: MachineEnd) -> Failure {
    let mode = match end {
        MachineEnd::PowerOff => RebootMode::RB_POWER_OFF,
        MachineEnd::Reboot => RebootMode::RB_AUTOBOOT,
        MachineEnd::Halt => RebootMode::RB_HALT_SYSTEM,
        MachineEnd::Kexec => RebootMode::RB_KEXEC,
        MachineEnd::SoftReboot | MachineEnd::Rescue => {
            return Failure::usage(format!("`supctl {} -ff`: only supd can do that", end.verb()));
        }
    };
    let errno = match reboot(mode) {
        Ok(never) => match never {},
        Err(errno) => errno,
    };
    let exit = if errno == nix::errno::Errno::EPERM { Exit::NOT_FOUND } else { Exit::FAILED };
    Failure::new(exit, format!("the kernel refuses it: {}", errno.desc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::objects::Time as Instant;

    #[test]
    fn a_plan_is_told_in_one_line() {
        let mut planned =
            PlannedShutdown { machine: MachineEnd::PowerOff, at: Instant(1_240), message: String::new() };
        let look = Look { now: Instant(1_000), wide: false, unicode: false, utc: true };
        assert_eq!(words(&planned, look), "the machine is switched off at 00:20:40 (in 4m)");
        planned.message = "back at 7\x1b".to_owned();
        planned.machine = MachineEnd::Reboot;
        let text = words(&planned, look);
        assert!(text.starts_with("the machine is restarted at 00:20:40 (in 4m): back at 7"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }
}
