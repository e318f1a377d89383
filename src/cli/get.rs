//! `get`: tables and objects of every noun.

use super::format::OutputOptions;

/// Arguments of `get`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl get pods -w\n  supctl get jobs import -o json\n\nExit codes: 0 done, 2 no such noun, 4 no such object, 69 supd cannot be reached"
)]
pub struct Options {
    /// pods, jobs, cronjobs, services, units, targets, events, runs or all, then names; or NOUN/NAME
    #[arg(value_name = "NOUN|NAME")]
    words: Vec<String>,
    #[command(flatten)]
    output: OutputOptions,
    /// Print each change as it happens
    #[arg(short, long)]
    watch: bool,
    /// Only objects with these labels: k=v, k!=v, k, !k, with commas
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
    /// Only objects in this state, by its word in STATUS
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only objects that have failed
    #[arg(long)]
    failed: bool,
    /// Accepted for the habit: finished ones are shown anyway
    #[arg(short, long)]
    all: bool,
    /// For docker's and systemctl's hands: names are never cut in a pipe
    #[arg(long, hide = true)]
    plain: bool,
}
