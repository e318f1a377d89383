//! `run -- CMD`: a unit without a file.

use std::time::Duration;

use super::time_limit;

/// Arguments of `run`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl run --job --wait -- make -C /srv all\n  supctl run --name tunnel -- ssh -N host\n\nExit codes: 0 done, 1 it failed to start, 69 supd cannot be reached, 124 --timeout ran out;\nwith --wait: the program's own code, 128 + n for signal n, 126 or 127 where it could not be started"
)]
pub struct Options {
    /// Its name; made from the program's where there is none
    #[arg(long, visible_alias = "unit", value_name = "NAME")]
    name: Option<String>,
    /// A job that ends, instead of a service that is kept
    #[arg(long)]
    job: bool,
    /// Wait for its end, and end with its code; means --job
    #[arg(short, long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
    /// Do not wait until it has started
    #[arg(long, alias = "no-wait", conflicts_with = "wait")]
    no_block: bool,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, last = false, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}
