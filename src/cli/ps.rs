//! `ps`: pods as docker shows containers.

use super::format::OutputOptions;

/// Arguments of `ps`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl ps\n  supctl ps -a\n\nExit codes: 0 done, 69 supd cannot be reached"
)]
pub struct Options {
    /// Pods that have ended, too
    #[arg(short, long)]
    all: bool,
    /// Whole commands on a terminal, too
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    output: OutputOptions,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
}
