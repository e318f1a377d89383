//! Waits for what objects say of themselves: by name, whether they are there already or not.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::exit::Failure;
use super::super::follow::again;
use super::super::goal::Verdict;
use super::super::interrupt;
use super::super::name::Noun;
use super::super::rows::Tabular;
use super::super::server::{self, Server};
use super::super::target::Asker;
use super::until::Until;
use crate::control::client::{Client, ClientError, Selection};
use crate::control::objects::{Change, CronJob, Deployment, Event, HistoryEntry, Job, Pod, Run, Unit};
use crate::limits::NEWS_QUEUE_MAX;

/// Who is waited for, and how far it is.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) noun: Noun,
    pub(super) name: String,
    pub(super) verdict: Verdict,
}

/// How a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Judged,
    TimedOut,
    Interrupted,
}

/// What threads tell.
enum News {
    /// All objects of a kind, as they are now.
    Present(Noun, Vec<Value>),
    /// One of them, as it is now.
    Changed(Noun, Value),
    /// One of them is gone.
    Gone(Noun, Value),
    /// supd cannot be watched any more.
    Lost(ClientError),
    /// Ctrl-C.
    Interrupted,
}

/// Waits until all are judged, or one has reached it where that is enough. `told` hears each verdict.
pub(super) fn wait(
    server: &Server,
    awaited: &mut [Awaited],
    until: &Until,
    any: bool,
    timeout: Option<Duration>,
    mut told: impl FnMut(&Awaited) -> Result<(), Failure>,
) -> Result<End, Failure> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut nouns: Vec<Noun> = awaited.iter().map(|awaited| awaited.noun).collect();
    nouns.sort_unstable();
    nouns.dedup();
    let (sender, news) = mpsc::sync_channel(NEWS_QUEUE_MAX);
    let mut unseen = nouns.len();
    for noun in nouns {
        feed(noun, server.socket(), sender.clone());
    }
    interrupt::on_interrupt(move || {
        // Nobody listens any more: the wait is over anyway.
        let _ = sender.send(News::Interrupted);
    });
    loop {
        let reached = |awaited: &Awaited| matches!(awaited.verdict, Verdict::Reached(_));
        if awaited.iter().all(|one| one.verdict != Verdict::Pending) || (any && awaited.iter().any(reached)) {
            return Ok(End::Judged);
        }
        // How things are is looked at once, however short the time is.
        let received = match deadline.filter(|_| unseen == 0) {
            None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => news.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        match received {
            Ok(News::Interrupted) => return Ok(End::Interrupted),
            Ok(News::Lost(error)) => return Err(server::failure(&error, Asker::Question)),
            Ok(News::Present(noun, present)) => {
                unseen = unseen.saturating_sub(1);
                for one in awaited.iter_mut().filter(|one| one.noun == noun) {
                    match present.iter().find(|object| name_of(object) == one.name) {
                        Some(object) => settle(one, until.judge(object)?, &mut told)?,
                        None if *until == Until::Created => {}
                        None => settle(one, gone(), &mut told)?,
                    }
                }
            }
            Ok(News::Changed(noun, object)) => {
                let is = |one: &&mut Awaited| one.noun == noun && one.name == name_of(&object);
                for one in awaited.iter_mut().filter(is) {
                    settle(one, until.judge(&object)?, &mut told)?;
                }
            }
            Ok(News::Gone(noun, object)) => {
                let is = |one: &&mut Awaited| one.noun == noun && one.name == name_of(&object);
                for one in awaited.iter_mut().filter(is) {
                    settle(one, gone(), &mut told)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => return Ok(End::TimedOut),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(server::failure(
                    &ClientError::Lost("no thread could be started to watch".to_owned()),
                    Asker::Question,
                ));
            }
        }
    }
}

/// The first verdict stands: what happens to it after that is another matter.
fn settle(
    one: &mut Awaited,
    verdict: Verdict,
    told: &mut impl FnMut(&Awaited) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if one.verdict != Verdict::Pending || verdict == Verdict::Pending {
        return Ok(());
    }
    one.verdict = verdict;
    told(one)
}

fn gone() -> Verdict {
    Verdict::Missed("was deleted".to_owned())
}

fn name_of(object: &Value) -> &str {
    object.get("metadata").and_then(|metadata| metadata.get("name")?.as_str()).unwrap_or_default()
}

/// Starts the thread that watches one kind of object.
fn feed(noun: Noun, socket: &Path, news: SyncSender<News>) {
    let socket = socket.to_owned();
    let run = move || {
        let ended = match noun {
            Noun::Pod => watch::<Pod>(&socket, &news),
            Noun::Job => watch::<Job>(&socket, &news),
            Noun::CronJob => watch::<CronJob>(&socket, &news),
            Noun::Service => watch::<Deployment>(&socket, &news),
            Noun::Event => watch::<Event>(&socket, &news),
            Noun::Run => watch::<Run>(&socket, &news),
            Noun::History => watch::<HistoryEntry>(&socket, &news),
            Noun::Unit | Noun::Target => watch::<Unit>(&socket, &news),
        };
        if let Err(error) = ended {
            // Nobody listens any more: the wait is over anyway.
            let _ = news.send(News::Lost(error));
        }
    };
    // Without a thread the channel ends, and the wait says so.
    let _ = std::thread::Builder::new().name(format!("watch {}", noun.plural())).spawn(run);
}

fn watch<T: Tabular>(socket: &Path, news: &SyncSender<News>) -> Result<(), ClientError> {
    again(|| {
        let client = Client::connect(socket)?;
        // First the watch, then the list: so nothing can happen between them unseen.
        let changes = client.watch::<T>(Selection::default())?;
        let present = client.list::<T>(Selection::default())?.items;
        let present = present.iter().map(to_value).collect();
        if news.send(News::Present(T::NOUN, present)).is_err() {
            return Ok(true);
        }
        for change in changes {
            let change = change?;
            let object = to_value(&change.object);
            let item = match change.change {
                Change::Added | Change::Modified => News::Changed(T::NOUN, object),
                Change::Deleted => News::Gone(T::NOUN, object),
                Change::Error => continue,
            };
            if news.send(item).is_err() {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Objects have text keys and finite numbers only: they can be written.
fn to_value<T: Tabular>(object: &T) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}
