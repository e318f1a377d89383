//! `wait NAME --for=CONDITION`: until something has come to pass.

use std::time::Duration;

use super::time_limit;

/// Arguments of `wait`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl wait web --for=ready --timeout=60s\n  supctl wait job/import --for=condition=complete\n\nExit codes: 0 it has come to pass, 1 it can no longer come, 4 no such unit, 124 --timeout ran out, 130 interrupted"
)]
pub struct Options {
    /// Units, pods or jobs
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// ready, active, inactive, complete, failed, exited, deleted; condition=complete and its like
    #[arg(long = "for", value_name = "CONDITION", default_value = "ready")]
    condition: String,
    /// One of the names is enough
    #[arg(long)]
    any: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    timeout: Option<Duration>,
}
