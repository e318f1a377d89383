//! `is-active`, `is-failed`, `is-ready`: answers by exit code.

/// Arguments of the questions.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl is-active web\n  supctl is-failed -q mailer && supctl logs mailer\n\nExit codes: 0 yes, for at least one; is-active and is-ready: 3 no; is-failed: 1 no; 4 no such unit, 69 supd cannot be reached"
)]
pub struct Options {
    /// Units, pods or jobs
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// It must hold for every name
    #[arg(long)]
    all_of: bool,
}
