//! `apply` and `daemon-reload`: unit files are read again.

use std::path::PathBuf;

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
