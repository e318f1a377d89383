//! `status`: the headline screen, and the block of one unit.

use std::time::Duration;

use super::block;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::format::{self, Format, OutputOptions};
use super::headline::Headline;
use super::logs;
use super::rows::Tabular;
use super::server::Server;
use super::style::Tone;
use super::subject::{Active, Subject};
use super::target::{self, Asker};
use crate::control::objects::{Info, List, Pod, SystemState, Unit};

/// Arguments of `status`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  supctl status\n  supctl status web -n 20\n\nExit codes: 0 well, 3 a named unit is not active, 4 no such unit, 69 supd cannot be reached"
)]
pub struct Options {
    /// Units, pods or jobs; without any, all units
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    output: OutputOptions,
    /// Log lines of each named unit
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Refresh in place
    #[arg(short, long)]
    watch: bool,
    /// Accepted for the habit: all units are shown anyway
    #[arg(short, long, hide = true)]
    all: bool,
    /// No line of headers
    #[arg(long, alias = "no-legend")]
    no_headers: bool,
}

/// How often `-w` draws anew.
const REFRESH: Duration = Duration::from_secs(1);
/// Moves the cursor home, and clears what is below.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// `supctl status [NAME...]`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let mut shown = None;
    loop {
        let server = Server::connect(context, Asker::Question)?;
        let (text, exit) = if options.names.is_empty() {
            (whole(options, context, &server)?, Exit::DONE)
        } else {
            named(options, context, &server)?
        };
        // On a terminal ages go on; in a pipe only news is news.
        if context.screen.terminal && options.watch {
            context.print(&format!("{CLEAR}{text}"))?;
        } else if shown.as_ref() != Some(&text) {
            context.print(&text)?;
        }
        if !options.watch {
            return Ok(exit);
        }
        shown = Some(text);
        std::thread::sleep(REFRESH);
    }
}

/// A list of all units, and supd itself beside it.
#[derive(serde::Serialize)]
struct Whole {
    #[serde(flatten)]
    units: List<Unit>,
    info: Info,
}

/// The headline screen, or its units in another format.
fn whole(options: &Options, context: &Context, server: &Server) -> Result<String, Failure> {
    let people = matches!(options.output.format(), Format::Table | Format::Wide);
    let info = server.info()?;
    if people && info.status.state == SystemState::Safe {
        let headline = Headline { info: &info, units: Vec::new(), last_line: None, headers: false };
        return Ok(headline.reason(context.screen, context.look()));
    }
    let units: Vec<Unit> = server.list()?;
    match options.output.format() {
        Format::Table | Format::Wide => {}
        Format::Json => return format::json(&Whole { info, units: List::mixed(units) }),
        Format::JsonLines => return units.iter().map(format::json_line).collect(),
        Format::Yaml => return format::yaml(&Whole { info, units: List::mixed(units) }),
        Format::Name => {
            return Ok(units.iter().map(|unit| format!("unit/{}\n", unit.metadata.name)).collect());
        }
    }
    let failing: Vec<&Unit> = units.iter().filter(|unit| unit.tone() == Tone::Failing).collect();
    // Only one failing unit is quoted, and only where somebody reads it.
    let last_line = match failing.as_slice() {
        [unit] if context.screen.terminal => {
            logs::last_line(server, &Subject::Unit(Box::new((*unit).clone())))
        }
        _ => None,
    };
    let headline =
        Headline { info: &info, units: units.iter().collect(), last_line, headers: !options.no_headers };
    // In a pipe the rows are data, and nothing else.
    if !context.screen.terminal {
        let warnings =
            headline.not_saved(context.look()).into_iter().chain(info.status.warnings.iter().cloned());
        warnings.for_each(|words| context.note(&format!("warning: {words}")));
        if let Some(words) = headline.planned(context.look()) {
            context.note(&format!("note: {words}"));
        }
    }
    Ok(headline.render(context.screen, context.look()))
}

/// A block for each name, with its last log lines; 3 where one of them is not active.
fn named(options: &Options, context: &Context, server: &Server) -> Result<(String, Exit), Failure> {
    let found = target::resolve(server, &options.names, Asker::Question)?;
    let mut exit = Exit::DONE;
    for failure in &found.missing {
        context.complain(failure);
        exit = exit.and(failure.exit);
    }
    if found.subjects.iter().any(|subject| subject.active() != Active::Active) {
        exit = exit.and(Exit::NOT_ACTIVE);
    }
    let one = options.names.len() == 1 && found.subjects.len() == 1;
    let list = || List::mixed(found.subjects.clone());
    let text = match (options.output.format(), found.subjects.first()) {
        (Format::Json, Some(subject)) if one => format::json(subject)?,
        (Format::Yaml, Some(subject)) if one => format::yaml(subject)?,
        (Format::Json, _) => format::json(&list())?,
        (Format::Yaml, _) => format::yaml(&list())?,
        (Format::JsonLines, _) => found.subjects.iter().map(format::json_line).collect::<Result<_, _>>()?,
        (Format::Name, _) => {
            let names = found.subjects.iter().map(|s| format!("{}/{}\n", s.noun().singular(), s.name()));
            names.collect()
        }
        (Format::Table | Format::Wide, _) => {
            let blocks = found.subjects.iter().map(|subject| block_of(options, context, server, subject));
            blocks.collect::<Result<Vec<_>, _>>()?.join("\n")
        }
    };
    Ok((text, exit))
}

fn block_of(
    options: &Options,
    context: &Context,
    server: &Server,
    subject: &Subject,
) -> Result<String, Failure> {
    let pods = match subject {
        Subject::Unit(unit) if unit.status.pod_count > 0 => {
            let mut pods: Vec<Pod> = server.list()?;
            pods.retain(|pod| pod.status.unit.as_str() == unit.metadata.name);
            pods
        }
        _ => Vec::new(),
    };
    let mut text = block::render(subject, &pods, context.screen, context.look());
    for line in logs::last_lines(server, subject, options.lines, context.look()) {
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}
