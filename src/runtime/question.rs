//! What a probe asks and what a hook does, with the variables of their run.

use std::path::Path;

use super::hook::Deed;
use super::plan::{Start, expand, log_path};
use super::probe::http::Get;
use super::probe::{Errand, Question};
use crate::unit::model::{Handler, Hook, Http, Process};
use crate::unit::text::Text;

/// What a probe of a process asks; nothing for what a process tells by itself.
pub fn question(handler: &Handler, start: &Start<'_>, process: &Process, log_dir: &Path) -> Option<Question> {
    Some(match handler {
        Handler::Notify | Handler::Fd(_) | Handler::Watchdog(_) => return None,
        Handler::Tcp { host, port } => match number(port, start) {
            Ok(port) => Question::Tcp { host: expand(host, start), port },
            Err(impossible) => Question::Impossible(impossible),
        },
        Handler::Grpc { host, port, service } => match number(port, start) {
            Ok(port) => Question::Grpc { host: expand(host, start), port, service: service.clone() },
            Err(impossible) => Question::Impossible(impossible),
        },
        Handler::Http(http) => match get(http, start) {
            Ok(get) => Question::Http(get),
            Err(impossible) => Question::Impossible(impossible),
        },
        Handler::Exec(words) => Question::Command(Errand::Exec(command(words, start))),
        Handler::Unix(path) => Question::Command(look(["unix".to_owned(), expand(path, start)])),
        Handler::File(path) => Question::Command(look(["file".to_owned(), expand(path, start)])),
        Handler::Log(pattern) => {
            let Some(log_dir) = log_dir.to_str() else {
                return Some(Question::Impossible("the path of the log directory is no text".to_owned()));
            };
            let run = log_path(start.label, start.run, &process.name);
            let arguments = vec!["log".to_owned(), log_dir.to_owned(), run, pattern.clone()];
            // What a process prints belongs to supd: its own user may not read it.
            Question::Await(Errand::Look { arguments, own: true })
        }
    })
}

/// What a hook of a process does.
pub fn deed(hook: &Hook, start: &Start<'_>) -> Deed {
    match hook {
        Hook::Exec(words) => Deed::Exec(command(words, start)),
        Hook::Http(http) => get(http, start).map_or_else(Deed::Impossible, Deed::Http),
        Hook::Sleep(time) => Deed::Sleep(*time),
    }
}

fn command(words: &[Text], start: &Start<'_>) -> Vec<String> {
    words.iter().map(|text| expand(text, start)).collect()
}

fn look<const N: usize>(arguments: [String; N]) -> Errand {
    Errand::Look { arguments: arguments.into(), own: false }
}

fn get(http: &Http, start: &Start<'_>) -> Result<Get, String> {
    let headers = http.headers.iter().map(|(name, value)| (name.clone(), expand(value, start))).collect();
    let (host, path) = (expand(&http.host, start), expand(&http.path, start));
    Ok(Get { tls: http.tls, host, port: number(&http.port, start)?, path, headers })
}

fn number(port: &Text, start: &Start<'_>) -> Result<u16, String> {
    let text = expand(port, start);
    text.parse::<u16>().map_err(|_| format!("`{text}` is no port number"))
}
