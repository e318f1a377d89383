//! supctl's end of the control API. Looks blocking: each call runs a small runtime of its own thread.
//!
//! One connection for each request: on a unix socket it costs microseconds, and leaves no question of
//! what an older answer left behind.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use super::objects::{
    DeleteOptions, Deployment, ExecRequest, HistoryEntry, Info, Job, JobRequest, List, LogLocation, Noun,
    Pod, Scale, ScaleRequest, Status, StatusReason,
};
use super::past::Past;
use super::route;
use super::stream::{Exec, Watch};
use crate::limits::{ANSWER_BYTES_MAX, SOCKET_PATH_BYTES_MAX};
use crate::unit::name::UnitName;

/// A connection that was made ahead of its request may be this old. The server waits longer.
const AHEAD_MAX: Duration = Duration::from_secs(3);

/// A way to ask supd.
pub struct Client {
    runtime: Runtime,
    socket: PathBuf,
    /// Made by `connect`, for the first request.
    ahead: RefCell<Option<(Instant, std::os::unix::net::UnixStream)>>,
    deadline: Option<Instant>,
}

/// Which objects of a kind are meant; without anything: all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'s> {
    /// Only those with some labels: `app=web,tier!=test`.
    pub labels: Option<&'s str>,
    /// Only those that say this of themselves: `status.phase=Running`.
    pub fields: Option<&'s str>,
}

/// Why there is no good answer.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens there: exit code 69.
    Unreachable {
        /// Which socket was tried.
        socket: PathBuf,
        /// Why it failed.
        cause: io::Error,
    },
    /// supd refused, and says why; or it was not asked, since it would.
    Refused(Box<Status>),
    /// The deadline passed: exit code 124.
    TimedOut,
    /// The connection ended before the answer did: supd was ended, or started anew.
    Lost(String),
    /// The answer cannot be understood: another program, or another version, answers.
    Garbled(String),
}

/// How often a question is asked whose answer is lost. A wish is told once.
const QUESTION_TRIES: u32 = 3;

impl Client {
    /// Finds out whether supd listens at `socket`.
    pub fn connect(socket: &Path) -> Result<Self, ClientError> {
        let unreachable = |cause| ClientError::Unreachable { socket: socket.to_owned(), cause };
        let length = socket.as_os_str().len();
        if length > SOCKET_PATH_BYTES_MAX {
            let message = format!("the path has {length} bytes; {SOCKET_PATH_BYTES_MAX} are the most");
            return Err(unreachable(io::Error::other(message)));
        }
        let stream = std::os::unix::net::UnixStream::connect(socket).map_err(unreachable)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unreachable)?;
        Ok(Self {
            runtime,
            socket: socket.to_owned(),
            ahead: RefCell::new(Some((Instant::now(), stream))),
            deadline: None,
        })
    }

    /// Everything that is asked from now on ends at `deadline`, with [`ClientError::TimedOut`].
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// One object.
    pub fn get<T: Noun + DeserializeOwned>(&self, name: &str) -> Result<T, ClientError> {
        self.fetch(&object_path::<T>(name))
    }

    /// All objects of a kind, or those that are selected.
    pub fn list<T: Noun + DeserializeOwned>(&self, selection: Selection<'_>) -> Result<List<T>, ClientError> {
        self.fetch(&list_path::<T>(selection, false))
    }

    /// A part of the history, oldest first.
    pub fn history(&self, past: &Past) -> Result<List<HistoryEntry>, ClientError> {
        self.fetch(&with_parameters(HistoryEntry::PATH, &past.parameters()))
    }

    /// The same, and then each entry as it comes.
    pub fn watch_history(&self, past: &Past) -> Result<Watch<'_, HistoryEntry>, ClientError> {
        let mut parameters = past.parameters();
        parameters.push("watch=true".to_owned());
        let path = with_parameters(HistoryEntry::PATH, &parameters);
        let response = self.open(Method::GET, &path, Bytes::new())?;
        Ok(Watch::new(self, response.into_body()))
    }

    /// The daemon itself.
    pub fn info(&self) -> Result<Info, ClientError> {
        self.fetch("/apis/supd/v1/info")
    }

    /// The daemon itself, once the logs of all runs that have ended are complete.
    pub fn logs(&self) -> Result<Info, ClientError> {
        self.fetch("/apis/supd/v1/logs")
    }

    /// Where a pod's logs are.
    pub fn log(&self, pod: &str) -> Result<LogLocation, ClientError> {
        self.fetch(&format!("{}/log", object_path::<Pod>(pod)))
    }

    /// `POST PATH/NAME/VERB` to a unit or a pod.
    pub fn verb<T: Noun>(
        &self,
        name: &str,
        verb: &str,
        options: &impl Serialize,
    ) -> Result<Status, ClientError> {
        self.post(&format!("{}/{}", object_path::<T>(name), escape(verb)), options)
    }

    /// A service is to have so many pods.
    pub fn scale(&self, service: &str, replicas: u32) -> Result<Scale, ClientError> {
        let path = format!("{}/scale", object_path::<Deployment>(service));
        self.patch(&path, &ScaleRequest::new(replicas))
    }

    /// A job from a cronjob's template, now.
    pub fn create_job(&self, name: &str, cronjob: &UnitName) -> Result<Job, ClientError> {
        self.post(Job::PATH, &JobRequest::from_cronjob(name, cronjob))
    }

    /// An object is to go.
    pub fn delete<T: Noun>(&self, name: &str) -> Result<Status, ClientError> {
        self.exchange(Method::DELETE, &object_path::<T>(name), Bytes::new())
    }

    /// The same, with options.
    pub fn delete_with<T: Noun>(&self, name: &str, options: &DeleteOptions) -> Result<Status, ClientError> {
        self.exchange(Method::DELETE, &object_path::<T>(name), to_json(options)?)
    }

    /// Whatever this path answers to a GET.
    pub fn fetch<R: DeserializeOwned>(&self, path: &str) -> Result<R, ClientError> {
        self.exchange(Method::GET, path, Bytes::new())
    }

    /// Whatever this path answers to a GET, as it is; a refusal that is no [`Status`] has its text for a message.
    pub fn raw(&self, path: &str) -> Result<Bytes, ClientError> {
        self.wait(async {
            let response = self.send(Method::GET, path, Bytes::new()).await?;
            let code = response.status();
            let bytes = collect(response.into_body()).await?;
            if code.is_success() {
                return Ok(bytes);
            }
            let status = serde_json::from_slice(&bytes).unwrap_or_else(|_| {
                let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                Status::failure(StatusReason::InternalError, text)
            });
            Err(ClientError::Refused(Box::new(status)))
        })
    }

    /// Whatever this path answers to a POST.
    pub fn post<R: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<R, ClientError> {
        self.exchange(Method::POST, path, to_json(body)?)
    }

    /// Whatever this path answers to a PATCH.
    pub fn patch<R: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<R, ClientError> {
        self.exchange(Method::PATCH, path, to_json(body)?)
    }

    /// Objects of a kind, or those that are selected, as they change; first as they are now.
    pub fn watch<T: Noun + DeserializeOwned>(
        &self,
        selection: Selection<'_>,
    ) -> Result<Watch<'_, T>, ClientError> {
        let path = list_path::<T>(selection, true);
        let response = self.open(Method::GET, &path, Bytes::new())?;
        Ok(Watch::new(self, response.into_body()))
    }

    /// Runs a command in a pod's context.
    pub fn exec(&self, request: &ExecRequest) -> Result<Exec<'_>, ClientError> {
        let response = self.open(Method::POST, "/apis/supd/v1/exec", to_json(request)?)?;
        Ok(Exec::new(self, response.into_body()))
    }

    /// A request whose answer is read as a whole.
    fn exchange<R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<R, ClientError> {
        let mut tries = if method == Method::GET { QUESTION_TRIES } else { 1 };
        let bytes = loop {
            let answer = self.open(method.clone(), path, body.clone());
            tries -= 1;
            match answer.and_then(|response| self.wait(collect(response.into_body()))) {
                // supd's manager was started anew: the next one answers.
                Err(ClientError::Lost(_)) if tries > 0 => {}
                answer => break answer?,
            }
        };
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Garbled(error.to_string()))
    }

    /// A request whose answer has begun, and is no refusal.
    fn open(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        self.wait(async {
            let response = self.send(method, path, body).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            let code = response.status();
            let bytes = collect(response.into_body()).await?;
            Err(match serde_json::from_slice::<Status>(&bytes) {
                Ok(status) => ClientError::Refused(Box::new(status)),
                Err(_) => ClientError::Garbled(format!("HTTP {code} without a reason")),
            })
        })
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        let bytes_max = route::body_bytes_max(path);
        if body.len() > bytes_max {
            let message = format!("the request has {} bytes; {bytes_max} are the most", body.len());
            return Err(unasked(StatusReason::RequestEntityTooLarge, message));
        }
        let unreachable = |cause| ClientError::Unreachable { socket: self.socket.clone(), cause };
        let stream = self.stream().map_err(unreachable)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
        // It runs while one of our calls waits, and ends with its request.
        tokio::spawn(connection);
        let mut request = hyper::Request::builder().method(method).uri(path).header(HOST, "localhost");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| unasked(StatusReason::BadRequest, error.to_string()))?;
        sender.send_request(request).await.map_err(|error| lost(&error))
    }

    /// The connection that `connect` made, or a new one.
    fn stream(&self) -> io::Result<UnixStream> {
        let stream = match self.ahead.take() {
            Some((made, stream)) if made.elapsed() < AHEAD_MAX => stream,
            // Blocking on purpose: where many knock at once, connecting without blocking fails (EAGAIN).
            _ => std::os::unix::net::UnixStream::connect(&self.socket)?,
        };
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    }

    /// Waits for the end of `work`, until the deadline.
    pub(super) fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        self.runtime.block_on(async {
            match self.deadline {
                None => work.await,
                Some(deadline) => {
                    tokio::time::timeout_at(deadline.into(), work).await.unwrap_or(Err(ClientError::TimedOut))
                }
            }
        })
    }
}

async fn collect(body: Incoming) -> Result<Bytes, ClientError> {
    let collected = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| ClientError::Lost(error.to_string()))
}

fn to_json(body: &impl Serialize) -> Result<Bytes, ClientError> {
    let bytes = serde_json::to_vec(body).map(Bytes::from);
    bytes.map_err(|error| unasked(StatusReason::BadRequest, format!("this cannot be asked: {error}")))
}

/// What would be refused is not sent: of a request that the server does not read to its end, the answer
/// may be lost.
fn unasked(reason: StatusReason, message: String) -> ClientError {
    ClientError::Refused(Box::new(Status::failure(reason, message)))
}

pub(super) fn lost(error: &dyn fmt::Display) -> ClientError {
    ClientError::Lost(error.to_string())
}

fn object_path<T: Noun>(name: &str) -> String {
    format!("{}/{}", T::PATH, escape(name))
}

fn list_path<T: Noun>(selection: Selection<'_>, watched: bool) -> String {
    let mut parameters = Vec::new();
    parameters.extend(selection.labels.map(|labels| format!("labelSelector={}", escape(labels))));
    parameters.extend(selection.fields.map(|fields| format!("fieldSelector={}", escape(fields))));
    parameters.extend(watched.then(|| "watch=true".to_owned()));
    with_parameters(T::PATH, &parameters)
}

fn with_parameters(path: &str, parameters: &[String]) -> String {
    if parameters.is_empty() { path.to_owned() } else { format!("{path}?{}", parameters.join("&")) }
}

/// For a step of a path or a value of a query: all but letters, digits, `-`, `.`, `_` as `%XX`.
pub(super) fn escape(text: &str) -> String {
    use fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

impl ClientError {
    /// What supd said, if it refused.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused(status) => Some(status),
            Self::Unreachable { .. } | Self::TimedOut | Self::Lost(_) | Self::Garbled(_) => None,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { socket, cause } => {
                let socket = socket.display();
                match cause.kind() {
                    io::ErrorKind::NotFound => write!(f, "supd is not running: no socket at `{socket}`"),
                    io::ErrorKind::ConnectionRefused => {
                        write!(f, "supd is not running: nobody listens at `{socket}`")
                    }
                    io::ErrorKind::PermissionDenied => {
                        write!(f, "no permission for `{socket}`: only root and supd's own user may ask")
                    }
                    _ => write!(f, "cannot reach supd at `{socket}`: {cause}"),
                }
            }
            Self::Refused(status) => f.write_str(&status.message),
            Self::TimedOut => f.write_str("the time is up"),
            Self::Lost(cause) => write!(f, "the connection to supd was lost: {cause}"),
            Self::Garbled(cause) => write!(f, "supd's answer cannot be understood: {cause}"),
        }
    }
}

impl std::error::Error for ClientError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::objects::Unit;

    #[test]
    fn paths() {
        assert_eq!(object_path::<Unit>("worker@eu"), "/apis/supd/v1/units/worker%40eu");
        assert_eq!(object_path::<Unit>("../info"), "/apis/supd/v1/units/..%2Finfo");
        assert_eq!(list_path::<Unit>(Selection::default(), false), "/apis/supd/v1/units");
        assert_eq!(
            list_path::<Unit>(
                Selection { labels: Some("app=web,!x"), fields: Some("metadata.name=web") },
                true
            ),
            "/apis/supd/v1/units?labelSelector=app%3Dweb%2C%21x&fieldSelector=metadata.name%3Dweb&watch=true"
        );
    }

    #[test]
    fn what_is_too_long_is_not_sent() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("control.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let client = Client::connect(&socket).unwrap();
        let error = client.post::<Status>("/apis/supd/v1/run", &"x".repeat(65_536)).unwrap_err();
        assert_eq!(error.to_string(), "the request has 65538 bytes; 65536 are the most");
    }

    #[test]
    fn an_absent_socket_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("control.sock");
        let error = Client::connect(&socket).err().unwrap().to_string();
        assert_eq!(error, format!("supd is not running: no socket at `{}`", socket.display()));

        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let error = Client::connect(&socket).err().unwrap().to_string();
        assert_eq!(error, format!("supd is not running: nobody listens at `{}`", socket.display()));

        let long = PathBuf::from("/".to_owned() + &"x".repeat(107));
        let error = Client::connect(&long).err().unwrap().to_string();
        assert!(error.ends_with("the path has 108 bytes; 107 are the most"), "{error}");
    }
}
