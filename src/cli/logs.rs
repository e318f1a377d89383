//! `logs`: what units, pods and jobs have printed.

use std::time::Duration;

use super::time_limit;

/// Arguments of `logs`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl logs -f --tail 20 web\n  supctl logs -p web-0 --timestamps\n\nExit codes: 0 done, 4 no such unit, pod or job, 69 supd cannot be reached, 130 interrupted"
)]
pub struct Options {
    /// Units, pods or jobs
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Go on with what is printed from now on
    #[arg(short, long)]
    follow: bool,
    /// Only the last lines; `all` is all
    #[arg(short = 'n', long, visible_alias = "lines", value_name = "N", value_parser = line_count)]
    tail: Option<usize>,
    /// Only lines since a time, or newer than a duration
    #[arg(short = 'S', long, value_name = "TIME|DURATION")]
    since: Option<String>,
    /// Of the run before the present one
    #[arg(short, long)]
    previous: bool,
    /// The time of each line before it
    #[arg(long, short = 't')]
    timestamps: bool,
    /// The pod's name before each line; the rule where there are several
    #[arg(long)]
    prefix: bool,
    /// One process of the pod: main, or an init step
    #[arg(short, long, value_name = "PROCESS")]
    container: Option<String>,
}

/// `20`; `all` and kubectl's `-1` are all.
fn line_count(text: &str) -> Result<usize, String> {
    match text {
        "all" | "-1" => Ok(usize::MAX),
        _ => text.parse().map_err(|_| "not a number of lines, nor `all`".to_owned()),
    }
}

/// Not there yet.
pub fn run(_options: &Options, _context: &super::context::Context) -> super::exit::Outcome {
    Err(super::not_yet::value("this", "supctl status"))
}
