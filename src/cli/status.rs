//! `status`: the headline screen, and the block of one unit.

use super::format::OutputOptions;

/// Arguments of `status`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl status\n  supctl status web -n 20\n\nExit codes: 0 well, 3 a named unit is not active, 4 no such unit, 69 supd cannot be reached"
)]
pub struct Options {
    /// Units, pods or jobs; without any, all units
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    output: OutputOptions,
    /// Log lines of each named unit
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Refresh in place
    #[arg(short, long)]
    watch: bool,
    /// Accepted for the habit: all units are shown anyway
    #[arg(short, long, hide = true)]
    all: bool,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
}
