//! `version`: of supctl, and of the supd that answers.

use super::format::OutputOptions;

/// Arguments of `version`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  supctl version\n  supctl version -o json\n\nExit codes: 0 done")]
pub struct Options {
    #[command(flatten)]
    pub(super) output: OutputOptions,
    /// Do not ask supd
    #[arg(long)]
    pub(super) client: bool,
}
