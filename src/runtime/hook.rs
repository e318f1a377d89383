//! Hooks: one task for each hook that runs, which tells the manager's loop how it went.
//!
//! A hook is ended when its time is over, and when its handle is dropped, which the loop does when its run
//! has ended. After the death of a manager it may run again (HOK-007).

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::probe::{Answer, Asker, Errand, Note, Purpose, http, in_time, run_command};
use crate::engine::event::Event;
use crate::engine::id::RunId;
use crate::unit::model::HookKind;

/// What a hook does, variables replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A command. The loop starts it, as a run of its own.
    Exec(Vec<String>),
    /// A GET. As in Kubernetes any answer is a success, whatever its code.
    Http(http::Get),
    /// Nothing but time.
    Sleep(Duration),
    /// What was written makes no deed: a port that is no number once its variables are replaced.
    Impossible(String),
}

/// A hook that runs; no longer, when this is dropped.
#[derive(Debug)]
pub struct Hooking(AbortHandle);

impl Drop for Hooking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins a hook of a run, to be done within some time.
pub fn begin(run: RunId, hook: HookKind, deed: Deed, within: Duration, notes: mpsc::Sender<Note>) -> Hooking {
    let task = async move {
        let failure = perform(Asker { run, purpose: Purpose::Hook(hook) }, deed, within, &notes).await;
        // The loop is gone if this fails.
        let _ = notes.send(Note::Told(Event::Hooked { run, hook, failure })).await;
    };
    Hooking(tokio::spawn(task).abort_handle())
}

/// Why it has failed, if it has.
async fn perform(asker: Asker, deed: Deed, within: Duration, notes: &mpsc::Sender<Note>) -> Option<String> {
    let answer = match deed {
        Deed::Exec(command) => run_command(asker, &Errand::Exec(command), Some(within), notes).await,
        Deed::Http(get) => {
            let exchange = async {
                match http::exchange(&get).await {
                    Ok(head) => Answer::Success(head.code.to_string()),
                    Err(answer) => answer,
                }
            };
            in_time(within, &format!("GET {}", get.path), exchange).await
        }
        Deed::Sleep(time) => match timeout(within, sleep(time)).await {
            Ok(()) => Answer::Success(String::new()),
            Err(_) => Answer::Failure(format!("sleep: not over within {within:?}")),
        },
        Deed::Impossible(why) => Answer::Failure(why),
    };
    match answer {
        Answer::Success(_) | Answer::Warning(_) => None,
        Answer::Failure(message) | Answer::Unknown(message) => Some(message),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::engine::id::{Class, PodUid};

    const RUN: RunId = RunId { pod: PodUid(1), class: Class::Main, process: 0, attempt: 0 };

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    /// How a hook went that has a minute.
    async fn outcome(deed: Deed, within: Duration) -> Option<String> {
        let (send, mut notes) = mpsc::channel(8);
        let _hooking = begin(RUN, HookKind::PreStop, deed, within, send);
        match notes.recv().await {
            Some(Note::Told(Event::Hooked { run: RUN, hook: HookKind::PreStop, failure })) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hok_006_a_sleep_of_nothing_is_over_at_once_and_one_beyond_its_time_has_failed() {
        block_on(async {
            assert_eq!(outcome(Deed::Sleep(Duration::ZERO), Duration::from_secs(60)).await, None);
            let late = outcome(Deed::Sleep(Duration::from_secs(60)), Duration::from_millis(1)).await;
            assert!(late.is_some_and(|failure| failure.contains("within 1ms")));
        });
    }

    #[test]
    fn hok_006_any_answer_to_a_get_is_a_success_and_none_is_a_failure() {
        block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = tokio::spawn(async move {
                let (mut client, _) = listener.accept().await.unwrap();
                client.write_all(b"HTTP/1.1 500 No\r\n\r\n").await.unwrap();
            });
            let host = "127.0.0.1".to_owned();
            let get = http::Get { tls: false, host, port, path: "/".into(), headers: Vec::new() };
            let minute = Duration::from_secs(60);
            assert_eq!(outcome(Deed::Http(get.clone()), minute).await, None);
            server.await.unwrap();
            assert!(
                outcome(Deed::Http(get), minute).await.is_some_and(|failure| failure.contains("refused"))
            );
        });
    }
}
