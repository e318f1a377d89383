//! `validate`: unit files are checked; no supd is needed.

use std::path::PathBuf;

use super::format::OutputOptions;

/// Arguments of `validate`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl validate\n  supctl validate web.toml units/ -o json\n\nExit codes: 0 valid, 78 invalid"
)]
pub struct Options {
    /// Unit files or directories; without any, those supd would read
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// The same, for kubectl's hands
    #[arg(short, long, value_name = "FILE", hide = true)]
    filename: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputOptions,
}

/// Not there yet.
pub fn run(_options: &Options, _context: &super::context::Context) -> super::exit::Outcome {
    Err(super::not_yet::value("this", "supctl status"))
}
