//! `doctor`: what this place allows, what is degraded, and what would mend it. Works without a running supd.
//!
//! supctl tries things itself, in the place that it runs in and with its own rights; what the running supd knows
//! better it is asked for. A file for each group of rows; [`check`] says what a row is, [`report`] shows all.

mod calls;
mod cgroups;
mod check;
mod console;
mod files;
mod limits;
mod place;
mod report;
mod rights;
mod running;
mod survey;
mod time;

use self::report::Report;
use self::survey::Survey;
use super::context::Context;
use super::exit::{Exit, Outcome};
use super::format::{self, Format, OutputOptions};

/// What `--help` says first.
pub const ABOUT: &str = "\
What this place allows supd to do, and what is degraded

A row for each capability of the place that supctl runs in, found by trying: `yes`, `degraded` (supd works, with
less or by another way), `no` (supd cannot work without it), or `none` (not here, and not needed). What depends on
rights says whose: those of the running supd, where one answers; else those of who asks.";

/// Arguments of `doctor`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl doctor\n  supctl doctor -o json\n\nExit codes: 0 supd can work here, whatever is degraded; 1 something that it needs is missing"
)]
pub struct Options {
    #[command(flatten)]
    output: OutputOptions,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
}

/// `supctl doctor`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let survey = Survey::make(context);
    let groups = vec![
        running::group(&survey),
        place::group(&survey),
        rights::group(&survey),
        calls::group(&survey),
        files::group(&survey),
        cgroups::group(&survey),
        limits::group(&survey),
        time::group(&survey),
        console::group(&survey),
    ];
    let report = Report::new(groups);
    let text = match options.output.format() {
        Format::Table | Format::Wide => report.table(context.screen, !options.no_headers),
        Format::Json => format::json(&report)?,
        Format::JsonLines => format::json_line(&report)?,
        Format::Yaml => format::yaml(&report)?,
        Format::Name => report.names(),
    };
    context.print(&text)?;
    Ok(if report.works() { Exit::DONE } else { Exit::FAILED })
}
