//! `create job --from=cronjob/NAME`: a cronjob's job, now; its schedule is left alone.

use std::time::Duration;

use super::time_limit;

/// Arguments of `create`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl create job --from=cronjob/backup\n  supctl create job before-upgrade --from=cronjob/backup --wait\n\nExit codes: 0 done, 5 no such cronjob, 124 --timeout ran out; with --wait: the code of the job's program"
)]
pub struct Options {
    /// `job`
    #[arg(value_name = "NOUN")]
    noun: String,
    /// The new job's name; made up where there is none
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Whose template
    #[arg(long, value_name = "cronjob/NAME", required = true)]
    from: String,
    /// Wait for its end, and end with its program's code
    #[arg(short, long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
}
