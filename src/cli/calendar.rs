//! `calendar EXPR`: a schedule in words, and its next times; no supd is needed.

use super::format::OutputOptions;

/// Arguments of `calendar`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl calendar '30 2 * * 1-5' --tz Europe/Berlin\n  supctl calendar @daily -n 3 -o json\n\nExit codes: 0 done, 78 the schedule or the zone is wrong"
)]
pub struct Options {
    /// Five or six fields, or @daily and its like, or @every 5m
    #[arg(value_name = "EXPR", required = true, allow_hyphen_values = true)]
    expression: Vec<String>,
    /// An IANA zone; without it: this host's
    #[arg(long, visible_alias = "timezone", value_name = "ZONE")]
    tz: Option<String>,
    /// From when on; without it: from now on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// How many times
    #[arg(short = 'n', long, visible_alias = "iterations", value_name = "N", default_value_t = 5)]
    lines: usize,
    /// Hours that daylight saving removes or repeats: once, or literal as in Kubernetes
    #[arg(long, value_name = "RULE", default_value = "once", value_parser = ["once", "literal"])]
    dst: String,
    #[command(flatten)]
    output: OutputOptions,
}
