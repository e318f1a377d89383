//! `reexec`: supd goes on as another program, and nothing of what it runs notices.

use std::path::PathBuf;
use std::time::Instant;

use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::server::{Server, failure};
use super::target::Asker;
use crate::control::client::{Client, ClientError};
use crate::control::objects::{InfoStatus, ReexecOptions, Status};
use crate::limits::SUPD_AWAY_MAX;

/// Arguments of `reexec`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "The new program is tried first, on a copy of what supd knows. If it does not say that it can\ntake over - it is older, broken, or no supd at all - all goes on as before.\n\nExamples:\n  supctl reexec\n  supctl reexec --binary /usr/local/sbin/supd\n\nExit codes: 0 done, 1 refused, 69 supd cannot be reached"
)]
pub struct Options {
    /// The program to go on as [default: what is where supd was started from]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

/// How often to look whether supd is there again.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// `supctl reexec`
pub fn run(options: &Options, context: &Context) -> Outcome {
    let server = Server::connect(context, Asker::Action)?;
    let before = server.info()?.status;
    let wish = ReexecOptions { binary: options.binary.as_deref().map(absolute).transpose()? };
    match server.client().post::<Status>("/apis/supd/v1/reexec", &wish) {
        // It is not there any more to answer: the other program is.
        Err(ClientError::Lost(_)) => {}
        Ok(status) => return Err(Failure::new(Exit::FAILED, status.message)),
        Err(error) => return Err(failure(&error, Asker::Action)),
    }
    let after = next(&server)?;
    if after.replaced == before.replaced {
        return Err(
            Failure::new(Exit::FAILED, "not replaced; supd goes on as it was").hint("see its own log")
        );
    }
    let (old, new, pid) = (before.version, after.version, after.pid);
    context.say(&format!("supd {old} → {new}: replaced in place (pid {pid})"))?;
    Ok(Exit::DONE)
}

/// What the manager says that comes next.
fn next(server: &Server) -> Result<InfoStatus, Failure> {
    let begun = Instant::now();
    loop {
        let asked = Client::connect(server.socket()).and_then(|mut client| {
            client.set_deadline(Some(begun + SUPD_AWAY_MAX));
            client.info()
        });
        match asked {
            Ok(info) => return Ok(info.status),
            Err(ClientError::Lost(_) | ClientError::Unreachable { .. })
                if begun.elapsed() < SUPD_AWAY_MAX =>
            {
                std::thread::sleep(LOOK);
            }
            Err(error) => return Err(failure(&error, Asker::Action)),
        }
    }
}

/// supd has another working directory than we have.
fn absolute(path: &std::path::Path) -> Result<String, Failure> {
    let cannot = |why: String| Failure::usage(format!("`--binary {}`: {why}", path.display()));
    let absolute = std::path::absolute(path).map_err(|error| cannot(error.to_string()))?;
    absolute.into_os_string().into_string().map_err(|_| cannot("it is not UTF-8".to_owned()))
}
