//! HTTP on the unix socket: who may ask, how long, how much; then one message to the manager.
//!
//! Knows no units and no engine: it turns requests into [`Call`]s and answers into bytes. Runs on the
//! manager's own thread; a client can slow nobody but itself.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::body::{AnswerBody, Content, ListText};
use super::health::{Check, Health};
use super::objects::{Status, StatusReason, Version};
use super::places::{Busy, Party, Place, Places};
use super::request::{Answer, Call, Peer, Reply, Request};
use super::route::{self, Asked};
use super::stall::Stalling;
use crate::limits::{
    CONNECTIONS_MAX, REPLY_TIMEOUT_MS, REQUEST_HEAD_BYTES_MAX, REQUEST_TIMEOUT_MS, WRITE_STALL_MS,
};

/// Calls that may wait for the manager: one for each connection, so that sending never waits long.
pub const CALLS_MAX: usize = CONNECTIONS_MAX;

/// After a failed accept (no descriptor is free, say) the next try is this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The type of nearly all bodies.
const JSON: &str = "application/json";
/// The type of the bodies of `exec`.
const FRAMES: &str = "application/vnd.supd.frames";

/// The control API's server.
#[derive(Clone, Debug)]
pub struct Server {
    calls: mpsc::Sender<Call>,
    /// User 0; a field, so that a test can be a stranger whoever runs it.
    root: u32,
    /// Who may ask besides root.
    owner: u32,
    patience: Patience,
}

/// How long anybody waits for anybody.
#[derive(Clone, Copy, Debug)]
struct Patience {
    request: Duration,
    write: Duration,
    reply: Duration,
}

/// One connection.
struct Connection {
    server: Server,
    peer: Peer,
    place: Place,
}

impl Server {
    /// A server that asks the manager through `calls`, for root and the user whom supd runs as.
    pub fn new(calls: mpsc::Sender<Call>) -> Self {
        let patience = Patience {
            request: Duration::from_millis(REQUEST_TIMEOUT_MS),
            write: Duration::from_millis(WRITE_STALL_MS),
            reply: Duration::from_millis(REPLY_TIMEOUT_MS),
        };
        Self { calls, root: 0, owner: nix::unistd::geteuid().as_raw(), patience }
    }

    /// Serves, for ever. Must run inside a `LocalSet`; when the future is dropped its connections end.
    pub async fn serve(self, listener: UnixListener) -> Infallible {
        let places = Rc::new(Places::default());
        let mut connections = JoinSet::new();
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("control socket: cannot accept a connection: {error}; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Who has gone leaves only its result: as many as there were connections, at most.
            while connections.try_join_next().is_some() {}
            let Ok(credentials) = stream.peer_cred() else {
                continue;
            };
            let peer = Peer { uid: credentials.uid(), pid: credentials.pid() };
            let Some(place) = places.take(Party::of(peer.uid, self.root, self.owner)) else {
                turn_away(&stream);
                continue;
            };
            let number = place.number();
            let connection = Connection { server: self.clone(), peer, place };
            let task = connections.spawn_local(connection.run(stream));
            places.occupy(number, task);
        }
    }
}

impl Connection {
    /// Until the client goes, or is cut off.
    async fn run(self, stream: UnixStream) {
        let patience = self.server.patience;
        let stream = TokioIo::new(Stalling::new(stream, patience.write));
        let connection = Rc::new(self);
        let service = service_fn(|request| {
            let connection = connection.clone();
            async move { Ok::<_, Infallible>(connection.handle(request).await) }
        });
        let ended = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.request)
            .max_buf_size(REQUEST_HEAD_BYTES_MAX)
            .serve_connection(stream, service)
            .await;
        if let Err(error) = ended {
            tracing::debug!("control connection of user {} ended: {error}", connection.peer.uid);
        }
    }

    /// One request, one answer.
    async fn handle(&self, request: hyper::Request<Incoming>) -> Response<AnswerBody> {
        let busy = self.place.begin();
        let path = request.uri().path().to_owned();
        let mut response = match self.read(request).await {
            Ok(Asked::Version) => json(StatusCode::OK, &Version::current(), busy),
            // That we answer is the answer.
            Ok(Asked::Health(check)) => health_response(&Health::alive(), check, busy),
            Ok(Asked::Manager(request)) => match self.ask(request).await {
                Ok(reply) => reply_response(reply, busy),
                Err(status) => status_response(&status, busy),
            },
            Err(status) => status_response(&status, busy),
        };
        let code = response.status();
        let headers = response.headers_mut();
        if code == StatusCode::METHOD_NOT_ALLOWED
            && let Ok(methods) = HeaderValue::from_str(&route::allowed(&path).join(", "))
        {
            headers.insert(ALLOW, methods);
        }
        // The rest of a request that was not read to its end must not be taken for the next one.
        if matches!(code, StatusCode::FORBIDDEN | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT)
        {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Checks the right to ask, takes the body in, and looks up what is asked.
    async fn read(&self, request: hyper::Request<Incoming>) -> Result<Asked, Status> {
        if self.place.party() == Party::Stranger {
            let (uid, owner) = (self.peer.uid, self.server.owner);
            let message = match owner {
                0 => format!("user {uid} may not control this supd: only root may"),
                owner => format!("user {uid} may not control this supd: only user {owner} and root may"),
            };
            return Err(Status::failure(StatusReason::Forbidden, message));
        }
        let (head, body) = request.into_parts();
        let bytes_max = route::body_bytes_max(head.uri.path());
        let too_large = || {
            let message = format!("the body of this request may have {bytes_max} bytes at most");
            Status::failure(StatusReason::RequestEntityTooLarge, message)
        };
        if body.size_hint().lower() > bytes_max as u64 {
            return Err(too_large());
        }
        let body =
            tokio::time::timeout(self.server.patience.request, Limited::new(body, bytes_max).collect());
        let body = match body.await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(error)) => {
                let message = format!("the body of the request cannot be read: {error}");
                return Err(Status::failure(StatusReason::BadRequest, message));
            }
            Err(_) => {
                let message = "the body of the request came too slowly";
                return Err(Status::failure(StatusReason::Timeout, message));
            }
        };
        route::route(&head.method, head.uri.path(), head.uri.query(), &body)
    }

    /// Asks the manager.
    async fn ask(&self, request: Request) -> Answer {
        let is_stream = matches!(request, Request::Watch { .. } | Request::Exec(_));
        if is_stream && !self.place.begin_stream() {
            let message = "too many watches and commands are open; try again when some have ended";
            return Err(Status::failure(StatusReason::TooManyRequests, message));
        }
        let unavailable = |message: &str| Status::failure(StatusReason::ServiceUnavailable, message);
        let (answer, answered) = oneshot::channel();
        let call = Call { request, peer: self.peer, answer };
        let exchange = async {
            self.server.calls.send(call).await.map_err(|_| unavailable("supd is ending"))?;
            answered.await.unwrap_or_else(|_| Err(unavailable("supd has dropped the request; try again")))
        };
        tokio::time::timeout(self.server.patience.reply, exchange).await.unwrap_or_else(|_| {
            Err(unavailable("supd has not answered in time; the request may still be done"))
        })
    }
}

fn reply_response(reply: Reply, busy: Busy) -> Response<AnswerBody> {
    match reply {
        Reply::Object(object) => json(StatusCode::OK, &object, busy),
        Reply::Created(object) => json(StatusCode::CREATED, &object, busy),
        Reply::List { collection, version, items } => {
            let list = ListText::new(collection, version, items);
            respond(StatusCode::OK, JSON, Content::List(list), busy)
        }
        Reply::Status(status) => status_response(&status, busy),
        Reply::Health(health, check) => health_response(&health, check, busy),
        Reply::Watch(watch) => respond(StatusCode::OK, JSON, Content::Watch(watch), busy),
        Reply::Stream(stream) => respond(StatusCode::OK, FRAMES, Content::Stream(stream), busy),
    }
}

fn health_response(health: &Health, check: Check, busy: Busy) -> Response<AnswerBody> {
    let (code, text) = health.answer(check);
    respond(code, "text/plain", Content::Whole(text.into()), busy)
}

fn status_response(status: &Status, busy: Busy) -> Response<AnswerBody> {
    json(StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), status, busy)
}

fn json(code: StatusCode, value: &impl Serialize, busy: Busy) -> Response<AnswerBody> {
    respond(code, JSON, Content::json(value), busy)
}

fn respond(code: StatusCode, kind: &'static str, content: Content, busy: Busy) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::new(content, busy));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// All places are taken, by busy connections. What the socket's buffer does not take, the client misses.
fn turn_away(stream: &UnixStream) {
    let message = "too many connections are open; try again when some have ended";
    let status = Status::failure(StatusReason::TooManyRequests, message);
    let body = serde_json::to_string(&status).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    if let Err(error) = stream.try_write(format!("{head}{body}").as_bytes()) {
        tracing::debug!("control socket: a connection too many went unanswered: {error}; ignoring");
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
