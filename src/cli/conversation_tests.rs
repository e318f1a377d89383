//! Whole verbs against the real server and client, with a manager of a few lines behind them: what is
//! printed, and the exit code.

use std::path::PathBuf;
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::fixture::{self, ago};
use super::*;
use crate::control::objects::{
    Change, ExecEnd, ExecFrame, Object, Pod, Run, Scale, Status, StatusReason, Unit,
};
use crate::control::request::{Call, Collection, PodVerb, Reply, Request, UnitVerb};
use crate::control::server::Server;
use crate::control::watch::Watchers;
use crate::engine::view::UnitState;

/// A server and its manager, on a thread of their own.
struct Host {
    socket: PathBuf,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    directory: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("control.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (calls, called) = mpsc::channel(16);
        let (end, ended) = oneshot::channel();
        let logs = directory.path().to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                tokio::select! {
                    _ = Server::new(calls).serve(listener) => {}
                    () = Manager::new(logs).work(called) => {}
                    _ = ended => {}
                }
            });
        });
        Self { socket, end: Some(end), thread: Some(thread), directory }
    }

    /// What a command line prints, data and complaints in one, and its exit code.
    fn ctl(&self, line: &str) -> (String, u8) {
        let words = line.split_whitespace().map(str::to_owned);
        let words = std::iter::once("supctl".to_owned()).chain(words);
        let arguments = Arguments::try_parse_from(alias::normalise(words)).unwrap();
        let (mut context, kept) = Context::kept(self.socket.clone());
        context.quiet = arguments.global.quiet;
        let exit = obey(&arguments, &context);
        (std::mem::take(&mut *kept.lock().unwrap()), exit.0)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.end.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) && !std::thread::panicking() {
            panic!("the server has panicked");
        }
    }
}

/// A manager that knows the units of the manual's picture, and two pods of `web`.
struct Manager {
    logs: PathBuf,
    units: Vec<Unit>,
    pods: Vec<Pod>,
    watchers: Watchers,
    /// What happens once somebody watches and has seen how things are.
    then: Vec<(String, UnitState)>,
}

impl Manager {
    fn new(logs: PathBuf) -> Self {
        let mut pods = vec![pod("web-0"), pod("web-1")];
        pods[1].status.pid = None;
        Self { logs, units: fixture::units(), pods, watchers: Watchers::new(1), then: Vec::new() }
    }

    async fn work(mut self, mut calls: mpsc::Receiver<Call>) {
        while let Some(Call { request, answer, .. }) = calls.recv().await {
            let listed = matches!(&request, Request::List { collection: Collection::Units, .. });
            let reply = self.reply(request);
            let _ = answer.send(reply);
            if listed && self.watchers.count() > 0 {
                self.go_on();
            }
        }
        std::future::pending().await
    }

    /// What was begun comes to its end.
    fn go_on(&mut self) {
        for (name, state) in std::mem::take(&mut self.then) {
            let Some(at) = self.units.iter().position(|unit| unit.metadata.name == name) else { continue };
            self.units[at].status.state = state;
            if state == UnitState::Stopped {
                self.units[at].status.pod_count = 0;
            }
            let unit = self.units[at].clone();
            self.watchers.publish(Collection::Units, Change::Modified, || Some(unit.into()));
        }
    }

    fn objects(&self, collection: Collection) -> Vec<Object> {
        match collection {
            Collection::Units => self.units.iter().cloned().map(Object::from).collect(),
            Collection::Pods => self.pods.iter().cloned().map(Object::from).collect(),
            Collection::Runs => vec![fixture::read::<Run>(run()).into()],
            _ => Vec::new(),
        }
    }

    fn reply(&mut self, request: Request) -> Result<Reply, Status> {
        let done = |words: &str| Ok(Reply::Status(Status::success(words)));
        match request {
            Request::Info | Request::Logs => {
                let mut info = fixture::info();
                info.status.log_directory = self.logs.clone();
                Ok(Reply::Object(info.into()))
            }
            Request::List { collection, filter } => {
                let mut items = self.objects(collection);
                items.retain(|object| filter.matches(object));
                Ok(Reply::List { collection, version: self.watchers.version(), items })
            }
            Request::Watch { collection, filter } => {
                let present = self.objects(collection);
                Ok(Reply::Watch(self.watchers.subscribe(collection, filter, present)))
            }
            Request::Get { collection, name } => {
                let found = self
                    .objects(collection)
                    .into_iter()
                    .find(|o| o.metadata().is_some_and(|m| m.name == name));
                found.map(Reply::Object).ok_or_else(|| Status::failure(StatusReason::NotFound, "none"))
            }
            Request::Unit { unit, verb } => {
                let name = unit.as_str();
                let (now, then) = match verb {
                    UnitVerb::Start | UnitVerb::Restart if name == "mailer" => {
                        (UnitState::Starting, UnitState::CrashLoopBackOff)
                    }
                    UnitVerb::Start | UnitVerb::Restart => (UnitState::Starting, UnitState::Running),
                    UnitVerb::Stop => (UnitState::Stopping, UnitState::Stopped),
                    UnitVerb::Kill(_) => return done("signalled"),
                    _ => return done(&format!("{name} done")),
                };
                let at = self.units.iter().position(|unit| unit.metadata.name == name);
                let at = at.ok_or_else(|| Status::failure(StatusReason::NotFound, "none"))?;
                self.units[at].status.state = now;
                if name != "api" {
                    self.then.push((name.to_owned(), then));
                }
                done("accepted")
            }
            Request::Pod { verb: PodVerb::Kill(_), .. } => done("signalled"),
            Request::Scale { unit, replicas } => {
                let at = self.units.iter().position(|u| u.metadata.name == unit.as_str());
                let at = at.ok_or_else(|| Status::failure(StatusReason::NotFound, "none"))?;
                self.units[at].status.desired = Some(replicas);
                Ok(Reply::Object(fixture::read::<ScaleObject>(json!({"replicas": replicas})).into_object()))
            }
            Request::Delete { name, .. } => {
                let at = self.units.iter().position(|unit| unit.metadata.name == name);
                let at = at.ok_or_else(|| Status::failure(StatusReason::NotFound, "none"))?;
                let _ = self.units.remove(at);
                done("deleting")
            }
            Request::Run(wish) => {
                let name = wish.name.map_or_else(|| "made-up".to_owned(), |name| name.as_str().to_owned());
                let state = if wish.exec[0] == "false" { "Failed" } else { "Complete" };
                self.units.push(fixture::unit(
                    &name,
                    0,
                    json!({"kind": "job", "state": state, "podCount": 0}),
                ));
                let mut status = Status::success("started");
                status.details.unit = Some(name);
                Ok(Reply::Status(status))
            }
            Request::Exec(_) => {
                let (frames, stream) = mpsc::channel(2);
                let end = ExecEnd { exit_code: 9, exit_signal: None, message: String::new() };
                let _ = frames.try_send(ExecFrame::End(end).encode());
                Ok(Reply::Stream(stream))
            }
            Request::Reload { .. } => done("7 units loaded"),
            Request::Apply(_) => Err(Status::failure(StatusReason::Invalid, "web.toml is wrong")),
            _ => Err(Status::failure(StatusReason::Conflict, "not now")),
        }
    }
}

/// The answer to `scale`, in short.
#[derive(serde::Deserialize)]
struct ScaleObject {
    replicas: u32,
}

impl ScaleObject {
    fn into_object(self) -> Object {
        let scale: Scale = fixture::read(json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "web"}, "spec": {"replicas": self.replicas}, "status": {"replicas": 0}}));
        Object::Scale(Box::new(scale))
    }
}

fn pod(name: &str) -> Pod {
    let mut pod = ps::tests::pod(name, json!({"running": {"startedAt": ago(60), "pid": 4711}}), true);
    pod.metadata.uid =
        format!("{:08x}-0000-8000-8000-000000000000", name.len() + usize::from(name.ends_with('1')));
    pod.status.pid = Some(4711);
    pod
}

fn run() -> Value {
    json!({"apiVersion": "supd/v1", "kind": "Run", "metadata": {"name": "t.main.0"},
        "status": {"unit": "t", "pod": "t-0", "process": "main", "attempt": 0, "exitCode": 7, "reason": "Error",
            "finishedAt": ago(0), "usage": {"userCpuSeconds": 0.0, "systemCpuSeconds": 0.0, "maxRssBytes": 0}}})
}

#[test]
fn questions() {
    let host = Host::new();
    assert_eq!(host.ctl("is-active web"), ("active\n".to_owned(), 0));
    assert_eq!(host.ctl("is-active -q web"), (String::new(), 0));
    assert_eq!(host.ctl("is-active api web"), ("activating\nactive\n".to_owned(), 0));
    assert_eq!(host.ctl("is-active --all-of api web").1, 3);
    assert_eq!(host.ctl("is-active migrate"), ("inactive\n".to_owned(), 3));
    assert_eq!(host.ctl("is-failed mailer"), ("failed\n".to_owned(), 0));
    assert_eq!(host.ctl("is-failed web"), ("active\n".to_owned(), 1));
    assert_eq!(host.ctl("is-ready web-0"), ("ready\n".to_owned(), 0));
    assert_eq!(host.ctl("get --raw /livez"), ("ok\n".to_owned(), 0));
    assert_eq!(host.ctl("get --raw /livez?exclude=x").1, 2);
    let (text, code) = host.ctl("is-active wbe");
    assert_eq!((text.lines().nth(1), code), (Some("  did you mean `web`?"), 4));
    assert_eq!(host.ctl("status web").1, 0);
    assert_eq!(host.ctl("status mailer").1, 3);
    assert_eq!(host.ctl("status nginx").1, 4);
}

#[test]
fn tables_and_objects() {
    let host = Host::new();
    let (text, code) = host.ctl("status");
    let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!((names.join(" ").as_str(), code), ("api db mailer web import migrate backup", 0));

    let (text, _) = host.ctl("get pods");
    assert!(text.starts_with("NAME    READY   STATUS    RESTARTS   AGE\nweb-0   1/1     Running"), "{text}");
    assert_eq!(host.ctl("get pods -o name"), ("pod/web-0\npod/web-1\n".to_owned(), 0));
    assert_eq!(host.ctl("get events"), ("No resources found\n".to_owned(), 0));
    assert_eq!(host.ctl("get events -q"), (String::new(), 0));
    let (text, code) = host.ctl("get pods web-9 web-0 -o name");
    assert_eq!(code, 4);
    assert!(text.ends_with("pod/web-0\n") && text.contains("there is no pod `web-9`"), "{text}");

    let json = |line: &str| serde_json::from_str::<Value>(&host.ctl(line).0).unwrap();
    assert_eq!(json("get pods -o json")["kind"], "List");
    assert_eq!(json("get pods -o json")["items"][1]["metadata"]["name"], "web-1");
    assert_eq!(json("get pod web-0 -o json")["kind"], "Pod");
    assert_eq!(json("get web -o json")["kind"], "Unit");
    assert_eq!(json("get pods web-0 web-1 -o json")["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(json("get events -o json")["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(host.ctl("get units --failed -o name").0, "unit/mailer\n");
    assert_eq!(host.ctl("get units --state complete -o name").0, "unit/migrate\n");
    assert_eq!(host.ctl("get pods -l app=web"), ("No resources found\n".to_owned(), 0));
    assert_eq!(host.ctl("ps -q"), ("web-0\n".to_owned(), 0));
    assert_eq!(host.ctl("ps -aq"), ("web-0\nweb-1\n".to_owned(), 0));
}

#[test]
fn actions_wait_until_it_is_done() {
    let host = Host::new();
    assert_eq!(host.ctl("start db"), ("db: running\n".to_owned(), 0));
    assert_eq!(host.ctl("restart web"), ("web: running\n".to_owned(), 0));
    assert_eq!(host.ctl("stop web"), ("web: stopped\n".to_owned(), 0));
    assert_eq!(host.ctl("stop --no-block db"), ("accepted\n".to_owned(), 0));
    assert_eq!(host.ctl("start --timeout 0 db"), ("accepted\n".to_owned(), 0));
    let (text, code) = host.ctl("start mailer");
    assert!(text.starts_with("error: mailer: failed: exit 3\n  see: supctl logs mailer\n"), "{text}");
    assert_eq!(code, 1);
    let (text, code) = host.ctl("start api --timeout 50ms");
    assert!(text.contains("not done yet: api"), "{text}");
    assert_eq!(code, 124);
}

#[test]
fn one_failure_does_not_stop_the_others() {
    let host = Host::new();
    let (text, code) = host.ctl("start nope db");
    assert!(text.ends_with("db: running\n"), "{text}");
    assert_eq!(code, 5);
}

#[test]
fn signals_are_for_what_runs() {
    let host = Host::new();
    assert_eq!(host.ctl("kill -s HUP web"), ("signalled\n".to_owned(), 0));
    assert_eq!(host.ctl("kill web-0"), ("signalled\n".to_owned(), 0));
    assert_eq!(host.ctl("kill web-1").1, 7);
    assert_eq!(host.ctl("kill migrate").1, 7);
    assert_eq!(host.ctl("kill -s NONE web").1, 2);
    assert_eq!(host.ctl("kill nope").1, 5);
    assert_eq!(host.ctl("exec web-0 -- true").1, 9);
    assert_eq!(host.ctl("exec migrate -- true").1, 7);
}

#[test]
fn scaling_and_deleting() {
    let host = Host::new();
    assert_eq!(host.ctl("scale web --replicas=5 --no-block"), ("web: scaled to 5\n".to_owned(), 0));
    assert_eq!(host.ctl("scale import 5").1, 2);
    assert_eq!(host.ctl("delete job/import"), ("job.batch \"import\" deleted\n".to_owned(), 0));
    assert_eq!(host.ctl("delete m*").1, 2);
    assert_eq!(host.ctl("delete m* --yes").1, 0);
}

#[test]
fn waits() {
    let host = Host::new();
    assert_eq!(host.ctl("wait web db --for=ready"), ("web: ready\ndb: ready\n".to_owned(), 0));
    assert_eq!(host.ctl("wait --for=complete job/migrate"), ("migrate: complete\n".to_owned(), 0));
    assert_eq!(host.ctl("wait --for=failed job/migrate").1, 1);
    assert_eq!(host.ctl("wait api --for=ready --timeout=20ms").1, 124);
    assert_eq!(host.ctl("wait api web --any --timeout=10s"), ("web: ready\n".to_owned(), 0));
    assert_eq!(host.ctl("wait gone --for=deleted").1, 0);
    assert_eq!(host.ctl("wait gone --for=ready").1, 4);
    assert_eq!(host.ctl("wait web --for=happiness").1, 2);
    assert_eq!(host.ctl("wait pod/web-0 web --for=ready").1, 0);
}

#[test]
fn logs_of_units_and_pods() {
    let host = Host::new();
    let write = |path: &str, lines: &[&str]| {
        let path = host.directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, lines.concat()).unwrap();
    };
    write("web_web-0_00000005/main/1.log", &["2026-11-23T13:20:11.000000000Z stdout F before\n"]);
    write(
        "web_web-0_00000005/main/2.log",
        &["2026-11-23T13:20:12.000000000Z stdout F one\n", "2026-11-23T13:20:14.000000000Z stderr F three\n"],
    );
    write("web_web-1_00000006/main/0.log", &["2026-11-23T13:20:13.000000000Z stdout F two\n"]);

    assert_eq!(host.ctl("logs web"), ("before\none\ntwo\nthree\n".to_owned(), 0));
    assert_eq!(host.ctl("logs web --tail 2"), ("two\nthree\n".to_owned(), 0));
    assert_eq!(host.ctl("logs web --tail=0"), (String::new(), 0));
    assert_eq!(host.ctl("logs web-0"), ("one\nthree\n".to_owned(), 0));
    assert_eq!(host.ctl("logs -p web-0"), ("before\n".to_owned(), 0));
    assert_eq!(host.ctl("logs web --stderr").0, "three\n");
    assert_eq!(host.ctl("logs web -g tw --prefix").0, "[pod/web-1/main] two\n");
    assert_eq!(host.ctl("logs web --since 2026-11-23T13:20:13Z").0, "two\nthree\n");
    assert_eq!(host.ctl("logs web-1 --timestamps").0, "2026-11-23T13:20:13.000000000Z two\n");
    let json: Value = serde_json::from_str(&host.ctl("logs web-1 -o json").0).unwrap();
    assert_eq!(json["text"], "two");
    assert_eq!(host.ctl("logs db"), (String::new(), 0));
    assert_eq!(host.ctl("logs nope").1, 4);
    let (text, _) = host.ctl("status web -n 1");
    assert!(text.ends_with("\nNov 23 13:20:14 web-0 err | three\n"), "{text}");
}

#[test]
fn a_command_ends_with_its_programs_code() {
    let host = Host::new();
    assert_eq!(host.ctl("run --wait -- true"), ("made-up: complete\n".to_owned(), 0));
    let failed = "error: t: exit 7\n  see: supctl logs t\n".to_owned();
    assert_eq!(host.ctl("run --name t --wait -- false"), (failed, 7));
    assert_eq!(host.ctl("run --name u --job -- true"), ("u: started\n".to_owned(), 0));
    assert_eq!(host.ctl("run --name U_ -- true").1, 2);
}

#[test]
fn configuration() {
    let host = Host::new();
    assert_eq!(host.ctl("daemon-reload"), ("7 units loaded\n".to_owned(), 0));
    assert_eq!(host.ctl("apply").1, 0);
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(
        host.ctl(&format!("apply -f {}", file.path().display())),
        ("error: web.toml is wrong\n".to_owned(), 78)
    );
    assert_eq!(host.ctl("apply -f /none/of/it").1, 78);
    assert_eq!(host.ctl("create job t --from=cronjob/nope").1, 5);
    assert_eq!(host.ctl("create deployment t --from=x").1, 2);
    assert_eq!(host.ctl("version --client").1, 0);
}

#[test]
fn nobody_listens() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("none.sock");
    for line in ["status", "get pods", "start web", "is-active web", "apply"] {
        let arguments = Arguments::try_parse_from(alias::normalise(
            std::iter::once("supctl").chain(line.split(' ')).map(str::to_owned),
        ));
        let (context, kept) = Context::kept(socket.clone());
        assert_eq!(obey(&arguments.unwrap(), &context), Exit::UNREACHABLE, "{line}");
        let text = kept.lock().unwrap();
        assert!(text.contains("none.sock") && text.contains("supd --units DIR"), "{text}");
    }
}
