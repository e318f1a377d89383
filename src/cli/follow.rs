//! Waiting: objects are watched until each has reached its goal, cannot reach it, or the time is up.
//!
//! One thread for each kind of object reads a watch; they and Ctrl-C meet in one channel. A watch that ends
//! because supd's manager was started anew begins again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::goal::{Goal, Verdict};
use super::interrupt;
use super::name::Noun;
use super::progress::Progress;
use super::rows::Tabular;
use super::server::{self, Server};
use super::subject::Subject;
use super::target::Asker;
use crate::control::client::{Client, ClientError, Selection};
use crate::control::objects::{Change, Job, Pod, StatusReason, Unit};
use crate::limits::{NEWS_QUEUE_MAX, SUPD_AWAY_MAX};

/// What is waited for, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// See [`Goal`].
    pub goal: Goal,
    /// One is enough.
    pub any: bool,
    /// From now; without it: as long as it takes.
    pub timeout: Option<Duration>,
}

/// How a wait has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All was reached, or missed, or one of them where that is enough.
    Judged,
    /// The time was up first.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
}

/// What a wait found out.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// Each object's verdict, in the order in which they were given.
    pub verdicts: Vec<(String, Verdict)>,
}

/// What threads tell.
enum News {
    /// All objects of a kind, as they are now.
    Present(Noun, Vec<Subject>),
    /// One of them, as it is now.
    Changed(Subject),
    /// One of them is gone.
    Gone(String),
    /// supd cannot be watched any more.
    Lost(ClientError),
    /// Ctrl-C.
    Interrupted,
}

/// How long to wait before each try to reach it.
const RETRY: Duration = Duration::from_millis(200);

/// Waits. `told` hears each verdict as it is found.
pub fn follow(
    context: &Context,
    server: &Server,
    subjects: &[Subject],
    wish: Wish,
    progress: &Progress,
    mut told: impl FnMut(&str, &Verdict) -> Result<(), Failure>,
) -> Result<Report, Failure> {
    let mut watched = Watched::new(subjects, wish);
    let deadline = wish.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let (sender, news) = mpsc::sync_channel(NEWS_QUEUE_MAX);
    for noun in watched.nouns() {
        feed(noun, server.socket(), sender.clone());
    }
    interrupt::on_interrupt(move || {
        // Nobody listens any more: the wait is over anyway.
        let _ = sender.send(News::Interrupted);
    });
    let end = loop {
        if watched.is_judged() {
            break End::Judged;
        }
        let received = match deadline {
            None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => news.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        let changed = match received {
            Ok(News::Interrupted) => break End::Interrupted,
            Ok(News::Lost(error)) => return Err(server::failure(&error, Asker::Question)),
            Ok(News::Present(noun, present)) => watched.present(noun, &present),
            Ok(News::Changed(subject)) => {
                if watched.verdicts.contains_key(subject.uid()) {
                    progress.update(&subject);
                }
                watched.changed(&subject).into_iter().collect()
            }
            Ok(News::Gone(uid)) => watched.gone(&uid).into_iter().collect(),
            Err(RecvTimeoutError::Timeout) => break End::TimedOut,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(Exit::FAILED, "nothing can be watched: no thread could be started"));
            }
        };
        for (name, verdict) in changed {
            progress.finish(&name);
            progress.aside(|| told(&name, &verdict))?;
        }
    };
    if end == End::Interrupted && !context.quiet {
        progress.aside(|| context.note("interrupted: what was asked for goes on"));
    }
    Ok(Report { end, verdicts: watched.into_verdicts() })
}

/// What is known of each object, by its uid.
struct Watched {
    wish: Wish,
    order: Vec<String>,
    verdicts: BTreeMap<String, (Noun, String, Verdict)>,
}

impl Watched {
    fn new(subjects: &[Subject], wish: Wish) -> Self {
        let order = subjects.iter().map(|subject| subject.uid().to_owned()).collect();
        let pending = |subject: &Subject| (subject.noun(), subject.name().to_owned(), Verdict::Pending);
        let verdicts = subjects.iter().map(|subject| (subject.uid().to_owned(), pending(subject))).collect();
        Self { wish, order, verdicts }
    }

    fn nouns(&self) -> Vec<Noun> {
        let mut nouns: Vec<Noun> = self.verdicts.values().map(|(noun, ..)| *noun).collect();
        nouns.sort_unstable();
        nouns.dedup();
        nouns
    }

    fn is_judged(&self) -> bool {
        let mut verdicts = self.verdicts.values().map(|(_, _, verdict)| verdict);
        let reached = |verdict: &Verdict| matches!(verdict, Verdict::Reached(_));
        let pending = verdicts.clone().any(|verdict| *verdict == Verdict::Pending);
        !pending || (self.wish.any && verdicts.any(reached))
    }

    fn changed(&mut self, subject: &Subject) -> Option<(String, Verdict)> {
        let verdict = self.wish.goal.judge(subject);
        self.settle(subject.uid(), verdict)
    }

    fn gone(&mut self, uid: &str) -> Option<(String, Verdict)> {
        self.settle(uid, self.wish.goal.judge_gone())
    }

    /// What is not among those that are present is gone.
    fn present(&mut self, noun: Noun, present: &[Subject]) -> Vec<(String, Verdict)> {
        let uids: Vec<String> =
            self.order.iter().filter(|uid| self.verdicts[*uid].0 == noun).cloned().collect();
        let settled =
            uids.iter().filter_map(|uid| match present.iter().find(|subject| subject.uid() == uid) {
                Some(subject) => self.changed(subject),
                None => self.gone(uid),
            });
        settled.collect()
    }

    /// The first verdict stands: what happens to it after that is another matter.
    fn settle(&mut self, uid: &str, verdict: Verdict) -> Option<(String, Verdict)> {
        let (_, name, known) = self.verdicts.get_mut(uid)?;
        if *known != Verdict::Pending || verdict == Verdict::Pending {
            return None;
        }
        *known = verdict.clone();
        Some((name.clone(), verdict))
    }

    fn into_verdicts(mut self) -> Vec<(String, Verdict)> {
        let verdicts = self.order.iter().filter_map(|uid| self.verdicts.remove(uid));
        verdicts.map(|(_, name, verdict)| (name, verdict)).collect()
    }
}

/// Starts the thread that watches one kind of object.
fn feed(noun: Noun, socket: &Path, news: SyncSender<News>) {
    let socket = socket.to_owned();
    let run = move || {
        let ended = match noun {
            Noun::Pod => watch::<Pod>(&socket, &news, |pod| Subject::Pod(Box::new(pod))),
            Noun::Job => watch::<Job>(&socket, &news, |job| Subject::Job(Box::new(job))),
            _ => watch::<Unit>(&socket, &news, |unit| Subject::Unit(Box::new(unit))),
        };
        if let Err(error) = ended {
            // Nobody listens any more: the wait is over anyway.
            let _ = news.send(News::Lost(error));
        }
    };
    // Without a thread the channel ends, and the wait says so.
    let _ = std::thread::Builder::new().name(format!("watch {}", noun.plural())).spawn(run);
}

/// Watches anew each time a watch has ended, until one says that nobody listens any more (`true`). A supd
/// that is away comes back, or has ended.
pub fn again(mut watch: impl FnMut() -> Result<bool, ClientError>) -> Result<(), ClientError> {
    let mut away_since = None;
    loop {
        match watch() {
            Ok(true) => return Ok(()),
            Err(error) if !comes_back(&error) => return Err(error),
            Err(error @ ClientError::Unreachable { .. }) => {
                if away_since.get_or_insert_with(Instant::now).elapsed() > SUPD_AWAY_MAX {
                    return Err(error);
                }
            }
            // Somebody took the connection: supd is there, if only its keeper for now.
            Ok(false) | Err(_) => away_since = None,
        }
        std::thread::sleep(RETRY);
    }
}

/// Whether it may be otherwise soon: supd's manager is started anew, or we were too slow for it.
fn comes_back(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::Lost(_) => true,
        ClientError::Refused(status) => {
            matches!(status.reason, Some(StatusReason::ServiceUnavailable | StatusReason::Expired))
        }
        ClientError::TimedOut | ClientError::Garbled(_) => false,
    }
}

/// Watches until nobody listens.
fn watch<T: Tabular>(
    socket: &Path,
    news: &SyncSender<News>,
    wrap: fn(T) -> Subject,
) -> Result<(), ClientError> {
    again(|| watch_once(socket, news, wrap))
}

/// One watch, to its end. True where nobody listens any more.
fn watch_once<T: Tabular>(
    socket: &Path,
    news: &SyncSender<News>,
    wrap: fn(T) -> Subject,
) -> Result<bool, ClientError> {
    let client = Client::connect(socket)?;
    // First the watch, then the list: so nothing can happen between them unseen.
    let changes = client.watch::<T>(Selection::default())?;
    let present = client.list::<T>(Selection::default())?.items.into_iter().map(wrap).collect();
    let noun = if matches!(T::NOUN, Noun::Pod | Noun::Job) { T::NOUN } else { Noun::Unit };
    if news.send(News::Present(noun, present)).is_err() {
        return Ok(true);
    }
    for change in changes {
        let change = change?;
        let item = match change.change {
            Change::Added | Change::Modified => News::Changed(wrap(change.object)),
            Change::Deleted => News::Gone(change.object.metadata().uid.clone()),
            Change::Error => continue,
        };
        if news.send(item).is_err() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::unit;
    use super::*;
    use crate::control::objects::Status;

    fn subject(name: &str, state: &str) -> Subject {
        let mut unit = unit(name, 60, json!({"state": state}));
        unit.metadata.uid = format!("uid of {name}");
        Subject::Unit(Box::new(unit))
    }

    fn watched(any: bool) -> Watched {
        let subjects = [subject("a", "Stopped"), subject("b", "Stopped")];
        Watched::new(&subjects, Wish { goal: Goal::Up, any, timeout: None })
    }

    #[test]
    fn a_wait_ends_when_all_are_judged() {
        let mut watched = watched(false);
        assert_eq!(watched.nouns(), [Noun::Unit]);
        assert_eq!(watched.changed(&subject("a", "Starting")), None);
        assert!(watched.changed(&subject("a", "Running")).is_some());
        assert!(!watched.is_judged());
        assert!(watched.gone("uid of b").is_some());
        assert!(watched.is_judged());
        // The first verdict stands.
        assert_eq!(watched.changed(&subject("a", "Failed")), None);
        assert_eq!(watched.into_verdicts()[0].1, Verdict::Reached("running".to_owned()));
    }

    #[test]
    fn one_may_be_enough() {
        let mut watched = watched(true);
        watched.changed(&subject("b", "Failed"));
        assert!(!watched.is_judged());
        watched.changed(&subject("a", "Running"));
        assert!(watched.is_judged());
    }

    #[test]
    fn watches_go_on_where_supd_comes_back() {
        let mut ends = vec![
            Ok(true),
            Err(ClientError::Refused(Box::new(Status::failure(StatusReason::ServiceUnavailable, "")))),
            Ok(false),
            Err(ClientError::Lost(String::new())),
        ];
        assert!(again(|| ends.pop().unwrap()).is_ok());
        assert!(ends.is_empty());
        assert!(again(|| Err(ClientError::Garbled(String::new()))).is_err());
    }

    #[test]
    fn what_is_not_there_at_the_start_is_gone() {
        let mut watched = watched(false);
        let told = watched.present(Noun::Unit, &[subject("a", "Running")]);
        assert_eq!(told.len(), 2);
        assert_eq!(told[1].1, Verdict::Missed("was deleted".to_owned()));
        assert!(watched.present(Noun::Unit, &[]).is_empty());
    }
}
