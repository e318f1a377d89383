//! The server over a real socket, with a manager of a few lines behind it: raw bytes where the bytes
//! matter, supctl's client where they do not.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream as Stream;
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;

use hyper::body::Bytes;
use serde_json::Value;

use super::*;
use crate::control::client::{Client, ClientError, Selection};
use crate::control::objects::{
    Change, Event, ExecEnd, ExecFrame, ExecRequest, Info, InfoStatus, NoOptions, Noun, Object, SystemState,
    Time, Unit, WatchEvent,
};
use crate::control::request::{Collection, UnitVerb};
use crate::control::watch::Watchers;
use crate::engine::action::{About, Report};
use crate::engine::time::Wall;
use crate::limits::{CONNECTIONS_EACH_MAX, EXEC_FRAME_BYTES_MAX, REQUEST_BYTES_MAX, STREAMS_EACH_MAX};
use crate::unit::name::UnitName;

/// No test waits this long, unless it fails.
const LONG: Duration = Duration::from_secs(20);
/// Long enough for any honest client of a test, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

/// A server with its manager, on a thread of their own.
struct Space {
    socket: PathBuf,
    /// The stream of an `exec` has found its client gone.
    cut: std_mpsc::Receiver<()>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

impl Space {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Server)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("control.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (calls, called) = mpsc::channel(CALLS_MAX);
        let mut server = Server::new(calls);
        change(&mut server);
        let (end, ended) = oneshot::channel();
        let (told, cut) = std_mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async {
                let listener = UnixListener::from_std(listener).unwrap();
                let manager = manage(called, told);
                tokio::select! {
                    _ = server.serve(listener) => {}
                    () = async { manager.await; std::future::pending().await } => {}
                    _ = ended => {}
                }
            });
        });
        Self { socket, cut, end: Some(end), thread: Some(thread), _directory: directory }
    }

    fn client(&self) -> Client {
        let mut client = Client::connect(&self.socket).unwrap();
        client.set_deadline(Some(std::time::Instant::now() + LONG));
        client
    }

    fn stream(&self) -> Stream {
        let stream = Stream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// What is answered to these bytes, until the server closes.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.stream();
        // The server may have heard enough before all is written.
        let _ = stream.write_all(bytes);
        until_closed(&mut stream)
    }

    /// What is answered to this request, and its body as JSON.
    fn ask(&self, line: &str, body: &str) -> (String, Value) {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        split(&self.raw(request.as_bytes()))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        drop(self.end.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) && !std::thread::panicking() {
            panic!("the server has panicked");
        }
    }
}

fn until_closed(stream: &mut Stream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // How a close looks to who had more to say.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server did not close: {error}"),
    }
    String::from_utf8(answer).unwrap()
}

fn split(answer: &str) -> (String, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").expect(answer);
    (head.to_owned(), serde_json::from_str(body).expect(answer))
}

/// A manager that knows one unit, `web`, many events, and nothing else. A pod count tells of its watchers.
async fn manage(mut calls: mpsc::Receiver<Call>, told: std_mpsc::Sender<()>) {
    let mut watchers = Watchers::new(1);
    while let Some(Call { request, answer, .. }) = calls.recv().await {
        let reply = match request {
            Request::Info => Ok(Reply::Object(info(watchers.count()).into())),
            Request::List { collection, .. } => {
                Ok(Reply::List { collection, version: watchers.version(), items: events() })
            }
            Request::Watch { collection, filter } => {
                Ok(Reply::Watch(watchers.subscribe(collection, filter, vec![event(0)])))
            }
            Request::Unit { unit, verb: UnitVerb::Start } if unit.as_str() == "web" => {
                watchers.publish(Collection::Events, Change::Modified, || Some(event(0)));
                Ok(Reply::Status(Status::success("web started")))
            }
            Request::Unit { unit, verb: UnitVerb::Stop } if unit.as_str() == "web" => {
                drop(answer);
                continue;
            }
            Request::Exec(ExecRequest { command, .. }) => Ok(Reply::Stream(execute(&command, told.clone()))),
            _ => Err(Status::failure(StatusReason::NotFound, "no unit `wbe`; did you mean `web`?")),
        };
        // A client that has gone hears nothing.
        let _ = answer.send(reply);
    }
}

/// `flood` writes for ever; anything else prints its own name and ends with 7.
fn execute(command: &[String], told: std_mpsc::Sender<()>) -> mpsc::Receiver<Bytes> {
    let (frames, stream) = mpsc::channel(1);
    let name = command[0].clone();
    tokio::task::spawn_local(async move {
        if name == "flood" {
            let frame = ExecFrame::Stdout(vec![0; EXEC_FRAME_BYTES_MAX].into()).encode();
            while frames.send(frame.clone()).await.is_ok() {}
            let _ = told.send(());
            return;
        }
        let end = ExecEnd { exit_code: 7, exit_signal: None, message: String::new() };
        for frame in [ExecFrame::Stdout(name.into()), ExecFrame::End(end)] {
            let _ = frames.send(frame.encode()).await;
        }
    });
    stream
}

fn event(sequence: u64) -> Object {
    let unit = UnitName::parse("web").unwrap();
    let about = About { kind: "Unit", name: "web".to_owned(), unit };
    let report =
        Report { warning: false, reason: "Started", about, message: format!("event {sequence}"), lead: None };
    Event::new(&report, sequence, Wall(0)).into()
}

fn events() -> Vec<Object> {
    (0..1_000).map(event).collect()
}

fn info(watchers: usize) -> Info {
    Info::new(InfoStatus {
        version: "0".to_owned(),
        pid: 1,
        pid1: true,
        container: false,
        host_name: "host".to_owned(),
        started_at: Time(0),
        replaced: 0,
        keeper_faults: 0,
        state: SystemState::Running,
        units: 1,
        failed_units: 0,
        pods: watchers as u32,
        unit_directories: Vec::new(),
        log_directory: "/".into(),
        state_directory: None,
        state_not_saved: None,
        planned_shutdown: None,
        warnings: Vec::new(),
        place: None,
    })
}

#[test]
fn an_error_is_a_status() {
    let space = Space::new();
    let (head, body) = space.ask("GET /apis/supd/v1/units/wbe", "");
    assert!(head.starts_with("HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n"), "{head}");
    let want = serde_json::json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": "no unit `wbe`; did you mean `web`?", "reason": "NotFound", "code": 404,
    });
    assert_eq!(body, want);

    let (head, body) = space.ask("PUT /version", "{}");
    assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("\r\nallow: GET\r\n"), "{head}");
    assert_eq!(body["reason"], "MethodNotAllowed");
    let (_, body) = space.ask("POST /apis/supd/v1/units/web/start", r#"{"force":true}"#);
    assert_eq!((&body["code"], &body["reason"]), (&400.into(), &"BadRequest".into()));
}

#[test]
fn two_requests_on_one_connection() {
    let space = Space::new();
    let twice = "GET /version HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = space.raw(twice.as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert!(
        answer.contains(r#""gitVersion":"v1.36.0+supd-"#) && answer.ends_with("\r\n\r\nok\n"),
        "{answer}"
    );
}

#[test]
fn a_list_of_any_length() {
    let space = Space::new();
    let list = space.client().list::<Event>(Selection::default()).unwrap();
    assert_eq!((list.kind.as_ref(), list.api_version.as_ref()), ("EventList", "v1"));
    assert_eq!(list.metadata.resource_version, "1");
    assert_eq!(list.items.len(), 1_000);
    let last = list.items.last().unwrap();
    assert_eq!((last.sequence, last.metadata.resource_version.as_str()), (999, "1"));
}

#[test]
fn a_verb_and_what_it_changes() {
    let space = Space::new();
    let (watching, asking) = (space.client(), space.client());
    let mut watch = watching.watch::<Event>(Selection::default()).unwrap();
    let mut next = || -> WatchEvent<Event> { watch.next().unwrap().unwrap() };
    let first = next();
    assert_eq!((first.change, first.object.metadata.resource_version.as_str()), (Change::Added, "1"));

    let status = asking.verb::<Unit>("web", "start", &NoOptions {}).unwrap();
    assert_eq!((status.is_success(), status.message.as_str()), (true, "web started"));
    let second = next();
    assert_eq!((second.change, second.object.metadata.resource_version.as_str()), (Change::Modified, "2"));

    let refused = asking.verb::<Unit>("wbe", "start", &NoOptions {}).unwrap_err();
    assert_eq!(refused.status().and_then(|status| status.reason), Some(StatusReason::NotFound));
}

/// A watch that nobody reads any more is forgotten: its client closed the connection.
#[test]
fn a_watcher_that_left_is_forgotten() {
    let space = Space::new();
    let asking = space.client();
    let watching = space.client();
    let mut watch = watching.watch::<Event>(Selection::default()).unwrap();
    assert!(watch.next().unwrap().is_ok());
    assert_eq!(asking.info().unwrap().status.pods, 1);
    drop(watch);
    drop(watching);
    let gone =
        std::iter::repeat_with(|| asking.info().unwrap().status.pods).take(1_000).any(|pods| pods == 0);
    assert!(gone);
}

#[test]
fn a_watch_has_a_deadline() {
    let space = Space::new();
    let mut client = Client::connect(&space.socket).unwrap();
    client.set_deadline(Some(std::time::Instant::now() + SHORT));
    let mut watch = client.watch::<Event>(Selection::default()).unwrap();
    assert!(watch.next().unwrap().is_ok());
    assert!(matches!(watch.next(), Some(Err(ClientError::TimedOut))));
}

#[test]
fn a_command_and_its_end() {
    let space = Space::new();
    let client = space.client();
    let request =
        ExecRequest { name: "web-0".to_owned(), container: None, command: vec!["hello".to_owned()] };
    let frames: Vec<_> = client.exec(&request).unwrap().map(Result::unwrap).collect();
    let end = ExecEnd { exit_code: 7, exit_signal: None, message: String::new() };
    assert_eq!(frames, [ExecFrame::Stdout("hello".into()), ExecFrame::End(end)]);
}

/// F76: who never reads is cut off, and the manager hears of it.
#[test]
fn who_does_not_read_is_cut_off() {
    let space = Space::with(|server| server.patience.write = SHORT);
    let mut stream = space.stream();
    let body = r#"{"name":"web-0","command":["flood"]}"#;
    let length = body.len();
    write!(stream, "POST /apis/supd/v1/exec HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    space.cut.recv_timeout(LONG).expect("the stream was not cut off");
    assert!(space.client().info().is_ok());
}

/// F76: half a head, half a body.
#[test]
fn who_does_not_finish_a_request_is_cut_off() {
    let space = Space::with(|server| server.patience.request = SHORT);
    let answer = space.raw(b"GET /version HTTP/1.1\r\nhost:");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let (head, body) =
        split(&space.raw(b"POST /apis/supd/v1/reload HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"));
    assert!(head.starts_with("HTTP/1.1 408 ") && head.contains("connection: close"), "{head}");
    assert_eq!(body["reason"], "Timeout");
    assert_eq!(until_closed(&mut space.stream()), "", "an idle connection ends");
    let answer = space.raw(b"GET /version HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "and one that idles after a request: {answer}");
}

#[test]
fn what_is_too_long_is_refused() {
    let space = Space::new();
    let too_long = |head: &str| {
        let (head, body) = split(&space.raw(head.as_bytes()));
        assert!(head.starts_with("HTTP/1.1 413 ") && head.contains("connection: close"), "{head}");
        assert_eq!(body["reason"], "RequestEntityTooLarge");
    };
    let length = REQUEST_BYTES_MAX + 1;
    too_long(&format!("POST /apis/supd/v1/apply HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"));
    too_long("POST /apis/supd/v1/reload HTTP/1.1\r\nhost: x\r\ncontent-length: 4294967295\r\n\r\n");
    let chunk = format!("10001\r\n{}\r\n0\r\n\r\n", " ".repeat(0x10001));
    too_long(&format!(
        "POST /apis/supd/v1/reload HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"
    ));
    let header = format!("GET /version HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let answer = space.raw(header.as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

/// F78: bytes that are no request end their connection and nothing else.
#[test]
fn garbage_is_closed() {
    let space = Space::new();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..50 {
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(round * 13)
        .collect();
        // A head must end, or the server rightly waits for more of it.
        bytes.extend_from_slice(b"\r\n\r\n\0\r\n\r\n");
        let answer = space.raw(&bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert!(space.client().info().is_ok());
}

#[test]
fn a_hundred_at_once() {
    let space = Space::new();
    let request = b"GET /apis/supd/v1/info HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut streams: Vec<Stream> = std::iter::repeat_with(|| space.stream()).take(100).collect();
    for stream in &mut streams {
        stream.write_all(request).unwrap();
    }
    for stream in &mut streams {
        let (head, body) = split(&until_closed(stream));
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(body["kind"], "Info");
    }
}

/// F77: connections that ask nothing keep nobody out.
#[test]
fn a_thousand_idle_ones_keep_nobody_out() {
    let space = Space::new();
    let mut idle = Vec::new();
    for number in 0..1_000 {
        idle.push(space.stream());
        if number % 100 == 99 {
            assert!(space.client().info().is_ok());
        }
        if idle.len() > 2 * CONNECTIONS_EACH_MAX {
            assert_eq!(until_closed(&mut idle.remove(0)), "", "the oldest makes room");
        }
    }
}

#[test]
fn watches_leave_room_for_short_requests() {
    let space = Space::new();
    let request = b"GET /apis/supd/v1/units?watch=true HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut streams = Vec::new();
    for number in 0..=STREAMS_EACH_MAX {
        let mut stream = space.stream();
        stream.write_all(request).unwrap();
        let mut code = [0; 12];
        stream.read_exact(&mut code).unwrap();
        let want = if number < STREAMS_EACH_MAX { "HTTP/1.1 200" } else { "HTTP/1.1 429" };
        assert_eq!(String::from_utf8_lossy(&code), want, "watch {number}");
        streams.push(stream);
    }
    assert_eq!(space.client().info().unwrap().status.pods, STREAMS_EACH_MAX as u32);
}

/// F79: the kernel says who asks.
#[test]
fn strangers_are_told_so() {
    let space = Space::with(|server| (server.root, server.owner) = (u32::MAX - 1, u32::MAX - 2));
    let (head, body) = space.ask("GET /version", "");
    assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("connection: close"), "{head}");
    assert_eq!(body["reason"], "Forbidden");
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("may not control this supd"), "{message}");
}

#[test]
fn a_request_that_the_manager_drops_is_answered() {
    let space = Space::new();
    let dropped = space.client().verb::<Unit>("web", "stop", &NoOptions {}).unwrap_err();
    assert_eq!(dropped.status().and_then(|s| s.reason), Some(StatusReason::ServiceUnavailable), "{dropped}");
}

#[test]
fn paths_of_nouns_lead_somewhere() {
    fn lists<T: Noun>() {
        let asked = route::route(&hyper::Method::GET, T::PATH, None, b"");
        let Ok(Asked::Manager(Request::List { collection, .. })) = asked else {
            panic!("{}: {asked:?}", T::PATH);
        };
        assert_eq!((collection.kind(), collection.api_version()), (T::KIND, T::API_VERSION));
    }
    lists::<crate::control::objects::Pod>();
    lists::<crate::control::objects::Job>();
    lists::<crate::control::objects::CronJob>();
    lists::<crate::control::objects::Deployment>();
    lists::<Event>();
    lists::<Unit>();
    lists::<crate::control::objects::Run>();
}
