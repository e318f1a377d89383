//! `apply` and `daemon-reload`: unit files are read again.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::exit::os_words;
use super::exit::{Exit, Failure, Outcome};
use super::server::Server;
use super::style::printable_lines;
use super::target::Asker;
use crate::control::objects::{ApplyFile, ApplyFiles, ReloadOptions as Reload, Status};
use crate::limits::UNIT_FILE_BYTES_MAX;

/// Arguments of `apply`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl apply\n  supctl apply -f web.toml\n\nExit codes: 0 done, 69 supd cannot be reached, 78 a unit is invalid, or a change is refused"
)]
pub struct Options {
    /// A unit file, or - for standard input; without it: the unit files supd knows
    #[arg(short, long, value_name = "FILE")]
    filename: Vec<PathBuf>,
}

/// Arguments of `daemon-reload`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl daemon-reload\n  supctl daemon-reload && supctl apply\n\nExit codes: 0 done, 69 supd cannot be reached, 78 a unit is invalid"
)]
pub struct ReloadOptions {}

/// `supctl apply [-f FILE]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let files = options.filename.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let server = Server::connect(context, Asker::Action)?;
    let answer = if files.is_empty() {
        server.command("reload", &Reload { apply: true })
    } else {
        server.command("apply", &ApplyFiles { files, dry_run: false })
    };
    told(context, answer, "applied")
}

/// `supctl daemon-reload`
pub fn reload(_: &ReloadOptions, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    told(context, server.command("reload", &Reload { apply: false }), "reloaded")
}

/// What supd says to it. A refusal is the configuration's fault, wherever supd was reached at all.
fn told(context: &Context, answer: Result<Status, Failure>, done: &str) -> Outcome {
    let answer = answer.map_err(|failure| match failure.exit {
        Exit::FAILED | Exit::USAGE | Exit::NO_UNIT => Failure { exit: Exit::CONFIGURATION, ..failure },
        _ => failure,
    })?;
    for cause in &answer.details.causes {
        let place = if cause.field.is_empty() { String::new() } else { format!("{}: ", cause.field) };
        context.note(&format!("warning: {}", printable_lines(&format!("{place}{}", cause.message))));
    }
    context.say(if answer.message.is_empty() { done } else { &answer.message })?;
    Ok(Exit::DONE)
}

/// A file's text under its own name; standard input is `stdin.toml`, or `stdin.yaml` where it looks so.
fn read(path: &Path) -> Result<ApplyFile, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::CONFIGURATION, format!("cannot read `{}`: {}", path.display(), os_words(&error)))
    };
    let too_long = || {
        Failure::new(Exit::CONFIGURATION, format!("`{}` is longer than a unit file may be", path.display()))
    };
    let mut text = String::new();
    let limit = UNIT_FILE_BYTES_MAX.saturating_add(1);
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        if path.is_dir() {
            return Err(Failure::usage(format!("`{}` is a directory; name its files", path.display())));
        }
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(limit).read_to_string(&mut text).map_err(unreadable)?;
    }
    if text.len() as u64 > UNIT_FILE_BYTES_MAX {
        return Err(too_long());
    }
    let name = match path.file_name() {
        Some(name) if path != Path::new("-") => name.to_string_lossy().into_owned(),
        _ if text.lines().any(|line| line.starts_with("apiVersion:") || line.starts_with("kind:")) => {
            "stdin.yaml".to_owned()
        }
        _ => "stdin.toml".to_owned(),
    };
    Ok(ApplyFile { name, text })
}
