//! The grammar of the command line: one line for each verb; what a verb takes is in the verb's own file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::style::ColorChoice;
use super::{
    act, api_resources, apply, ask, calendar, complete, convert, create, delete, describe, diff, doctor,
    enable, events, exec, explain, export, get, help, history, kill, logs, ps, reexec, rollout, run, scale,
    shutdown, status, switch_root, validate, version, wait,
};

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "supctl",
    version,
    about = "Control supd: services, jobs and cronjobs with the semantics of Kubernetes",
    disable_help_subcommand = true,
    max_term_width = 100,
    override_help = help::OVERVIEW
)]
pub struct Arguments {
    /// What holds for every verb.
    #[command(flatten)]
    pub global: Global,
    /// The verb; [`super::alias`] has put `status` where there was none.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags of every verb.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The socket of supd [env: SUPD_SOCKET]
    // Read by `Context`: clap would name a flag that came from the environment in every usage line.
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        env = "SUPCTL_COLOR",
        hide_env = true
    )]
    pub color: ColorChoice,
    /// No progress, no words: exit codes and data only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Times in UTC
    #[arg(long, global = true)]
    pub utc: bool,
    /// Talk to the supd of this account
    #[arg(long, global = true, hide = true, conflicts_with = "system")]
    pub user: bool,
    /// Talk to the supd of the machine
    #[arg(long, global = true, hide = true)]
    pub system: bool,
    /// Accepted for systemctl's hands: there is no pager yet
    #[arg(long, global = true, hide = true)]
    pub no_pager: bool,
    /// Another host, over ssh
    #[arg(short = 'H', long, global = true, hide = true, value_name = "HOST")]
    pub host: Option<String>,
}

/// The verbs, in the order of the manual.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// How all units are, or one unit with its last log lines
    Status(status::Options),
    /// A table of pods, jobs, cronjobs, services, units, events or runs
    Get(get::Options),
    /// All that is known of an object, with its events
    Describe(describe::Options),
    /// What has happened
    Events(events::Options),
    /// Pods as docker shows containers
    Ps(ps::Options),
    /// Read the output of units, pods and jobs
    Logs(logs::Options),
    /// How runs ended, and why others were not started
    #[command(long_about = history::ABOUT)]
    History(history::Options),
    /// Start units, and wait until they are ready
    Start(act::Options),
    /// Stop units or pods, and wait until they are gone
    Stop(act::Options),
    /// Replace the pods of units, one by one
    Restart(act::Options),
    /// Send a signal to the processes of units or pods
    Kill(kill::Options),
    /// Change the number of replicas of a service
    Scale(scale::Options),
    /// How a changed template comes to the pods of a service: status, history, undo, pause, resume
    Rollout(rollout::Options),
    /// Hold jobs and cronjobs
    Suspend(act::Options),
    /// Let suspended jobs and cronjobs go on
    Resume(act::Options),
    /// Start units at boot
    Enable(enable::Options),
    /// Do not start units at boot
    Disable(enable::Options),
    /// Forget back-off and failures
    ResetFailed(enable::ResetOptions),
    /// Stop and forget units, jobs or pods
    Delete(delete::Options),
    /// Make a job from a cronjob, now
    Create(create::Options),
    /// Run a command as a transient service or job
    Run(run::Options),
    /// Run a command in the context of a unit
    Exec(exec::Options),
    /// Wait until something has come to pass
    Wait(wait::Options),
    /// Whether at least one unit is active
    IsActive(ask::Options),
    /// Whether at least one unit has failed
    IsFailed(ask::Options),
    /// Whether at least one unit is ready
    IsReady(ask::Options),
    /// Whether all is well, in one word
    IsSystemRunning(ask::SystemOptions),
    /// Load unit files, and change what differs
    Apply(apply::Options),
    /// What applying files would change
    Diff(diff::Options),
    /// Load unit files only: what runs is left alone
    DaemonReload(apply::ReloadOptions),
    /// Check unit files; no supd is needed
    Validate(validate::Options),
    /// Units as manifests for a Kubernetes cluster; no supd is needed
    #[command(long_about = export::ABOUT)]
    Export(export::Options),
    /// Crontabs as units; no supd is needed
    #[command(long_about = convert::ABOUT)]
    Convert(convert::Options),
    /// A schedule in words, and its next times; no supd is needed
    Calendar(calendar::Options),
    /// Go on as another program of supd: what runs does not notice
    Reexec(reexec::Options),
    /// End supd in order
    Shutdown(shutdown::Options),
    /// End supd in order, with an exit code: of a container, or below another init
    Exit(shutdown::ExitOptions),
    /// Switch the machine off, in order
    Poweroff(shutdown::machine::MachineOptions),
    /// Start the machine anew, in order
    Reboot(shutdown::machine::RebootOptions),
    /// Halt the machine, in order, and leave it switched on
    Halt(shutdown::machine::MachineOptions),
    /// Start the machine anew, in order, with another kernel at once
    Kexec(shutdown::kexec::KexecOptions),
    /// Start everything but the kernel anew, in order; from /run/nextroot if that is mounted
    SoftReboot(shutdown::machine::MachineOptions),
    /// Stop everything, in order, for a shell on the console; then as `soft-reboot`
    Rescue(shutdown::machine::MachineOptions),
    /// Go on with another root, and the init there
    SwitchRoot(switch_root::Options),
    /// What this place allows supd to do, and what is degraded; no supd is needed
    #[command(long_about = doctor::ABOUT)]
    Doctor(doctor::Options),
    /// The version of supctl and of supd
    Version(version::Options),
    /// The kinds of objects
    ApiResources(api_resources::Options),
    /// What a key of a unit, its counterpart in Kubernetes, or the code of a fault means
    Explain(explain::Options),
    /// What a shell's completion asks
    #[command(name = "__complete", hide = true)]
    Words(complete::Words),
    /// Completions for a shell
    Completion(complete::Options),
    /// Help on a verb, or on a topic: exit-codes
    Help(help::Options),
    /// A verb that is not built yet, or none at all.
    #[command(external_subcommand)]
    Unknown(Vec<String>),
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
