//! `version`: of supctl, and of the supd that answers.

use serde::Serialize;

use super::context::Context;
use super::exit::{Exit, Outcome};
use super::format::{self, Format, OutputOptions};
use super::server::Server;
use super::target::Asker;

/// Arguments of `version`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  supctl version\n  supctl version -o json\n\nExit codes: 0 done")]
pub struct Options {
    #[command(flatten)]
    pub(super) output: OutputOptions,
    /// Do not ask supd
    #[arg(long)]
    pub(super) client: bool,
}

/// What `-o json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    client_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_version: Option<String>,
}

/// `supctl version`: a supd that cannot be reached has none; that is no failure.
pub fn run(options: &Options, context: &Context) -> Outcome {
    let info = || Server::connect(context, Asker::Question)?.info();
    let server_version = if options.client { None } else { info().ok().map(|info| info.status.version) };
    let versions = Versions { client_version: env!("CARGO_PKG_VERSION"), server_version };
    let text = match options.output.format() {
        Format::Json => format::json(&versions)?,
        Format::JsonLines => format::json_line(&versions)?,
        Format::Yaml => format::yaml(&versions)?,
        Format::Table | Format::Wide | Format::Name => {
            let server = versions.server_version.as_deref();
            let server = server.map_or_else(String::new, |version| format!("supd {version}\n"));
            if server.is_empty() && !options.client {
                context.note("supd cannot be reached");
            }
            format!("supctl {}\n{server}", versions.client_version)
        }
    };
    context.print(&text)?;
    Ok(Exit::DONE)
}
