//! `api-resources`: the kinds of objects, as kubectl lists them. Needs no supd.

use super::context::Context;
use super::exit::{Exit, Outcome};
use super::name::Noun;
use super::style::Tone;
use super::table::Table;
use crate::control::objects::{CronJob, Deployment, Event, HistoryEntry, Job, Noun as Kind, Pod, Run, Unit};

/// Arguments of `api-resources`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl api-resources\n  supctl api-resources --no-headers\n\nExit codes: 0 done"
)]
pub struct Options {
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
}

/// `supctl api-resources`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let headers = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", "PATH"];
    let mut table = Table::new(&headers).headers(!options.no_headers);
    let mut put = |noun: Noun, version: &str, kind: &str, path: &str| {
        // Kubernetes' plural is the last step of the path; ours and other spellings follow.
        let name = path.rsplit('/').next().unwrap_or_default();
        let others = noun.short_names().iter().filter(|other| **other != name);
        let namespaced = path.contains("/namespaces/").to_string();
        let others = others.copied().collect::<Vec<_>>().join(",");
        let cells = [name, &others, version, &namespaced, kind, path];
        table.push(Tone::Plain, cells.map(super::table::Cell::plain).to_vec());
    };
    put(Noun::Event, Event::API_VERSION, Event::KIND, Event::PATH);
    put(Noun::Pod, Pod::API_VERSION, Pod::KIND, Pod::PATH);
    put(Noun::Service, Deployment::API_VERSION, Deployment::KIND, Deployment::PATH);
    put(Noun::CronJob, CronJob::API_VERSION, CronJob::KIND, CronJob::PATH);
    put(Noun::Job, Job::API_VERSION, Job::KIND, Job::PATH);
    put(Noun::History, HistoryEntry::API_VERSION, HistoryEntry::KIND, HistoryEntry::PATH);
    put(Noun::Run, Run::API_VERSION, Run::KIND, Run::PATH);
    put(Noun::Unit, Unit::API_VERSION, Unit::KIND, Unit::PATH);
    context.print(&table.render(context.screen))?;
    Ok(Exit::DONE)
}
