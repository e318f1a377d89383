//! What people see: supctl, from its arguments to its exit code.
//!
//! One file for each verb or family of verbs. What they share, in the order in which data flows:
//! [`alias`] and [`arguments`] read the command line, [`context`] knows the terminal, [`server`] asks supd,
//! [`target`] turns names into objects, [`rows`], [`headline`] and [`block`] turn objects into words,
//! [`table`] and [`style`] print them, [`goal`], [`follow`] and [`progress`] wait, [`exit`] ends.

pub mod act;
pub mod age;
pub mod alias;
pub mod api_resources;
pub mod apply;
pub mod arguments;
pub mod ask;
pub mod block;
pub mod calendar;
pub mod complete;
pub mod context;
pub mod convert;
pub mod create;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod doctor;
pub mod enable;
pub mod events;
pub mod exec;
pub mod exit;
pub mod explain;
pub mod export;
pub mod files;
#[cfg(test)]
mod fixture;
pub mod follow;
pub mod format;
pub mod get;
pub mod goal;
pub mod headline;
pub mod help;
pub mod history;
pub mod interrupt;
pub mod job_end;
pub mod jsonpath;
pub mod kill;
pub mod listing;
pub mod logs;
pub mod name;
pub mod namespace;
pub mod not_yet;
pub mod output;
pub mod progress;
pub mod ps;
pub mod reexec;
pub mod rollout;
pub mod rows;
pub mod run;
pub mod scale;
pub mod server;
pub mod shutdown;
pub mod socket;
pub mod status;
pub mod style;
pub mod subject;
pub mod switch_root;
pub mod table;
pub mod target;
pub mod time_limit;
mod traditional;
pub mod validate;
pub mod version;
pub mod wait;
mod watching;

use std::ffi::OsString;

use clap::Parser;

use self::act::Act;
use self::arguments::{Arguments, Verb};
use self::ask::Question;
use self::context::Context;
use self::exit::{Exit, Failure, Outcome};
use self::shutdown::{kexec, machine};
use crate::control::objects::MachineEnd;

/// Reads the arguments, does what they say, and tells how to end.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let words: Vec<String> = arguments.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    traditional::give_way(&words);
    let words = match traditional::translate(words) {
        Ok(words) => words,
        Err(failure) => {
            eprintln!("{failure}");
            return failure.exit;
        }
    };
    let arguments = match Arguments::try_parse_from(alias::normalise(words)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            return if error.use_stderr() { Exit::USAGE } else { Exit::DONE };
        }
    };
    let context = Context::new(&arguments.global);
    obey(&arguments, &context)
}

/// Does what the arguments say.
fn obey(arguments: &Arguments, context: &Context) -> Exit {
    let outcome = match &arguments.global.host {
        Some(_) => Err(not_yet::value("`--host`", "ssh HOST supctl ...")),
        None => dispatch(&arguments.verb, context),
    };
    outcome.unwrap_or_else(|failure: Failure| {
        context.complain(&failure);
        failure.exit
    })
}

fn dispatch(verb: &Verb, context: &Context) -> Outcome {
    match verb {
        Verb::Status(options) => status::run(options, context),
        Verb::Get(options) => get::run(options, context),
        Verb::Describe(options) => describe::run(options, context),
        Verb::Events(options) => events::run(options, context),
        Verb::Ps(options) => ps::run(options, context),
        Verb::Logs(options) => logs::run(options, context),
        Verb::History(options) => history::run(options, context),
        Verb::Start(options) => act::run(Act::Start, options, context),
        Verb::Stop(options) => act::run(Act::Stop, options, context),
        Verb::Restart(options) => act::run(Act::Restart, options, context),
        Verb::Kill(options) => kill::run(options, context),
        Verb::Scale(options) => scale::run(options, context),
        Verb::Rollout(options) => rollout::run(options, context),
        Verb::Suspend(options) => act::run(Act::Suspend, options, context),
        Verb::Resume(options) => act::run(Act::Resume, options, context),
        Verb::Enable(options) => enable::run(options, true, context),
        Verb::Disable(options) => enable::run(options, false, context),
        Verb::ResetFailed(options) => enable::reset(options, context),
        Verb::Delete(options) => delete::run(options, context),
        Verb::Create(options) => create::run(options, context),
        Verb::Run(options) => run::run(options, context),
        Verb::Exec(options) => exec::run(options, context),
        Verb::Wait(options) => wait::run(options, context),
        Verb::IsActive(options) => ask::run(Question::Active, options, context),
        Verb::IsFailed(options) => ask::run(Question::Failed, options, context),
        Verb::IsReady(options) => ask::run(Question::Ready, options, context),
        Verb::IsSystemRunning(options) => ask::system(options, context),
        Verb::Apply(options) => apply::run(options, context),
        Verb::Diff(options) => diff::run(options, context),
        Verb::DaemonReload(options) => apply::reload(options, context),
        Verb::Doctor(options) => doctor::run(options, context),
        Verb::Validate(options) => validate::run(options, context),
        Verb::Export(options) => export::run(options, context),
        Verb::Convert(options) => convert::run(options, context),
        Verb::Calendar(options) => calendar::run(options, context),
        Verb::Reexec(options) => reexec::run(options, context),
        Verb::Shutdown(options) => shutdown::run(options, context),
        Verb::Exit(options) => shutdown::exit(options, context),
        Verb::Poweroff(options) => machine::run(MachineEnd::PowerOff, options, context),
        Verb::Reboot(options) => machine::restart(options, context),
        Verb::Halt(options) => machine::run(MachineEnd::Halt, options, context),
        Verb::Kexec(options) => kexec::run(options, context),
        Verb::SoftReboot(options) => machine::run(MachineEnd::SoftReboot, options, context),
        Verb::Rescue(options) => machine::run(MachineEnd::Rescue, options, context),
        Verb::SwitchRoot(options) => switch_root::run(options, context),
        Verb::Version(options) => version::run(options, context),
        Verb::Completion(options) => complete::run(options, context),
        Verb::Words(options) => complete::words(options, context),
        Verb::ApiResources(options) => api_resources::run(options, context),
        Verb::Explain(options) => explain::run(options, context),
        Verb::Help(options) => help::run(options, context),
        Verb::Unknown(words) => {
            Err(not_yet::refuse(words.first().map_or("", String::as_str), &help::verbs()))
        }
    }
}

#[cfg(test)]
mod conversation_tests;
