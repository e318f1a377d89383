//! `diff -f`: what applying files would change, and nothing is changed.

use super::apply::accepted;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::files::{FileOptions, read_all};
use super::server::Server;
use super::style::{Tone, printable_lines};
use super::target::Asker;
use crate::control::objects::ApplyFiles;

/// Arguments of `diff`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl diff -f web.toml\n  supctl diff -f job.yaml || supctl apply -f job.yaml\n\nExit codes: 0 nothing differs, 1 something does, 69 supd cannot be reached, 78 a unit is invalid"
)]
pub struct Options {
    #[command(flatten)]
    files: FileOptions,
}

/// `supctl diff -f FILE`
pub fn run(options: &Options, context: &Context) -> Outcome {
    if options.files.is_empty() {
        return Err(Failure::usage("diff needs -f FILE").hint("what changed on disk: supctl status"));
    }
    let files = read_all(&options.files)?;
    let server = Server::connect(context, Asker::Action)?;
    let request = ApplyFiles { files, dry_run: true, diff: true, forget: false };
    let answer = accepted(context, server.command("apply", &request))?;
    let mut exit = Exit::DONE;
    for object in answer.details.objects.iter().filter(|object| object.result != "unchanged") {
        exit = Exit::FAILED;
        context.say(&format!("{} {}", object.resource, object.result))?;
        for line in printable_lines(&object.diff).lines() {
            let tone = match line.as_bytes().first() {
                Some(b'-') => Tone::Failing,
                Some(b'+') => Tone::Well,
                _ => Tone::Plain,
            };
            context.say(&context.screen.paint(line, tone))?;
        }
    }
    Ok(exit)
}
