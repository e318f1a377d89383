//! `apply` and `daemon-reload`: unit files are read again.

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::files::{FileOptions, read_all};
use super::namespace::Namespace;
use super::server::{Server, words_of};
use super::style::printable_lines;
use super::target::Asker;
use crate::control::objects::{ApplyFiles, ReloadOptions as Reload, Status};

/// Arguments of `apply`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl apply\n  supctl apply -f job.yaml --dry-run\n\nExit codes: 0 done, 69 supd cannot be reached, 78 a unit is invalid, or a change is refused"
)]
pub struct Options {
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    files: FileOptions,
    /// Check only, and tell what would change
    #[arg(long, value_name = "none|client|server", num_args = 0..=1, require_equals = true, default_missing_value = "server")]
    dry_run: Option<String>,
    /// Accepted for kubectl's hands: there are no clients of other sorts
    #[arg(long, hide = true)]
    server_side: bool,
}

/// Arguments of `daemon-reload`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl daemon-reload\n  supctl daemon-reload && supctl apply\n\nExit codes: 0 done, 69 supd cannot be reached, 78 a unit is invalid"
)]
pub struct ReloadOptions {}

/// `supctl apply [-f FILE]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let dry_run = match options.dry_run.as_deref() {
        None | Some("none") => false,
        Some("client" | "server") => true,
        Some(other) => {
            return Err(Failure::usage(format!("`--dry-run={other}`: it is none, client or server")));
        }
    };
    if dry_run && options.files.is_empty() {
        return Err(Failure::usage("--dry-run needs -f FILE").hint("to check what is there: supctl validate"));
    }
    let files = read_all(&options.files)?;
    let server = Server::connect(context, Asker::Action)?;
    if options.files.is_empty() {
        return told(context, server.command("reload", &Reload { apply: true }), "applied");
    }
    let units = files.iter().any(|file| file.name.ends_with(".toml"));
    let answer = server.command("apply", &ApplyFiles { files, dry_run, ..ApplyFiles::default() });
    let answer = accepted(context, answer)?;
    for object in answer.details.objects.iter().filter(|object| !object.resource.starts_with("unit/")) {
        let note = if dry_run { " (server dry run)" } else { "" };
        context.say(&format!("{} {}{note}", object.resource, object.result))?;
    }
    if units || answer.details.objects.is_empty() {
        context.say(&answer.message)?;
    }
    Ok(Exit::DONE)
}

/// `supctl daemon-reload`
pub fn reload(_: &ReloadOptions, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    told(context, server.command("reload", &Reload { apply: false }), "reloaded")
}

/// What supd says to it.
fn told(context: &Context, answer: Result<Status, Failure>, done: &str) -> Outcome {
    let answer = accepted(context, answer)?;
    context.say(if answer.message.is_empty() { done } else { &answer.message })?;
    Ok(Exit::DONE)
}

/// An answer that is no refusal, with its warnings told. A refusal is the configuration's fault, wherever
/// supd was reached at all.
pub(super) fn accepted(context: &Context, answer: Result<Status, Failure>) -> Result<Status, Failure> {
    let answer = answer.map_err(|failure| match failure.exit {
        Exit::FAILED | Exit::USAGE | Exit::NO_UNIT => Failure { exit: Exit::CONFIGURATION, ..failure },
        _ => failure,
    })?;
    for cause in &answer.details.causes {
        let words = printable_lines(&words_of(cause));
        // A fault of a file says itself what it is.
        let mark = if words.starts_with("warning[") { "" } else { "warning: " };
        context.note(&format!("{mark}{words}"));
    }
    Ok(answer)
}
