//! Probes against listeners of our own on the loopback.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::engine::id::{Class, PodUid};
use crate::unit::model::Handler;

const RUN: RunId = RunId { pod: PodUid(1), class: Class::Main, process: 0, attempt: 0 };

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn subject(question: Question) -> Subject {
    let probe = Probe {
        handler: Handler::Notify,
        initial_delay: Duration::ZERO,
        period: Duration::from_millis(2),
        timeout: Duration::from_secs(5),
        success_threshold: 1,
        failure_threshold: 2,
        grace: None,
    };
    Subject { run: RUN, started: clock::mono(), was_ready: false, question, probe }
}

/// The next verdict that is told.
async fn verdict(notes: &mut mpsc::Receiver<Note>) -> (bool, String) {
    match notes.recv().await {
        Some(Note::Told(Event::Probed { run: RUN, good: ready, message, .. })) => (ready, message),
        other => panic!("expected a verdict, got {other:?}"),
    }
}

#[test]
fn tcp_is_ready_when_somebody_listens_and_unready_when_nobody_does() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, mut notes) = mpsc::channel(8);
        let _probing = begin(subject(Question::Tcp { host: "localhost".into(), port }), send);
        assert!(verdict(&mut notes).await.0);
        drop(listener);
        let (ready, message) = verdict(&mut notes).await;
        assert!(!ready && message.contains("refused"), "{message}");
    });
}

#[test]
fn http_follows_the_status_code() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            for code in ["204 No Content", "301 Moved", "500 Oops", "500 Oops"].iter().cycle() {
                let (mut client, _) = listener.accept().await.unwrap();
                let _ = client.read(&mut [0; 1024]).await;
                let _ = client.write_all(format!("HTTP/1.1 {code}\r\n\r\n").as_bytes()).await;
            }
        });
        let (send, mut notes) = mpsc::channel(8);
        let get = http::Get { host: "127.0.0.1".into(), port, path: "/x".into(), headers: Vec::new() };
        let _probing = begin(subject(Question::Http(get)), send);
        assert_eq!(verdict(&mut notes).await, (true, "GET /x: 204".into()));
        assert_eq!(verdict(&mut notes).await, (true, "GET /x: 301".into()));
        assert_eq!(verdict(&mut notes).await, (false, "GET /x: 500".into()));
    });
}

#[test]
fn exec_is_asked_of_the_loop_which_alone_says_that_time_is_over() {
    block_on(async {
        let (send, mut notes) = mpsc::channel(8);
        let mut subject = subject(Question::Exec(vec!["check".into()]));
        subject.probe.timeout = Duration::from_millis(1);
        let _probing = begin(subject, send);
        let Some(Note::Ask { command, answer, .. }) = notes.recv().await else { panic!("no question") };
        assert_eq!(command, ["check"]);
        assert!(matches!(notes.recv().await, Some(Note::Overdue { run: RUN, .. })));
        // The end was there already, only unread: it counts.
        answer.send(Answer::Success("exit 0".into())).unwrap();
        assert_eq!(verdict(&mut notes).await, (true, "exit 0".into()));
    });
}

#[test]
fn a_probe_ends_with_its_handle() {
    block_on(async {
        let (send, mut notes) = mpsc::channel(8);
        drop(begin(subject(Question::Impossible("no port".into())), send));
        assert!(notes.recv().await.is_none());
    });
}

#[test]
fn a_host_name_is_refused_in_words() {
    block_on(async {
        let answer = connect("db.internal", 1).await.unwrap_err();
        assert!(matches!(answer, Answer::Failure(message) if message.contains("`localhost`")));
    });
}
