//! Probes against listeners of our own on the loopback.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::engine::id::{Class, PodUid};
use crate::runtime::clock;
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
    let (started, kind) = (clock::mono(), ProbeKind::Readiness);
    Subject { run: RUN, kind, started, adopted: false, was_ready: false, question, probe }
}

/// The next verdict that is told.
async fn verdict(notes: &mut mpsc::Receiver<Note>) -> (bool, String) {
    loop {
        match notes.recv().await {
            Some(Note::Told(Event::Probed { run: RUN, good, message, .. })) => return (good, message),
            Some(Note::Told(Event::ProbeFailed { .. }) | Note::Warned { .. }) => {}
            other => panic!("expected a verdict, got {other:?}"),
        }
    }
}

/// A server that gives each who asks the next of these answers, the last one for ever; with its port.
async fn server(answers: Vec<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let last = answers.last().cloned().unwrap();
        for answer in answers.into_iter().chain(std::iter::repeat(last)) {
            let (mut client, _) = listener.accept().await.unwrap();
            let _ = client.read(&mut [0; 1024]).await;
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    port
}

fn get(port: u16) -> http::Get {
    http::Get { tls: false, host: "127.0.0.1".into(), port, path: "/x".into(), headers: Vec::new() }
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
fn prb_013_http_follows_the_status_code() {
    block_on(async {
        let answers = ["204 No Content", "302 Found", "500 Oops", "500 Oops"];
        let port = server(answers.iter().map(|code| format!("HTTP/1.1 {code}\r\n\r\n")).collect()).await;
        let (send, mut notes) = mpsc::channel(8);
        let _probing = begin(subject(Question::Http(get(port))), send);
        assert_eq!(verdict(&mut notes).await, (true, "GET /x: 204".into()));
        assert_eq!(verdict(&mut notes).await, (true, "GET /x: 302, a redirect to nowhere".into()));
        assert_eq!(verdict(&mut notes).await, (false, "GET /x: 500".into()));
    });
}

#[test]
fn prb_013_a_redirect_to_the_same_host_is_followed_and_one_elsewhere_is_a_success_with_a_warning() {
    block_on(async {
        let redirect = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n");
        let bad = server(vec!["HTTP/1.1 503 Oops\r\n\r\n".into()]).await;
        let there = redirect(&format!("http://127.0.0.1:{bad}/y"));
        let answer = http::ask(&get(server(vec![there]).await)).await;
        assert_eq!(answer, Answer::Failure("GET /x: 503".into()));
        let answer = http::ask(&get(server(vec![redirect("http://example.org/")]).await)).await;
        assert!(
            matches!(&answer, Answer::Warning(words) if words.ends_with("http://example.org/")),
            "{answer:?}"
        );
        let answer = http::ask(&get(server(vec![redirect("/x")]).await)).await;
        assert_eq!(answer, Answer::Failure("GET /x: more than 10 redirects".into()));
    });
}

#[test]
fn prb_009_a_startup_probe_ends_with_its_verdict_and_each_bad_answer_is_told() {
    block_on(async {
        let (send, mut notes) = mpsc::channel(8);
        let startup = Subject { kind: ProbeKind::Startup, ..subject(Question::Impossible("no port".into())) };
        let _probing = begin(startup, send);
        let mut told = Vec::new();
        while let Some(note) = notes.recv().await {
            told.push(match note {
                Note::Told(Event::ProbeFailed { message, .. }) => message,
                Note::Told(Event::Probed { good, .. }) => format!("good: {good}"),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(told, ["no port", "no port", "good: false"]);
    });
}

#[test]
fn prb_004_007_liveness_is_silent_while_all_is_well_and_ends_with_its_bad_verdict() {
    block_on(async {
        let answers = ["200 OK", "500 No", "200 OK", "500 No"];
        let port = server(answers.iter().map(|code| format!("HTTP/1.1 {code}\r\n\r\n")).collect()).await;
        let (send, mut notes) = mpsc::channel(8);
        let _probing =
            begin(Subject { kind: ProbeKind::Liveness, ..subject(Question::Http(get(port))) }, send);
        let mut told = Vec::new();
        while let Some(Note::Told(event)) = notes.recv().await {
            told.push(matches!(event, Event::Probed { good: false, .. }));
        }
        // The first failure was one alone; then two in a row.
        assert_eq!(told, [false, false, false, true]);
    });
}

#[test]
fn prb_014_grpc_serving_is_a_success_and_all_else_is_not() {
    block_on(async {
        // Settings; header fields that are not looked at; the message; more fields that end the stream.
        let answer = |message: &[u8]| {
            let data = [&[0, 0, message.len() as u8, 0, 0, 0, 0, 0, 1], message].concat();
            let head = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
            [&head[..], &data, &[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]].concat()
        };
        for (message, service, words) in [
            (&[0u8, 0, 0, 0, 2, 8, 1][..], "", Answer::Success("grpc: SERVING".into())),
            (&[0, 0, 0, 0, 2, 8, 2], "", Answer::Failure("grpc: NOT_SERVING".into())),
            (&[], "x", Answer::Failure("grpc: the server knows no health of `x`".into())),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let bytes = answer(message);
            let server = tokio::spawn(async move {
                let (mut client, _) = listener.accept().await.unwrap();
                client.write_all(&bytes).await.unwrap();
                let mut asked = Vec::new();
                let _ = client.read_to_end(&mut asked).await;
                asked
            });
            assert_eq!(grpc::ask("127.0.0.1", port, service).await, words);
            let asked = server.await.unwrap();
            assert!(asked.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        }
    });
}

#[test]
fn what_is_waited_for_is_asked_once() {
    block_on(async {
        let (send, mut notes) = mpsc::channel(8);
        let errand = Errand::Look { arguments: vec!["log".into()], own: true };
        let _probing = begin(subject(Question::Await(errand)), send);
        let Some(Note::Ask { answer, .. }) = notes.recv().await else { panic!("no question") };
        // That the helper has died says nothing of the process: it is asked again.
        answer.send(Answer::Failure("killed".into())).unwrap();
        let Some(Note::Ask { answer, .. }) = notes.recv().await else { panic!("no second question") };
        answer.send(Answer::Success("ready".into())).unwrap();
        assert_eq!(verdict(&mut notes).await, (true, "ready".into()));
        assert!(notes.recv().await.is_none());
    });
}

#[test]
fn prb_006_what_could_not_be_asked_neither_counts_nor_starts_the_count_anew() {
    block_on(async {
        let (send, mut notes) = mpsc::channel(8);
        let question = Question::Command(Errand::Exec(vec!["check".into()]));
        let _probing = begin(Subject { was_ready: true, ..subject(question) }, send);
        let answers = ["no", "unknown", "unknown", "no"];
        for said in answers {
            // Nothing but the next question follows what is unknown.
            let Some(Note::Ask { answer, .. }) = notes.recv().await else { panic!("no question") };
            if said == "unknown" {
                answer.send(Answer::Unknown("no descriptor".into())).unwrap();
                continue;
            }
            answer.send(Answer::Failure("no".into())).unwrap();
            assert!(matches!(notes.recv().await, Some(Note::Told(Event::ProbeFailed { .. }))));
        }
        assert_eq!(verdict(&mut notes).await, (false, "no".into()), "two in a row");
    });
}

#[test]
fn prb_010_the_initial_delay_counts_from_the_start_for_each_probe() {
    let mut readiness = subject(Question::Impossible(String::new()));
    let mut liveness = Subject { kind: ProbeKind::Liveness, ..readiness.clone() };
    readiness.probe.initial_delay = Duration::from_secs(5);
    liveness.probe.initial_delay = Duration::from_secs(20);
    // Held back by a startup probe for as long as this: of the two delays one is over.
    let now = readiness.started + Duration::from_secs(8);
    assert_eq!(ask::first_after(&readiness, now), Duration::ZERO);
    assert_eq!(ask::first_after(&liveness, now), Duration::from_secs(12));
}

#[test]
fn prb_011_the_first_question_comes_at_once_and_the_others_a_period_apart() {
    block_on(async {
        let mut subject = subject(Question::Impossible(String::new()));
        subject.probe.period = Duration::from_secs(10);
        assert_eq!(ask::first_after(&subject, subject.started), Duration::ZERO);
        let ticks = ask::ticks(&subject);
        assert_eq!(ticks.period(), Duration::from_secs(10));
        // However long an answer takes: the distance is that of ticks.
        assert_eq!(ticks.missed_tick_behavior(), tokio::time::MissedTickBehavior::Skip);
        // A new manager asks a part of a period later, and less than a whole one.
        for pod in 0..100 {
            subject.adopted = true;
            subject.run.pod = PodUid(pod);
            assert!(ask::first_after(&subject, subject.started) < subject.probe.period);
        }
    });
}

/// And until then nobody has to hear that it was not at once.
#[test]
fn prb_011_who_is_ready_soon_is_found_before_the_first_period_is_over() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let (send, mut notes) = mpsc::channel(8);
        let mut subject = subject(Question::Tcp { host: "127.0.0.1".into(), port });
        subject.probe.period = Duration::from_secs(3600);
        let _probing = begin(subject, send);
        let mut told = Vec::new();
        let mut listener = None;
        while told.len() < 2 {
            match notes.recv().await {
                Some(Note::Told(Event::Probed { good, .. })) => told.push(good),
                other => panic!("{other:?}"),
            }
            if listener.is_none() {
                listener = Some(TcpListener::bind(("127.0.0.1", port)).await.unwrap());
            }
        }
        assert_eq!(told, [false, true]);
    });
}

#[test]
fn prb_012_exec_is_asked_of_the_loop_which_alone_says_that_time_is_over() {
    block_on(async {
        let (send, mut notes) = mpsc::channel(8);
        let mut subject = subject(Question::Command(Errand::Exec(vec!["check".into()])));
        subject.probe.timeout = Duration::from_millis(1);
        let _probing = begin(subject, send);
        let Some(Note::Ask { command, answer, .. }) = notes.recv().await else { panic!("no question") };
        assert_eq!(command, Errand::Exec(vec!["check".into()]));
        assert!(matches!(notes.recv().await, Some(Note::Overdue { .. })));
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
