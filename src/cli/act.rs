//! Verbs that change something, and wait until it has changed.

use std::time::Duration;

use super::time_limit;

/// Arguments of `start`, `stop`, `restart`, `suspend`, `resume`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl restart web\n  supctl stop web db --timeout 30s\n\nExit codes: 0 done, 1 it failed, 5 no such unit, 6 its file is invalid, 69 supd cannot be reached, 124 --timeout ran out, 130 interrupted: what was asked for goes on"
)]
pub struct Options {
    /// Units; stop and restart take pods, suspend and resume take jobs, too
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    blocking: Blocking,
}

/// Whether and how long to wait.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Blocking {
    /// Do not wait until it is done
    #[arg(long, alias = "no-wait")]
    pub no_block: bool,
    /// How long to wait; 0 does not
    #[arg(short, long, value_name = "DURATION", value_parser = time_limit::parse, env = "SUPCTL_TIMEOUT", hide_env = true)]
    pub timeout: Option<Duration>,
}

/// Arguments of `kill`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl kill -s HUP web\n  supctl kill -s KILL --kill-whom=all web-0\n\nExit codes: 0 done, 2 no such signal, 5 no such unit or pod, 7 it is not running, 69 supd cannot be reached"
)]
pub struct KillOptions {
    /// Units or pods
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// The signal: TERM, SIGHUP, 9
    #[arg(short, long, value_name = "SIGNAL", default_value = "TERM")]
    signal: String,
    /// main: the main process; all: everything that descends from it
    #[arg(long, value_name = "WHOM", default_value = "main", value_parser = ["main", "all"])]
    kill_whom: String,
}

/// Arguments of `scale`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl scale web --replicas=5\n  supctl scale web +2\n\nExit codes: 0 done, 1 it failed, 5 no such service, 69 supd cannot be reached, 124 --timeout ran out, 130 interrupted"
)]
pub struct ScaleOptions {
    /// Services; the last word may be N, +N or -N
    #[arg(value_name = "NAME", required = true, allow_negative_numbers = true)]
    names: Vec<String>,
    /// How many
    #[arg(long, value_name = "N|+N|-N", allow_hyphen_values = true)]
    replicas: Option<String>,
    #[command(flatten)]
    blocking: Blocking,
}

/// Arguments of `enable` and `disable`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl enable --now web\n  supctl disable web\n\nExit codes: 0 done, 1 it failed, 5 no such unit, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct EnableOptions {
    /// Units
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Start or stop them, too
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    blocking: Blocking,
}

/// Arguments of `reset-failed`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl reset-failed\n  supctl reset-failed mailer\n\nExit codes: 0 done, 5 no such unit, 69 supd cannot be reached"
)]
pub struct ResetOptions {
    /// Units; without any, all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Arguments of `delete`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl delete job/import\n  supctl delete pod web-2\n\nExit codes: 0 done, 5 nothing of that name, 69 supd cannot be reached, 124 --timeout ran out"
)]
pub struct DeleteOptions {
    /// NOUN NAME..., or NOUN/NAME..., or names of units
    #[arg(value_name = "NOUN|NAME", required = true)]
    words: Vec<String>,
    /// More than one object may match a pattern
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    blocking: Blocking,
}
