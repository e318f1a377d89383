//! `ps`: pods as docker shows containers.

use super::age;
use super::context::Context;
use super::exit::{Exit, Outcome};
use super::format::{self, Format, OutputOptions};
use super::rows::pod::last_end;
use super::rows::{Look, Tabular};
use super::server::Server;
use super::style::Tone;
use super::table::{Cell, Table};
use super::target::Asker;
use crate::control::objects::{ContainerState, List, Pod};

/// Arguments of `ps`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl ps\n  supctl ps -a\n\nExit codes: 0 done, 69 supd cannot be reached"
)]
pub struct Options {
    /// Pods that have ended, too
    #[arg(short, long)]
    all: bool,
    /// Whole commands on a terminal, too
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    output: OutputOptions,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
}

/// Characters of a command on a terminal, as docker has it.
const COMMAND_CHARACTERS_MAX: usize = 20;

/// `supctl ps [-a]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Question)?;
    let mut pods: Vec<Pod> = server.list()?;
    pods.retain(|pod| options.all || pod.status.pid.is_some());
    let text = match options.output.format() {
        Format::Json => format::json(&List::mixed(pods))?,
        Format::Yaml => format::yaml(&List::mixed(pods))?,
        Format::JsonLines => pods.iter().map(format::json_line).collect::<Result<_, _>>()?,
        // Quiet is docker's `-q`: names alone.
        Format::Table | Format::Wide if context.quiet => names(&pods, ""),
        Format::Name => names(&pods, "pod/"),
        Format::Table | Format::Wide => {
            let whole = options.no_trunc || !context.screen.terminal;
            table(&pods, context.look(), whole).headers(!options.no_headers).render(context.screen)
        }
    };
    context.print(&text)?;
    Ok(Exit::DONE)
}

fn names(pods: &[Pod], prefix: &str) -> String {
    pods.iter().map(|pod| format!("{prefix}{}\n", pod.metadata.name)).collect()
}

fn table(pods: &[Pod], look: Look, whole: bool) -> Table {
    let mut table = Table::new(&["NAME", "COMMAND", "CREATED", "STATUS"]);
    for pod in pods {
        let created = pod.metadata.creation_timestamp.map(|created| look.now.0 - created.0);
        let created = created.map(|seconds| format!("{} ago", age::words(seconds)));
        table.push(
            Tone::Plain,
            vec![
                pod.metadata.name.as_str().into(),
                command(pod, whole).into(),
                created.unwrap_or_default().into(),
                Cell::toned(status(pod, look), pod.tone()),
            ],
        );
    }
    table
}

/// The command of main, in quotes, cut as docker cuts it.
fn command(pod: &Pod, whole: bool) -> String {
    let words = pod.spec.containers.first().map(|main| main.command.join(" ")).unwrap_or_default();
    // A script is many lines, a row is one.
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if whole || words.chars().count() <= COMMAND_CHARACTERS_MAX {
        return format!("\"{words}\"");
    }
    let cut: String = words.chars().take(COMMAND_CHARACTERS_MAX - 1).collect();
    format!("\"{cut}{}\"", if words.is_ascii() { "..." } else { "…" })
}

/// docker's words: `Up 2 hours (healthy)`, `Exited (7) 3 minutes ago`.
fn status(pod: &Pod, look: Look) -> String {
    let Some(main) = pod.main() else { return pod.state() };
    let ended = |code: u8, at: i64| format!("Exited ({code}) {} ago", age::words(look.now.0 - at));
    match &main.state {
        ContainerState::Running(running) => {
            // As docker: nothing is said of the health of what nobody asks.
            let asked = pod.spec.containers.first().is_some_and(|main| {
                main.readiness_probe.is_some()
                    || main.startup_probe.is_some()
                    || main.liveness_probe.is_some()
            });
            let health = match pod.is_ready() {
                _ if !asked => "",
                true => " (healthy)",
                false if pod.status.ready_message.is_empty() => " (starting)",
                false => " (unhealthy)",
            };
            format!("Up {}{health}", age::words(look.now.0 - running.started_at.0))
        }
        ContainerState::Terminated(end) => ended(end.exit_code, end.finished_at.0),
        ContainerState::Waiting(waiting) => match last_end(main) {
            Some(end) => {
                format!("Restarting ({}) {} ago", end.exit_code, age::words(look.now.0 - end.finished_at.0))
            }
            None if waiting.reason == "PodInitializing" => pod.state(),
            None => "Created".to_owned(),
        },
    }
}

#[cfg(test)]
#[path = "ps_tests.rs"]
pub(in crate::cli) mod tests;
