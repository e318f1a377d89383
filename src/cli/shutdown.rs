//! `shutdown`: supd ends in order.

use std::time::Duration;

use super::time_limit;

/// Arguments of `shutdown`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl shutdown\n  supctl shutdown --timeout 5s\n\nExit codes: 0 done, 1 refused, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct Options {
    /// How long units may take to stop
    #[arg(short, long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
    /// Do not wait for the end
    #[arg(long, alias = "no-wait")]
    no_block: bool,
}
