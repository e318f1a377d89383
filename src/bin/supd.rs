//! supd: arguments → role → exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use supd::keeper::Over;
use supd::keeper::place::Surroundings;
use supd::keeper::tree::kept_limits;
use supd::machine::halt::Places;
use supd::machine::helper::Helper;
use supd::runtime::clock;
use supd::settings::{HELP, Invocation, Place, Role, Settings};
use supd::{keeper, logs, look, machine, manager, spawner};

// The init of one command is to be as light as those that are nothing else.
supd::before_main!(keeper::solo::early);

fn main() -> ExitCode {
    keeper::boot::hold_signals();
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let arguments: Vec<_> = arguments.collect();
    // A word that the kernel does not know becomes an argument of its init, and means none of these there.
    if std::process::id() != 1 {
        // Before the names of an init: in an initramfs our program is called so by its units, too.
        if let Some(helper) = Helper::named(&arguments) {
            return ExitCode::from(helper.run());
        }
        if machine::client::is_meant(name.as_deref(), &arguments) {
            return ExitCode::from(machine::client::run(&arguments));
        }
        if look::is_meant(&arguments) {
            return ExitCode::from(look::run(&arguments[1..]));
        }
        if kept_limits::is_meant(&arguments) {
            return ExitCode::from(kept_limits::run());
        }
        if machine::tell::is_meant(&arguments) {
            return ExitCode::from(machine::tell::run(&arguments[1..]));
        }
    }
    let surroundings = Surroundings::look();
    let variable = |name: &str| std::env::var_os(name);
    let place = surroundings.place(&variable);
    if surroundings.is_machine() && !is_next_program(&arguments, &place) {
        start_machine(arguments, &place);
    }
    let invocation = Invocation::parse(arguments, &place);
    let code = match invocation {
        Ok(Invocation::Start(settings)) => keeper::boot::start(&settings).report(),
        Ok(Invocation::Solo(solo)) => keeper::solo::run(&solo),
        Ok(Invocation::Role(Role::Keeper { before }, settings)) => {
            let is_machine = settings.is_machine();
            let places = Places::of(&settings);
            if is_machine {
                machine::boot::guard();
            }
            match keeper::run(settings, before) {
                over if !is_machine => over.report(),
                Over::Done { after, .. } => machine::halt::end(after, &places),
                Over::NotBegun(why, _) => {
                    machine::boot::failed(&why);
                    machine::again::stay()
                }
            }
        }
        Ok(Invocation::Role(Role::Fallen { will }, settings)) => {
            let story = keeper::fallen::begin(&settings, will);
            match settings.is_machine() {
                true => {
                    machine::fallen::run(&story.why, story.after, settings.on_fault, &Places::of(&settings))
                }
                false => keeper::fallen::run(&settings, &story),
            }
        }
        Ok(Invocation::Role(Role::Trial { opens }, settings)) => {
            keeper::reexec::trial::run(&settings, opens, what_must_be_readable)
        }
        Ok(Invocation::Role(Role::Spawner { number, stand_in }, settings)) => {
            spawner::run(&settings, number, stand_in)
        }
        Ok(Invocation::Role(Role::Manager { safe }, settings)) => {
            u8::try_from(manager::run(settings, safe)).unwrap_or(u8::MAX)
        }
        Ok(Invocation::Role(Role::Logger, settings)) => {
            u8::try_from(logs::logger::run(settings)).unwrap_or(u8::MAX)
        }
        Ok(Invocation::Help) => print(HELP),
        Ok(Invocation::Version) => print(concat!("supd ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(error) => {
            eprintln!("supd: {error}");
            error.code
        }
    };
    ExitCode::from(code)
}

/// Whether PID 1 has executed itself, as another part of supd.
fn is_next_program(arguments: &[OsString], place: &Place<'_>) -> bool {
    Role::is_named(arguments)
        && matches!(
            Invocation::parse(arguments.to_vec(), place),
            Ok(Invocation::Role(role, settings)) if keeper::claim::is_next_program(role, &settings)
        )
}

/// The init of a machine: whatever goes wrong, it does not end. What was typed into the boot loader and cannot be
/// understood is told, and left out.
fn start_machine(arguments: Vec<OsString>, place: &Place<'_>) -> ! {
    machine::boot::guard();
    let is_part =
        Role::is_named(&arguments) || look::is_meant(&arguments) || machine::tell::is_meant(&arguments);
    let part = arguments.first().filter(|_| is_part).cloned();
    let options = machine::boot::prepare(arguments);
    if let Some(part) = part {
        machine::boot::left_out(&format!("`{}` is a part of supd, started by it", part.display()));
    }
    let (settings, left_out) = Settings::of_init(options, place);
    left_out.iter().for_each(|why| machine::boot::left_out(why));
    loop {
        let why = match &settings {
            Ok(settings) => match keeper::boot::start(settings) {
                Over::NotBegun(why, _) => why,
                Over::Done { after, .. } => machine::halt::end(after, &Places::of(settings)),
            },
            Err(error) => error.to_string(),
        };
        machine::boot::failed(&why);
    }
}

/// What this version must be able to read beside the keeper's state, before it takes over: said in words if
/// it cannot.
fn what_must_be_readable(settings: &Settings) -> Result<(), String> {
    supd::store::trial::trial(&settings.state_dir, clock::now())
}

/// A reader that has gone is no fault of ours.
fn print(text: &str) -> u8 {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
    0
}
